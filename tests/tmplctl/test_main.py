"""The edges of `tmplctl`: help, usage errors, streams, signals, imports."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tmplctl.app import COMMANDS
from tmplctl.schemas import SCHEMAS

TMPLCTL = [sys.executable, "-m", "tmplctl"]


def spawn(*arguments, **kwargs):
    return subprocess.run([*TMPLCTL, *arguments], capture_output=True, text=True, timeout=60, **kwargs)


def test_no_arguments_is_help(tmplctl, capsys):
    assert tmplctl().code == 0
    text = capsys.readouterr().out
    assert "Usage: tmplctl" in text
    assert text.replace("\n", "").isprintable()


def test_version(capsys, tmplctl):
    assert tmplctl("--version").code == 0
    assert re.fullmatch(r"tmplctl \d+\.\d+\.\d+\n", capsys.readouterr().out)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples_in_80_columns(name, tmplctl, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    names = ["show", "check", "schema", "path"] if name == "config" else [None]
    for inner in names:
        assert tmplctl(name, *([inner] if inner else []), "--help").code == 0
        text = capsys.readouterr().out
        assert "Examples:" in text
        assert f"tmplctl {name}" in text
        assert "--json" in text
        assert max(map(len, text.splitlines())) <= 80, text
        assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["lst"], "no such command: lst", "did you mean list?"),
        (["verifi", "x"], "no such command: verifi", "did you mean verify?"),
        (["xyzzy"], "no such command: xyzzy", "tmplctl --help"),
        (["plugins", "--jason"], "no such option: --jason", "did you mean --json?"),
        (["plugins", "--xyzzy"], "no such option: --xyzzy", "tmplctl plugins --help"),
        (["--verzion"], "no such option: --verzion", "did you mean --version?"),
        (["config"], "missing command", "tmplctl config --help"),
        (["config", "chek"], "no such command: chek", "did you mean check?"),
        (["show"], "missing argument", "tmplctl show --help"),
        (["config", "show", "--set", "seed"], "'seed' is not of the form KEY=VALUE", "--set"),
        (["config", "show", "--set", "sead=1"], "--set: sead: there is no such key", "did you mean seed?"),
        (["config", "show", "--config", "none.toml"], "there is no configuration file", "tmplctl init"),
    ],
)  # fmt: skip
def test_wrong_usage_says_what_was_meant(fails, arguments, message, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = fails(2, *arguments)
    assert message.lower() in result.err.lower()
    assert hint in result.err


def test_an_option_without_its_value(tmplctl):
    result = tmplctl("plugins", "--config")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: option '--config' requires an argument\nhint: tmplctl --help\n"


def test_json_behind_two_dashes_is_a_name(tmplctl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = tmplctl("plugins", "--", "--json")
    assert (result.code, result.out) == (12, "")


def test_an_internal_error_is_one_line_and_the_traceback_is_there_on_demand(fails, tmplctl, monkeypatch):
    import tmplctl.commands.plugins as module

    def broken(*_args, **_kwargs):
        raise ZeroDivisionError("oh no")

    monkeypatch.setattr(module.Plugins, "__init__", broken)
    result = fails(2, "plugins")
    assert "internal error: ZeroDivisionError: oh no (test_main.py:" in result.err
    assert "TMPL_DEBUG=1" in result.err
    monkeypatch.setenv("TMPL_DEBUG", "1")
    assert "Traceback (most recent call last)" in tmplctl("plugins").err


def test_a_reader_that_has_enough_is_no_error():
    process = subprocess.Popen(
        [*TMPLCTL, "config", "schema"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ}
    )
    process.stdout.read(1)
    process.stdout.close()
    _, err = b"", process.stderr.read()
    process.stderr.close()
    assert process.wait(30) == 0
    assert err == b""


def test_ctrl_c_ends_with_130(tmp_path):
    (tmp_path / "slow.py").write_text("import time\ndef build():\n    print('go', flush=True)\n    time.sleep(30)\n")
    (tmp_path / "tmpl.toml").write_text('source = "slow:build"\n')
    process = subprocess.Popen(
        [*TMPLCTL, "save", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, text=True
    )
    assert process.stderr.readline() == "go\n"  # what a builder prints does not get into the answer
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "error: interrupted\n"
    assert json.loads(out)["error"] == {"type": "Interrupted", "message": "interrupted", "hint": "", "exit_code": 130}
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "__pycache__") == ["slow.py", "tmpl.toml"]


HEAVY = ("h5py", "torch", "jax", "numpy", "pydantic", "rich", "safetensors", "tmplcore.checkpoint", "hdf5plugin")


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["--help"], ()),
        (["--version"], ()),  # below, typer reads the values of options with pydantic
        (["show", "--help"], ("pydantic",)),
        (["lst"], ("pydantic",)),
        (["config", "path"], ("pydantic",)),
        (["config", "show", "--json"], ("pydantic",)),
        (["plugins", "--json"], ("pydantic",)),
        (["plugins"], ("pydantic",)),
    ],
)
def test_nothing_is_imported_before_it_is_needed(arguments, allowed):
    code = (
        "import sys\nfrom tmplctl.main import run\nrun(sys.argv[1:])\n"
        "print('\\n' + ' '.join(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    loaded = done.stderr.splitlines()[-1].split()
    heavy = {name for name in HEAVY if name in loaded and name not in allowed}
    assert heavy == set()


@pytest.mark.parametrize("arguments", [["show", "one.npz"], ["list", "empty"]])
def test_reading_takes_nothing_of_what_makes_and_restores_variables(arguments, tmp_path):
    np.savez(tmp_path / "one.npz", w=np.ones(2))
    (tmp_path / "empty").mkdir()
    code = (
        "import sys\nfrom tmplctl.main import run\nassert run(sys.argv[1:]) == 0\n"
        "print('\\n' + ' '.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    heavy = {"tmplcore.store", "tmplcore.variable", "tmplcore.initializers", "tmplcore.checkpoint.transfer"}
    assert heavy & set(done.stderr.splitlines()[-1].split()) == set()


def test_every_schema_is_a_schema_and_documented():
    import jsonschema

    for schema in SCHEMAS.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_colour_only_where_it_is_wanted(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    assert "\x1b[" not in spawn("plugins", env=environment).stdout
    assert "\x1b[" in spawn("plugins", env={**environment, "FORCE_COLOR": "1"}).stdout
    assert "\x1b[" not in spawn("plugins", env={**environment, "FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
