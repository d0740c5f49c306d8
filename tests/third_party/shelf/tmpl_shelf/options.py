"""What `tmpl.toml` may say."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class ShelfOptions(BaseModel):
    """`[backends.shelf]`"""

    model_config = ConfigDict(extra="forbid")

    directory: Path = Path("shelf")
    """Where the files are."""


class NoiseOptions(BaseModel):
    """Options of the getter `noise`."""

    model_config = ConfigDict(extra="forbid")

    deviation: Annotated[float, Field(ge=0)] = 0.01
    """The standard deviation of the noise."""
    seed: int = 0
    """What the noise depends on."""
