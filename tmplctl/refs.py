"""Which checkpoint a word on the command line means.

A path (anything with a separator, or that exists) in any known format; else `latest`, `best`, `latest~2`, a step
number, or a tag of the configured checkpoint directory.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tmplcore.errors import CheckpointNotFoundError, UnreadableError
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointInfo
    from tmplcore.checkpoint.format import Reader

__all__ = ["find_step", "is_path", "open_checkpoint", "resolve"]

_RELATIVE = re.compile(r"(latest|best)(?:~(\d{1,9}))?")


def is_path(text: str) -> bool:
    """Tell whether a reference is a path: it has a separator, or something is there, if only as a prefix."""
    if os.sep in text or (os.altsep and os.altsep in text) or text in ("", ".", ".."):
        return True
    if os.path.lexists(text):
        return True
    return os.path.lexists(f"{text}.index")  # a TensorFlow prefix: `model.ckpt` is no file of its own


def resolve(session: Session, text: str) -> Path:
    """Return the path of the checkpoint that a reference means.

    Raises:
        CheckpointNotFoundError: There is none; the hint has the nearest there is.
        UnreadableError: It is a directory.
    """
    if not is_path(text):
        return find_step(session, text).path
    path = Path(text)
    if path.is_dir() and not _some_format_reads(session, path):
        steps = sorted(item.name for item in path.iterdir() if item.name.startswith("step-"))
        raise UnreadableError(
            f"{text} is a directory, not a checkpoint",
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
    """Return the checkpoint of the configured directory that a reference means: never a path.

    Raises:
        CheckpointNotFoundError: There is none.
    """
    manager = session.manager
    where = session.relative(session.config.directory)
    if match := _RELATIVE.fullmatch(text):
        word, back = match[1], int(match[2] or 0)
        if not back:
            return manager.latest() if word == "latest" else manager.best()
        infos = [info for info in manager.list() if info.state == "ok"]
        if word == "best":
            infos = manager.ranked()
        else:
            infos.sort(key=lambda info: -info.step)
        if back >= len(infos):
            raise CheckpointNotFoundError(
                f"{text}: there are only {len(infos)} valid checkpoints in {where}", hint="tmplctl list"
            )
        return infos[back]
    infos = [info for info in manager.list() if info.state in ("ok", "damaged")]
    for info in infos:
        if text in info.tags or (text.isascii() and text.isdigit() and info.step == int(text)):
            return info
    from difflib import get_close_matches

    names = ["latest", "best", *(str(info.step) for info in infos), *(tag for info in infos for tag in info.tags)]
    near = get_close_matches(text, names, n=3)
    kind = "step" if text.isdigit() else "checkpoint, step or tag"
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif infos:
        hint = f"tmplctl list shows what is in {where}"
    else:
        hint = f"{where} has no checkpoints; name a file, or another directory with --directory"
    raise CheckpointNotFoundError(f"there is no {kind} {text!r}", hint=hint)


def open_checkpoint(session: Session, text: str) -> Reader:
    """Open the checkpoint that a reference means, in whatever format it is."""
    from tmplcore.checkpoint import open as open_path

    return open_path(resolve(session, text))
