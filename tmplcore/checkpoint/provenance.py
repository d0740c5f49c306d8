"""Where a checkpoint came from: gathered once per process as far as possible, so that a save pays next to nothing."""

from __future__ import annotations

import functools
import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

__all__ = ["now", "provenance"]

# Distributions whose version matters to a checkpoint, if the process has imported them.
_WATCHED = ("h5py", "jax", "keras", "ml_dtypes", "numpy", "safetensors", "tensorflow", "tmplcore", "torch")

_GIT_SECONDS = 1.0


def provenance() -> dict[str, Any]:
    """Return what is known about this process, as JSON values.

    The keys: `argv`; `git`, a dict of `commit` and `dirty`, of the repository of the main script (absent if there is
    none, or no answer came within a second); `host`; `pid`; `versions`, of Python and of imported libraries.

    Example:
        >>> sorted(provenance().keys() - {"git"})
        ['argv', 'host', 'pid', 'versions']
    """
    found: dict[str, Any] = {
        "argv": list(sys.argv),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "versions": {"python": platform.python_version(), **_versions()},
    }
    if (git := _git(_code_directory())) is not None:
        found["git"] = dict(git)
    return found


def now() -> float:
    """Return the time to record, in seconds since the epoch.

    `SOURCE_DATE_EPOCH` replaces the clock, for files that are to come out the same each time
    (https://reproducible-builds.org/specs/source-date-epoch/).
    """
    fixed = os.environ.get("SOURCE_DATE_EPOCH", "")
    return float(fixed) if fixed.isdigit() else time.time()


def _versions() -> dict[str, str]:
    versions = {name: getattr(sys.modules.get(name), "__version__", None) for name in _WATCHED}
    return {name: str(version) for name, version in versions.items() if version is not None}


def _code_directory() -> str:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    return str(Path(main).resolve().parent) if main and Path(main).exists() else str(Path.cwd())


@functools.cache
def _git(directory: str) -> dict[str, Any] | None:
    """Ask git for commit and dirtiness at once, and once per process."""
    command = ["git", "-C", directory, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        answer = subprocess.run(  # noqa: S603  # a fixed command; the directory is an argument, not a shell's text
            command,
            capture_output=True,
            timeout=_GIT_SECONDS,
            text=True,
            check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):  # no git, no repository, no answer in time
        return None
    commit, dash, _ = answer.partition("-")
    return {"commit": commit, "dirty": bool(dash)}
