"""Files are mapped where that is cheap, and read where it is not."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tmpl_hdf5.native.mapping import file_system, is_mapped_well
from tmplcore import checkpoint
from tmplcore.errors import InvalidArgumentError

MOUNTS = """\
22 27 0:21 / /proc rw,nosuid - proc proc rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
44 27 0:39 / /mnt/with\\040space rw,relatime - nfs4 server:/export rw,vers=4.2
45 27 0:40 / /mnt/ssh rw,nosuid - fuse.sshfs me@host: rw
"""


def test_the_kind_of_file_system_is_that_of_the_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    kinds = [file_system(os.makedev(*number), mounts) for number in ((254, 0), (0, 39), (0, 40), (9, 9))]
    assert kinds == ["ext4", "nfs4", "fuse.sshfs", None]
    assert [is_mapped_well(kind) for kind in kinds] == [True, False, False, True]
    assert file_system(os.makedev(1, 1), tmp_path / "none") is None


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux says what is mounted")
def test_the_file_system_of_a_real_file_is_known(tmp_path: Path) -> None:
    assert file_system(Path("/proc/version").stat().st_dev) == "proc"


def mapped(array: np.ndarray) -> bool:
    base = array
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    return not isinstance(base, np.ndarray)


@pytest.mark.parametrize("choice", ["always", "never"])
def test_a_user_can_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choice: str) -> None:
    source = {
        "x": np.arange(60.0).reshape(3, 4, 5),
        "t": np.arange(4).astype("M8[s]"),
        "s": np.array(2.0),
        "text": np.array([b"a", b"bc"], object),
        "none": np.zeros((0, 3)),
    }
    checkpoint.save(tmp_path / "x.h5", source)
    monkeypatch.setenv("TMPL_MMAP", choice)
    loaded = checkpoint.load(tmp_path / "x.h5", mapped=True)
    assert mapped(loaded["x"]) == (choice == "always")
    for name, value in source.items():
        np.testing.assert_array_equal(loaded[name], value)
        assert not loaded[name].flags.writeable
    with checkpoint.open(tmp_path / "x.h5") as reader:
        x = source["x"]
        for index in (..., 1, (0, slice(None, None, -2)), (None, -1), (..., 3), ([2, 0],), (2, 3, 4), x[:, 0, 0] > 10):
            np.testing.assert_array_equal(reader["x"][index], x[index])
            assert reader["x"][index].flags.writeable
        np.testing.assert_array_equal(reader["t"][1:3], source["t"][1:3])
        assert reader["s"][()] == 2
        for index in (3, (0, 0, 0, 0), (0, 4)):
            with pytest.raises(IndexError):
                reader["x"][index]
    with pytest.raises(ValueError, match="closed"):
        reader["x"][0]


def test_a_choice_that_means_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "x.h5", {"x": np.zeros(3)})
    monkeypatch.setenv("TMPL_MMAP", "perhaps")
    with pytest.raises(InvalidArgumentError, match="TMPL_MMAP='perhaps'") as caught:
        checkpoint.load(tmp_path / "x.h5", mapped=True)
    assert "always" in caught.value.hint
