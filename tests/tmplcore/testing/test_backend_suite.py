"""The backend contract finds faulty backends, and says why also in an outsider's test run."""

import re
import subprocess
import sys

import pytest

FAULTY = """
import numpy as np
from tmplcore.arrays import to_numpy
from tmplcore.backend import Backend
from tmplcore.testing import BackendContract
from tmpl_numpy.backend import NumpyBackend


class Cell:
    def __init__(self, value):
        self.value = value


class Wrapped(Backend):
    name, sliced = "wrapped", True

    def __init__(self):
        self.inner = NumpyBackend()

    def create(self, spec, initial):
        return self.inner.create(spec, initial)

    def assign(self, spec, cell, value):
        self.inner.assign(spec, cell, value)

    def numpy(self, spec, cell):
        return self.inner.numpy(spec, cell)

    def delete(self, spec, cell):
        self.inner.delete(spec, cell)

    def write_slice(self, spec, cell, index, value):
        self.inner.write_slice(spec, cell, index, value)


class TestSound(BackendContract):
    def open(self, directory):
        return Wrapped()


class NoCopy(Wrapped):
    def create(self, spec, initial):
        return Cell(to_numpy(initial.array(), spec.dtype))


class NoCast(Wrapped):
    def assign(self, spec, cell, value):
        cell.value = to_numpy(value)


class Forgets(Wrapped):
    def assign(self, spec, cell, value):
        pass


class Snapshots(Wrapped):
    def assign(self, spec, cell, value):
        cell.value = np.array(to_numpy(value, spec.dtype))


class WritesAll(Wrapped):
    def write_slice(self, spec, cell, index, value):
        cell.value[...] = value


class SaysPersistent(Wrapped):
    persistent = True


def contract(kind):
    return type(f"Test{kind.__name__}", (BackendContract,), {"open": lambda self, directory: kind()})


for _kind in (NoCopy, NoCast, Forgets, Snapshots, WritesAll, SaysPersistent):
    globals()[f"Test{_kind.__name__}"] = contract(_kind)
"""

CAUGHT_BY = {
    "NoCopy": "test_initial_value_is_copied",
    "NoCast": "test_assign_replaces_and_casts",
    "Forgets": "test_a_scalar_is_assigned_and_read",
    "Snapshots": "test_live_values_show_later_assignments_and_snapshots_do_not",
    "WritesAll": "test_writing_a_slice_changes_that_slice_alone",
    "SaysPersistent": "test_persistent_values_are_found_again",
}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("outside")
    (folder / "test_faulty.py").write_text(FAULTY)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rA", "--tb=short", "test_faulty.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_a_sound_backend_passes(report):
    assert not re.search(r"FAILED test_faulty.py::TestSound|ERROR", report)
    assert len(re.findall(r"PASSED test_faulty.py::TestSound", report)) > 20


@pytest.mark.parametrize("kind", CAUGHT_BY)
def test_each_fault_is_found(report, kind):
    assert f"FAILED test_faulty.py::Test{kind}::{CAUGHT_BY[kind]}" in report


def test_asserts_explain_themselves(report):
    # Without rewriting this would be a bare AssertionError.
    assert re.search(r"E\s+assert 0.0 == 1", report)
