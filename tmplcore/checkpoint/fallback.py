"""Looking again: a checkpoint that was found may be pruned before it is opened, and the latest may be damaged."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from tmplcore import checkpoint
from tmplcore.checkpoint.reports import CheckpointInfo, RestoreReport
from tmplcore.checkpoint.steps import Steps
from tmplcore.checkpoint.warning import warn
from tmplcore.errors import CheckpointNotFoundError, DamagedError

__all__ = ["restore_latest", "use_found"]

T = TypeVar("T")

# How often something is looked up again that was pruned between being found and being opened.
_TRIES: Final = 5


def use_found(find: Callable[[], CheckpointInfo], use: Callable[[CheckpointInfo], T]) -> T:
    """Use a checkpoint; if it was pruned between being found and being opened, find again."""
    for _ in range(_TRIES):
        info = find()
        try:
            return use(info)
        except CheckpointNotFoundError:
            if os.path.lexists(info.path):
                raise
    return use(find())


def restore_latest(
    find: Callable[[], CheckpointInfo], steps: Steps, target: Any, how: Mapping[str, Any]
) -> tuple[RestoreReport, int]:
    """Restore the latest checkpoint, or the one before it where that turns out to be damaged.

    Args:
        find: Returns the latest checkpoint.
        steps: The checkpoints of the directory.
        target: What is restored into.
        how: The other arguments of `restore`.

    Returns:
        The report, and the step that it is of.

    Raises:
        DamagedError: All of them are damaged; the error is that of the latest.
    """
    bad: dict[int, DamagedError] = {}

    def candidate() -> CheckpointInfo:
        if not bad:
            return find()
        for found in steps.newest_first():
            if found.info.state == "ok" and found.info.step not in bad:
                return found.info
        raise next(iter(bad.values()))

    lost = 0
    while True:
        info = candidate()
        try:
            return checkpoint.restore(info.path, target, **how), info.step
        except CheckpointNotFoundError:
            lost += 1
            if lost > _TRIES or os.path.lexists(info.path):
                raise
        except DamagedError as error:
            bad[info.step] = error
            warn(f"step {info.step} is damaged, so an earlier one is restored: {error}")
