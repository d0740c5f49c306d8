"""How `tmplctl` is put together: commands that are imported when they are run, and the options all of them share."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from tmplctl.output import Mode
from tmplctl.session import Session

__all__ = ["COMMANDS", "CONTEXT_SETTINGS", "build_app"]

CONTEXT_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

# In the order of `tmplctl --help`: as somebody meets them.
COMMANDS: dict[str, str] = {
    "init": "Write a commented tmpl.toml and a small model, to start from.",
    "save": "Save the variables of a program, or any checkpoint file, as a checkpoint.",
    "list": "List the checkpoints of a directory.",
    "show": "Show what is in a checkpoint.",
    "restore": "Restore a checkpoint into the backend's storage, or into a file.",
    "check": "Compare what a program would make with what a checkpoint has.",
    "diff": "Compare two checkpoints.",
    "verify": "Check every hash of a checkpoint, or of a whole directory.",
    "convert": "Convert a checkpoint to another format.",
    "prune": "Delete the checkpoints that no rule keeps.",
    "tag": "Give a checkpoint a name.",
    "untag": "Take a name from a checkpoint.",
    "rm": "Delete checkpoints.",
    "plugins": "Show what is installed, and whether it works.",
    "config": "Show and check the configuration.",
}


def _session(context: typer.Context) -> Session:
    session = context.find_root().obj
    assert isinstance(session, Session)
    return session


def _set_json(context: typer.Context, value: bool) -> None:
    if value:
        _session(context).output.mode = Mode.JSON


def _set_quiet(context: typer.Context, value: bool) -> None:
    output = _session(context).output
    if value and output.mode is not Mode.JSON:
        output.mode = Mode.QUIET


def _set_config(context: typer.Context, value: Path | None) -> None:
    if value is not None:
        _session(context).config_file = value


def _set_directory(context: typer.Context, value: Path | None) -> None:
    if value is not None:
        _session(context).overrides["checkpoints.directory"] = str(value.expanduser().absolute())


def _set_setting(context: typer.Context, value: list[str] | None) -> None:
    if value and not context.resilient_parsing:
        from tmplcore.config.sources import parse_setting

        for text in value:
            key, setting = parse_setting(text)
            _session(context).overrides[key] = setting


def _shared(
    json: Annotated[bool, typer.Option("--json", callback=_set_json, help="Print one JSON object.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", callback=_set_quiet, help="Print ids only.")] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", callback=_set_config, help="The configuration file."),
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-d", metavar="DIR", callback=_set_directory, help="The checkpoint directory."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", callback=_set_setting, help="Override a configuration key."),
    ] = None,
) -> None:
    """Carry the options that every command has; they only ever act through their callbacks."""


def _command(name: str, function: Callable[..., Any], examples: Sequence[str]) -> TyperCommand:
    """Make a command of a function, with examples in its help and the shared options at its end."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=CONTEXT_SETTINGS)
    epilog = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in examples) if examples else None
    app.command(name, cls=Command, epilog=epilog, context_settings=CONTEXT_SETTINGS)(function)
    made = get_command(app)
    assert isinstance(made, TyperCommand)
    _share(made)
    return made


def _share(made: Any) -> None:
    """Add the options that every command has."""
    shared = typer.Typer(add_completion=False, rich_markup_mode=None)
    shared.command()(_shared)
    for parameter in get_command(shared).params:
        parameter.expose_value = False
        made.params.append(parameter)


def _load(name: str) -> Any:
    module = importlib.import_module(f"tmplctl.commands.{name}")
    functions: dict[str, Callable[..., Any]] | None = getattr(module, "SUBCOMMANDS", None)
    if functions is None:
        return _command(name, module.command, module.EXAMPLES)
    group = Group(
        name=name,
        help=(module.__doc__ or "").strip(),
        commands={key: _command(key, function, module.EXAMPLES[key]) for key, function in functions.items()},
        rich_markup_mode=None,
        context_settings=CONTEXT_SETTINGS,
    )
    _share(group)
    return group


class Command(TyperCommand):
    """A command whose usage line is written as everybody does: `show REF [PATTERN]...`."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the pieces, without braces around what must be given."""
        return [piece.replace("{", "").replace("}", "") for piece in super().collect_usage_pieces(ctx)]


class Group(TyperGroup):
    """Commands of which the nearest is proposed for an unknown name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command, or say which one may have been meant."""
        if args[0][:1] != "-" and self.get_command(ctx, args[0]) is None:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1, cutoff=0.5)
            ctx.fail(f"no such command: {args[0]}" + (f" Did you mean {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)


class Commands(Group):
    """The commands: bundled ones by name, imported on use, then those of plugins."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names; asks the plugins."""
        return [*COMMANDS, *(name for name in self._plugins(ctx) if name not in COMMANDS)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; asks the plugins only for a name that is not bundled."""
        if cmd_name not in self.commands:
            if cmd_name in COMMANDS:
                self.commands[cmd_name] = _load(cmd_name)
            elif cmd_name[:1].isalpha() and (plugin := self._plugins(ctx).get(cmd_name)) is not None:
                self.commands[cmd_name] = _command(cmd_name, plugin.load_factory(), plugin.examples)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        plugins = [(name, plugin.summary) for name, plugin in self._plugins(ctx).items() if name not in COMMANDS]
        if plugins:
            with formatter.section("Commands from plugins"):
                formatter.write_dl(plugins)

    def _plugins(self, ctx: Any) -> dict[str, Any]:
        from tmplctl.hookspecs import CommandPlugin

        return _session(ctx).registry.offers(CommandPlugin)


def _show_version(value: bool) -> None:
    if value:
        from tmplcore import __version__

        typer.echo(f"tmplctl {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Keep, inspect, compare and convert checkpoints of any framework, without running what is in them.

    A checkpoint is named by a path (a file of any known format, or a TensorFlow prefix), or by `latest`,
    `latest~2` (two before it), `best`, a step number, or a tag in the checkpoint directory.
    """


EPILOG = """\b
Start here:
  tmplctl init                        a configuration and a small model
  tmplctl save                        save its variables
  tmplctl list                        what there is
  tmplctl show model.safetensors      what is in any checkpoint file

\b
Exit codes: 0 done, 1 the answer is no, 2 usage or configuration, 10 no such
checkpoint, 11 not a readable checkpoint, 12 plugin missing or failed,
13 target exists or is locked, 130 interrupted. TMPL_DEBUG=1 shows tracebacks.
"""


def build_app() -> Any:
    """Return the root command."""
    app = typer.Typer(
        cls=Commands,
        rich_markup_mode=None,
        context_settings=CONTEXT_SETTINGS,
        pretty_exceptions_enable=False,
        epilog=EPILOG,
        no_args_is_help=False,
        invoke_without_command=False,
    )
    app.callback()(_root)
    root = get_command(app)
    _share(root)
    return root
