"""Variables on their way from one checkpoint into another, or into a program: a damaged one gets no further."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, final

import numpy as np

from tmplcore.checkpoint.casting import cast_array, is_float, is_inexact
from tmplcore.checkpoint.format import Box, LazyVariable, Reader
from tmplcore.checkpoint.hashing import content, hasher
from tmplcore.errors import DamagedError

__all__ = ["PassedOn"]

_HINT: Final = "tmplctl verify names all the damage, and with --salvage writes what is intact"


@final
class PassedOn(LazyVariable):
    """A variable of one checkpoint on its way into another: renamed, cast, and its hash checked as it is read.

    Args:
        name: Its new name.
        source: The variable.
        reader: The checkpoint that it is a variable of, which is asked where the hash cannot be followed as the value
            is read: of text, of a part, and where the format has checksums of its own. Without it, nobody is asked.
        dtype: Its new dtype; None keeps it.
        alias: The new name of the variable that it is a second name of.
        verify: Check the hash as the value is read.

    Attributes:
        overflowed: How many finite elements the cast has made infinite so far.
    """

    __slots__ = ("_alias", "_checked", "_reader", "_source", "_verify", "dtype", "name", "overflowed", "shape")

    def __init__(
        self,
        name: str,
        source: LazyVariable,
        reader: Reader | None = None,
        *,
        dtype: np.dtype[Any] | None = None,
        alias: str | None = None,
        verify: bool = True,
    ) -> None:
        self.name = name
        self.shape = source.shape
        self.dtype = source.dtype if dtype is None else dtype
        self.overflowed = 0
        self._source = source
        self._alias = alias
        self._reader = reader
        self._verify = verify
        self._checked = False

    @property
    def is_cast(self) -> bool:
        """Whether the dtype changes."""
        return self.dtype != self._source.dtype

    @property
    def source(self) -> LazyVariable:
        """The variable that is read."""
        return self._source

    @property
    def nbytes(self) -> int:
        """As it is written."""
        return super().nbytes if self.is_cast else self._source.nbytes

    @property
    def digest(self) -> str | None:
        """The known hash, which a cast makes void."""
        return None if self.is_cast else self._source.digest

    @property
    def trainable(self) -> bool | None:
        """As it was."""
        return self._source.trainable

    @property
    def alias_of(self) -> str | None:
        """As it was, in new names."""
        return self._alias

    @property
    def boxes(self) -> tuple[Box, ...]:
        """As they were."""
        return self._source.boxes

    def _cast(self, block: np.ndarray) -> np.ndarray:
        if not self.is_cast:
            return block
        new = cast_array(block, self.dtype)
        if is_float(self.dtype) and block.size:
            before = np.count_nonzero(np.isfinite(block)) if is_inexact(block.dtype) else block.size
            self.overflowed += int(before - np.count_nonzero(np.isfinite(new)))
        return new

    def __getitem__(self, index: Any) -> np.ndarray:
        if index is not Ellipsis:
            self._ask()
            return self._cast(self._source[index])
        hash_ = self._hasher()
        value = self._source[...]
        if hash_ is not None:
            hash_.update(content(value))
            self._compare(hash_)
        return self._cast(value)

    def read_into(self, out: np.ndarray) -> None:
        """Fill `out`."""
        if self.is_cast:
            out[...] = self[...]
            return
        hash_ = self._hasher()
        self._source.read_into(out)
        if hash_ is not None:
            hash_.update(content(out))
            self._compare(hash_)

    def blocks(self, max_bytes: int = 16 << 20) -> Iterator[np.ndarray]:
        """Yield the value, and raise at its end if it is not what was written."""
        hash_ = self._hasher()
        for block in self._source.blocks(max_bytes):
            if hash_ is not None:
                hash_.update(content(block))
            yield self._cast(block)
        if hash_ is not None:
            self._compare(hash_)

    def _hasher(self) -> Any:
        """Return what hashes the value as it is read; None if there is nothing to compare it with."""
        if not self._verify:
            return None
        digest = self._source.digest
        hash_ = None if digest is None or self._source.dtype.hasobject else hasher(digest.partition(":")[0])
        if hash_ is None:
            self._ask()
        return hash_

    def _compare(self, hash_: Any) -> None:
        if hash_.hexdigest() != str(self._source.digest).partition(":")[2]:
            raise DamagedError(f"{self._source.name!r} is damaged: its content hash does not hold", hint=_HINT)

    def _ask(self) -> None:
        """Let the reader check the value, once."""
        if self._checked or not self._verify or self._reader is None or not self._reader.hashed:
            return
        for damage in self._reader.verify([self._source.name]):
            raise DamagedError(f"{self._source.name!r} is damaged: {damage.problem}", hint=_HINT, damage=[damage])
        self._checked = True
