"""`NAME[slice]`: reading a part of a variable, and writing it down."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tmplcore.errors import VariableMissingError
from tmplctl.errors import UsageError
from tmplctl.text import utf8

if TYPE_CHECKING:
    from tmplcore.checkpoint.format import Reader

__all__ = ["no_variable", "parse_index", "read_values", "render"]

MOST = 100_000  # elements; more is for a program, not for a screen


def parse_index(text: str) -> tuple[Any, ...]:
    """Read `0, :8, ...` as an index, without evaluating anything.

    Example:
        >>> parse_index("0, :8, ...")
        (0, slice(None, 8, None), Ellipsis)
    """
    try:
        tree = ast.parse(f"_[{text}]", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _no_index(text) from None
    if not isinstance(tree, ast.Subscript) or not isinstance(tree.value, ast.Name):
        raise _no_index(text)
    parts = tree.slice.elts if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    return tuple(_part(part, text) for part in parts)


def _part(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Slice):
        return slice(
            *(None if bound is None else _integer(bound, text) for bound in (node.lower, node.upper, node.step))
        )
    if isinstance(node, ast.Constant) and node.value is ...:
        return ...
    return _integer(node, text)


def _integer(node: ast.expr, text: str) -> int:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return sign * node.value
    raise _no_index(text)


def _no_index(text: str) -> UsageError:
    return UsageError(f"[{text}] is no index", hint="integers, slices and ... , such as [0, :8] or [..., -1]")


def read_values(reader: Reader, item: str) -> tuple[str, str, Any]:
    """Read what `NAME` or `NAME[slice]` says; return name, index as text, and the array.

    A name that ends in brackets of its own is taken first.

    Raises:
        VariableMissingError: There is no such variable.
        UsageError: The index does not fit, or the part is too large for a screen.
    """
    import numpy as np

    name, index = item, ""
    if name not in reader and item.endswith("]") and "[" in item:
        name, _, inner = item[:-1].partition("[")
        while name not in reader and "[" in inner:
            more, _, inner = inner.partition("[")
            name = f"{name}[{more}"
        index = f"[{inner}]"
    if name not in reader:
        raise no_variable(reader, name)
    variable = reader[name]
    key = parse_index(index[1:-1]) if index else (...,)
    # Zero strides: an array of that shape that takes no memory tells what the index leaves.
    outline = np.broadcast_to(np.zeros((), np.uint8), variable.shape)
    try:
        part = outline[key]
    except (IndexError, ValueError) as error:
        raise UsageError(f"{name}{index}: {error}", hint=f"its shape is {list(variable.shape)}") from None
    if part.size > MOST:
        raise UsageError(
            f"{name}{index} has {part.size:,} elements, too many to print",
            hint=f"take a part: --values '{name}[{', '.join([':8'] * max(len(variable.shape), 1))}]'",
        )
    if key == (...,):
        return name, index, variable[...]
    steps = [item for item in key if isinstance(item, slice) and (item.step or 1) < 0]
    return name, index, np.asarray(variable[...])[key] if steps else np.asarray(variable[key])


def no_variable(reader: Reader, name: str) -> VariableMissingError:
    """Return the error about a name that a checkpoint does not have, with the nearest that it has."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(reader), n=3)
    return VariableMissingError(
        f"{utf8(str(reader.path))} has no variable {name!r}",
        hint=f"did you mean {' or '.join(near)}?" if near else "tmplctl show lists the names",
    )


def render(value: Any, width: int) -> Iterable[str]:
    """Return the lines that show an array, all of it; text in quotes, bytes that are none as such."""
    import numpy as np

    array = np.asarray(value)
    if array.dtype.hasobject:
        array = np.frompyfunc(_as_text, 1, 1)(array.reshape(-1)).reshape(array.shape)
    if array.ndim == 0 and array.dtype.kind in "OSU":
        return [repr(array[()])]
    with np.printoptions(threshold=MOST + 1, linewidth=width, precision=8):
        return str(array).splitlines()


def _as_text(value: Any) -> Any:
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value
