"""What the commands of one run share: the sink, the configuration, the plugins. Each is made when first asked for."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from tmplctl.output import Output

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointManager  # type: ignore[attr-defined,import-not-found,unused-ignore]
    from tmplcore.config import Config
    from tmplcore.plugins import PluginRegistry

__all__ = ["Session"]


@final
class Session:
    """One run of `tmplctl`.

    Attributes:
        output: The sink.
        config_file: What `--config` named.
        overrides: What `--set` and `--directory` said, by key path.
    """

    def __init__(self, output: Output | None = None) -> None:
        self.output = output or Output()
        self.config_file: Path | None = None
        self.overrides: dict[str, Any] = {}

    @cached_property
    def config(self) -> Config:
        """The configuration; read once."""
        import tmplcore.config

        return tmplcore.config.load(file=self.config_file, overrides=self.overrides)

    @cached_property
    def registry(self) -> PluginRegistry:
        """The plugins, with the hook for commands."""
        from tmplcore.plugins import default_registry
        from tmplctl import hookspecs

        registry = default_registry()
        registry.add_specs(hookspecs, hookspecs.CommandPlugin)
        return registry

    @cached_property
    def manager(self) -> CheckpointManager:
        """The manager of the configured checkpoint directory."""
        return self.config.checkpoints()

    def relative(self, path: Path | str) -> str:
        """Return a path as people want to read it: from the current directory where it is below it."""
        try:
            return str(Path(path).absolute().relative_to(Path.cwd())) or "."
        except (ValueError, OSError):
            return os.fspath(path)
