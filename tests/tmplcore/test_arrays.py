"""Values that variables are given: all of a value becomes the variable's, or the value is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tmplcore
from tmplcore.arrays import to_numpy
from tmplcore.errors import InvalidArgumentError, InvalidTypeError
from tmplcore.initializers import Constant, Zeros

GAPS = np.ma.array([1.0, 2.0], mask=[False, True])
LARGE = np.ma.array(np.zeros(300_000), mask=True)  # asked for by blocks

CREATING = {
    "initial value": lambda: tmplcore.get_variable("v", initializer=GAPS),
    "initial value in a list": lambda: tmplcore.get_variable("v", initializer=[GAPS, GAPS]),
    "large initial value": lambda: tmplcore.get_variable("v", initializer=LARGE),
    "what a function returns": lambda: tmplcore.get_variable("v", [2], "float64", lambda *a, **k: GAPS),
    "Constant": lambda: tmplcore.get_variable("v", [2], initializer=Constant(GAPS)),
    "Constant of a list": lambda: tmplcore.get_variable("v", [1, 2], initializer=Constant([GAPS])),
}
ASSIGNING = {
    "assign": lambda v: v.assign(GAPS),
    "assign of a list": lambda v: v.assign([np.ma.array(1.0), 2.0]),
    "assign_add": lambda v: v.assign_add(GAPS),
    "assign_sub": lambda v: v.assign_sub(GAPS),
}


@pytest.fixture(params=["numpy", "hdf5", "torch", "jax"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    if request.param in ("torch", "jax"):
        pytest.importorskip(request.param)
    if request.param == "hdf5":
        from tmpl_hdf5.backend import HDF5Backend

        backend = HDF5Backend(tmp_path / "live.h5")
        yield tmplcore.VariableStore(backend)
        backend.close()
    else:
        yield tmplcore.VariableStore(request.param)


@pytest.mark.parametrize("make", CREATING.values(), ids=CREATING)
def test_no_variable_starts_as_a_masked_array(store: Any, make: Any) -> None:
    with store.as_default():
        with pytest.raises(InvalidTypeError, match="its mask would be lost") as caught:
            make()
        assert "filled(value)" in caught.value.hint
        assert store.variables == []
        assert tmplcore.get_variable("v", [2], initializer=Zeros()).numpy().tolist() == [0, 0]


@pytest.mark.parametrize("change", ASSIGNING.values(), ids=ASSIGNING)
def test_no_variable_becomes_a_masked_array(store: Any, change: Any) -> None:
    with store.as_default():
        v = tmplcore.get_variable("v", [2], initializer=Zeros())
        with pytest.raises(InvalidTypeError, match="its mask would be lost"):
            change(v)
        assert v.numpy().tolist() == [0, 0]


def test_an_array_with_units() -> None:
    class Metres(np.ndarray):
        unit = "m"  # of the class: an array has nothing of its own

    assert to_numpy(np.arange(2.0).view(Metres)).tolist() == [0, 1]
    array = np.arange(2.0).view(Metres)
    array.unit = "km"
    with pytest.raises(InvalidTypeError, match=r"class Metres .* it has unit"):
        to_numpy(array)


def test_half_a_pair_is_no_text() -> None:
    with pytest.raises(InvalidArgumentError, match="no Unicode") as caught:
        to_numpy("\ud800", np.dtype(object))
    assert "surrogatepass" in caught.value.hint


@pytest.mark.parametrize("text", [b"ab\0", "ab\0", np.bytes_(b"ab\0"), np.str_("ab\0")], ids=repr)
def test_zeros_at_the_end_of_a_text_stay(text: Any) -> None:
    with tmplcore.VariableStore().as_default():
        assert tmplcore.get_variable("v", [], "string", Constant(text)).numpy().item() == b"ab\0"
        v = tmplcore.get_variable("w", [], "string")
        v.assign(text)
        assert v.numpy().item() == b"ab\0"
