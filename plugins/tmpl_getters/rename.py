"""Variables are kept under other names than they are asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, final

from tmpl_getters.getter import Getter, NextGetter, mapping
from tmplcore.errors import InvalidArgumentError

__all__ = ["Rename"]


@final
class Rename(Getter):
    r"""Renames variables by regular expressions with groups.

    The first rule whose pattern matches the whole name applies, and no other. Two names that are led to one name
    mean one variable, under TensorFlow's rules of reuse.

    Args:
        rules: Regular expressions of whole names, and what they become; `\1` and `\g<layer>` are groups.
        enabled: Whether it works outside of `with getter.on():`.

    Raises:
        InvalidArgumentError: A rule is no regular expression, or names a group that it does not have.

    Example:
        >>> rename = Rename({r"model/h(\d+)/(.*)": r"transformer/layer_\1/\2"})
        >>> rename(lambda name: name, "model/h3/attn/w")
        'transformer/layer_3/attn/w'
    """

    def __init__(self, rules: Mapping[str, str], *, enabled: bool = True) -> None:
        super().__init__(enabled=enabled)
        rules = mapping(rules, "rules of names", r'as in {r"model/h(\d+)/(.*)": r"layer_\1/\2"}')
        self._rules = [(_compiled(pattern, replacement), replacement) for pattern, replacement in rules.items()]

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Ask for the variable under its other name."""
        return next_getter(self.renamed(name), **kwargs)

    def renamed(self, name: str) -> str:
        """Return the name under which a variable is kept."""
        for pattern, replacement in self._rules:
            if match := pattern.fullmatch(name):
                return match.expand(replacement)
        return name


def _compiled(pattern: str, replacement: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
        # `sub` parses the replacement before it looks for a match, so this finds groups that do not exist.
        compiled.sub(replacement, "")
    except (re.error, IndexError, TypeError) as error:
        raise InvalidArgumentError(
            f"the rule {pattern!r} -> {replacement!r} does not work: {error}",
            hint=r"groups are (…) in the pattern and \1 in the name, or (?P<layer>…) and \g<layer>",
        ) from error
    return compiled
