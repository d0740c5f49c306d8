"""Making a store and a manager from a configuration, with the options of plugins checked by their own models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from tmplcore.config.config import Config
from tmplcore.config.getters import ConfiguredGetters
from tmplcore.config.models import KeepSettings
from tmplcore.config.problems import Problem, config_error, dotted, problems_of
from tmplcore.descriptors import Descriptor
from tmplcore.errors import PluginError
from tmplcore.plugins import PluginRegistry, default_registry

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointManager, KeepRule  # type: ignore[attr-defined,import-not-found,unused-ignore]
    from tmplcore.store import VariableStore

__all__ = ["all_plugin_problems", "build_manager", "build_store", "keep_rules", "plugin_options"]

Path_ = tuple[str | int, ...]


def plugin_problems(
    config: Config, descriptor: Descriptor, options: Mapping[str, Any], prefix: Path_
) -> tuple[dict[str, Any], list[Problem]]:
    """Check a plugin's options; return them complete with defaults, and what is wrong."""
    model = descriptor.load_options()
    if model is None:
        problems = [
            Problem(dotted((*prefix, key)), f"{descriptor.name} has no options", config.where((*prefix, key)))
            for key in options
        ]
        return {}, problems
    assert issubclass(model, BaseModel)
    try:
        value = model.model_validate(dict(options))
    except ValidationError as error:
        return {}, problems_of(error, model, dict(options), config.where, prefix)
    checked = {name: getattr(value, name) for name in model.model_fields}
    for name, option in checked.items():
        if isinstance(option, Path):
            checked[name] = config.path(option, dotted((*prefix, name)))
    return checked, []


def plugin_options(config: Config, descriptor: Descriptor, options: Mapping[str, Any], prefix: Path_) -> dict[str, Any]:
    """Return a plugin's options, complete with defaults.

    Raises:
        ConfigError: Some are wrong.
    """
    checked, problems = plugin_problems(config, descriptor, options, prefix)
    if problems:
        raise config_error(problems)
    return checked


def all_plugin_problems(config: Config, registry: PluginRegistry) -> list[Problem]:
    """Return what is wrong with anything that the configuration says of plugins."""
    found: list[Problem] = []
    named: list[tuple[Callable[[str], Descriptor], str, Path_, Mapping[str, Any], Path_]] = [
        (registry.backend, config.settings.backend, ("backend",), {}, ())
    ]
    for name, table in config.settings.backends.items():
        named.append((registry.backend, name, ("backends", name), table, ("backends", name)))
    for index, getter in enumerate(config.settings.getters):
        path: Path_ = ("getters", index)
        named.append((registry.getter, getter.name, (*path, "name"), getter.options, (*path, "options")))
    for find, name, key, options, prefix in named:
        try:
            descriptor = find(name)
            if prefix:
                found += plugin_problems(config, descriptor, options, prefix)[1]
        except PluginError as error:
            found.append(Problem(dotted(key), str(error), config.where(key), error.hint))
    return found


def build_store(config: Config, backend: str | None = None) -> VariableStore:
    """Make the store: the configured backend (or another one), getters and seed."""
    from tmplcore.store import VariableStore

    registry = default_registry()
    name = backend if backend is not None else config.settings.backend
    descriptor = registry.backend(name)
    options = plugin_options(config, descriptor, config.settings.backends.get(name, {}), ("backends", name))
    getters = []
    for index, getter in enumerate(config.settings.getters):
        plugin = registry.getter(getter.name)
        made = plugin.load_factory()(**plugin_options(config, plugin, getter.options, ("getters", index, "options")))
        getters.append((getter.name, getter.pattern, made))
    return VariableStore(
        descriptor.load_factory()(**options),
        seed=config.settings.seed,
        custom_getter=ConfiguredGetters(getters) if getters else None,
    )


def build_manager(config: Config, *, prune: bool = True) -> CheckpointManager:
    """Make the manager of the checkpoint directory."""
    from tmplcore.checkpoint import CheckpointManager  # type: ignore[attr-defined,import-not-found,unused-ignore]

    checkpoints = config.settings.checkpoints
    return CheckpointManager(
        config.directory,
        keep=keep_rules(checkpoints.keep) if prune else None,
        durable=checkpoints.durable,
        compression=checkpoints.compression,
    )


def keep_rules(keep: KeepSettings) -> list[KeepRule]:
    """Return the retention rules that a `keep` table stands for."""
    from tmplcore.checkpoint import KeepBest, KeepEvery, KeepLast, KeepTagged, KeepWithin  # type: ignore[attr-defined,import-not-found,unused-ignore]

    rules: list[KeepRule] = []
    if keep.last is not None:
        rules.append(KeepLast(keep.last))
    if keep.every is not None:
        rules.append(KeepEvery(keep.every))
    rules += map(KeepBest.parse, keep.best)
    if keep.within is not None:
        rules.append(KeepWithin(keep.within))
    if keep.tagged:
        rules.append(KeepTagged(*keep.tagged))
    return rules
