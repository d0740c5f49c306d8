"""The keys of the configuration, with their meaning and defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

__all__ = ["CheckpointSettings", "GetterSettings", "InputSpec", "KeepSettings", "RestoreSettings", "Settings"]


def _best_rules(rules: list[str]) -> list[str]:
    from tmplcore.checkpoint import KeepBest

    for rule in rules:
        KeepBest.parse(rule)
    return rules


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Strings = Annotated[list[str], BeforeValidator(_as_list)]
"""A list of strings; one string alone is a list of one."""


class _Table(BaseModel):
    """A table of the configuration: unknown keys are refused, values do not change.

    What the keys mean is under each, for people. `schema` reads it there: pydantic would with each import, which takes
    as long as all else here. For the same reason a table's validator is built with the first that is made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class InputSpec(_Table):
    """One argument for calling a template: an array filled with one number."""

    shape: list[Annotated[int, Field(ge=0)]] = []
    """Its shape; `[]` is a scalar."""
    dtype: str = "float32"
    """Its NumPy dtype."""
    fill: float = 0.0
    """The value of every element."""


class GetterSettings(_Table):
    """A custom getter that a plugin publishes, applied to the variables whose names match."""

    name: str
    """The getter's name, as `tmplctl plugins` shows it."""
    pattern: Strings = ["*"]
    """Which variables go through it, by full names: globs (`*` also matches `/`), `scope/`, `re:…`."""
    options: dict[str, Any] = {}
    """The getter's own options."""


class KeepSettings(_Table):
    """Which checkpoints `prune` keeps: those that any rule names. The newest valid one is always kept."""

    last: Annotated[int, Field(ge=1)] | None = None
    """The newest N."""
    every: Annotated[int, Field(ge=1)] | None = None
    """Every step that is a multiple of K."""
    best: Strings = []
    """The best by a metric: `loss:min:3`, `accuracy:max`."""
    within: float | str | None = None
    """Those younger than this: `7d`, `36h`, `90m`, `30s`, or seconds."""
    tagged: Strings = []
    """Patterns of the tags that protect a checkpoint; any tag does if empty."""

    @field_validator("best")
    @classmethod
    def _check_best(cls, value: list[str]) -> list[str]:
        return _best_rules(value)

    @field_validator("within")
    @classmethod
    def _check_within(cls, value: float | str | None) -> float | str | None:
        if value is not None:
            from tmplcore.checkpoint import KeepWithin

            KeepWithin(value)
        return value


class CheckpointSettings(_Table):
    """Where checkpoints are and how they are written."""

    directory: Path = Path("checkpoints")
    """The directory of the checkpoints, one file a step; relative to this file."""
    durable: bool = True
    """Wait until the data is on the disk before a save returns."""
    compression: dict[str, str] = {}
    """Glob of variable names → codec, such as `{"embedding/*" = "zstd"}`. Uncompressed is fastest."""
    keep: KeepSettings = KeepSettings()
    """Retention; without any rule nothing is ever pruned."""


class RestoreSettings(_Table):
    """How `restore`, `check` and `diff` match a checkpoint with variables; each flag of theirs comes before it."""

    rename: Strings = []
    """Rules in order, `OLD=NEW`: exact names, `scope/=other/`, globs, `re:` regular expressions."""
    rename_file: Path | None = None
    """A file with more such rules, one a line; relative to this file."""
    include: Strings = []
    """Patterns of the variables to restore: globs, `scope/`, `re:…`; all if empty."""
    exclude: Strings = []
    """Patterns of the variables to leave alone."""
    missing: Literal["error", "warn", "init", "skip"] = "error"
    """What to do about a variable that the checkpoint lacks."""
    unexpected: Literal["error", "warn", "skip"] = "error"
    """What to do about one that only the checkpoint has."""
    mismatch: Literal["error", "warn", "init", "skip"] = "error"
    """What to do about another shape or dtype."""
    cast: bool = False
    """Convert dtypes that differ."""


Argument = InputSpec | bool | int | float | str


class Settings(_Table):
    """All keys of a project's configuration.

    Example:
        >>> Settings(seed=3).seed
        3
    """

    source: str | None = None
    """`package.module:attribute`: a callable without arguments that makes the variables, or a template."""
    inputs: list[Argument] | dict[str, Argument] = []
    """Arguments for calling the source if it is a template: `[{shape = [1, 20], dtype = "int32"}]`, or by name."""
    backend: str = "numpy"
    """Where variables live: the name of a backend plugin."""
    seed: Annotated[int, Field(ge=0, lt=2**64)] = 0
    """Initial values depend on it and on the variable's name, on nothing else."""
    backends: dict[str, dict[str, Any]] = {}
    """Options of backends, a table for each: `[backends.hdf5]`."""
    getters: list[GetterSettings] = []
    """Custom getters; the first is asked first, and gets what the others return."""
    checkpoints: CheckpointSettings = CheckpointSettings()
    """Where checkpoints are and how they are written."""
    restore: RestoreSettings = RestoreSettings()
    """How a checkpoint is matched with variables."""

    @field_validator("source")
    @classmethod
    def _check_source(cls, value: str | None) -> str | None:
        if value is not None:
            module, _, attribute = value.partition(":")
            if not all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
                raise ValueError(f"{value!r} is not of the form package.module:attribute")
        return value
