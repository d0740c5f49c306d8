"""Opening, saving and loading one checkpoint, in whatever format it is."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tmplcore.checkpoint.casting import is_inexact
from tmplcore.checkpoint.commit import committed
from tmplcore.checkpoint.format import Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.provenance import now, provenance
from tmplcore.descriptors import FormatPlugin
from tmplcore.errors import InvalidArgumentError, InvalidTypeError, SaveError, VariableMissingError
from tmplcore.plugins import default_registry

if TYPE_CHECKING:
    from tmplcore.checkpoint.state import State

__all__ = ["load", "open_checkpoint", "opened", "save", "writer_for"]

_LAST_STEP = (1 << 63) - 1  # what a file can say, and a file name in 19 digits

T = TypeVar("T")

Variables = Mapping[str, "np.ndarray | LazyVariable"]


def open_checkpoint(path: str | os.PathLike[str]) -> Reader:
    """Open a checkpoint of any known format.

    Args:
        path: A file, a directory, or a prefix (TensorFlow's `model.ckpt`).

    Returns:
        A read-only mapping of names to lazy variables, with `meta`; also a context manager.

    Raises:
        CheckpointNotFoundError: There is nothing at `path`.
        UnreadableError: No format knows what is there.
        DamagedError: The file is cut short, or its structure does not hold.
        UntrustedError: It asks for what no checkpoint needs.

    Example:
        >>> import numpy as np, tempfile
        >>> from tmplcore import checkpoint
        >>> path = Path(tempfile.mkdtemp()) / "model.h5"
        >>> checkpoint.save(path, {"dense/kernel": np.ones((2, 3), "float32")}, step=7)
        >>> with checkpoint.open(path) as reader:
        ...     print(reader.meta.step, reader["dense/kernel"], reader["dense/kernel"][0, :2])
        7 <dense/kernel (2, 3) float32> [1. 1.]
    """
    path = _as_path(path)
    return format_of(default_registry().detect(path)).open(path)


def open_damaged(path: str | os.PathLike[str]) -> Reader:
    """Open a checkpoint as far as it can be understood; raises as `open_checkpoint`."""
    path = _as_path(path)
    return format_of(default_registry().detect(path)).open_damaged(path)


def save(
    path: str | os.PathLike[str],
    source: Any,
    *,
    step: int | None = None,
    metrics: Mapping[str, float] | None = None,
    meta: Mapping[str, Any] | None = None,
    format: str | None = None,  # noqa: A002  # what everybody calls it
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    overwrite: bool = False,
    durable: bool = True,
    finite: bool = False,
    compression: Mapping[str, str] | str | None = None,
    extra_provenance: Mapping[str, Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Save variables to a new file, which appears whole or not at all.

    Args:
        path: The file; its ending chooses the format unless `format` does. Missing directories are made.
        source: A template, a scope, a store, variables, a mapping of names to arrays (nested ones are joined by
            `/`), an open checkpoint, an `nn.Module`, a JAX pytree. A partitioned variable is saved whole.
        step: The training step.
        metrics: Numbers to choose a best checkpoint by.
        meta: Anything else worth keeping: JSON values.
        format: The name of a format.
        include: Patterns of the names to save (see `tmplcore.checkpoint.patterns`); all by default.
        exclude: Patterns of the names to leave out.
        overwrite: Replace a file that is there. Whoever has it open keeps reading the old one.
        durable: Return only when it would survive a power failure.
        finite: Refuse values that are not finite.
        compression: Glob of names → codec, or one codec for all; for formats that can compress.
        extra_provenance: JSON values to be recorded with where the checkpoint came from.
        progress: Called with the number of bytes written since the last call.

    Raises:
        ExistsError: The file is there already.
        SaveError: The source cannot be saved, or the disk did not take it. Nothing is left behind.
        InvalidTypeError: The source has no named variables.

    Example:
        >>> import numpy as np, tempfile
        >>> from tmplcore import checkpoint
        >>> path = Path(tempfile.mkdtemp()) / "step.h5"
        >>> checkpoint.save(path, {"w": np.arange(3.0)}, metrics={"loss": 0.5}, meta={"note": "first"})
        >>> checkpoint.load(path)
        {'w': array([0., 1., 2.])}
    """
    place = _as_path(path)
    plugin = writer_for(place, format)
    from tmplcore.checkpoint.state import state_of  # imported when needed: to read takes none of the targets

    chosen = Selection(include, exclude)
    state = state_of(source, chosen)
    variables = sources(state, chosen)
    if finite:
        refuse_nonfinite(variables)
    options = WriteOptions(
        durable=durable,
        compression={"*": compression} if isinstance(compression, str) else dict(compression or {}),
        trainable=state.trainable(),
        progress=progress,
    )
    write(plugin, place, variables, metadata(state, step, metrics, meta, extra_provenance), options, overwrite)


def load(
    path: str | os.PathLike[str] | Reader,
    include: str | Iterable[str] | None = None,
    *,
    exclude: str | Iterable[str] | None = None,
    verify: bool = True,
    mapped: bool = False,
) -> dict[str, np.ndarray]:
    """Read a checkpoint into new arrays.

    Args:
        path: The checkpoint, or one that is open.
        include: Patterns of the names to read (see `tmplcore.checkpoint.patterns`); all by default.
        exclude: Patterns of the names to leave out.
        verify: Check every content hash while reading.
        mapped: Return read-only arrays over the mapped file, where the format can and the file system suits it (see
            `TMPL_MMAP`): nothing is read before it is used, unless it is verified.

    Returns:
        Names and arrays, in the order of the checkpoint. Two names of one stored array share one array.

    Raises:
        VariableMissingError: A pattern of `include` fits no name.
        DamagedError: The bytes are not what was written.
    """
    with opened(path) as reader:
        chosen = Selection(include, exclude)
        check_used(chosen, reader)
        arrays = reader.read(None if chosen.everything else select(reader, chosen), mapped=mapped, verify=verify)
        for name, twin in reader.aliases.items():
            if name in arrays and twin in arrays:
                arrays[name] = arrays[twin]
        return arrays


# -- the parts that the other modules use too -------------------------------------------------------------------------


@contextlib.contextmanager
def opened(path: str | os.PathLike[str] | Reader, damaged: bool = False) -> Iterator[Reader]:
    """Open a checkpoint for a block; one that is open already stays open."""
    if isinstance(path, Reader):
        yield path
    else:
        with open_damaged(path) if damaged else open_checkpoint(path) as reader:
            yield reader


def _as_path(path: Any) -> Path:
    try:
        return Path(path)
    except TypeError:
        raise InvalidTypeError(
            f"a checkpoint is named by its path, not by a {type(path).__name__}",
            hint="the path comes first: save(path, source), restore(path, target)",
        ) from None


@functools.cache
def format_of(plugin: FormatPlugin) -> Format:
    """Return the format that a descriptor names; one object per process, because a format may remember layouts."""
    made: Format = plugin.load_factory()()
    return made


def writer_for(path: Path, name: str | None = None) -> FormatPlugin:
    """Return the format in which a file is to be written: the named one, else the one that its ending means.

    Raises:
        SaveError: No writable format has that ending, or the named one cannot be written.
    """
    registry = default_registry()
    if name is not None:
        plugin = registry.format(name)
        if not plugin.writable:
            raise SaveError(f"the format {name!r} can be read but not written", hint=_writable())
        return plugin
    ending = "".join(path.suffixes[-1:]).lower()
    for plugin in registry.formats():
        if plugin.writable and ending in plugin.suffixes:
            return plugin
    what = f"no writable format has the ending {ending!r}" if ending else f"{path.name!r} has no ending"
    raise SaveError(f"{what}, so the format of {str(path)!r} is not clear", hint=_writable())


def _writable() -> str:
    kinds = [f"{plugin.suffixes[0]} ({plugin.name})" for plugin in default_registry().formats() if plugin.writable]
    return f"writable are {', '.join(kinds)}" if kinds else "no plugin with a writable format is installed"


def select(items: Mapping[str, T], chosen: Selection) -> dict[str, T]:
    """Return the items whose names are chosen.

    Raises:
        VariableMissingError: A pattern of `include` fits no name.
    """
    check_used(chosen, items)
    return dict(items) if chosen.everything else {name: item for name, item in items.items() if chosen(name)}


def sources(state: State, chosen: Selection) -> Variables:
    """Return what is to be written, by name; raises as `select`."""
    from tmplcore.checkpoint.state import value_of

    if (arrays := state.arrays()) is not None:
        return arrays if chosen.everything else select(arrays, chosen)
    return {name: value_of(place) for name, place in select(state.places, chosen).items()}


def check_used(chosen: Selection, names: Iterable[str]) -> None:
    """Refuse a pattern of `include` that fits nothing.

    Raises:
        VariableMissingError: There is one.
    """
    if chosen.include is None:
        return
    names = list(dict.fromkeys(names))
    if idle := chosen.idle(names):
        from rapidfuzz import process

        near = [name for name, _, _ in process.extract(idle[0].strip("*"), names, limit=3, score_cutoff=60)]
        raise VariableMissingError(
            f"no variable fits the pattern {idle[0]!r}",
            hint=f"near it are {', '.join(near)}"
            if near
            else f"there are {len(names)} variables, such as {', '.join(names[:3])}",
        )


def metadata(
    state: State,
    step: int | None,
    metrics: Mapping[str, float] | None,
    user: Mapping[str, Any] | None,
    extra: Mapping[str, Any] | None = None,
) -> Metadata:
    """Put together what a checkpoint says of itself.

    Raises:
        InvalidTypeError: The step is no integer, or a metric no number.
        InvalidArgumentError: The step is negative.
    """
    if not isinstance(metrics, Mapping | None):
        raise InvalidTypeError(f"metrics are a mapping, not {metrics!r}", hint="metrics={'loss': 0.31}")
    came_from = provenance()
    if state.seed is not None:
        came_from["seed"] = state.seed
    if state.keys:
        came_from["store_keys"] = dict(state.keys)
    return Metadata(
        step=checked_step(step),
        time=now(),
        metrics={str(name): _number(name, value) for name, value in (metrics or {}).items()},
        user=json_values(user or {}),
        provenance={**came_from, **(extra or {})},
    )


def json_values(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a user gave as `meta=` as JSON values.

    Numbers of NumPy become Python's, tuples become lists, and numbers as keys become text.

    Raises:
        InvalidTypeError: Something in it is no JSON value; it says what and where.

    Example:
        >>> json_values({"rate": np.float32(0.5), "sizes": (1, 2)})
        {'rate': 0.5, 'sizes': [1, 2]}
    """
    if not isinstance(user, Mapping):
        raise InvalidTypeError(f"meta is a mapping, not {user!r}", hint="meta={'note': 'lower rate'}")
    try:
        return _json_object(user, "meta")
    except RecursionError:
        raise InvalidTypeError("meta holds itself, or is nested too deep", hint="use flat dicts") from None


def _json_object(mapping: Mapping[Any, Any], where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in mapping.items():
        if not isinstance(key, str | int | float | np.integer):
            raise InvalidTypeError(
                f"{where} has the key {key!r}, and the keys of JSON objects are text",
                hint="{str(key): value for …}, or a list of pairs: list(mapping.items())",
            )
        if str(key) in found:
            raise InvalidTypeError(f"{where} has two keys that are {str(key)!r} as text", hint="rename one of them")
        found[str(key)] = _json_value(value, f"{where}[{key!r}]")
    return found


def _json_value(value: Any, where: str) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return _json_object(value, where)
    if isinstance(value, list | tuple):
        return [_json_value(item, f"{where}[{number}]") for number, item in enumerate(value)]
    raise InvalidTypeError(
        f"{where} is a {type(value).__name__}, which is no JSON value",
        hint="use numbers, text, lists and dicts; arrays are saved as variables",
    )


def checked_step(step: Any) -> int | None:
    """Return a step as an int.

    Raises:
        InvalidTypeError: It is no integer.
        InvalidArgumentError: It is negative.
    """
    if step is None:
        return None
    if isinstance(step, bool) or not isinstance(step, int):
        number = np.asarray(step)
        if number.shape or number.dtype.kind not in "iu":
            raise InvalidTypeError(f"a step is an integer, not {step!r}", hint="step=int(global_step)")
        step = int(number)
    if not 0 <= step <= _LAST_STEP:
        raise InvalidArgumentError(f"a step is a number from 0 to 2^63 - 1, not {step!r}", hint="step=int(global_step)")
    return int(step)


def write(
    plugin: FormatPlugin,
    path: Path,
    variables: Variables,
    meta: Metadata,
    options: WriteOptions,
    overwrite: bool,
    ready: Callable[[], object] | None = None,
) -> None:
    """Write a file in its place, whole or not at all; `ready` is called when it is whole, before it is there."""
    format_ = format_of(plugin)
    with committed(path, overwrite=overwrite, durable=options.durable, ready=ready) as temporary:
        format_.write(temporary, variables, meta, options)


def refuse_nonfinite(variables: Variables) -> None:
    """Refuse values that are not finite.

    Raises:
        SaveError: There are some; it names the variables.
    """
    bad = {name: count for name, value in variables.items() if (count := _nonfinite(value))}
    if bad:
        named = ", ".join(f"{name} ({count})" for name, count in list(bad.items())[:5])
        raise SaveError(
            f"{len(bad)} variables have values that are NaN or infinite: {named}{', …' if len(bad) > 5 else ''}",
            hint="save an earlier step, or allow it (finite=False, --allow-nonfinite)",
        )


def _nonfinite(value: np.ndarray | LazyVariable) -> int:
    if not is_inexact(value.dtype):
        return 0
    blocks = value.blocks() if isinstance(value, LazyVariable) else (value,)
    return sum(int(np.size(block) - np.count_nonzero(np.isfinite(block))) for block in blocks)


def _number(name: str, value: Any) -> float:
    try:
        return float(value.item() if hasattr(value, "item") else value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise InvalidTypeError(
            f"the metric {name!r} is a number, not {value!r}", hint="metrics={'loss': 0.31}"
        ) from None
