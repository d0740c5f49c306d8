r"""The rename language: one and the same on the command line, in a configuration, in a file, and in Python.

| rule | meaning |
| --- | --- |
| `old=new` | that one name |
| `scope/=other/` | everything below `scope/` moves to `other/`; `scope/=/` strips it, `/=scope/` puts it in front |
| `*/weights=*/kernel` | a glob; each `*` and `?` on the right is what stood at its place on the left |
| `re:layer_(\d+)/=block\1/` | a regular expression with groups: replaced wherever it is found in the name |

The name in the checkpoint stands on the left. Rules are tried in order and the first that fits decides; a name is
renamed once, never twice, so `a=b` and `b=a` together swap. Two names that end up as one are an error.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Self, final

from tmplcore.checkpoint.patterns import REGEX, expression, glob_expression, is_glob, run
from tmplcore.errors import ConfigError, InvalidArgumentError, InvalidTypeError

__all__ = ["Explanation", "RenameRules"]


@final
@dataclass(frozen=True, slots=True)
class Explanation:
    """How one name is renamed.

    Attributes:
        name: The name in the checkpoint.
        new: The name that it gets; the same if no rule fits.
        rule: The rule that decided; None if no rule fits.
        shadowed: Later rules that would have fitted too.
    """

    name: str
    new: str
    rule: str | None
    shadowed: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.rule is None:
            return f"{self.name}: no rule fits"
        later = f" (before {', '.join(self.shadowed)})" if self.shadowed else ""
        return f"{self.name} -> {self.new} by {self.rule}{later}"


@final
class RenameRules:
    r"""An ordered set of rename rules.

    Args:
        rules: None; one rule as text (`old=new`), or several; a mapping of left to right sides; pairs; or another
            `RenameRules`.

    Raises:
        InvalidArgumentError: A rule is not well formed.

    Example:
        >>> rules = RenameRules(["old/=new/", "*/weights=*/kernel", r"re:layer_(\d+)=block\1"])
        >>> rules("old/a"), rules("fc/weights"), rules("layer_3/b"), rules("other")
        ('new/a', 'fc/kernel', 'block3/b', 'other')
        >>> print(rules.explain("old/weights"))
        old/weights -> new/weights by old/=new/ (before */weights=*/kernel)
    """

    __slots__ = ("_rules",)

    def __init__(
        self, rules: str | Mapping[str, str] | Iterable[str | tuple[str, str]] | RenameRules | None = None
    ) -> None:
        if rules is None:
            self._rules: tuple[_Rule, ...] = ()
        elif isinstance(rules, RenameRules):
            self._rules = rules._rules
        elif isinstance(rules, str):
            self._rules = (_parse(rules),)
        elif isinstance(rules, Mapping):
            self._rules = tuple(_rule(old, new) for old, new in rules.items())
        else:
            self._rules = tuple(_parse(rule) if isinstance(rule, str) else _pair(rule) for rule in rules)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Self:
        """Read rules from a text file: one a line; blank lines and lines that begin with `#` say nothing.

        Raises:
            ConfigError: The file cannot be read, or a line is no rule; the message has its number.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the rename rules in {os.fspath(path)!r} cannot be read: {error}") from error
        rules = []
        for number, line in enumerate(lines, 1):
            if (text := line.strip()) and not text.startswith("#"):
                try:
                    rules.append(_parse(text))
                except InvalidArgumentError as error:
                    raise ConfigError(f"{os.fspath(path)}, line {number}: {error}", hint=error.hint) from error
        made = cls()
        made._rules = tuple(rules)
        return made

    def __call__(self, name: str) -> str:
        """Return the new name of a name."""
        return self.match(name)[0]

    def match(self, name: str) -> tuple[str, str | None]:
        """Return the new name, and the rule that made it (None if no rule fits).

        Raises:
            InvalidArgumentError: The rule leaves no name.
        """
        for rule in self._rules:
            new = rule.apply(name)
            if new is not None:
                if not new:
                    raise InvalidArgumentError(f"the rule {rule.text} leaves nothing of the name {name!r}")
                return new, rule.text
        return name, None

    def explain(self, name: str) -> Explanation:
        """Say which rule decides about a name, and which later ones would have fitted."""
        new, text = self.match(name)
        fitting = [rule.text for rule in self._rules if rule.apply(name) is not None]
        return Explanation(name, new, text, tuple(fitting[1:]))

    def apply(
        self, names: Iterable[str], chosen: Callable[[str, str], bool] | None = None
    ) -> dict[str, tuple[str, str | None]]:
        """Rename all names of a checkpoint at once: new name → (old name, the rule or None), in order.

        Args:
            names: The names.
            chosen: Tells by the new and the old name whether a variable is wanted at all; of two that end up as one,
                one that is not gives way.

        Raises:
            InvalidArgumentError: Two names end up as one.

        Example:
            >>> RenameRules("a=b").apply(["a", "c"])
            {'b': ('a', 'a=b'), 'c': ('c', None)}
        """
        if not self._rules:
            return {name: (name, None) for name in names}
        renamed: dict[str, tuple[str, str | None]] = {}
        for name in names:
            new, rule = self.match(name)
            if new in renamed:
                other, other_rule = renamed[new]
                if chosen is not None and not chosen(new, name):
                    continue
                if chosen is not None and not chosen(new, other):
                    renamed[new] = (name, rule)
                    continue
                raise InvalidArgumentError(
                    f"two variables end up as {new!r}: {_by(other, other_rule)} and {_by(name, rule)}",
                    hint=f"make a rule narrower, leave one out with exclude, or rename {other!r} elsewhere",
                )
            renamed[new] = (name, rule)
        return renamed

    def unused(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the rules that decide about none of the names."""
        if not self._rules:
            return ()
        deciding = {self.match(name)[1] for name in names}
        return tuple(rule.text for rule in self._rules if rule.text not in deciding)

    def __add__(self, other: Any) -> RenameRules:
        """Return these rules followed by others."""
        joined = RenameRules()
        joined._rules = tuple(chain(self._rules, RenameRules(other)._rules))
        return joined

    def __iter__(self) -> Iterator[str]:
        """Yield the rules as text; `RenameRules(list(rules))` makes equal ones."""
        return (rule.text for rule in self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RenameRules) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"RenameRules({list(self)!r})"


class _Rule(ABC):
    """One rule; `apply` returns the new name, or None if the rule does not fit."""

    __slots__ = ("text",)

    text: str

    @abstractmethod
    def apply(self, name: str) -> str | None: ...


@final
class _Exact(_Rule):
    __slots__ = ("new", "old")

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def apply(self, name: str) -> str | None:
        return self.new if name == self.old else None


@final
class _Scope(_Rule):
    __slots__ = ("new", "old")

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = ("" if side == "/" else side for side in (old, new))

    def apply(self, name: str) -> str | None:
        return self.new + name[len(self.old) :] if name.startswith(self.old) else None


@final
class _Glob(_Rule):
    __slots__ = ("pattern", "pieces")

    def __init__(self, old: str, new: str) -> None:
        self.pattern = glob_expression(old)
        wildcards = [char for char in _single(old) if char in "*?"]
        self.pieces: list[str | int] = []
        taken: set[int] = set()
        for char in _single(new):
            if char not in "*?":
                self.pieces.append(char)
                continue
            place = next((i for i, kind in enumerate(wildcards) if kind == char and i not in taken), None)
            if place is None:
                raise InvalidArgumentError(
                    f"the rule {old}={new} has more {char!r} on the right than on the left",
                    hint="each wildcard on the right takes the text of the one at its place on the left",
                )
            taken.add(place)
            self.pieces.append(place + 1)
        if taken and len(taken) < len(wildcards):
            raise InvalidArgumentError(
                f"the rule {old}={new} has fewer wildcards on the right than on the left",
                hint="say which to keep with a regular expression: re:^(.*)/(.*)$=\\2",
            )

    def apply(self, name: str) -> str | None:
        found = self.pattern.fullmatch(name)
        if found is None:
            return None
        return "".join(piece if isinstance(piece, str) else found[piece] for piece in self.pieces)


@final
class _Regex(_Rule):
    __slots__ = ("new", "pattern")

    def __init__(self, old: str, new: str) -> None:
        self.pattern, self.new = expression(old), new
        try:
            # An alternative that fits the empty text brings out now, and not at some name, what the right side lacks.
            expression(f"{old}|").sub(new, "")
        except Exception as error:
            raise InvalidArgumentError(
                f"{new!r} does not go with the regular expression {old!r}: {error}",
                hint="\\1 is the first group, \\g<name> a named one",
            ) from error

    def apply(self, name: str) -> str | None:
        # A match of the whole name is replaced once; sub would find the empty rest of `.*` as a second match.
        if found := run(self.pattern.fullmatch, self.text, name):
            return str(found.expand(self.new))
        new, count = run(self.pattern.subn, self.text, self.new, name)
        return str(new) if count else None


def _parse(text: str) -> _Rule:
    old, new = _split(text)
    return _rule(old, new)


def _split(text: str) -> tuple[str, str]:
    """Split at the `=` that parts the sides: the last one of a regular expression, else the only one."""
    if text.startswith(REGEX):
        old, equals, new = text.rpartition("=")
    else:
        old, equals, new = text.partition("=")
        if "=" in new:
            raise InvalidArgumentError(
                f"the rename rule {text!r} has more than one '='",
                hint="in Python give it as a pair: rename=[(old, new)]",
            )
    if not equals or not old:
        raise InvalidArgumentError(
            f"{text!r} is not a rename rule", hint="write old=new, scope/=other/, */w=*/kernel or re:pattern=new"
        )
    return old, new


def _pair(pair: Any) -> _Rule:
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(side, str) for side in pair):
        raise InvalidTypeError(
            f"a rename rule is a text 'old=new' or a pair of texts, not {pair!r}", hint="rename=['old=new']"
        )
    return _rule(*pair)


def _rule(old: str, new: str) -> _Rule:
    rule = _made(old, new)
    rule.text = f"{old}={new}"
    return rule


def _made(old: str, new: str) -> _Rule:
    if not isinstance(old, str) or not isinstance(new, str):
        raise InvalidTypeError(f"both sides of a rename rule are texts, not {old!r} and {new!r}")
    if old.startswith(REGEX):
        return _Regex(old.removeprefix(REGEX), new)
    if is_glob(old):
        return _Glob(old, new)
    if is_glob(new):
        raise InvalidArgumentError(f"the rule {old}={new} has a wildcard on the right only", hint="old/*=new/*")
    if old.endswith("/"):
        if new and not new.endswith("/"):
            raise InvalidArgumentError(
                f"the rule {old}={new} renames a scope to something that is none", hint=f"{old}={new}/"
            )
        return _Scope(old, new)
    if not old or not new:
        raise InvalidArgumentError(f"the rule {old}={new} has an empty side", hint="write old=new")
    if new.endswith("/"):
        raise InvalidArgumentError(
            f"the rule {old}={new} renames a variable to a scope", hint=f"{old}/={new} or {old}={new}{old}"
        )
    return _Exact(old, new)


def _single(glob: str) -> str:
    while "**" in glob:
        glob = glob.replace("**", "*")
    return glob


def _by(name: str, rule: str | None) -> str:
    return repr(name) if rule is None else f"{name!r} (by {rule})"
