"""The entry point of `tmplctl`: runs a command, shows its report or its failure, returns the exit code."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

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
    session = Session(output)
    arguments = list(arguments)
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    if "--json" in options:  # a wrong command line is answered in JSON, too
        session.output.mode = Mode.JSON
    try:
        with _warnings_to(session.output):
            result = _run(arguments or ["--help"], session)
            if not isinstance(result, Report):
                return int(result or 0)
            session.output.emit(result)
            return int(result.exit_code)
    except (Exception, KeyboardInterrupt) as error:  # the one edge at which every error becomes an exit code
        if debugging():
            import traceback

            traceback.print_exception(error, file=session.output.stderr)
        failure = failure_of(error)
        session.output.error(failure)
        return int(failure.exit_code)


def _run(arguments: list[str], session: Session) -> Any:
    from tmplctl.app import build_app

    result = build_app().main(arguments, prog_name="tmplctl", standalone_mode=False, obj=session)
    if result == ExitCode.INTERRUPTED and not isinstance(result, Report):  # typer's way to hand Ctrl-C on
        raise KeyboardInterrupt
    return result


@contextmanager
def _warnings_to(output: Output) -> Iterator[None]:
    """Let the library's warnings be seen as lines of the sink, each once; those of others stay hidden."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("default", category=UserWarning)

        def show(message: Warning | str, *_: Any, **__: Any) -> None:
            output.warning(str(message))

        warnings.showwarning = show
        yield
