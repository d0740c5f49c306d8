"""What goes wrong, as an exit code and one line with a hint. The only place that knows exit codes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from typer import TyperException

from tmplcore import errors

if TYPE_CHECKING:
    from tmplctl.output import Output

__all__ = ["ExitCode", "Failure", "UsageError", "debugging", "failure_of", "raise_on_termination", "uninterrupted"]


class ExitCode(IntEnum):
    """What `tmplctl` says to the shell."""

    DONE = 0
    NO = 1
    """The answer is no: they differ, the verification failed, the plan does not hold."""
    USAGE = 2
    """The command line or the configuration is wrong, or the system refused (permission, full disk)."""
    NOT_FOUND = 10
    """No such checkpoint."""
    UNREADABLE = 11
    """Not a readable checkpoint."""
    PLUGIN = 12
    """A plugin is missing or failed."""
    EXISTS = 13
    """The target exists or is locked."""
    INTERRUPTED = 130


class UsageError(errors.TmplError, ValueError):
    """The arguments of a command do not go together, or one has no meaning."""


# The first class that fits decides, so the special ones come first.
_CODES: tuple[tuple[type[BaseException], ExitCode], ...] = (
    (errors.PluginError, ExitCode.PLUGIN),
    (errors.CheckpointNotFoundError, ExitCode.NOT_FOUND),
    (errors.UnreadableError, ExitCode.UNREADABLE),
    (errors.ExistsError, ExitCode.EXISTS),
    (errors.LockedError, ExitCode.EXISTS),
    (errors.ProtectedError, ExitCode.EXISTS),
    (errors.StorageLockedError, ExitCode.EXISTS),
    (errors.RestoreError, ExitCode.NO),
    (errors.SaveError, ExitCode.NO),
    (errors.TmplError, ExitCode.USAGE),
    (TyperException, ExitCode.USAGE),
    (KeyboardInterrupt, ExitCode.INTERRUPTED),
    (FileExistsError, ExitCode.EXISTS),
    (OSError, ExitCode.USAGE),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as it is shown.

    Attributes:
        type: The name of its class.
        message: What went wrong.
        hint: What to do about it.
        exit_code: What the process ends with.
    """

    type: str
    message: str
    hint: str
    exit_code: int


def failure_of(error: BaseException) -> Failure:
    """Describe an error; what no table knows is a mistake of ours and says so."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    name = type(error).__name__
    if code is None:
        place = traceback.extract_tb(error.__traceback__)
        where = f" ({os.path.basename(place[-1].filename)}:{place[-1].lineno})" if place else ""  # noqa: PTH119
        return Failure(
            name,
            f"internal error: {name}: {error}{where}",
            "TMPL_DEBUG=1 shows the traceback; please report it",
            ExitCode.USAGE,
        )
    if isinstance(error, TyperException):
        return _usage(error)
    if isinstance(error, KeyboardInterrupt):
        return Failure("Interrupted", "interrupted", "", code)
    if isinstance(error, OSError) and not isinstance(error, errors.TmplError):
        parts = [str(name) for name in (error.filename, error.filename2) if name is not None]
        text = ": ".join([*parts, error.strerror or str(error) or name])
        return Failure(name, text, "", code)
    hint = error.hint if isinstance(error, errors.TmplError) else ""
    return Failure(name, str(error), hint, code)


def _usage(error: TyperException) -> Failure:
    """Describe what the parser of the command line refused, with the nearest valid word."""
    from difflib import get_close_matches

    context: Any = getattr(error, "ctx", None)
    message = error.format_message().rstrip(".")
    path = context.command_path if context is not None else "tmplctl"
    hint = f"{path} --help"
    option = getattr(error, "option_name", None)
    if option is not None and context is not None and message.startswith("No such option"):
        message = f"no such option: {option}"
        valid = [name for param in context.command.get_params(context) for name in (*param.opts, *param.secondary_opts)]
        near = get_close_matches(option, [name for name in valid if name.startswith("--")], n=1, cutoff=0.5)
        if near:
            hint = f"did you mean {near[0]}? ({path} --help lists them all)"
    elif "Did you mean" in message:
        message, _, guess = message.partition(" Did you mean ")
        hint = f"did you mean {guess} ({path} --help lists all commands)"
    return Failure("UsageError", message[:1].lower() + message[1:], hint, ExitCode.USAGE)


def debugging() -> bool:
    """Tell whether tracebacks are wanted (`TMPL_DEBUG=1`)."""
    return os.environ.get("TMPL_DEBUG", "").lower() not in {"", "0", "false", "no"}


@contextmanager
def uninterrupted(output: Output) -> Iterator[None]:
    """Put Ctrl-C off until the end of a block that must not stop halfway; the second one stops it all the same."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = False

    def later(number: int, frame: object) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True
        output.warning("finishing what is under way; Ctrl-C once more stops at once and leaves it half done")

    before = signal.signal(signal.SIGINT, later)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def raise_on_termination() -> None:
    """Let SIGTERM and SIGHUP unwind like Ctrl-C does, so that nothing half done stays behind."""

    def terminate(number: int, frame: object) -> None:
        sys.exit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, terminate)
