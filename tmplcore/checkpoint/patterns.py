r"""The pattern language for variable names, the same wherever names are chosen or renamed.

| pattern | matches |
| --- | --- |
| `dense/kernel` | that name |
| `dense/` | everything below that scope; `/` alone: everything |
| `*/kernel`, `layer_?/w` | `*` any text (across `/` too), `?` one character; the whole name must fit |
| `re:layer_(\d+)/` | a regular expression, found anywhere in the name; `^` and `$` pin it |
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any

from tmplcore.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["Selection", "expression", "is_glob", "matcher"]

REGEX = "re:"

# `regex` can be stopped where `re` cannot: names come from files that may have been made to trap a careless pattern.
_TIMEOUT_SECONDS = 1.0

_WILDCARDS = {"*": "(.*)", "?": "(.)"}


def matcher(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether a name fits a pattern.

    Raises:
        InvalidArgumentError: The pattern is empty, or no regular expression.

    Example:
        >>> [matcher(p)("dense/kernel") for p in ("dense/kernel", "dense/", "*/kernel", "re:k.rn", "dense")]
        [True, True, True, True, False]
    """
    if not isinstance(pattern, str):
        raise InvalidTypeError(f"a pattern for names is a str, not {type(pattern).__name__}: {pattern!r}")
    if not pattern:
        raise InvalidArgumentError("a pattern for names is empty", hint="'*' matches every name")
    if pattern.startswith(REGEX):
        compiled = expression(pattern.removeprefix(REGEX))
        return lambda name: run(compiled.search, pattern, name) is not None
    if is_glob(pattern):
        return _glob_matcher(pattern)
    if pattern.endswith("/"):
        return (lambda name: True) if pattern == "/" else (lambda name: name.startswith(pattern))
    return lambda name: name == pattern


def is_glob(pattern: str) -> bool:
    """Tell whether a pattern has wildcards."""
    return "*" in pattern or "?" in pattern


def glob_expression(pattern: str) -> re.Pattern[str]:
    r"""Return the regular expression of a glob, with one group for each wildcard.

    Example:
        >>> glob_expression("a/*/w?").fullmatch("a/b/c/w1").groups()
        ('b/c', '1')
    """
    pattern = re.sub(r"\*+", "*", pattern)
    return re.compile("".join(_WILDCARDS.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def expression(pattern: str) -> Any:
    """Compile a regular expression (syntax and meaning of the module `re`).

    Raises:
        InvalidArgumentError: It is none.
    """
    import regex  # here, because most runs never use a regular expression

    try:
        return regex.compile(pattern, regex.V0)
    except regex.error as error:
        raise InvalidArgumentError(
            f"{REGEX}{pattern!r} is not a regular expression: {error}", hint="escape special characters with \\"
        ) from error


def run(search: Callable[..., Any], pattern: str, *arguments: Any) -> Any:
    """Run a method of a compiled regular expression, but not for ever.

    Raises:
        InvalidArgumentError: The pattern backtracks without end on some name.
    """
    try:
        return search(*arguments, timeout=_TIMEOUT_SECONDS)
    except TimeoutError:
        raise InvalidArgumentError(
            f"the pattern {pattern!r} takes too long on the name {arguments[-1][:80]!r}",
            hint="nested repeats such as (a+)+ try every way to split a name; write it without nesting",
        ) from None


class Selection:
    """Which names to take: those that fit one of `include` (all, if it is None) and none of `exclude`.

    Args:
        include: One pattern, or several; None for all names.
        exclude: One pattern, or several.

    Example:
        >>> chosen = Selection("dense/", ["*/Adam", "*/Adam_1"])
        >>> [name for name in ("dense/kernel", "dense/kernel/Adam", "conv/w") if chosen(name)]
        ['dense/kernel']
    """

    __slots__ = ("_exclude", "_include", "everything", "exclude", "include")

    def __init__(self, include: str | Iterable[str] | None = None, exclude: str | Iterable[str] | None = None) -> None:
        self.include = None if include is None else _patterns(include)
        self.exclude = _patterns(exclude or ())
        self.everything = self.include is None and not self.exclude
        self._include = [matcher(pattern) for pattern in self.include or ()]
        self._exclude = [matcher(pattern) for pattern in self.exclude]

    def __reduce__(self) -> Any:
        return Selection, (self.include, self.exclude)

    def __call__(self, *names: str) -> bool:
        """Tell whether a variable with these names (its name in the file, its name in the target) is taken."""
        if self.everything:
            return True
        if any(fits(name) for fits in self._exclude for name in names):
            return False
        return self.include is None or any(fits(name) for fits in self._include for name in names)

    def reaches(self, scope: str) -> bool:
        """Tell whether a name below a scope might be taken, where nobody knows which names there are.

        Example:
            >>> chosen = Selection(["dense/", "*/Adam"], "conv/")
            >>> chosen.reaches("dense"), chosen.reaches("other"), chosen.reaches("conv")
            (True, True, False)
            >>> Selection("dense/").reaches("other")
            False
        """
        if any(fits(name) for fits in self._exclude for name in (scope, f"{scope}/")):
            return False
        return self.include is None or any(_may_fit_below(pattern, scope) for pattern in self.include)

    def idle(self, names: Iterable[str]) -> list[str]:
        """Return the patterns of `include` that fit none of the names; each is nearly always a slip of the pen."""
        names = list(names)
        return [
            pattern
            for pattern, fits in zip(self.include or (), self._include, strict=True)
            if not any(fits(name) for name in names)
        ]


def _may_fit_below(pattern: str, scope: str) -> bool:
    if pattern.startswith(REGEX) or pattern == "/":
        return True
    below = f"{scope}/"
    head = re.split(r"[*?]", pattern, maxsplit=1)[0]
    if head == pattern and not pattern.endswith("/"):
        return pattern == scope or pattern.startswith(below)
    return head.startswith(below) or below.startswith(head)


def _patterns(patterns: str | Iterable[str]) -> tuple[str, ...]:
    if isinstance(patterns, str):
        return (patterns,)
    if not isinstance(patterns, Iterable):
        raise InvalidTypeError(
            f"patterns for names are text, not {patterns!r}", hint='one, or several in a list: ["*/w"]'
        )
    return tuple(patterns)


def _glob_matcher(pattern: str) -> Callable[[str], bool]:
    compiled = glob_expression(pattern)
    if "?" not in pattern and pattern.count("*") == 1:  # the usual case, many times faster
        head, _, tail = pattern.partition("*")
        size = len(head) + len(tail)
        return lambda name: len(name) >= size and name.startswith(head) and name.endswith(tail)
    return functools.partial(_fits, compiled)


def _fits(compiled: re.Pattern[str], name: str) -> bool:
    return compiled.fullmatch(name) is not None
