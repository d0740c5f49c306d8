"""From what a user names to the prefix of a bundle: to `model.ckpt`, whose index is `model.ckpt.index`.

A user names the prefix, which no file has; or one of the files; or the directory, whose `checkpoint` file says which
bundle is the latest.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from tmpl_tensorflow.table import FOOTER_SIZE, MAGIC
from tmplcore.errors import CheckpointNotFoundError, DamagedError, UnreadableError

__all__ = ["detect", "index_path", "locate", "shard_path"]

_SHARD = re.compile(r"(?P<prefix>.+)\.data-\d{5}-of-\d{5}")
_STATE = "checkpoint"
_LATEST = re.compile(rb'^model_checkpoint_path:\s*"((?:[^"\\\n]|\\.)*)"\s*$', re.MULTILINE)
_LARGEST_STATE = 1 << 20  # the state file holds a line per kept checkpoint
_SAVED_MODEL = ("variables.index", "variables/variables.index")
_LISTED = 8  # how many checkpoints of a directory a message names


def index_path(prefix: Path) -> Path:
    """Return the index of the bundle with this prefix."""
    return prefix.with_name(f"{prefix.name}.index")


def shard_path(prefix: Path, number: int, count: int) -> Path:
    """Return a data file of the bundle with this prefix."""
    return prefix.with_name(f"{prefix.name}.data-{number:05d}-of-{count:05d}")


def detect(path: Path) -> bool:
    """Tell whether `path` names a bundle, damaged or not. Never raises."""
    try:
        return _named_here(Path(path))
    except (OSError, ValueError, UnreadableError):
        return False


def locate(path: Path) -> Path:
    """Return the prefix of the bundle that `path` names.

    Raises:
        CheckpointNotFoundError: There is nothing there, or the directory's latest checkpoint is gone.
        DamagedError: The data files are there, but the index is not.
        UnreadableError: A directory holds several bundles and does not say which is meant.
    """
    try:
        return _locate(path)
    except (OSError, ValueError) as error:
        raise UnreadableError(
            f"{path}: cannot be looked at: {error}", hint="check the path and its permissions"
        ) from error


def _locate(path: Path) -> Path:
    if path.is_file():
        if path.suffix == ".index":
            return path.with_suffix("")
        if shard := _SHARD.fullmatch(path.name):
            return _with_index(path.with_name(shard["prefix"]))
        if path.name == _STATE:
            return _latest(path)
        if _has_magic(path) and not index_path(path).is_file():
            raise UnreadableError(
                f"{path}: is a sorted table, but not the index of a V2 checkpoint",
                hint="a V1 checkpoint is one file, without .index: load and save it once with TensorFlow's Saver",
            )
    if index_path(path).is_file():
        return path
    if path.is_dir():
        return _in_directory(path)
    return _with_index(path)


def _with_index(prefix: Path) -> Path:
    """Return `prefix` if its index is there."""
    if index_path(prefix).is_file():
        return prefix
    if _shards(prefix):
        raise DamagedError(
            f"{prefix}: the data files of a TensorFlow checkpoint are here, but its index is missing",
            hint=f"copy {index_path(prefix).name} beside them; without it the data has no names",
        )
    raise CheckpointNotFoundError(
        f"{prefix}: no such checkpoint: neither this file nor {index_path(prefix).name} exists",
        hint=_neighbours(prefix.parent) or "check the path for a typing error",
    )


def _in_directory(directory: Path) -> Path:
    if (directory / _STATE).is_file():
        return _latest(directory / _STATE)
    for name in _SAVED_MODEL:
        if (directory / name).is_file():
            return (directory / name).with_suffix("")
    bundles = _bundles(directory)
    if len(bundles) == 1:
        return directory / bundles[0]
    if bundles:
        raise UnreadableError(
            f"{directory}: holds {len(bundles)} TensorFlow checkpoints and no file `{_STATE}` that names the latest",
            hint=_neighbours(directory),
        )
    raise UnreadableError(
        f"{directory}: is a directory without a TensorFlow checkpoint", hint="name a checkpoint in it"
    )


def _latest(state: Path) -> Path:
    """Return the prefix that a state file names, looked for beside it and nowhere else.

    TensorFlow writes absolute paths when it was given one, and they go stale when the directory moves.
    """
    with state.open("rb") as file:
        found = _LATEST.search(file.read(_LARGEST_STATE))
    if found is None:
        raise UnreadableError(
            f"{state}: names no latest checkpoint", hint=_neighbours(state.parent) or "name the checkpoint itself"
        )
    named = PurePosixPath(_unescape(found[1]).decode("utf-8", "replace"))
    inside = [named.name] if named.is_absolute() or ".." in named.parts else [str(named), named.name]
    for name in inside:
        if index_path(state.parent / name).is_file():
            return state.parent / name
    raise CheckpointNotFoundError(
        f"{state}: names {named.name!r} as the latest checkpoint, but {state.parent / named.name}.index does not exist",
        hint=_neighbours(state.parent) or "copy the checkpoint's files beside it",
    )


def _unescape(text: bytes) -> bytes:
    """Undo the escapes of protobuf's text format that a path can hold."""

    def plain(found: re.Match[bytes]) -> bytes:
        return bytes([int(found[1], 8) & 0xFF]) if found[1] else found[2]

    return re.sub(rb"\\(?:([0-7]{1,3})|(.))", plain, text)


def _bundles(directory: Path) -> list[str]:
    return sorted(file.name.removesuffix(".index") for file in directory.glob("*.index") if _has_magic(file))


def _neighbours(directory: Path) -> str:
    """Say which bundles a directory holds."""
    bundles = _bundles(directory) if directory.is_dir() else []
    more = ", …" if len(bundles) > _LISTED else ""
    return f"name one of: {', '.join(str(directory / name) for name in bundles[:_LISTED])}{more}" if bundles else ""


def _shards(prefix: Path) -> list[Path]:
    if not prefix.parent.is_dir():
        return []
    start = f"{prefix.name}.data-"
    return [file for file in prefix.parent.iterdir() if file.name.startswith(start) and _SHARD.fullmatch(file.name)]


def _has_magic(index: Path) -> bool:
    if not index.is_file() or index.stat().st_size < FOOTER_SIZE:
        return False
    with index.open("rb") as file:
        file.seek(-len(MAGIC), 2)
        return file.read() == MAGIC


def _is_bundle(prefix: Path) -> bool:
    """An index with the right ending, or what is left of a bundle whose index is cut short or gone."""
    return _has_magic(index_path(prefix)) or bool(_shards(prefix))


def _named_here(path: Path) -> bool:
    if path.is_file():
        if path.suffix == ".index":
            return _is_bundle(path.with_suffix(""))
        if _SHARD.fullmatch(path.name):
            return True
        if path.name != _STATE:
            return _has_magic(path)
        with path.open("rb") as file:
            return _LATEST.search(file.read(_LARGEST_STATE)) is not None
    if path.is_dir() and not index_path(path).is_file():
        state = path / _STATE
        if state.is_file() and _named_here(state):
            return True
        return any(_has_magic(path / name) for name in _SAVED_MODEL) or bool(_bundles(path))
    return _is_bundle(path)
