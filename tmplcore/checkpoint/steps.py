"""The steps in a directory, as they are on the disk at the moment of asking.

A step is a file `step-000000100.h5`: a prefix, the number, the ending of its format. What it is, it says itself; no
index is kept that could disagree with it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from tmplcore.checkpoint.commit import leftovers
from tmplcore.checkpoint.files import open_checkpoint
from tmplcore.checkpoint.reports import CheckpointInfo
from tmplcore.errors import CheckpointNotFoundError, InvalidArgumentError, LaterVersionError, UnreadableError

__all__ = ["Found", "StepNames", "Steps"]

_PREFIX: Final = re.compile(r"\w[\w.-]*")


@final
@dataclass(frozen=True, slots=True)
class StepNames:
    """How the files of steps are called.

    Attributes:
        prefix: What their names begin with.
        suffix: The ending of new files.

    Example:
        >>> names = StepNames("step", ".h5")
        >>> names.name(100), names.step("step-000000100.h5"), names.step("step-000000100.npz"), names.step("notes.h5")
        ('step-000000100.h5', 100, 100, None)
    """

    prefix: str
    suffix: str

    def __post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise InvalidArgumentError(
                f"{self.prefix!r} cannot begin the names of files", hint="letters, digits, and . _ - after the first"
            )

    def name(self, step: int) -> str:
        """Return the name of a step's file."""
        return f"{self.prefix}-{step:09d}{self.suffix}"

    def step(self, name: str) -> int | None:
        """Return the step that a file is of; None if its name is no step's."""
        if not name.startswith(f"{self.prefix}-"):
            return None
        number, dot, ending = name[len(self.prefix) + 1 :].partition(".")
        if not (number.isascii() and number.isdecimal() and dot and ending.isalnum()) or len(number) > 19:
            return None
        return int(number) if number == f"{int(number):09d}" else None

    def is_part(self, name: str, step: int) -> bool:
        """Tell whether a file belongs to a step, without being the one that is opened.

        Example:
            >>> StepNames("step", ".h5").is_part("step-000000100.part-0003.h5", 100)
            True
        """
        return name.startswith(f"{self.prefix}-{step:09d}.") and self.step(name) is None


@final
@dataclass(frozen=True, slots=True)
class Found:
    """A checkpoint that was looked at.

    Attributes:
        info: What it is, without tags and reasons.
        files: All files that it consists of, those of other steps among them.
        later: Whether a later version wrote it, so that its files are not known.
    """

    info: CheckpointInfo
    files: tuple[Path, ...] = ()
    later: bool = False


@final
class Steps:
    """The steps in a directory.

    What a file says is remembered for as long as the file is the same (its inode, size and times); nothing is
    remembered across processes.

    Args:
        directory: The directory.
        names: How files are called.
    """

    def __init__(self, directory: Path, names: StepNames) -> None:
        self.directory = directory
        self.names = names
        self._known: dict[str, tuple[tuple[int, ...], Found]] = {}

    def paths(self) -> dict[int, Path]:
        """Return the files of all steps, by rising step; of two files of one step the one with our ending."""
        found: dict[int, Path] = {}
        try:
            with os.scandir(self.directory) as entries:
                names = [entry.name for entry in entries if not entry.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return {}
        for name in names:
            step = self.names.step(name)
            if step is not None and (step not in found or name.endswith(self.names.suffix)):
                found[step] = self.directory / name
        return dict(sorted(found.items()))

    def look(self, step: int, path: Path) -> Found | None:
        """Open a step's file and return what it is; None if it is gone."""
        try:
            status = path.lstat()
        except FileNotFoundError:
            return None
        identity = (status.st_ino, status.st_dev, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._known.get(path.name)
        if known is not None and known[0] == identity and all(file.exists() for file in known[1].files if file != path):
            return known[1]
        found = self._read(step, path, status)
        if found is not None:
            self._known[path.name] = (identity, found)
        return found

    def all(self) -> list[Found]:
        """Look at all steps, by rising step."""
        paths = self.paths()
        for name in self._known.keys() - {path.name for path in paths.values()}:
            del self._known[name]
        return [found for step, path in paths.items() if (found := self.look(step, path)) is not None]

    def newest_first(self) -> Iterator[Found]:
        """Look at one step after the other, the newest first."""
        for step, path in reversed(self.paths().items()):
            if (found := self.look(step, path)) is not None:
                yield found

    def temporary(self) -> list[CheckpointInfo]:
        """Return what is being written, or was when its writer died."""
        infos = []
        for leftover in leftovers(self.directory):
            step = self.names.step(leftover.name)
            if leftover.kind != "tmp" or step is None:
                continue
            try:
                status = leftover.path.lstat()
            except FileNotFoundError:
                continue
            problem = (
                f"left by process {leftover.owner.pid}, which is dead"
                if leftover.abandoned()
                else f"being written by process {leftover.owner.pid}"
            )
            infos.append(
                CheckpointInfo(
                    step, leftover.path, status.st_mtime, 0, status.st_size, state="temporary", problem=problem
                )
            )
        return sorted(infos, key=lambda info: (info.step, info.path))

    def _read(self, step: int, path: Path, status: os.stat_result) -> Found | None:
        size, time = status.st_size, status.st_mtime
        if stat.S_ISLNK(status.st_mode) or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            problem = "not a file of its own (a link, or something special)"
            return Found(CheckpointInfo(step, path, time, 0, size, state="foreign", problem=problem))
        try:
            with open_checkpoint(path) as reader:
                meta = reader.meta
                info = CheckpointInfo(
                    step=step,
                    path=path,
                    time=meta.time if meta.time is not None else time,
                    variables=len(reader),
                    nbytes=size,
                    metrics=dict(meta.metrics),
                    format=reader.format,
                    state="ok" if meta.step == step else "foreign",
                    problem="" if meta.step == step else f"the file says that it is step {meta.step}",
                )
                return Found(info, tuple(reader.files))
        except (UnreadableError, CheckpointNotFoundError, OSError) as error:  # not found: it, or a file it refers to
            if not os.path.lexists(path):  # deleted while it was looked at
                return None
            problem = str(error).removeprefix(f"{path}:").removeprefix(f"{path}").strip()  # shown beside the path
            later = isinstance(error, LaterVersionError)
            state = "foreign" if later else "damaged"
            return Found(CheckpointInfo(step, path, time, 0, size, state=state, problem=problem), later=later)
