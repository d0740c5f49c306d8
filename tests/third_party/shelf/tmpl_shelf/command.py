"""A command: `tmplctl biggest`."""

from typing import Annotated

import typer

from tmplctl.output import Report
from tmplctl.refs import open_checkpoint


def biggest(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(metavar="REF", help="A file, or a step of the run.")],
    top: Annotated[int, typer.Option(help="How many to show.")] = 5,
) -> Report:
    """Show the largest variables of a checkpoint."""
    with open_checkpoint(context.find_root().obj, reference) as reader:
        sizes = sorted(((variable.nbytes, name) for name, variable in reader.items()), reverse=True)
    return Biggest(sizes[:top])


class Biggest(Report):
    """The largest variables."""

    schema = "biggest/1"

    def __init__(self, sizes):
        self._sizes = sizes

    def data(self):
        return {"variables": [{"name": name, "bytes": size} for size, name in self._sizes]}

    def ids(self):
        return [name for _, name in self._sizes]

    def show(self, screen):
        screen.table(["BYTES", "NAME"], [[str(size), name] for size, name in self._sizes])
