"""What cannot be saved stands in nobody's way who leaves it out."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager
from tmplcore.errors import SaveError, VariableMissingError

UNSAVABLE = {
    "a lock": threading.Lock(),
    "a function": print,
    "a masked array": np.ma.masked_array([1.0, 2.0], [False, True]),
    "an array of objects": np.array([object()]),
}


def model(value: Any) -> dict[str, Any]:
    return {"w": np.ones(3), "loop": {"it": value, "rate": 0.1}}


@pytest.fixture(params=UNSAVABLE)
def value(request: pytest.FixtureRequest) -> Any:
    return UNSAVABLE[request.param]


@pytest.mark.parametrize("how", [{}, {"include": "loop/"}, {"include": ["w", "loop/it"]}, {"exclude": "w"}])
def test_who_wants_it_is_told_its_name_and_how_to_leave_it_out(tmp_path: Path, value: Any, how: dict) -> None:
    with pytest.raises(SaveError, match="'loop/it'"):
        checkpoint.save(tmp_path / "x.h5", model(value), **how)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", [{"exclude": "loop/it"}, {"exclude": "*/it"}, {"include": ["w", "loop/rate"]}])
def test_left_out_it_harms_nobody(tmp_path: Path, value: Any, how: dict) -> None:
    source = model(value)
    checkpoint.save(tmp_path / "x.h5", source, **how)
    assert set(checkpoint.load(tmp_path / "x.h5")) == {"w", "loop/rate"}
    with CheckpointManager(tmp_path / "run") as manager:
        manager.save(1, source, **how)
        manager.async_save(2, source, **how)
        manager.wait()
        assert set(manager.load(1)) == set(manager.load(2)) == {"w", "loop/rate"}

    into = model(value)
    into["w"], into["loop"]["rate"] = np.zeros(3), 0.0
    assert checkpoint.plan(tmp_path / "x.h5", into, **how).ok
    checkpoint.restore(tmp_path / "x.h5", into, **how)
    np.testing.assert_array_equal(into["w"], np.ones(3))
    assert into["loop"] == {"it": value, "rate": 0.1}


def test_a_pattern_that_fits_nothing_is_still_refused(tmp_path: Path) -> None:
    with pytest.raises(VariableMissingError, match="'loop/x'"):
        checkpoint.save(tmp_path / "x.h5", model(print), include=["w", "loop/x"])
