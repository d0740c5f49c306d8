"""`tmplctl save`."""

import numpy as np
import pytest

from tmplcore import checkpoint


def test_save_the_configured_program(project, tmplctl, schemas):
    result = tmplctl("save", "--metric", "loss=0.1", "--metric", "acc=nan", "--tag", "good", "--meta", "lr=0.5",
                     "--meta", "note=just text", "--json")  # fmt: skip
    schemas.validate(result.json)
    answer = result.json
    assert (answer["step"], answer["variables"], answer["tags"], answer["initial"]) == (301, 3, ["good"], True)
    assert answer["metrics"] == {"loss": 0.1, "acc": "NaN"}
    with checkpoint.open(answer["path"]) as reader:
        assert list(reader) == ["model/kernel", "model/bias", "old/count"]
        assert reader.meta.user == {"lr": 0.5, "note": "just text"}
        assert reader["model/kernel"].trainable is True
        assert reader["old/count"].trainable is False
    assert tmplctl("show", "good", "--json").json["meta"]["step"] == 301


def test_what_people_and_pipes_see(project, tmplctl):
    human = tmplctl("save", "--step", "400")
    assert human.out.startswith("saved checkpoints/step-000000400.h5: step 400, 3 variables, ")
    assert "these are initial values" in human.out
    assert tmplctl("save", "--step", "401", "-q").out == "checkpoints/step-000000401.h5\n"


def test_equal_seeds_make_equal_values(project, tmplctl):
    for step, seed in ((1000, 1), (1001, 1), (1002, 2)):
        assert tmplctl("save", "--step", step, "--set", f"seed={seed}").code == 0
    assert tmplctl("diff", "1000", "1001").code == 0
    assert tmplctl("diff", "1000", "1002").code == 1


def test_dry_run_writes_nothing(project, modes):
    before = sorted(project.rglob("*"))
    found = modes("save", "--dry-run", "--step", "7")
    assert found.human.out.startswith("would save checkpoints/step-000000007.h5: step 7, 3 variables, ")
    assert sorted(path for path in project.rglob("*") if "__pycache__" not in str(path)) == before


def test_save_any_file(project, tmplctl, tmp_path):
    np.savez(tmp_path / "other.npz", **{"a/b": np.arange(3), "c": np.float32(2)})
    result = tmplctl("save", "other.npz", "--step", "5", "--only", "a/", "--json").json
    assert (result["variables"], result["source"], result["initial"]) == (1, "other.npz", False)
    np.testing.assert_array_equal(checkpoint.load(result["path"])["a/b"], np.arange(3))
    result = tmplctl("save", "checkpoints/step-000000200.h5", "-d", "elsewhere", "--json").json
    assert (result["step"], result["metrics"]) == (200, {"loss": 0.25})
    assert tmplctl("diff", result["path"], "200").code == 0


def test_what_a_program_returns_or_is(project, tmplctl):
    assert tmplctl("save", "model:arrays", "--step", "1", "--json").json["variables"] == 1
    assert (
        tmplctl("save", "model:model", "--step", "2", "--set", "inputs=[{shape=[1,4]}]", "--json").json["variables"]
        == 2
    )
    assert (
        tmplctl("save", "model:model", "--step", "3", "--set", "inputs={x={shape=[1,4]}}", "--json").json["variables"]
        == 2
    )


def test_what_a_program_prints_does_not_get_into_the_answer(project, tmplctl, schemas):
    result = tmplctl("save", "model:prints", "--json")
    schemas.validate(result.json)
    assert "a word from the builder" in result.err


def test_a_step_is_not_overwritten_unless_asked(project, fails, tmplctl):
    before = (project / "checkpoints/step-000000300.h5").read_bytes()
    assert "checkpoint of step 300 already" in fails(13, "save", "--step", "300").err
    assert (project / "checkpoints/step-000000300.h5").read_bytes() == before
    assert tmplctl("save", "--step", "300", "--force").code == 0
    assert (project / "checkpoints/step-000000300.h5").read_bytes() != before


def test_saving_never_prunes(project, tmplctl):
    for step in (400, 500, 600):
        assert tmplctl("save", "--step", step).code == 0
    assert len(tmplctl("list", "-q").out.split()) == 6


def test_nonfinite_values_are_refused_by_name(project, fails, tmplctl):
    before = sorted((project / "checkpoints").iterdir())
    result = fails(1, "save", "model:infinite")
    assert "bad" in result.err
    assert "fine" not in result.err
    assert sorted((project / "checkpoints").iterdir()) == before
    assert tmplctl("save", "model:infinite", "--allow-nonfinite").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["modle:build"], 2, "there is no module 'modle'", ""),
        (["model:biuld"], 2, "has no attribute 'biuld'", "did you mean build?"),
        (["model:fails"], 2, "model:fails failed (model.py:30): RuntimeError: out of luck", "TMPL_DEBUG=1"),
        (["model:leaves"], 2, "model:leaves failed", ""),
        (["model:nothing"], 2, "made no variables", ""),
        (["model:model"], 2, "TypeError", "inputs"),
        (["./nothing.h5"], 10, "nothing.h5", ""),
        (["model.py"], 11, "not a checkpoint", ""),
        (["--step", "-1"], 2, "'--step'", ""),
        (["--step", "many"], 2, "'--step'", ""),
        (["--metric", "loss"], 2, "'loss' is not of the form NAME=NUMBER", ""),
        (["--metric", "loss=low"], 2, "'loss=low'", ""),
        (["--meta", "note"], 2, "'note' is not of the form KEY=VALUE", ""),
        (["--tag", "latest"], 2, "'latest' cannot be a tag", ""),
        (["--tag", "12"], 2, "'12' cannot be a tag", ""),
        (["--tag", "../x"], 2, "'../x' cannot be a tag", ""),
        (["--only", "nothing*"], 2, "nothing*", ""),
        (["--set", "backend=nunpy"], 12, "no plugin offers a backend named 'nunpy'", "numpy"),
        (["--set", "backends.numpy.x=1"], 2, "backends.numpy.x", ""),
    ],
)
def test_what_cannot_be_saved(project, fails, arguments, code, message, hint):
    before = sorted((project / "checkpoints").iterdir())
    result = fails(code, "save", *arguments)
    assert message in result.err
    assert hint in result.err
    assert sorted((project / "checkpoints").iterdir()) == before


def test_without_a_source(tmp_path, monkeypatch, fails):
    monkeypatch.chdir(tmp_path)
    assert "no SOURCE was given, and there is no tmpl.toml" in fails(2, "save").err
    (tmp_path / "tmpl.toml").write_text("seed = 1\n")
    assert "has no `source`" in fails(2, "save").err


def test_a_tag_of_another_checkpoint_is_moved_only_with_force(project, tmplctl, fails):
    assert tmplctl("save", "--step", "1", "--tag", "good").code == 0
    assert "the tag 'good' is at step 1 already" in fails(13, "save", "--step", "2", "--tag", "good").err
    assert not (project / "checkpoints/step-000000002.h5").exists()
    assert tmplctl("save", "--step", "2", "--tag", "good", "--force").code == 0
    assert tmplctl("show", "good", "--meta", "--json").json["meta"]["step"] == 2
