"""What a look-up, a scope and a template call cost: ours, TensorFlow's graph mode, Haiku's, and the floor.

    python benchmarks/calls.py [--peer-python PATH] [--json]

The floor is one `ContextVar.get`, one string concatenation and one dict look-up in a function that is called like
`get_variable`. All times are the processor's, not the clock's, and the best of several rounds; what to read are the
ratios. TensorFlow and Haiku are timed if they can be imported, here or by the interpreter that `--peer-python` names
(TensorFlow rarely lives beside the rest); rounds of ours and of a peer in the same process alternate.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import subprocess
import sys
import time
import timeit
import types
from collections.abc import Callable
from contextvars import ContextVar

ROUNDS = 60  # short ones: on a busy machine some of them are not disturbed

Case = tuple[str, Callable[[], object], int]


def timed(function: Callable[[], object], number: int, *, collecting: bool = False) -> float:
    """Return the processor's seconds; timeit switches the garbage collector off, unless it is `collecting`."""
    return timeit.timeit(function, "gc.enable()" if collecting else "pass", time.thread_time, number, {"gc": gc})


def floor_case() -> Case:
    prefix: ContextVar[str] = ContextVar("prefix")
    prefix.set("a/b/c/")
    variables = {"a/b/c/v3": object()}

    def get(name: str, shape: list[int]) -> object:
        return variables[prefix.get() + name]

    return "floor", lambda: get("v3", [4, 4]), 10_000


def tf_shaped_cases(tf, number: int) -> list[Case]:
    """Return the cases of everything that has TensorFlow's names; `number` is the calls per round of the cheap ones."""
    names = [f"v{i}" for i in range(10)]
    graph = tf.Graph()

    with graph.as_default(), tf.variable_scope("a"), tf.variable_scope("b"), tf.variable_scope("c") as deep:
        for name in names:
            tf.get_variable(name, [4, 4])

    def hit_scope():
        return tf.variable_scope(deep, reuse=True)

    def passing(getter, *args, **kwargs):
        return getter(*args, **kwargs)

    def getter_scope():
        return tf.variable_scope(deep, reuse=True, custom_getter=passing)

    gv = tf.get_variable
    float32 = tf.float32

    def empty() -> None:
        return None

    def ten() -> None:
        for name in names:
            gv(name, [4, 4])

    with graph.as_default():
        template = tf.make_template("empty", empty)
        template()
        ten_template = tf.make_template("ten", ten)
        ten_template()

    def by_string() -> None:
        with tf.variable_scope("enc"):
            pass

    def by_object() -> None:
        with tf.variable_scope(deep):
            pass

    crowded = tf.Graph()
    with crowded.as_default():
        for i in range(1000):
            with tf.variable_scope(f"open{i}"):
                pass

    return [
        ("hit, shape as list", _in(graph, hit_scope, lambda: gv("v3", [4, 4])), number),
        ("hit, shape as tuple", _in(graph, hit_scope, lambda: gv("v3", (4, 4))), number),
        ("hit, with dtype", _in(graph, hit_scope, lambda: gv("v3", [4, 4], float32)), number),
        ("hit, through one getter", _in(graph, getter_scope, lambda: gv("v3", [4, 4])), number),
        ("template call, empty", _in(graph, None, template), number // 2),
        ("template call, ten hits", _in(graph, None, ten_template), number // 10),
        ("scope by string", _in(graph, None, by_string), number // 2),
        ("scope by object", _in(graph, None, by_object), number // 2),
        ("scope by string, 1,000 open", _in(crowded, None, by_string), number // 2),
        ("scope by object, 1,000 open", _in(crowded, None, by_object), number // 2),
    ]


class _in:
    """A case that is timed inside a graph and a scope, without the cost of entering them."""

    def __init__(self, graph, scope, function) -> None:
        self.graph, self.scope, self.function = graph, scope, function

    def time(self, number: int) -> float:
        with self.graph.as_default():
            if self.scope is None:
                return timed(self.function, number)
            with self.scope():
                return timed(self.function, number)


def haiku_cases(number: int) -> list[Case]:
    import haiku as hk
    import jax
    import jax.numpy as jnp

    times: dict[str, float] = {}

    def hits():
        with hk.experimental.name_scope("a"):
            for i in range(10):
                hk.get_parameter(f"v{i}", [4, 4], init=jnp.zeros)
            times["hit, shape as list"] = timed(lambda: hk.get_parameter("v3", [4, 4], init=jnp.zeros), number)

    transformed = hk.transform(hits)
    params = transformed.init(jax.random.PRNGKey(0))

    class Haiku:
        def time(self, _number: int) -> float:
            transformed.apply(params, None)
            return times["hit, shape as list"]

    return [("hit, shape as list", Haiku(), number)]


def creation(tf, count: int, rounds: int = 1) -> float:
    """Return the nanoseconds that each of `count` new scalars takes, beyond what its initial value takes."""
    zeros = tf.zeros_initializer()
    names = [f"v{i}" for i in range(count)]

    def variables() -> None:
        for name in names:
            tf.get_variable(name, [], initializer=zeros)

    def values() -> None:
        for _ in names:
            zeros([], tf.float32)

    created, computed = [], []
    for _ in range(rounds):
        gc.collect()
        with tf.Graph().as_default():
            created.append(timed(variables, 1, collecting=True))
        # TensorFlow's computes nothing yet.
        computed.append(timed(values, 1) if isinstance(tf, types.SimpleNamespace) else 0.0)
    return (min(created) - min(computed)) / count * 1e9


def measured(groups: dict[str, list[Case]]) -> dict[str, dict[str, float]]:
    """Return the best nanoseconds per call of every case; the rounds of the groups alternate."""
    best: dict[str, dict[str, float]] = {group: {} for group in groups}
    for _ in range(ROUNDS):
        for group, cases in groups.items():
            for label, function, number in cases:
                seconds = function.time(number) if hasattr(function, "time") else timed(function, number)
                nanoseconds = seconds / number * 1e9
                best[group][label] = min(best[group].get(label, nanoseconds), nanoseconds)
    return best


def our_module():
    """Return tmplcore with the names that TensorFlow has for the same things."""
    import tmplcore
    from tmplcore import dtypes, initializers

    names = {name: getattr(tmplcore, name) for name in tmplcore.__all__}
    tmpl = types.SimpleNamespace(**names, Graph=tmplcore.VariableStore, float32=dtypes.float32)
    tmpl.zeros_initializer = initializers.Zeros
    return tmpl


def peers(names: list[str]) -> dict[str, list[Case]]:
    groups = {}
    if "tensorflow" in names and importlib.util.find_spec("tensorflow"):
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
        groups["TensorFlow"] = tf_shaped_cases(tf, 200)
    if "haiku" in names and importlib.util.find_spec("haiku"):
        groups["Haiku"] = haiku_cases(300)
    return groups


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer-python", help="an interpreter with TensorFlow (and NumPy), for its times")
    parser.add_argument("--json", action="store_true", help="print the nanoseconds as JSON")
    parser.add_argument("--only-peers", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only_peers:
        times = measured({"floor": [floor_case()], **peers(["tensorflow", "haiku"])})
        import tensorflow.compat.v1 as tf

        times["TensorFlow"]["creating a scalar variable (of 1,000)"] = creation(tf, 1_000)
        print(json.dumps(times))
        return
    ours = our_module()
    times = measured({"floor": [floor_case()], "ours": tf_shaped_cases(ours, 2_000), **peers(["tensorflow", "haiku"])})
    for count, rounds in ((1_000, ROUNDS), (10_000, 10), (100_000, 5)):
        times["ours"][f"creating a scalar variable (of {count:,})"] = creation(ours, count, rounds)
    theirs = {}
    if options.peer_python:
        command = [options.peer_python, __file__, "--only-peers"]
        theirs = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    if options.json:
        print(json.dumps({"here": times, "peer": theirs}, indent=2))
        return
    report(times, theirs)


TARGETS = {
    "hit, shape as list": 4,
    "hit, shape as tuple": 4,
    "hit, with dtype": 4,
    "hit, through one getter": 18,
    "template call, empty": 12,
    "template call, ten hits": 50,
    "scope by string": 12,
    "scope by object": 12,
    "scope by string, 1,000 open": 12,
    "scope by object, 1,000 open": 12,
}
NEW_VARIABLE = 10_000  # nanoseconds, however many there are


def report(times: dict[str, dict[str, float]], theirs: dict[str, dict[str, float]]) -> None:
    floor = times["floor"]["floor"]
    print(f"floor {floor:.0f} ns" + (f" (at the peer's {theirs['floor']['floor']:.0f} ns)" if theirs else ""))
    print(f"{'':40} {'ours':>9} {'floors':>7} {'target':>7}   peers, and how much faster ours is")
    for label, ours in times["ours"].items():
        target = TARGETS.get(label, f"{NEW_VARIABLE / floor:.0f}")
        line = f"{label:40} {ours:7.0f}ns {ours / floor:7.1f} {target:>7}"
        for group in (times, theirs):
            scale = floor / group["floor"]["floor"] if group else 1
            for peer, found in group.items():
                if peer not in {"ours", "floor"} and label in found:
                    line += f"   {peer} {found[label] * scale:.0f}ns ({found[label] * scale / ours:.0f}x)"
        print(line)


if __name__ == "__main__":
    sys.exit(main())
