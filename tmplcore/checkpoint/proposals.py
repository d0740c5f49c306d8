"""Rename rules that would make a checkpoint fit: found by shapes first, then by how similar names are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import count

from tmplcore.checkpoint.rename import RenameRules
from tmplcore.checkpoint.reports import RenameProposal, RestoreReport

__all__ = ["propose_renames"]

# Below this similarity (0 to 1) of names a shared shape is taken for chance.
_LEAST = 0.4

# Variables of one shape are compared pair by pair, so a model of ten thousand equal layers is not.
_MOST_PAIRS = 200_000


def propose_renames(report: RestoreReport) -> tuple[RenameProposal, ...]:
    """Propose rules for what a plan found missing and unexpected.

    A rule for a whole scope, or for every last part of a name, comes before rules for single names. Together the
    proposals are consistent: given as `rename=` in this order, before the rules of the plan, they make every pair of
    `matches` match, and no two names one. Names that have nothing in common are paired where only one variable on
    each side has that shape and dtype (a scalar's shape says too little).

    Args:
        report: What `plan` answered.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from tmplcore import checkpoint
        >>> path = Path(tempfile.mkdtemp()) / "old.h5"
        >>> layers = ("fc1", "fc2")
        >>> checkpoint.save(path, {f"net/{n}/weights": np.ones((4, 3)) for n in layers})
        >>> model = {f"model/{n}/kernel": np.ones((4, 3)) for n in layers}
        >>> for proposal in checkpoint.propose_renames(checkpoint.plan(path, model)):
        ...     print(proposal.rule)
        net/*/weights=model/*/kernel
    """
    wanted = {entry.name: entry.shape for entry in report.missing}
    offered = {str(entry.source): entry.source_shape for entry in report.unexpected}
    proposals: list[RenameProposal] = []
    while wanted and offered:
        best = _best_pattern(wanted, offered) or _best_pair(wanted, offered) or _only_pair(wanted, offered, report)
        if best is None:
            break
        proposals.append(best)
        for old, new in best.matches:
            del offered[old], wanted[new]
    return _consistent(proposals, report)


def _best_pattern(
    wanted: Mapping[str, tuple[int, ...] | None], offered: Mapping[str, tuple[int, ...] | None]
) -> RenameProposal | None:
    """Return the rule with a wildcard that matches the most pairs (two at least), the plainest of equal ones."""
    rules: set[tuple[str, str]] = set()
    by_shape: dict[tuple[int, ...] | None, list[str]] = defaultdict(list)
    for name, shape in wanted.items():
        by_shape[shape].append(name)
    budget = count()
    for old, shape in offered.items():
        for new in by_shape.get(shape, ()):
            if next(budget) > _MOST_PAIRS:
                break
            rules.update(_generalised(old, new))
    best: tuple[tuple[float, ...], RenameProposal] | None = None
    for left, right in sorted(rules):
        rule = RenameRules([(left, right)])
        matches: list[tuple[str, str]] = []
        for old, shape in offered.items():
            new = rule(old)
            if new == old:
                continue
            if new not in wanted or wanted[new] != shape:
                matches = []  # a rule that also moves what it should not is no good
                break
            matches.append((old, new))
        if len(matches) < 2 or len({new for _, new in matches}) < len(matches):
            continue
        score = sum(_similarity(*pair) for pair in matches) / len(matches)
        rank = (len(matches), score, -float(left.count("*")), -float(len(left) + len(right)))
        if best is None or rank > best[0]:
            best = rank, RenameProposal(f"{left}={right}", tuple(matches), score)
    return best[1] if best else None


def _generalised(old: str, new: str) -> Iterator[tuple[str, str]]:
    """Yield the rules that turn one name into the other and could do the same for its neighbours."""
    a, b = old.split("/"), new.split("/")
    tail = 0
    while tail < min(len(a), len(b)) and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    head = 0
    while head < min(len(a), len(b)) - tail and a[head] == b[head]:
        head += 1
    if tail:  # the end stays: a scope moved
        left, right = "/".join(a[: len(a) - tail]), "/".join(b[: len(b) - tail])
        yield f"{left}/" if left else "/", f"{right}/" if right else "/"
        if left and right:
            yield f"*{left}/*", f"*{right}/*"
        return
    if head:  # the beginning stays: the last parts have other names
        left, right = "/".join(a[head:]), "/".join(b[head:])
        yield f"*/{left}", f"*/{right}"
        return
    # Both ends differ; what is equal in the middle stays.
    for start in range(1, len(a) - 1):
        for end in range(len(a) - 1, start, -1):
            middle = a[start:end]
            for at in range(1, len(b) - len(middle)):
                if b[at : at + len(middle)] == middle:
                    yield (
                        f"{'/'.join(a[:start])}/*/{'/'.join(a[end:])}",
                        f"{'/'.join(b[:at])}/*/{'/'.join(b[at + len(middle) :])}",
                    )
                    return


def _best_pair(
    wanted: Mapping[str, tuple[int, ...] | None], offered: Mapping[str, tuple[int, ...] | None]
) -> RenameProposal | None:
    best: tuple[float, str, str] | None = None
    budget = count()
    for old, shape in offered.items():
        for new, want in wanted.items():
            if want == shape and old != new and next(budget) < _MOST_PAIRS:
                score = _similarity(old, new)
                if score >= _LEAST and (best is None or score > best[0]):
                    best = (score, old, new)
    if best is None:
        return None
    score, old, new = best
    return RenameProposal(f"{old}={new}", ((old, new),), score)


def _only_pair(
    wanted: Mapping[str, tuple[int, ...] | None], offered: Mapping[str, tuple[int, ...] | None], report: RestoreReport
) -> RenameProposal | None:
    """Pair two names that are not alike, if nothing else has their shape and dtype."""
    kinds: dict[tuple[object, object], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for entry in report.unexpected:
        if entry.source in offered:
            kinds[entry.source_shape, entry.source_dtype][0].append(str(entry.source))
    for entry in report.missing:
        if entry.name in wanted:
            kinds[entry.shape, entry.dtype][1].append(entry.name)
    for (shape, _), (old, new) in kinds.items():
        if shape and len(old) == len(new) == 1 and old != new:
            return RenameProposal(f"{old[0]}={new[0]}", ((old[0], new[0]),), _similarity(old[0], new[0]))
    return None


def _similarity(old: str, new: str) -> float:
    from rapidfuzz import fuzz

    return float(fuzz.ratio(old, new)) / 100


def _consistent(proposals: Iterable[RenameProposal], report: RestoreReport) -> tuple[RenameProposal, ...]:
    """Put rules in an order in which each decides about its own names; drop what still does not."""
    ordered = sorted(proposals, key=lambda p: (len(p.matches), p.rule))  # the narrow ones first
    rules = RenameRules([p.rule for p in ordered if _plain(p)])
    matched = [str(entry.source) for entry in report.matched]
    return tuple(
        p
        for p in ordered
        if _plain(p)
        and all(rules(old) == new for old, new in p.matches)
        and not any(RenameRules(p.rule).match(name)[1] for name in matched if name not in dict(p.matches))
    )


def _plain(proposal: RenameProposal) -> bool:
    """Tell whether the rule can be written as text: a name with `=` or a wildcard in it cannot."""
    try:
        return all(RenameRules(proposal.rule)(old) == new for old, new in proposal.matches)
    except ValueError:
        return False
