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
