"""A configuration that was read: its settings, where each came from, and what is built from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, final

from tmplcore.config.models import Settings

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointManager  # type: ignore[attr-defined,import-not-found,unused-ignore]
    from tmplcore.store import VariableStore

__all__ = ["Config"]


def _nowhere(path: tuple[str | int, ...]) -> str:
    return ""


@final
@dataclass(frozen=True)
class Config:
    """What `tmplcore.config.load` returns.

    Attributes:
        settings: Every key, with its value or default.
        file: The file that was read; None if there is none.
        root: What relative paths are relative to: the file's directory, or the current one without a file.
        origins: Where each key that is not at its default came from: `{"seed": "TMPL_SEED"}`.
        where: Tells where a key path, or what holds it, was said: `tmpl.toml:7`.

    Example:
        >>> Config(Settings(seed=3)).settings.seed
        3
    """

    settings: Settings = field(default_factory=Settings)
    file: Path | None = None
    root: Path = field(default_factory=Path.cwd)
    origins: Mapping[str, str] = field(default_factory=dict)
    where: Callable[[tuple[str | int, ...]], str] = field(default=_nowhere, compare=False, repr=False)

    @property
    def directory(self) -> Path:
        """The checkpoint directory."""
        return self.path(self.settings.checkpoints.directory, "checkpoints.directory")

    def path(self, path: Path, key: str) -> Path:
        """Return the path that a key says: relative to the file if the file says it, else to where we are."""
        said_elsewhere = self.origins.get(key, "").startswith(("TMPL_", "--"))
        return (Path.cwd() if said_elsewhere else self.root) / path.expanduser()

    def store(self, *, backend: str | None = None) -> VariableStore:
        """Return a new store with the configured backend, getters and seed.

        Args:
            backend: Another backend than the configured one.

        Raises:
            ConfigError: A plugin's own options are wrong.
            PluginError: A plugin is not there, or does not work.
        """
        from tmplcore.config.build import build_store

        return build_store(self, backend)

    def checkpoints(self, *, prune: bool = True) -> CheckpointManager:
        """Return the manager of the configured checkpoint directory.

        Args:
            prune: Whether each save deletes what the configured retention no longer keeps.
        """
        from tmplcore.config.build import build_manager

        return build_manager(self, prune=prune)
