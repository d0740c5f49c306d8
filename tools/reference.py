"""Write docs/reference/cli.md, json.md and configuration.md from the code; `--check` only says whether they are stale.

python tools/reference.py
"""

# ruff: noqa: E501

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tmplctl.app import COMMANDS
from tmplctl.errors import ExitCode
from tmplctl.main import run
from tmplctl.schemas import SCHEMAS

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"
NOTICE = "<!-- Made by tools/reference.py: change the code, not this file. -->\n"


def help_of(*command: str) -> str:
    """Return what `--help` prints in 80 columns."""
    text = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "80"
    try:
        with contextlib.redirect_stdout(text):
            run([*command, "--help"])
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())


def cli() -> str:
    """Return cli.md."""
    from tmplctl.commands.config import SUBCOMMANDS

    bundled = help_of().partition("\nCommands from plugins:")
    parts = [
        NOTICE,
        "# `tmplctl`\n",
        "```text",
        bundled[0].rstrip() if bundled[1] else help_of(),
        "```\n",
        "## Naming a checkpoint\n",
        "A checkpoint is named by a path (anything with a separator, or that exists) in any known format: a file, or a",
        "TensorFlow prefix such as `model.ckpt`. Any other word is looked up in the checkpoint directory: `latest` is the",
        "newest valid one, `latest~2` the one two before it, `best` the best by `checkpoints.keep.best` (without it: the",
        "lowest `loss`), a number is a step, all else a tag.\n",
        "## Choosing and renaming variables\n",
        "| pattern | matches |",
        "| --- | --- |",
        "| `dense/kernel` | that name |",
        "| `dense/` | everything below that scope |",
        "| `*/kernel`, `layer_?/w` | `*` any text, across `/` too, `?` one character |",
        r"| `re:layer_(\d+)/` | a regular expression, found anywhere in the name; `^` and `$` pin it |",
        "",
        "| rename rule | meaning |",
        "| --- | --- |",
        "| `old=new` | that one name |",
        "| `scope/=other/` | everything below it moves; `scope/=/` strips it, `/=scope/` puts it in front |",
        "| `*/weights=*/kernel` | a glob; each `*` on the right is what stood at its place on the left |",
        r"| `re:layer_(\d+)/=block\1/` | a regular expression with groups |",
        "",
        "The name in the checkpoint stands on the left. Rules are tried in order, the first that fits decides, and a name",
        "is renamed once. `--explain NAME` shows which rule it is. Rules may also stand in the configuration",
        "(`restore.rename`) or in a file, one a line (`--rename-file`).\n",
        "## Exit codes\n",
        "| code | meaning |",
        "| --- | --- |",
        *(f"| {int(code)} | {MEANINGS[code]} |" for code in ExitCode),
        "",
        "An error is one line on stderr, with a `hint:` below it. `TMPL_DEBUG=1` adds the traceback.\n",
        "## Output\n",
        "Answers go to stdout; warnings, errors and progress bars to stderr. `--json` prints [one object](json.md),",
        "failures included; `--quiet` the ids alone, one a line. Colour is used on terminals only, and not with `NO_COLOR`;",
        "`FORCE_COLOR` asks for it. In a pipe nothing is wrapped; `COLUMNS` sets the width.\n",
    ]
    for name in COMMANDS:
        inner = [(name, key) for key in SUBCOMMANDS] if name == "config" else [(name,)]
        for command in inner:
            parts += [f"## `tmplctl {' '.join(command)}`\n", "```text", help_of(*command), "```\n"]
    return "\n".join(parts)


MEANINGS = {
    ExitCode.DONE: "done",
    ExitCode.NO: "the answer is no: they differ, the verification failed, the plan does not hold, values were refused",
    ExitCode.USAGE: "the command line or the configuration is wrong, or the system refused (permission, full disk)",
    ExitCode.NOT_FOUND: "no such checkpoint",
    ExitCode.UNREADABLE: "not a readable checkpoint",
    ExitCode.PLUGIN: "a plugin is missing or failed",
    ExitCode.EXISTS: "the target exists or is locked",
    ExitCode.INTERRUPTED: "interrupted; nothing half done is left behind",
}


def type_of(schema: dict[str, Any]) -> str:
    """Return a JSON schema's type in a word or two."""
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(branch) for branch in schema["anyOf"]))
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {type_of(schema['items'])}" if "items" in schema else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map to {type_of(schema['additionalProperties'])}"
    return str(kind)


def fields(schema: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield a table row for each field, those of inner objects below theirs."""
    for name, inner in schema.get("properties", {}).items():
        path = f"{above}{name}"
        optional = "" if name in schema.get("required", ()) else " (not always there)"
        yield f"| `{path}` | {type_of(inner)} | {inner.get('description', '')}{optional} |"
        if inner.get("type") == "array" and inner.get("items", {}).get("properties"):
            yield from fields(inner["items"], f"{path}[].")
        elif inner.get("properties"):
            yield from fields(inner, f"{path}.")


def json_page() -> str:
    """Return json.md."""
    parts = [
        NOTICE,
        "# What `--json` prints\n",
        "One object on stdout, failures included, in UTF-8. `schema` names its kind and version: within a version keys may",
        "be added, and none is removed or changes its meaning. JSON has no NaN and no infinities, so these numbers are the",
        'strings `"NaN"`, `"Infinity"` and `"-Infinity"`. Bytes of a file name that are no UTF-8 become U+FFFD. Complex',
        "numbers are pairs. The tests validate what every command prints against the schemas in `tmplctl/schemas.py`.\n",
    ]
    for name, schema in SCHEMAS.items():
        parts += [
            f"## `tmplctl.{name}`\n",
            f"{schema['description']}\n",
            "| key | type | meaning |",
            "| --- | --- | --- |",
        ]
        parts += [*fields(schema), ""]
    return "\n".join(parts)


def configuration() -> str:
    """Return configuration.md."""
    import tmplcore.config
    from tmplcore.descriptors import BackendPlugin, GetterPlugin
    from tmplcore.plugins import default_registry

    schema = tmplcore.config.schema()
    bundled = [plugin for plugin in default_registry().plugins() if plugin.distribution == "tmplcore"]
    parts = [NOTICE, (Path(__file__).parent / "configuration.md").read_text(encoding="utf-8")]
    parts += ["## Keys\n", "| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    parts += [*keys(schema, schema), ""]
    for kind, title in ((BackendPlugin, "`[backends.NAME]`"), (GetterPlugin, "`options` of `[[getters]]`")):
        for plugin in bundled:
            for offer in plugin.offers:
                if isinstance(offer, kind) and offer.options is not None:
                    model = offer.load_options().model_json_schema()
                    parts += [f"## {title}: `{offer.name}`\n", f"{offer.summary[:1].upper()}{offer.summary[1:]}.\n"]
                    parts += [
                        "| key | type | default | meaning |",
                        "| --- | --- | --- | --- |",
                        *keys(model, model),
                        "",
                    ]
    return "\n".join(parts)


def keys(schema: dict[str, Any], root: dict[str, Any], above: str = "") -> Iterator[str]:
    """Yield a table row for each key of a configuration's schema."""
    for name, inner in schema.get("properties", {}).items():
        path = f"{above}{name}"
        target = resolved(inner, root)
        if target.get("properties") and "$ref" in inner:
            yield from keys(target, root, f"{path}.")
            continue
        items = resolved(target.get("items", {}), root)
        default = "" if "default" not in inner else f"`{json.dumps(inner['default'])}`"
        meaning = " ".join(inner.get("description", target.get("description", "")).split())
        yield f"| `{path}` | {kind_of(target, root)} | {default} | {meaning} |"
        if items.get("properties"):
            yield from keys(items, root, f"{path}[].")


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference."""
    reference = schema.get("$ref", "")
    return root["$defs"][reference.rpartition("/")[2]] if reference else schema


def kind_of(schema: dict[str, Any], root: dict[str, Any]) -> str:
    """Return the type of a key in a word or two."""
    schema = resolved(schema, root)
    if "anyOf" in schema:
        kinds = [kind_of(branch, root) for branch in schema["anyOf"] if branch.get("type") != "null"]
        return " or ".join(dict.fromkeys(kind for kind in kinds if "enum" not in kind))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {kind_of(schema['items'], root)}" if schema.get("items") else "list"
    if schema.get("type") == "object":
        return "table"
    return str(schema.get("type", "anything"))


PAGES = {"cli.md": cli, "json.md": json_page, "configuration.md": configuration}


def main() -> int:
    """Write or check the pages; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="only say whether the pages are stale")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = REFERENCE / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"stale: {', '.join(stale)}; run python tools/reference.py", file=sys.stderr)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
