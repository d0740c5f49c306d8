"""Numbers, sizes, times and names as people read them."""

from __future__ import annotations

import functools
import math

__all__ = ["age", "clean", "count", "number", "shape", "size", "utf8"]

_BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(nbytes: float) -> str:
    """Return a number of bytes in the unit that fits.

    Example:
        >>> size(512), size(4_300_000)
        ('512 B', '4.1 MiB')
    """
    value = float(nbytes)
    for unit in _BINARY:
        if value < 1024 or unit == _BINARY[-1]:
            break
        value /= 1024
    return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"


def age(seconds: float) -> str:
    """Return how long ago something was.

    Example:
        >>> age(5), age(7200), age(86400 * 3)
        ('5s', '2h', '3d')
    """
    if seconds < 0:
        return "in the future" if seconds < -60 else "0s"
    for length, unit in ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{int(seconds)}s"


def number(value: float, digits: int = 6) -> str:
    """Return a number in at most so many significant digits; whole ones below a billion have all of theirs.

    Example:
        >>> number(0.1 + 0.2), number(float("nan")), number(1e-30)
        ('0.3', 'NaN', '1e-30')
    """
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if abs(value) < 1e9 and value == int(value):
        return str(int(value))
    return f"{value:.{digits}g}"


def count(amount: int, word: str) -> str:
    """Return an amount with its noun.

    Example:
        >>> count(1, "variable"), count(2000, "variable")
        ('1 variable', '2,000 variables')
    """
    plural = word if amount == 1 else word[:-1] + "ies" if word.endswith("y") else word + "s"
    return f"{amount:,} {plural}"


@functools.lru_cache(maxsize=4096)  # a model has few shapes for its many variables
def shape(lengths: tuple[int, ...] | None) -> str:
    """Return a shape as it is written: `[3, 4]`, and `scalar`."""
    if lengths is None:
        return "unknown"
    return "[" + ", ".join(str(length) for length in lengths) + "]" if lengths else "scalar"


def utf8(text: str) -> str:
    """Return text that can be encoded: a file name's undecodable bytes become replacement characters."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return text


def clean(text: str) -> str:
    r"""Return text that does nothing to a terminal: names in files are somebody else's.

    Example:
        >>> clean("a\x1b[31mb")
        'a\\x1b[31mb'
    """
    if text.isprintable():
        return text
    text = utf8(text)
    return "".join(
        c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() if c != "\t" else "    "
        for c in text
    )
