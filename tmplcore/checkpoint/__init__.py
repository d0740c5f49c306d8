"""Checkpoints: saving, restoring, comparing and keeping them. Knows no file format; formats are plugins.

Example:
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from tmplcore import checkpoint
    >>> path = Path(tempfile.mkdtemp()) / "model.h5"
    >>> checkpoint.save(path, {"dense/kernel": np.eye(2), "dense/bias": np.zeros(2)}, step=100)
    >>> model = {"dense/kernel": np.empty((2, 2)), "dense/bias": np.empty(2)}
    >>> print(checkpoint.restore(path, model).ok, model["dense/kernel"][0])
    True [1. 0.]
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tmplcore.checkpoint.adapter import Adapter, Tree
    from tmplcore.checkpoint.compare import diff
    from tmplcore.checkpoint.conversion import convert
    from tmplcore.checkpoint.files import load, save
    from tmplcore.checkpoint.files import open_checkpoint as open  # noqa: A004  # checkpoint.open reads as it should
    from tmplcore.checkpoint.getter import Restoring, restoring
    from tmplcore.checkpoint.integrity import salvage, verify
    from tmplcore.checkpoint.manager import CheckpointManager
    from tmplcore.checkpoint.planning import plan
    from tmplcore.checkpoint.proposals import propose_renames
    from tmplcore.checkpoint.rename import Explanation, RenameRules
    from tmplcore.checkpoint.reports import (
        Change,
        CheckpointInfo,
        ConvertReport,
        DiffReport,
        Pruned,
        PruneReport,
        RenameProposal,
        Reshaped,
        RestoreEntry,
        RestoreReport,
        VariableInfo,
        VerifyReport,
    )
    from tmplcore.checkpoint.retention import KeepAny, KeepBest, KeepEvery, KeepLast, KeepRule, KeepTagged, KeepWithin
    from tmplcore.checkpoint.slots import Slot
    from tmplcore.checkpoint.transfer import restore

__all__ = [
    "Adapter",
    "Change",
    "CheckpointInfo",
    "CheckpointManager",
    "ConvertReport",
    "DiffReport",
    "Explanation",
    "KeepAny",
    "KeepBest",
    "KeepEvery",
    "KeepLast",
    "KeepRule",
    "KeepTagged",
    "KeepWithin",
    "PruneReport",
    "Pruned",
    "RenameProposal",
    "RenameRules",
    "Reshaped",
    "RestoreEntry",
    "RestoreReport",
    "Restoring",
    "Slot",
    "Tree",
    "VariableInfo",
    "VerifyReport",
    "convert",
    "diff",
    "load",
    "open",
    "plan",
    "propose_renames",
    "restore",
    "restoring",
    "salvage",
    "save",
    "verify",
]

# What is public is imported when it is first used: to show a file takes a fraction of all this.
_HOMES: Final = {
    "Adapter": "adapter",
    "Change": "reports",
    "CheckpointInfo": "reports",
    "CheckpointManager": "manager",
    "ConvertReport": "reports",
    "DiffReport": "reports",
    "Explanation": "rename",
    "KeepAny": "retention",
    "KeepBest": "retention",
    "KeepEvery": "retention",
    "KeepLast": "retention",
    "KeepRule": "retention",
    "KeepTagged": "retention",
    "KeepWithin": "retention",
    "PruneReport": "reports",
    "Pruned": "reports",
    "RenameProposal": "reports",
    "RenameRules": "rename",
    "Reshaped": "reports",
    "RestoreEntry": "reports",
    "RestoreReport": "reports",
    "Restoring": "getter",
    "Slot": "slots",
    "Tree": "adapter",
    "VariableInfo": "reports",
    "VerifyReport": "reports",
    "convert": "conversion",
    "diff": "compare",
    "load": "files",
    "open": "files",
    "plan": "planning",
    "propose_renames": "proposals",
    "restore": "transfer",
    "restoring": "getter",
    "salvage": "integrity",
    "save": "files",
    "verify": "integrity",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for; the next time it is simply there."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tmplcore.checkpoint' has no attribute {name!r}")
    module = importlib.import_module(f"tmplcore.checkpoint.{_HOMES[name]}")
    value = globals()[name] = getattr(module, "open_checkpoint" if name == "open" else name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
