"""Deciding what to delete, and deleting it: what the rules do not keep, is ours, and nobody needs."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tmplcore.checkpoint.reports import CheckpointInfo, Pruned
from tmplcore.checkpoint.retention import KeepRule, kept_by
from tmplcore.checkpoint.steps import Found

__all__ = ["decide", "needed_by", "with_tags"]


def with_tags(found: Sequence[Found], tags: Mapping[str, int]) -> list[Found]:
    """Return checkpoints with the tags that point at them."""
    pointing: dict[int, list[str]] = {}
    for tag, step in sorted(tags.items()):
        pointing.setdefault(step, []).append(tag)
    return [
        replace(one, info=replace(one.info, tags=tuple(pointing[one.info.step]))) if one.info.step in pointing else one
        for one in found
    ]


def decide(found: Sequence[Found], rules: Sequence[KeepRule], just_saved: Collection[int] = ()) -> list[Pruned]:
    """Decide about every checkpoint.

    Args:
        found: The checkpoints, with their tags.
        rules: The rules of retention.
        just_saved: Steps that stay this time whatever the rules say: a save never deletes its own checkpoint.
    """
    reasons = kept_by(rules, [one.info for one in found], time.time())
    for one in found:
        step = one.info.step
        if step in just_saved and step not in reasons:
            reasons[step] = ("just saved",)
        if one.info.state == "damaged":  # perhaps the disk has a bad day; that is for a person to decide
            reasons[step] = ("damaged: tmplctl rm deletes it",)
        elif one.info.state != "ok":
            reasons[step] = (f"not ours: {one.info.problem}",)
    needed = needed_by(found)
    waiting = list(reasons)
    while waiting:  # what a kept one refers to stays, and what that one refers to
        holder = waiting.pop()
        for step, holders in needed.items():
            if holder in holders and step not in reasons:
                reasons[step] = (f"step {holder} refers to it",)
                waiting.append(step)
    return [
        Pruned(_kept(one.info, reasons[one.info.step]), True, reasons[one.info.step])
        if one.info.step in reasons
        else Pruned(one.info, False, ("no rule keeps it",))
        for one in found
    ]


def needed_by(found: Sequence[Found]) -> dict[int, set[int]]:
    """Return step → the other steps whose files refer to its file."""
    owner = {one.info.path.name: one.info.step for one in found}
    needed: dict[int, set[int]] = {}
    for one in found:
        for file in one.files:
            step = owner.get(file.name)
            if step is not None and step != one.info.step:
                needed.setdefault(step, set()).add(one.info.step)
    return needed


def _kept(info: CheckpointInfo, reasons: tuple[str, ...]) -> CheckpointInfo:
    return replace(info, kept_by=reasons)
