"""Putting a file in its place so that a crash at any moment leaves the old state or the new one, never a mix.

A file is written under a temporary name beside its place, flushed to the disk, and linked into place; then the
directory is flushed. The temporary name holds the process that writes it, so a later run knows what a crash left
and takes it away once that process is dead. `docs/explanation/durability.md` has the reasoning.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tmplcore.checkpoint.process import Process
from tmplcore.errors import ExistsError, SaveError, TmplError

__all__ = [
    "Leftover",
    "clean",
    "committed",
    "discard",
    "leftovers",
    "link",
    "put",
    "replace_text",
    "temporary_name",
    "trash",
]

# A writer somewhere else cannot be asked whether it lives, but while it does, its file keeps changing.
ABANDONED_SECONDS = 3600.0

_NAME = re.compile(r"\.(tmp|trash)-([0-9a-f]{12}-\d+-\d+)-[0-9a-f]{8}-(.*)", re.DOTALL)
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EXDEV}


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file on its way in (`tmp`) or out (`trash`), whose process may be dead.

    Attributes:
        path: Where it is.
        kind: `tmp` or `trash`.
        name: The name that it was to have, or had.
        owner: The process that made it.
    """

    path: Path
    kind: str
    name: str
    owner: Process

    def abandoned(self) -> bool:
        """Tell whether nobody works on it any more."""
        alive = self.owner.alive()
        if alive is not None:
            return not alive
        try:
            return time.time() - self.path.lstat().st_mtime > ABANDONED_SECONDS
        except OSError:  # gone: its owner has finished
            return False


@contextlib.contextmanager
def committed(
    path: Path, *, overwrite: bool = False, durable: bool = True, ready: Callable[[], object] | None = None
) -> Iterator[Path]:
    """Give a temporary path to write a file (or a directory) at; on leaving, put it at `path` whole.

    If the block fails, nothing remains. The temporary name ends as `path` does.

    Args:
        path: Where it is to be.
        overwrite: Replace what is there, in one step; whoever has it open keeps reading the old one.
        durable: Flush the data and the directory to the disk before returning.
        ready: Called when the file is whole, before it gets its name.

    Raises:
        ExistsError: There is something at `path` already.
        SaveError: The operating system refused: a full disk, no permission, an input/output error.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "notes.txt"
        >>> with committed(place) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> place.read_text(), [entry.name for entry in place.parent.iterdir()]
        ('whole', ['notes.txt'])
    """
    if not overwrite and os.path.lexists(path):
        raise exists(path)
    temporary = temporary_name(path)
    try:
        _make_directory(path.parent, durable)
        clean(path.parent)
        yield temporary
        if durable:
            _flush(temporary)
        if ready is not None:
            ready()
        if overwrite:
            temporary.replace(path)
        else:
            put(temporary, path)
        if durable:
            _flush_directory(path.parent)
    except BaseException as error:
        discard(temporary)
        if isinstance(error, OSError):
            raise _refused(path, error) from error
        if isinstance(error, TmplError):  # nobody knows the temporary name, and it is gone
            error.args = tuple(str(text).replace(str(temporary), str(path)) for text in error.args)
            if isinstance(error.__cause__, OSError):
                error.hint = _refused(path, error.__cause__).hint or error.hint
        raise


def replace_text(path: Path, text: str) -> None:
    """Write a small text file, replacing in one step what is there.

    Raises:
        SaveError: The operating system refused.
    """
    with committed(path, overwrite=True) as temporary:
        temporary.write_text(text, encoding="utf-8")


def leftovers(directory: Path) -> list[Leftover]:
    """List what is on its way in or out of a directory, whether or not its process lives."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(directory) as entries:
        for entry in entries:
            if not entry.name.startswith((".tmp-", ".trash-")):
                continue
            if (parts := _NAME.fullmatch(entry.name)) and (owner := Process.parse(parts[2])):
                found.append(Leftover(Path(entry.path), parts[1], parts[3], owner))
    return found


def clean(directory: Path) -> list[Path]:
    """Delete what dead processes left behind in a directory; return what was deleted.

    Only names that `committed` and `trash` make are touched, and only when their process is dead (or, where that
    cannot be told, when they have not changed for an hour).
    """
    gone = [leftover.path for leftover in leftovers(directory) if leftover.abandoned()]
    for path in gone:
        discard(path)
    return gone


def trash(path: Path) -> Path:
    """Take a file out of its place in one step; `discard` what is returned, whenever there is time.

    Raises:
        FileNotFoundError: It is gone already.
    """
    aside = temporary_name(path, "trash")
    path.rename(aside)
    return aside


def discard(path: Path) -> None:
    """Delete a file or a directory, whether or not it is there; a link is never followed."""
    with contextlib.suppress(OSError):
        path.unlink()
        return
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)


def exists(path: Path) -> ExistsError:
    """Return the error to raise when a new file's place is taken."""
    return ExistsError(f"{str(path)!r} exists already", hint="choose another name, or say overwrite=True")


def temporary_name(path: Path, kind: str = "tmp") -> Path:
    """Return a new name beside a path that says who made it, so that `clean` knows when nobody needs it."""
    prefix = f".{kind}-{Process.current().token}-{secrets.token_hex(4)}-"
    name = path.name
    while len(os.fsencode(prefix + name)) > 255:  # the end matters: it tells the format
        name = name[1:]
    return path.with_name(prefix + name)


def link(source: Path, path: Path) -> None:
    """Make a hard link; raises as `os.link`.

    A network file system that loses an answer asks again, and is told that the link which it has just made exists.
    """
    try:
        os.link(source, path)
    except FileExistsError:
        if not source.samefile(path):
            raise


def _make_directory(path: Path, durable: bool) -> None:
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    path.mkdir(parents=True, exist_ok=True)
    if durable:
        for directory in missing:
            _flush_directory(directory.parent)


def put(temporary: Path, path: Path) -> None:
    """Move a file or a directory to its place, unlike a rename never onto something that is there.

    Raises:
        ExistsError: There is something.
    """
    if not temporary.is_dir():
        try:
            link(temporary, path)  # unlike a rename it never replaces what somebody else has put there meanwhile
        except FileExistsError:
            raise exists(path) from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            temporary.unlink()
            return
    if os.path.lexists(path):
        raise exists(path)
    temporary.rename(path)


def _flush(path: Path) -> None:
    if path.is_dir():
        for child in path.iterdir():
            _flush(child)
        _flush_directory(path)
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_directory(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (AttributeError, PermissionError):  # a system that does not open directories flushes renames itself
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # a file system that cannot flush a directory
            raise
    finally:
        os.close(descriptor)


def _refused(path: Path, error: OSError) -> SaveError:
    reason = error.strerror or str(error)
    hint = ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        free = ""
        with contextlib.suppress(OSError):
            free = f"; {shutil.disk_usage(path.parent).free / 1e6:.0f} MB are free"
        hint = f"make room on that disk, or save elsewhere{free}"
    elif error.errno == errno.EFBIG:
        hint = "a limit on the size of files is in force (ulimit -f), or the file system cannot hold files as large"
    elif error.errno in {errno.EACCES, errno.EPERM, errno.EROFS}:
        hint = "choose a directory that may be written to"
    elif error.errno in {errno.ENOTDIR, errno.EEXIST} and not path.parent.is_dir():
        hint = f"{str(path.parent)!r} is no directory"
    elif error.errno == errno.EIO:
        hint = "the disk or its connection is failing; look at the system's log"
    return SaveError(f"{str(path)!r} could not be written: {reason}", hint=hint)
