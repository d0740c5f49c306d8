"""Every hook is documented with its exact signature, and has a test; the tutorial's files are those that are tested."""

import inspect
import re
from pathlib import Path

import pytest

from tmplcore import hookspecs
from tmplctl import hookspecs as command_hookspecs

ROOT = Path(__file__).parents[2]
SHELF = ROOT / "tests" / "third_party" / "shelf"
TUTORIAL = ROOT / "docs" / "tutorials" / "write-a-plugin.md"
HOOKS = {
    name: function
    for module in (hookspecs, command_hookspecs)
    for name, function in vars(module).items()
    if hasattr(function, "tmplcore_spec")
}


def test_there_are_hooks():
    assert {"tmplcore_backends", "tmplcore_variable_created", "tmplctl_commands"} <= HOOKS.keys()


def test_the_page_has_exactly_these_hooks_with_their_signatures():
    page = (ROOT / "docs" / "reference" / "hooks.md").read_text()
    documented = set(re.findall(r"^## `(.*\(.*)`$", page, re.MULTILINE))
    assert documented == {f"{name}{inspect.signature(hook)}".replace("'", "") for name, hook in HOOKS.items()}


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_implemented_in_a_test(hook):
    tests = (ROOT / "tests").rglob("*.py")
    assert any(re.search(rf"def {hook}\(", path.read_text()) for path in tests if path != Path(__file__))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_a_docstring(hook):
    assert inspect.getdoc(HOOKS[hook])


def test_the_tutorial_shows_the_files_that_the_tests_install():
    shown = dict(re.findall(r"```(?:python|toml)\n# (\S+)\n(.*?)```", TUTORIAL.read_text(), re.DOTALL))
    files = {
        str(path.relative_to(SHELF)): path.read_text()
        for path in (*SHELF.rglob("*.py"), SHELF / "pyproject.toml")
        if "__pycache__" not in path.parts
    }
    assert shown.keys() == files.keys()
    for name, text in files.items():
        assert shown[name] == text, f"{name} on the page is not the one in tests/third_party/shelf"
