"""The tables that configure the getters in `tmpl.toml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from tmpl_getters.compose import matcher

__all__ = ["CastOptions", "EmaOptions", "FreezeOptions", "LoraOptions", "OverrideOptions", "RenameOptions"]

Floating = Literal["bfloat16", "float16", "float32", "float64"]


def _pattern(pattern: str) -> str:
    matcher(pattern)
    return pattern


Pattern = Annotated[str, AfterValidator(_pattern)]


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


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
    """Names to freeze: globs, or regular expressions after `re:`."""


class LoraOptions(_Options):
    """Options of `lora`."""

    rank: Annotated[int, Field(ge=1)] = 8
    """The rank of the corrections."""
    alpha: Annotated[float, Field(gt=0)] | None = None
    """Their scale is alpha / rank; 1 by default."""
    patterns: list[Pattern] = ["*"]
    """Names of kernels that get a correction: globs, or regular expressions after `re:`."""


class OverrideOptions(_Options):
    """Options of `override`."""

    trainable: bool | None = None
    """Whether variables train."""


class RenameOptions(_Options):
    """Options of `rename`."""

    rules: dict[str, str]
    """Regular expressions of whole names, and what they become."""
