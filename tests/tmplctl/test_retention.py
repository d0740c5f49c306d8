"""`tmplctl prune`, `tag`, `untag`, `rm`."""

import subprocess
import sys

import pytest

from tmplcore.checkpoint import CheckpointManager

STEPS = ["100", "200", "300"]


@pytest.fixture
def steps(project, tmplctl):
    return lambda: [str(info["step"]) for info in tmplctl("list", "--json").json["checkpoints"]]


def test_prune_by_the_configured_rules(project, modes, tmplctl, steps):
    found = modes("prune", "-n", "--set", "checkpoints.keep.last=3")
    assert (found.human.code, found.quiet.out) == (0, "")
    assert "would delete 0 checkpoints" in found.human.out
    found = modes("prune", "--dry-run", width=80)
    assert found.quiet.out == "checkpoints/step-000000100.h5\n"
    assert found.json.json["deleted"][0]["reasons"] == ["no rule keeps it"]
    assert [info["step"] for info in found.json.json["kept"]] == [200, 300]
    assert steps() == STEPS
    result = tmplctl("prune")
    assert result.out.splitlines()[1].split()[3:] == ["deleted", "no", "rule", "keeps", "it"]
    assert "deleted 1 checkpoint, " in result.out
    assert steps() == STEPS[1:]


def test_prune_by_flags(project, tmplctl, steps, schemas):
    result = tmplctl("prune", "--keep-best", "loss:min:1", "--keep-every", "500", "--json")
    schemas.validate(result.json)
    assert steps() == ["200", "300"]  # the newest stays whatever the rules say
    assert tmplctl("prune", "--keep-within", "7d").code == 0
    assert steps() == ["200", "300"]
    assert tmplctl("prune", "--keep-last", "1").code == 0
    assert steps() == ["300"]


def test_a_metric_that_no_checkpoint_has_keeps_nothing_and_deletes_nothing(project, fails, steps):
    result = fails(2, "prune", "--keep-best", "los:min:1")
    assert "no checkpoint has the metric 'los'" in result.err
    assert "loss" in result.err
    assert steps() == STEPS


def test_tags_protect_unless_only_some_do(project, tmplctl, steps):
    assert tmplctl("tag", "100", "good").code == 0
    assert tmplctl("prune", "--keep-last", "1").code == 0
    assert steps() == ["100", "300"]
    assert tmplctl("prune", "--keep-last", "1", "--keep-tag", "release-*").code == 0
    assert steps() == ["300"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--keep-last", "0"], "--keep-last"),
        (["--keep-best", "loss:low"], "low"),
        (["--keep-within", "7 parsecs"], "7 parsecs"),
    ],
)
def test_rules_that_are_none(project, fails, steps, arguments, message):
    assert message in fails(2, "prune", *arguments).err
    assert steps() == STEPS


def test_without_rules_nothing_is_deleted(project, fails, steps):
    (project / "tmpl.toml").write_text("seed = 1\n")
    assert "no rule says what to keep" in fails(2, "prune").err
    assert steps() == STEPS


KILLED = """
import os, signal, sys
from pathlib import Path
from tmplcore.checkpoint.commit import committed
with committed(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_save_left_behind_goes_without_a_rule(project, modes, tmplctl, fails, steps, schemas):
    subprocess.run([sys.executable, "-c", KILLED, "checkpoints/step-000000400.h5"], cwd=project, check=False)
    (half,) = (path for path in (project / "checkpoints").iterdir() if path.read_bytes() == b"half a file")
    assert "leave out one of them" in fails(2, "prune", "--tmp", "--keep-last", "1").err
    found = modes("prune", "--tmp", "-n", width=120)
    assert f"would delete checkpoints/{half.name}: left by a process that is gone" in found.human.out
    assert "would delete 1 file left behind; 3 checkpoints stay" in found.human.out
    assert "WHY" not in found.human.out
    assert found.quiet.out == f"checkpoints/{half.name}\n"
    schemas.validate(found.json.json)
    assert half.exists()
    assert tmplctl("prune", "--tmp").code == 0
    assert not half.exists()
    assert steps() == STEPS  # though the configured rules keep two


def test_what_is_not_ours_is_never_deleted(project, tmplctl):
    (project / "checkpoints" / "step-000000001.h5").write_bytes(b"somebody else's")
    (project / "checkpoints" / "notes.txt").write_text("notes")
    assert tmplctl("prune", "--keep-last", "1").code == 0
    assert (project / "checkpoints" / "step-000000001.h5").read_bytes() == b"somebody else's"
    assert (project / "checkpoints" / "notes.txt").exists()


def test_tag_and_untag(project, modes, tmplctl, fails, schemas):
    found = modes("tag", "best", "good", "--dry-run")
    assert found.human.out == "would tag step 200 good\n"
    assert tmplctl("tag", "best", "good").out == "tagged step 200 good\n"
    assert "the tag 'good' is at step 200 already" in fails(13, "tag", "latest", "good").err
    result = tmplctl("tag", "latest", "good", "--force", "--json")
    schemas.validate(result.json)
    assert (result.json["step"], result.json["previous"]) == (300, 200)
    assert tmplctl("show", "good", "--json").json["meta"]["step"] == 300
    assert modes("untag", "good", "-n").quiet.out == "good\n"
    assert tmplctl("untag", "good").out == "untagged step 300: good is gone\n"
    assert "there is no tag 'good'" in fails(10, "untag", "good").err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["latest", "best"], 2, "'best' cannot be a tag"),
        (["latest", "17"], 2, "'17' cannot be a tag"),
        (["latest", "a/b"], 2, "'a/b' cannot be a tag"),
        (["400", "x"], 10, "400"),
        (["latest"], 2, "TAG"),
    ],
)
def test_what_cannot_be_tagged(project, fails, arguments, code, message):
    assert message in fails(code, "tag", *arguments).err
    assert CheckpointManager(project / "checkpoints").tags() == {}


def test_untag_removes_all_or_none(project, tmplctl, fails):
    tmplctl("tag", "100", "one")
    assert "did you mean one?" in fails(10, "untag", "one", "onne").err
    assert CheckpointManager(project / "checkpoints").tags() == {"one": 100}


def test_rm(project, modes, tmplctl, fails, steps, schemas):
    found = modes("rm", "100", "latest", "--dry-run")
    assert found.quiet.out.split() == ["checkpoints/step-000000100.h5", "checkpoints/step-000000300.h5"]
    assert steps() == STEPS
    tmplctl("tag", "100", "good")
    assert "step 100 is tagged good" in fails(13, "rm", "200", "100").err
    assert steps() == STEPS
    result = tmplctl("rm", "200", "100", "--force", "--json")
    schemas.validate(result.json)
    assert len(result.json["removed"]) == 2
    assert steps() == ["300"]
    assert CheckpointManager(project / "checkpoints").tags() == {}
    assert "100" in fails(10, "rm", "100").err
    fails(10, "rm", "checkpoints/step-000000300.h5x")
    assert steps() == ["300"]


def test_rm_takes_all_or_none(project, fails, steps):
    fails(10, "rm", "100", "400")
    assert steps() == STEPS


def test_a_damaged_one_can_be_removed(project, tmplctl, steps):
    path = project / "checkpoints/step-000000200.h5"
    path.write_bytes(path.read_bytes()[:-10])
    assert tmplctl("rm", "200").code == 0
    assert steps() == ["100", "300"]
