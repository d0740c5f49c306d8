"""The contract of a checkpoint format, and what every reader hands out.

A variable in a checkpoint has a global shape, and its bytes are one or more *boxes* of that shape. Most
formats have one box, the whole; a variable written by several processes, or partitioned over shards, has more.
Nothing here says that all boxes are in one file. `tmplcore.testing.FormatContract` proves an implementation.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Final, Self

import numpy as np

from tmplcore.errors import DamagedError, VariableMissingError

__all__ = ["Box", "Damage", "Format", "LazyVariable", "Metadata", "Reader", "WriteOptions"]

_shape: Final = operator.attrgetter("shape")
_dtype: Final = operator.attrgetter("dtype")
_is_plain: Final = operator.attrgetter("flags.carray")  # C order, aligned, writable


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a variable: `offset` and `shape` per axis, in elements of the global shape."""

    offset: tuple[int, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in a checkpoint that is not as it was written.

    Attributes:
        name: The damaged variable; None if it is the structure of the file.
        problem: One line for people.
        file: The file that holds the damage.
        start: First byte of the damaged range in that file, if known.
        stop: One past its last byte, if known.
    """

    name: str | None
    problem: str
    file: str
    start: int | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a checkpoint says of itself, apart from its variables.

    Attributes:
        step: The training step; None where the format does not say.
        time: Seconds since the epoch at saving; None where unknown.
        metrics: Numbers to choose a best checkpoint by (`{"loss": 0.31}`).
        user: What the user gave as `meta=`: any JSON value.
        provenance: Where it came from: git commit and dirty flag, argv, versions, host, seed, parent step,
            rename rules that were applied, the original file's own metadata after a conversion.
        format_version: The version of the file format; None for formats without one.
    """

    step: int | None = None
    time: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    user: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    format_version: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what is known as JSON values, for a format that has a place for text.

        Example:
            >>> Metadata(step=3, metrics={"loss": 0.5}).to_json()
            {'step': 3, 'metrics': {'loss': 0.5}}
        """
        values = {
            "step": self.step,
            "time": self.time,
            "metrics": dict(self.metrics),
            "user": dict(self.user),
            "provenance": dict(self.provenance),
        }
        return {name: value for name, value in values.items() if value not in (None, {})}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], format_version: str | None = None) -> Metadata:
        """Return what `to_json` made. It comes out of a file: whatever is not of its kind is left out.

        Example:
            >>> Metadata.from_json({"step": "three", "metrics": {"loss": 0.5, "note": "x"}})
            Metadata(step=None, time=None, metrics={'loss': 0.5}, user={}, provenance={}, format_version=None)
        """

        def number(value: object) -> bool:
            return isinstance(value, (int, float)) and not isinstance(value, bool)

        def mapping(name: str) -> dict[str, Any]:
            value = values.get(name)
            return value if isinstance(value, dict) else {}

        step, time = values.get("step"), values.get("time")
        return cls(
            step=step if isinstance(step, int) and number(step) else None,
            time=time if number(time) else None,
            metrics={name: value for name, value in mapping("metrics").items() if number(value)},
            user=mapping("user"),
            provenance=mapping("provenance"),
            format_version=format_version,
        )


class LazyVariable(ABC):
    """A variable in a checkpoint; its data is read when it is asked for.

    Attributes:
        name: Its full name.
        shape: Its global shape.
        dtype: Its dtype as the user knows it (bfloat16 is `ml_dtypes.bfloat16`; strings are `object` arrays of
            bytes), whatever the file stores it as.
    """

    __slots__ = ()

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def nbytes(self) -> int:
        """Bytes of the value in memory (for strings: of the stored text)."""
        count = 1
        for length in self.shape:
            count *= length
        return count * self.dtype.itemsize

    @property
    def digest(self) -> str | None:
        """`algorithm:hex` of the little-endian C-order bytes (`xxh3_64:…`), or None if the format keeps none."""
        return None

    @property
    def trainable(self) -> bool | None:
        """Whether an optimizer changes it; None where the format does not say."""
        return None

    @property
    def alias_of(self) -> str | None:
        """The name under which the same stored array is listed first, if this one is a second name of it."""
        return None

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The parts in which it is stored; of what is to be written, the parts that this process has."""
        return (Box((0,) * len(self.shape), self.shape),)

    @abstractmethod
    def __getitem__(self, index: Any) -> np.ndarray:
        """Read a slice (basic NumPy indexing), no more than is needed where the format can. `[...]` reads all."""

    @abstractmethod
    def read_into(self, out: np.ndarray) -> None:
        """Read the whole value into `out` (same shape, same dtype, C order) without a second copy.

        Raises:
            ValueError: `out` has another shape or dtype; the message names the variable.
            DamagedError: The bytes are not there, or not what was written (where the format can tell at no cost).
        """

    def blocks(self, max_bytes: int = 16 << 20) -> Iterator[np.ndarray]:
        """Yield the value in C order as flat arrays of at most `max_bytes` (at least one element) each."""
        if self.dtype.hasobject or self.nbytes <= max_bytes:
            yield self[...].reshape(-1)
            return
        # Fix leading indices until one index of the next axis fits, then take runs of that axis.
        inner, axis = self.nbytes, 0
        while inner // max(self.shape[axis], 1) > max_bytes:
            inner //= max(self.shape[axis], 1)
            axis += 1
        run = max(1, max_bytes // max(inner // max(self.shape[axis], 1), 1))
        for lead in np.ndindex(*self.shape[:axis]):
            for start in range(0, self.shape[axis], run):
                yield self[(*lead, slice(start, start + run))].reshape(-1)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("the value is in a file: an array without a copy is not possible")
        value = self[...]
        return value if dtype is None else value.astype(dtype)

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} is in a file: pickle its value, variable[...], or the open checkpoint")

    def __repr__(self) -> str:
        return f"<{self.name} {self.shape} {self.dtype}>"


class Reader(Mapping[str, LazyVariable], ABC):
    """An open checkpoint: a read-only mapping of names to lazy variables, in the order in which they were saved.

    Opening reads the header at most. A reader is a context manager.

    Attributes:
        path: What was opened.
        format: The name of the format.
        hashed: Whether `verify` compares the data of every variable with a hash or checksum of the file.
    """

    path: Path
    format: str
    hashed: ClassVar[bool] = False

    @property
    @abstractmethod
    def meta(self) -> Metadata:
        """What the checkpoint says of itself."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the checkpoint consists of, those of other checkpoints that it refers to among them."""
        return (self.path,)

    @property
    def aliases(self) -> Mapping[str, str]:
        """The names that are second names of a stored array, and the name under which it is listed first."""
        return {name: twin for name, variable in self.items() if (twin := variable.alias_of) is not None}

    def columns(self) -> tuple[Sequence[tuple[int, ...]], Sequence[np.dtype[Any]]]:
        """Return shapes and dtypes of all variables as two lists, without an object for each variable."""
        variables = list(self.values())
        return [variable.shape for variable in variables], [variable.dtype for variable in variables]

    def lists(self, names: Collection[str]) -> bool:
        """Tell whether these are the names of all variables, in the order of the checkpoint."""
        return list(names) == list(self)

    def fits(self, arrays: Mapping[str, np.ndarray]) -> bool:
        """Tell whether these arrays are to take all variables, in the checkpoint's order, and can as they are.

        They have the right shapes and dtypes (no text), are in C order and can be written to. This costs no more than
        the comparisons: no object is made for a variable.
        """
        if not self.lists(arrays):
            return False
        shapes, dtypes = self.columns()
        values = arrays.values()
        return (
            all(map(operator.eq, map(_shape, values), shapes))
            and list(map(_dtype, values)) == dtypes
            and all(map(_is_plain, values))
            and not any(dtype.hasobject for dtype in set(dtypes))
        )

    def __contains__(self, name: object) -> bool:
        # Mapping's own methods wait for a KeyError; a missing variable is a LookupError with a message that reads well.
        return isinstance(name, str) and self.get(name) is not None

    def get(self, name: str, default: Any = None) -> Any:
        """Return the variable of that name, or `default`."""
        try:
            return self[name]
        except VariableMissingError:
            return default

    def read(
        self, names: Iterable[str] | None = None, *, mapped: bool = False, verify: bool = False
    ) -> dict[str, np.ndarray]:
        """Return the named variables (all by default) as arrays, several at a time where the format gains by it.

        Args:
            names: Which variables, in which order.
            mapped: Read-only arrays over the mapped file, where the format can: nothing is read until it is used,
                and the arrays outlive the reader. Others are read. The file must not be changed in place.
            verify: Check every content hash that the format keeps.

        Raises:
            DamagedError: A hash does not match, or bytes are missing.
        """
        variables = {name: self[name] for name in (self if names is None else names)}
        numeric = {n: np.empty(v.shape, v.dtype) for n, v in variables.items() if not v.dtype.hasobject}
        self.read_into(numeric, verify=verify)
        if verify and self.hashed and (texts := [name for name in variables if name not in numeric]):
            self.require_intact(texts)
        return {name: numeric[name] if name in numeric else variables[name][...] for name in variables}

    def read_into(self, targets: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        """Fill existing arrays, several at a time where the format gains by it.

        Args:
            targets: Names and C-order arrays of the right shape and dtype. Not necessarily all variables.
            verify: Check every content hash that the format keeps.

        Raises:
            DamagedError: A hash does not match, or bytes are missing. Its `damage` lists what; arrays may
                have been overwritten, and `overwritten` names them.
        """
        for name, out in targets.items():
            self[name].read_into(out)

    def fill(self, arrays: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        """Do what `read_into` does for arrays that are known to fit: a format need not look at each of them again.

        They have the right shapes and dtypes (no text), are in C order and writable.
        """
        self.read_into(arrays, verify=verify)

    def verify(
        self, names: Iterable[str] | None = None, *, jobs: int = 1, progress: Callable[[int], None] | None = None
    ) -> Iterator[Damage]:
        """Check the structure, and every hash of the named variables (all by default); yield what is wrong.

        A format without hashes checks that every byte can be read. Damage never raises here.
        """
        for name in self if names is None else names:
            try:
                for block in self[name].blocks():
                    if progress is not None:
                        progress(block.nbytes)
            except Exception as error:  # any failure to read is the finding
                yield Damage(name, f"cannot be read: {error}", str(self.path))

    def require_intact(self, names: Iterable[str]) -> None:
        """Check every hash of the named variables, reading every byte.

        Raises:
            DamagedError: One does not hold.
        """
        if damage := tuple(self.verify(names)):
            raise DamagedError(
                f"{damage[0].file}: {damage[0].name!r}: {damage[0].problem}",
                hint=f"copy or download it again, or keep what is intact: tmplctl verify {self.path} --salvage OUT",
                damage=damage,
            )

    def close(self) -> None:
        """Give the file back. Mapped arrays that were handed out stay valid."""

    def __reduce__(self) -> Any:
        # Another process opens the file anew: a descriptor of this one means something else there.
        from tmplcore.checkpoint.files import open_checkpoint

        return open_checkpoint, (self.path.absolute(),)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How a checkpoint is to be written.

    Attributes:
        durable: fsync the data before returning.
        compression: Glob pattern of variable names → codec (`{"*": "zstd"}`); formats that cannot compress refuse it.
        trainable: Which names are trainable; None where the source does not know.
        progress: Called with the number of bytes written since the last call.
    """

    durable: bool = True
    compression: Mapping[str, str] = field(default_factory=dict)
    trainable: frozenset[str] | None = None
    progress: Callable[[int], None] | None = None


class Format(ABC):
    """A file format for checkpoints. Subclasses are final.

    Attributes:
        name: What `--format` and the configuration call it.
        suffixes: File-name endings, the preferred one first.
        writable: Whether `write` works.
    """

    name: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]
    writable: ClassVar[bool] = False

    @abstractmethod
    def open(self, path: Path) -> Reader:
        """Open a checkpoint. The file is untrusted: nothing in it is executed, followed out of it, or believed.

        Raises:
            CheckpointNotFoundError: There is nothing at `path`.
            UnreadableError: It is not of this format.
            LaterVersionError: It is of a version of it that is not known here.
            DamagedError: It is, but it is cut short or its structure does not hold.
            UntrustedError: It asks for what no checkpoint needs.
        """

    def open_damaged(self, path: Path) -> Reader:
        """Open a checkpoint as far as it can be understood, for `verify` and to salvage what is intact.

        Variables whose bytes are missing are listed like the others; `Reader.verify` reports them and reading one
        raises `DamagedError`. A format whose structure cannot be half right opens it like any other.

        Raises:
            CheckpointNotFoundError: There is nothing at `path`.
            UnreadableError: It is not of this format.
            DamagedError: Not even the list of variables can be read.
            UntrustedError: It asks for what no checkpoint needs.
        """
        return self.open(path)

    def write(
        self,
        path: Path,
        variables: Mapping[str, np.ndarray | LazyVariable],
        meta: Metadata,
        options: WriteOptions = WriteOptions(),
    ) -> None:
        """Write a new file at `path`, which does not exist yet; the caller moves it into place when it is whole.

        If a variable cannot be stored, nothing is left at `path`: look at all of them before opening it.

        Arrays are written from their own memory; lazy variables block by block. Two names with the very same
        array (or with one `alias_of` the other) are stored once where the format can.

        Raises:
            SaveError: A name or a dtype cannot be stored in this format; it names the variable.
        """
        raise TypeError(f"the {self.name} format cannot be written")
