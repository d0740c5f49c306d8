"""Finding, merging and checking the configuration."""
# ruff: noqa: E501

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

import tmplcore.config
from tmplcore.config.locate import line_of
from tmplcore.errors import ConfigError

FILE = """\
source = "model:build"
seed = 7

[checkpoints]
directory = "runs"

[checkpoints.keep]
last = 3
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "tmpl.toml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(environ=None, **kwargs):
    return tmplcore.config.load(environ=environ or {}, **kwargs)


def test_without_a_file_everything_has_its_default(tmp_path):
    config = load(start=tmp_path)
    assert config.file is None
    assert config.settings.backend == "numpy"
    assert config.directory == tmp_path / "checkpoints"


def test_the_file_is_found_upwards_and_paths_are_relative_to_it(project, monkeypatch):
    below = project / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    config = load()
    assert config.file == project / "tmpl.toml"
    assert config.directory == project / "runs"


def test_flag_before_environment_before_file_before_default(project):
    environ = {"TMPL_SEED": "8", "TMPL_BACKEND": "torch"}
    config = load(environ, overrides={"seed": "9"})
    assert (config.settings.seed, config.settings.backend, config.settings.checkpoints.keep.last) == (9, "torch", 3)
    assert config.origins["seed"] == "--set"
    assert config.origins["backend"] == "TMPL_BACKEND"
    assert config.origins["checkpoints.keep.last"] == "tmpl.toml:8"


def test_a_directory_from_the_environment_is_relative_to_where_we_are(project, monkeypatch):
    below = project / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    config = load({"TMPL_CHECKPOINTS__DIRECTORY": "here"})
    assert config.directory == below / "here"


def test_switches_that_are_no_keys_are_not_taken_for_keys(project):
    assert load({"TMPL_DEBUG": "1", "TMPL_PLUGINS_BLOCK": "x", "TMPL_SEED": "1"}).settings.seed == 1


def test_environment_lists_and_tables_are_toml(project):
    config = load(
        {"TMPL_INPUTS": '[{shape = [1, 2], dtype = "int32"}, 3]', "TMPL_CHECKPOINTS__KEEP__BEST": '["a:max"]'}
    )
    first, second = config.settings.inputs
    assert (first.shape, first.dtype, second) == ([1, 2], "int32", 3)
    assert config.settings.checkpoints.keep.best == ["a:max"]


def test_pyproject_with_a_table_of_ours(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\n\n[tool.tmpl]\nseed = 4\n')
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[project]\nname = "y"\n')
    monkeypatch.chdir(inner)
    assert load().settings.seed == 4
    (tmp_path / "pyproject.toml").write_text("[tool.tmpl]\n\nsedd = 4\n")
    with pytest.raises(ConfigError, match=r"pyproject\.toml:3: sedd: there is no such key") as caught:
        load()
    assert caught.value.hint == "did you mean seed?"


def test_tmpl_toml_comes_before_pyproject(project):
    (project / "pyproject.toml").write_text("[tool.tmpl]\nseed = 1\n")
    assert load().settings.seed == 7


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("sead = 1", "tmpl.toml:1: sead: there is no such key", "did you mean seed?"),
        ("[checkpoints]\n\ndirectry = 'x'", "tmpl.toml:3: checkpoints.directry: there is no such key", "checkpoints.directory"),
        ("[checkpoints.keep]\nlast = 0", "tmpl.toml:2: checkpoints.keep.last: input should be greater than", "schema"),
        ("checkpoints.keep.last = 'x'", "tmpl.toml:1: checkpoints.keep.last: input should be a valid integer", "schema"),
        ("[checkpoints.keep]\nbest = 'loss:smallest'", "tmpl.toml:2: checkpoints.keep.best: KeepBest: the mode is 'min' or 'max'", "schema"),
        ("[checkpoints.keep]\nwithin = '7 parsecs'", "tmpl.toml:2: checkpoints.keep.within: '7 parsecs'", "schema"),
        ("source = 'no colon'", "tmpl.toml:1: source: 'no colon' is not of the form package.module:attribute", "schema"),
        ("seed = -1", "tmpl.toml:1: seed: input should be greater than or equal to 0 (got -1)", "schema"),
        ("[[getters]]\nname='ema'\n[[getters]]\npattern='*'", "tmpl.toml:3: getters[1].name: this key is required", "schema"),
        ("[[getters]]\nname='ema'\nmatch='*'", "tmpl.toml:3: getters[0].match: there is no such key", "name"),
        ("inputs = [{shap = [1]}]", "tmpl.toml:1: inputs[0].shap: there is no such key", "shape"),
        ("[restore]\nmissing = 'ignore'", "tmpl.toml:2: restore.missing: input should be 'error', 'warn', 'init' or 'skip'", ""),
        ("seed = ", "tmpl.toml:1: not valid TOML", ""),
        ("seed = 1\nseed = 2", "tmpl.toml:2: not valid TOML: Cannot overwrite a value", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_file_line_key_and_fix(tmp_path, monkeypatch, text, message, hint):
    (tmp_path / "tmpl.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load()
    assert hint in caught.value.hint


def test_wrong_environment_variables_are_named(project):
    with pytest.raises(ConfigError, match=r"^TMPL_SEED: seed: input should be a valid integer"):
        load({"TMPL_SEED": "many"})
    with pytest.raises(
        ConfigError, match=r"^TMPL_CHECKPOINT__DIRECTORY: checkpoint.directory: there is no such key"
    ) as e:
        load({"TMPL_CHECKPOINT__DIRECTORY": "x"})
    assert e.value.hint == "did you mean TMPL_CHECKPOINTS__DIRECTORY?"
    with pytest.raises(ConfigError, match=r"^TMPL_CHECKPOINTS__DIR: checkpoints.dir: there is no such key"):
        load({"TMPL_CHECKPOINTS__DIR": "x"})


def test_all_problems_are_there_and_the_message_counts_them(tmp_path):
    file = tmp_path / "tmpl.toml"
    file.write_text("sead = 1\n[checkpoints]\ndurable = 3\n")
    with pytest.raises(ConfigError, match=r"and 1 more") as caught:
        load(file=file)
    assert sorted(problem.key for problem in caught.value.problems) == ["checkpoints.durable", "sead"]


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load(file=tmp_path / "x.toml")
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(file=tmp_path / "x.toml")


def test_lines_of_keys():
    text = 'a = 1\n[t]\nb.c = 2\nd = """\na = 3\n"""\n"e f" = 4\n[[l]]\nx = 1\n[[l]]\n[l.m]\nx = 2\n'
    assert line_of(text, ("a",)) == 1
    assert line_of(text, ("t", "b", "c")) == 3
    assert line_of(text, ("t", "e f")) == 7
    assert line_of(text, ("l", 0, "x")) == 9
    assert line_of(text, ("l", 1)) == 10
    assert line_of(text, ("t", "nothing")) == 2
    assert line_of(text, ("nothing",)) is None


def test_the_schema_accepts_what_load_accepts_and_refuses_what_it_refuses():
    schema = tmplcore.config.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = tomllib.loads(FILE + 'best = "loss:min:1"\n[[getters]]\nname = "anything"\npattern = "x*"\n')
    validator.validate(good)
    for wrong in ({"sead": 1}, {"seed": -1}, {"checkpoints": {"dir": 1}}, {"restore": {"missing": "no"}}):
        assert not validator.is_valid(wrong), wrong
    described = [name for name, key in schema["properties"].items() if not (key.get("description") or "$ref" in key)]
    assert described == []


def test_the_schema_of_every_table_has_descriptions():
    for name, table in tmplcore.config.schema()["$defs"].items():
        for key, value in table.get("properties", {}).items():
            assert "description" in value or "$ref" in value, (name, key)


def test_importing_the_library_does_not_import_pydantic():
    code = "import sys, tmplcore; print(json.dumps(sorted(m for m in sys.modules if 'pydantic' in m)))"
    out = subprocess.run([sys.executable, "-c", "import json;" + code], capture_output=True, check=True, text=True)
    assert json.loads(out.stdout) == []


def test_the_environment_is_os_environ_by_default(project, monkeypatch):
    monkeypatch.setitem(os.environ, "TMPL_SEED", "11")
    assert tmplcore.config.load().settings.seed == 11
    assert Path(tmplcore.config.load().root) == project
