"""Nested dictionaries of arrays and flat names, both ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tmplcore.errors import InvalidArgumentError

__all__ = ["find", "flatten", "nest"]

# Where a name is both a variable and a scope (`kernel`, `kernel/lora_A`), the variable has this key in the scope.
SELF = ""


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values nested by scope.

    A variable whose name is also a scope gets the key `""` there.

    Raises:
        InvalidArgumentError: Two names mean one place.

    Example:
        >>> nest({"net/w": 1, "net/b": 2, "net/w/average": 3})
        {'net': {'w': {'': 1, 'average': 3}, 'b': 2}}
    """
    scopes = {name.rsplit("/", depth)[0] for name in values for depth in range(1, name.count("/") + 1)}
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *path, leaf = name.split("/") if name not in scopes else [*name.split("/"), SELF]
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        if leaf in node:
            raise InvalidArgumentError(f"{name!r} and another variable have one place in the tree")
        node[leaf] = value
    return tree


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `nest` was given: full names and values.

    Example:
        >>> flatten({"net": {"w": {"": 1, "average": 3}, "b": 2}})
        {'net/w': 1, 'net/w/average': 3, 'net/b': 2}
    """
    return {"/".join(path): value for path, value in _leaves(tree, ())}


def find(tree: Mapping[str, Any], name: str) -> Any:
    """Return the value of a variable.

    Raises:
        KeyError: The tree has none of that name.
    """
    node: Any = tree
    for part in name.split("/"):
        node = node[part]
    return node[SELF] if isinstance(node, Mapping) else node


def _leaves(tree: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (path if key == SELF else (*path, key)), value
