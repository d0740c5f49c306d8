"""The table that configures the backend: `[backends.torch]`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["TorchOptions"]


class TorchOptions(BaseModel):
    """Options of the `torch` backend."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    device: str | None = None
    """Where variables are made: `cpu`, `cuda:0`, `meta` (no values at all); torch's default if left out."""
