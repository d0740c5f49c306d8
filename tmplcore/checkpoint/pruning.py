"""Deciding what to delete, and deleting it: what the rules do not keep, is ours, and nobody needs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tmplcore.checkpoint.commit import clean, discard, trash
from tmplcore.checkpoint.lock import DirectoryLock
from tmplcore.checkpoint.reports import CheckpointInfo, Pruned, PruneReport
from tmplcore.checkpoint.retention import KeepRule, kept_by
from tmplcore.checkpoint.steps import Found, StepNames, Steps
from tmplcore.checkpoint.tags import Tags
from tmplcore.errors import CheckpointNotFoundError, ProtectedError

__all__ = ["check_removable", "decide", "needed_by", "prune", "take_out", "with_tags"]


def prune(
    steps: Steps, tags: Tags, lock: DirectoryLock, rules: Sequence[KeepRule], just_saved: Collection[int] = ()
) -> PruneReport:
    """Delete what the rules do not keep; what crashed processes left behind, too.

    Args:
        steps: The checkpoints.
        tags: Their tags.
        lock: The lock of their directory.
        rules: The rules of retention.
        just_saved: As for `decide`.
    """
    aside: list[Path] = []
    with lock.held():
        gone = clean(steps.directory)
        everything = with_tags(steps.all(), tags.read())
        decisions = decide(everything, rules, just_saved)
        kept = [found for decision, found in zip(decisions, everything, strict=True) if decision.keep]
        for decision, found in zip(decisions, everything, strict=True):
            if decision.keep or steps.look(found.info.step, found.info.path) is None:
                continue
            lock.refresh()
            aside += take_out(steps.names, found, kept)
            for name in found.info.tags:
                with contextlib.suppress(CheckpointNotFoundError):
                    tags.remove(name)
    for path in aside:  # outside the lock: freeing large files takes time
        discard(path)
    return PruneReport(tuple(decisions), tuple(gone))


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
    """Return step → the other steps whose files refer to its file, or may: a later version's are not known."""
    owner = {one.info.path.name: one.info.step for one in found}
    needed: dict[int, set[int]] = {}
    for one in found:
        if one.later:
            for earlier in (step for step in owner.values() if step < one.info.step):
                needed.setdefault(earlier, set()).add(one.info.step)
        for file in one.files:
            step = owner.get(file.name)
            if step is not None and step != one.info.step:
                needed.setdefault(step, set()).add(one.info.step)
    return needed


def check_removable(info: CheckpointInfo, found: Sequence[Found], *, force: bool) -> None:
    """Refuse to delete a checkpoint that is needed, or is not ours.

    Args:
        info: The checkpoint.
        found: All checkpoints of the directory.
        force: Whether tags do not protect it.

    Raises:
        ProtectedError: It says by what.
    """
    if holders := needed_by(found).get(info.step):
        raise ProtectedError(
            f"step {info.step} holds values of the steps {sorted(holders)}, or may", hint="delete these first"
        )
    if info.state == "foreign":
        raise ProtectedError(
            f"{info.path} is not a checkpoint of this directory: {info.problem}", hint="delete the file itself"
        )
    if info.tags and not force:
        raise ProtectedError(
            f"step {info.step} is tagged {', '.join(info.tags)}",
            hint=f"untag it first (tmplctl untag {info.tags[0]}), or say force",
        )


def take_out(names: StepNames, gone: Found, kept: Sequence[Found]) -> list[Path]:
    """Take a checkpoint out of its place: first the file that is opened, then the parts that no kept one has, too.

    What a file says of its files is not believed further than the names in its own directory that are its own.

    Returns:
        What is to be discarded.
    """
    place, shared = gone.info.path, {file for one in kept for file in one.files}
    parts = [
        file
        for file in gone.files
        if file.parent == place.parent and names.is_part(file.name, gone.info.step) and file not in shared
    ]
    aside = []
    for path in (place, *parts):
        with contextlib.suppress(FileNotFoundError):
            aside.append(trash(path))
    return aside


def _kept(info: CheckpointInfo, reasons: tuple[str, ...]) -> CheckpointInfo:
    return replace(info, kept_by=reasons)
