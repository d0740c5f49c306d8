"""The letters-to-phonemes model computes what TensorFlow computed, wherever its variables live."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tmpl_tensorflow.bundle import BundleFormat
from tmplcore import VariableStore
from tmplcore.arrays import to_numpy
from tmplcore.plugins import default_registry

G2P = Path(__file__).parents[2] / "examples" / "g2p"


@pytest.fixture
def model() -> ModuleType:
    spec = importlib.util.spec_from_file_location("g2p_model", G2P / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def reference():
    with np.load(G2P / "reference.npz") as file:
        return dict(file)


def _store(backend: str, folder: Path) -> VariableStore:
    if backend == "hdf5":
        factory = default_registry().backend("hdf5").load_factory()
        return VariableStore(factory(path=folder / "variables.h5"))
    if backend in ("torch", "jax"):
        pytest.importorskip(backend)
    return VariableStore(backend)


def test_the_names_of_letters_and_phonemes_are_the_originals(model, reference) -> None:
    assert list(reference["graphemes"]) == model.LETTERS
    assert list(reference["phonemes"]) == model.PHONEMES
    assert [model.spell(word) for word in reference["words"]] == reference["x"].tolist()
    assert [model.say(ids) for ids in reference["y"]] == list(reference["pron"])


@pytest.mark.parametrize("backend", ["numpy", "hdf5", "torch", "jax"])
def test_ten_words_come_out_as_in_tensorflow(backend: str, model, reference, tmp_path: Path) -> None:
    store = _store(backend, tmp_path)
    with store.as_default(), BundleFormat().open(G2P / "g2p_infer_v2") as checkpoint:
        g2p, xp = model.build()
        # The names come from the scopes; nothing here maps one to another.
        assert {variable.op.name: tuple(variable.shape) for variable in store.variables} == {
            name: variable.shape for name, variable in checkpoint.items()
        }
        for variable in store.variables:
            variable.assign(checkpoint[variable.op.name][...])
        for _ in range(2):
            logits, phonemes = g2p(xp.asarray(reference["x"].tolist(), dtype=xp.int32))
        assert len(store.variables) == len(checkpoint)
        assert [model.say(ids) for ids in phonemes] == list(reference["pron"])
        assert np.array_equal(to_numpy(phonemes), reference["y"])
        assert np.abs(to_numpy(logits) - reference["logits"]).max() < 1e-3
    store.backend.close()
    if backend == "hdf5":
        again = _store(backend, tmp_path)
        with again.as_default():
            g2p, xp = model.build()
            _, phonemes = g2p(xp.asarray(reference["x"].tolist(), dtype=xp.int32))
            assert np.array_equal(to_numpy(phonemes), reference["y"])
        again.backend.close()


def test_the_builder_runs_without_values(model) -> None:
    store = VariableStore("shapes")
    with store.as_default():
        model.build()
        assert len(store.variables) == 19


def _run(*command: str, cwd: Path) -> subprocess.CompletedProcess:
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"], "NO_COLOR": "1", "COLUMNS": "100"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_the_demo_goes_from_a_tensorflow_checkpoint_to_a_pronunciation(tmp_path: Path) -> None:
    shutil.copytree(G2P, tmp_path / "g2p", ignore=shutil.ignore_patterns("run", "__pycache__"))
    (tmp_path / "g2p" / "run").mkdir()
    (tmp_path / "g2p" / "run" / "imported.h5").write_text("left by an earlier demo")
    done = _run(sys.executable, "g2p/demo.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "template → T EH1 M P L EY2 T\n" in done.stdout
    for command in ["convert", "save", "list", "show", "restore"]:
        assert f"$ tmplctl {command}" in done.stdout
    assert "gru_cell" in done.stdout


def test_the_pronouncing_program_says_what_is_missing(tmp_path: Path) -> None:
    shutil.copytree(G2P, tmp_path, ignore=shutil.ignore_patterns("run", "__pycache__"), dirs_exist_ok=True)
    (tmp_path / "run").mkdir()
    done = _run(sys.executable, "pronounce.py", "template", cwd=tmp_path)
    assert done.returncode == 2
    assert "run: tmplctl restore latest" in done.stderr
    done = _run(sys.executable, "pronounce.py", "x" * 20, cwd=tmp_path)
    assert done.returncode == 2
    assert "19 at most" in done.stderr
    done = _run(sys.executable, "pronounce.py", "--checkpoint", "g2p_infer_v2", "scope", "Getter", cwd=tmp_path)
    assert done.stdout == "scope → S K OW1 P\nGetter → JH EH1 T ER0\n", done.stderr
