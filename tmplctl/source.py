"""SOURCE on a command line: a program that makes variables, or a checkpoint file.

`package.module:attribute` names a callable without arguments, or a template. It is run in a fresh store under the
configured backend, getters and seed; what it prints goes to stderr.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from tmplcore.errors import TmplError
from tmplctl.errors import UsageError
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.config import Config
    from tmplcore.store import VariableStore

__all__ = ["Built", "ProgramError", "build", "build_dry", "in_memory", "is_program", "wanted"]

_PROGRAM = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")


@final
class ProgramError(UsageError):
    """A program raised an error of its own."""


@final
@dataclass(frozen=True)
class Built:
    """What a program made.

    Attributes:
        reference: The program.
        value: What can be saved and restored: the store, or what the program returned if that holds the variables.
        store: The store that it ran in.
    """

    reference: str
    value: Any
    store: VariableStore

    @property
    def initial(self) -> bool:
        """Whether the values are as the initializers made them: the backend keeps none from earlier runs."""
        return self.value is self.store and not self.store.backend.persistent


def is_program(text: str) -> bool:
    """Tell whether a word is of the form `package.module:attribute`.

    Example:
        >>> is_program("model:build"), is_program("model.h5"), is_program("dir/model:build")
        (True, False, False)
    """
    return _PROGRAM.fullmatch(text) is not None


def wanted(session: Session, text: str | None) -> str:
    """Return the given source, or the configured one.

    Raises:
        UsageError: There is neither.
    """
    if text is not None:
        return text
    configured = session.config.settings.source
    if configured is None:
        where = session.config.file
        raise UsageError(
            "no SOURCE was given, and " + (f"{where} has no `source`" if where else "there is no tmpl.toml"),
            hint="name a program (package.module:attribute) or a file; or tmplctl init",
        )
    return configured


@contextlib.contextmanager
def build(session: Session, reference: str, backend: str | None = None) -> Iterator[Built]:
    """Run a program and hand out what it made; its storage is given back at the end.

    Args:
        session: The run.
        reference: `package.module:attribute`.
        backend: Another backend than the configured one.

    Raises:
        UsageError: There is no such program, or it failed.
        PluginError: The backend or a getter is not there.
    """
    config = session.config
    with _importable(config, reference), contextlib.redirect_stdout(session.output.stderr):
        store = config.store(backend=backend)
        try:
            with store.as_default(), _explained(session, reference):
                result = _run(config, _attribute(config, reference))
            made = bool(store.variables)
            if not made and result is None:
                raise UsageError(
                    f"{reference} made no variables", hint="it must call get_variable, or return what holds them"
                )
            yield Built(reference, store if made else result, store)
        finally:
            store.backend.close()


@contextlib.contextmanager
def build_dry(session: Session, reference: str) -> Iterator[Built]:
    """Run a program for its variables' names, shapes and dtypes alone; raises as `build`.

    Variables are stand-ins for NumPy arrays that take no memory. A program that hands them to a framework which wants
    its own arrays is run on the configured backend, but never in storage that lasts.
    """
    with contextlib.ExitStack() as stack:
        try:
            built = stack.enter_context(build(session, reference, "shapes"))
        except ProgramError as first:
            backend = in_memory(session)
            try:
                built = stack.enter_context(build(session, reference, backend))
            except ProgramError as second:
                if backend == "numpy" and isinstance(first.__cause__, TypeError):
                    from tmplcore.descriptors import BackendPlugin

                    offers = session.registry.offers(BackendPlugin)
                    others = " or ".join(name for name, plugin in offers.items() if plugin.requires)
                    second.hint = f"a program that wants a framework's arrays needs its backend: --set backend={others}"
                raise second from first
            session.output.note(f"{reference} does not run without values, so it ran in memory on {backend}")
        yield built


def in_memory(session: Session) -> str:
    """Return the configured backend, or `numpy` if that keeps values which must not be touched."""
    backend = session.config.settings.backend
    persistent = session.registry.backend(backend).load_factory().persistent
    return "numpy" if persistent else backend


def _run(config: Config, program: Any) -> Any:
    from tmplcore import Template

    result = program
    if not isinstance(program, Template):
        if not callable(program):
            return program
        result = program()
    if isinstance(result, Template) and not result.variables:
        arguments = config.settings.inputs
        if isinstance(arguments, dict):
            result(**{name: _argument(value) for name, value in arguments.items()})
        else:
            result(*(_argument(value) for value in arguments))
        return None
    return result


def _argument(value: Any) -> Any:
    from tmplcore.config import InputSpec

    if not isinstance(value, InputSpec):
        return value
    import numpy as np

    from tmplcore.checkpoint.casting import dtype_named

    return np.full(value.shape, value.fill).astype(dtype_named(value.dtype))


def _attribute(config: Config, reference: str) -> Any:
    module_name, _, attribute = reference.partition(":")
    try:
        value = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            raise UsageError(
                f"{reference}: there is no module {error.name!r}",
                hint=f"it is looked for in {config.root} and where Python looks; check `source`",
            ) from error
        raise
    for part in attribute.split("."):
        if not hasattr(value, part):
            from difflib import get_close_matches

            near = get_close_matches(part, [name for name in dir(value) if not name.startswith("_")], n=1)
            raise UsageError(
                f"{reference}: {getattr(value, '__name__', value)} has no attribute {part!r}",
                hint=f"did you mean {near[0]}?" if near else "check `source`",
            )
        value = getattr(value, part)
    return value


@contextlib.contextmanager
def _importable(config: Config, reference: str) -> Iterator[None]:
    """Let modules beside the configuration be imported, and forget the program's modules at the end.

    A template that a module made belongs to the store of its first call: the next run imports the program anew.
    """
    path, before = str(config.root), set(sys.modules)
    package = reference.partition(":")[0].partition(".")[0]
    sys.path.insert(0, path)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(path)
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if name.partition(".")[0] == package or file.startswith(path + os.sep):
                del sys.modules[name]


@contextlib.contextmanager
def _explained(session: Session, reference: str) -> Iterator[None]:
    """Turn whatever a program raises into an error that says it was the program."""
    try:
        yield
    except TmplError:
        raise
    except (Exception, SystemExit) as error:
        import traceback

        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "tmplctl" not in frame.filename]
        place = f" ({session.relative(frames[-1].filename)}:{frames[-1].lineno})" if frames else ""
        hint = "TMPL_DEBUG=1 shows the traceback"
        uncalled = isinstance(error, TypeError) and "required positional argument" in str(error)
        if uncalled and not session.config.settings.inputs:
            hint = "a template is called with `inputs` of the configuration: inputs = [{ shape = [1, 20] }]"
        raise ProgramError(f"{reference} failed{place}: {type(error).__name__}: {error}", hint=hint) from error
