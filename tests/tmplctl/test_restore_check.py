"""`tmplctl restore` and `check`."""

import shlex

import h5py
import numpy as np
import pytest

from tmplcore import checkpoint

NAMES = ["model/kernel", "model/bias", "old/count"]


@pytest.fixture
def stored(project, monkeypatch):
    """The project with its variables in an HDF5 file."""
    monkeypatch.setenv("TMPL_BACKEND", "hdf5")
    monkeypatch.setenv("TMPL_BACKENDS__HDF5__PATH", str(project / "working.h5"))
    return project


def kernel(project):
    with h5py.File(project / "working.h5") as file:
        return file["model/kernel"][0, 0]


def test_restore_into_the_storage(stored, tmplctl, schemas):
    result = tmplctl("restore", "200", "--json")
    schemas.validate(result.json)
    assert result.json["ok"]
    assert [entry["name"] for entry in result.json["matched"]] == NAMES
    assert (result.json["missing"], result.json["renamed"], result.json["dry_run"]) == ([], [], False)
    assert kernel(stored) == 200
    human = tmplctl("restore", "latest", width=80)
    assert human.out.splitlines()[:2] == ["  NAME          SHAPE   DTYPE", "= model/kernel  [4, 3]  float32"]
    end = "restored checkpoints/step-000000300.h5 into the hdf5 storage of model:build: 3 matched, 68 B"
    assert " ".join(human.out.split()).endswith(end)
    assert kernel(stored) == 300
    assert tmplctl("restore", "100", "-q").out.split() == NAMES
    assert tmplctl("save", "--step", "1").code == 0  # what was restored is what is saved
    assert tmplctl("diff", "1", "100").code == 0


def test_a_dry_run_makes_no_storage(stored, modes):
    found = modes("restore", "latest", "--dry-run")
    assert "would restore" in found.human.out
    assert not (stored / "working.h5").exists()


def test_a_plan_that_does_not_hold_touches_nothing(stored, modes, tmplctl):
    tmplctl("restore", "200")
    checkpoint.save(
        "other.h5", {"model/kernel": np.zeros((4, 5), np.float32), "model/bias": np.zeros(3), "x": np.ones(1)}
    )
    found = modes("restore", "other.h5", width=80)
    assert found.human.code == 1
    answer = found.json.json
    assert not answer["ok"]
    assert [e["name"] for e in answer["missing"]] == ["old/count"]
    assert [e["name"] for e in answer["unexpected"]] == ["x"]
    assert [e["name"] for e in answer["mismatched"]] == ["model/kernel", "model/bias"]
    assert found.quiet.out.split() == ["old/count", "x", "model/kernel", "model/bias"]
    assert "nothing was restored" in found.human.out
    assert kernel(stored) == 200


def test_policies_and_cast(stored, tmplctl):
    checkpoint.save("other.h5", {"model/kernel": np.full((4, 3), 7.0), "x": np.ones(1)})
    result = tmplctl("restore", "other.h5", "--cast", "--missing", "init", "--unexpected", "x=skip", "--json")
    assert result.code == 0, result
    assert [entry["name"] for entry in result.json["cast"]] == ["model/kernel"]
    assert {entry["action"] for entry in result.json["missing"]} == {"init"}
    assert kernel(stored) == 7
    assert tmplctl("restore", "other.h5", "--cast", "--missing", "init", "--unexpected", "y*=skip").code == 1
    assert tmplctl("restore", "other.h5", "--cast", "--missing", "warn", "--unexpected", "warn").code == 0


def test_rename_and_explain(stored, modes, tmplctl):
    checkpoint.save("old.h5", {"net/w": np.full((4, 3), 9, np.float32), "net/b": np.zeros(3, np.float32)})
    rules = ["--rename", "net/w=model/kernel", "--rename", "net/b=model/bias"]
    result = tmplctl("restore", "old.h5", *rules, "--missing", "skip", "--json")
    assert [(e["source"], e["name"], e["rule"]) for e in result.json["renamed"]] == [
        ("net/w", "model/kernel", "net/w=model/kernel"), ("net/b", "model/bias", "net/b=model/bias"),
    ]  # fmt: skip
    assert kernel(stored) == 9
    (stored / "rules.txt").write_text("# rules\nnet/w=model/kernel\nnet/b=model/bias\n")
    assert tmplctl("restore", "old.h5", "--rename-file", "rules.txt", "--missing", "skip").code == 0
    with (stored / "tmpl.toml").open("a") as file:
        file.write('\n[restore]\nrename_file = "rules.txt"\nmissing = "skip"\n')
    assert tmplctl("restore", "old.h5").code == 0
    found = modes("restore", "old.h5", "--rename", "re:^net/=x/", "--explain", "net/w", "--explain", "net/b")
    assert [(e["new"], e["rule"], e["shadowed"]) for e in found.json.json["names"]] == [
        ("x/w", "re:^net/=x/", ["net/w=model/kernel"]), ("x/b", "re:^net/=x/", ["net/b=model/bias"]),
    ]  # fmt: skip
    assert found.quiet.out.split() == ["x/w", "x/b"]


def test_restore_into_a_file(project, tmplctl, fails):
    assert tmplctl("restore", "200", "out.npz").code == 0
    with np.load("out.npz") as arrays:
        assert sorted(arrays) == sorted(NAMES)
        assert arrays["model/kernel"][0, 0] == 200
    assert "out.npz exists already" in fails(13, "restore", "300", "out.npz").err
    assert tmplctl("restore", "300", "out.npz", "--force").code == 0
    with np.load("out.npz") as arrays:
        assert arrays["model/kernel"][0, 0] == 300
    assert tmplctl("restore", "300", "never.npz", "--only", "model/", "-n").code == 0
    assert not (project / "never.npz").exists()


def test_restore_into_a_file_without_a_program(project, tmplctl):
    (project / "tmpl.toml").unlink()
    result = tmplctl("restore", "200", "out.safetensors", "--only", "model/", "--rename", "model/=m/", "--json")
    assert [entry["name"] for entry in result.json["matched"]] == ["m/kernel", "m/bias"]
    assert sorted(checkpoint.load("out.safetensors")) == ["m/bias", "m/kernel"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["latest"], 2, "the numpy backend keeps nothing"),
        (["400"], 10, "400"),
        (["latest", "out.xyz"], 2, "out.xyz"),
        (["latest", "out.npz", "--missing", "ignore"], 2, "ignore"),
        (["latest", "out.npz", "--missing", "=skip"], 2, "has no pattern"),
        (["latest", "out.npz", "--rename", "a"], 2, "a"),
        (["latest", "out.npz", "--rename", "re:(=x"], 2, "is not a regular expression"),
        (["latest", "out.npz", "--rename", "model/kernel=model/bias"], 2, "model/bias"),
        (["latest", "out.npz", "--rename-file", "nothing.txt"], 2, "nothing.txt"),
        (["latest", "out.npz", "--only", "nothing*"], 2, "nothing*"),
        (["latest", "out.npz", "--explain", "nothing"], 2, "nothing"),
        (["latest", "out.npz", "--source", "modle:x"], 2, "modle"),
        (["latest", "model.py/out.npz"], 2, "model.py"),
    ],
)
def test_what_cannot_be_restored(project, fails, arguments, code, message):
    assert message in fails(code, "restore", *arguments).err
    assert not (project / "out.npz").exists()


def test_check_that_fits(project, modes):
    found = modes("check", "model:build", "latest")
    assert (found.human.code, found.json.json["ok"]) == (0, True)
    assert found.human.out == "checkpoints/step-000000300.h5 fits model:build: 3 matched\n"
    assert modes("check", "latest").human.code == 0
    assert "= model/kernel" in modes("check", "latest", "--verbose").human.out


def test_check_proposes_renames_that_can_be_pasted(project, modes, tmplctl):
    found = modes("check", "model:other_names", "latest", "--exclude", "old/")
    assert found.human.code == 1
    assert [entry["name"] for entry in found.json.json["missing"]] == ["net/kernel", "net/bias"]
    pasted = [shlex.split(line) for line in found.human.out.splitlines() if line.strip().startswith("--rename")]
    assert len(pasted) == len(found.json.json["proposals"]) > 0
    arguments = [word for words in pasted for word in words[:2]]
    assert tmplctl("check", "model:other_names", "latest", "--exclude", "old/", *arguments).code == 0


def test_check_pairs_unlike_names_and_names_a_rule_that_leads_nowhere(project, modes, tmplctl):
    tmplctl(
        "convert", "latest", "far.npz", "--only", "model/", "--rename", "model/kernel=w", "--rename", "model/bias=zz"
    )
    found = modes("check", "model:build", "far.npz", "--missing", "skip")
    assert [one["rule"] for one in found.json.json["proposals"]] == ["w=model/kernel", "zz=model/bias"]
    wrong = modes("check", "model:build", "latest", "--rename", "model/=elsewhere/")
    assert wrong.json.json["proposals"] == []
    assert "the rule model/=elsewhere/ makes no name that model:build has" in " ".join(wrong.human.out.split())


def test_check_allocates_nothing(project, tmplctl):
    (project / "huge.py").write_text(
        "from tmplcore import get_variable\n\ndef build():\n    get_variable('w', [1 << 20, 1 << 20])\n"
    )
    result = tmplctl("check", "huge:build", "latest", "--json").json
    assert result["missing"][0]["shape"] == [1 << 20, 1 << 20]


def test_a_program_that_needs_real_values_gets_them_in_memory(project, tmplctl, fails):
    (project / "writes.py").write_text(
        "from tmplcore import get_variable\n\ndef build():\n    get_variable('w', [2]).value[0] = 1\n\n"
        "def fails():\n    len(get_variable('w', [2]), 'x')\n"
    )
    before = sorted(path.name for path in project.iterdir())
    result = tmplctl("check", "writes:build", "latest", "--json")
    assert (result.code, [entry["name"] for entry in result.json["missing"]]) == (1, ["w"])
    assert "in memory on numpy" in tmplctl("check", "writes:build", "latest").err
    assert {path.name for path in project.iterdir()} - set(before) <= {"__pycache__"}
    assert "writes:fails failed (writes.py:7): TypeError" in fails(2, "check", "writes:fails", "latest").err


def test_a_torch_program_is_checked_and_restored_into_a_file(project, tmplctl, fails):
    pytest.importorskip("torch")
    (project / "torchy.py").write_text(
        "import torch\nfrom tmplcore import get_variable\n\n\ndef build():\n"
        "    torch.transpose(get_variable('w', [2, 3]).value, 0, 1)\n"
    )
    checkpoint.save("t.h5", {"w": np.arange(6, dtype=np.float32).reshape(2, 3)})
    on_torch = ("--set", "backend=torch")
    assert tmplctl("check", "torchy:build", "t.h5", *on_torch).code == 0
    assert tmplctl("restore", "t.h5", "out.npz", "--source", "torchy:build", *on_torch).code == 0
    assert checkpoint.load("out.npz")["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert "needs its backend: --set backend=" in fails(2, "check", "torchy:build", "t.h5").err


def test_check_a_file_in_the_programs_place(project, tmplctl):
    tmplctl("convert", "100", "old.npz", "--rename", "model/=m/")
    assert tmplctl("check", "old.npz", "latest").code == 1
    assert tmplctl("check", "old.npz", "latest", "--rename", "model/=m/").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["model:build", "latest", "x"], 2, "check takes SOURCE and REF, not 3"),
        (["model:build", "nothing"], 10, "nothing"),
        (["modle:build", "latest"], 2, "there is no module 'modle'"),
        (["model:fails", "latest"], 2, "RuntimeError: out of luck"),
        (["./nothing.h5", "latest"], 10, "nothing.h5"),
        (["model.py", "latest"], 11, "model.py"),
    ],
)
def test_what_cannot_be_checked(project, fails, arguments, code, message):
    assert message in fails(code, "check", *arguments).err
