"""Runs a random program on one side and writes down all that it shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.conformance.describe import describe, failure
from tests.conformance.generator import vocabulary
from tests.conformance.program import run_in_thread

Statement = dict[str, Any]
Event = list[Any]

BUDGET = 120  # statements that one program may run: templates call templates
DEPTH = 6  # template calls within one another


class Raised(Exception):
    """What a program raises by itself."""


@dataclass
class Called:
    """A template, and what the machine knows of its calls."""

    template: Any
    done: bool = False
    active: bool = False


@dataclass
class FailedCall:
    """A first call of a template that failed: what was seen in it, and how much of the program it was."""

    events: list[Event]
    calls: int
    spent: int
    error: Exception


@dataclass
class Machine:
    """One run of one program.

    Args:
        tf: The module under test.
        skips: First calls of templates that are known to fail, by their number. They are not run: what they
            showed is repeated and their error raised. With that TensorFlow shows what a failed first call that
            leaves nothing behind is like.
    """

    tf: Any
    skips: dict[int, FailedCall] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    failed: dict[int, FailedCall] = field(default_factory=dict)
    scopes: list[Any] = field(default_factory=list)
    templates: list[Called] = field(default_factory=list)
    elsewhere: Any = None
    calls: int = 0
    spent: int = 0
    depth: int = 0

    def run(self, program: list[Statement]) -> list[Event]:
        """Run a program in a graph and a thread of its own; return what it showed."""

        def body() -> None:
            with self.tf.Graph().as_default():
                try:
                    self.block(program)
                except Exception as error:
                    self.show("escaped", failure(error))
                self.finish()

        run_in_thread(body)
        return self.events

    def show(self, kind: str, shown: Any) -> None:
        self.events.append([kind, shown])

    def value(self, kind: str, value: Any) -> None:
        """Show a value."""
        self.show(kind, self.described(value))

    def described(self, value: Any) -> Any:
        """Describe variables, text and lists of them; all else is the result of mathematics, and just a value."""
        if isinstance(value, list):
            return [self.described(item) for item in value]
        known = value is None or isinstance(value, str) or hasattr(value, "trainable") or hasattr(value, "as_tensor")
        return describe(self.tf, value) if known else "<value>"

    def finish(self) -> None:
        """Show the state at the end."""
        self.scope()
        graph = self.tf.get_default_graph()
        for key in sorted(graph.get_all_collection_keys()):
            items = graph.get_collection(key)
            self.show(
                key, len(items) if key == "regularization_losses" else [describe(self.tf, item) for item in items]
            )
        for called in self.templates:
            self.template(called)

    def scope(self) -> None:
        self.show("scope", describe(self.tf, self.tf.get_variable_scope()))
        self.show("name scope", self.tf.get_default_graph().get_name_scope())

    def template(self, called: Called) -> None:
        template = called.template
        self.show("template", [template.name, template.variable_scope_name, describe(self.tf, template.variable_scope)])
        self.show("its variables", [variable.name for variable in template.variables])
        self.show("its trainables", [variable.name for variable in template.trainable_variables])

    # -- statements ------------------------------------------------------------------------------------------------

    def block(self, statements: list[Statement]) -> None:
        for statement in statements:
            if self.spent >= BUDGET:
                return
            self.spent += 1
            do = getattr(self, "do_" + statement["do"])
            if not statement.get("try"):
                do(statement)
                continue
            try:
                do(statement)
            except Exception as error:
                self.show("caught", failure(error))

    def options(self, statement: Statement) -> dict[str, Any]:
        """Turn the words of a statement's options into arguments."""
        tf = self.tf
        made: dict[str, Any] = {}
        for key, word in statement.get("options", {}).items():
            if key == "getter":
                made["custom_getter"] = vocabulary.getter(tf, word, self.events)
            elif key == "collections":
                made[key] = vocabulary.collections(word)
            elif key == "synchronization":
                made[key] = getattr(tf.VariableSynchronization, word)
            elif key in ("trainable", "validate_shape", "auxiliary_name_scope", "use_resource", "caching_device"):
                made[key] = word
            else:
                made[key] = getattr(vocabulary, key)(tf, word)
        return made

    def do_scope(self, statement: Statement) -> None:
        name = statement["name"]
        if statement.get("jump") is not None and self.scopes:
            name = self.scopes[statement["jump"] % len(self.scopes)]
        manager = self.tf.variable_scope(name, statement.get("default"), **self.options(statement))
        for _ in range(2 if statement.get("twice") else 1):
            with manager as scope:
                self.show("entered", describe(self.tf, scope))
                self.scopes.append(scope)
                self.block(statement["body"])
        self.scope()

    def do_name_scope(self, statement: Statement) -> None:
        with self.tf.name_scope(statement["name"], statement.get("default")) as scope:
            self.show("entered name scope", scope)
            self.block(statement["body"])

    def do_get(self, statement: Statement) -> None:
        get = self.tf.get_local_variable if statement.get("local") else self.tf.get_variable
        arguments = {} if statement.get("shape") is None else {"shape": vocabulary.shape(self.tf, statement["shape"])}
        self.value("got", get(statement["name"], **arguments, **self.options(statement)))

    def do_variable(self, statement: Statement) -> None:
        options = self.options(statement)
        value = options.pop("initial", 1.0)
        self.value("made", self.tf.Variable(value, name=statement["name"], **options))

    def do_thread(self, statement: Statement) -> None:
        """Run the block in another thread; not in a template, whose first call here keeps other threads waiting."""
        if self.depth:
            return
        graph = self.tf.get_default_graph()

        def body() -> None:
            with graph.as_default():
                self.scope()
                self.block(statement["body"])

        run_in_thread(body)

    def do_elsewhere(self, statement: Statement) -> None:
        """Run the block where a variable of another graph is."""
        if self.elsewhere is None:
            with self.tf.Graph().as_default():
                self.elsewhere = self.tf.Variable(1.0, name="elsewhere")
        with self.tf.variable_scope(statement["name"], statement.get("default"), values=[self.elsewhere]) as scope:
            self.show("entered elsewhere", describe(self.tf, scope))
            self.scopes.append(scope)
            self.block(statement["body"])

    def do_find(self, statement: Statement) -> None:
        self.show("found op", self.tf.get_default_graph().get_operation_by_name(statement["name"]).name)

    def do_op(self, statement: Statement) -> None:
        self.show("op", self.tf.constant(1.0, name=statement["name"]).name)

    def do_unique(self, statement: Statement) -> None:
        self.show("unique", self.tf.get_default_graph().unique_name(statement["name"], mark_as_used=statement["mark"]))

    def do_creator(self, statement: Statement) -> None:
        with self.tf.variable_creator_scope(vocabulary.creator(self.tf, statement["kind"], self.events)):
            self.block(statement["body"])

    def do_attempt(self, statement: Statement) -> None:
        try:
            self.block(statement["body"])
        except Exception as error:
            self.show("caught", failure(error))

    def do_raise(self, statement: Statement) -> None:
        raise {"own": Raised, "key": KeyError, "value": ValueError}[statement["error"]]("raised")

    def do_set(self, statement: Statement) -> None:
        scope = self.tf.get_variable_scope()
        if statement.get("what") is None:
            scope.reuse_variables()
            return
        for key, value in self.options(statement).items():
            if not (key == "dtype" and statement["what"] == "unset"):
                getattr(scope, "set_" + key)(None if statement["what"] == "unset" else value)

    def do_collect(self, statement: Statement) -> None:
        self.tf.add_to_collection("extra", statement["name"])

    def do_list(self, statement: Statement) -> None:
        scope = self.tf.get_variable_scope()
        self.show("global", [variable.name for variable in scope.global_variables()])
        self.show("trainable", [variable.name for variable in scope.trainable_variables()])
        self.show("local", [variable.name for variable in scope.local_variables()])

    def do_hand(self, statement: Statement) -> None:
        options = self.options(statement)
        reuse = options.pop("reuse", False)
        self.scopes.append(self.tf.VariableScope(reuse, name=statement["name"], **options))

    def do_step(self, statement: Statement) -> None:
        # One that is found by its name alone is in TensorFlow the variable's tensor: only names can be compared.
        step = self.tf.train.get_or_create_global_step()
        names = [getattr(item, "name", "") for item in (step if isinstance(step, list) else [step])]
        named = [name for name in names if "global_step" in name]
        self.show("global step", named)

    def do_graph(self, statement: Statement) -> None:
        with self.tf.Graph().as_default():
            self.block(statement["body"])
            self.finish()

    def do_template(self, statement: Statement) -> None:
        body = statement["body"]

        def function() -> str:
            self.show("inside", describe(self.tf, self.tf.get_variable_scope()))
            self.show("op", self.tf.constant(1.0, name="inner").name)
            self.block(body)
            return "returned"

        custom_getter = statement.get("getter")
        template = self.tf.make_template(
            statement["name"],
            function,
            create_scope_now_=statement.get("now", False),
            unique_name_=statement.get("unique"),
            custom_getter_=None if custom_getter is None else vocabulary.getter(self.tf, custom_getter, self.events),
        )
        self.templates.append(Called(template))
        self.template(self.templates[-1])
        for _ in range(statement.get("calls", 0)):
            self.call(self.templates[-1])

    def do_call(self, statement: Statement) -> None:
        if self.templates:
            self.call(self.templates[statement["template"] % len(self.templates)])

    def call(self, called: Called) -> None:
        number = self.calls
        self.calls += 1
        if self.depth >= DEPTH:
            return
        if (skip := self.skips.get(number)) is not None:
            self.events += skip.events
            self.calls += skip.calls
            self.spent += skip.spent
            raise skip.error
        first = not called.done and not called.active
        events, spent = len(self.events), self.spent
        scopes, templates, done = len(self.scopes), len(self.templates), [other.done for other in self.templates]
        active, called.active = called.active, True
        self.depth += 1
        try:
            self.value("answer", called.template())
        except Exception as error:
            if first:
                self.failed[number] = FailedCall(
                    self.events[events:], self.calls - number - 1, self.spent - spent, error
                )
                del self.scopes[scopes:], self.templates[templates:]
                for other, was in zip(self.templates, done, strict=True):
                    other.done = was
            raise
        finally:
            called.active = active
            self.depth -= 1
        called.done = True
        self.template(called)
