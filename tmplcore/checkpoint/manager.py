"""A sequence of checkpoints in a directory: saving, finding, tagging, restoring and deleting them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, final

import numpy as np

from tmplcore import checkpoint
from tmplcore.checkpoint import retention
from tmplcore.checkpoint.catalog import Catalog
from tmplcore.checkpoint.commit import clean, discard, exists, leftovers
from tmplcore.checkpoint.fallback import restore_latest, use_found
from tmplcore.checkpoint.files import (
    Variables,
    checked_step,
    load,
    metadata,
    open_checkpoint,
    refuse_nonfinite,
    sources,
    write,
    writer_for,
)
from tmplcore.checkpoint.format import Reader, WriteOptions
from tmplcore.checkpoint.lock import DirectoryLock
from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.pruning import check_removable, decide, needed_by, prune, take_out
from tmplcore.checkpoint.reports import CheckpointInfo, PruneReport, RestoreReport, VerifyReport
from tmplcore.checkpoint.retention import KeepBest, KeepRule
from tmplcore.checkpoint.snapshots import Spare, Worker
from tmplcore.checkpoint.steps import StepNames, Steps
from tmplcore.checkpoint.tags import Tags, check_tag
from tmplcore.checkpoint.warning import warn
from tmplcore.errors import (
    InvalidArgumentError,
    LockedError,
    ProtectedError,
)
from tmplcore.plugins import default_registry

if TYPE_CHECKING:
    from tmplcore.checkpoint.getter import Restoring
    from tmplcore.checkpoint.state import State

__all__ = ["CheckpointManager"]


@final
class CheckpointManager:
    """Checkpoints of one run, one file per step, in a directory.

    Everything is derived from what is on the disk when it is asked for, and nothing stores a path: a directory can be
    moved, copied, or used by several processes at once. A checkpoint is named by a step, a tag, or one of the words
    `latest` and `best`; `latest~2` is two valid ones before the latest, `best~1` the second best.

    Args:
        directory: Where the checkpoints are; made by the first save.
        keep: Rules of retention, applied after each save; None keeps everything.
        format: The name of the format of new files; by default our own.
        prefix: What file names begin with. Managers with different prefixes can share a directory: neither touches
            the other's files.
        best: The metric that `best` goes by, as `metric:mode`; by default that of a `KeepBest` rule, else `loss:min`.
        durable: Whether a save returns only when it would survive a power failure.
        compression: A codec for all variables, or globs of names → codec.
        lock_timeout: Seconds to wait for another process that prunes or tags.

    Example:
        >>> import numpy as np, tempfile
        >>> from tmplcore.checkpoint import CheckpointManager, KeepBest, KeepLast
        >>> manager = CheckpointManager(tempfile.mkdtemp(), keep=[KeepLast(2), KeepBest("loss")])
        >>> weights = {"w": np.zeros(3)}
        >>> for step, loss in [(10, 0.5), (20, 0.2), (30, 0.4), (40, 0.3)]:
        ...     weights["w"] += 1
        ...     path = manager.save(step, weights, metrics={"loss": loss})
        >>> [(info.step, *info.kept_by) for info in manager.list()]
        [(20, 'best by loss (0.2)'), (30, 'one of the last 2'), (40, 'one of the last 2')]
        >>> report = manager.restore(weights, "best")
        >>> weights["w"]
        array([2., 2., 2.])
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        keep: KeepRule | Iterable[KeepRule] | None = None,
        format: str | None = None,  # noqa: A002  # as in save
        prefix: str = "step",
        best: str | None = None,
        durable: bool = True,
        compression: Mapping[str, str] | str | None = None,
        lock_timeout: float = 30.0,
    ) -> None:
        self.directory = Path(directory).absolute()  # whatever the working directory is later
        self.keep = retention.as_rules(keep)
        self._format = format
        self._durable = durable
        self._compression = {"*": compression} if isinstance(compression, str) else dict(compression or {})
        self._remake = partial(
            CheckpointManager,
            self.directory,
            format=format,
            prefix=prefix,
            best=best,
            durable=durable,
            compression=self._compression,
            lock_timeout=lock_timeout,
        )
        suffix = ".h5" if format is None else default_registry().format(format).suffixes[0]
        self._tags = Tags(self.directory, prefix)
        rules = [*([] if best is None else [KeepBest.parse(best)]), *self.keep]
        measures = [rule for rule in rules if isinstance(rule, KeepBest)]
        self._catalog = Catalog(Steps(self.directory, StepNames(prefix, suffix)), self._tags, measures)
        self._lock = DirectoryLock(self.directory, f".{prefix}.lock", lock_timeout)
        self._spare = Spare()
        self._worker = Worker()
        self._parent: int | None = None

    # -- saving ----------------------------------------------------------------------------------------------------

    def save(
        self,
        step: Any,
        source: Any,
        *,
        metrics: Mapping[str, float] | None = None,
        meta: Mapping[str, Any] | None = None,
        tags: str | Iterable[str] = (),
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        finite: bool = False,
        overwrite: bool = False,
        progress: Callable[[int], None] | None = None,
    ) -> Path:
        """Save a step, then delete what the rules no longer keep. When this returns, the step is there, whole.

        Args:
            step: The step; anything that is an integer, a variable too.
            source: As in `tmplcore.checkpoint.save`.
            metrics: Numbers to choose a best checkpoint by.
            meta: Anything else worth keeping: JSON values.
            tags: Tags to point at it.
            include: Patterns of the names to save; all by default.
            exclude: Patterns of the names to leave out.
            finite: Refuse values that are not finite.
            overwrite: Replace a checkpoint of this step.
            progress: Called with the number of bytes written since the last call.

        Returns:
            The path of the new file.

        Raises:
            ExistsError: There is a checkpoint of this step already.
            SaveError: The source cannot be saved, or the disk did not take it. Nothing is left behind.
        """
        self._worker.wait()
        chosen = Selection(include, exclude)
        number, names, state = self._prepared(step, tags, source, chosen, overwrite)
        variables = sources(state, chosen)
        self._write(number, variables, state, metrics, meta, names, finite, overwrite, progress)
        return self.path(number)

    def async_save(
        self,
        step: Any,
        source: Any,
        *,
        metrics: Mapping[str, float] | None = None,
        meta: Mapping[str, Any] | None = None,
        tags: str | Iterable[str] = (),
        include: str | Iterable[str] | None = None,
        exclude: str | Iterable[str] | None = None,
        finite: bool = False,
        overwrite: bool = False,
        copy: bool = True,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Copy the values, and save them in the background while training goes on.

        The copy is taken before this returns, so later changes do not get into the file. It lives in memory that the
        next save uses again: one copy at most. A save that still runs is waited for first, and if it failed, its
        error is raised here; else at the next call of any method, or at `close`. Python waits for it at exit.

        Args:
            copy: False promises that no array changes until the save is done, and saves the copy. Arrays of JAX never
                change, and are never copied.
            step: As in `save`, and so are the others.
            source: As in `save`.
            metrics: As in `save`.
            meta: As in `save`.
            tags: As in `save`.
            include: As in `save`.
            exclude: As in `save`.
            finite: As in `save`.
            overwrite: As in `save`.
            progress: Called in the other thread.

        Raises:
            ExistsError: There is a checkpoint of this step already.
            Exception: What went wrong with the save before this one.
        """
        self._worker.wait()
        chosen = Selection(include, exclude)
        number, names, state = self._prepared(step, tags, source, chosen, overwrite)
        pool = self._spare.take()
        variables = pool.snapshot(state, chosen, copy=copy)

        def job() -> None:
            try:
                self._write(number, variables, state, metrics, meta, names, finite, overwrite, progress)
            finally:
                self._spare.give(pool)

        self._worker.start(job, f"saving step {number}")

    def wait(self) -> None:
        """Wait until the save in the background is done.

        Raises:
            Exception: What went wrong with it.
        """
        self._worker.wait()

    def close(self) -> None:
        """Wait, and give the memory of background saves back. The manager can be used again.

        Raises:
            Exception: What went wrong with the save in the background.
        """
        try:
            self._worker.wait()
        finally:
            self._spare.clear()

    def __reduce__(self) -> Any:
        # Another process gets a manager of the same directory; a save in the background stays with this one.
        return self._remake, (), {"keep": self.keep, "_parent": self._parent}

    def __repr__(self) -> str:
        return f"CheckpointManager({str(self.directory)!r}, keep={self.keep!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.close()
        except Exception as failed:
            if error is None:
                raise
            error.add_note(f"besides, {failed} ({', '.join(getattr(failed, '__notes__', ()))})")

    # -- finding ---------------------------------------------------------------------------------------------------

    def path(self, step: int) -> Path:
        """Return where the checkpoint of a step is, or would be."""
        return self._catalog.path(step)

    def list(self) -> list[CheckpointInfo]:
        """Return all checkpoints by rising step, also damaged, foreign and half-written ones, and what keeps them."""
        self._worker.check()
        decisions = decide(self._catalog.all(), self.keep)
        infos = [replace(decision.info, kept_by=decision.reasons if decision.keep else ()) for decision in decisions]
        return sorted([*infos, *self._catalog.temporary()], key=lambda info: (info.step, info.state == "temporary"))

    def latest(self, *, deep: bool = False) -> CheckpointInfo | None:
        """Return the newest valid checkpoint; None if there is none. A damaged one is skipped with a warning.

        Args:
            deep: Check every content hash, not the structure alone; this reads the whole file.
        """
        self._worker.check()
        return self._catalog.latest(deep=deep)

    def best(self, metric: str | None = None, mode: str | None = None) -> CheckpointInfo | None:
        """Return the best valid checkpoint, the later of equal ones; None if none has the metric.

        Args:
            metric: The metric; by default what the manager was made with.
            mode: `min` or `max`.
        """
        return next(iter(self.ranked(metric, mode)), None)

    def ranked(self, metric: str | None = None, mode: str | None = None) -> Sequence[CheckpointInfo]:
        """Return the valid checkpoints that have a metric, the best first; arguments as for `best`."""
        self._worker.check()
        return self._catalog.ranked(metric, mode)

    def resolve(self, reference: str | int = "latest") -> CheckpointInfo:
        """Return the checkpoint that a word or a step means.

        Raises:
            CheckpointNotFoundError: There is none.
        """
        self._worker.check()
        return self._catalog.resolve(reference)

    def tags(self) -> dict[str, int]:
        """Return every tag and the step that it points at."""
        return self._tags.read()

    # -- reading ---------------------------------------------------------------------------------------------------

    def open(self, reference: str | int = "latest") -> Reader:
        """Open a checkpoint; see `tmplcore.checkpoint.open`."""
        self._worker.wait()
        return use_found(lambda: self.resolve(reference), lambda info: open_checkpoint(info.path))

    def load(
        self, reference: str | int = "latest", include: str | Iterable[str] | None = None
    ) -> dict[str, np.ndarray]:
        """Read a checkpoint into new arrays; see `tmplcore.checkpoint.load`."""
        self._worker.wait()
        return use_found(lambda: self.resolve(reference), lambda info: load(info.path, include))

    def plan(self, target: Any, reference: str | int = "latest", **how: Any) -> RestoreReport:
        """Say what `restore` would do; `how` as in `tmplcore.checkpoint.plan`."""
        self._worker.wait()
        return use_found(lambda: self.resolve(reference), lambda info: checkpoint.plan(info.path, target, **how))

    def restore(self, target: Any, reference: str | int = "latest", **how: Any) -> RestoreReport:
        """Restore a checkpoint; `how` as in `tmplcore.checkpoint.restore`.

        If the latest one turns out to be damaged while it is read, the one before it is restored instead, with a
        warning: the target is then whole, and of one step.

        Raises:
            CheckpointNotFoundError: There is none.
            DamagedError: It is damaged (of `latest`: they all are).
        """
        self._worker.wait()
        if reference == "latest":
            report, step = restore_latest(self.resolve, self._catalog.steps, target, how)
        else:
            report, step = use_found(
                lambda: self.resolve(reference), lambda info: (checkpoint.restore(info.path, target, **how), info.step)
            )
        self._parent = step
        return report

    def verify(self, reference: str | int = "latest", **how: Any) -> VerifyReport:
        """Check a checkpoint; `how` as in `tmplcore.checkpoint.verify`."""
        self._worker.wait()
        return use_found(lambda: self.resolve(reference), lambda info: checkpoint.verify(info.path, **how))

    def restoring(self, reference: str | int = "latest", **how: Any) -> Restoring:
        """Return a getter that starts variables from a checkpoint; `how` as in `tmplcore.checkpoint.restoring`."""
        self._worker.wait()
        return use_found(lambda: self.resolve(reference), lambda info: checkpoint.restoring(info.path, **how))

    # -- keeping and deleting --------------------------------------------------------------------------------------

    def tag(self, name: str, reference: str | int = "latest", *, force: bool = False) -> CheckpointInfo:
        """Give a checkpoint a name that `resolve` understands; retention keeps what is tagged.

        Args:
            name: The tag.
            reference: The checkpoint.
            force: Move a tag that points at another one.

        Raises:
            InvalidArgumentError: The name cannot be a tag: a number, or a word that means something else.
            ExistsError: The tag points at another checkpoint.
            CheckpointNotFoundError: There is no such checkpoint.
        """
        check_tag(name)
        self._worker.wait()
        with self._lock.held():
            info = self.resolve(reference)
            if info.state != "ok":
                raise ProtectedError(f"step {info.step} cannot be tagged, it is {info.state}: {info.problem}")
            self._tags.write(name, info.step, force=force)
        return self.resolve(info.step)

    def untag(self, name: str) -> None:
        """Remove a tag; its checkpoint stays.

        Raises:
            CheckpointNotFoundError: There is no such tag.
        """
        self._worker.wait()
        with self._lock.held():
            self._tags.remove(name)

    def prune(self, keep: KeepRule | Iterable[KeepRule] | None = None, *, dry_run: bool = False) -> PruneReport:
        """Delete what the rules do not keep, and what crashed processes left behind.

        The newest valid checkpoint always stays, and so does what a tag or a kept checkpoint needs, what is damaged,
        and whatever is not ours.

        Args:
            keep: The rules; by default the manager's.
            dry_run: Only say what would be deleted.

        Raises:
            LockedError: Another process prunes or tags, for longer than the timeout.
        """
        self._worker.wait()
        rules = self.keep if keep is None else retention.as_rules(keep)
        if dry_run:
            gone = tuple(leftover.path for leftover in leftovers(self.directory) if leftover.abandoned())
            return PruneReport(tuple(decide(self._catalog.all(), rules)), gone, dry_run=True)
        if not self.directory.is_dir():
            return PruneReport(())
        return prune(self._catalog.steps, self._tags, self._lock, rules)

    def rm(self, reference: str | int, *, force: bool = False) -> CheckpointInfo:
        """Delete one checkpoint.

        Args:
            reference: The checkpoint; a damaged one too.
            force: Delete it although tags point at it, and these tags with it.

        Raises:
            CheckpointNotFoundError: There is none.
            ProtectedError: A tag points at it, another checkpoint refers to it, or it is not ours.
        """
        self._worker.wait()
        with self._lock.held():
            step = self.resolve(reference).step
            everything = self._catalog.all()
            gone = next(found for found in everything if found.info.step == step)
            info = gone.info
            check_removable(info, everything, force=force)
            aside = take_out(self._catalog.steps.names, gone, [found for found in everything if found is not gone])
            for name in info.tags:
                self._tags.remove(name)
        for path in aside:
            discard(path)
        return info

    def clean(self) -> Sequence[Path]:
        """Delete what crashed processes left behind; return what it was."""
        return clean(self.directory)

    # -- inside ----------------------------------------------------------------------------------------------------

    def _prepared(
        self, step: Any, names: str | Iterable[str], source: Any, chosen: Selection, overwrite: bool
    ) -> tuple[int, Sequence[str], State]:
        number = checked_step(step)
        if number is None:
            raise InvalidArgumentError("a checkpoint in a directory needs a step", hint="manager.save(100, model)")
        tags = [check_tag(name) for name in ([names] if isinstance(names, str) else names)]
        path = self.path(number)
        if os.path.lexists(path):
            if not overwrite:
                raise exists(path)
            if holders := needed_by(self._catalog.all()).get(number):
                raise ProtectedError(
                    f"step {number} holds values of the steps {sorted(holders)}, or may", hint="save it as another step"
                )
        from tmplcore.checkpoint.state import state_of  # to list what there is takes none of the targets

        state = state_of(source, chosen)
        newest = max(self._catalog.steps.paths(), default=-1)
        if number < newest:
            warn(f"step {number} is saved after step {newest}, which stays the latest; rm what is of another run")
        return number, tags, state

    def _write(
        self,
        step: int,
        variables: Variables,
        state: State,
        metrics: Mapping[str, float] | None,
        meta: Mapping[str, Any] | None,
        names: Sequence[str],
        finite: bool,
        overwrite: bool,
        progress: Callable[[int], None] | None,
    ) -> None:
        if finite:
            refuse_nonfinite(variables)
        path = self.path(step)
        description = metadata(state, step, metrics, meta, {} if self._parent is None else {"parent": self._parent})
        options = WriteOptions(self._durable, self._compression, state.trainable(), progress)
        with contextlib.ExitStack() as locked:
            # Nobody prunes it between the moment that it is there and the moment that its tags protect it.
            ready = partial(locked.enter_context, self._lock.held()) if names else None
            write(writer_for(path, self._format), path, variables, description, options, overwrite, ready)
            self._parent = step
            for name in names:
                self._tags.write(name, step, force=True)
        if self.keep:
            # Whoever holds the lock applies rules too; what is left over goes with the next save.
            with contextlib.suppress(LockedError):
                prune(self._catalog.steps, self._tags, self._lock, self.keep, (step,))
