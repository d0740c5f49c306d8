"""The usual restore, where everything matches, takes a way of its own: it must not differ from the general one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.checkpoint.format import Reader


def some() -> dict[str, np.ndarray]:
    shared = np.arange(4.0)
    return {
        "a/w": np.ones((2, 3), "float32"),
        "a/b": np.arange(5),
        "s": np.array(2.5),
        "e": np.ones((0, 2)),
        "t": shared,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    arrays = some()
    checkpoint.save(tmp_path / "x.h5", {**arrays, "u": arrays["t"]})
    return tmp_path / "x.h5"


def test_same_report_and_values_in_any_order(path: Path) -> None:
    ordered = {name: np.zeros_like(value) for name, value in [*some().items(), ("u", np.zeros(4))]}
    mixed = {name: np.zeros_like(ordered[name]) for name in reversed(ordered)}
    fast, general = checkpoint.restore(path, ordered), checkpoint.restore(path, mixed)
    assert sorted(fast.matched) == sorted(general.matched)
    assert fast.nbytes == general.nbytes
    assert fast.as_dict()["renamed"] == []
    assert str(fast).endswith("6 matched")
    for name, value in {**some(), "u": np.arange(4.0)}.items():
        np.testing.assert_array_equal(ordered[name], value)
        np.testing.assert_array_equal(mixed[name], value)


def test_entries_by_position(path: Path) -> None:
    matched = checkpoint.plan(path, {**some(), "u": np.zeros(4)}).matched
    assert [entry.name for entry in matched[:2]] == ["a/w", "a/b"]
    assert matched[-1].name == "u"
    assert (matched[0].shape, matched[0].dtype) == ((2, 3), "float32")
    with pytest.raises(IndexError):
        matched[6]


@pytest.mark.parametrize("change", ["shape", "dtype", "missing"])
def test_what_differs_is_refused(path: Path, change: str) -> None:
    arrays = {**some(), "u": np.zeros(4)}
    if change == "missing":
        del arrays["u"]
    else:
        arrays["u"] = np.zeros(5) if change == "shape" else np.zeros(4, "float32")
    with pytest.raises(tmplcore.errors.RestoreError, match=r"\bu:"):
        checkpoint.restore(path, arrays)


def test_arrays_that_cannot_be_read_into(path: Path) -> None:
    arrays = {name: np.zeros_like(value) for name, value in [*some().items(), ("u", np.zeros(4))]}
    arrays["a/w"] = np.zeros((3, 2), "float32").T
    arrays["t"].flags.writeable = False
    before = arrays["a/w"]
    checkpoint.restore(path, arrays)
    assert arrays["a/w"] is before
    np.testing.assert_array_equal(before, np.ones((2, 3)))
    np.testing.assert_array_equal(arrays["t"], np.arange(4.0))


def test_a_store_is_read_into_its_own_arrays(tmp_path: Path) -> None:
    store = tmplcore.VariableStore()
    with store.as_default(), tmplcore.variable_scope("m"):
        made = [tmplcore.get_variable(name, [3], trainable=name == "w") for name in ("w", "v")]
    saved = [variable.numpy().copy() for variable in made]
    checkpoint.save(tmp_path / "s.h5", store)
    memory = [variable.value for variable in made]
    for array in memory:
        array += 1
    checkpoint.restore(tmp_path / "s.h5", store)
    for variable, array, value in zip(made, memory, saved, strict=True):
        assert variable.value is array
        np.testing.assert_array_equal(array, value)
    with checkpoint.open(tmp_path / "s.h5") as reader:
        assert [reader[name].trainable for name in ("m/w", "m/v")] == [True, False]


def test_columns_and_aliases_as_any_format_gives_them(path: Path) -> None:
    with checkpoint.open(path) as reader:
        assert reader.columns() == Reader.columns(reader)
        assert reader.aliases == Reader.aliases.fget(reader) == {"u": "t"}  # type: ignore[attr-defined]


def test_what_fits_as_it_is_and_what_does_not(path: Path) -> None:
    right = {name: np.zeros_like(value) for name, value in [*some().items(), ("u", np.zeros(4))]}
    frozen = np.zeros(4)
    frozen.flags.writeable = False
    changes = [
        {"t": frozen},
        {"a/w": np.zeros((3, 2), "float32").T},
        {"t": np.zeros(5)},
        {"t": np.zeros(4, "float32")},
        {"t": np.zeros(4, ">f8")},
    ]
    with checkpoint.open(path) as reader:
        assert list(right) == list(reader)
        for fits in (reader.fits, partial(Reader.fits, reader)):
            assert fits(right)
            assert not fits(dict(reversed(right.items())))
            assert not fits({**right, "more": np.zeros(1)})
            assert not any(fits({**right, **change}) for change in changes)


@pytest.mark.parametrize("names", [["t", "u", 7], ["t", "u", "\ud800"], ["t\0u", "a/w"], ["t\0u"], []])
def test_names_that_no_checkpoint_has_are_not_those_of_this_one(path: Path, names: list) -> None:
    with checkpoint.open(path) as reader:
        assert not reader.lists(names)
        assert not Reader.lists(reader, names)
