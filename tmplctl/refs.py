"""Which checkpoint a word on the command line means.

A path (anything with a separator, or that exists) in any known format; else `latest`, `best`, `latest~2`, a step
number, or a tag of the configured checkpoint directory.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tmplcore.errors import CheckpointNotFoundError, ExistsError, UnreadableError
from tmplctl.errors import UsageError
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointInfo
    from tmplcore.checkpoint.format import Reader

__all__ = ["check_destination", "find_step", "is_path", "open_checkpoint", "resolve"]


def is_path(session: Session, text: str) -> bool:
    """Tell whether a reference is a path: it has a separator, or something is there, if only as a prefix of files."""
    if os.sep in text or (os.altsep and os.altsep in text) or text in ("", ".", ".."):
        return True
    if os.path.lexists(text):
        return True
    if any(text.endswith(plugin.suffixes) for plugin in session.registry.formats()):
        return True  # a file that is not there, rather than a tag that is not
    from tmplcore.checkpoint.references import Reference

    if Reference.parse(text).tag != text:  # `latest`, `best~1`, a step: never a path, whatever files there are
        return False
    return _some_format_reads(session, Path(text))  # a prefix of files, such as TensorFlow's `model.ckpt`


def resolve(session: Session, text: str) -> Path:
    """Return the path of the checkpoint that a reference means.

    Raises:
        CheckpointNotFoundError: There is none; the hint has the nearest there is.
        UnreadableError: It is a directory.
    """
    if not is_path(session, text):
        return find_step(session, text).path
    path = Path(text)
    if path.is_dir() and not _some_format_reads(session, path):
        endings = tuple(ending for plugin in session.registry.formats() for ending in plugin.suffixes)
        steps = sorted(item.name for item in path.iterdir() if item.name.startswith("step-"))
        steps = [name for name in steps if name.endswith(endings)]  # no temporary files
        raise UnreadableError(
            f"{path} is a directory, not a checkpoint",
            hint=f"name one in it: {path / steps[-1]}; or: --directory {text} latest" if steps else "name a file",
        )
    return path


def _some_format_reads(session: Session, path: Path) -> bool:
    try:
        session.registry.detect(path)
    except (UnreadableError, CheckpointNotFoundError):
        return False
    return True


def find_step(session: Session, text: str) -> CheckpointInfo:
    """Return the checkpoint of the configured directory that a reference means; a path must be that of one of them.

    Raises:
        CheckpointNotFoundError: There is none.
        UsageError: The path is that of something else.
    """
    if is_path(session, text):
        path = Path(text)
        if not os.path.lexists(path):
            raise CheckpointNotFoundError(f"there is no checkpoint {text!r}", hint="tmplctl list")
        for info in session.manager.list():
            if info.state != "temporary" and os.path.lexists(info.path) and info.path.samefile(path):
                return info
        raise UsageError(
            f"{text} is no checkpoint of {session.relative(session.config.directory)}",
            hint="--directory names another directory; what is in none is not touched",
        )
    if text[:1] == "-" or not text.isprintable():
        raise CheckpointNotFoundError(f"there is no checkpoint {text!r}", hint=f"a file of that name: ./{text}")
    return session.manager.resolve(text)


def check_destination(session: Session, path: Path, *, force: bool, format_name: str | None = None) -> None:
    """See to it that a file can be written, before the work for it is done.

    Raises:
        ExistsError: It is there already.
        UsageError: It would be inside a file, or its format cannot be written.
        PluginError: There is no such format.
    """
    if os.path.lexists(path) and (not force or path.is_dir()):
        hint = "name a file in it" if path.is_dir() else "--force replaces it"
        raise ExistsError(f"{path} exists already", hint=hint)
    for folder in path.absolute().parents:
        if folder.exists():
            if not folder.is_dir():
                raise UsageError(f"{path} cannot be written: {session.relative(folder)} is not a directory")
            break
    if format_name is not None:
        plugin = session.registry.format(format_name)
        if not plugin.writable:
            raise UsageError(f"the {format_name} format can be read only", hint=_writable(session))
    elif not any(path.name.endswith(plugin.suffixes) for plugin in session.registry.formats() if plugin.writable):
        raise UsageError(f"the ending of {path} says no format that can be written", hint=_writable(session))


def _writable(session: Session) -> str:
    plugins = [plugin for plugin in session.registry.formats() if plugin.writable]
    return "writable are " + ", ".join(sorted(f"{plugin.suffixes[0]} ({plugin.name})" for plugin in plugins))


def open_checkpoint(session: Session, text: str) -> Reader:
    """Open the checkpoint that a reference means, in whatever format it is."""
    from tmplcore.checkpoint.files import open_checkpoint as open_path

    return open_path(resolve(session, text))
