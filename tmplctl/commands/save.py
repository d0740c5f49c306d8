"""`tmplctl save`: variables, of a program or of any checkpoint file, as a new checkpoint of the directory."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl import text
from tmplctl.completion import complete_refs
from tmplctl.errors import UsageError
from tmplctl.matching import Exclude, Only
from tmplctl.output import Report, Screen
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointInfo
    from tmplcore.store import VariableStore

__all__ = ["EXAMPLES", "Given", "Saved", "command"]

EXAMPLES = (
    "tmplctl save                              the configured program's variables",
    "tmplctl save model:build --step 100 --metric loss=0.31 --tag good",
    "tmplctl save downloads/model.safetensors --step 0",
    "tmplctl save --meta note='before the change' --meta lr=0.1",
)


def command(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="SOURCE",
            autocompletion=complete_refs,
            help="package.module:attribute, or a checkpoint file; the configured program if absent.",
        ),
    ] = None,
    step: Annotated[int | None, typer.Option("--step", min=0, metavar="N", help="The step; see above.")] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Tag it; may be repeated.")] = None,
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="NAME=NUMBER", help="Record a metric; may be repeated.")
    ] = None,
    meta: Annotated[
        list[str] | None,
        typer.Option("--meta", metavar="KEY=VALUE", help="Record anything (JSON, else text); may be repeated."),
    ] = None,
    only: Only = None,
    exclude: Exclude = None,
    allow_nonfinite: Annotated[
        bool, typer.Option("--allow-nonfinite", help="Save NaN and infinite values, too.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace the checkpoint of that step; move tags.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be saved.")] = False,
) -> Report:
    """Save variables as a new checkpoint of the configured directory.

    The step is --step; or else the file's own, or the value of a variable `global_step`; or else one more than that
    of the newest checkpoint. With a backend that keeps values (hdf5) what training left is saved, with one in memory
    the initial values. Values that are not finite are refused (exit code 1).
    """
    from tmplcore.checkpoint import CheckpointInfo
    from tmplcore.checkpoint.files import sources
    from tmplcore.checkpoint.patterns import Selection
    from tmplcore.checkpoint.state import state_of
    from tmplcore.checkpoint.tags import check_tag
    from tmplcore.errors import ExistsError
    from tmplctl.progress import Bar

    session: Session = context.find_root().obj
    how: dict[str, Any] = {"include": only or None, "exclude": exclude or ()}
    numbers, notes = dict(map(_metric, metrics or [])), dict(map(_note, meta or []))
    for tag in tags or []:
        check_tag(tag)
    manager = session.config.checkpoints(prune=False)
    with _opened(session, source) as given:
        infos = manager.list()
        chosen = step if step is not None else given.step if given.step is not None else _next(infos)
        if not force and any(info.step == chosen and info.state != "temporary" for info in infos):
            raise ExistsError(
                f"there is a checkpoint of step {chosen} already: {session.relative(manager.path(chosen))}",
                hint="--step names another one, --force replaces it",
            )
        for tag, at in manager.tags().items():
            if tag in (tags or ()) and at != chosen and not force:
                raise ExistsError(f"the tag {tag!r} is at step {at} already", hint="--force moves it")
        recorded = {**given.metrics, **numbers}
        if dry_run:
            wanted = Selection(**how)
            values = sources(state_of(given.value, wanted), wanted)
            nbytes = sum(value.nbytes for value in values.values())
            info = CheckpointInfo(
                chosen, manager.path(chosen), time.time(), len(values), nbytes, tuple(tags or ()), recorded
            )
            return Saved(session, info, given, dry_run=True)
        with Bar(session.output, "saving", given.nbytes) as bar:
            manager.save(
                chosen,
                given.value,
                metrics=recorded,
                meta={**given.meta, **notes},
                tags=tags or (),
                finite=not allow_nonfinite,
                overwrite=force,
                progress=bar.advance,
                **how,
            )
    return Saved(session, manager.resolve(chosen), given, dry_run=False)


@final
@dataclass(frozen=True)
class Given:
    """What is to be saved, and what it says of itself."""

    label: str
    value: Any
    nbytes: int | None = None
    step: int | None = None
    initial: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=dict)


@contextlib.contextmanager
def _opened(session: Session, source: str | None) -> Iterator[Given]:
    """Run the program, or open the file, that SOURCE means."""
    from tmplctl.refs import open_checkpoint
    from tmplctl.source import build, is_program, wanted

    reference = wanted(session, source)
    if is_program(reference):
        with build(session, reference) as built:
            yield Given(reference, built.value, step=_global_step(built.store), initial=built.initial)
        return
    with open_checkpoint(session, reference) as reader:
        meta = reader.meta
        nbytes = sum(variable.nbytes for variable in reader.values())
        label = session.relative(reader.path)
        yield Given(label, reader, nbytes, meta.step, metrics=meta.metrics, meta=meta.user)


def _global_step(store: VariableStore) -> int | None:
    """Return the value of the variable `global_step`, where there is one."""
    for variable in store.variables:
        if variable.op.name == "global_step" and variable.dtype.is_integer and variable.shape.rank == 0:
            return int(variable.numpy())
    return None


def _next(infos: Sequence[CheckpointInfo]) -> int:
    return max((info.step for info in infos), default=-1) + 1


def _metric(text_: str) -> tuple[str, float]:
    name, equals, value = text_.partition("=")
    try:
        if equals and name:
            return name, float(value)
    except ValueError:
        pass
    raise UsageError(f"--metric {text_!r} is not of the form NAME=NUMBER", hint="--metric loss=0.31")


def _note(text_: str) -> tuple[str, Any]:
    name, equals, value = text_.partition("=")
    if not equals or not name:
        raise UsageError(f"--meta {text_!r} is not of the form KEY=VALUE", hint="--meta note='before the change'")
    try:
        return name, json.loads(value, parse_constant=lambda word: word)
    except ValueError:
        return name, value


@final
class Saved(Report):
    """The new checkpoint."""

    schema = "save/1"

    def __init__(
        self,
        session: Session,
        info: CheckpointInfo,
        given: Given,
        *,
        dry_run: bool,
    ) -> None:
        self._session = session
        self._info = info
        self._given = given
        self._dry_run = dry_run

    def data(self) -> Mapping[str, Any]:
        """Return what was saved, and where."""
        info = self._info
        return {
            "path": self._session.relative(info.path),
            "step": info.step,
            "variables": info.variables,
            "nbytes": info.nbytes,
            "tags": info.tags,
            "metrics": info.metrics,
            "source": self._given.label,
            "initial": self._given.initial,
            "dry_run": self._dry_run,
        }

    def ids(self) -> Iterable[str]:
        """Return the path."""
        return [self._session.relative(self._info.path)]

    def show(self, screen: Screen) -> None:
        """Show what was saved, and whether it is untrained."""
        info = self._info
        parts = [f"step {info.step}", text.count(info.variables, "variable"), text.size(info.nbytes)]
        parts += [f"{name} {text.number(value)}" for name, value in info.metrics.items()]
        parts += [f"tagged {', '.join(info.tags)}"] if info.tags else []
        verb = "would save" if self._dry_run else "saved"
        screen.line(f"{verb} {self._session.relative(info.path)}: {', '.join(parts)}")
        if self._given.initial:
            screen.text("these are initial values: the backend keeps none from a training run", "yellow")
