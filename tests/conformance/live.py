"""Random programs against a live TensorFlow: `make conformance`, or `python -m tests.conformance.live`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.conformance.generator.compare import difference, on_ours, on_tensorflow
from tests.conformance.generator.strategy import programs
from tests.conformance.sides import Ours, TensorFlow

RECORDED = Path(__file__).parent / "generator" / "recorded.jsonl"
BATCH = 500  # programs per seed


class Different(AssertionError):
    """A program on which the two sides differ."""


def search(theirs: TensorFlow, ours: Ours, number: int, count: int) -> int:
    """Draw `count` programs from seed `number`; return how many were compared.

    Raises:
        Different: The smallest program found on which they differ.
    """
    compared = 0

    @seed(number)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def check(program: list[dict[str, Any]]) -> None:
        nonlocal compared
        expected = on_tensorflow(theirs.tf, program)
        if expected is None:
            return
        compared += 1
        if (found := difference(expected, on_ours(ours.tf, program))) is not None:
            raise Different(f"{found}\nseed {number}, the program:\n{json.dumps(program)}")

    check()
    return compared


def record(theirs: TensorFlow, number: int, count: int) -> None:
    """Write programs and what TensorFlow shows on them, for where there is no TensorFlow."""
    lines: list[str] = []

    @seed(number)
    @settings(
        max_examples=4 * count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(programs())
    def draw(program: list[dict[str, Any]]) -> None:
        if len(lines) < count and len(json.dumps(program)) > 600:
            trace = on_tensorflow(theirs.tf, program)
            if trace is not None and len(trace) > 12:
                for _, shown in trace:
                    if isinstance(shown, dict):
                        shown.pop("reads", None)  # it is for people who look at a difference
                lines.append(json.dumps({"seed": number, "program": program, "trace": trace}, separators=(",", ":")))

    draw()
    RECORDED.write_text("\n".join(lines) + "\n")
    sys.stdout.write(f"{len(lines)} programs recorded\n")


def main() -> int:
    """Run until as many programs agreed as were asked for, or one did not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=int, default=20_000, help="how many must agree in a row")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; each batch takes the next")
    parser.add_argument("--record", type=int, metavar="N", help="instead record N programs for the tests")
    arguments = parser.parse_args()
    theirs = TensorFlow()
    if arguments.record:
        record(theirs, arguments.seed, arguments.record)
        return 0
    ours, agreed, started, number = Ours(), 0, time.monotonic(), arguments.seed
    while agreed < arguments.programs:
        try:
            agreed += search(theirs, ours, number, min(BATCH, arguments.programs - agreed))
        except Different as different:
            sys.stdout.write(f"after {agreed} programs that agree:\n{different}\n")
            return 1
        number += 1
        if sys.stderr.isatty() or agreed % (10 * BATCH) < BATCH:
            sys.stderr.write(f"{agreed} programs agree, {time.monotonic() - started:.0f} s\n")
    sys.stdout.write(f"{agreed} programs in a row agree (seeds {arguments.seed} to {number - 1})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
