"""The configuration table of the HDF5 backend."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["HDF5Options"]


class HDF5Options(BaseModel):
    """Options of `backend = "hdf5"`."""

    model_config = ConfigDict(extra="forbid")

    path: Path = Field(description="The working file; it is made if it does not exist.")
    existing: Literal["attach", "overwrite", "error"] = Field(
        default="attach", description="What to do if the working file exists: use its values, start anew, or refuse."
    )
