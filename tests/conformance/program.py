"""What a program is, how it is run, and what of it is recorded."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.describe import describe, failure

Trace = list[list[Any]]


class Recorder:
    """Collects what a program shows, step by step, each under a label of its own.

    Args:
        tf: The module under test.
        evaluate: Gives the value of a variable or tensor: `numpy` with us, a session in TensorFlow.
    """

    def __init__(self, tf: Any, evaluate: Callable[[Any], Any]) -> None:
        self.tf = tf
        self.trace: Trace = []
        self._evaluate = evaluate

    def __call__(self, label: str, value: Any) -> None:
        """Record what `value` is."""
        self._add(label, describe(self.tf, value))

    def value(self, label: str, variable: Any) -> None:
        """Record the number or array that a variable or a tensor has."""
        self._add(label, describe(self.tf, self._evaluate(variable)))

    @contextlib.contextmanager
    def fails(self, label: str, *words: str) -> Iterator[None]:
        """Record the exception that leaves the block, if one does, and which of `words` its message has."""
        try:
            yield
        except BaseException as error:
            self._add(label, failure(error, words))
        else:
            self._add(label, {"raises": None})

    def _add(self, label: str, description: Any) -> None:
        assert label not in {known for known, _ in self.trace}, f"two records have the label {label!r}"
        self.trace.append([label, description])


@dataclass(frozen=True)
class Program:
    """One program of the suite.

    Attributes:
        function: `function(tf, recorder)`, which uses nothing but TensorFlow 1's names.
        sections: The sections of the specification that it is about.
        covers: The corners (`coverage.CORNERS`) and surprises (`17.n`) that it shows.
        mended: Where TensorFlow's behaviour is mended: what is recorded here instead, by label.
        graph: Whether it runs in a graph of its own; otherwise in a new thread's default one.
    """

    function: Callable[[Any, Recorder], None]
    sections: tuple[str, ...]
    covers: tuple[str, ...] = ()
    mended: dict[str, Any] = field(default_factory=dict)
    graph: bool = True

    @property
    def name(self) -> str:
        return self.function.__name__

    def run(self, tf: Any, evaluate: Callable[[Any], Any]) -> Trace:
        """Run on one side and return what was recorded, the graph's collections last."""
        recorder = Recorder(tf, evaluate)

        def body() -> None:
            self.function(tf, recorder)
            recorder("at the end", collections(tf))

        if self.graph:
            with tf.Graph().as_default():
                body()
        else:
            run_in_thread(body)
        return recorder.trace


def collections(tf: Any) -> dict[str, list[Any]]:
    """List every collection of the default graph, in order."""
    graph = tf.get_default_graph()
    keys = set(graph.get_all_collection_keys()) - {"cond_context"}  # what TensorFlow notes about its own `cond` ops
    return {key: graph.get_collection(key) for key in sorted(keys)}


def run_in_thread(body: Callable[[], None]) -> None:
    """Run `body` in a thread of its own and pass on what it raises."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            body()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


def program(*sections: str, covers: str = "", mended: dict[str, Any] | None = None, graph: bool = True) -> Any:
    """Declare the decorated function a program about these sections."""

    def declare(function: Callable[[Any, Recorder], None]) -> Program:
        return Program(function, sections, tuple(covers.split()), mended or {}, graph)

    return declare
