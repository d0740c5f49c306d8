from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmplcore.checkpoint import (
    CheckpointInfo,
    KeepAny,
    KeepBest,
    KeepEvery,
    KeepLast,
    KeepTagged,
    KeepWithin,
)
from tmplcore.checkpoint.pruning import decide
from tmplcore.checkpoint.retention import as_rules, best_of, kept_by
from tmplcore.checkpoint.steps import Found
from tmplcore.errors import InvalidArgumentError, InvalidTypeError

NOW = 1_000_000.0


def info(step: int, *, loss: float | None = None, age: float = 0, tags: tuple[str, ...] = (), state: str = "ok"):
    metrics = {} if loss is None else {"loss": loss}
    return CheckpointInfo(step, Path(f"step-{step:09d}.h5"), NOW - age, 1, 1, tags, metrics, state)


def kept(rules, *infos) -> set[int]:
    return set(kept_by(as_rules(rules), infos, NOW))


def test_the_last_ones() -> None:
    assert kept(KeepLast(2), *map(info, (1, 5, 3))) == {3, 5}
    assert kept(KeepLast(9), *map(info, (1, 5))) == {1, 5}


def test_multiples() -> None:
    assert kept(KeepEvery(10), *map(info, (0, 5, 10, 19, 20, 25))) == {0, 10, 20, 25}  # 25 is the newest


def test_the_best_ones_of_equal_ones_the_later() -> None:
    infos = [info(1, loss=0.5), info(2, loss=0.1), info(3, loss=0.1), info(4, loss=float("nan")), info(5)]
    assert [one.step for one in best_of(infos, "loss", "min")] == [3, 2, 1]
    assert kept(KeepBest("loss", "min", 1), *infos) == {3, 5}
    assert kept(KeepBest("loss", "max"), *infos) == {1, 5}
    assert kept(KeepBest("accuracy"), *infos) == {5}


def test_infinite_metrics_are_ranked() -> None:
    infos = [info(1, loss=float("inf")), info(2, loss=3.0), info(3, loss=float("-inf"))]
    assert [one.step for one in best_of(infos, "loss", "min")] == [3, 2, 1]


def test_young_ones() -> None:
    infos = [info(1, age=3601), info(2, age=3599), info(3, age=7200)]
    for age in (3600, "1h", "60m", timedelta(hours=1)):
        assert kept(KeepWithin(age), *infos) == {2, 3}


def test_tagged_ones_are_kept_unless_a_rule_says_which_tags_count() -> None:
    infos = [info(1, tags=("release-1",)), info(2, tags=("try",)), info(3), info(4)]
    assert kept(KeepLast(1), *infos) == {1, 2, 4}
    assert kept([KeepLast(1), KeepTagged()], *infos) == {1, 2, 4}
    assert kept([KeepLast(1), KeepTagged("release-*")], *infos) == {1, 4}


def test_rules_combine_to_their_union_with_all_reasons() -> None:
    rule = KeepLast(1) | KeepEvery(2) | KeepBest("loss")
    assert isinstance(rule, KeepAny)
    assert len(rule.rules) == 3
    reasons = kept_by(as_rules(rule), [info(1, loss=1.0), info(2), info(3), info(4, loss=0.5)], NOW)
    assert reasons == {4: ("the last", "a multiple of 2", "best by loss (0.5)"), 2: ("a multiple of 2",)}
    assert kept([rule], info(1), info(4)) == {4}


def test_damaged_ones_count_for_no_rule() -> None:
    assert kept(KeepLast(2), info(1), info(2), info(3, state="damaged"), info(4)) == {2, 4}
    assert kept(KeepEvery(7), info(1), info(3, state="damaged")) == {1}


def test_without_rules_everything_stays() -> None:
    assert kept(None, info(1), info(2)) == {1, 2}
    assert kept([], info(1), info(2)) == {1, 2}


@pytest.mark.parametrize(
    "make",
    [
        lambda: KeepLast(0),
        lambda: KeepLast(True),
        lambda: KeepLast(2.5),  # type: ignore[arg-type]
        lambda: KeepEvery(-1),
        lambda: KeepBest("loss", "least"),
        lambda: KeepBest("loss", "min", 0),
        lambda: KeepBest.parse("loss:min:x"),
        lambda: KeepBest.parse(":min"),
        lambda: KeepBest.parse("a:min:1:2"),
        lambda: KeepWithin("7 fortnights"),
        lambda: KeepWithin(0),
        lambda: KeepWithin("0d"),
    ],
)
def test_senseless_rules_are_refused_with_a_hint(make) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        make()
    assert caught.value.hint


def test_only_rules_are_rules() -> None:
    with pytest.raises(InvalidTypeError):
        as_rules([3])  # type: ignore[list-item]


def test_best_is_read_from_text() -> None:
    assert KeepBest.parse("loss") == KeepBest("loss", "min", 1)
    assert KeepBest.parse("acc:max") == KeepBest("acc", "max", 1)
    assert KeepBest.parse("acc:max:4") == KeepBest("acc", "max", 4)


def found(one: CheckpointInfo, *refers: int) -> Found:
    return Found(one, (one.path, *(Path(f"step-{step:09d}.h5") for step in refers)))


def test_what_a_kept_one_refers_to_stays_through_a_chain() -> None:
    everything = [found(info(1)), found(info(2), 1), found(info(3)), found(info(4), 2), found(info(5))]
    decisions = {d.info.step: d for d in decide(everything, [KeepEvery(4)])}
    assert {step for step, d in decisions.items() if d.keep} == {1, 2, 4, 5}
    assert decisions[2].reasons == ("step 4 refers to it",)
    assert decisions[1].reasons == ("step 2 refers to it",)
    assert decisions[3].reasons == ("no rule keeps it",)


def test_damaged_foreign_and_just_saved_ones_are_never_deleted() -> None:
    everything = [
        found(info(1, state="damaged")),
        found(info(2, state="foreign")),
        found(info(3)),
        found(info(4)),
        found(info(9)),
    ]
    kept_steps = {d.info.step for d in decide(everything, [KeepLast(1)], just_saved=[3]) if d.keep}
    assert kept_steps == {1, 2, 3, 9}


steps = st.lists(
    st.builds(
        info,
        st.integers(0, 50),
        loss=st.none() | st.floats(allow_nan=True),
        age=st.floats(0, 100),
        state=st.sampled_from(["ok", "ok", "ok", "damaged"]),
    ),
    unique_by=lambda one: one.step,
)
rules = st.lists(
    st.builds(KeepLast, st.integers(1, 5))
    | st.builds(KeepEvery, st.integers(1, 9))
    | st.builds(KeepBest, st.just("loss"), st.sampled_from(["min", "max"]), st.integers(1, 3))
    | st.builds(KeepWithin, st.floats(1, 100)),
    min_size=1,
)


@given(steps, rules)
def test_whatever_the_rules_the_newest_valid_one_stays_and_more_rules_never_keep_less(infos, some) -> None:
    valid = [one.step for one in infos if one.state == "ok"]
    result = kept(some, *infos)
    assert result <= set(valid)
    if valid:
        assert max(valid) in result
    for rule in some:
        assert set(rule.keeps(sorted((i for i in infos if i.state == "ok"), key=lambda i: i.step), NOW)) <= result
    # Deciding twice deletes nothing more.
    again = [one for one in infos if one.step in result or one.state != "ok"]
    assert kept([r for r in some if not isinstance(r, KeepWithin)] or [KeepLast(1)], *again) <= set(valid)
