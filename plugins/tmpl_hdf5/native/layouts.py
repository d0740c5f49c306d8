"""Find the layout of a file for some variables: that of the last save, if names, shapes and dtypes are as they were."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any
from weakref import ref

import numpy as np

from tmpl_hdf5.native.dtypes import StoredType, stored_type, type_code
from tmpl_hdf5.native.fits import AT_ONCE, fit
from tmpl_hdf5.native.index import Kind
from tmpl_hdf5.native.packing import chunk_shape, codec_for, filters_for
from tmpl_hdf5.native.plan import Packing, Plan
from tmpl_hdf5.native.small import Batch, batches, runs
from tmpl_hdf5.native.text import Text, encode_text
from tmplcore.checkpoint.columns import Memory, identities
from tmplcore.checkpoint.format import LazyVariable, WriteOptions
from tmplcore.errors import SaveError

__all__ = ["Layout", "find_layout"]

_KEPT_BYTES = 64 << 20  # of structures of earlier saves
_shape_of = attrgetter("shape")
_dtype_of = attrgetter("dtype")


@dataclass(frozen=True, slots=True)
class _Subject:
    """What decides the layout of a file, besides the text in it."""

    names: list[str]
    shapes: list[tuple[int, ...]]
    dtypes: list[np.dtype[Any]]
    aliases: dict[int, int]
    meta_size: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A file's layout, ready to be filled.

    Attributes:
        subject: What it is the layout of.
        texts: How the text variables in it are stored: their type, and the lengths of their items where needed.
        plan: Where the data goes, and the rest of the file.
        foreign: Rows whose arrays cannot be written as they are: text, big-endian, dtypes unknown to buffers.
        batches: The small variables, in the order in which they are written.
        memory: Where the variables of the last save lay, if they lay in blocks.
        runs: The same as `batches`, for variables that lie there.
    """

    subject: _Subject
    texts: dict[int, tuple[StoredType, list[int] | None]]
    plan: Plan
    foreign: frozenset[int]
    batches: list[Batch]
    memory: ref[Memory] | None = None
    runs: list[Batch] = field(default_factory=list)

    def is_for(self, memory: Memory | None) -> bool:
        """Tell whether variables lie where those of the last save did: then they fit, and `runs` holds."""
        return memory is not None and self.memory is not None and self.memory() is memory


class _Layouts:
    """The layouts of the last saves, newest first, within a bound of memory."""

    def __init__(self) -> None:
        self._kept: list[Layout] = []
        self._lock = threading.RLock()  # a signal handler may save while a save goes on

    def find(self, names: list[str], values: list[Any], memory: Memory | None, meta_size: int) -> Layout | None:
        """Return the layout for such values."""
        with self._lock:
            kept = [layout for layout in self._kept if layout.subject.meta_size == meta_size]
        for layout in kept:
            if layout.is_for(memory):
                return layout
        for layout in kept:
            if layout.subject.names == names and _fits(layout.subject, values):
                return layout if memory is None else self.keep(_remembered(layout, memory))
        return None

    def keep(self, layout: Layout) -> Layout:
        """Keep a layout, in the place of one for the same values, and return it."""
        with self._lock:
            room = _KEPT_BYTES
            kept = [layout, *(other for other in self._kept if other.subject != layout.subject)][:8]
            for number, other in enumerate(kept):
                room -= len(other.plan.image)
                if room < 0:
                    del kept[number:]
                    break
            self._kept = kept
        return layout


_layouts = _Layouts()


def _fits(subject: _Subject, values: list[Any]) -> bool:
    """Tell whether values have the shapes, dtypes and aliases of a layout."""
    ids = np.empty(len(values), np.intp)
    plain = True
    for start in range(0, len(values), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        some = values[part]
        plain = plain and list(map(type, some)).count(np.ndarray) == len(some)
        if not fit(some, subject.shapes[part], subject.dtypes[part], plain=plain):
            return False
        ids[part] = identities(some)
    return subject.aliases == (_twins(ids) if plain else _aliases(subject.names, values))


def find_layout(
    names: list[str], values: list[Any], memory: Memory | None, meta_size: int, options: WriteOptions
) -> tuple[Layout, dict[int, Text]]:
    """Return the layout for these values, an earlier one if it still fits, and the text among them, encoded."""
    try:
        layout = None if options.compression else _layouts.find(names, values, memory, meta_size)
        if layout is not None:
            texts = {row: encode_text(names[row], values[row]) for row in layout.texts}
            if {row: (text.stored, text.lengths) for row, text in texts.items()} == layout.texts:
                return layout, texts
        shapes, dtypes, ids = _looked_at(values)
    except AttributeError:
        raise _not_an_array(names, values) from None
    distinct = [dtypes[row] for row in _firsts(identities(dtypes))]
    if not all(isinstance(dtype, np.dtype) for dtype in distinct):
        raise _not_an_array(names, values)
    aliases = _aliases(names, values) if ids is None else _twins(ids)
    subject = _Subject(names, shapes, dtypes, aliases, meta_size)
    texts = {}
    if any(dtype.kind in "OU" for dtype in distinct):
        texts = {row: encode_text(names[row], values[row]) for row, dtype in enumerate(dtypes) if dtype.kind in "OU"}
    layout = _new_layout(subject, texts, options)
    if layout.plan.packings:  # their sizes depend on the values
        return layout, texts
    return _layouts.keep(layout if memory is None else _remembered(layout, memory)), texts


def _looked_at(values: list[Any]) -> tuple[list[tuple[int, ...]], list[np.dtype[Any]], np.ndarray | None]:
    """Return shapes, of which equal ones are one object, dtypes, and ids if all are NumPy's own arrays."""
    ids: np.ndarray | None = np.empty(len(values), np.intp)
    one: dict[Any, Any] = {}
    shapes: list[tuple[int, ...]] = []
    dtypes: list[np.dtype[Any]] = []
    for start in range(0, len(values), AT_ONCE):
        some = values[start : start + AT_ONCE]
        count, shape, dtype = len(some), some[0].shape, some[0].dtype
        like_first = [one.setdefault(shape, shape)] * count, [dtype] * count
        plain = list(map(type, some)).count(np.ndarray) == count
        if plain and ids is not None:
            ids[start : start + count] = identities(some)
        else:
            ids = None
        if plain and fit(some, *like_first, plain=True):
            shapes += like_first[0]
            dtypes += like_first[1]
        else:
            found = list(map(_shape_of, some))
            shapes += map(one.setdefault, found, found)
            dtypes += map(_dtype_of, some)
    return shapes, dtypes, ids


def _firsts(ids: np.ndarray) -> list[int]:
    """Return a row for each object that there is, given the ids of all."""
    if (ids == ids[:1]).all():
        return [0][: len(ids)]
    return np.unique(ids, return_index=True)[1].tolist()  # type: ignore[no-any-return]


def _remembered(layout: Layout, memory: Memory) -> Layout:
    """Return a layout that writes from blocks of memory, and is found again by where variables lie in them."""
    plan = layout.plan
    found = layout.batches if layout.foreign else runs(plan.small, plan.offsets, plan.sizes, memory)
    return replace(layout, memory=ref(memory), runs=found)


def _not_an_array(names: list[str], values: list[Any]) -> SaveError:
    pairs = zip(names, values, strict=True)
    name, value = next((n, v) for n, v in pairs if not isinstance(getattr(v, "dtype", None), np.dtype))
    return SaveError(
        f"variable {name!r} is a {type(value).__name__}, not an array", hint="make it one with np.asarray(value)"
    )


def _new_layout(subject: _Subject, texts: dict[int, Text], options: WriteOptions) -> Layout:
    types, kinds, foreign_kinds = _kinds(subject, texts)
    lengths = {row: text.lengths for row, text in texts.items() if text.lengths is not None}
    packings = _packings(subject, kinds, types, options) if options.compression else {}
    plan = Plan(subject.names, kinds, types, subject.meta_size, subject.aliases, lengths, packings)
    foreign = np.flatnonzero(np.array(foreign_kinds, bool)[types]) if len(types) else ()
    stored = {row: (text.stored, text.lengths) for row, text in texts.items()}
    small = batches(plan.small, plan.offsets, plan.sizes)
    return Layout(subject, stored, plan, frozenset(map(int, foreign)), small)


def _kinds(subject: _Subject, texts: dict[int, Text]) -> tuple[np.ndarray, list[Kind], list[bool]]:
    """Return the kind of every row, the kinds, and which kinds need their arrays converted."""
    kinds: list[Kind] = []
    foreign: list[bool] = []
    numbers: dict[Any, int] = {}

    def number(row: int) -> int:
        dtype, shape = subject.dtypes[row], subject.shapes[row]
        try:
            stored = texts[row].stored if row in texts else stored_type(type_code(dtype))
        except (TypeError, ValueError) as error:
            raise SaveError(
                f"variable {subject.names[row]!r} cannot be stored: {error}", hint="cast it to a plain dtype"
            ) from None
        is_foreign = stored.raw != dtype or not dtype.isnative
        found = numbers.setdefault((stored.code, shape, is_foreign), len(kinds))
        if found == len(kinds):
            kinds.append((stored, tuple(map(int, shape))))
            foreign.append(is_foreign)
        return found

    # Hashing a dtype is slow, and models have few: they are told apart by identity first. So are shapes.
    numbers_of_shapes = _numbered(subject.shapes)
    keys = _numbered(subject.dtypes) * (numbers_of_shapes.max(initial=0) + 1) + numbers_of_shapes
    if (keys == keys[:1]).all():
        rows, types = [0][: len(keys)], keys
    else:
        _, firsts, types = np.unique(keys, return_index=True, return_inverse=True)
        rows = firsts.tolist()
    found = {row: number(row) for row in sorted({*rows, *texts})}
    types = np.array([found[row] for row in rows], np.int64)[types]
    for row in texts:
        types[row] = found[row]
    return types, kinds, foreign


def _numbered(objects: list[Any]) -> np.ndarray:
    """Return a number for each object; the same one for the same object."""
    ids = identities(objects)
    if (ids == ids[:1]).all():
        return np.zeros(len(ids), np.int64)
    return np.unique(ids, return_inverse=True)[1]


def _packings(subject: _Subject, kinds: list[Kind], types: np.ndarray, options: WriteOptions) -> dict[int, Packing]:
    """Return how the variables that are to be compressed are."""
    packings: dict[int, Packing] = {}
    for row, name in enumerate(subject.names):
        stored, shape = kinds[types[row]]
        size = math.prod(shape) * stored.raw.itemsize
        codec = codec_for(name, size, len(shape), options.compression)
        if codec is not None and row not in subject.aliases:
            chunk = chunk_shape(shape, stored.raw.itemsize)
            packings[row] = Packing(chunk, filters_for(codec, chunk, stored.raw))
    return packings


def _twins(ids: np.ndarray) -> dict[int, int]:
    """Return the rows of objects that an earlier row has, and that row."""
    ordered = np.sort(ids)
    aliases: dict[int, int] = {}
    if (ordered[1:] == ordered[:-1]).any():
        firsts: dict[int, int] = {}
        for row, identity in enumerate(ids.tolist()):
            first = firsts.setdefault(identity, row)
            if first != row:
                aliases[row] = first
    return aliases


def _aliases(names: list[str], values: list[Any]) -> dict[int, int]:
    """Return the rows whose value is the very object of an earlier row, or says so itself, and that row."""
    aliases = _twins(identities(values))
    if any(issubclass(kind, LazyVariable) for kind in set(map(type, values))):
        rows = dict(zip(names, range(len(names)), strict=True))
        for row, value in enumerate(values):
            if isinstance(value, LazyVariable) and value.alias_of in rows and row not in aliases:
                first, second = sorted((rows[value.alias_of], row))
                first = aliases.get(first, first)
                if first != second and second not in aliases and _is_second_name(value, values[rows[value.alias_of]]):
                    aliases[second] = first
    return aliases


def _is_second_name(value: LazyVariable, other: Any) -> bool:
    """Tell whether a lazy variable is a second name of another: after renaming, `alias_of` may name something else."""
    return (
        isinstance(other, LazyVariable)
        and other.name == value.alias_of
        and (other.shape, other.dtype, other.digest) == (value.shape, value.dtype, value.digest)
    )
