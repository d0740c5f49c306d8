"""What is installed: the entry points of plugins, before any of them is imported."""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias

from tmplcore.descriptors import Descriptor
from tmplcore.errors import PluginNotFoundError

__all__ = ["Plugin", "PluginInfo", "Switches", "choice", "conflict", "installed", "listed"]

GROUP = "tmplcore"

State: TypeAlias = Literal["loaded", "failed", "conflict", "blocked"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """What is known of one plugin.

    Attributes:
        name: The name of its entry point.
        distribution: The distribution that it comes from; empty for one registered by hand.
        version: The version of that distribution.
        module: The module that the entry point names.
        state: `loaded`; `failed` (it could not be imported, or its hooks failed); `conflict` (another distribution
            claims the same name); `blocked` (by an environment variable).
        problems: What is wrong with it, one line each; what to do is in them.
        hooks: The hooks that it implements.
        offers: What it published. `descriptor.missing()` says whether something must be installed first.
        refused: Those of them that another plugin offers under the same name, so that neither is used.
    """

    name: str
    distribution: str
    version: str
    module: str
    state: State
    problems: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    offers: tuple[Descriptor, ...] = ()
    refused: tuple[Descriptor, ...] = ()


class Plugin:
    """A plugin on its way from an entry point to the pluggy manager."""

    def __init__(self, name: str, distribution: str, version: str, module: str, implementation: object = None) -> None:
        self.name = name
        self.distribution = distribution
        self.version = version
        self.module = module
        self.implementation = implementation
        self.state: State = "loaded"
        self.problems: list[str] = []
        self.offers: list[Descriptor] = []

    @property
    def source(self) -> str:
        """What it is called in messages."""
        return f"plugin {self.name!r} of {self.distribution} {self.version}" if self.distribution else self.module

    @property
    def selector(self) -> str:
        """What a switch calls it, to mean no other distribution's plugin."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name

    def selected_by(self, selectors: frozenset[str]) -> bool:
        """Tell whether a switch names it."""
        return self.name in selectors or self.selector in selectors

    def fail(self, state: State, problem: str) -> None:
        """Record why it is not used."""
        self.state = state
        self.problems.append(problem)

    def fresh(self) -> Plugin:
        """Return the plugin as it was found, for loading it again."""
        return Plugin(self.name, self.distribution, self.version, self.module, self.implementation)


class Switches:
    """The environment variables that choose among the installed plugins.

    A plugin registered by hand is there because someone asked for it: `TMPL_PLUGINS` does not leave it out.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._only = _names(environ.get("TMPL_PLUGINS", ""))
        self._blocked = _names(environ.get("TMPL_PLUGINS_BLOCK", ""))
        self.traced = environ.get("TMPL_PLUGINS_TRACE", "").lower() not in {"", "0", "false", "no"}

    def apply(self, plugins: Sequence[Plugin]) -> None:
        """Mark the plugins that must not be imported: those switched off, and those that claim one name.

        Raises:
            PluginNotFoundError: `TMPL_PLUGINS` names a plugin that is not installed.

        Warns:
            UserWarning: `TMPL_PLUGINS_BLOCK` does. What runs is what would run without it, so it is no error.
        """
        known = sorted({plugin.name for plugin in plugins} | {plugin.selector for plugin in plugins})
        if unknown := sorted(self._only.difference(known)):
            raise PluginNotFoundError(
                f"TMPL_PLUGINS names {', '.join(unknown)}, which is not installed", hint=_nearest(unknown, known)
            )
        if unknown := sorted(self._blocked.difference(known)):
            message = f"TMPL_PLUGINS_BLOCK names {', '.join(unknown)}, which is not installed: "
            warnings.warn(message + _nearest(unknown, known), UserWarning, stacklevel=2)
        for plugin in plugins:
            if plugin.selected_by(self._blocked):
                plugin.fail("blocked", "blocked by TMPL_PLUGINS_BLOCK")
            elif self._only and plugin.distribution and not plugin.selected_by(self._only):
                plugin.fail("blocked", "not among TMPL_PLUGINS")
        wanted = [plugin for plugin in plugins if plugin.state == "loaded"]
        for plugin in wanted:
            rivals = [other for other in wanted if other.name == plugin.name and other is not plugin]
            if rivals:
                plugin.fail("conflict", f"{conflict([plugin, *rivals])}; {choice([plugin, *rivals])}")


def installed() -> list[Plugin]:
    """Return what the entry points name, sorted."""
    found = []
    known: dict[int, tuple[str, str]] = {}  # name and version are parsed anew at each look
    for entry in importlib.metadata.entry_points(group=GROUP):
        distribution = entry.dist
        if (about := known.get(id(distribution))) is None:
            about = (distribution.name, distribution.version) if distribution else ("unknown", "unknown")
            known[id(distribution)] = about
        name, version = about
        found.append(Plugin(entry.name, name, version, entry.value))
    return sorted(found, key=lambda plugin: (plugin.name, plugin.distribution))


def conflict(rivals: Sequence[Plugin]) -> str:
    """Say that these plugins have one name."""
    sources = sorted(f"{plugin.distribution or plugin.module} {plugin.version}".strip() for plugin in rivals)
    return f"{' and '.join(sources)} both have a plugin named {rivals[0].name!r}, so neither is used"


def listed(plugins: Iterable[Plugin]) -> str:
    """Return the plugins and their distributions as a phrase."""
    return " and ".join(plugin.source for plugin in plugins)


def choice(rivals: Iterable[Plugin]) -> str:
    """Say which setting leaves out which of these plugins."""
    switches = sorted({f"TMPL_PLUGINS_BLOCK={plugin.selector}" for plugin in rivals})
    return f"to choose, set {' or '.join(switches)}"


def _nearest(unknown: Iterable[str], known: Sequence[str]) -> str:
    """Return the nearest names, or all plain ones."""
    near = [name for wrong in unknown for name in get_close_matches(wrong, known, n=1)]
    plain = (name for name in known if ":" not in name)
    return f"did you mean {' and '.join(near)}?" if near else f"installed are {', '.join(plain)}"


def _names(text: str) -> frozenset[str]:
    return frozenset(name for name in (part.strip() for part in text.split(",")) if name)
