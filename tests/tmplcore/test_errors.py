"""Every error class: constructible, with its hint, through pickle, in the tree, in the documentation."""

from __future__ import annotations

import inspect
import pickle
import re
from pathlib import Path

import pytest

from tmplcore import errors
from tmplcore.errors import TmplError

CLASSES = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, TmplError)]
PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("error_class", CLASSES)
class TestErrorClass:
    def test_message_and_hint_survive_pickle(self, error_class: type[TmplError]) -> None:
        error = error_class("what and where", hint="how to mend it")
        error.add_note("defined there")
        other = pickle.loads(pickle.dumps(error))
        for one in (error, other):
            assert type(one) is error_class
            assert (str(one), one.hint, one.args) == ("what and where", "how to mend it", ("what and where",))
        assert other.__notes__ == ["defined there"]
        assert error_class().hint == ""

    def test_it_is_public_and_says_when(self, error_class: type[TmplError]) -> None:
        assert error_class.__name__ in errors.__all__
        assert (error_class.__doc__ or "").strip()

    def test_it_also_is_a_builtin(self, error_class: type[TmplError]) -> None:
        builtins = [base for base in error_class.__mro__ if base.__module__ == "builtins"]
        assert builtins[0] is not Exception or error_class is TmplError

    def test_it_is_in_the_tree_of_the_module(self, error_class: type[TmplError]) -> None:
        tree = inspect.getdoc(errors) or ""
        (line,) = re.findall(rf"^.*[─ ]{error_class.__name__}\b.*$|^{error_class.__name__}$", tree, re.MULTILINE)
        parent = error_class.__mro__[1]
        if parent is not object and issubclass(parent, TmplError):
            assert tree.index(parent.__name__) < tree.index(line)

    def test_it_is_documented_with_an_anchor(self, error_class: type[TmplError]) -> None:
        rows = [line for line in PAGE.splitlines() if f'<span id="{error_class.__name__}"></span>' in line]
        assert len(rows) == 1
        cells = [cell.strip() for cell in rows[0].strip("|").split(" | ")]
        assert f"`{error_class.__name__}`" in cells[0]
        builtin = cells[1].strip("`")
        assert builtin in {base.__name__ for base in error_class.__mro__}
        assert cells[2]


def test_the_page_documents_nothing_else() -> None:
    assert set(re.findall(r'<span id="(\w+)">', PAGE)) == {error_class.__name__ for error_class in CLASSES}
