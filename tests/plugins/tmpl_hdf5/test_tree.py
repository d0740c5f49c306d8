"""Paths taken apart eight bytes at a time, against the same done with Python's own texts."""

from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmpl_hdf5.native.tree import Tree

# Lengths around a word's eight bytes, shared beginnings, more than ASCII, and longer than what is compared as words.
PARTS = st.one_of(
    st.text("ab", min_size=1, max_size=3),
    st.sampled_from(["layer_1", "layer_12", "layer_123", "layer_1234", "layer_12x", "x" * 16, "x" * 17, "é", "éa"]),
    st.sampled_from(["y" * 127, "y" * 128, "y" * 129, "y" * 200]),
)
PATHS = st.lists(st.lists(PARTS, min_size=1, max_size=4).map("/".join), min_size=1, max_size=40, unique=True)


def tree_of(paths: list[str]) -> Tree:
    return Tree("".join(f"\0{path}" for path in paths).encode(), b"\0")


def links_by_group(tree: Tree) -> dict[str, list[str]]:
    """Every group's path and its links, as they are sorted."""
    count = len(tree.groups) - (len(tree.parents) - 1)
    paths = {0: ""}
    for number in range(1, len(tree.parents)):
        leaf = tree.links[count + number - 1].decode()
        paths[number] = f"{paths[int(tree.parents[number])]}/{leaf}".lstrip("/")
    found: dict[str, list[str]] = {}
    for group, row in zip(tree.groups.tolist(), tree.order.tolist(), strict=True):
        found.setdefault(paths[group], []).append(tree.links[row].decode())
    return found


def expected(paths: list[str]) -> dict[str, list[str]]:
    links = set()
    scopes = []
    for path in paths:
        parts = path.split("/")
        for depth in range(1, len(parts)):
            if (scope := "/".join(parts[:depth])) not in scopes:
                scopes.append(scope)
    for number, path in enumerate([*paths, *scopes]):
        scope, _, leaf = path.rpartition("/")
        links.add((scope, leaf.encode(), number))
    ordered = sorted(links)
    return {scope: [leaf.decode() for _, leaf, _ in some] for scope, some in groupby(ordered, lambda link: link[0])}


@given(paths=PATHS)
@settings(max_examples=150, deadline=None)
def test_links_of_every_group_are_sorted_by_their_bytes(paths: list[str]) -> None:
    tree = tree_of(paths)
    assert links_by_group(tree) == expected(paths)
    assert all(parent < number for number, parent in enumerate(tree.parents.tolist()))


@given(paths=PATHS)
@settings(max_examples=150, deadline=None)
def test_a_path_that_is_a_group_too_is_seen(paths: list[str]) -> None:
    scopes = {path.rsplit("/", depth)[0] for path in paths for depth in range(1, path.count("/") + 1)}
    assert tree_of(paths).is_clear == scopes.isdisjoint(paths)


@pytest.mark.parametrize("length", [7, 8, 9, 127, 128, 129, 5000])
def test_the_same_path_twice_is_seen(length: int) -> None:
    assert not tree_of(["a", "s/" + "x" * length, "s/" + "x" * length]).is_clear
    assert tree_of(["a", "s/" + "x" * length, "s/" + "x" * (length - 1) + "y"]).is_clear


def test_scopes_that_come_again_are_one_group() -> None:
    tree = tree_of([f"scope_{n % 3}/inner/v{n}" for n in range(50_000)])
    assert len(tree.parents) == 7
    assert links_by_group(tree)["scope_1/inner"] == sorted(f"v{n}" for n in range(1, 50_000, 3))


def test_nesting_that_is_deeper_than_python_calls() -> None:
    tree = tree_of(["/".join(["d"] * 3000 + ["v"])])
    assert len(tree.parents) == 3001
