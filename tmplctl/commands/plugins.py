"""`tmplctl plugins`: what is installed, what it offers, and whether it works."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, final

import typer

from tmplcore.plugins import PluginInfo
from tmplctl.errors import ExitCode
from tmplctl.output import Report, Screen
from tmplctl.session import Session
from tmplctl.table import Cell, Column
from tmplctl.text import count

__all__ = ["EXAMPLES", "Plugins", "command"]

EXAMPLES = (
    "tmplctl plugins                 everything that is installed",
    "tmplctl plugins torch --json    one plugin, for a script",
    "TMPL_PLUGINS_BLOCK=jax tmplctl plugins",
)


def command(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="These plugins only.")] = None,
) -> Report:
    """Show the installed plugins: what they offer, where they come from, and whether they work.

    A plugin that failed, or that lacks a package, disturbs none of the others. Exit code 12 if a plugin that was
    named does not work.
    """
    session: Session = context.find_root().obj
    plugins = session.registry.plugins()
    if names:
        from tmplcore.errors import PluginNotFoundError

        known = {plugin.name for plugin in plugins}
        for name in names:
            if name not in known:
                from difflib import get_close_matches

                near = get_close_matches(name, known, n=1)
                raise PluginNotFoundError(
                    f"no plugin named {name!r} is installed",
                    hint=f"did you mean {near[0]}?" if near else f"installed are {', '.join(sorted(known))}",
                )
        plugins = [plugin for plugin in plugins if plugin.name in names]
    return Plugins(plugins, named=bool(names))


@final
class Plugins(Report):
    """The installed plugins."""

    schema = "plugins/1"

    def __init__(self, plugins: Sequence[PluginInfo], *, named: bool) -> None:
        self._plugins = plugins
        self._named = named

    @property
    def exit_code(self) -> int:
        """Failed plugins are a fact to show, unless one of them was asked for."""
        broken = any(plugin.state in ("failed", "conflict") or plugin.refused for plugin in self._plugins)
        return ExitCode.PLUGIN if self._named and broken else ExitCode.DONE

    def data(self) -> Mapping[str, Any]:
        """Return every plugin with what it offers."""
        return {
            "plugins": [
                {
                    "name": plugin.name,
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "module": plugin.module,
                    "state": plugin.state,
                    "problems": plugin.problems,
                    "hooks": plugin.hooks,
                    "offers": [
                        {
                            "kind": offer.kind,
                            "name": offer.name,
                            "summary": offer.summary,
                            "refused": offer in plugin.refused,
                            "missing": offer.missing(),
                            "install": offer.install_command if offer.missing() else None,
                        }
                        for offer in plugin.offers
                    ],
                }
                for plugin in self._plugins
            ]
        }

    def ids(self) -> Iterable[str]:
        """Return the names of the plugins."""
        return [plugin.name for plugin in self._plugins]

    def show(self, screen: Screen) -> None:
        """Show a row for each thing that is offered, then who implements which hook, then what is wrong."""
        origins = {f"{plugin.distribution} {plugin.version}".strip() or plugin.module for plugin in self._plugins}
        several = len(origins) > 1  # a column that says the same in every row only takes room
        rows: list[list[str | Cell]] = []
        for plugin in self._plugins:
            origin = [f"{plugin.distribution} {plugin.version}".strip() or plugin.module] if several else []
            name = plugin.name
            for offer in plugin.offers:
                state = Cell("not installed", "yellow") if offer.missing() else Cell("ok", "green")
                if offer in plugin.refused:
                    state = Cell("refused", "red")
                rows.append([name, offer.kind, offer.name, state, *origin, offer.summary])
                name, origin = "", [""] * len(origin)
            if not plugin.offers:
                bad = plugin.state in ("failed", "conflict")
                label = "ok" if plugin.state == "loaded" else plugin.state
                rows.append([name, "", "", Cell(label, "red" if bad else "dim"), *origin, ""])
        columns: list[str | Column] = ["PLUGIN", "KIND", "NAME", "STATE"]
        columns += [Column("FROM", fold=True)] * several
        screen.table([*columns, Column("WHAT IT IS", fold=True)], rows)
        implementing: dict[str, list[str]] = {}
        for plugin in self._plugins:
            for hook in plugin.hooks:
                implementing.setdefault(hook, []).append(plugin.name)
        if implementing:  # a table of its own: beside every offer it would leave no room for what that is
            screen.line()
            hooks: list[list[str | Cell]] = [[hook, ", ".join(names)] for hook, names in sorted(implementing.items())]
            screen.table(["HOOK", Column("IMPLEMENTED BY", fold=True)], hooks)
            screen.line()
        said = set()  # two that share a name share the line about it
        for plugin in self._plugins:
            for problem in plugin.problems:
                if (plugin.name, problem) not in said:
                    screen.line(f"{plugin.name}: {problem}", "yellow" if plugin.state == "loaded" else "red")
                said.add((plugin.name, problem))
        for plugin in self._plugins:
            for command in dict.fromkeys(offer.install_command for offer in plugin.offers if offer.missing()):
                screen.line(f"{plugin.name}: {command}", "dim")
        source = "" if several else f" of {', '.join(origins)}"
        screen.line(count(len(self._plugins), "plugin") + source)
