"""Which checkpoints to keep: values that answer from what is on disk, and that combine.

A policy is the union of its rules: what one of them keeps stays. Whatever the rules say, the newest checkpoint that is
valid stays, and so does what a kept one refers to.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, final

from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.reports import CheckpointInfo
from tmplcore.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["KeepAny", "KeepBest", "KeepEvery", "KeepLast", "KeepRule", "KeepTagged", "KeepWithin", "best_of", "kept_by"]

_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


class KeepRule(ABC):
    """A rule of retention. Subclasses are final; `a | b` keeps what either keeps.

    Example:
        >>> rule = KeepLast(5) | KeepEvery(1000)
        >>> rule
        KeepAny(rules=(KeepLast(count=5), KeepEvery(steps=1000)))
    """

    @abstractmethod
    def keeps(self, checkpoints: Sequence[CheckpointInfo], now: float) -> Mapping[int, str]:
        """Return the steps that stay, and why.

        Args:
            checkpoints: The valid checkpoints, by rising step.
            now: The time, in seconds since the epoch.
        """

    def __or__(self, other: KeepRule) -> KeepAny:
        return KeepAny((*_flat(self), *_flat(other)))


@final
@dataclass(frozen=True, slots=True)
class KeepLast(KeepRule):
    """Keep the last checkpoints.

    Attributes:
        count: How many.
    """

    count: int

    def __post_init__(self) -> None:
        _check_count("KeepLast", self.count)

    def keeps(self, checkpoints: Sequence[CheckpointInfo], now: float) -> Mapping[int, str]:
        """Return the last steps."""
        reason = f"one of the last {self.count}" if self.count > 1 else "the last"
        return dict.fromkeys((info.step for info in checkpoints[-self.count :]), reason)


@final
@dataclass(frozen=True, slots=True)
class KeepEvery(KeepRule):
    """Keep the checkpoints whose step is a multiple of a number.

    Attributes:
        steps: The number.
    """

    steps: int

    def __post_init__(self) -> None:
        _check_count("KeepEvery", self.steps)

    def keeps(self, checkpoints: Sequence[CheckpointInfo], now: float) -> Mapping[int, str]:
        """Return the multiples."""
        reason = f"a multiple of {self.steps}"
        return {info.step: reason for info in checkpoints if info.step % self.steps == 0}


@final
@dataclass(frozen=True, slots=True)
class KeepBest(KeepRule):
    """Keep the checkpoints with the best values of a metric, the later of equal ones. NaN is never best.

    Attributes:
        metric: Its name.
        mode: `min` if small is good, `max` if large is.
        count: How many.

    Example:
        >>> KeepBest.parse("accuracy:max:3")
        KeepBest(metric='accuracy', mode='max', count=3)
    """

    metric: str
    mode: str = "min"
    count: int = 1

    def __post_init__(self) -> None:
        _check_count("KeepBest", self.count)
        if self.mode not in ("min", "max"):
            raise InvalidArgumentError(
                f"KeepBest: the mode is 'min' or 'max', not {self.mode!r}", hint="such as loss:min:3"
            )

    @classmethod
    def parse(cls, text: str) -> KeepBest:
        """Read `metric`, `metric:mode` or `metric:mode:count`.

        Raises:
            InvalidArgumentError: It is none of these.
        """
        metric, *rest = text.split(":")
        if not metric or len(rest) > 2 or (len(rest) == 2 and not rest[1].isdecimal()):
            raise InvalidArgumentError(f"{text!r} does not name a best checkpoint", hint="loss:min:3, or accuracy:max")
        return cls(metric, rest[0] if rest else "min", int(rest[1]) if len(rest) == 2 else 1)

    def keeps(self, checkpoints: Sequence[CheckpointInfo], now: float) -> Mapping[int, str]:
        """Return the best steps."""
        kept = {}
        for place, info in enumerate(best_of(checkpoints, self.metric, self.mode)[: self.count], 1):
            rank = "best" if self.count == 1 else f"number {place} of the {self.count} best"
            kept[info.step] = f"{rank} by {self.metric} ({info.metrics[self.metric]:g})"
        return kept


@final
@dataclass(frozen=True, slots=True)
class KeepWithin(KeepRule):
    """Keep the checkpoints that are younger than a time.

    Attributes:
        age: Seconds, a `timedelta`, or text: a number and `s`, `m`, `h`, `d` or `w`.

    Example:
        >>> KeepWithin("1.5h").seconds
        5400.0
    """

    age: float | str | timedelta

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise InvalidArgumentError(f"KeepWithin: {self.age!r} is no time span", hint="such as 7d, 36h, 90m")

    @property
    def seconds(self) -> float:
        """The age in seconds."""
        if isinstance(self.age, timedelta):
            return self.age.total_seconds()
        if not isinstance(self.age, str):
            return float(self.age)
        found = _DURATION.fullmatch(self.age.strip())
        if found is None:
            raise InvalidArgumentError(f"{self.age!r} is no time span", hint="a number and s, m, h, d or w, such as 7d")
        return float(found[1]) * _UNITS[found[2]]

    def keeps(self, checkpoints: Sequence[CheckpointInfo], now: float) -> Mapping[int, str]:
        """Return the young steps."""
        oldest = now - self.seconds
        shown = self.age if isinstance(self.age, str) else timedelta(seconds=self.seconds)
        return {info.step: f"younger than {shown}" for info in checkpoints if info.time >= oldest}


@final
class KeepTagged(KeepRule):
    """Keep the checkpoints that have a tag.

    Without this rule every tag protects its checkpoint. With it only the tags that fit do, and the others go with
    the checkpoints they point at.

    Args:
        patterns: The tags that count (see `tmplcore.checkpoint.patterns`); all by default.
    """

    __slots__ = ("_chosen", "patterns")

    def __init__(self, *patterns: str) -> None:
        self.patterns = patterns
        self._chosen = Selection(patterns or None)

    def keeps(self, checkpoints: Sequence[CheckpointInfo], now: float) -> Mapping[int, str]:
        """Return the tagged steps."""
        kept = {}
        for info in checkpoints:
            if tags := [tag for tag in info.tags if self._chosen(tag)]:
                kept[info.step] = f"tagged {', '.join(tags)}"
        return kept

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeepTagged) and self.patterns == other.patterns

    def __hash__(self) -> int:
        return hash(self.patterns)

    def __repr__(self) -> str:
        return f"KeepTagged({', '.join(map(repr, self.patterns))})"


@final
@dataclass(frozen=True, slots=True)
class KeepAny(KeepRule):
    """Keep what any of several rules keeps. `a | b` makes one.

    Attributes:
        rules: The rules.
    """

    rules: tuple[KeepRule, ...]

    def keeps(self, checkpoints: Sequence[CheckpointInfo], now: float) -> Mapping[int, str]:
        """Return what any rule keeps, with all the reasons."""
        return {step: ", ".join(reasons) for step, reasons in kept_by(self.rules, checkpoints, now).items()}


def as_rules(keep: KeepRule | Iterable[KeepRule] | None) -> tuple[KeepRule, ...]:
    """Return the rules of a policy; none at all means that everything is kept.

    Raises:
        InvalidTypeError: Something is no rule.
    """
    if keep is None:
        return ()
    rules = _flat(keep) if isinstance(keep, KeepRule) else tuple(keep)
    for rule in rules:
        if not isinstance(rule, KeepRule):
            raise InvalidTypeError(f"{rule!r} is no rule of retention", hint="keep=[KeepLast(5), KeepEvery(1000)]")
    return rules


def kept_by(rules: Sequence[KeepRule], checkpoints: Iterable[CheckpointInfo], now: float) -> dict[int, tuple[str, ...]]:
    """Return which steps the rules keep, and every reason.

    Damaged, temporary and foreign checkpoints count for no rule: keeping five means five that can be restored.

    Example:
        >>> from pathlib import Path
        >>> infos = [CheckpointInfo(step, Path(), time=0.0, variables=1, nbytes=1) for step in (1, 2, 3, 4)]
        >>> kept_by([KeepLast(1), KeepEvery(2)], infos, now=0.0)
        {4: ('the last', 'a multiple of 2'), 2: ('a multiple of 2',)}
    """
    valid = sorted((info for info in checkpoints if info.state == "ok"), key=lambda info: info.step)
    reasons: dict[int, tuple[str, ...]] = {}

    def add(kept: Mapping[int, str]) -> None:
        for step, reason in kept.items():
            if reason not in reasons.get(step, ()):
                reasons[step] = (*reasons.get(step, ()), reason)

    if not rules:
        return {info.step: ("there are no rules",) for info in valid}
    for rule in rules:
        add(rule.keeps(valid, now))
    if not any(isinstance(rule, KeepTagged) for rule in rules):
        add(KeepTagged().keeps(valid, now))
    if valid and valid[-1].step not in reasons:
        add({valid[-1].step: "the newest valid one"})
    return reasons


def best_of(checkpoints: Iterable[CheckpointInfo], metric: str, mode: str) -> list[CheckpointInfo]:
    """Return the checkpoints that have a metric, the best first; of equal ones the later first."""
    measured = [
        info for info in checkpoints if info.state == "ok" and not math.isnan(info.metrics.get(metric, math.nan))
    ]
    sign = 1.0 if mode == "min" else -1.0
    return sorted(measured, key=lambda info: (sign * info.metrics[metric], -info.step))


def _flat(rule: KeepRule) -> tuple[KeepRule, ...]:
    return rule.rules if isinstance(rule, KeepAny) else (rule,)


def _check_count(name: str, count: int) -> None:
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise InvalidArgumentError(f"{name}: the number is an integer from 1 up, not {count!r}", hint=f"{name}(5)")
