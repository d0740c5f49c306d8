"""The configuration of a training run: `tmpl.toml`, or `[tool.tmpl]` in pyproject.toml.

    import tmplcore.config

    config = tmplcore.config.load()
    with config.store().as_default():      # backend, getters and seed as configured
        ...
    manager = config.checkpoints()         # directory and retention as configured

What is said in more than one place: flag > environment (`TMPL_CHECKPOINTS__DIRECTORY=…`) > file > default.
`models` holds the keys, `sources` finds and merges what is said, `locate` finds lines in a file, `problems`
turns what is wrong into messages, `build` makes stores and managers. `import tmplcore` does not import this.
"""

from __future__ import annotations

from tmplcore.config.config import Config
from tmplcore.config.models import (
    CheckpointSettings,
    GetterSettings,
    InputSpec,
    KeepSettings,
    RestoreSettings,
    Settings,
)
from tmplcore.config.problems import Problem
from tmplcore.config.schema import schema
from tmplcore.config.sources import find, load

__all__ = [
    "CheckpointSettings",
    "Config",
    "GetterSettings",
    "InputSpec",
    "KeepSettings",
    "Problem",
    "RestoreSettings",
    "Settings",
    "find",
    "load",
    "schema",
]
