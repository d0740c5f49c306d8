from __future__ import annotations

import gc
import io
import pickle
from pathlib import Path
from types import MappingProxyType

import ml_dtypes
import numpy as np
import pytest

import tmplcore
from tmplcore import VariableStore, checkpoint, fixed_size_partitioner, get_variable, variable_scope
from tmplcore.errors import (
    DamagedError,
    ExistsError,
    InvalidArgumentError,
    InvalidTypeError,
    RestoreError,
    SaveError,
    UnreadableError,
    VariableMissingError,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.h5"
    checkpoint.save(path, {"m/w": np.arange(6.0).reshape(2, 3), "m/b": np.ones(3), "step": np.int64(7)}, step=7)
    return path


def target() -> dict[str, np.ndarray]:
    return {"m/w": np.zeros((2, 3)), "m/b": np.zeros(3), "step": np.zeros((), np.int64)}


def test_values_go_into_the_very_arrays(path: Path) -> None:
    arrays = target()
    before = dict(arrays)
    report = checkpoint.restore(path, arrays)
    assert all(arrays[name] is before[name] for name in arrays)
    assert (before["m/w"] == np.arange(6.0).reshape(2, 3)).all()
    assert (report.ok, len(report.matched), report.target is arrays) == (True, 3, True)
    assert report.matched[0].reason == "same name, shape and dtype"


def test_strict_by_default_and_then_nothing_is_touched(path: Path) -> None:
    for change in (
        {"extra": np.zeros(1)},
        {"m/b": None},
        {"m/b": np.zeros(4)},
        {"m/b": np.zeros(3, "float32")},
        {"m/b": np.zeros(3, "int32")},
    ):
        arrays = {name: value for name, value in {**target(), **change}.items() if value is not None}
        report = checkpoint.plan(path, arrays)
        assert not report.ok
        with pytest.raises(RestoreError, match="nothing was restored") as caught:
            checkpoint.restore(path, arrays)
        assert caught.value.hint
        assert all(not value.any() for value in arrays.values())


def test_policies(path: Path) -> None:
    arrays = {"m/w": np.zeros((2, 3)), "m/b": np.full(4, 5.0), "new": np.full(1, 5.0)}
    with pytest.warns(UserWarning, match="new: not in the checkpoint"):
        report = checkpoint.restore(path, arrays, missing="warn", unexpected="skip", mismatch="init")
    assert [entry.name for entry in report.missing] == ["new"]
    assert [entry.name for entry in report.unexpected] == ["step"]
    assert [(entry.name, entry.action) for entry in report.mismatched] == [("m/b", "init")]
    assert arrays["m/w"][1, 2] == 5
    assert (arrays["m/b"] == 5).all()
    by_pattern = checkpoint.plan(
        path, arrays, missing={"new": "init"}, unexpected={"*": "skip"}, mismatch={"x": "skip"}
    )
    assert [entry.name for entry in by_pattern.errors] == ["m/b"]
    with pytest.raises(InvalidArgumentError, match="missing='ignore'"):
        checkpoint.plan(path, arrays, missing="ignore")


def test_casting_has_to_be_asked_for_and_keeps_the_kind(path: Path) -> None:
    arrays = {"m/w": np.zeros((2, 3), ml_dtypes.bfloat16), "m/b": np.zeros(3, "float32"), "step": np.zeros((), "int32")}
    report = checkpoint.restore(path, arrays, cast=True)
    assert [entry.name for entry in report.cast] == ["m/w", "m/b", "step"]
    assert arrays["step"] == 7
    assert arrays["m/w"].dtype == ml_dtypes.bfloat16
    assert arrays["m/w"][1, 2] == 5
    with pytest.raises(RestoreError, match="float64 cannot become int32"):
        checkpoint.restore(path, {**arrays, "m/b": np.zeros(3, "int32")}, cast=True)


def test_names_are_renamed_and_chosen(path: Path) -> None:
    arrays = {"net/w": np.zeros((2, 3)), "net/b": np.zeros(3)}
    report = checkpoint.restore(path, arrays, rename=["m/=net/", "x=y"], include="net/*")
    assert [(entry.name, entry.source, entry.rule) for entry in report.renamed] == [
        ("net/w", "m/w", "m/=net/"),
        ("net/b", "m/b", "m/=net/"),
    ]
    assert (report.excluded, report.unused_rules) == (("step",), ("x=y",))
    assert checkpoint.plan(path, arrays, rename="m/=net/", include="m/").ok
    assert checkpoint.plan(path, arrays, rename="m/=net/", exclude="step").ok
    with pytest.raises(VariableMissingError, match="no variable fits") as caught:
        checkpoint.plan(path, arrays, include="m/ww")
    assert "m/w" in caught.value.hint


def test_arrays_of_all_sorts_are_filled_or_replaced(path: Path) -> None:
    strided = np.zeros((3, 2)).T
    readonly = np.zeros(3)
    readonly.flags.writeable = False
    arrays = {"m": {"w": strided, "b": readonly}, "step": 0}
    checkpoint.restore(path, arrays)
    assert strided[1, 2] == 5
    assert (arrays["m"]["b"] == 1).all()
    assert type(arrays["step"]) is int
    assert arrays["step"] == 7
    with pytest.raises(RestoreError, match="read-only"):
        checkpoint.restore(path, MappingProxyType({"step": 0}), unexpected="skip")


def test_strings_come_back_as_bytes(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    given = {"vocab": np.array(["a", "ü", ""], dtype=object), "u": np.array(["xy", "z"]), "one": "text", "b": b"\0x"}
    checkpoint.save(path, given)
    loaded = checkpoint.load(path)
    assert loaded["vocab"].tolist() == [b"a", "ü".encode(), b""]
    assert loaded["u"].tolist() == [b"xy", b"z"]
    assert loaded["one"].item() == b"text"
    assert loaded["b"].item() == b"\0x"
    into = {"vocab": np.array([b""] * 3, dtype=object), "u": np.array([b"", b""], object), "one": "", "b": b""}
    checkpoint.restore(path, into)
    assert into["vocab"].tolist() == [b"a", "ü".encode(), b""]
    assert into["one"] == "text"


def test_large_values_are_cast_by_pieces(tmp_path: Path) -> None:
    path = tmp_path / "l.h5"
    value = np.arange(3_000_000, dtype="float64").reshape(3, 1000, 1000)
    checkpoint.save(path, {"w": value})
    arrays = {"w": np.zeros(value.shape, "float32")}
    checkpoint.restore(path, arrays, cast=True)
    assert np.array_equal(arrays["w"], value.astype("float32"))


def flipped(path: Path, value: float) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(np.float64(value).tobytes())] ^= 1
    path.write_bytes(content)


def test_a_damaged_value_is_named_and_so_is_what_was_overwritten(path: Path) -> None:
    flipped(path, 5.0)
    arrays = {"x/w": np.zeros((2, 3)), "x/b": np.zeros(3)}
    with pytest.raises(DamagedError) as caught:
        checkpoint.restore(path, arrays, rename="m/=x/", exclude="step")
    assert caught.value.damage[0].name == "m/w"
    assert set(caught.value.overwritten) <= {"x/w", "x/b"}
    assert caught.value.overwritten
    assert any("overwritten by then: x/" in note for note in caught.value.__notes__)
    arrays = {"x/w": np.zeros((2, 3)), "x/b": np.zeros(3)}
    with pytest.raises(DamagedError) as caught:
        checkpoint.restore(path, arrays, rename="m/=x/", exclude="step", staged=True)
    assert not caught.value.overwritten
    assert not any(value.any() for value in arrays.values())
    with pytest.raises(DamagedError):
        checkpoint.load(path)
    assert checkpoint.load(path, "m/b")["m/b"].tolist() == [1, 1, 1]


def test_stores_scopes_templates_and_variables(tmp_path: Path) -> None:
    def model() -> object:
        w = tmplcore.get_variable("w", [2], initializer=tmplcore.initializers.Ones())
        tmplcore.get_local_variable("count", [], initializer=tmplcore.initializers.Zeros())
        return w

    store = tmplcore.VariableStore(seed=5)
    with store.as_default():
        template = tmplcore.make_template("net", model)
        w = template()
        with tmplcore.variable_scope("other") as scope:
            v = tmplcore.get_variable("v", [1], trainable=False)
        for number, source in enumerate([store, template, scope, [w, v, w], w, {"mine": w}]):
            checkpoint.save(tmp_path / f"{number}.h5", source)
        names = [list(checkpoint.open(tmp_path / f"{number}.h5")) for number in range(6)]
        assert names == [["net/w", "other/v"], ["net/w"], ["other/v"], ["net/w", "other/v"], ["net/w"], ["mine"]]
        meta = checkpoint.open(tmp_path / "0.h5").meta
        assert meta.provenance["seed"] == 5
        reader = checkpoint.open(tmp_path / "0.h5")
        assert (reader["net/w"].trainable, reader["other/v"].trainable) == (True, False)
        array = w.value
        w.assign([0.0, 0.0])
        checkpoint.restore(tmp_path / "0.h5", store)
        assert array.tolist() == [1, 1]
        assert w.value is array


def test_a_name_that_differs_from_its_key_is_recorded_with_it(tmp_path: Path) -> None:
    with tmplcore.VariableStore().as_default() as store:
        a = tmplcore.get_variable("Abc", [1])
        b = tmplcore.get_variable("abc", [1])
        checkpoint.save(tmp_path / "a.h5", [a, b])
    assert store is not None
    reader = checkpoint.open(tmp_path / "a.h5")
    assert list(reader) == ["Abc", "abc_1"]
    assert reader.meta.provenance["store_keys"] == {"abc_1": "abc"}


@pytest.mark.parametrize("axis", [0, 1])
def test_a_partitioned_variable_is_one_variable_in_a_file(tmp_path: Path, axis: int) -> None:
    partitioner = tmplcore.fixed_size_partitioner(3, axis) if hasattr(tmplcore, "fixed_size_partitioner") else None
    if partitioner is None:
        from tmplcore import partition

        partitioner = partition.fixed_size_partitioner(3, axis)
    value = np.arange(35, dtype="float32").reshape(7, 5)
    with tmplcore.VariableStore().as_default() as store:
        v = tmplcore.get_variable("v", [7, 5], partitioner=partitioner)
        for shard in v:
            place = shard._save_slice_info
            index = tuple(slice(o, o + n) for o, n in zip(place.var_offset, place.var_shape, strict=True))
            shard.assign(value[index])
        checkpoint.save(tmp_path / "a.h5", [v])
        checkpoint.save(tmp_path / "b.h5", {"x": v})
        with pytest.raises(SaveError, match="only 1 of its parts"):
            checkpoint.save(tmp_path / "c.h5", [next(iter(v))])
        assert np.array_equal(checkpoint.load(tmp_path / "a.h5")["v"], value)
        assert np.array_equal(checkpoint.load(tmp_path / "b.h5")["x"], value)
        for shard in v:
            shard.assign(np.zeros(shard.shape))
        checkpoint.restore(tmp_path / "a.h5", [v])
        assert np.array_equal(np.concatenate([s.numpy() for s in v], axis), value)
    assert store is not None
    # And from one whole variable into shards as they are created, and the other way round.
    getter = checkpoint.restoring(tmp_path / "a.h5")
    with tmplcore.VariableStore().as_default(), tmplcore.variable_scope("", custom_getter=getter):
        v = tmplcore.get_variable("v", [7, 5], partitioner=partitioner)
        assert np.array_equal(np.concatenate([s.numpy() for s in v], axis), value)


def test_a_getter_starts_variables_from_a_checkpoint(path: Path) -> None:
    get, scope = tmplcore.get_variable, tmplcore.variable_scope
    getter = checkpoint.restoring(path, missing={"m/new": "init"}, exclude="m/own", cast=True)

    def never(*_: object, **__: object) -> object:
        raise AssertionError("the initializer must not run")

    with tmplcore.VariableStore().as_default(), getter, scope("", custom_getter=getter):
        with scope("m"):
            assert get("w", [2, 3], initializer=never).numpy()[1, 2] == 5
            assert get("b", dtype="float64").shape.as_list() == [3]
            get("new", [1])
            get("own", [1])
            with pytest.raises(RestoreError, match="not in the checkpoint"):
                get("missing", [1])
        assert get("step", initializer=0).numpy() == 7  # a constant: int32
        with pytest.raises(RestoreError, match="shape"), scope("", reuse=False), scope("m_"):
            checkpoint.restoring(path, rename="m/b=m_/b")(lambda *a, **k: None, "m_/b", shape=[9], dtype="float64")
        with scope("m", reuse=True):
            get("w", [2, 3])
    report = getter.report()
    assert [entry.name for entry in report.matched] == ["m/w", "m/b", "step"]
    assert [entry.name for entry in report.missing] == ["m/new"]
    assert not report.unexpected


def test_a_damaged_value_starts_nothing(path: Path) -> None:
    flipped(path, 5.0)
    with tmplcore.VariableStore().as_default() as store:
        with tmplcore.variable_scope("m", custom_getter=checkpoint.restoring(path)):
            with pytest.raises(DamagedError):
                tmplcore.get_variable("w", [2, 3], dtype="float64")
        assert not tmplcore.get_default_store().variables
    assert store is not None


def test_what_cannot_be_a_source(tmp_path: Path) -> None:
    for source in (3, "text", [np.zeros(1)], object(), np.zeros(3), [1, 2]):
        with pytest.raises(InvalidTypeError) as caught:
            checkpoint.save(tmp_path / "a.h5", source)
        assert caught.value.hint
    for source in ({"a": object()}, {"a": None}, {"a/b": np.zeros(1), "a": {"b": np.zeros(1)}}):
        with pytest.raises(SaveError):
            checkpoint.save(tmp_path / "a.h5", source)
    with pytest.raises(InvalidTypeError):
        checkpoint.save(tmp_path / "a.h5", {(3,): np.zeros(1)})
    assert not list(tmp_path.iterdir())


def test_what_save_refuses(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ExistsError):
        checkpoint.save(path, {"w": np.zeros(1)})
    with pytest.raises(SaveError, match="ending") as caught:
        checkpoint.save(tmp_path / "a.xyz", {"w": np.zeros(1)})
    assert ".h5" in caught.value.hint
    with pytest.raises(SaveError, match=r"NaN or infinite: w \(2\)"):
        checkpoint.save(tmp_path / "b.h5", {"w": np.array([1, np.nan, np.inf])}, finite=True)
    for step in (1.5, "3", True, [1]):
        with pytest.raises(InvalidTypeError):
            checkpoint.save(tmp_path / "b.h5", {}, step=step)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError):
        checkpoint.save(tmp_path / "b.h5", {}, step=-1)
    with pytest.raises(InvalidTypeError, match="metric"):
        checkpoint.save(tmp_path / "b.h5", {}, metrics={"loss": "low"})  # type: ignore[dict-item]
    with pytest.raises(RestoreError, match="never change"):
        checkpoint.restore(path, checkpoint.open(path), include="step")
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_aliases_come_back_as_one_array(tmp_path: Path) -> None:
    w = np.arange(1000.0)
    checkpoint.save(tmp_path / "a.h5", {"a": w, "b": w, "c": w.copy()})
    loaded = checkpoint.load(tmp_path / "a.h5")
    assert loaded["a"] is loaded["b"]
    assert loaded["a"] is not loaded["c"]


def test_a_mapped_load_is_read_only(path: Path) -> None:
    loaded = checkpoint.load(path, mapped=True, verify=False)
    assert not loaded["m/w"].flags.writeable
    assert loaded["m/w"][1, 2] == 5


def test_the_same_time_and_source_give_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1234")
    for name in ("a.h5", "b.h5"):
        checkpoint.save(tmp_path / name, {"w": np.arange(10.0)}, step=1)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert checkpoint.open(tmp_path / "a.h5").meta.time == 1234


def test_provenance(path: Path) -> None:
    came_from = checkpoint.open(path).meta.provenance
    assert came_from["versions"]["numpy"] == np.__version__
    assert {"argv", "host", "pid"} <= set(came_from)
    for found in [came_from.get("git")]:
        assert found is None or (len(found["commit"]) == 40 and isinstance(found["dirty"], bool))


def test_init_starts_a_live_variable_anew_and_skip_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "part.h5"
    checkpoint.save(path, {"net/kept": np.full(3, 7.0, np.float32), "net/shaped": np.ones(5, np.float32)})
    store = VariableStore()
    with store.as_default(), variable_scope("net"):
        for name in ("kept", "shaped", "new", "old"):
            get_variable(name, [3])
        get_variable("parts", [4, 2], partitioner=fixed_size_partitioner(2))
    first = {variable.op.name: variable.numpy().copy() for variable in store.variables}
    for variable in store.variables:
        variable.assign(np.full(variable.shape, 5.0, np.float32))
    policies = {"net/old": "skip", "*": "init"}
    report = checkpoint.restore(path, store, missing=policies, mismatch="init")
    assert [entry.name for entry in report.missing if entry.action == "init"] == ["net/new", "net/parts"]
    now = {variable.op.name: variable.numpy() for variable in store.variables}
    np.testing.assert_array_equal(now["net/kept"], 7)
    np.testing.assert_array_equal(now["net/old"], 5)
    for name in ("net/shaped", "net/new", "net/parts/part_0", "net/parts/part_1"):
        np.testing.assert_array_equal(now[name], first[name])
        assert (first[name] != 5).all()


def test_progress_is_told_on_the_way_and_may_stop_it(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    model = {name: np.ones(5 << 20) for name in "abcd"}  # 40 MiB each
    checkpoint.save(path, model, durable=False)
    calls: list[int] = []
    into = {name: np.zeros(5 << 20) for name in "abcd"}
    assert len(checkpoint.restore(path, into, progress=calls.append).matched) == 4
    assert all((value == 1).all() for value in into.values())
    assert calls == [80 << 20, 80 << 20]

    class Stopped(Exception):
        pass

    def stop(nbytes: int) -> None:
        raise Stopped

    with pytest.raises(Stopped) as caught:
        checkpoint.restore(path, into, progress=stop)
    assert "overwritten by then: a, b (2 variables" in caught.value.__notes__[0]


def test_what_is_easily_mistaken_is_explained(path: Path) -> None:
    for call, error, message, hint in (
        (lambda: checkpoint.save(target(), path), InvalidTypeError, "path, not by a dict", "path comes first"),
        (lambda: checkpoint.restore(target(), path), InvalidTypeError, "path, not by a dict", "path comes first"),
        (
            lambda: checkpoint.save(path.with_name("n.h5"), np.ones(3)),
            InvalidTypeError,
            "no name",
            '{"weights": array}',
        ),
        (lambda: checkpoint.restore(path, np.float32(3)), InvalidTypeError, "no name", '{"weights": array}'),
        (lambda: checkpoint.restore(path.parent, target()), UnreadableError, "is a directory", "CheckpointManager"),
        (lambda: checkpoint.plan(path, target(), missing=False), InvalidArgumentError, "missing=False", "skip"),
    ):
        with pytest.raises(error, match=message) as caught:
            call()
        assert hint in caught.value.hint


def test_an_open_checkpoint_goes_to_another_process_by_its_path(path: Path) -> None:
    with checkpoint.open(path) as reader:
        with pickle.loads(pickle.dumps(reader)) as other:
            assert (other.fd != reader.fd, other.meta) == (True, reader.meta)
            np.testing.assert_array_equal(other["m/w"][...], reader["m/w"][...])
        assert reader["m/b"][0] == 1
        with pytest.raises(TypeError, match="pickle its value"):
            pickle.dumps(reader["m/w"])


@pytest.mark.parametrize("ending", ["h5", "npz", "safetensors"])
def test_checkpoints_that_nobody_closes_keep_no_file_open(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"x.{ending}"
    checkpoint.save(path, {"a": np.ones(3)})
    variable = checkpoint.open(path)["a"]
    gc.collect()
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(20):
        checkpoint.open(path)["a"][...]
        checkpoint.restoring(path)
    gc.collect()
    assert len([*Path("/proc/self/fd").iterdir()]) == before
    assert variable[0] == 1  # its checkpoint lives as long as it does


@pytest.mark.parametrize("what", ["save", "open", "load", "verify", "plan", "restore", "convert", "diff"])
def test_a_file_object_is_no_path(tmp_path: Path, what: str) -> None:
    arguments = {"open": [], "load": [], "verify": [], "convert": [tmp_path / "y.h5"], "diff": [tmp_path / "y.h5"]}
    with pytest.raises(InvalidTypeError, match="by its path, not by a BytesIO"):
        getattr(checkpoint, what)(io.BytesIO(), *arguments.get(what, [{"w": np.ones(2)}]))
