"""The entry point of `tmplctl`: runs a command, shows its report or its failure, returns the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tmplctl.errors import ExitCode, debugging, failure_of, raise_on_termination
from tmplctl.output import Mode, Output, Report
from tmplctl.session import Session

__all__ = ["main", "run"]


def main() -> None:
    """Run `tmplctl` with the arguments of this process, and end it."""
    raise_on_termination()
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str], output: Output | None = None) -> int:
    """Run `tmplctl` with these arguments and return its exit code.

    Example:
        >>> run(["--version"])
        tmplctl 0.1.0
        0
    """
    from tmplctl.app import build_app

    session = Session(output)
    options = list(arguments)[: list(arguments).index("--")] if "--" in arguments else list(arguments)
    if "--json" in options:  # a wrong command line is answered in JSON, too
        session.output.mode = Mode.JSON
    try:
        if not arguments:
            arguments = ["--help"]
        result = build_app().main(list(arguments), prog_name="tmplctl", standalone_mode=False, obj=session)
        if isinstance(result, Report):
            session.output.emit(result)
            return int(result.exit_code)
        if result == ExitCode.INTERRUPTED:  # typer's way to hand Ctrl-C on
            raise KeyboardInterrupt
        return int(result or 0)
    except (Exception, KeyboardInterrupt) as error:  # the one edge at which every error becomes an exit code
        if debugging():
            import traceback

            traceback.print_exception(error, file=session.output.stderr)
        failure = failure_of(error)
        session.output.error(failure)
        return int(failure.exit_code)
