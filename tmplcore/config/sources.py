"""Finding what is said about a project, in flags, environment and file, and merging it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tmplcore.config.config import Config
from tmplcore.config.locate import line_of
from tmplcore.config.models import Settings
from tmplcore.config.problems import Problem, config_error, dotted, nearest, problems_of
from tmplcore.errors import ConfigError

__all__ = ["FILE_NAME", "find", "load", "parse_setting"]

FILE_NAME = "tmpl.toml"
PREFIX = "TMPL_"


def find(start: Path | str | None = None) -> Path | None:
    """Return the configuration file of a directory or the nearest one above it.

    In one directory `tmpl.toml` comes before a pyproject.toml with a `[tool.tmpl]` table; a pyproject.toml
    without that table is passed over.
    """
    directory = Path.cwd() if start is None else Path(start).absolute()
    for folder in (directory, *directory.parents):
        if (file := folder / FILE_NAME).is_file():
            return file
        project = folder / "pyproject.toml"
        if project.is_file():
            try:
                tool = tomllib.loads(project.read_text(encoding="utf-8")).get("tool")
            except (OSError, ValueError):
                continue  # somebody else's broken file says nothing to us
            if isinstance(tool, dict) and "tmpl" in tool:
                return project
    return None


def load(
    start: Path | str | None = None,
    *,
    file: Path | str | None = None,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read the configuration. Without any file all keys have their defaults.

    Args:
        start: The directory from which a file is looked for, upwards; the current one if None.
        file: This very file instead.
        overrides: Key paths and values that come before all else: `{"checkpoints.directory": "runs/1"}`.
        environ: The environment; `os.environ` if None.

    Raises:
        ConfigError: The file is not there, is not TOML, or a key or value is wrong. The message has file, line and
            key path; `problems` has all that is wrong.
    """
    path = Path(file).expanduser().absolute() if file is not None else find(start)
    text, said = ("", {}) if path is None else _read(path)
    prefix: tuple[str, ...] = ("tool", "tmpl") if path is not None and path.name == "pyproject.toml" else ()
    name = "" if path is None else _short(path)

    origins: dict[tuple[str, ...], str] = {}
    merged: dict[str, Any] = {}
    for keys, value in _leaves(said):
        line = line_of(text, (*prefix, *keys))
        origins[keys] = f"{name}:{line}" if line else name
        _put(merged, keys, value)
    for keys, value, variable in _environment(os.environ if environ is None else environ):
        origins[keys] = variable
        _put(merged, keys, value)
    for key, value in (overrides or {}).items():
        keys = tuple(key.split("."))
        origins[keys] = "--set"
        _put(merged, keys, value)

    def where(location: tuple[str | int, ...]) -> str:
        for end in range(len(location), 0, -1):
            if (origin := origins.get(location[:end])) is not None:  # type: ignore[arg-type]
                if end < len(location) and name and (origin == name or origin.startswith(f"{name}:")):
                    break  # a line inside the value is nearer
                return origin
        if path is None:
            return ""
        line = line_of(text, (*prefix, *location))
        return f"{name}:{line}" if line else name

    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise config_error(problems_of(error, Settings, merged, where)) from error
    root = path.parent if path is not None else (Path.cwd() if start is None else Path(start).absolute())
    return Config(settings, path, root, {dotted(keys): origin for keys, origin in origins.items()}, where)


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `checkpoints.directory=runs/1` into key path and value, as `--set` takes it."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"{text!r} is not of the form KEY=VALUE", hint="--set checkpoints.directory=runs/1")
    return key.strip(), _value(value)


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    name = _short(path)
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration file {name}", hint="tmplctl init writes one") from None
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{name} is not UTF-8 text (byte {error.start})") from error
    except tomllib.TOMLDecodeError as error:
        what, _, place = str(error).rpartition(" (at ")
        line = place.removeprefix("line ").partition(",")[0]
        if not line.isdigit():  # "at end of document"
            line = str(len(text.splitlines()) or 1)
        raise config_error([Problem("", f"not valid TOML: {what or error}", f"{name}:{line}")]) from error
    if path.name == "pyproject.toml":
        data = data.get("tool", {}).get("tmpl", {})
    return text, data


def _short(path: Path) -> str:
    """Return the path as people see it: relative where it is below the current directory."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _leaves(data: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key), value


def _put(into: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    *tables, last = keys
    for table in tables:
        inner = into.get(table)
        if not isinstance(inner, dict):
            inner = into[table] = {}
        into = inner
    into[last] = value


def _environment(environ: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """Yield key path, value and variable name of what the environment says.

    `TMPL_DEBUG` and the switches for plugins are no keys; a name with `__` can be nothing else.
    """
    for variable, text in environ.items():
        if not variable.startswith(PREFIX):
            continue
        keys = tuple(part.lower() for part in variable.removeprefix(PREFIX).split("__"))
        if keys[0] in Settings.model_fields:
            yield keys, _value(text), variable
        elif len(keys) > 1:
            guess = nearest(keys[0], Settings.model_fields)
            problem = Problem(
                dotted(keys),
                "there is no such key",
                variable,
                f"did you mean {PREFIX}{'__'.join((guess, *keys[1:])).upper()}?" if guess else "",
            )
            raise config_error([problem])


def _value(text: str) -> Any:
    """Read a value as written in an environment variable: arrays and tables as TOML, all else as text."""
    if text[:1] in "[{":
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{text!r} is not a TOML value: {error}") from error
    return text
