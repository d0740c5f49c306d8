"""Runs one program on both sides."""

from __future__ import annotations

import json
from typing import Any

from tests.conformance.describe import agrees
from tests.conformance.generator.machine import Event, Machine, Statement

ROUNDS = 8  # failed first calls that one program may have


def on_tensorflow(tf: Any, program: list[Statement]) -> list[Event] | None:
    """Return what TensorFlow shows, its stuck templates mended.

    In TensorFlow a failed first call leaves debris; with us it leaves nothing. So the program runs again without
    that call, as often as there are such calls. None if there are too many.
    """
    skips: dict[int, Any] = {}
    for _ in range(ROUNDS):
        machine = Machine(tf, dict(skips))
        events = machine.run(program)
        if not machine.failed:
            return plain(events)
        number = next(iter(machine.failed))  # the one that ended first: what came before it is right
        skips[number] = machine.failed[number]
    return None


def on_ours(tf: Any, program: list[Statement]) -> list[Event]:
    """Return what we show."""
    return plain(Machine(tf).run(program))


def plain(events: list[Event]) -> list[Event]:
    return json.loads(json.dumps(events))


def difference(theirs: list[Event], ours: list[Event]) -> str | None:
    """Describe the first difference; None if there is none."""
    for number, (their, our) in enumerate(zip(theirs, ours, strict=False)):
        if their[0] != our[0] or not agrees(their[1], our[1]):
            return f"event {number}\n  TensorFlow: {json.dumps(their)}\n  ours:       {json.dumps(our)}"
    if len(theirs) != len(ours):
        longer, side = (theirs, "TensorFlow") if len(theirs) > len(ours) else (ours, "ours")
        return f"only {side}: {json.dumps(longer[min(len(theirs), len(ours))])}"
    return None
