"""The hook through which a plugin adds a command.

    from tmplcore import hookimpl

    @hookimpl
    def tmplctl_commands():
        from tmplctl.hookspecs import CommandPlugin
        return [CommandPlugin(name="average", summary="Average checkpoints", factory="my_package.cli:average")]

`factory` names a function as typer takes it; its first parameter may be a `typer.Context`, whose `obj` is the
`tmplctl.session.Session`. A function that returns a `tmplctl.output.Report` gets `--json` and `--quiet` for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tmplcore.descriptors import Descriptor
from tmplcore.hookspecs import hookspec

__all__ = ["CommandPlugin", "tmplctl_commands"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandPlugin(Descriptor):
    """A command: `factory` is the function that runs it.

    Attributes:
        examples: Command lines for `--help`.
    """

    kind: ClassVar[str] = "command"
    hook: ClassVar[str] = "tmplctl_commands"

    examples: tuple[str, ...] = ()


@hookspec
def tmplctl_commands() -> Sequence[CommandPlugin]:
    """Publish commands of `tmplctl`."""
    return ()
