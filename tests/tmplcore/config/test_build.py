"""What a configuration builds: stores with backend, getters and seed; managers with retention."""
# ruff: noqa: E501

import numpy as np
import pytest

import tmplcore.config
from tmplcore import get_variable, variable_scope
from tmplcore.errors import ConfigError, MissingExtraError, PluginNotFoundError


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write_and_load(text):
        (tmp_path / "tmpl.toml").write_text(text)
        return tmplcore.config.load(environ={})

    return write_and_load


def test_backend_and_seed(load):
    def value(text):
        store = load(text).store()
        with store.as_default():
            return get_variable("w", [3]).numpy()

    np.testing.assert_array_equal(value("seed = 1"), value("seed = 1"))
    assert not np.array_equal(value("seed = 1"), value("seed = 2"))
    assert load('backend = "shapes"').store().backend.name == "shapes"
    assert load('backend = "shapes"').store(backend="numpy").backend.name == "numpy"


def test_paths_in_a_plugins_options_are_relative_to_the_file(load, tmp_path, monkeypatch):
    config = load('backend = "hdf5"\n[backends.hdf5]\npath = "state/w.h5"\n')
    (tmp_path / "state").mkdir()
    monkeypatch.chdir("/")
    store = config.store()
    try:
        with store.as_default():
            get_variable("w", [3])
    finally:
        store.backend.close()
    assert (tmp_path / "state" / "w.h5").exists()


def test_getters_by_pattern_and_in_order(load):
    store = load(
        '[[getters]]\nname = "cast"\npattern = "model/"\noptions = { read = "float16" }\n'
        '[[getters]]\nname = "override"\npattern = ["*/bias", "x"]\noptions = { trainable = false }\n'
    ).store()
    with store.as_default():
        with variable_scope("model"):
            kernel, bias = get_variable("kernel", [2]), get_variable("bias", [2])
        other, x = get_variable("kernel", [2]), get_variable("x", [2])
    assert [np.asarray(value).dtype for value in (kernel, bias, other, x)] == [
        np.float16, np.float16, np.float32, np.float32,
    ]  # fmt: skip
    assert {variable.op.name: variable.trainable for variable in store.variables} == {
        "model/kernel": True, "model/bias": False, "kernel": True, "x": False,
    }  # fmt: skip


def test_retention(load, tmp_path):
    manager = load(
        '[checkpoints]\ndirectory = "runs"\ndurable = false\n[checkpoints.keep]\nlast = 2\nevery = 10\nbest = "loss:min"\n'
        'within = "1s"\n'
    ).checkpoints()
    assert manager.directory == tmp_path / "runs"
    assert [type(rule).__name__ for rule in manager.keep] == ["KeepLast", "KeepEvery", "KeepBest", "KeepWithin"]
    assert not load("seed = 1").checkpoints().keep
    assert not load("[checkpoints.keep]\nlast = 1").checkpoints(prune=False).keep


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('backend = "nunpy"', PluginNotFoundError, "nunpy"),
        ('backend = "hdf5"\n[backends.hdf5]\npaht = "x.h5"', ConfigError, "tmpl.toml:3: backends.hdf5.paht: there is no such key"),
        ("[backends.numpy]\nx = 1", ConfigError, "tmpl.toml:2: backends.numpy.x: numpy has no options"),
        ('[[getters]]\nname = "emma"', PluginNotFoundError, "emma"),
        ('[[getters]]\nname = "ema"\noptions = { decay = 2 }', ConfigError, "tmpl.toml:3: getters[0].options.decay: input should be less"),
    ],
)  # fmt: skip
def test_what_cannot_be_built(load, text, error, message):
    with pytest.raises(error) as caught:
        load(text).store()
    assert message in str(caught.value)


def test_a_backend_that_is_not_installed_says_what_to_install(load, monkeypatch):
    from tmplcore.descriptors import BackendPlugin

    monkeypatch.setattr(BackendPlugin, "missing", lambda self: ("torch",) if self.name == "torch" else ())
    with pytest.raises(MissingExtraError) as caught:
        load('backend = "torch"').store()
    assert "pip install" in caught.value.hint
