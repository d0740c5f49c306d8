"""Random numbers that depend on a seed and a variable's name, and on nothing else.

Each variable has a stream of its own: Philox, a counter-based generator, keyed by a hash of (seed, name). So a
model starts equal whatever the order in which its variables are made, the process, the thread or the backend.
A stream is drawn in blocks of `BLOCK` elements, each from the start of its own generator: a value made whole is
the value made by blocks, bit for bit, and a block can be made without those before it.

While a variable is created, `drawing(seed, name)` says whose stream is meant; initializers ask for theirs
with `next_stream`. One that draws twice (four gates, each orthogonal) gets another stream each time.
"""

from __future__ import annotations

import operator
from contextvars import ContextVar, Token
from hashlib import blake2b
from types import TracebackType
from typing import Any, Final, final

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from tmplcore.errors import InvalidTypeError

__all__ = ["BLOCK", "Stream", "begin", "drawing", "end", "next_stream"]

BLOCK: Final = 1 << 18
"""Elements in a block. It is part of what the values are: another number makes other values."""


@final
class _Key(ISeedSequence):
    """Gives a bit generator exactly these words as its key."""

    def __init__(self, words: np.ndarray) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        """Return the words; Philox asks for two of 64 bits."""
        return self._words


@final
class Stream:
    """The random numbers of one variable.

    Args:
        seed: Any integer.
        name: The variable's name.
        draw: Which of the streams under that name, for initializers that draw several times.

    Example:
        >>> stream = Stream(0, "dense/kernel")
        >>> stream.generator(0).random() == Stream(0, "dense/kernel").generator(0).random()
        True
        >>> stream.generator(0).random() == Stream(0, "dense/bias").generator(0).random()
        False
    """

    __slots__ = ("_words",)

    def __init__(self, seed: int, name: str, draw: int = 0) -> None:
        try:
            number = operator.index(seed)
        except TypeError:
            raise InvalidTypeError(f"a seed must be an integer, not {seed!r}", hint="seed=42") from None
        digest = blake2b(f"{number}\0{draw}\0{name}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        self._words = np.frombuffer(digest, dtype="<u8").astype(np.uint64)

    def generator(self, block: int) -> np.random.Generator:
        """Return the generator of one block, at its start."""
        words = self._words if block == 0 else self._words + np.array([0, block], np.uint64)
        key: Any = _Key(words)  # NumPy's stubs know of no seed sequence but its own
        return np.random.Generator(np.random.Philox(key))


# Of the variable that is being created: the store's seed, the name, and how many streams it has taken.
_current: ContextVar[list[Any] | None] = ContextVar("tmplcore_drawing", default=None)


def begin(seed: int, name: str) -> Token[list[Any] | None]:
    """Let random numbers be those of one variable until `end(token)`: `drawing`, for each new variable."""
    return _current.set([seed, name, 0])


end: Final = _current.reset


@final
class drawing:  # noqa: N801 - used like a function: `with drawing(seed, name):`
    """For the length of a `with` block, random numbers are those of one variable.

    Args:
        seed: The store's seed.
        name: The variable's name.

    Example:
        >>> from tmplcore.initializers import RandomNormal
        >>> with drawing(0, "dense/kernel"):
        ...     first = RandomNormal()([2])
        >>> with drawing(0, "dense/kernel"):
        ...     again = RandomNormal()([2])
        >>> bool((first == again).all())
        True
    """

    __slots__ = ("_name", "_seed", "_token")

    def __init__(self, seed: int, name: str) -> None:
        self._seed = seed
        self._name = name
        self._token: Token[list[Any] | None]

    def __enter__(self) -> None:
        self._token = begin(self._seed, self._name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        end(self._token)


def next_stream(seed: int | None = None) -> Stream:
    """Return the stream of the variable that is being created, a new one at each call.

    Outside a creation the name is empty, so that an initializer called by hand gives the same numbers each time.

    Args:
        seed: An initializer's own seed, used in place of the store's.
    """
    current = _current.get()
    if current is None:
        return Stream(0 if seed is None else seed, "")
    ours, name, draw = current
    current[2] = draw + 1
    return Stream(ours if seed is None else seed, name, draw)
