"""`tmplctl diff`, `verify`, `convert`: files of any format, no configuration needed."""

import hashlib
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tmplcore import checkpoint


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    first = {
        "enc/w": rng.normal(size=(20, 30)).astype(np.float32),
        "enc/b": np.zeros(30, np.float32),
        "gone": np.ones(2),
        "shape": np.zeros((2, 3)),
        "step": np.int64(5),
    }
    second = {**first, "enc/w": first["enc/w"].copy(), "shape": np.zeros((3, 2)), "new|`x": np.ones(1)}
    del second["gone"]
    second["enc/w"][0, :3] += 0.5
    checkpoint.save("a.h5", first, step=5, metrics={"loss": 0.5}, meta={"note": "ä"})
    checkpoint.save("b.npz", second)
    return first, second


def test_diff(files, modes):
    found = modes("diff", "a.h5", "b.npz", width=80)
    assert found.human.code == 1
    answer = found.json.json
    assert not answer["same"]
    assert {kind: [item["name"] for item in answer[kind]] for kind in ("added", "removed", "reshaped", "changed")} == {
        "added": ["new|`x"], "removed": ["gone"], "reshaped": ["shape"], "changed": ["enc/w"],
    }  # fmt: skip
    assert answer["unchanged"] == 2
    assert found.quiet.out.split("\n") == ["gone", "new|`x", "shape", "enc/w", ""]
    lines = found.human.out.splitlines()
    assert [line.split()[:2] for line in lines[1:5]] == [["-", "gone"], ["+", "new|`x"], ["~", "shape"], ["!", "enc/w"]]
    end = "a.h5 and b.npz: different; 1 removed, 1 added, 1 reshaped, 1 changed, 2 unchanged (by values)"
    assert " ".join(found.human.out.split()).endswith(end)


def test_diff_measures(files, modes):
    found = modes("diff", "a.h5", "b.npz", "--values", "--only-changed", width=80)
    change = found.json.json["changed"][0]
    assert (change["elements"], change["changed"], change["share"]) == (600, 3, 3 / 600)
    assert change["max_abs"] == pytest.approx(0.5, rel=1e-6)
    assert change["norm"] == pytest.approx(np.sqrt(3 * 0.25), rel=1e-6)
    assert found.quiet.out == "enc/w\n"
    assert "gone" not in found.human.out
    assert "0.5%" in found.human.out


def test_diff_tolerance_rename_and_only(files, tmplctl):
    assert tmplctl("diff", "a.h5", "b.npz", "--only", "enc/").code == 1
    assert tmplctl("diff", "a.h5", "b.npz", "--only", "enc/", "--tolerance", "0.6").code == 0
    assert tmplctl("convert", "a.h5", "c.h5", "--rename", "enc/=encoder/").code == 0
    assert tmplctl("diff", "a.h5", "c.h5").code == 1
    assert tmplctl("diff", "a.h5", "c.h5", "--rename", "enc/=encoder/").code == 0


def test_diff_of_the_same(files, modes):
    found = modes("diff", "a.h5", "a.h5")
    assert (found.human.code, found.json.json["same"], found.quiet.out) == (0, True, "")
    assert found.json.json["compared_by"] == "digests"


def test_diff_as_markdown(files, tmplctl):
    out = tmplctl("diff", "a.h5", "b.npz", "--values", "--md").out
    assert out.startswith("**`a.h5` → `b.npz`**: different; ")
    table = [line for line in out.splitlines() if line.startswith("|")]
    assert table[1] == "| --- | --- | ---: | ---: | ---: | ---: | ---: |"
    assert "| `new\\|'x` | added  [1] float64 |" in out
    assert len({line.replace("\\|", "").count("|") for line in table}) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["a.h5", "./c.h5"], 10, "c.h5"),
        (["a.h5", "junk"], 11, "junk"),
        (["a.h5"], 2, "B"),
        (["a.h5", "b.npz", "--tolerance", "-1"], 2, "--tolerance -1.0 is no tolerance"),
        (["a.h5", "b.npz", "--tolerance", "nan"], 2, "is no tolerance"),
        (["a.h5", "b.npz", "--rename", "x"], 2, "x"),
        (["a.h5", "b.npz", "--only", "nothing/"], 2, "nothing/"),
    ],
)
def test_what_cannot_be_compared(files, fails, tmp_path, arguments, code, message):
    (tmp_path / "junk").write_bytes(b"junk")
    assert message in fails(code, "diff", *arguments).err


def damage(path, array):
    content = bytearray(Path(path).read_bytes())
    place = content.index(array.tobytes()[-64:])
    content[place] ^= 1
    Path(path).write_bytes(content)
    return place


def test_verify(files, modes, tmplctl, tmp_path):
    found = modes("verify", "a.h5", "b.npz")
    assert (found.human.code, found.json.json["ok"], found.json.json["damaged"], found.quiet.out) == (0, True, [], "")
    place = damage("a.h5", files[0]["enc/w"])
    found = modes("verify", "a.h5", "b.npz", width=80)
    assert (found.human.code, found.json.json["ok"]) == (1, False)
    bad = found.json.json["damaged"][0]
    assert bad["name"] == "enc/w"
    assert bad["start"] <= place < bad["stop"]
    assert found.quiet.out == "a.h5\n"
    assert "DAMAGED  a.h5" in found.human.out
    assert "enc/w" in found.human.out
    assert tmplctl("verify", "a.h5", "--only", "step").code == 0
    assert tmplctl("verify", "a.h5", "--sample", "100%", "--jobs", "2").code == 1
    result = tmplctl("verify", "a.h5", "--salvage", "intact.h5")
    assert result.code == 1
    assert sorted(checkpoint.load("intact.h5")) == ["enc/b", "gone", "shape", "step"]
    assert tmplctl("verify", "intact.h5").code == 0


def test_salvage_saves_the_variables_of_a_checkpoint_whose_metadata_is_lost(tmp_path, monkeypatch, tmplctl):
    monkeypatch.chdir(tmp_path)
    values = {"a/w": np.arange(6.0), "a/b": np.ones(3)}
    checkpoint.save("m.h5", values, step=7, meta={"note": "to be damaged"})
    whole = Path("m.h5").read_bytes()
    Path("m.h5").write_bytes(whole.replace(b"to be damaged", b"to be demaged"))
    result = tmplctl("verify", "m.h5", "--salvage", "saved.npz")
    assert result.code == 1
    assert "wrote all variables to saved.npz" in result.out
    saved = checkpoint.load("saved.npz")
    assert saved.keys() == values.keys()
    assert all((saved[name] == values[name]).all() for name in values)


def test_a_rule_that_renames_nothing_is_named(files, tmplctl):
    assert tmplctl("diff", "a.h5", "b.npz", "--rename", "nix=w").err == "warning: no name is renamed by nix=w\n"
    result = tmplctl("convert", "a.h5", "c.npz", "--rename", "nix=w", "--json")
    assert (result.code, result.err) == (0, "warning: no name is renamed by nix=w\n")
    hint = tmplctl("diff", "a.h5", "a.h5", "--only", "zzzzzz").err.splitlines()[1]
    assert hint.startswith(f"hint: there are {len(checkpoint.load('a.h5'))} variables")


def test_a_file_that_is_not_there_is_no_tag(tmp_path, monkeypatch, fails):
    monkeypatch.chdir(tmp_path)
    assert fails(10, "show", "gone.safetensors").err == "error: there is no checkpoint 'gone.safetensors'\n"
    assert fails(10, "diff", "gone.h5", "other.h5").err == "error: there is no checkpoint 'gone.h5'\n"


def test_verify_a_directory(project, modes, fails, tmp_path):
    found = modes("verify")
    assert [report["path"].rpartition("-")[2] for report in found.json.json["checkpoints"]] == [
        "000000100.h5", "000000200.h5", "000000300.h5",
    ]  # fmt: skip
    path = project / "checkpoints/step-000000200.h5"
    path.write_bytes(path.read_bytes()[:-10])
    (project / "checkpoints/notes.txt").write_text("no checkpoint")
    found = modes("verify", "checkpoints/")
    assert (found.human.code, found.quiet.out) == (1, "checkpoints/step-000000200.h5\n")
    (tmp_path / "empty").mkdir()
    assert "empty has no checkpoints" in fails(10, "verify", "empty").err
    assert "there is no directory nowhere" in fails(10, "verify", "-d", "nowhere").err


def test_a_checkpoint_of_several_files_is_verified_once(tmp_path, tmplctl):
    source = f"{Path(__file__).parents[2]}/examples/g2p/g2p_infer_v2/model.ckpt"
    for part in (".index", ".data-00000-of-00001"):
        (tmp_path / f"model.ckpt{part}").write_bytes(Path(source + part).read_bytes())
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt"\n')
    found = tmplctl("verify", tmp_path, "--json").json
    assert [(report["ok"], Path(report["path"]).name) for report in found["checkpoints"]] == [
        (True, "model.ckpt.index")
    ]


def test_a_prefix_of_files_needs_no_dot_and_is_no_word(project, tmplctl, fails):
    source = f"{Path(__file__).parents[2]}/examples/g2p/g2p_infer_v2/model.ckpt"
    for name in ("model_epoch_14", "latest", "100"):
        for part in (".index", ".data-00000-of-00001"):
            (project / f"{name}{part}").write_bytes(Path(source + part).read_bytes())
    assert tmplctl("show", "model_epoch_14", "--json").json["format"] == "tensorflow"
    assert tmplctl("show", "latest", "--json").json["meta"]["step"] == 300
    assert tmplctl("show", "100", "--json").json["meta"]["step"] == 100
    assert "there is no checkpoint 'model_epoch_15'" in fails(10, "show", "model_epoch_15").err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["./c.h5"], 10, "c.h5"),
        (["junk"], 11, "junk"),
        (["a.h5", "--sample", "0"], 2, "--sample 0 is no share"),
        (["a.h5", "--sample", "200%"], 2, "--sample 200% is no share"),
        (["a.h5", "--jobs", "0"], 2, "--jobs"),
        (["a.h5", "b.npz", "--salvage", "x.h5"], 2, "--salvage takes one checkpoint, not 2"),
        (["a.h5", "--salvage", "b.npz"], 13, "b.npz exists already"),
        (["a.h5", "--only", "nothing/"], 2, "nothing/"),
    ],
)
def test_what_cannot_be_verified(files, fails, tmp_path, arguments, code, message):
    (tmp_path / "junk").write_bytes(b"junk")
    assert message in fails(code, "verify", *arguments).err
    assert not (tmp_path / "x.h5").exists()


def test_convert_bit_for_bit_and_with_its_metadata(files, tmplctl, schemas):
    for name in ("c.npz", "c.safetensors", "c.h5"):
        result = tmplctl("convert", "a.h5", name, "--json")
        schemas.validate(result.json)
        assert result.json["variables"] == list(files[0])
        assert tmplctl("diff", "a.h5", name).code == 0
        meta = tmplctl("show", name, "--json").json["meta"]
        assert (meta["step"], meta["metrics"], meta["user"]) == (5, {"loss": 0.5}, {"note": "ä"})
    with np.load("c.npz") as arrays:
        assert set(files[0]) <= set(arrays)
    human = tmplctl("convert", "a.h5", "d.npz", "--rename", "enc/=e/", "--exclude", "gone", "--cast", "enc/=bfloat16")
    assert "wrote d.npz: npz, 4 variables" in human.out
    assert "renamed enc/w -> e/w" in human.out
    assert "cast e/w: float32 -> bfloat16" in human.out
    assert "left out gone: not selected" in human.out
    assert checkpoint.load("d.npz")["e/w"].dtype == ml_dtypes.bfloat16
    assert tmplctl("convert", "a.h5", "e.npz", "-q").out == "e.npz\n"


def test_convert_strips_slots(tmp_path, monkeypatch, tmplctl):
    monkeypatch.chdir(tmp_path)
    checkpoint.save("a.h5", {"w": np.ones(2), "w/Adam": np.ones(2), "w/Adam_1": np.ones(2), "beta1_power": np.ones(())})
    assert tmplctl("convert", "a.h5", "b.npz", "--strip-slots", "--json").json["variables"] == ["w"]


def test_convert_dry_run_and_explain(files, modes, tmp_path):
    before = sorted(tmp_path.iterdir())
    found = modes("convert", "a.h5", "c.npz", "--dry-run", "--rename", "enc/=e/")
    assert found.human.out.startswith("would write c.npz: npz, 5 variables")
    assert modes("convert", "a.h5", "c.npz", "--rename", "enc/=e/", "--explain", "enc/w").quiet.out == "e/w\n"
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["./nothing", "c.npz"], 10, "nothing"),
        (["junk", "c.npz"], 11, "junk"),
        (["a.h5", "b.npz"], 13, "b.npz exists already"),
        (["a.h5", "a.h5", "--force"], 2, "one file"),
        (["a.h5", "c.xyz"], 2, "c.xyz"),
        (["a.h5", "c.npz", "--format", "nzp"], 12, "nzp"),
        (["a.h5", "c.npz", "--cast", "float31"], 2, "float31"),
        (["a.h5", "c.npz", "--rename", "enc/w=enc/b"], 2, "enc/b"),
        (["a.h5", "c.npz", "--compression", "zstd"], 1, "compress"),
        (["a.h5", "c.npz", "--only", "nothing/"], 2, "nothing/"),
        (["a.h5"], 2, "DST"),
        (["a.h5", "."], 13, "exists already"),
    ],
)
def test_what_cannot_be_converted(files, fails, tmp_path, arguments, code, message):
    (tmp_path / "junk").write_bytes(b"junk")
    before = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    assert message in fails(code, "convert", *arguments).err
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()} == before


def test_a_tensorflow_bundle_that_is_not_whole(tmp_path, monkeypatch, fails):
    source = f"{Path(__file__).parents[2]}/examples/g2p/g2p_infer_v2/model.ckpt"
    monkeypatch.chdir(tmp_path)
    for part in (".index", ".data-00000-of-00001"):
        (tmp_path / f"model.ckpt{part}").write_bytes(Path(source + part).read_bytes())
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    assert "exists already" in fails(13, "convert", "model.ckpt", "model.ckpt.index").err
    whole = data.read_bytes()
    data.write_bytes(whole[: len(whole) // 2])
    assert "model.ckpt.data-00000-of-00001" in fails(11, "convert", "model.ckpt", "out.h5").err
    data.unlink()
    assert "model.ckpt.data-00000-of-00001" in fails(11, "convert", "model.ckpt", "out.h5").err
    (tmp_path / "model.ckpt.index").unlink()
    fails(10, "convert", "./model.ckpt", "out.h5")
    assert list(tmp_path.iterdir()) == []


def test_verify_of_a_directory_goes_on_after_a_file_that_cannot_be_read(files, modes, fails):
    Path("empty.h5").write_bytes(b"")
    found = modes("verify", ".")
    assert found.human.code == 1
    assert "UNREADABLE  empty.h5: " in found.human.out
    assert "ok  b.npz" in found.human.out
    assert found.quiet.out == "empty.h5\n"
    fails(11, "verify", "empty.h5")


def test_a_cast_without_a_pattern_is_for_floats_also_beside_one_with_a_pattern(tmp_path, tmplctl, fails, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = np.array([b"a"], dtype=object)
    checkpoint.save("m.h5", {"enc/w": np.ones(2), "w": np.ones(2), "step": np.int64(16777217), "text": text})
    result = tmplctl("convert", "m.h5", "n.h5", "--cast", "enc/=float16", "--cast", "bfloat16")
    assert result.code == 0, result.err
    dtypes = {name: value.dtype.name for name, value in checkpoint.load("n.h5").items()}
    assert dtypes == {"enc/w": "float16", "w": "bfloat16", "step": "int64", "text": "object"}
    assert "no variable fits the pattern 'dec/'" in fails(2, "convert", "m.h5", "o.h5", "--cast", "dec/=float16").err
    assert "'text' is string" in fails(1, "convert", "m.h5", "o.h5", "--cast", "*=float16").err


def test_diff_calls_text_string(tmp_path, modes, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint.save("a.npz", {"w": np.ones(2)})
    checkpoint.save("b.h5", {"w": np.ones(2), "text": np.array([b"a"], dtype=object)})
    found = modes("diff", "a.npz", "b.h5")
    assert "added  [1] string" in found.human.out
    assert found.json.json["added"][0]["dtype"] == "string"
