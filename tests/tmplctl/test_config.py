"""`tmplctl config`, `plugins`, `init`: what needs no checkpoint."""

import json
import os
import subprocess
import sys

import jsonschema
import pytest


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "tmpl.toml").write_text('seed = 3\n[checkpoints]\ndirectory = "runs"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPL_BACKEND", "shapes")
    return tmp_path


def test_show(project, modes):
    found = modes("config", "show", width=80)
    assert found.json.json["values"]["seed"] == 3
    assert found.json.json["origins"] == {
        "seed": "tmpl.toml:1",
        "backend": "TMPL_BACKEND",
        "checkpoints.directory": "tmpl.toml:3",
    }
    rows = {line.split()[0]: line.split()[1:] for line in found.human.out.splitlines()[1:]}
    assert rows["seed"] == ["3", "tmpl.toml:1"]
    assert rows["backend"] == ['"shapes"', "TMPL_BACKEND"]
    assert rows["checkpoints.durable"] == ["true", "default"]
    assert "3" in found.quiet.out.splitlines()


def test_show_one_key_or_table(project, tmplctl, fails):
    assert tmplctl("config", "show", "seed", "--quiet").out == "3\n"
    assert list(tmplctl("config", "show", "checkpoints.keep", "--json").json["values"]) == [
        f"checkpoints.keep.{key}" for key in ("last", "every", "best", "within", "tagged")
    ]
    assert "did you mean seed?" in fails(2, "config", "show", "sead").err


def test_flags_come_first(project, tmplctl):
    result = tmplctl("config", "show", "seed", "--set", "seed=5", "--json").json
    assert (result["values"]["seed"], result["origins"]["seed"]) == (5, "--set")
    directory = tmplctl("config", "show", "checkpoints.directory", "-d", "elsewhere", "-q").out.strip()
    assert directory == str(project / "elsewhere")


def test_check_lists_everything(project, modes):
    assert modes("config", "check").human.out == f"ok: {project}/tmpl.toml\n"
    (project / "tmpl.toml").write_text('sead = 3\n[checkpoints]\ndir = "runs"\n')
    found = modes("config", "check")
    assert found.human.code == 2
    assert [problem["key"] for problem in found.json.json["problems"]] == ["checkpoints.dir", "sead"]
    assert found.quiet.out == "checkpoints.dir\nsead\n"
    assert "tmpl.toml:1: sead: there is no such key\n  hint: did you mean seed?" in found.human.out


def test_check_names_plugins_that_are_not_there_and_options_that_they_lack(project, tmplctl, monkeypatch):
    monkeypatch.delenv("TMPL_BACKEND")
    (project / "tmpl.toml").write_text('backend = "nunpy"\n[backends.shapes]\nx = 1\n[[getters]]\nname = "emma"\n')
    problems = {p["key"]: p for p in tmplctl("config", "check", "--json").json["problems"]}
    assert set(problems) == {"backend", "backends.shapes.x", "getters[0].name"}
    assert problems["backend"]["origin"] == "tmpl.toml:1"
    assert "numpy" in problems["backend"]["hint"]
    assert problems["backends.shapes.x"]["origin"] == "tmpl.toml:3"


def test_check_of_a_file_that_is_no_toml(project, modes, fails):
    (project / "tmpl.toml").write_text("seed = = 3\n")
    assert "tmpl.toml:1: not valid TOML" in modes("config", "check").human.out
    assert "tmpl.toml:1: not valid TOML" in fails(2, "config", "show").err


def test_schema(modes):
    found = modes("config", "schema", width=1000)
    assert json.loads(found.human.out) == json.loads(found.quiet.out) == found.json.json["json_schema"]
    jsonschema.Draft202012Validator.check_schema(json.loads(found.human.out))


def test_path(project, modes, tmp_path_factory, monkeypatch):
    found = modes("config", "path")
    assert found.human.out == found.quiet.out == f"{project}/tmpl.toml\n"
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    found = modes("config", "path")
    assert (found.human.code, found.human.out, found.json.json["path"]) == (1, "", None)
    assert "there is no tmpl.toml" in found.human.err


def test_plugins(modes, fails):
    found = modes("plugins")
    names = [plugin["name"] for plugin in found.json.json["plugins"]]
    assert {"numpy", "hdf5", "shapes"} <= set(names)
    assert found.quiet.out.split() == names
    assert found.human.out.splitlines()[0].split() == ["PLUGIN", "KIND", "NAME", "STATE", "WHAT", "IT", "IS"]
    hooks = {plugin["name"]: plugin["hooks"] for plugin in found.json.json["plugins"]}
    assert hooks["hdf5"] == ["tmplcore_backends", "tmplcore_formats"]
    (formats,) = [
        line.split(None, 1)[1] for line in found.human.out.splitlines() if line.startswith("tmplcore_formats")
    ]
    assert formats.split(", ") == [name for name in names if "tmplcore_formats" in hooks[name]]
    assert "did you mean numpy?" in fails(12, "plugins", "nunpy").err


def test_a_switch_that_names_no_plugin():
    def plugins(**switches):
        return subprocess.run(
            [sys.executable, "-m", "tmplctl", "plugins", "--quiet"],
            capture_output=True, text=True, check=False, env={**os.environ, **switches},
        )  # fmt: skip

    blocked = plugins(TMPL_PLUGINS_BLOCK="trch")
    assert "torch" in blocked.stdout.split()
    assert blocked.stderr == "warning: TMPL_PLUGINS_BLOCK names trch, which is not installed: did you mean torch?\n"
    only = plugins(TMPL_PLUGINS="trch")
    assert (only.returncode, only.stdout) == (12, "")
    assert only.stderr.endswith("hint: did you mean torch?\n")


OFFERS_NUMPY = """
from tmplcore import hookimpl
from tmplcore.descriptors import BackendPlugin

@hookimpl
def tmplcore_backends():
    return [BackendPlugin(name="numpy", summary="another", factory="collections:OrderedDict")]
"""


@pytest.mark.parametrize(("name", "state"), [("numpy", "conflict"), ("other", "refused")])
def test_what_two_plugins_claim_is_shown_as_such_and_said_once(tmp_path, name, state):
    (tmp_path / "other_plugin.py").write_text(OFFERS_NUMPY)
    (tmp_path / "other.dist-info").mkdir()
    (tmp_path / "other.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (tmp_path / "other.dist-info" / "entry_points.txt").write_text(f"[tmplcore]\n{name} = other_plugin\n")

    def plugins(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "tmplctl", "plugins", *arguments],
            env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    everything = plugins()
    assert everything.returncode == 0
    lines = everything.stdout.splitlines()
    assert [line for line in lines if state in line.split()[1:5] and "numpy" in line]
    said = [line for line in lines if "TMPL_PLUGINS_BLOCK=" in line]
    assert len(said) == len(set(said)) > 0
    assert plugins(name).returncode == 12
    if state == "refused":
        (found,) = json.loads(plugins("numpy", "--json").stdout)["plugins"]
        assert [offer["refused"] for offer in found["offers"]] == [True]


def test_init_writes_once(tmp_path, monkeypatch, tmplctl, fails, schemas):
    monkeypatch.chdir(tmp_path)
    would = tmplctl("init", "--dry-run", "--json")
    assert would.json["written"] == ["tmpl.toml", "model.py"]
    assert not list(tmp_path.iterdir())
    done = tmplctl("init")
    assert "wrote tmpl.toml\nwrote model.py\n" in done.out
    before = (tmp_path / "model.py").read_text()
    (tmp_path / "tmpl.toml").unlink()
    assert "model.py exists already" in fails(13, "init").err
    assert (tmp_path / "model.py").read_text() == before
    assert not (tmp_path / "tmpl.toml").exists()
    schemas.validate(tmplctl("init", "neu — ü x", "--json").json)
    assert (tmp_path / "neu — ü x" / "model.py").read_text() == before
    assert tmplctl("init", "other", "--config-only", "-q").out == "other/tmpl.toml\n"
    assert tmplctl("config", "check", "--config", "other/tmpl.toml").code in (0, 2)
    fails(2, "init", "model.py")


def test_init_into_a_link_to_nothing_does_not_follow_it(tmp_path, monkeypatch, fails):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmpl.toml").symlink_to("elsewhere")
    fails(13, "init")
    assert not (tmp_path / "elsewhere").exists()
