"""TensorFlow V2 bundles: an index that names every tensor, and data shards that hold nothing but their bytes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, final

import google_crc32c
import numpy as np

from tmpl_tensorflow.entries import (
    DTYPES,
    FULL,
    STRING,
    Entry,
    Header,
    parse_entry,
    parse_header,
    slice_key,
)
from tmpl_tensorflow.locate import index_path, locate, shard_path
from tmpl_tensorflow.table import entries
from tmpl_tensorflow.variables import OpaqueVariable, SlicedVariable, TextVariable, cover
from tmplcore.checkpoint.format import Box, Damage, Format, LazyVariable, Metadata, Reader
from tmplcore.checkpoint.stored import InputFile, StoredArray
from tmplcore.errors import CheckpointNotFoundError, DamagedError, UnreadableError, VariableMissingError

__all__ = ["BundleFormat", "BundleReader"]

_CONSUMER = 1  # the version of the bundle format that this reader knows
_AT_ONCE = 4 << 20  # bytes that `verify` reads at a time
_NUMPY_AXES = 64  # the most that an array can have


@final
class BundleReader(Reader):
    """An open bundle. The index has been read whole; data is read when asked for.

    Args:
        prefix: The bundle's prefix (see `tmpl_tensorflow.locate`).
        damaged: Open it even if data is missing.
    """

    format = "tensorflow"
    hashed = True

    def __init__(self, prefix: Path, *, damaged: bool = False) -> None:
        self.path = prefix
        self._index = index_path(prefix)
        with InputFile(self._index) as file:
            self._header, tensors = self._read_index(file)
        self._entries: dict[str, Entry] = {}
        self._slices: dict[str, dict[Box, Entry]] = {}
        self._sort_out(tensors)
        self._shards: dict[int, InputFile] = {}
        self._missing = {number: problem for number in self._shards_used() if (problem := self._open_shard(number))}
        if not damaged:
            self._refuse_damage()

    def _read_index(self, file: InputFile) -> tuple[Header, dict[bytes, Entry]]:
        header: Header | None = None
        tensors: dict[bytes, Entry] = {}
        for key, value in entries(file):
            try:
                if key:
                    tensors[key] = parse_entry(value)
                else:
                    header = parse_header(value)
            except DamagedError as error:
                what = f"the entry of {_text(key)!r}" if key else "the header"
                raise self._damaged(f"{what}: {error}") from error
            if header is None:
                raise UnreadableError(
                    f"{self._index}: is a sorted table, but not the index of a V2 checkpoint",
                    hint="a V1 checkpoint is one file, without .index; convert it with TensorFlow's Saver",
                )
        if header is None:
            raise self._damaged("it is empty")
        if header.min_consumer > _CONSUMER:
            raise UnreadableError(
                f"{self._index}: asks for a reader of version {header.min_consumer}; this one knows {_CONSUMER}",
                hint="a newer tmplcore may read it",
            )
        return header, tensors

    def _sort_out(self, tensors: dict[bytes, Entry]) -> None:
        """Tell variables from the slices of variables, and check that they can be what they say."""
        slices: set[bytes] = set()
        for key, entry in tensors.items():
            if key in slices:
                continue
            name = _text(key)
            if name in self._entries:
                raise self._damaged(f"two variables are called {name!r}")
            self._entries[name] = entry
            if entry.slices:
                parts = self._slices[name] = {}
                for extents in entry.slices:
                    part_key = slice_key(key, extents)
                    box = _box(entry.shape, extents)
                    if (part := tensors.get(part_key)) is None or box in parts or part.slices:
                        raise self._damaged(f"the slice {extents} of {name!r} is not in the index as it should be")
                    if part.shape != box.shape or part.dtype != entry.dtype:
                        raise self._damaged(f"the slice {extents} of {name!r} has another shape or dtype than {name!r}")
                    parts[box] = part
                    slices.add(part_key)
                if not cover(entry.shape, parts):
                    raise self._damaged(f"the slices of {name!r} do not cover its shape {entry.shape} exactly")
        # A slice sorts before every name, so it was taken for a variable until its own variable was seen.
        for key in slices:
            self._entries.pop(_text(key), None)
        self._check_places()

    def _check_places(self) -> None:
        """No two tensors share bytes: a small file cannot stand for much more than it holds."""
        places = []
        for name, entry in self._stored():
            if entry.shard >= self._header.shards:
                raise self._damaged(f"{name!r} is in data file {entry.shard} of {self._header.shards}")
            if entry.dtype in DTYPES and entry.dtype != STRING:
                expected = math.prod(entry.shape) * DTYPES[entry.dtype].itemsize
                if expected != entry.size:
                    raise self._damaged(f"{name!r} needs {expected} bytes, but {entry.size} are stored")
            if entry.size:
                places.append((entry.shard, entry.offset, entry.offset + entry.size, name))
        places.sort()
        for (shard, _, stop, name), (next_shard, start, _, next_name) in itertools.pairwise(places):
            if shard == next_shard and start < stop:
                raise self._damaged(f"{name!r} and {next_name!r} claim the same bytes")

    def _stored(self) -> Iterator[tuple[str, Entry]]:
        """Yield everything that lies in a data file, under the name of its variable."""
        for name, entry in self._entries.items():
            if name in self._slices:
                for part in self._slices[name].values():
                    yield name, part
            else:
                yield name, entry

    def _shards_used(self) -> list[int]:
        return sorted({entry.shard for _, entry in self._stored()})

    def _open_shard(self, number: int) -> str:
        """Open a data file; return what is wrong with it as a whole."""
        path = shard_path(self.path, number, self._header.shards)
        try:
            self._shards[number] = InputFile(path)
        except CheckpointNotFoundError:
            return f"the data file {path.name} is missing"
        except UnreadableError as error:
            return str(error)
        return ""

    def _refuse_damage(self) -> None:
        """Raise for data that is not there."""
        damage = [found for name in self._entries for found in self._absent(name)]
        if not damage:
            return
        names = {found.name for found in damage}
        first = damage[0]
        if self._missing:
            number = min(self._missing)
            path = shard_path(self.path, number, self._header.shards)
            self.close()
            raise DamagedError(
                f"{path}: {self._missing[number]}; the index alone has no values"
                if path.exists()
                else f"{path}: no such file: the index {self._index.name} is here, but this data file of it is missing",
                hint="copy it beside the index; .index and all .data-* files belong together",
                damage=damage,
            )
        self.close()
        size = Path(first.file).stat().st_size
        raise DamagedError(
            f"{first.file}: was cut short: it ends at byte {size}, but {len(names)} of {len(self._entries)} variables "
            f"lie beyond ({first.name!r} ends at {first.stop})",
            hint=f"copy or download it again, or keep what is intact: tmplctl verify {self.path} --salvage OUT",
            damage=damage,
        )

    def _absent(self, name: str) -> Iterator[Damage]:
        """Yield the pieces of a variable whose bytes are not there."""
        for entry in self._pieces(name):
            stop = entry.offset + entry.size
            problem = self._missing.get(entry.shard)
            if problem is None and stop > self._shards[entry.shard].size:
                problem = "the data file was cut short"
            if problem is not None:
                path = str(shard_path(self.path, entry.shard, self._header.shards))
                yield Damage(name, problem, path, entry.offset, stop)

    def _pieces(self, name: str) -> Iterable[Entry]:
        return self._slices[name].values() if name in self._slices else [self._entries[name]]

    def _damaged(self, problem: str) -> DamagedError:
        return DamagedError(
            f"{self._index}: the checkpoint index is damaged: {problem}", hint="copy or download it again"
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, name: str) -> LazyVariable:
        entry = self._entries.get(name)
        if entry is None:
            raise VariableMissingError(f"{self.path}: has no variable {name!r}", hint="tmplctl show lists them")
        parts = self._slices.get(name)
        if parts is None:
            return self._variable(name, entry)
        return SlicedVariable(name, entry.shape, [(box, self._variable(name, part)) for box, part in parts.items()])

    def _variable(self, name: str, entry: Entry) -> LazyVariable:
        if (problem := self._missing.get(entry.shard)) is not None:
            return OpaqueVariable(name, entry.shape, entry.size, problem)
        file = self._shards[entry.shard]
        big = self._header.big_endian
        if len(entry.shape) > _NUMPY_AXES:
            return OpaqueVariable(name, entry.shape, entry.size, f"it has {len(entry.shape)} axes, too many for NumPy")
        if entry.dtype == STRING:
            return TextVariable(name, entry.shape, file, entry.offset, entry.size, big_endian=big)
        if entry.dtype not in DTYPES:
            return OpaqueVariable(name, entry.shape, entry.size, f"its type (number {entry.dtype}) is no array")
        dtype = DTYPES[entry.dtype]
        swapped = big and dtype.itemsize > 1
        return StoredArray(
            name,
            entry.shape,
            dtype,
            file,
            entry.offset,
            swapped=swapped,
            # The digest is of little-endian bytes, the stored checksum of the bytes as they are stored.
            digest=None if swapped else f"crc32c:{entry.crc:08x}",
        )

    @property
    def meta(self) -> Metadata:
        """The step, where a variable `global_step` or the prefix tells it (`model.ckpt-1000`); the bundle's version."""
        return Metadata(
            step=self._step(),
            provenance={"tensorflow": {"producer": self._header.producer, "shards": self._header.shards}},
            format_version=f"V2.{self._header.producer}",
        )

    def _step(self) -> int | None:
        entry = self._entries.get("global_step")
        if entry is not None and entry.shape == () and entry.dtype in DTYPES and DTYPES[entry.dtype].kind in "iu":
            try:
                return int(self["global_step"][...])
            except UnreadableError:
                return None
        _, dash, digits = self.path.name.rpartition("-")
        return int(digits) if dash and digits.isascii() and digits.isdigit() and len(digits) < 20 else None

    @property
    def files(self) -> tuple[Path, ...]:
        """The index and all data files."""
        count = self._header.shards
        return (self._index, *(shard_path(self.path, number, count) for number in range(count)))

    def read_into(self, targets: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        """Fill existing arrays; with `verify`, check the checksums of what was read."""
        done: list[str] = []
        for name, out in targets.items():
            done.append(name)
            self[name].read_into(out)
        damage = list(self.verify(targets)) if verify else []
        if damage:
            raise DamagedError(
                f"{damage[0].file}: {damage[0].name!r}: {damage[0].problem}",
                hint=f"copy or download it again, or keep what is intact: tmplctl verify {self.path} --salvage OUT",
                damage=damage,
                overwritten=done,
            )

    def verify(
        self, names: Iterable[str] | None = None, *, jobs: int = 1, progress: Callable[[int], None] | None = None
    ) -> Iterator[Damage]:
        """Compare each variable with its stored checksum; the index's own were checked when it was opened."""
        pieces = [(name, entry) for name in (self if names is None else names) for entry in self._pieces(name)]
        with ThreadPoolExecutor(max(1, jobs)) as pool:
            for found in pool.map(lambda piece: self._check(piece[0], piece[1], progress), pieces):
                if found is not None:
                    yield found

    def _check(self, name: str, entry: Entry, progress: Callable[[int], None] | None) -> Damage | None:
        path = str(shard_path(self.path, entry.shard, self._header.shards))
        start, stop = entry.offset, entry.offset + entry.size
        if entry.shard in self._missing:
            return Damage(name, self._missing[entry.shard], path, start, stop)
        file = self._shards[entry.shard]
        crc = 0
        try:
            if entry.dtype == STRING:
                crc = TextVariable(
                    name, entry.shape, file, start, entry.size, big_endian=self._header.big_endian
                ).checksum()
            for place in range(start, stop, _AT_ONCE):
                count = min(_AT_ONCE, stop - place)
                if entry.dtype != STRING:
                    crc = google_crc32c.extend(crc, file.read(place, count))
                if progress is not None:
                    progress(count)
        except UnreadableError as error:
            return Damage(name, str(error), path, start, stop)
        if crc == entry.crc or entry.dtype not in DTYPES:
            return None
        return Damage(name, f"its checksum is {crc:08x}, but {entry.crc:08x} was written", path, start, stop)

    def close(self) -> None:
        """Give the files back."""
        for file in self._shards.values():
            file.close()


def _text(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")


def _box(shape: tuple[int, ...], extents: tuple[tuple[int, int], ...]) -> Box:
    return Box(
        tuple(start for start, _ in extents),
        tuple(whole if length == FULL else length for whole, (_, length) in zip(shape, extents, strict=True)),
    )


@final
class BundleFormat(Format):
    """The TensorFlow V2 bundle, which `tf.train.Saver` and `tf.train.Checkpoint` write."""

    name: ClassVar[str] = "tensorflow"
    suffixes: ClassVar[tuple[str, ...]] = (".index",)

    def open(self, path: Path) -> BundleReader:
        """Open a bundle by its prefix, one of its files, or its directory."""
        return BundleReader(locate(path))

    def open_damaged(self, path: Path) -> BundleReader:
        """Open a bundle whose data may be incomplete; its index must be whole."""
        return BundleReader(locate(path), damaged=True)
