"""Records what TensorFlow does with every program: `python -m tests.conformance.record [CHAPTER...]`."""

from __future__ import annotations

import sys
import traceback

from tests.conformance import suite
from tests.conformance.sides import TensorFlow


def main(chapters: list[str]) -> int:
    """Write the trace files of the chapters named, or of all; return how many programs did not run to their end."""
    side = TensorFlow()
    broken = 0
    for chapter in chapters or suite.chapters():
        traces = {}
        for name, program in suite.programs(chapter).items():
            try:
                traces[name] = program.run(side.tf, side.evaluate)
            except Exception as error:
                broken += 1
                step = traceback.extract_tb(error.__traceback__, limit=-20)
                lines = [frame.lineno for frame in step if "programs" in frame.filename]
                sys.stderr.write(f"{chapter}.{name}, line {lines}: {type(error).__name__}: {str(error)[:200]}\n")
        suite.write(chapter, traces)
        sys.stdout.write(f"{chapter}: {len(traces)} programs\n")
    return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
