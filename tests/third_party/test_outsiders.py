"""A distribution of somebody else, installed from wheels into a fresh environment: found, configured, proved.

`shelf/` is what `docs/tutorials/write-a-plugin.md` builds. The environment is new, but sees the packages that this one
has, so that nothing has to be fetched; tmplcore itself comes from a wheel that is built here.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHELF = Path(__file__).parent / "shelf"
BUILD = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"


def run(*command, cwd, check=True, **environ):
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env={**{k: v for k, v in os.environ.items() if not k.startswith(("TMPL", "PYTEST"))}, **environ},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Build both distributions."""
    folder = tmp_path_factory.mktemp("wheels")
    for source in (ROOT, SHELF):
        run(sys.executable, "-c", BUILD, folder, cwd=source)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheels, tmp_path_factory):
    """A fresh environment with both wheels in it."""
    home = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    (site,) = home.glob("lib/python*/site-packages")
    # Plain paths: the .pth files in them, which would bring in this very source tree, are not read.
    (site / "packages.pth").write_text(
        "\n".join(path for path in sys.path if any(Path(path).glob("*.dist-info"))) + "\n"
    )
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", "--force-reinstall", *wheels, cwd=home)
    return python


@pytest.fixture
def tmplctl(python, tmp_path):
    def call(*arguments, check=True, **environ):
        return run(python, "-m", "tmplctl", *arguments, cwd=tmp_path, check=check, **environ)

    return call


def test_tmplcore_comes_from_the_wheel(python, tmp_path):
    where = run(
        python, "-c", "import tmplcore, tmpl_torch; print(tmplcore.__file__, tmpl_torch.__file__)", cwd=tmp_path
    )
    for path in where.stdout.split():
        assert Path(path).is_relative_to(python.parents[1])


def test_it_passes_the_contract_suites(python, tmp_path):
    done = run(
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", SHELF, SHELF / "tests", cwd=tmp_path
    )
    assert " passed" in done.stdout


def test_a_failing_contract_explains_itself(python, tmp_path):
    """The suites' asserts are rewritten for outsiders too."""
    (tmp_path / "test_wrong.py").write_text(
        "from tmpl_shelf.backend import ShelfBackend\n"
        "from tmplcore.testing.backend import BackendContract\n"
        "class TestWrong(BackendContract):\n"
        "    def open(self, directory):\n"
        "        backend = ShelfBackend(directory)\n"
        "        backend.numpy = lambda spec, cell: cell.value.astype('float64')\n"
        "        return backend\n"
    )
    done = run(
        python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "shape_and_dtype", cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert "assert dtype('float64') ==" in done.stdout


def test_tmplctl_lists_it(tmplctl):
    plugins = json.loads(tmplctl("plugins", "shelf", "--json").stdout)["plugins"]
    (shelf,) = plugins
    assert (shelf["distribution"], shelf["version"], shelf["state"]) == ("tmpl-shelf", "0.3.0", "loaded")
    assert sorted((offer["kind"], offer["name"]) for offer in shelf["offers"]) == [
        ("backend", "shelf"),
        ("command", "biggest"),
        ("format", "shelf"),
        ("getter", "noise"),
    ]
    assert shelf["problems"] == []


def test_it_can_be_switched_off(tmplctl, python, tmp_path):
    (shelf,) = json.loads(tmplctl("plugins", "shelf", "--json", TMPL_PLUGINS_BLOCK="shelf").stdout)["plugins"]
    assert shelf["state"] == "blocked"
    code = "import sys, tmplcore.plugins as p; p.default_registry().plugins(); assert 'tmpl_shelf' not in sys.modules"
    run(python, "-c", code, cwd=tmp_path, TMPL_PLUGINS="numpy,hdf5")


PROGRAM = """
import sys
import numpy as np
import tmplcore, tmplcore.config
from tmplcore import checkpoint

config = tmplcore.config.load()
with config.store().as_default() as store:
    with tmplcore.variable_scope("net"):
        w = tmplcore.get_variable("w", [3, 2])
        step = tmplcore.get_variable("step", [], "int64", trainable=False)
    step.assign_add(1)
assert store.backend.name == "shelf"
assert not isinstance(w, tmplcore.Variable)     # the noise getter was there
print(int(step.numpy()))
if sys.argv[1:]:
    checkpoint.save(sys.argv[1], store, step=3, format="shelf")
"""

CONFIG = """
backend = "shelf"

[backends.shelf]
directory = "values"

[[getters]]
name = "noise"
pattern = ["net/*"]
options = { deviation = 0.5 }
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "tmpl.toml").write_text(CONFIG)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def test_a_configuration_names_its_backend_and_getter_and_values_outlast_the_process(python, project):
    for count in (1, 2, 3):
        assert run(python, "program.py", cwd=project).stdout.split() == [str(count)]
    assert sorted(path.name for path in (project / "values").iterdir()) == ["net%2Fstep.npy", "net%2Fw.npy"]


def test_wrong_options_are_refused_by_its_own_model(python, project):
    (project / "tmpl.toml").write_text(CONFIG.replace("deviation = 0.5", "devation = 0.5"))
    code = (
        "import tmplcore.config, tmplcore.errors as e\n"
        "try: tmplcore.config.load().store()\nexcept e.ConfigError as error: print(error, '|', error.hint)"
    )
    message, hint = run(python, "-c", code, cwd=project).stdout.split("|")
    assert "tmpl.toml:" in message
    assert "getters[0].options.devation" in message
    assert "deviation" in hint


def test_its_format_is_detected_and_its_command_runs(python, project, tmplctl):
    run(python, "program.py", "model.shelf", cwd=project)
    assert (project / "model.shelf").read_bytes().startswith(b"SHELF 1\n")
    code = (
        "import tmplcore.checkpoint as c; r = c.open('model.shelf'); "
        "print(r.format, r.meta.step, sorted(r), r['net/step'][...])"
    )
    assert run(python, "-c", code, cwd=project).stdout.strip() == "shelf 3 ['net/step', 'net/w'] 1"
    biggest = json.loads(tmplctl("biggest", "model.shelf", "--json").stdout)
    assert biggest["variables"] == [{"name": "net/w", "bytes": 24}, {"name": "net/step", "bytes": 8}]
    assert tmplctl("biggest", "model.shelf", "--top", "1", "--quiet").stdout.split() == ["net/w"]
    assert "largest variables" in tmplctl("--help").stdout


@pytest.mark.parametrize(
    "damage", [b"", b"SHELF 1\n", b"SHELF 1\n\xff\xff\xff\xff\xff\xff\xff\x7f", b"SHELF 1\n" + bytes(8)]
)
def test_damaged_files_of_its_format_are_refused(python, project, damage):
    (project / "bad.shelf").write_bytes(damage)
    code = (
        "import tmplcore.checkpoint as c, tmplcore.errors as e\n"
        "try: c.open('bad.shelf')\nexcept e.UnreadableError as error: print('refused', error)"
    )
    assert run(python, "-c", code, cwd=project).stdout.startswith("refused")
