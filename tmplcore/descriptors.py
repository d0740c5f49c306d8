"""What a plugin publishes: cheap values that say what there is, and where it is imported from when wanted."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import Any, ClassVar

from tmplcore.errors import InvalidTypeError, MissingExtraError, PluginFailedError

__all__ = ["AdapterPlugin", "BackendPlugin", "Descriptor", "FormatPlugin", "GetterPlugin"]


def load(reference: str) -> Any:
    """Import what `package.module:attribute` names.

    Example:
        >>> load("math:pi")
        3.141592653589793
    """
    module, _, attribute = reference.partition(":")
    value = importlib.import_module(module)
    for part in attribute.split("."):
        value = getattr(value, part)
    return value


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # the package around it is missing, or is none
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """One thing that a plugin offers. Subclasses say which kind of thing, and which hook publishes it.

    Attributes:
        kind: What a thing of this class is called in messages (`backend`).
        hook: The hook whose implementations return things of this class.
        name: What a configuration, or a user, calls it.
        summary: One line for `tmplctl plugins`.
        factory: `package.module:attribute`, imported when the thing is first made, never before.
        options: `package.module:Model`, the pydantic model of its configuration table; None if it has none.
        requires: Importable module names without which the factory cannot work (`("torch",)`).
        extra: What to install for them: an extra of tmplcore (`torch`) or, with `distribution`, of another.
        distribution: The distribution whose extra it is.
    """

    kind: ClassVar[str]
    hook: ClassVar[str]

    name: str
    summary: str
    factory: str
    options: str | None = None
    requires: tuple[str, ...] = ()
    extra: str | None = None
    distribution: str = "tmplcore"

    def __post_init__(self) -> None:
        if not isinstance(self.requires, tuple):
            raise InvalidTypeError(
                f"requires={self.requires!r} is not a tuple of module names", hint=f"write ({self.requires!r},)"
            )

    def missing(self) -> tuple[str, ...]:
        """Return the modules of `requires` that are not installed."""
        return tuple(module for module in self.requires if not _installed(module))

    @property
    def install_command(self) -> str:
        """The pip command that installs what `requires` names."""
        if self.extra is None:
            return f"pip install {' '.join(self.requires)}"
        return f"pip install '{self.distribution}[{self.extra}]'"

    def load_factory(self) -> Any:
        """Import and return the factory.

        Raises:
            MissingExtraError: A required module is not installed.
            PluginFailedError: The import failed for another reason.
        """
        if missing := self.missing():
            raise MissingExtraError(
                f"{self.name!r} needs {', '.join(missing)}, which is not installed", hint=self.install_command
            )
        try:
            return load(self.factory)
        except Exception as error:
            raise PluginFailedError(
                f"{self.name!r} could not be loaded from {self.factory}: {type(error).__name__}: {error}",
                hint="tmplctl plugins shows where it comes from",
            ) from error

    def load_options(self) -> Any:
        """Import and return the options model, or None."""
        return None if self.options is None else load(self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendPlugin(Descriptor):
    """A backend: `factory(**options)` returns a `tmplcore.backend.Backend`."""

    kind: ClassVar[str] = "backend"
    hook: ClassVar[str] = "tmplcore_backends"


@dataclass(frozen=True, slots=True, kw_only=True)
class GetterPlugin(Descriptor):
    """A getter: `factory(**options)` returns TensorFlow's `getter(next_getter, name, **kwargs)`."""

    kind: ClassVar[str] = "getter"
    hook: ClassVar[str] = "tmplcore_getters"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatPlugin(Descriptor):
    """A checkpoint format: `factory()` returns a `tmplcore.checkpoint.format.Format`.

    Attributes:
        suffixes: File-name endings that a written file of this format gets, the preferred one first.
        detect: `package.module:function`, `(path: Path) -> bool`, in a module that imports nothing heavy: is this
            path a checkpoint of this format? The path may be a prefix that no file has (TensorFlow's
            `model.ckpt`). It must look at bytes, not at the name alone, and never raise for strange input.
        writable: Whether `Format.write` works.
        priority: Formats are asked in falling order; a special case of another format (ours, of HDF5) is higher.
    """

    kind: ClassVar[str] = "format"
    hook: ClassVar[str] = "tmplcore_formats"

    suffixes: tuple[str, ...]
    detect: str
    writable: bool = False
    priority: int = 0

    def detects(self, path: Any) -> bool:
        """Tell whether `path` is a checkpoint of this format."""
        return bool(load(self.detect)(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterPlugin(Descriptor):
    """A framework whose objects can be saved and restored: `factory()` returns a `tmplcore.checkpoint.Adapter`.

    Attributes:
        module: The framework's module (`torch`). The adapter is made only once that has been imported: before, no
            object of it can exist.
    """

    kind: ClassVar[str] = "adapter"
    hook: ClassVar[str] = "tmplcore_adapters"

    module: str
