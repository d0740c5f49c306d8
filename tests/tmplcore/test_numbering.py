"""Default-name counters, against the flat table that TensorFlow's rules are written in."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import tmplcore as tmpl

NAMES = st.sampled_from(["a", "b", "a/b", "c", "d", ""])


class Flat:
    """The state machine of the specification: one table of counts, copied for a jump."""

    def __init__(self) -> None:
        self.current = ""
        self.opened: dict[str, int] = {}
        self.stack: list[tuple[str, dict[str, int] | None, str]] = []

    def _join(self, name: str) -> str:
        return f"{self.current}/{name}" if self.current else name

    def _count(self, name: str) -> None:
        self.opened[name] = self.opened.get(name, 0) + 1

    def enter(self, name: str) -> None:
        full = self._join(name)
        self._count(full)
        self.stack.append((self.current, None, full))
        self.current = full

    def numbered(self, default: str) -> str:
        name, number = default, 0
        while self.opened.get(self._join(name), 0):
            number += 1
            name = f"{default}_{number}"
        return name

    def jump(self, name: str) -> None:
        self._count(name)
        self.stack.append((self.current, dict(self.opened), name))
        self.current = name

    def leave(self) -> None:
        before, saved, full = self.stack.pop()
        if saved is None:
            self.opened = {key: count for key, count in self.opened.items() if not key.startswith(full + "/")}
        else:
            self.opened = saved
        self.current = before


class Scopes(RuleBasedStateMachine):
    """Walks through scopes with both, side by side."""

    def __init__(self) -> None:
        super().__init__()
        self.flat = Flat()
        self.store = tmpl.VariableStore()
        self.default = self.store.as_default()
        self.default.__enter__()
        self.open: list[tmpl.variable_scope] = []
        self.known: list[tmpl.VariableScope] = [tmpl.get_variable_scope()]

    def teardown(self) -> None:
        while self.open:
            self.open.pop().__exit__(None, None, None)
        self.default.__exit__(None, None, None)

    def _enter(self, manager: tmpl.variable_scope) -> tmpl.VariableScope:
        scope = manager.__enter__()
        self.open.append(manager)
        self.known.append(scope)
        return scope

    @rule(name=NAMES)
    def by_name(self, name: str) -> None:
        self.flat.enter(name)
        self._enter(tmpl.variable_scope(name, auxiliary_name_scope=False))

    @rule(name=st.sampled_from(["a", "b", "d", "a/b"]))
    def by_default(self, name: str) -> None:
        expected = self.flat.numbered(name)
        self.flat.enter(expected)
        self._enter(tmpl.variable_scope(None, name, auxiliary_name_scope=False))

    @rule(data=st.data())
    def by_scope(self, data: st.DataObject) -> None:
        target = data.draw(st.sampled_from(self.known))
        self.flat.jump(target.name)
        self._enter(tmpl.variable_scope(target, auxiliary_name_scope=False))

    @rule(name=NAMES)
    def by_a_scope_made_by_hand(self, name: str) -> None:
        self.flat.jump(name)
        self._enter(tmpl.variable_scope(tmpl.VariableScope(reuse=False, name=name), auxiliary_name_scope=False))

    @precondition(lambda self: self.open)
    @rule()
    def leave(self) -> None:
        self.flat.leave()
        self.open.pop().__exit__(None, None, None)

    @invariant()
    def names_agree(self) -> None:
        assert tmpl.get_variable_scope().name == self.flat.current


TestScopes = Scopes.TestCase
TestScopes.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)


def test_many_default_names_take_time_in_proportion() -> None:
    with tmpl.VariableStore().as_default():
        for number in range(3000):
            with tmpl.variable_scope(None, "d", auxiliary_name_scope=False) as scope:
                assert scope.name == ("d" if number == 0 else f"d_{number}")
