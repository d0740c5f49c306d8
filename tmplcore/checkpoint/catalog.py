"""Finding a checkpoint in a directory: the newest valid one, the best one, a step, a tag."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

from tmplcore import checkpoint
from tmplcore.checkpoint.pruning import with_tags
from tmplcore.checkpoint.references import Reference
from tmplcore.checkpoint.reports import CheckpointInfo
from tmplcore.checkpoint.retention import KeepBest, best_of
from tmplcore.checkpoint.steps import Found, Steps
from tmplcore.checkpoint.tags import Tags
from tmplcore.checkpoint.warning import warn
from tmplcore.errors import CheckpointNotFoundError

__all__ = ["Catalog"]

MOST_LISTED = 6  # steps, in the hint of an error


@final
class Catalog:
    """The checkpoints in a directory, looked up anew with every question; it changes nothing.

    Args:
        steps: The steps.
        tags: The tags.
        measures: By which metrics a checkpoint can be best; the first is the one meant when none is named.
    """

    def __init__(self, steps: Steps, tags: Tags, measures: Sequence[KeepBest] = ()) -> None:
        self.steps = steps
        self.tags = tags
        self._measures = (*measures, KeepBest("loss", "min"))

    def path(self, step: int) -> Path:
        """Return where the checkpoint of a step is, or would be."""
        usual = self.steps.directory / self.steps.names.name(step)
        return usual if os.path.lexists(usual) else self.steps.paths().get(step, usual)

    def all(self) -> Sequence[Found]:
        """Return all checkpoints with their tags, by rising step."""
        return with_tags(self.steps.all(), self.tags.read())

    def temporary(self) -> Sequence[CheckpointInfo]:
        """Return what is being written, or was when its writer died."""
        return self.steps.temporary()

    def latest(self, *, deep: bool = False) -> CheckpointInfo | None:
        """Return the newest valid checkpoint, warning of damaged ones; None if there is none."""
        for found in self.steps.newest_first():
            info = found.info
            if info.state == "ok" and deep and not (report := checkpoint.verify(info.path)).ok:
                info = replace(info, state="damaged", problem=report.damaged[0].problem)
            if info.state == "ok":
                return with_tags([found], self.tags.read())[0].info
            if found.later:
                warn(f"{info.path} was skipped: {info.problem}; pip install --upgrade tmplcore")
            if info.state == "damaged":
                warn(f"{info.path} is damaged and was skipped: {info.problem}")
        return None

    def ranked(self, metric: str | None = None, mode: str | None = None) -> Sequence[CheckpointInfo]:
        """Return the valid checkpoints that have a metric, the best first."""
        chosen = next((m for m in self._measures if metric in (None, m.metric)), KeepBest(metric or "loss"))
        rule = KeepBest(chosen.metric, mode or chosen.mode)
        return best_of([found.info for found in self.all()], rule.metric, rule.mode)

    def resolve(self, reference: str | int) -> CheckpointInfo:
        """Return the checkpoint that a word or a step means.

        Raises:
            CheckpointNotFoundError: There is none.
        """
        wanted = Reference.parse(reference)
        if wanted.kind == "latest" and not wanted.back and (newest := self.latest()) is not None:
            return newest
        infos = [found.info for found in self.all()]
        valid = [info for info in reversed(infos) if info.state == "ok"]
        if wanted.kind == "best":
            ranking: Sequence[CheckpointInfo] = self.ranked()
        elif wanted.kind == "latest":
            ranking = valid
        else:
            step = wanted.step if wanted.tag is None else self.tags.read().get(wanted.tag)
            named = [info for info in infos if info.step == step]
            ranking = [*named, *(info for info in valid if info.step < named[0].step)] if named else ()
        if wanted.back < len(ranking):
            return ranking[wanted.back]
        raise self._not_found(reference, wanted, infos)

    def _not_found(
        self, reference: str | int, wanted: Reference, infos: Sequence[CheckpointInfo]
    ) -> CheckpointNotFoundError:
        where = str(self.steps.directory)
        valid = [info for info in infos if info.state == "ok"]
        if not infos:
            return CheckpointNotFoundError(
                f"there is no checkpoint {str(reference)!r}: {where!r} holds none", hint="save one first"
            )
        if wanted.kind == "best" and not self.ranked():
            metrics = sorted({metric for info in valid for metric in info.metrics})
            hint = f"there are {', '.join(metrics)}: best='{metrics[0]}:min'" if metrics else "save with metrics="
            return CheckpointNotFoundError(f"no checkpoint in {where!r} has the metric to be best by", hint=hint)
        if wanted.back:
            return CheckpointNotFoundError(
                f"there is no checkpoint {str(reference)!r}: {where!r} holds {len(valid)}",
                hint=f"the steps are {_listed(valid)}",
            )
        if (missing := wanted.step) is not None:  # a step is near in number, not in spelling
            there = sorted(sorted((info.step for info in infos), key=lambda step: abs(step - missing))[:2])
            near = [str(step) for step in there] if len(infos) > MOST_LISTED else []
        else:
            names = ["latest", "best", *self.tags.read()]
            near = difflib.get_close_matches(str(reference), names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"the steps are {_listed(infos)}"
        return CheckpointNotFoundError(f"there is no checkpoint {str(reference)!r} in {where!r}", hint=hint)


def _listed(infos: Sequence[CheckpointInfo]) -> str:
    steps = [str(info.step) for info in infos]
    return ", ".join(steps if len(steps) <= MOST_LISTED else [*steps[:2], "…", *steps[-3:]])
