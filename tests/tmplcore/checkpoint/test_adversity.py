"""A manager in a world that misbehaves: clocks, disks, directories and callers."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager, KeepBest, KeepLast, KeepWithin
from tmplcore.errors import CheckpointNotFoundError, InvalidArgumentError, InvalidTypeError, LockedError, SaveError

VALUES = {"w": np.arange(10.0)}


def steps(manager: CheckpointManager) -> list[int]:
    return [info.step for info in manager.list()]


def test_a_clock_that_goes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = CheckpointManager(tmp_path, keep=KeepWithin("1h"))
    real = time.time
    for step, shift in enumerate((0, 10 * 86400, -10 * 86400, 0)):
        monkeypatch.setattr(time, "time", lambda shift=shift: real() + shift)
        manager.save(step, VALUES)
        assert manager.latest().step == step
    # What claims to be of the future is young; what claims to be old was only kept while it was the newest.
    assert steps(manager) == [1, 3]


def test_steps_out_of_order_warn_and_the_highest_stays_the_latest(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, keep=KeepLast(2))
    manager.save(10, VALUES)
    with pytest.warns(UserWarning, match="step 3 is saved after step 10"):
        manager.save(3, VALUES)
    with pytest.warns(UserWarning, match="step 4 is saved after step 10"):
        manager.save(4, VALUES)
    assert manager.latest().step == 10
    assert steps(manager) == [4, 10]


def test_metrics_that_are_nan_or_missing_are_never_best(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, keep=[KeepBest("loss"), KeepLast(1)])
    for step, metrics in enumerate(({"loss": np.nan}, {"loss": 0.5}, {"loss": np.inf}, {}, {"other": 1}, None)):
        manager.save(step, VALUES, metrics=metrics)
    assert steps(manager) == [1, 5]
    assert manager.best().step == 1
    with pytest.raises(CheckpointNotFoundError, match="no checkpoint") as caught:
        CheckpointManager(tmp_path, best="accuracy:max").restore(VALUES, "best")
    assert "loss" in caught.value.hint


@pytest.mark.parametrize("step", [-1, 1 << 63, np.uint64((1 << 64) - 1), 10**30])
def test_steps_that_no_file_can_have(tmp_path: Path, step: object) -> None:
    with pytest.raises(InvalidArgumentError, match="from 0 to"):
        CheckpointManager(tmp_path).save(step, VALUES)
    with pytest.raises(InvalidArgumentError, match="from 0 to"):
        checkpoint.save(tmp_path / "a.h5", VALUES, step=step)


def test_every_other_step_is_found_again(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path)
    chosen = [0, 7, 10**9 - 1, 10**9, np.int64((1 << 63) - 1)]
    for step in chosen:
        manager.save(step, VALUES)
    assert steps(manager) == chosen
    assert [info.state for info in manager.list()] == ["ok"] * 5
    assert manager.resolve(10**9).step == 10**9


@pytest.mark.parametrize("step", [7.0, True, "8", [1], None])
def test_what_is_no_step(tmp_path: Path, step: object) -> None:
    with pytest.raises((InvalidTypeError, InvalidArgumentError)):
        CheckpointManager(tmp_path).save(step, VALUES)
    assert list(tmp_path.iterdir()) == []


def test_meta_takes_what_json_has_and_numbers_of_numpy(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path)
    manager.save(1, VALUES, meta={"rate": np.float32(0.5), 1: (np.int8(2), "x", None), "deep": {"n": [True]}})
    with manager.open(1) as reader:
        assert reader.meta.user == {"rate": 0.5, "1": [2, "x", None], "deep": {"n": [True]}}
    for meta, where in (
        ({"a": {"b": [1, b"x"]}}, r"meta\['a'\]\['b'\]\[1\] is a bytes"),
        ({"a": np.zeros(2)}, r"meta\['a'\] is a ndarray"),
        ("text", "meta is a mapping"),
    ):
        with pytest.raises(InvalidTypeError, match=where):
            manager.save(2, VALUES, meta=meta)
    loop: dict = {}
    loop["loop"] = loop
    with pytest.raises(InvalidTypeError, match="holds itself"):
        manager.save(2, VALUES, meta=loop)
    with pytest.raises(InvalidTypeError, match="metrics are a mapping"):
        manager.save(2, VALUES, metrics=[("loss", 1)])
    assert steps(manager) == [1]


def test_step_0_is_a_parent_too(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path)
    manager.save(0, VALUES)
    manager.save(1, VALUES)
    with manager.open(1) as reader:
        assert reader.meta.provenance["parent"] == 0


def test_a_directory_that_is_removed_while_in_use(tmp_path: Path) -> None:
    place = tmp_path / "run"
    manager = CheckpointManager(place, keep=KeepLast(2))
    manager.save(1, VALUES, tags="t")
    shutil.rmtree(place)
    assert (manager.list(), manager.latest(), manager.tags(), manager.clean()) == ([], None, {}, [])
    assert manager.prune().decisions == ()
    with pytest.raises(CheckpointNotFoundError, match="holds none"):
        manager.restore(VALUES)
    with pytest.raises(SaveError, match="cannot be locked"):
        manager.tag("x")
    manager.save(2, VALUES)
    assert steps(manager) == [2]


def test_a_file_where_the_directory_should_be(tmp_path: Path) -> None:
    place = tmp_path / "run"
    place.write_text("a file")
    manager = CheckpointManager(place)
    assert manager.list() == []
    with pytest.raises(SaveError) as caught:
        manager.save(1, VALUES)
    assert "is no directory" in caught.value.hint
    assert place.read_text() == "a file"


def test_a_directory_that_is_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    manager = CheckpointManager(tmp_path / "link", keep=KeepLast(2))
    for step in range(4):
        manager.save(step, VALUES, tags="current")
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == [
        "current.tag",
        "step-000000002.h5",
        "step-000000003.h5",
    ]


def test_a_step_that_is_a_link_is_not_ours(tmp_path: Path) -> None:
    """It is neither the latest nor deleted: what it leads to may change at any time."""
    manager = CheckpointManager(tmp_path, keep=KeepLast(1))
    manager.save(1, VALUES)
    (tmp_path / "step-000000008.h5").symlink_to("step-000000001.h5")
    (tmp_path / "step-000000009.h5").symlink_to("/nonexistent")
    assert [info.state for info in manager.list()] == ["ok", "foreign", "foreign"]
    assert manager.latest().step == 1
    manager.prune()
    assert len(list(tmp_path.iterdir())) == 3


@pytest.fixture
def disk(tmp_path: Path):
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk takes root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_read_only(disk: Path) -> None:
    manager = CheckpointManager(disk / "run", keep=KeepLast(2), lock_timeout=0.1)
    manager.save(1, VALUES, tags="t")
    manager.save(2, VALUES)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    assert steps(manager) == [1, 2]
    assert manager.restore({"w": np.zeros(10)}).ok
    assert manager.verify("t").ok
    assert manager.prune(KeepLast(1), dry_run=True).decisions
    for change in (
        lambda: manager.save(3, VALUES),
        lambda: manager.tag("a"),
        lambda: manager.untag("t"),
        lambda: manager.rm(2),
        lambda: manager.prune(KeepLast(1)),
    ):
        with pytest.raises(SaveError, match="Read-only file system") as caught:
            change()
        assert caught.value.hint
    manager.async_save(4, VALUES)
    with pytest.raises(SaveError, match="Read-only file system"):
        manager.close()
    assert steps(manager) == [1, 2]


def test_a_disk_that_fills_up_in_the_background(disk: Path) -> None:
    manager = CheckpointManager(disk / "run")
    manager.save(1, VALUES)
    large = {"w": np.ones(1 << 20)}
    manager.async_save(2, large)
    with pytest.raises(SaveError, match="No space left") as caught:
        manager.async_save(3, VALUES)
    assert "make room" in caught.value.hint
    assert caught.value.__notes__ == ["this was saving step 2 in the background"]
    manager.async_save(4, large)
    with pytest.raises(SaveError, match="No space left"):
        manager.close()
    assert [path.name for path in (disk / "run").iterdir()] == ["step-000000001.h5"]
    manager.save(5, VALUES)
    assert manager.verify(5).ok


def test_a_save_succeeds_while_another_process_prunes_for_long(tmp_path: Path) -> None:
    """The rules are applied by whoever holds the lock; saving does not wait for it."""
    from tmplcore.checkpoint.lock import DirectoryLock

    manager = CheckpointManager(tmp_path, keep=KeepLast(1), lock_timeout=0.05)
    manager.save(1, VALUES)
    with DirectoryLock(tmp_path, ".step.lock").held():
        manager.save(2, VALUES)
        with pytest.raises(LockedError, match="locked by process"):
            manager.prune()
        assert steps(manager) == [1, 2]
    manager.save(3, VALUES)
    assert steps(manager) == [3]


def test_nothing_warns_in_ordinary_use(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with CheckpointManager(tmp_path, keep=KeepLast(2)) as manager:
            for step in range(3):
                manager.save(step, VALUES, tags="a")
                manager.async_save(step + 10, VALUES)
                manager.wait()
                manager.rm(step + 10)


def test_keys_of_meta_that_text_cannot_be_are_refused(tmp_path: Path) -> None:
    for meta, what in (({"a": {(1, 2): 3}}, r"meta\['a'\] has the key \(1, 2\)"), ({1: "a", "1": "b"}, "two keys")):
        with pytest.raises(InvalidTypeError, match=what):
            checkpoint.save(tmp_path / "x.h5", {"w": np.ones(1)}, meta=meta)


def test_metrics_are_numbers_of_any_kind(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    metrics = {"loss": torch.tensor(1.5, requires_grad=True), "one": np.array([2.5]), "half": np.float16(0.5), "n": 3}
    checkpoint.save(tmp_path / "x.h5", {"w": np.ones(1)}, metrics=metrics)
    with checkpoint.open(tmp_path / "x.h5") as reader:
        assert reader.meta.metrics == {"loss": 1.5, "one": 2.5, "half": 0.5, "n": 3.0}
    for bad in (10**400, np.ones(2), torch.ones(2), 1j, None, "low"):
        with pytest.raises(InvalidTypeError, match="metric 'loss'"):
            checkpoint.save(tmp_path / "y.h5", {"w": np.ones(1)}, metrics={"loss": bad})
