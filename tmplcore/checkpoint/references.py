"""The words by which a checkpoint of a directory is named: `latest`, `best`, `latest~2`, a step, a tag."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Self, final

from tmplcore.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["Reference"]

_BACK: Final = re.compile(r"(.+?)(?:~(\d{0,9}))?", re.DOTALL)


@final
@dataclass(frozen=True, slots=True)
class Reference:
    """What a word means.

    Attributes:
        kind: `latest`, `best`, `step` or `tag`.
        step: The number of a step.
        tag: The name of a tag.
        back: How many valid checkpoints before it; for `best`, how many places down the ranking.

    Example:
        >>> Reference.parse("latest~2")
        Reference(kind='latest', step=None, tag=None, back=2)
        >>> Reference.parse("100").step, Reference.parse(100).step, Reference.parse("release").tag
        (100, 100, 'release')
    """

    kind: str
    step: int | None = None
    tag: str | None = None
    back: int = 0

    @classmethod
    def parse(cls, text: str | int) -> Self:
        """Read a reference.

        Raises:
            InvalidTypeError: It is neither text nor an integer.
            InvalidArgumentError: It is empty.
        """
        if isinstance(text, bool) or not (isinstance(text, str) or hasattr(text, "__index__")):
            raise InvalidTypeError(
                f"a checkpoint is named by a text or a step, not {text!r}", hint="'latest', 'best~1', 100, 'release'"
            )
        if not isinstance(text, str):
            return cls("step", step=text.__index__())
        found = _BACK.fullmatch(text)
        if found is None:
            raise InvalidArgumentError("a checkpoint is named by an empty text", hint="'latest', 'best~1', '100'")
        word, number = found[1], found[2]
        back = 0 if number is None else int(number or 1)
        if word in ("latest", "best"):
            return cls(word, back=back)
        if word.isascii() and word.isdecimal():
            return cls("step", step=int(word), back=back)
        return cls("tag", tag=word, back=back)
