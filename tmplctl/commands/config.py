"""Show and check the configuration.

`config show` prints every key with its value and where it was said, `check` validates all of it, `schema` prints the
JSON schema for editors, `path` says which file is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl.errors import ExitCode
from tmplctl.output import Report, Screen, json_value
from tmplctl.session import Session
from tmplctl.table import Cell, Column
from tmplctl.text import count

if TYPE_CHECKING:
    from tmplcore.config import Config, Problem

__all__ = ["Check", "EXAMPLES", "File", "SUBCOMMANDS", "Schema", "Settings", "check", "path", "schema", "show"]

EXAMPLES: dict[str, tuple[str, ...]] = {
    "show": ("tmplctl config show", "tmplctl config show checkpoints", "tmplctl config show seed --quiet"),
    "check": ("tmplctl config check", "tmplctl config check --config other.toml --json"),
    "schema": ("tmplctl config schema > tmpl.schema.json",),
    "path": ("tmplctl config path", '$EDITOR "$(tmplctl config path)"'),
}


def show(
    context: typer.Context,
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="This key or table only.")] = None,
) -> Report:
    """Show every key with its value and where it was said: a flag, the environment, the file, or nowhere."""
    session: Session = context.find_root().obj
    config = session.config
    values = dict(_flat(json_value(config.settings.model_dump(mode="json"))))
    if key is not None:
        chosen = {
            name: value for name, value in values.items() if name == key or name.startswith((f"{key}.", f"{key}["))
        }
        if not chosen:
            from tmplcore.config.problems import nearest
            from tmplctl.errors import UsageError

            near = nearest(key, values)
            raise UsageError(
                f"there is no key {key!r}", hint=f"did you mean {near}?" if near else "tmplctl config show"
            )
        values = chosen
    return Settings(config, values)


def check(context: typer.Context) -> Report:
    """Check the configuration, with the options of every plugin that it names. Exit code 2 if anything is wrong."""
    from tmplcore.config.build import all_plugin_problems
    from tmplcore.errors import ConfigError

    session: Session = context.find_root().obj
    try:
        config = session.config
    except ConfigError as error:
        if not error.problems:
            raise
        return Check(_file_of(session), list(error.problems))
    return Check(config.file, all_plugin_problems(config, session.registry))


def schema(context: typer.Context) -> Report:
    """Print the JSON schema of tmpl.toml, with the options of all installed plugins, for editors."""
    import tmplcore.config

    session: Session = context.find_root().obj
    return Schema(tmplcore.config.schema(session.registry))


def path(context: typer.Context) -> Report:
    """Print which file is read. Exit code 1 if there is none."""
    session: Session = context.find_root().obj
    file = _file_of(session)
    if file is None:
        session.output.note("there is no tmpl.toml here or above, and no pyproject.toml with [tool.tmpl]")
    return File(file)


SUBCOMMANDS = {"show": show, "check": check, "schema": schema, "path": path}


def _file_of(session: Session) -> Path | None:
    import tmplcore.config

    if session.config_file is not None:
        return session.config_file.absolute()
    return tmplcore.config.find()


def _flat(value: Any, above: str = "") -> Iterable[tuple[str, Any]]:
    """Yield key paths and values; tables are taken apart, lists are values."""
    from tmplcore.config.problems import dotted

    for key, inner in value.items():
        name = f"{above}.{dotted((key,))}" if above else dotted((key,))
        if isinstance(inner, dict) and inner:
            yield from _flat(inner, name)
        else:
            yield name, inner


@final
class Settings(Report):
    """Keys, values, and where they come from."""

    schema = "config-show/1"

    def __init__(self, config: Config, values: Mapping[str, Any]) -> None:
        self._config = config
        self._values = values

    def _origin(self, key: str) -> str | None:
        origins = self._config.origins
        return origins.get(key) or next((o for k, o in origins.items() if k.startswith((f"{key}.", f"{key}["))), None)

    def data(self) -> Mapping[str, Any]:
        """Return values and origins by key path."""
        return {
            "file": self._config.file,
            "root": self._config.root,
            "values": self._values,
            "origins": {key: origin for key in self._values if (origin := self._origin(key))},
        }

    def ids(self) -> Iterable[str]:
        """Return the values alone."""
        return [value if isinstance(value, str) else json.dumps(value) for value in self._values.values()]

    def show(self, screen: Screen) -> None:
        """Show a table of keys; what is at its default is dim."""
        screen.line(f"file: {self._config.file or 'none (all defaults)'}", "dim")
        rows: list[list[str | Cell]] = []
        for key, value in self._values.items():
            origin = self._origin(key)
            style = "" if origin else "dim"
            rows.append([Cell(key, style), Cell(_toml(value), style), Cell(origin or "default", style)])
        screen.table(["KEY", Column("VALUE", fold=True), Column("FROM", fold=True)], rows)


def _toml(value: Any) -> str:
    return "(none)" if value is None else json.dumps(value, ensure_ascii=False)


@final
class Check(Report):
    """Whether the configuration is right."""

    schema = "config-check/1"

    def __init__(self, file: Path | None, problems: Sequence[Problem]) -> None:
        self._file = file
        self._problems = problems

    @property
    def exit_code(self) -> int:
        """The configuration's own code if something is wrong."""
        return ExitCode.USAGE if self._problems else ExitCode.DONE

    def data(self) -> Mapping[str, Any]:
        """Return all problems."""
        return {
            "file": self._file,
            "ok": not self._problems,
            "problems": [
                {"key": problem.key, "message": problem.message, "origin": problem.origin, "hint": problem.hint}
                for problem in self._problems
            ],
        }

    def ids(self) -> Iterable[str]:
        """Return the wrong keys."""
        return [problem.key for problem in self._problems]

    def show(self, screen: Screen) -> None:
        """Show a line and a hint for each problem."""
        for problem in self._problems:
            screen.line(str(problem), "red")
            if problem.hint:
                screen.line(f"  hint: {problem.hint}")
        if self._problems:
            screen.line(count(len(self._problems), "problem"))
        else:
            screen.line(f"ok: {self._file}" if self._file else "ok: no configuration file; every key has its default")


@final
class Schema(Report):
    """A JSON schema; the same text in every mode, because editors read it."""

    schema = "config-schema/1"

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value

    def data(self) -> Mapping[str, Any]:
        """Return the schema under `json_schema`."""
        return {"json_schema": self._value}

    def ids(self) -> Iterable[str]:
        """Return the schema's text."""
        return [json.dumps(self._value, indent=2, ensure_ascii=False)]

    def show(self, screen: Screen) -> None:
        """Show the schema's text."""
        for line in json.dumps(self._value, indent=2, ensure_ascii=False).splitlines():
            screen.line(line)


@final
class File(Report):
    """The configuration file."""

    schema = "config-path/1"

    def __init__(self, file: Path | None) -> None:
        self._file = file

    @property
    def exit_code(self) -> int:
        """The answer is no if there is none."""
        return ExitCode.DONE if self._file else ExitCode.NO

    def data(self) -> Mapping[str, Any]:
        """Return the path, or null."""
        return {"path": self._file}

    def ids(self) -> Iterable[str]:
        """Return the path."""
        return [str(self._file)] if self._file else []

    def show(self, screen: Screen) -> None:
        """Show the path."""
        if self._file:
            screen.line(str(self._file))
