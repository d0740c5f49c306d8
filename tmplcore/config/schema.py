"""The JSON schema of the configuration, for editors, with the options of every installed plugin in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tmplcore.config import models
from tmplcore.config.models import Settings
from tmplcore.descriptors import BackendPlugin, Descriptor, GetterPlugin
from tmplcore.errors import PluginError
from tmplcore.plugins import PluginRegistry, default_registry

__all__ = ["schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema(registry: PluginRegistry | None = None) -> dict[str, Any]:
    """Return the schema of `tmpl.toml`.

    A plugin whose options cannot be loaded has a table without keys: the others stay right.
    """
    registry = registry or default_registry()
    root = Settings.model_json_schema()
    definitions: dict[str, Any] = root.setdefault("$defs", {})
    for name, table in {"Settings": root, **definitions}.items():
        for key, text in _meanings(getattr(models, name)).items():
            table["properties"][key]["description"] = text
    properties = root["properties"]

    backends = registry.offers(BackendPlugin)
    tables = {name: _options(plugin, definitions) for name, plugin in backends.items()}
    properties["backend"] |= {"anyOf": [{"enum": list(backends)}, {"type": "string"}]}
    properties["backend"].pop("type", None)
    properties["backends"] = {
        "type": "object",
        "description": properties["backends"].get("description", ""),
        "properties": tables,
        "additionalProperties": {"type": "object"},
    }

    getters = registry.offers(GetterPlugin)
    table = definitions["GetterSettings"]
    table["properties"]["name"] = {
        **table["properties"]["name"],
        "examples": list(getters),
    }
    branches = [
        {
            "if": {"properties": {"name": {"const": name}}, "required": ["name"]},
            "then": {"properties": {"options": _options(plugin, definitions)}},
        }
        for name, plugin in getters.items()
    ]
    if branches:
        table["allOf"] = branches
    _string_or_list(table["properties"]["pattern"])
    for key in ("rename", "include", "exclude"):
        _string_or_list(definitions["RestoreSettings"]["properties"][key])
    _string_or_list(definitions["KeepSettings"]["properties"]["best"])
    return {"$schema": DIALECT, "title": "tmpl.toml", **{k: v for k, v in root.items() if k != "title"}}


def _meanings(table: type) -> dict[str, str]:
    """Return what the keys of a table mean: the text under each in the source, if that is there."""
    import ast
    import inspect
    import itertools
    import textwrap

    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(table))).body
    except (OSError, SyntaxError):
        return {}
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(str(text.value.value))
        for field, text in itertools.pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def _options(plugin: Descriptor, definitions: dict[str, Any]) -> dict[str, Any]:
    described = {"description": plugin.summary}
    try:
        model = plugin.load_options()
    except (PluginError, ImportError):
        return {"type": "object", **described}
    if model is None:
        return {"type": "object", "additionalProperties": False, "properties": {}, **described}
    schema: dict[str, Any] = model.model_json_schema()
    for name, inner in schema.pop("$defs", {}).items():
        definitions[f"{plugin.name}.{name}"] = _moved(inner, plugin.name)
    moved: dict[str, Any] = _moved(schema, plugin.name)
    return {**moved, **described}


def _moved(schema: Any, prefix: str) -> Any:
    """Rename references to a plugin's own definitions, so that two plugins' do not clash."""
    if isinstance(schema, Mapping):
        return {
            key: value.replace("#/$defs/", f"#/$defs/{prefix}.")
            if key == "$ref" and isinstance(value, str)
            else _moved(value, prefix)
            for key, value in schema.items()
        }
    if isinstance(schema, list):
        return [_moved(item, prefix) for item in schema]
    return schema


def _string_or_list(property_: dict[str, Any]) -> None:
    """Say that one string may stand for a list of one."""
    kept = ("description", "default", "title")
    described: dict[str, Any] = {key: property_.pop(key) for key in kept if key in property_}
    listed = dict(property_)
    property_.clear()
    property_ |= {"anyOf": [listed, {"type": "string"}]} | described
