"""What is wrong with a configuration, in words: file, line, key path, and the nearest valid key."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from tmplcore.errors import ConfigError

__all__ = ["Problem", "config_error", "dotted", "nearest", "problems_of"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        key: The key path, `checkpoints.keep.last`.
        message: What is wrong with it.
        origin: Where it was said: `tmpl.toml:7`, `TMPL_SEED`, `--set`.
        hint: What to do about it.
    """

    key: str
    message: str
    origin: str
    hint: str = ""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.origin, self.key, self.message) if part)


def dotted(path: Iterable[str | int]) -> str:
    """Write a key path as TOML does, with `[2]` for the third of a list.

    Example:
        >>> dotted(("getters", 2, "options", "a b"))
        'getters[2].options."a b"'
    """
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part.replace("_", "").replace("-", "").isalnum() and part.isascii()
            text += ("." if text else "") + (part if bare else '"' + part.replace('"', '\\"') + '"')
    return text


def nearest(word: str, valid: Iterable[str]) -> str | None:
    """Return the valid word that is most like `word`, or None if none is.

    Example:
        >>> nearest("directry", ["durable", "directory"])
        'directory'
    """
    found = difflib.get_close_matches(word.lower(), list(valid), n=1, cutoff=0.6)
    return found[0] if found else None


def _model_at(model: type[BaseModel], path: Sequence[str | int]) -> type[BaseModel] | None:
    """Find the model of the table that `path` leads to."""
    current: type[BaseModel] | None = model
    for part in path:
        if current is None:
            return None
        if isinstance(part, int) or part not in current.model_fields:
            continue  # an index of a list, or the tag of a union's branch
        current = _model_in(current.model_fields[part].annotation)
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if (found := _model_in(argument)) is not None:
            return found
    return None


def _key_path(model: type[BaseModel], location: Sequence[str | int], data: Any) -> tuple[str | int, ...]:
    """Drop from pydantic's location what names a branch of a union and not a key of the data."""
    path: list[str | int] = []
    for part in location:
        if isinstance(data, dict):
            if part in data:
                data = data[part]
                path.append(part)
            elif part == location[-1]:  # a key that is missing
                path.append(part)
        elif isinstance(data, list | tuple) and isinstance(part, int) and part < len(data):
            data = data[part]
            path.append(part)
    return tuple(path)


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    data: Any,
    where: Callable[[tuple[str | int, ...]], str],
    prefix: tuple[str | int, ...] = (),
) -> list[Problem]:
    """Turn pydantic's errors into problems; `where` tells the origin of a key path."""
    problems: list[Problem] = []
    seen: set[tuple[str | int, ...]] = set()
    found = error.errors(include_url=False, include_context=False)
    # A key that is missing is often one that is misspelt, so that comes first.
    for item in sorted(found, key=lambda item: item["type"] == "missing"):
        path = _key_path(model, item["loc"], data)
        if path in seen:  # one wrong value fails in each branch of a union
            continue
        seen.add(path)
        key = dotted((*prefix, *path))
        hint = ""
        if item["type"] == "extra_forbidden":
            table = _model_at(model, path[:-1])
            valid = list(table.model_fields) if table is not None else []
            message = "there is no such key"
            guess = nearest(str(path[-1]), valid)
            if guess is not None:
                hint = f"did you mean {dotted((*prefix, *path[:-1], guess))}?"
            else:
                hint = "valid keys here: " + ", ".join(sorted(valid))
        elif item["type"] == "missing":
            message = "this key is required"
        else:
            message = item["msg"].removeprefix("Value error, ")
            if item["type"] != "value_error":  # pydantic's own, which begin with a capital
                message = message[:1].lower() + message[1:]
            given = item["input"]
            if not isinstance(given, dict | list) and repr(given) not in message:
                message += f" (got {given!r})"
        problems.append(Problem(key, message, where((*prefix, *path)), hint))
    return problems


def config_error(problems: Sequence[Problem]) -> ConfigError:
    """Make the error to raise: the first problem in full, and how many more there are."""
    first, *more = problems
    text = str(first)
    if more:
        text += f" (and {len(more)} more)"
    hint = first.hint or (
        "tmplctl config check lists them all" if more else "tmplctl config schema shows what is valid"
    )
    return ConfigError(text, hint=hint, problems=tuple(problems))
