from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmplcore.checkpoint import RenameRules
from tmplcore.checkpoint.patterns import Selection, matcher
from tmplcore.errors import ConfigError, InvalidArgumentError, InvalidTypeError

CASES = [
    # rule, name, new name (None: no rule fits)
    ("old=new", "old", "new"),
    ("old=new", "old/w", None),
    ("old=new", "older", None),
    ("scope/=other/", "scope/w", "other/w"),
    ("scope/=other/", "scope/deep/er/w", "other/deep/er/w"),
    ("scope/=other/", "a/scope/w", None),
    ("scope/=other/", "scope_1/w", None),
    ("scope/=other/", "scope", None),
    ("scope/=", "scope/w", "w"),
    ("scope/=/", "scope/w", "w"),
    ("/=scope/", "w", "scope/w"),
    ("*/weights=*/kernel", "a/b/weights", "a/b/kernel"),
    ("*/weights=*/kernel", "weights", None),
    ("*/weights=*/kernel", "a/weights/Adam", None),
    ("a/*/b/*=c/*/d/*", "a/1/b/2/3", "c/1/d/2/3"),
    ("layer_?/w=block?/w", "layer_3/w", "block3/w"),
    ("layer_?/w=block?/w", "layer_10/w", None),
    ("?/*=x?/*", "a/b", "xa/b"),
    ("*=net/*", "w", "net/w"),
    ("**/w=**/v", "a/b/w", "a/b/v"),
    ("a.*=b.*", "a.x", "b.x"),
    ("a.*=b.*", "axx", None),
    ("['p']['w']=p/w", "['p']['w']", "p/w"),
    (r"re:layer_(\d+)/w=block\1/kernel", "layer_12/w", "block12/kernel"),
    (r"re:^(.*)/weights$=\1/kernel", "a/b/weights", "a/b/kernel"),
    (r"re:weights$=kernel", "a/weights", "a/kernel"),
    (r"re:weights$=kernel", "a/weights/Adam", None),
    (r"re:(.*)=x/\1", "a", "x/a"),
    (r"re:(?P<last>\w+)$=\g<last>_1", "a/b", "a/b_1"),
    (r"re:_(\d)=\1", "a_1/b_2", "a1/b2"),
    (r"re:(?i)ADAM=adam", "w/Adam", "w/adam"),
    (r"re:a(?=/w)=b", "a/w", "b/w"),
]


@pytest.mark.parametrize(("rule", "name", "new"), CASES)
def test_what_each_kind_of_rule_does(rule: str, name: str, new: str | None) -> None:
    rules = RenameRules(rule)
    assert rules(name) == (name if new is None else new)
    assert rules.explain(name).rule == (None if new is None else rule)
    old, _, right = rule.rpartition("=") if rule.startswith("re:") else rule.partition("=")
    assert RenameRules({old: right}) == rules == RenameRules([(old, right)])
    assert RenameRules(list(rules)) == rules


@pytest.mark.parametrize(
    "rule",
    [
        "a",
        "",
        "=",
        "=b",
        "a=",
        "a/=b",
        "a=b/",
        "a=*",
        "*=*/*",
        "*/*=*",
        "?=*",
        "re:(=x",
        r"re:a=\1",
        r"re:(a)=\g<x>",
        "a=b=c",
    ],
)
def test_what_is_no_rule_is_refused_with_a_hint(rule: str) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        RenameRules(rule)
    assert caught.value.hint


def test_a_rule_of_another_type_is_refused() -> None:
    for rule in (3, ("a",), ("a", 3), [3]):
        with pytest.raises((InvalidTypeError, TypeError)):
            RenameRules([rule])  # type: ignore[list-item]


def test_the_first_rule_that_fits_decides_and_names_are_renamed_once() -> None:
    rules = RenameRules(["a=b", "b=a", "*=x/*"])
    assert rules.apply(["a", "b", "c"]) == {"b": ("a", "a=b"), "a": ("b", "b=a"), "x/c": ("c", "*=x/*")}
    explanation = rules.explain("a")
    assert (explanation.new, explanation.rule, explanation.shadowed) == ("b", "a=b", ("*=x/*",))
    assert str(rules.explain("c")) == "c -> x/c by *=x/*"


def test_two_names_that_become_one_are_an_error_that_names_both_and_the_rules() -> None:
    with pytest.raises(InvalidArgumentError, match=r"'new'.*'a' \(by a=new\).*'b' \(by b=new\)"):
        RenameRules(["a=new", "b=new"]).apply(["a", "b"])
    with pytest.raises(InvalidArgumentError, match="'b'"):
        RenameRules("a=b").apply(["a", "b"])
    # One that is not wanted at all gives way.
    assert RenameRules("a=b").apply(["a", "b"], lambda new, old: old != "b") == {"b": ("a", "a=b")}
    assert RenameRules("a=b").apply(["b", "a"], lambda new, old: old != "b") == {"b": ("a", "a=b")}


def test_a_rule_that_leaves_nothing_is_an_error() -> None:
    with pytest.raises(InvalidArgumentError, match="nothing"):
        RenameRules("re:a=")("a")
    assert RenameRules("re:_old=")("w_old") == "w"


def test_unused_rules_are_known() -> None:
    assert RenameRules(["a=b", "c/=d/"]).unused(["a", "x"]) == ("c/=d/",)


def test_rules_come_from_a_file_and_errors_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rules.txt"
    path.write_text("# moved in May\n\na/=b/\n  re:x(\\d)=y\\1  \n")
    assert list(RenameRules.read(path)) == ["a/=b/", "re:x(\\d)=y\\1"]
    path.write_text("a=b\nnonsense\n")
    with pytest.raises(ConfigError, match="line 2"):
        RenameRules.read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        RenameRules.read(tmp_path / "none")
    both = RenameRules("a=b") + RenameRules("c=d")
    assert list(both) == ["a=b", "c=d"]


def test_a_pattern_that_backtracks_for_ever_is_stopped() -> None:
    # There are 10^12 ways to split the name into a and aa, and all fail at its end.
    rules = RenameRules(r"re:^(a|aa)+$=x")
    started = time.monotonic()
    with pytest.raises(InvalidArgumentError, match="too long"):
        rules("a" * 60 + "!")
    assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        ("dense/kernel", ["dense/kernel"], ["dense/kernel/Adam", "x/dense/kernel"]),
        ("dense/", ["dense/kernel", "dense/a/b"], ["dense", "dense_1/kernel"]),
        ("/", ["a", "a/b"], []),
        ("*", ["a", "a/b", ""], []),
        ("*/Adam*", ["w/Adam", "w/Adam_1", "a/w/Adam"], ["Adam", "w/adam"]),
        ("a*c", ["abc", "ac", "a/c"], ["ab", "xac", "a"]),
        ("aa*aa", ["aaaa", "aabaa"], ["aaa", "aa"]),
        ("l?/w", ["l1/w"], ["l12/w", "l/w"]),
        ("re:Adam", ["w/Adam", "Adam_1/x"], ["w"]),
        ("re:^w$", ["w"], ["a/w"]),
        ("[a]", ["[a]"], ["a"]),
    ],
)
def test_patterns(pattern: str, fits: list[str], not_: list[str]) -> None:
    assert [name for name in fits + not_ if matcher(pattern)(name)] == fits


def test_bad_patterns() -> None:
    for pattern in ("", "re:("):
        with pytest.raises(InvalidArgumentError):
            matcher(pattern)
    with pytest.raises(InvalidTypeError):
        matcher(3)  # type: ignore[arg-type]


def test_a_selection_tries_all_names_of_a_variable() -> None:
    chosen = Selection(["new/"], "*/Adam")
    assert chosen("new/w", "old/w")
    assert chosen("x", "new/w")
    assert not chosen("new/w", "old/w/Adam")
    assert Selection(["a", "b*"]).idle(["bc"]) == ["a"]


names = st.text("ab/_1", min_size=1, max_size=8)


@given(names, names, names)
def test_a_glob_fits_what_it_says(head: str, middle: str, tail: str) -> None:
    assert matcher(f"{head}*{tail}")(head + middle + tail)
    assert RenameRules([(f"{head}*{tail}", "x*y")])(head + middle + tail).startswith("x")
