from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tmplcore import checkpoint
from tmplcore.checkpoint.conversion import optimizer_slots
from tmplcore.errors import DamagedError, ExistsError, InvalidArgumentError, SaveError, VariableMissingError


def saved(path: Path, **arrays) -> Path:
    checkpoint.save(
        path, {name.replace("__", "/"): value for name, value in arrays.items()}, step=3, metrics={"a": 1.0}
    )
    return path


def test_what_differs(tmp_path: Path) -> None:
    w = np.arange(8, dtype="float32")
    a = saved(tmp_path / "a.h5", same=w, gone=w, shaped=w, changed=w, recast=w, text=np.array([b"x"], object))
    b = saved(
        tmp_path / "b.h5",
        same=w,
        new=w,
        shaped=w.reshape(2, 4),
        changed=w + np.float32(0.5),
        recast=w.astype("float64"),
        text=np.array([b"y"], object),
    )
    report = checkpoint.diff(a, b)
    assert not report.same
    assert [one.name for one in report.added] == ["new"]
    assert [one.name for one in report.removed] == ["gone"]
    assert [(one.name, one.shape) for one in report.reshaped] == [("shaped", ((8,), (2, 4)))]
    assert sorted(one.name for one in report.changed) == ["changed", "recast", "text"]
    assert report.unchanged == ("same",)
    assert report.as_dict()["changed"][0]["max_abs"] is None
    by_name = {one.name: one for one in checkpoint.diff(a, b, values=True).changed}
    change = by_name["changed"]
    assert (change.max_abs, change.changed, change.share, change.nonfinite) == (0.5, 8, 1.0, 0)
    assert change.norm == pytest.approx(0.5 * 8**0.5)
    assert change.max_ulp > 0
    assert (by_name["recast"].changed, by_name["recast"].dtype) == (0, ("float32", "float64"))
    assert by_name["text"].changed == 1
    assert checkpoint.diff(a, a).same
    tolerant = checkpoint.diff(a, b, tolerance=0.5, include=["changed", "recast", "same"])
    assert tolerant.same
    assert set(tolerant.within_tolerance) == {"changed", "recast"}
    assert not checkpoint.diff(a, b, tolerance=0.4, include="changed").same
    assert checkpoint.diff(a, b, relative=1.0, tolerance=0.5, include="changed").same


def test_digests_are_enough_where_both_have_them(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.h5", w=np.arange(100.0))
    b = saved(tmp_path / "b.h5", w=np.arange(100.0))
    assert checkpoint.diff(a, b).compared_by == "digests"
    c = tmp_path / "c.npz"
    checkpoint.convert(a, c)
    report = checkpoint.diff(a, c)
    assert (report.same, report.compared_by) == (True, "values")
    d = tmp_path / "d.npz"
    checkpoint.convert(saved(tmp_path / "x.h5", w=np.arange(100.0) + 1), d)
    assert not checkpoint.diff(a, d).same
    assert not checkpoint.diff(c, d).same


def test_renamed_before_they_are_compared(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.h5", old__w=np.ones(2), old__v=np.ones(2))
    b = saved(tmp_path / "b.h5", new__w=np.ones(2), new__v=np.zeros(2))
    report = checkpoint.diff(a, b, rename="old/=new/")
    assert [(one.name, one.source) for one in report.changed] == [("new/v", "old/v")]
    assert report.unchanged == ("new/w",)
    with pytest.raises(VariableMissingError):
        checkpoint.diff(a, b, include="nothing")


def test_not_a_number_is_equal_to_itself_and_to_nothing_else(tmp_path: Path) -> None:
    nan, inf = np.nan, np.inf
    a = saved(tmp_path / "a.h5", w=np.array([nan, 1.0, inf, -inf, -0.0]))
    b = saved(tmp_path / "b.h5", w=np.array([nan, nan, inf, inf, 0.0]))
    (change,) = checkpoint.diff(a, b, values=True).changed
    assert (change.changed, change.nonfinite, change.max_abs, change.max_ulp) == (3, 2, 0.0, 0)
    assert not checkpoint.diff(a, b, tolerance=1e9).same


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "int64", "float16", "complex64", ml_dtypes.bfloat16])
def test_every_kind_of_number_is_measured(tmp_path: Path, dtype) -> None:
    a = saved(tmp_path / "a.h5", w=np.zeros((3, 2), dtype))
    b = saved(tmp_path / "b.h5", w=np.ones((3, 2), dtype))
    (change,) = checkpoint.diff(a, b, values=True).changed
    assert (change.max_abs, change.changed) == (1.0, 6)


def test_values_larger_than_a_piece(tmp_path: Path) -> None:
    w = np.random.default_rng(0).standard_normal((3, 700_000))
    v = w.copy()
    v[2, 699_999] += 1e-3
    a, b = saved(tmp_path / "a.h5", w=w), saved(tmp_path / "b.h5", w=v)
    told: list[int] = []
    (change,) = checkpoint.diff(a, b, values=True, progress=told.append).changed
    assert change.changed == 1
    assert change.max_abs == pytest.approx(1e-3)
    assert sum(told) >= w.nbytes


# -- convert ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".h5", ".npz", ".safetensors"])
def test_conversion_is_exact_and_carries_the_metadata(tmp_path: Path, ending: str) -> None:
    arrays = {
        "f": np.random.default_rng(0).standard_normal((5, 7)),
        "i": np.arange(9, dtype="int16"),
        "s": np.float32(2),
    }
    a = saved(tmp_path / "a.h5", **arrays)
    told: list[int] = []
    report = checkpoint.convert(a, tmp_path / f"b{ending}", progress=told.append)
    assert report.variables == tuple(arrays)
    loaded = checkpoint.load(tmp_path / f"b{ending}")
    for name, value in arrays.items():
        assert loaded[name].dtype == np.asarray(value).dtype
        assert loaded[name].tobytes() == np.asarray(value).tobytes()
    meta = checkpoint.open(tmp_path / f"b{ending}").meta
    assert (meta.step, dict(meta.metrics)) == (3, {"a": 1.0})
    assert meta.provenance["converted"]["from"] == "a.h5"
    with pytest.raises(ExistsError):
        checkpoint.convert(a, tmp_path / f"b{ending}")


def test_conversion_renames_casts_and_leaves_out(tmp_path: Path) -> None:
    a = saved(
        tmp_path / "a.h5",
        net__w=np.array([1.0, 1e30]),
        net__w__Adam=np.ones(2),
        net__w__ExponentialMovingAverage=np.ones(2),
        beta1_power=np.float32(0.9),
        step=np.int64(3),
    )
    report = checkpoint.convert(a, tmp_path / "b.h5", rename="net/=model/", cast="float16", strip_slots=True)
    assert report.variables == ("model/w", "model/w/ExponentialMovingAverage", "step")
    assert dict(report.left_out) == {"net/w/Adam": "kept by an optimizer", "beta1_power": "kept by an optimizer"}
    assert report.cast["model/w"] == ("float64", "float16")
    assert dict(report.overflowed) == {"model/w": 1}
    assert report.renamed["model/w"] == "net/w"
    assert checkpoint.open(tmp_path / "b.h5")["step"].dtype == "int64"
    by_pattern = checkpoint.convert(a, tmp_path / "c.h5", include="net/w", cast={"net/": "bfloat16"})
    assert by_pattern.cast["net/w"] == ("float64", "bfloat16")
    for bad, error in (
        ("float17", InvalidArgumentError),
        ("int8", InvalidArgumentError),
        ({"step": "float16", "net/w": "int8"}, SaveError),
    ):
        with pytest.raises(error):
            checkpoint.convert(a, tmp_path / "d.h5", cast=bad)
    assert not (tmp_path / "d.h5").exists()


def test_a_damaged_source_gets_no_fresh_hash(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.h5", good=np.arange(500.0), bad=np.arange(500.0) + 1000)
    content = bytearray(a.read_bytes())
    content[content.index(np.float64(1250).tobytes())] ^= 1
    a.write_bytes(content)
    for ending in (".h5", ".npz", ".safetensors"):
        with pytest.raises(DamagedError, match="bad"):
            checkpoint.convert(a, tmp_path / f"b{ending}")
        assert not (tmp_path / f"b{ending}").exists()
    report = checkpoint.verify(a)
    assert (report.ok, [one.name for one in report.damaged], report.variables) == (False, ["bad"], 2)
    assert checkpoint.verify(a, include="good").ok
    lost = checkpoint.salvage(a, tmp_path / "c.h5")
    assert lost.variables == ("good",)
    assert "bad" in lost.left_out
    assert checkpoint.open(tmp_path / "c.h5").meta.provenance["salvaged"] == {"from": "a.h5", "lost": ["bad"]}


def test_what_is_cut_short_is_reported_not_raised(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.h5", w=np.arange(5000.0))
    a.write_bytes(a.read_bytes()[:-100])
    report = checkpoint.verify(a)
    assert not report.ok
    assert report.as_dict()["damaged"][0]["problem"]


def test_a_sample_checks_a_share(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.h5", **{f"w{i}": np.zeros(100) for i in range(20)})
    assert checkpoint.verify(a, sample=0.1).variables == 2
    assert checkpoint.verify(a, sample=1.0).variables == 20
    with pytest.raises(InvalidArgumentError):
        checkpoint.verify(a, sample=0.0)


def test_optimizer_slots() -> None:
    names = [
        "a/w",
        "a/w/Adam",
        "a/w/Adam_1",
        "a/w/Momentum",
        "beta2_power",
        "opt/beta1_power_1",
        "b",
        "b/c/d",
        "a/x/Adam",
    ]
    assert optimizer_slots(names) == {
        "a/w/Adam",
        "a/w/Adam_1",
        "a/w/Momentum",
        "beta2_power",
        "opt/beta1_power_1",
        "b/c/d",
    }


# -- proposals --------------------------------------------------------------------------------------------------------


def proposed(tmp_path: Path, old: dict[str, tuple[int, ...]], new: dict[str, tuple[int, ...]]) -> list[str]:
    checkpoint.save(tmp_path / "p.h5", {name: np.zeros(shape) for name, shape in old.items()}, overwrite=True)
    target = {name: np.ones(shape) for name, shape in new.items()}
    rules = [one.rule for one in checkpoint.propose_renames(checkpoint.plan(tmp_path / "p.h5", target))]
    report = checkpoint.restore(tmp_path / "p.h5", target, rename=rules, unexpected="skip", missing="skip")
    assert not report.mismatched
    return rules


def test_a_moved_scope_is_one_rule(tmp_path: Path) -> None:
    old = {f"old/l{i}/w": (i + 1, 3) for i in range(4)} | {"old/step": ()}
    new = {name.replace("old/", "new/net/"): shape for name, shape in old.items()}
    assert proposed(tmp_path, old, new) == ["old/=new/net/"]
    assert proposed(tmp_path, old, {name.removeprefix("old/"): shape for name, shape in old.items()}) == ["old/=/"]


def test_last_parts_with_other_names_are_one_rule_each(tmp_path: Path) -> None:
    old = {f"m/l{i}/{last}": shape for i in range(3) for last, shape in (("weights", (4, 4)), ("biases", (4,)))}
    new = {name.replace("weights", "kernel").replace("biases", "bias"): shape for name, shape in old.items()}
    assert proposed(tmp_path, old, new) == ["*/biases=*/bias", "*/weights=*/kernel"]


def test_single_names_go_by_similarity_and_shape(tmp_path: Path) -> None:
    assert proposed(tmp_path, {"embedding": (5, 2), "bias": (2,)}, {"embeddings": (5, 2), "unlike": (3,)}) == [
        "embedding=embeddings"
    ]
    assert proposed(tmp_path, {"a": (2,)}, {"a": (2,)}) == []
    assert proposed(tmp_path, {"xyz": ()}, {"qrs": ()}) == []


def test_unlike_names_are_paired_only_where_nothing_else_has_their_shape(tmp_path: Path) -> None:
    assert proposed(tmp_path, {"w1": (4, 3), "zzz": (3,)}, {"net/kernel": (4, 3), "net/bias": (3,)}) == [
        "w1=net/kernel",
        "zzz=net/bias",
    ]
    assert proposed(tmp_path, {"xyz": (2,), "uvw": (2,)}, {"qrs": (2,)}) == []


def test_a_wrong_rule_is_not_answered_with_rules_that_do_nothing(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "p.h5", {"net/w": np.ones((2, 3)), "net/b": np.ones(3)})
    target = {"net/w": np.ones((2, 3)), "net/b": np.ones(3)}
    assert checkpoint.propose_renames(checkpoint.plan(tmp_path / "p.h5", target, rename="net/=other/")) == ()
