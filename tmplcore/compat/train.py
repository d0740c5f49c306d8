"""TensorFlow's `tf.train`, as far as builder code and checkpoints need it: the global step, averages, reading."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from tmplcore.checkpoint.files import open_checkpoint
from tmplcore.checkpoint.format import Reader
from tmplcore.compat._absent import absent as _absent
from tmplcore.compat._average import ExponentialMovingAverage
from tmplcore.dtypes import DType, as_dtype
from tmplcore.errors import (
    CheckpointNotFoundError,
    InvalidArgumentError,
    InvalidTypeError,
    PluginError,
    UnreadableError,
    VariableMismatchError,
    VariableMissingError,
)
from tmplcore.global_step import create_global_step, get_global_step, get_or_create_global_step
from tmplcore.partitioned import PartitionedVariable
from tmplcore.plugins import default_registry
from tmplcore.shapes import TensorShape
from tmplcore.store import VariableStore, get_default_store
from tmplcore.variable import Variable

__all__ = [
    "assert_global_step",
    "checkpoint_exists",
    "CheckpointReader",
    "create_global_step",
    "ExponentialMovingAverage",
    "get_global_step",
    "get_or_create_global_step",
    "global_step",
    "init_from_checkpoint",
    "latest_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
    "NewCheckpointReader",
]

__getattr__ = _absent("tf.train", __all__)

_PATH_LINE: Final = re.compile(r'^model_checkpoint_path:\s*"((?:[^"\\]|\\.)*)"', re.MULTILINE)


def assert_global_step(global_step_tensor: Any) -> None:
    """Refuse what is no integer scalar.

    Raises:
        InvalidTypeError: It is none.
    """
    if not hasattr(global_step_tensor, "dtype"):
        raise InvalidTypeError(
            f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor!r}.',
            hint="create_global_step() makes one",
        )
    if not as_dtype(global_step_tensor.dtype).base_dtype.is_integer:
        raise InvalidTypeError(
            f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}',
            hint="create_global_step() makes an int64 scalar",
        )
    if global_step_tensor.shape.rank not in {None, 0}:
        raise InvalidTypeError(
            f'Existing "global_step" is not scalar: {global_step_tensor.shape}',
            hint="create_global_step() makes an int64 scalar",
        )


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """Return the value of a global step.

    Args:
        sess: TensorFlow's session; ignored.
        global_step_tensor: A variable, or anything else that becomes an integer.
    """
    return int(global_step_tensor)


@final
class CheckpointReader:
    """An open checkpoint of any known format, with the methods of TensorFlow's reader."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """Return the shape of each variable."""
        return {name: list(variable.shape) for name, variable in self._reader.items()}

    def get_variable_to_dtype_map(self) -> dict[str, DType]:
        """Return the dtype of each variable."""
        return {name: as_dtype(variable.dtype) for name, variable in self._reader.items()}

    def has_tensor(self, tensor_str: str) -> bool:
        """Tell whether there is a variable of that name."""
        return tensor_str in self._reader

    def get_tensor(self, tensor_str: str) -> np.ndarray:
        """Read a variable.

        Raises:
            VariableMissingError: There is none of that name.
        """
        return np.asarray(_found(self._reader, tensor_str)[...])

    def debug_string(self) -> bytes:
        """Return a line for each variable: its name, its dtype and its shape."""
        lines = [f"{name} ({as_dtype(v.dtype).name}) {list(v.shape)}" for name, v in sorted(self._reader.items())]
        return "\n".join(lines).encode()


def _found(reader: Reader, name: str) -> Any:
    try:
        return reader[name]
    except VariableMissingError as error:
        raise VariableMissingError(f"Key {name} not found in checkpoint: {error}", hint=error.hint) from None


def load_checkpoint(ckpt_dir_or_file: str | os.PathLike[str]) -> CheckpointReader:
    """Open a checkpoint, or the latest one of a directory.

    Raises:
        CheckpointNotFoundError: There is none.
        UnreadableError: It is in no known format.
    """
    return CheckpointReader(_opened(ckpt_dir_or_file))


def NewCheckpointReader(filepattern: str | os.PathLike[str]) -> CheckpointReader:
    """Open a checkpoint; see `load_checkpoint`."""
    return load_checkpoint(filepattern)


def _opened(place: str | os.PathLike[str]) -> Reader:
    path = Path(place)
    if not path.is_dir():
        return open_checkpoint(path)
    if (latest := latest_checkpoint(path)) is not None:
        return open_checkpoint(Path(latest))
    try:
        return open_checkpoint(path)
    except (CheckpointNotFoundError, UnreadableError) as error:
        raise InvalidArgumentError(
            f"Couldn't find 'checkpoint' file or checkpoints in given directory {path}: {error}", hint=error.hint
        ) from None


def list_variables(ckpt_dir_or_file: str | os.PathLike[str]) -> list[tuple[str, list[int]]]:
    """Return name and shape of each variable in a checkpoint, by name."""
    with _opened(ckpt_dir_or_file) as reader:
        return [(name, list(reader[name].shape)) for name in sorted(reader)]


def load_variable(ckpt_dir_or_file: str | os.PathLike[str], name: str) -> np.ndarray:
    """Read one variable of a checkpoint; `:0` at the end of its name is ignored.

    Raises:
        VariableMissingError: There is none of that name.
    """
    with _opened(ckpt_dir_or_file) as reader:
        return np.asarray(_found(reader, name.removesuffix(":0"))[...])


def checkpoint_exists(checkpoint_prefix: str | os.PathLike[str]) -> bool:
    """Tell whether there is a checkpoint of a known format."""
    try:
        default_registry().detect(Path(checkpoint_prefix))
    except (CheckpointNotFoundError, UnreadableError, PluginError):
        return False
    return True


def latest_checkpoint(checkpoint_dir: str | os.PathLike[str], latest_filename: str | None = None) -> str | None:
    """Return the path of the newest checkpoint that TensorFlow's state file in a directory names, or None.

    A directory that was moved is no obstacle: what the file names is looked for in the directory itself, and nowhere
    else.

    Args:
        checkpoint_dir: The directory.
        latest_filename: The state file, by default `checkpoint`.
    """
    directory = Path(checkpoint_dir)
    try:
        text = (directory / (latest_filename or "checkpoint")).read_text("utf-8", errors="replace")
    except OSError:
        return None
    match = _PATH_LINE.search(text)
    if match is None:
        return None
    named = Path(match.group(1).encode("latin-1", "ignore").decode("unicode_escape", "ignore"))
    for candidate in (named, Path(named.name)):
        inside = directory / candidate if not candidate.is_absolute() else None
        if inside is not None and ".." not in candidate.parts and checkpoint_exists(inside):
            return str(inside)
    return None


Assignments = Mapping[str, Any] | Iterable[tuple[str, Any]]


def init_from_checkpoint(ckpt_dir_or_file: str | os.PathLike[str], assignment_map: Assignments) -> None:
    """Give variables values from a checkpoint, at once.

    Args:
        ckpt_dir_or_file: A checkpoint of any known format, or a directory with one.
        assignment_map: What goes where, as a dictionary or as pairs: `"name": "name"`, `"name": variable`,
            `"name": [shards]`, or whole scopes, `"scope/": "other_scope/"`. `"/"` is the root on either side.

    Raises:
        InvalidArgumentError: A name on either side is not there.
        VariableMismatchError: A variable has another shape or dtype than in the checkpoint.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> import tmplcore.compat.v1 as tf
        >>> from tmplcore import checkpoint
        >>> path = Path(tempfile.mkdtemp()) / "model.h5"
        >>> checkpoint.save(path, {"old/w": np.ones(2, np.float32)})
        >>> with tf.Graph().as_default():
        ...     w = tf.get_variable("new/w", [2])
        ...     tf.train.init_from_checkpoint(path, {"old/": "new/"})
        ...     print(w.numpy())
        [1. 1.]
    """
    pairs = assignment_map.items() if isinstance(assignment_map, Mapping) else assignment_map
    with _opened(ckpt_dir_or_file) as reader:
        assign = _Assignment(reader, str(ckpt_dir_or_file), get_default_store())
        for source, target in sorted(pairs, key=lambda pair: str(pair[0])):
            assign.one(source, target)
        assign.commit()


@final
class _Assignment:
    """Works out what is assigned where; nothing is touched before all of it is known to fit."""

    def __init__(self, reader: Reader, place: str, store: VariableStore) -> None:
        self._reader = reader
        self._place = place
        self._store = store
        self._planned: list[tuple[str, Variable]] = []

    def one(self, source: str, target: Any) -> None:
        """Plan one entry of the map."""
        if isinstance(target, Variable | PartitionedVariable) or _are_variables(target):
            self._variable(source, target)
        elif not isinstance(target, str):
            raise InvalidTypeError(
                f"the assignment map has {target!r} for {source!r}", hint="give a name, a scope/ or a variable"
            )
        elif (variable := self._named(target)) is not None:
            self._variable(source, variable)
        else:
            self._scope(source, target)

    def _named(self, name: str) -> Any:
        whole = self._store.partitioned.get(name)
        return self._store.by_key.get(name) if whole is None else whole

    def _variable(self, source: str, target: Any) -> None:
        if source not in self._reader:
            shapes = {name: list(variable.shape) for name, variable in self._reader.items()}
            raise InvalidArgumentError(
                f"Tensor {source} is not found in {self._place} checkpoint {shapes}",
                hint="list_variables(path) lists the names",
            )
        stored = self._reader[source]
        for variable in [target] if isinstance(target, Variable) else target:
            place = variable._save_slice_info
            shape = variable.shape if place is None else TensorShape(place.full_shape)
            if shape.is_compatible_with(stored.shape):
                self._check_dtype(source, variable)
                self._planned.append((source, variable))
                continue
            raise VariableMismatchError(
                f"Shape of variable {variable.name} ({shape}) doesn't match with shape of tensor {source} "
                f"({list(stored.shape)}) from checkpoint reader.",
                hint="give the variable the shape of what is stored, or map another name to it",
            )

    def _check_dtype(self, source: str, variable: Variable) -> None:
        stored = as_dtype(self._reader[source].dtype)
        if stored is not variable.dtype.base_dtype:
            raise VariableMismatchError(
                f"Trying to assign tensor {source} of dtype {stored.name} to variable {variable.name} of dtype "
                f"{variable.dtype.base_dtype.name}",
                hint="tmplcore.checkpoint.restore can cast",
            )

    def _scope(self, source: str, target: str) -> None:
        scope = target[: target.rindex("/")] if "/" in target else ""
        if not (source.endswith("/") and target.endswith("/")):
            raise InvalidArgumentError(
                f"Assignment map with scope only name {scope} should map to scope only {source}. "
                "Should be 'scope/': 'other_scope/'.",
                hint=f"there is no variable {target!r}" if not target.endswith("/") else "end both names in '/'",
            )
        below = "" if not scope else f"{scope}/"
        done = set()
        for key in list(self._store.by_key):
            name = str(key).partition("/part_")[0]
            if not name.startswith(below) or name in done:
                continue
            done.add(name)
            tensor = ("" if source == "/" else source) + name[len(below) :]
            if tensor not in self._reader:
                raise InvalidArgumentError(
                    f"Tensor {tensor} ({name[len(below) :]} in {source}) is not found in {self._place} checkpoint",
                    hint="list_variables(path) lists the names; map the variables that are there one by one",
                )
            self._variable(tensor, self._named(name))

    def commit(self) -> None:
        """Read and assign what was planned."""
        for source, variable in self._planned:
            place = variable._save_slice_info
            if place is None:
                variable.assign(self._reader[source][...])
                continue
            cut = zip(place.var_offset, place.var_shape, strict=True)
            variable.assign(self._reader[source][tuple(slice(start, start + size) for start, size in cut)])


def _are_variables(target: Any) -> bool:
    return isinstance(target, list | tuple) and bool(target) and all(isinstance(item, Variable) for item in target)
