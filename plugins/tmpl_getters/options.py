"""The tables that configure the getters in `tmpl.toml`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from tmpl_getters.rename import Rename
from tmplcore import initializers, regularizers
from tmplcore.checkpoint.patterns import matcher

__all__ = ["CastOptions", "EmaOptions", "FreezeOptions", "LoraOptions", "OverrideOptions", "RenameOptions"]

Floating = Literal["bfloat16", "float16", "float32", "float64"]


def _pattern(pattern: str) -> str:
    matcher(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_pattern)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class CastOptions(_Options):
    """Options of `cast`."""

    read: Floating = "bfloat16"
    """The type in which the model gets the values."""
    store: Floating = "float32"
    """The type in which they are kept."""


class EmaOptions(_Options):
    """Options of `ema`."""

    decay: Annotated[float, Field(ge=0, le=1)] = 0.999
    """Close to 1 averages over about 1 / (1 - decay) updates."""
    num_updates: Annotated[int, Field(ge=0)] | None = None
    """The number of updates so far; in a program, `update(num_updates)` gives the current one."""


class FreezeOptions(_Options):
    """Options of `freeze`."""

    patterns: list[Pattern] = ["*"]
    """Names to freeze: globs, `scope/`, `re:…`."""


class LoraOptions(_Options):
    """Options of `lora`."""

    rank: Annotated[int, Field(ge=1)] = 8
    """The rank of the corrections."""
    alpha: Annotated[float, Field(gt=0)] | None = None
    """Their scale is alpha / rank; 1 by default."""
    patterns: list[Pattern] = ["*"]
    """Names of kernels that get a correction: globs, `scope/`, `re:…`."""


class _Choice(BaseModel):
    """A thing of the library by name, with its arguments; a bare name stands for one without arguments."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    name: str
    """Its name."""

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        self.make()
        return self

    def make(self) -> Any:
        """Make it."""
        factory = self._factories().get(self.name)
        if factory is None:
            raise ValueError(f"there is no {self.name!r}; there are {', '.join(sorted(self._factories()))}")
        try:
            return factory(**(self.model_extra or {}))
        except TypeError as error:
            raise ValueError(f"{self.name}: {error}") from error

    @classmethod
    def _factories(cls) -> dict[str, Any]:
        raise NotImplementedError


class InitializerChoice(_Choice):
    """An initializer: `zeros`, `random_normal`, `he_uniform` and the others."""

    @classmethod
    def _factories(cls) -> dict[str, Any]:
        names = set(initializers.__all__) - {"Initializer"}
        return {re.sub("(?<!^)(?=[A-Z])", "_", name).lower(): getattr(initializers, name) for name in names}


class RegularizerChoice(_Choice):
    """A regularizer: `l1`, `l2`, `l1_l2`."""

    @classmethod
    def _factories(cls) -> dict[str, Any]:
        return {name: getattr(regularizers, name) for name in ("l1", "l2", "l1_l2")}


class OverrideOptions(_Options):
    """Options of `override`."""

    trainable: bool | None = None
    """Whether variables train."""
    dtype: str | None = None
    """Their type: `float32`, `bfloat16`, …"""
    collections: list[str] | None = None
    """The collections that they are put into."""
    initializer: InitializerChoice | None = None
    """What they start as: `"zeros"`, or `{ name = "random_normal", stddev = 0.02 }`."""
    regularizer: RegularizerChoice | None = None
    """What is added to the loss: `{ name = "l2", scale = 1e-4 }`."""
    only_unset: bool = False
    """Override only what neither the call nor a scope has set."""


class RenameOptions(_Options):
    """Options of `rename`."""

    rules: dict[str, str]
    """Regular expressions of whole names, and what they become."""

    @field_validator("rules")
    @classmethod
    def _work(cls, rules: dict[str, str]) -> dict[str, str]:
        Rename(rules)
        return rules
