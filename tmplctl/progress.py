"""A progress bar for whatever takes more than a second."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, final

from tmplctl.output import Output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Bar"]

PATIENCE = 1.0  # seconds before a bar is worth showing


@final
class Bar:
    """Bytes done, rate and time left, on stderr. Shows nothing in the first second or when nobody would see it.

    Args:
        output: The sink.
        label: What is being done.
        total: How many bytes there are; None if unknown.
    """

    def __init__(self, output: Output, label: str, total: int | None = None) -> None:
        self._output = output
        self._label = label
        self._total = total
        self._done = 0
        self._start = time.monotonic()
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def advance(self, nbytes: int) -> None:
        """Count bytes that are done."""
        self._done += nbytes
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=self._done)
        elif self._output.shows_progress and time.monotonic() - self._start > PATIENCE:
            self._begin()

    def _begin(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            DownloadColumn(binary_units=True),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=self._output.stderr, markup=False),
            transient=True,
            expand=False,
        )
        self._task = self._progress.add_task(self._label, total=self._total, completed=self._done)
        self._progress.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
