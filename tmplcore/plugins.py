"""Finding plugins and asking them what they offer.

A plugin is an entry point of the group `tmplcore` that names a module with hook implementations
(`tmplcore.hookspecs`). Around pluggy, `PluginRegistry` sees to what pluggy's own discovery leaves open: entry
points are listed before any is imported, two distributions cannot claim one name, and a plugin that fails takes
nothing else with it. Three environment variables steer it:

    TMPL_PLUGINS=numpy,hdf5           load these plugins only
    TMPL_PLUGINS_BLOCK=torch          do not load these; `distribution:name` means one distribution's
    TMPL_PLUGINS_TRACE=1              say on stderr what is loaded, and which hooks are called
"""

from __future__ import annotations

import difflib
import importlib.metadata
import os
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

import pluggy

from tmplcore import hookspecs
from tmplcore.descriptors import AdapterPlugin, BackendPlugin, Descriptor, FormatPlugin, GetterPlugin
from tmplcore.errors import (
    CheckpointNotFoundError,
    PluginConflictError,
    PluginError,
    PluginFailedError,
    PluginNotFoundError,
    UnreadableError,
)
from tmplcore.installed import GROUP, Plugin, PluginInfo, Switches, choice, conflict, installed, listed

__all__ = ["PluginInfo", "PluginRegistry", "default_registry"]

D = TypeVar("D", bound=Descriptor)


class PluginRegistry:
    """The plugins that are installed, and what they offer. Nothing is looked for before the first question.

    Args:
        environ: Where the `TMPL_PLUGINS…` switches are read; `os.environ` by default.

    Example:
        >>> registry = PluginRegistry(environ={"TMPL_PLUGINS": "getters"})
        >>> [(plugin.name, plugin.state) for plugin in registry.plugins() if plugin.state == "loaded"]
        [('getters', 'loaded')]
        >>> registry.backend("nunpy")
        Traceback (most recent call last):
            ...
        tmplcore.errors.PluginNotFoundError: no plugin offers a backend named 'nunpy'
    """

    def __init__(self, *, environ: Mapping[str, str] | None = None) -> None:
        self._switches = Switches(os.environ if environ is None else environ)
        self._lock = threading.RLock()
        self._specs: list[ModuleType | type] = [hookspecs]
        self._kinds: list[type[Descriptor]] = [AdapterPlugin, BackendPlugin, FormatPlugin, GetterPlugin]
        self._registered: list[Plugin] = []
        self._plugins: list[Plugin] = []
        self._manager: pluggy.PluginManager | None = None

    # -- what there is ---------------------------------------------------------------------------------------------

    def plugins(self) -> list[PluginInfo]:
        """Return all plugins that are installed, also those that do not work, sorted by name.

        Raises:
            PluginNotFoundError: `TMPL_PLUGINS` names a plugin that is not installed.
        """
        with self._lock:
            manager = self._load()
            specified = [name for name in dir(manager.hook) if not name.startswith("_")]
            owners = self._owners()
            infos = []
            for plugin in self._plugins:
                hooks = tuple(sorted(_implemented(plugin.implementation)))
                refused = [offer for offer in plugin.offers if len(owners[offer.kind, offer.name]) > 1]
                problems = [*plugin.problems, *(_refusal(offer, owners[offer.kind, offer.name]) for offer in refused)]
                problems += [
                    f"implements {hook}, which nothing calls" + _meant(hook, specified)
                    for hook in hooks
                    if plugin.state == "loaded" and getattr(manager.hook, hook).spec is None
                ]
                infos.append(
                    PluginInfo(
                        name=plugin.name,
                        distribution=plugin.distribution,
                        version=plugin.version,
                        module=plugin.module,
                        state=plugin.state,
                        problems=tuple(problems),
                        hooks=hooks,
                        offers=tuple(plugin.offers),
                        refused=tuple(refused),
                    )
                )
            return sorted(infos, key=lambda info: (info.name, info.distribution))

    def offers(self, kind: type[D]) -> dict[str, D]:
        """Return everything of one kind that can be used, by name.

        What two plugins offer under one name is left out; asking for it with `find` says so.
        """
        with self._lock:
            self._load()
            found: dict[str, list[D]] = {}
            for plugin in self._plugins:
                for descriptor in plugin.offers:
                    if isinstance(descriptor, kind):
                        found.setdefault(descriptor.name, []).append(descriptor)
            return {name: same[0] for name, same in sorted(found.items()) if len(same) == 1}

    def find(self, kind: type[D], name: str) -> D:
        """Return what is offered under a name.

        Raises:
            PluginNotFoundError: Nothing is; the hint has the nearest names and the plugins that did not load.
            PluginFailedError: The plugin of that name is installed, but failed.
            PluginConflictError: Two distributions claim the plugin, or two plugins offer the thing.
        """
        offers = self.offers(kind)
        if name in offers:
            return offers[name]
        with self._lock:
            raise self._not_found(kind, name, list(offers))

    def backend(self, name: str) -> BackendPlugin:
        """Return the backend of that name; raises as `find` does."""
        return self.find(BackendPlugin, name)

    def getter(self, name: str) -> GetterPlugin:
        """Return the getter of that name; raises as `find` does."""
        return self.find(GetterPlugin, name)

    def format(self, name: str) -> FormatPlugin:
        """Return the checkpoint format of that name; raises as `find` does."""
        return self.find(FormatPlugin, name)

    def formats(self) -> list[FormatPlugin]:
        """Return the checkpoint formats in the order in which they are asked about a file."""
        return sorted(self.offers(FormatPlugin).values(), key=lambda format_: (-format_.priority, format_.name))

    def detect(self, path: str | os.PathLike[str]) -> FormatPlugin:
        """Return the format of the checkpoint at a path, going by its bytes.

        Args:
            path: A file, a directory, or a prefix that no file has (TensorFlow's `model.ckpt`).

        Raises:
            CheckpointNotFoundError: No format finds anything there.
            UnreadableError: There is something, but no format knows it; the message says which were tried.
        """
        path = Path(path)
        tried = []
        for format_ in self.formats():
            try:
                if format_.detects(path):
                    return format_
                tried.append(format_.name)
            except Exception as error:  # a plugin's mistake must not hide the formats after it
                tried.append(f"{format_.name} (which failed: {type(error).__name__}: {error})")
        if not os.path.lexists(path):
            raise CheckpointNotFoundError(f"there is no checkpoint {str(path)!r}", hint=_nearby(path))
        raise UnreadableError(
            f"{str(path)!r} is not a checkpoint in any known format: {_nature(path)}; "
            f"tried {', '.join(tried) or 'none'}",
            hint=self._unusable() or (_OF_A_DIRECTORY if path.is_dir() else ""),
        )

    # -- hooks -----------------------------------------------------------------------------------------------------

    @property
    def hook(self) -> pluggy.HookRelay:
        """The relay through which hooks are called: `registry.hook.tmplcore_variable_created(variable=v)`.

        Take it anew for each call: `add_specs` and `register` replace it.
        """
        return (self._manager or self._load()).hook

    def add_specs(self, specs: ModuleType | type, *kinds: type[Descriptor]) -> None:
        """Let a higher layer add hooks of its own; adding them twice does nothing.

        Args:
            specs: A module or a class with functions marked by `tmplcore.hookspecs.hookspec`.
            kinds: The kinds of descriptors that those hooks return.
        """
        with self._lock:
            if specs not in self._specs:
                self._specs.append(specs)
                self._kinds += [kind for kind in kinds if kind not in self._kinds]
                self._manager = None

    def register(self, implementation: object, name: str) -> None:
        """Add a plugin that has no entry point: a module, or an object with hook implementations.

        Raises:
            PluginConflictError: There is a plugin of that name.
        """
        with self._lock:
            self._load()
            for plugin in self._plugins:
                if plugin.name == name:
                    raise PluginConflictError(
                        f"there is already {plugin.source}", hint="register it under another name"
                    )
            self._registered.append(Plugin(name, "", "", _title(implementation), implementation))
            self._manager = None

    # -- loading ---------------------------------------------------------------------------------------------------

    def _load(self) -> pluggy.PluginManager:
        with self._lock:
            if self._manager is not None:
                return self._manager
            manager = pluggy.PluginManager("tmplcore")
            for specs in self._specs:
                manager.add_hookspecs(specs)
            if self._switches.traced:
                manager.add_hookcall_monitoring(_trace_call, lambda *_: None)
            plugins = [*installed(), *(plugin.fresh() for plugin in self._registered)]
            self._switches.apply(plugins)
            for plugin in plugins:
                if plugin.state == "loaded":
                    self._import(plugin, manager)
                self._trace(plugin)
            for plugin in plugins:
                if plugin.state == "loaded":
                    self._collect(plugin, manager)
            self._plugins, self._manager = plugins, manager
            return manager

    def _import(self, plugin: Plugin, manager: pluggy.PluginManager) -> None:
        try:
            if plugin.implementation is None:
                plugin.implementation = importlib.metadata.EntryPoint(plugin.name, plugin.module, GROUP).load()
            manager.register(plugin.implementation, name=plugin.name)
        except Exception as error:  # whatever a plugin does wrong concerns that plugin alone
            if manager.has_plugin(plugin.name):
                manager.unregister(name=plugin.name)
            plugin.fail("failed", f"{type(error).__name__}: {error}")

    def _collect(self, plugin: Plugin, manager: pluggy.PluginManager) -> None:
        others = [other for other in manager.get_plugins() if other is not plugin.implementation]
        implemented = _implemented(plugin.implementation)
        try:
            for kind in self._kinds:
                if kind.hook in implemented:
                    for answer in manager.subset_hook_caller(kind.hook, others)():
                        plugin.offers += _checked(kind, answer)
        except Exception as error:  # as in _import
            manager.unregister(name=plugin.name)
            plugin.offers = []
            plugin.fail("failed", f"{type(error).__name__}: {error}")

    def _trace(self, plugin: Plugin) -> None:
        if self._switches.traced:
            _say(f"{plugin.source}: {plugin.state}" + "".join(f"; {problem}" for problem in plugin.problems))

    # -- saying what is wrong --------------------------------------------------------------------------------------

    def _not_found(self, kind: type[Descriptor], name: str, names: Sequence[str]) -> PluginError:
        offering = [
            plugin
            for plugin in self._plugins
            for offer in plugin.offers
            if isinstance(offer, kind) and offer.name == name
        ]
        if offering:
            return PluginConflictError(
                f"{listed(offering)} offer a {kind.kind} named {name!r}, so neither is used",
                hint=choice(offering),
            )
        named = [plugin for plugin in self._plugins if plugin.name == name]
        if rivals := [plugin for plugin in named if plugin.state == "conflict"]:
            return PluginConflictError(conflict(rivals), hint=choice(rivals))
        message = f"no plugin offers a {kind.kind} named {name!r}"
        for plugin in named:
            if plugin.state == "failed":
                return PluginFailedError(
                    f"{plugin.source} failed: {plugin.problems[-1]}", hint="tmplctl plugins shows all of them"
                )
            if plugin.state == "blocked":
                return PluginNotFoundError(
                    f"{message}: {plugin.source} is {plugin.problems[-1]}", hint="change that variable"
                )
        near = difflib.get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names) or 'none'}"
        return PluginNotFoundError(message, hint="; ".join(filter(None, [hint, self._unusable()])))

    def _unusable(self) -> str:
        broken = [plugin for plugin in self._plugins if plugin.state in {"failed", "conflict"}]
        return "; ".join(f"{plugin.source} was not used ({plugin.problems[-1]})" for plugin in broken)

    def _owners(self) -> dict[tuple[str, str], list[Plugin]]:
        owners: dict[tuple[str, str], list[Plugin]] = {}
        for plugin in self._plugins:
            for offer in plugin.offers:
                owners.setdefault((offer.kind, offer.name), []).append(plugin)
        return owners


_OF_A_DIRECTORY: Final = "name a file in it; checkpoint.CheckpointManager(directory) finds the latest or the best one"

_default: PluginRegistry | None = None
_default_lock = threading.Lock()


def default_registry() -> PluginRegistry:
    """Return the registry of this process, made at the first call.

    Example:
        >>> default_registry() is default_registry()
        True
    """
    global _default  # noqa: PLW0603
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = PluginRegistry()
    return _default


def _implemented(implementation: object) -> list[str]:
    """Return the names of the hooks that a plugin implements, without touching what is not a function."""
    marker = f"{hookspecs.hookimpl.project_name}_impl"
    return [name for name in dir(implementation) if getattr(getattr(implementation, name, None), marker, None)]


def _checked(kind: type[Descriptor], answer: Iterable[object]) -> list[Descriptor]:
    descriptors: list[Descriptor] = []
    for descriptor in answer:
        if not isinstance(descriptor, kind):
            raise TypeError(f"{kind.hook} returns {kind.__name__} values, and this is not one: {descriptor!r}")
        if any(descriptor.name == other.name for other in descriptors):
            raise ValueError(f"{kind.hook} returns two of the name {descriptor.name!r}")
        descriptors.append(descriptor)
    return descriptors


def _meant(hook: str, specified: Sequence[str]) -> str:
    near = difflib.get_close_matches(hook, [name for name in specified if name != hook], n=1)
    return f" (did you mean {near[0]}?)" if near else ""


def _refusal(offer: Descriptor, owners: Sequence[Plugin]) -> str:
    return f"the {offer.kind} {offer.name!r} is refused: {listed(owners)} offer it; {choice(owners)}"


def _title(implementation: object) -> str:
    return implementation.__name__ if isinstance(implementation, ModuleType) else type(implementation).__qualname__


def _nearby(path: Path) -> str:
    try:
        names = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"there is no directory {str(path.parent)!r} that could be read"
    near = difflib.get_close_matches(path.name, names, n=3)
    return f"did you mean {' or '.join(str(path.parent / name) for name in near)}?" if near else ""


def _nature(path: Path) -> str:
    if not path.exists():
        return "it is a link to nothing"
    if not os.access(path, os.R_OK):
        return "it may not be read (permission denied)"
    if path.is_dir():
        return "it is a directory"
    if not path.is_file():
        return "it is not a regular file"
    if path.stat().st_size == 0:
        return "it is empty"
    with path.open("rb") as file:
        return f"it begins with {file.read(8)!r}"


def _say(line: str) -> None:
    print(f"tmplcore.plugins {time.strftime('%H:%M:%S')} {line}", file=sys.stderr)


def _trace_call(hook_name: str, implementations: Sequence[pluggy.HookImpl], arguments: Mapping[str, Any]) -> None:
    given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    _say(f"{hook_name}({given}) -> {', '.join(implementation.plugin_name for implementation in implementations)}")
