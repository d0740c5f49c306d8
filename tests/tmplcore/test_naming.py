"""Op names: unique without regard to case, numbered as TensorFlow numbers, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmplcore import naming
from tmplcore.errors import InvalidNameError
from tmplcore.journal import Journal
from tmplcore.naming import BESIDE_CALL, ROOT, OpNames, OpPrefix, check_name

NAMES = st.sampled_from(
    ["a", "A", "a_1", "A_1", "a_2", "a_1_1", "a_01", "a_", "x/y", "X/y", "x", "x/y_1", "x_1/y", "b_9"]
)


class Flat:
    """The registry as the specification has it: a table of used names, that grows."""

    def __init__(self) -> None:
        self.used: dict[str, int] = {}

    def claim(self, name: str) -> str:
        key = name.lower()
        number = self.used.get(key, 0)
        if number == 0:
            self.used[key] = 1
            return name
        candidate = f"{key}_{number}"
        while candidate in self.used:
            number += 1
            candidate = f"{key}_{number}"
        self.used[key] = number + 1
        self.used[candidate] = 1
        return f"{name}_{number}"


@given(st.lists(NAMES, max_size=60))
def test_names_are_those_of_the_flat_table(wanted: list[str]) -> None:
    ours, flat = OpNames(), Flat()
    for name in wanted:
        assert ours.peek(name) == OpNames.peek(ours, name)
        assert ours.claim(name) == flat.claim(name)


@given(st.lists(st.tuples(NAMES, st.booleans(), st.booleans()), max_size=60))
def test_scopes_and_ops_share_one_table(wanted: list[tuple[str, bool, bool]]) -> None:
    ours, flat = OpNames(), Flat()
    opened: list[tuple[OpPrefix, str]] = []
    for name, is_scope, asked in wanted:
        expected = flat.claim(name)
        if not is_scope:
            assert ours.claim(name) == expected
            continue
        prefix = ours.open(name, ROOT, None)
        if asked:
            assert prefix.text == f"{expected}/"
        opened.append((prefix, expected))
        ours.leave(prefix)
    for prefix, expected in opened:  # whenever it is asked
        inner = ours.open("in", prefix, None)
        assert (prefix.text, inner.text) == (f"{expected}/", f"{expected}/in/")
        assert ours.claim("in", prefix.text) == f"{expected}/in_1"


@given(st.lists(NAMES, max_size=30), st.lists(NAMES, max_size=30))
def test_what_is_rolled_back_can_be_claimed_again(before: list[str], undone: list[str]) -> None:
    ours = OpNames()
    for name in before:
        ours.claim(name)
    expected = ours.copy({})
    journal = Journal()
    first = [ours.claim(name, journal=journal) for name in undone]
    journal.rollback()
    assert [ours.claim(name) for name in undone] == first == [expected.claim(name) for name in undone]


class Variables:
    """A registry and the variables of its store. They are named in full, or by what their being there says."""

    def __init__(self, *, in_full: bool) -> None:
        self.known: dict[str, None] = {}
        self.names = OpNames(self.known)
        self._in_full = in_full

    def variable(self, name: str, journal: Journal | None) -> str:
        key = None if self._in_full else self.names.vacant(name)
        if key is None:
            name = self.names.claim(name, journal=journal)
            self.names.pin(name)
            self.names.place(f"{name}/", BESIDE_CALL, journal)
            key = name.lower()
        if not self._in_full:
            self.known[key] = None
            if journal is not None:
                journal.append(lambda: self.known.pop(key))
        return name

    def op(self, name: str, journal: Journal | None) -> str:
        return self.names.claim(name, journal=journal)

    def scope(self, name: str, journal: Journal | None) -> str:
        prefix = self.names.open(name, ROOT, journal)
        inner = self.names.open("read", prefix, journal)
        found = [prefix.text, inner.text, self.names.claim("a", prefix.text, journal)]
        self.names.leave(inner)
        self.names.leave(prefix)
        return " ".join(found)


AROUND_VARIABLES = st.sampled_from(
    [
        "a",
        "A",
        "a_1",
        "A_1",
        "a_2",
        "a_1_1",
        "a7",
        "a/read",
        "A/Assign",
        "a/read/b",
        "a/x",
        "a/read_1",
        "a_1/read",
        "x/a",
    ]
)
STEPS = st.lists(st.tuples(st.sampled_from(["variable", "op", "scope"]), AROUND_VARIABLES), max_size=12)


@given(st.lists(st.tuples(STEPS, st.sampled_from(["kept", "undone", "plain"])), max_size=6))
def test_a_variable_takes_its_names_by_being_there(parts: list[tuple[list[tuple[str, str]], str]]) -> None:
    ours, full = Variables(in_full=False), Variables(in_full=True)
    for steps, fate in parts:
        journals = (None, None) if fate == "plain" else (Journal(), Journal())
        for kind, name in steps:
            first, second = (
                getattr(registry, kind)(name, journal) for registry, journal in zip((ours, full), journals, strict=True)
            )
            assert first == second
        if fate == "undone":
            for journal in journals:
                assert journal is not None
                journal.rollback()
        copied = ours.names.copy(dict(ours.known))
        for name in ("a", "a_1", "a_2", "a7", "x/a", "a/read", "a/Assign", "a/initializer", "a_1/read", "a/a", "read"):
            assert ours.names.peek(name) == full.names.peek(name) == copied.peek(name)


def test_peeking_takes_nothing() -> None:
    names = OpNames()
    names.claim("a")
    assert [names.peek("a"), names.peek("a"), names.claim("a"), names.peek("A")] == ["a_1", "a_1", "a_1", "A_2"]


@pytest.mark.parametrize(
    ("name", "prefix", "valid"),
    [
        ("a", "", True),
        (".a", "", True),
        ("9", "", True),
        ("a.b\\c/d>e-f_g", "", True),
        ("_a", "", False),
        ("-a", "", False),
        ("_a", "s/", True),
        ("/a", "s/", True),
        (">a", "s/", True),
        ("", "", False),
        ("two words", "s/", False),
        ("a:0", "", False),
        ("ä", "s/", False),
        ("a\n", "", False),
    ],
)
def test_validity(name: str, prefix: str, valid: bool) -> None:
    if valid:
        check_name(name, prefix)
        return
    with pytest.raises(InvalidNameError, match=r"is not a valid (root )?scope name") as caught:
        check_name(name, prefix)
    assert ("root" in str(caught.value)) == (prefix == "")
    assert caught.value.hint


def test_numbering_inside_scopes_that_closed_long_ago_is_forgotten_and_nothing_nearer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(naming, "FORGET_AFTER", 100)
    monkeypatch.setattr(naming, "FORGOTTEN_AT_ONCE", 10)
    names = OpNames()

    def scope(name: str) -> str:
        prefix = names.open(name, ROOT, None)
        names.claim("op", prefix.text)
        names.leave(prefix)
        return prefix.text

    prefixes = [scope("s") for _ in range(1000)]
    assert prefixes[-1] == "s_999/"  # the root's own numbering is never forgotten
    assert all(names.peek("op", prefix) == f"{prefix}op_1" for prefix in prefixes[-100:])
    assert names.peek("op", "s/") == "s/op"
    assert len(names._directories) <= 112


def test_names_beside_variables_are_never_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "FORGET_AFTER", 10)
    monkeypatch.setattr(naming, "FORGOTTEN_AT_ONCE", 1)
    names = OpNames()
    prefix = names.open("model", ROOT, None)
    names.pin(names.claim("w", prefix.text))
    names.leave(prefix)
    for _ in range(100):
        other = names.open("s", ROOT, None)
        names.claim("op", other.text)
        names.leave(other)
    assert names.claim("w", "model/") == "model/w_1"


def test_a_scope_in_which_nothing_is_named_is_kept_nowhere() -> None:
    names = OpNames()
    for _ in range(3):
        names.leave(names.open("s", ROOT, None))
    assert names._directories == {"": {"s": 3}}
    assert not names._closed
    assert names.open("S", ROOT, None).text == "S_3/"
