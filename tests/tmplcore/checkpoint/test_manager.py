from __future__ import annotations

import copy
import pickle
import shutil
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tmpl_hdf5.native.format import NativeFormat
from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager, KeepBest, KeepEvery, KeepLast, KeepTagged
from tmplcore.checkpoint.process import Process
from tmplcore.errors import (
    CheckpointNotFoundError,
    DamagedError,
    ExistsError,
    InvalidArgumentError,
    ProtectedError,
)


def values(step: int) -> dict[str, np.ndarray]:
    return {"w": np.full(1000, step, np.float64), "step": np.array(step)}


def filled(directory: Path, *steps: int, **how) -> CheckpointManager:
    manager = CheckpointManager(directory, **how)
    for step in steps:
        manager.save(step, values(step), metrics={"loss": 1 / (step + 1)})
    return manager


def steps(manager: CheckpointManager) -> list[int]:
    return [info.step for info in manager.list()]


def damage(path: Path, step: int) -> None:
    """Flip a bit of a value; the structure still holds."""
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(step).tobytes() * 3) + 8] ^= 4
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def test_a_manager_of_nothing(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path / "none")
    assert manager.list() == []
    assert manager.latest() is None
    assert manager.best() is None
    assert manager.prune().deleted == ()
    assert manager.clean() == []
    for reference in ("latest", "best", "latest~1", 3, "tag"):
        with pytest.raises(CheckpointNotFoundError, match="holds none"):
            manager.resolve(reference)
    assert not (tmp_path / "none").exists()


def test_saving_and_what_a_list_says(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 20)
    info = manager.list()[1]
    assert info.path == manager.path(20) == tmp_path / "step-000000020.h5"
    assert (info.step, info.variables, info.state, info.kept_by) == (20, 2, "ok", ("there are no rules",))
    assert info.nbytes == info.path.stat().st_size
    assert abs(info.time - time.time()) < 60
    assert dict(info.metrics) == {"loss": 1 / 21}
    assert set(info.as_dict()) >= {"step", "path", "time", "variables", "nbytes", "tags", "metrics", "state", "kept_by"}
    with pytest.raises(ExistsError):
        manager.save(20, values(20))
    manager.save(20, values(21), overwrite=True)
    assert manager.load(20)["step"] == 21
    with pytest.raises(InvalidArgumentError, match="needs a step"):
        manager.save(None, values(1))


def test_words_steps_and_tags(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3, 10)
    manager.tag("start", 1)
    resolved = {word: manager.resolve(word).step for word in ("latest", "latest~1", "latest~3", "best", "best~1")}
    assert resolved == {"latest": 10, "latest~1": 3, "latest~3": 1, "best": 10, "best~1": 3}
    assert [manager.resolve(word).step for word in ("start", "2", 2, "000000003", "10~", "10~2")] == [1, 2, 2, 3, 3, 2]
    for word in ("latest~4", "4", "stat", "", "start~1"):
        with pytest.raises((CheckpointNotFoundError, InvalidArgumentError)):
            manager.resolve(word)
    with pytest.raises(CheckpointNotFoundError) as caught:
        manager.resolve("stat")
    assert caught.value.hint == "did you mean start?"


def test_the_directory_can_be_moved(tmp_path: Path) -> None:
    filled(tmp_path / "a", 1, 2).tag("x", 1)
    shutil.move(tmp_path / "a", tmp_path / "b")
    manager = CheckpointManager(tmp_path / "b")
    assert manager.latest().step == 2
    assert manager.resolve("x").step == 1
    for file in (tmp_path / "b").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes() or b"argv" in file.read_bytes()


def test_best_is_computed_from_the_files(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, best="acc:max")
    for step, accuracy in ((1, 0.5), (2, 0.9), (3, 0.9), (4, float("nan"))):
        manager.save(step, values(step), metrics={"acc": accuracy, "loss": 1 - accuracy})
    assert manager.best().step == 3
    assert manager.best(mode="min").step == 1
    assert manager.best("loss").step == 3
    assert CheckpointManager(tmp_path).best().step == 3
    assert CheckpointManager(tmp_path, keep=KeepBest("acc", "min")).best().step == 1
    assert manager.best("other") is None
    with pytest.raises(CheckpointNotFoundError, match="metric") as caught:
        CheckpointManager(tmp_path, best="x").resolve("best")
    assert "acc" in caught.value.hint


def test_a_damaged_newest_one_is_skipped_with_a_warning_that_says_why(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3)
    truncate(manager.path(3))
    with pytest.warns(UserWarning, match="000000003.*damaged and was skipped"):
        assert manager.latest().step == 2
    assert [info.state for info in manager.list()] == ["ok", "ok", "damaged"]
    damage(manager.path(2), 2)
    with pytest.warns(UserWarning, match="damaged") as caught:
        assert manager.latest(deep=True).step == 1
    assert len(caught) == 2
    model = values(0)
    with pytest.warns(UserWarning, match="damaged") as caught:
        manager.restore(model)
    assert any("step 2 is damaged, so an earlier one is restored" in str(one.message) for one in caught)
    assert model["step"] == 1
    assert (model["w"] == 1).all()
    with pytest.raises(DamagedError):
        manager.restore(model, 2)
    damage(manager.path(1), 1)
    with pytest.warns(UserWarning, match="damaged"), pytest.raises(DamagedError):
        manager.restore(model)


def test_retention_applies_after_each_save_to_what_is_on_the_disk(tmp_path: Path) -> None:
    manager = filled(tmp_path, *range(1, 8), keep=[KeepLast(2), KeepEvery(3)])
    assert steps(manager) == [3, 6, 7]
    # Another process with other rules, after a restart: everything at once.
    again = CheckpointManager(tmp_path, keep=KeepLast(1))
    report = again.prune(dry_run=True)
    assert [info.step for info in report.deleted] == [3, 6]
    assert steps(again) == [3, 6, 7]
    report = again.prune()
    assert [info.step for info in report.deleted] == [3, 6]
    assert report.nbytes > 16000
    assert report.as_dict()["deleted"][0]["reasons"] == ["no rule keeps it"]
    assert steps(again) == [7]
    assert [p.name for p in tmp_path.iterdir()] == ["step-000000007.h5"]


def test_the_newest_valid_one_is_kept_although_a_damaged_one_is_newer(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3)
    truncate(manager.path(3))
    manager.prune(KeepLast(1))
    assert steps(manager) == [2, 3]


def test_a_save_never_deletes_its_own_checkpoint(tmp_path: Path) -> None:
    manager = filled(tmp_path, 100, 200, keep=KeepLast(1))
    assert steps(manager) == [200]
    with pytest.warns(UserWarning, match="150 is saved after step 200"):
        manager.save(150, values(150))
    assert steps(manager) == [150, 200]


def test_what_is_not_ours_is_never_deleted(tmp_path: Path) -> None:
    manager = filled(tmp_path, 5, 6, 7)
    foreign = {
        "step-000000001.h5": b"\x89HDF\r\n\x1a\nnot really",
        "step-1.h5": b"x",
        "step-000000002.txt": b"x",
        "notes.h5": b"x",
        ".tmp-abc": b"x",
        "eval-000000001.h5": b"x",
    }
    for name, content in foreign.items():
        (tmp_path / name).write_bytes(content)
    shutil.copy(manager.path(5), tmp_path / "step-000000003.h5")  # says of itself that it is step 5
    (tmp_path / "step-000000004.h5").symlink_to(manager.path(5).name)
    outside = tmp_path.parent / f"{tmp_path.name}-outside.h5"
    shutil.copy(manager.path(6), outside)
    (tmp_path / "step-000000000.h5").symlink_to(outside)
    manager.prune(KeepLast(1))
    left = {p.name for p in tmp_path.iterdir()}
    assert left == {*foreign, "step-000000003.h5", "step-000000004.h5", "step-000000000.h5", "step-000000007.h5"}
    assert outside.exists()
    states = {info.step: info.state for info in manager.list()}
    assert states[3] == states[0] == "foreign"
    with pytest.raises(ProtectedError, match="not a checkpoint of this directory"):
        manager.rm(3)
    outside.unlink()


def test_two_prefixes_share_a_directory(tmp_path: Path) -> None:
    train = filled(tmp_path, 1, 2, keep=KeepLast(1))
    other = filled(tmp_path, 1, 2, 3, prefix="eval")
    other.tag("x", 1)
    train.save(3, values(3))
    assert (steps(train), steps(other)) == ([3], [1, 2, 3])
    assert (train.tags(), other.tags()) == ({}, {"x": 1})
    with pytest.raises(ExistsError):
        train.tag("x", 3, force=True)
    with pytest.raises(InvalidArgumentError):
        CheckpointManager(tmp_path, prefix="../x")


def test_tags(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3)
    assert manager.tag("good", 1).tags == ("good",)
    manager.tag("good", 1)
    with pytest.raises(ExistsError, match="points at step 1"):
        manager.tag("good", 2)
    manager.tag("good", 2, force=True)
    manager.save(4, values(4), tags=["a", "b"])
    assert manager.tags() == {"a": 4, "b": 4, "good": 2}
    manager.prune(KeepLast(1))
    assert steps(manager) == [2, 4]
    with pytest.raises(ProtectedError, match="tagged good"):
        manager.rm("good")
    manager.untag("good")
    with pytest.raises(CheckpointNotFoundError, match="no tag 'good'"):
        manager.untag("good")
    manager.rm(2)
    manager.rm(4, force=True)
    assert (steps(manager), manager.tags()) == ([], {})
    assert list(tmp_path.iterdir()) == []


NO_TAGS = ["", "latest", "Best", "12", "-1", "1e5", "nan", "1_000", "٣", "a/b", "..", ".a", "-a", "a b", "a\n", "a~1"]


@pytest.mark.parametrize("name", [*NO_TAGS, "x" * 101])
def test_what_cannot_be_a_tag(tmp_path: Path, name: str) -> None:
    manager = filled(tmp_path, 1)
    with pytest.raises(InvalidArgumentError) as caught:
        manager.tag(name, 1)
    assert caught.value.hint
    with pytest.raises(InvalidArgumentError):
        manager.save(2, values(2), tags=[name])
    assert steps(manager) == [1]


def test_tag_files_that_lie_are_no_tags(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1)
    for name, content in {
        "a": "",
        "b": "[]",
        "c": '{"prefix": "step", "step": "1"}',
        "d": '{"prefix": "step", "step": true}',
        "e": '{"prefix": "step", "step": -1}',
        "f": '{"step": 1}',
        "g": '{"prefix": "step", "step": 1}' + " " * 5000 + "x",
    }.items():
        (tmp_path / f"{name}.tag").write_text(content)
    assert manager.tags() == {"g": 1}
    with pytest.raises(ExistsError):
        manager.tag("a", 1, force=True)


def test_tags_of_other_patterns_go_with_their_checkpoints(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3)
    manager.tag("release-1", 1)
    manager.tag("try", 2)
    manager.prune([KeepLast(1), KeepTagged("release-*")])
    assert (steps(manager), manager.tags()) == ([1, 3], {"release-1": 1})


def test_the_parent_step_is_recorded(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2)
    assert manager.open(2).meta.provenance["parent"] == 1
    again = CheckpointManager(tmp_path)
    again.restore(values(0), 1)
    again.save(3, values(3))
    assert again.open(3).meta.provenance["parent"] == 1


def test_leftovers_are_listed_and_removed(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1)
    me = Process.current()
    gone = Process(me.where, 4_194_303, 7)
    for owner, step in ((gone, 2), (me, 3)):
        (tmp_path / f".tmp-{owner.token}-00000000-step-{step:09d}.h5").write_bytes(b"half")
    (tmp_path / f".trash-{gone.token}-00000000-step-000000009.h5").write_bytes(b"old")
    listed = [(info.step, info.state, info.problem.split(",")[0]) for info in manager.list()]
    assert [entry[:2] for entry in listed] == [(1, "ok"), (2, "temporary"), (3, "temporary")]
    assert len(manager.prune(dry_run=True).leftovers) == 2
    manager.save(2, values(2))  # neither blocks a save of its step
    manager.save(3, values(3))
    assert [info.step for info in manager.list() if info.state == "temporary"] == [3]


def test_other_formats(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3, format="plain", keep=KeepLast(2))
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step-000000002.plain", "step-000000003.plain"]
    assert manager.latest().format == "plain"
    mixed = CheckpointManager(tmp_path)
    mixed.save(4, values(4))
    assert steps(mixed) == [2, 3, 4]
    assert mixed.load(3)["step"] == 3


def test_a_step_that_others_refer_to_is_not_deleted(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3, format="plain")
    text = manager.path(3).read_bytes()
    manager.path(3).write_bytes(text.replace(b'"step-000000003.plain", 0,', b'"step-000000001.plain", 0,', 1))
    manager = CheckpointManager(tmp_path, format="plain")
    assert {f.name for f in manager.open(3).files} == {"step-000000001.plain", "step-000000003.plain"}
    report = manager.prune(KeepLast(1))
    assert steps(manager) == [1, 3]
    assert {d.info.step: d.reasons for d in report.decisions}[1] == ("step 3 refers to it",)
    with pytest.raises(ProtectedError, match=r"steps \[3\]"):
        manager.rm(1, force=True)


def refer(manager: CheckpointManager, step: int, other: int) -> None:
    """Let a checkpoint take its first variable from the file of another, as a later version may write it."""
    text = manager.path(step).read_bytes()
    names = [f'"step-{number:09d}.plain", 0,'.encode() for number in (step, other)]
    assert names[0] in text
    manager.path(step).write_bytes(text.replace(*names, 1))


def test_a_step_that_others_refer_to_is_not_replaced(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, format="plain")
    refer(manager, 2, 1)
    with pytest.raises(ProtectedError, match=r"steps \[2\]"):
        manager.save(1, values(7), overwrite=True)
    manager.rm(2)
    manager.save(1, values(7), overwrite=True)


def test_a_checkpoint_that_refers_to_a_lost_file_is_damaged(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3, format="plain")
    refer(manager, 3, 1)
    assert manager.latest().step == 3
    manager.path(1).unlink()
    with pytest.warns(UserWarning, match="damaged and was skipped"):
        assert manager.latest().step == 2


def test_all_files_of_a_checkpoint_are_deleted_with_it_and_nothing_else(tmp_path: Path) -> None:
    """A later version may write a step as several files; what is in a file is not believed about others."""
    manager = filled(tmp_path, 1, 2, 3, format="plain")
    own, others, far = tmp_path / "step-000000001.part-0.plain", tmp_path / "notes.plain", tmp_path.parent / "far.plain"
    for file in (own, others, far):
        shutil.copy(manager.path(1), file)
    text = manager.path(1).read_bytes()
    for number, name in enumerate((own.name, "notes.plain", "../far.plain")):
        text = text.replace(b"step-000000001.plain", name.encode(), 1) if number < text.count(b"step-0") else text
    manager.path(1).write_bytes(text)
    with manager.open(1) as reader:
        assert own in reader.files
    manager.prune(KeepLast(1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.plain", "step-000000003.plain"]
    assert far.exists()


def test_what_a_later_version_wrote_is_neither_deleted_nor_robbed_of_what_it_may_refer_to(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2, 3, 4, 5)
    with NativeFormat().open(manager.path(3)) as reader:
        at = reader.index.header.index
    content = bytearray(manager.path(3).read_bytes())
    content[at + 12] = 1  # a feature that this version does not know: values in other files
    manager.path(3).write_bytes(content)
    report = manager.prune(KeepLast(1))
    assert steps(manager) == [1, 2, 3, 5]
    assert {d.info.step: d.reasons[0] for d in report.decisions if d.keep}[1] == "step 3 refers to it"
    with pytest.raises(ProtectedError, match=r"steps \[3\]"):
        manager.rm(2)
    manager.rm(5)
    with pytest.warns(UserWarning, match="was skipped: .*values in files of other steps.*--upgrade"):
        assert manager.latest().step == 2


def test_a_thousand_checkpoints_are_listed_from_what_is_on_the_disk(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, durable=False)
    first = manager.save(0, {"w": np.zeros(10)})
    content = first.read_bytes()
    for step in range(1, 1000):  # copies say that they are step 0, so they count as foreign, but they are all opened
        (tmp_path / f"step-{step:09d}.h5").write_bytes(content)
    started = time.process_time()
    infos = manager.list()
    assert len(infos) == 1000
    assert time.process_time() - started < 10  # an order of magnitude above what it takes; benchmarks measure
    truncate(tmp_path / "step-000000500.h5")  # what was seen before is not believed of a changed file
    assert manager.list()[500].state == "damaged"


@pytest.mark.filterwarnings("ignore:step .* is saved after step")
def test_threads_may_share_a_manager(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, keep=KeepLast(3))
    errors: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for step in range(first, 40, 4):
                manager.save(step, values(step))
                manager.list()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert 39 in steps(manager)


def test_a_pruned_checkpoint_is_looked_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manager = filled(tmp_path, 1, 2)
    resolve, calls = manager._catalog.resolve, []

    def racing(reference):
        info = resolve(reference)
        calls.append(info.step)
        if len(calls) == 1:
            manager.save(3, values(3))
            info.path.unlink()
        return info

    monkeypatch.setattr(manager._catalog, "resolve", racing)
    assert manager.load("latest")["step"] == 3
    assert calls == [2, 3]


def test_verify_plan_restoring_through_the_manager(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 2)
    assert manager.verify(1).ok
    assert manager.plan(values(0), "latest~1").ok
    with manager.restoring() as getter:
        assert checkpoint.Restoring is type(getter)


def test_warnings_point_at_the_program(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1, 5)
    manager.path(5).write_bytes(manager.path(5).read_bytes()[:-100])
    extra = {**values(0), "extra": np.zeros(1)}
    for call in (
        manager.latest,
        lambda: manager.restore(values(0)),
        lambda: manager.save(3, values(3)),
        lambda: manager.restore(extra, 1, missing="warn"),
        lambda: checkpoint.restore(manager.path(1), extra, missing="warn"),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        assert caught
        assert {warning.filename for warning in caught} == {__file__}


def test_a_manager_goes_to_another_process_and_stays_with_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    manager = CheckpointManager("run", keep=[KeepLast(2), KeepTagged("paper*")], prefix="ema", best="loss:max")
    manager.async_save(1, {"a": np.ones(3)}, metrics={"loss": 1.0})
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    other = pickle.loads(pickle.dumps(manager))
    manager.wait()
    other.save(2, {"a": np.ones(3)}, metrics={"loss": 2.0})
    other.save(3, {"a": np.ones(3)}, metrics={"loss": 1.5})
    assert [info.step for info in manager.list()] == [2, 3]
    assert other.best() == manager.best()
    assert (other.keep, repr(other)) == (manager.keep, repr(manager))
    assert sorted(path.name for path in tmp_path.rglob("*.h5")) == ["ema-000000002.h5", "ema-000000003.h5"]
    assert copy.deepcopy(manager).latest() == manager.latest()
