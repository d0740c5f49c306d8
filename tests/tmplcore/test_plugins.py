"""The registry, tried on fake distributions: a `.dist-info` and a module on `sys.path`."""

import importlib
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from tmplcore import hookimpl
from tmplcore.descriptors import BackendPlugin, Descriptor, FormatPlugin, GetterPlugin
from tmplcore.errors import (
    CheckpointNotFoundError,
    MissingExtraError,
    PluginConflictError,
    PluginFailedError,
    PluginNotFoundError,
    UnreadableError,
)
from tmplcore.hookspecs import hookspec
from tmplcore.plugins import PluginRegistry, default_registry

BACKEND = """
from tmplcore import hookimpl
from tmplcore.descriptors import BackendPlugin

@hookimpl
def tmplcore_backends():
    return [BackendPlugin(name="{name}", summary="a test", factory="collections:OrderedDict")]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that puts a distribution with one plugin on `sys.path`."""
    made = set()

    def make(distribution, plugin, source, version="1.0", module=None):
        site = tmp_path / distribution
        module = module or f"{distribution.replace('-', '_')}_plugin"
        info = site / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[tmplcore]\n{plugin} = {module}\n")
        (site / f"{module}.py").write_text(textwrap.dedent(source))
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        made.add(module)
        return module

    yield make
    for module in made:
        sys.modules.pop(module, None)


def info(registry, name):
    (found,) = [plugin for plugin in registry.plugins() if plugin.name == name]
    return found


def registry(**environ):
    return PluginRegistry(environ=environ)


def test_a_plugin_is_found_with_its_distribution_version_hooks_and_offers(install):
    module = install("acme-arrays", "acme", BACKEND.format(name="acme-backend"), version="3.1")
    reg = registry()
    assert reg.backend("acme-backend").load_factory() is __import__("collections").OrderedDict
    plugin = info(reg, "acme")
    assert (plugin.distribution, plugin.version, plugin.module, plugin.state) == (
        "acme-arrays",
        "3.1",
        module,
        "loaded",
    )
    assert plugin.hooks == ("tmplcore_backends",)
    assert [offer.name for offer in plugin.offers] == ["acme-backend"]
    assert plugin.problems == ()


def test_nothing_is_imported_before_the_first_question(install):
    module = install("acme", "acme", BACKEND.format(name="acme"))
    reg = registry()
    assert module not in sys.modules
    reg.plugins()
    assert module in sys.modules


def test_two_distributions_with_one_name_are_both_refused_and_neither_is_imported(install):
    first = install("acme", "arrays", BACKEND.format(name="arrays"), version="1.0")
    second = install("bolt", "arrays", BACKEND.format(name="arrays"), version="2.0")
    install("other", "other", BACKEND.format(name="other"))
    reg = registry()
    with pytest.raises(PluginConflictError, match=r"acme 1\.0 and bolt 2\.0") as caught:
        reg.backend("arrays")
    assert "TMPL_PLUGINS_BLOCK=acme:arrays" in caught.value.hint
    assert "TMPL_PLUGINS_BLOCK=bolt:arrays" in caught.value.hint
    assert {first, second}.isdisjoint(sys.modules)
    assert [plugin.state for plugin in reg.plugins() if plugin.name == "arrays"] == ["conflict", "conflict"]
    assert reg.backend("other").name == "other"


def test_the_switch_that_the_conflict_names_ends_it(install):
    install("acme", "arrays", BACKEND.format(name="from-acme"))
    blocked = install("bolt", "arrays", BACKEND.format(name="from-bolt"))
    reg = registry(TMPL_PLUGINS_BLOCK="bolt:arrays")
    assert reg.backend("from-acme")
    assert blocked not in sys.modules
    with pytest.raises(PluginNotFoundError):
        reg.backend("from-bolt")


def test_another_distribution_cannot_replace_a_bundled_plugin(install):
    install("evil", "getters", BACKEND.format(name="evil"))
    with pytest.raises(PluginConflictError, match=r"evil 1\.0 and tmplcore"):
        registry().getter("getters")


def test_two_plugins_that_offer_one_thing(install):
    install("acme", "acme", BACKEND.format(name="arrays"))
    install("bolt", "bolt", BACKEND.format(name="arrays"))
    reg = registry()
    with pytest.raises(PluginConflictError, match=r"acme.*and.*bolt.*offer a backend named 'arrays'") as caught:
        reg.backend("arrays")
    assert "TMPL_PLUGINS_BLOCK=bolt:bolt" in caught.value.hint
    assert "arrays" not in reg.offers(BackendPlugin)
    assert "refused" in info(reg, "acme").problems[0]
    assert [offer.name for offer in info(reg, "acme").refused] == ["arrays"]
    assert info(reg, "numpy").refused == ()
    assert registry(TMPL_PLUGINS_BLOCK="bolt").backend("arrays")


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import package_that_nobody_has", "ModuleNotFoundError: No module named 'package_that_nobody_has'"),
        ("def broken(:", "SyntaxError"),
        ("raise KeyError('x')", "KeyError: 'x'"),
        ("from tmplcore import hookimpl\n@hookimpl\ndef tmplcore_backends(): return 1 / 0", "ZeroDivisionError"),
        ("from tmplcore import hookimpl\n@hookimpl\ndef tmplcore_backends(): return ['numpy']", "BackendPlugin values"),
        ("from tmplcore import hookimpl\n@hookimpl\ndef tmplcore_backends(wrong): return []", "wrong"),
        (
            BACKEND.format(name="x").replace("return [", "return 2 * ["),
            "two of the name 'x'",
        ),
    ],
)
def test_a_plugin_that_fails_says_why_and_takes_nothing_with_it(install, source, why):
    install("broken", "broken", source)
    install("fine", "fine", BACKEND.format(name="fine"))
    reg = registry()
    assert reg.backend("fine")
    assert info(reg, "broken").state == "failed"
    assert why in info(reg, "broken").problems[0]
    assert info(reg, "broken").offers == ()
    with pytest.raises(PluginFailedError, match=r"plugin 'broken' of broken 1\.0 failed"):
        reg.backend("broken")
    with pytest.raises(PluginNotFoundError) as caught:
        reg.backend("fin")
    assert "did you mean fine?" in caught.value.hint
    assert why in caught.value.hint


def test_an_entry_point_without_a_module(install, tmp_path):
    module = install("gone", "gone", "")
    (tmp_path / "gone" / f"{module}.py").unlink()
    importlib.invalidate_caches()
    assert "ModuleNotFoundError" in info(registry(), "gone").problems[0]


def test_load_only_and_block_import_nothing_else(install):
    one = install("one", "one", BACKEND.format(name="one"))
    two = install("two", "two", BACKEND.format(name="two"))
    reg = registry(TMPL_PLUGINS="one")
    assert reg.backend("one")
    assert two not in sys.modules
    assert info(reg, "two").state == "blocked"
    with pytest.raises(PluginNotFoundError, match="not among TMPL_PLUGINS"):
        reg.backend("two")
    sys.modules.pop(one)
    reg = registry(TMPL_PLUGINS_BLOCK=" one , ")
    assert reg.backend("two")
    assert one not in sys.modules


def test_an_empty_switch_is_no_switch(install):
    install("one", "one", BACKEND.format(name="one"))
    assert registry(TMPL_PLUGINS="", TMPL_PLUGINS_BLOCK="").backend("one")


def test_load_only_something_that_is_not_there():
    with pytest.raises(PluginNotFoundError, match="TMPL_PLUGINS names nunpy") as caught:
        registry(TMPL_PLUGINS="nunpy").plugins()
    assert caught.value.hint == "did you mean numpy?"
    with pytest.raises(PluginNotFoundError) as caught:
        registry(TMPL_PLUGINS="xyzzy").plugins()
    assert "installed are" in caught.value.hint
    assert ":" not in caught.value.hint


def test_blocking_something_that_is_not_there(install):
    install("one", "one", BACKEND.format(name="one"))
    with pytest.warns(UserWarning, match=r"TMPL_PLUGINS_BLOCK names oen, which is not installed: did you mean one\?"):
        assert registry(TMPL_PLUGINS_BLOCK="oen").backend("one")
    with pytest.warns(UserWarning, match="did you mean one:one"):
        registry(TMPL_PLUGINS_BLOCK="oen:one").plugins()


def test_tracing_says_what_is_loaded_and_called(install, capsys):
    install("acme", "acme", BACKEND.format(name="acme"))
    reg = registry(TMPL_PLUGINS="acme", TMPL_PLUGINS_TRACE="1")
    reg.plugins()
    reg.hook.tmplcore_variable_created(variable="w")
    lines = capsys.readouterr().err.splitlines()
    assert any("plugin 'acme' of acme 1.0: loaded" in line for line in lines)
    assert any("tmplcore_backends() -> acme" in line for line in lines)
    assert any("tmplcore_variable_created(variable='w')" in line for line in lines)


def test_a_higher_layer_adds_hooks_and_kinds_of_its_own(install):
    install(
        "acme",
        "acme",
        """
        from tmplcore import hookimpl

        @hookimpl
        def acme_things():
            import test_plugins_kinds
            return [test_plugins_kinds.Thing(name="t", summary="", factory="math:pi")]
        """,
    )

    class Thing(Descriptor):
        kind = "thing"
        hook = "acme_things"

    class Specs:
        @staticmethod
        @hookspec
        def acme_things():
            """Publish things."""

    kinds = sys.modules["test_plugins_kinds"] = type(sys)("test_plugins_kinds")
    kinds.Thing = Thing
    try:
        reg = registry(TMPL_PLUGINS="acme")
        assert "acme_things, which nothing calls" in info(reg, "acme").problems[0]
        reg.add_specs(Specs, Thing)
        reg.add_specs(Specs, Thing)
        assert info(reg, "acme").problems == ()
        assert reg.find(Thing, "t").load_factory() == pytest.approx(3.14159, abs=1e-4)
        assert list(reg.offers(Thing)) == ["t"]
    finally:
        del sys.modules["test_plugins_kinds"]


def test_a_hook_that_was_misspelt_is_reported(install):
    install("typo", "typo", "from tmplcore import hookimpl\n@hookimpl\ndef tmplcore_backend(): return []\n")
    assert info(registry(), "typo").problems == (
        "implements tmplcore_backend, which nothing calls (did you mean tmplcore_backends?)",
    )


def test_a_plugin_registered_by_hand_hears_of_variables():
    heard = []

    class Listener:
        @hookimpl
        def tmplcore_variable_created(self, variable):
            heard.append(variable)

        @hookimpl
        def tmplcore_getters(self):
            return [GetterPlugin(name="mine", summary="", factory="math:pi")]

    reg = registry(TMPL_PLUGINS="getters")
    reg.register(Listener(), "listener")
    reg.hook.tmplcore_variable_created(variable="w")
    assert heard == ["w"]
    assert reg.getter("mine")
    with pytest.raises(PluginConflictError, match="there is already"):
        reg.register(Listener(), "listener")


def test_many_threads_load_once(install):
    install("acme", "acme", BACKEND.format(name="acme") + "\nimport time; time.sleep(0.05)\n")
    reg = registry(TMPL_PLUGINS="acme")
    found = []
    threads = [threading.Thread(target=lambda: found.append(reg.backend("acme"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(descriptor is found[0] for descriptor in found)


FORMATS = """
from pathlib import Path
from tmplcore import hookimpl
from tmplcore.descriptors import FormatPlugin

def is_cake(path):
    return path.is_file() and path.read_bytes()[:4] == b"CAKE"

def is_iced(path):
    return path.is_file() and path.read_bytes()[:8] == b"CAKEICED"

def is_rude(path):
    raise RuntimeError("rude")

@hookimpl
def tmplcore_formats():
    make = lambda name, function, priority: FormatPlugin(
        name=name, summary="", factory="math:pi", suffixes=("." + name,), detect=f"{__name__}:{function}",
        priority=priority)
    return [make("cake", "is_cake", 0), make("rude", "is_rude", 20), make("iced", "is_iced", 10)]
"""


def test_detect_asks_by_priority_and_survives_a_rude_format(install, tmp_path):
    install("bakery", "bakery", FORMATS)
    reg = registry(TMPL_PLUGINS="bakery")
    assert [format_.name for format_ in reg.formats()] == ["rude", "iced", "cake"]
    (tmp_path / "a").write_bytes(b"CAKE....")
    (tmp_path / "b").write_bytes(b"CAKEICED")
    assert reg.detect(tmp_path / "a").name == "cake"
    assert reg.detect(str(tmp_path / "b")).name == "iced"


def test_detect_says_what_it_tried(install, tmp_path):
    install("bakery", "bakery", FORMATS)
    reg = registry(TMPL_PLUGINS="bakery")
    (tmp_path / "model.h5").write_bytes(b"not a cake")
    with pytest.raises(UnreadableError, match=r"begins with b'not a ca'.*rude \(which failed.*iced, cake"):
        reg.detect(tmp_path / "model.h5")
    (tmp_path / "empty").touch()
    with pytest.raises(UnreadableError, match="it is empty"):
        reg.detect(tmp_path / "empty")
    with pytest.raises(UnreadableError, match="it is a directory"):
        reg.detect(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UnreadableError, match="link to nothing"):
        reg.detect(tmp_path / "dangling")
    with pytest.raises(CheckpointNotFoundError, match="there is no checkpoint") as caught:
        reg.detect(tmp_path / "modle.h5")
    assert "model.h5" in caught.value.hint


def test_descriptors_say_what_to_install():
    descriptor = FormatPlugin(
        name="x", summary="", factory="nope:x", suffixes=(), detect="x:y", requires=("package_nobody_has",), extra="x"
    )
    assert descriptor.missing() == ("package_nobody_has",)
    assert descriptor.install_command == "pip install 'tmplcore[x]'"


def test_listing_plugins_imports_no_framework_and_no_storage():
    code = (
        "import sys, tmplcore, tmplcore.plugins\n"
        "assert all(p.state == 'loaded' for p in tmplcore.plugins.default_registry().plugins() "
        "if p.distribution == 'tmplcore')\n"
        "heavy = {'torch', 'jax', 'h5py', 'tensorflow', 'safetensors', 'typer', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_the_default_registry_is_made_once():
    assert default_registry() is default_registry()
    assert Path(sys.modules["tmplcore.plugins"].__file__).name == "plugins.py"


ADAPTER = """
from tmplcore import hookimpl
from tmplcore.descriptors import AdapterPlugin

@hookimpl
def tmplcore_adapters():
    return [AdapterPlugin(name="toy", summary="", factory=f"{__name__}:ToyAdapter", module="toy_framework")]

def __getattr__(name):
    from tmplcore.checkpoint import Adapter, Tree
    from tmplcore.checkpoint.slots import ArraySlot

    class ToyAdapter(Adapter):
        def slot(self, name, value, replace):
            return None

        def tree(self, value):
            arrays = getattr(value, "toys", None)
            if arrays is None:
                return None
            return Tree({name: ArraySlot(name, array) for name, array in arrays.items()}, lambda: value)

    if name == "ToyAdapter":
        return ToyAdapter
    raise AttributeError(name)
"""


def test_an_adapter_makes_the_objects_of_a_framework_savable(install, tmp_path, monkeypatch):
    from tmplcore import checkpoint

    install("toy", "toy", ADAPTER)
    monkeypatch.setattr("tmplcore.checkpoint.adapter.default_registry", lambda reg=registry(): reg)

    class Box:
        def __init__(self, fill):
            self.toys = {"a": np.full(3, fill), "b": np.full((), fill)}

    with pytest.raises(TypeError, match="a Box cannot be saved"):
        checkpoint.save(tmp_path / "no.h5", Box(1.0))  # its framework was not imported
    monkeypatch.setitem(sys.modules, "toy_framework", type(sys)("toy_framework"))
    checkpoint.save(tmp_path / "yes.h5", Box(1.0))
    box = Box(0.0)
    checkpoint.restore(tmp_path / "yes.h5", box)
    assert box.toys["a"].tolist() == [1, 1, 1]


def test_every_new_variable_is_announced_once(monkeypatch):
    import tmplcore

    heard = []

    class Listener:
        @hookimpl
        def tmplcore_variable_created(self, variable):
            heard.append(variable.name)

    reg = registry()
    reg.register(Listener(), "listener")
    monkeypatch.setattr("tmplcore.plugins._default", reg)
    with tmplcore.VariableStore().as_default(), tmplcore.variable_scope("s", reuse=tmplcore.AUTO_REUSE):
        for _ in range(2):
            tmplcore.get_variable("a", [1])
            tmplcore.get_variable("p", [4], partitioner=tmplcore.fixed_size_partitioner(2))
            tmplcore.get_local_variable("l", [1])
        tmplcore.Variable(1.0, name="v")
    assert heard == ["s/a:0", "s/p/part_0:0", "s/p/part_1:0", "s/l:0", "s/v:0"]


def test_a_package_that_is_missing_around_a_required_module_disturbs_nothing(install):
    source = BACKEND.format(name="far").replace("summary=", 'requires=("package_nobody_has.inner", "json"), summary=')
    install("acme", "acme", source)
    reg = registry()
    assert reg.backend("far").missing() == ("package_nobody_has.inner",)
    assert reg.backend("numpy").missing() == ()
    with pytest.raises(MissingExtraError, match="package_nobody_has"):
        reg.backend("far").load_factory()


def test_required_modules_are_a_tuple(install):
    install("acme", "acme", BACKEND.format(name="far").replace("summary=", 'requires="torch", summary='))
    assert "not a tuple of module names" in info(registry(), "acme").problems[0]
