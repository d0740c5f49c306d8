"""Random numbers depend on (seed, name) and on nothing else."""

import json
import subprocess
import sys
import threading

import numpy as np
import pytest

from tmplcore.dtypes import float32
from tmplcore.initial import InitialCall, Start
from tmplcore.initializers import RandomNormal
from tmplcore.random import BLOCK, Stream, drawing, next_stream

# What these streams have given from the first release on. If NumPy changes a distribution, this says so first.
GOLDEN_NORMAL = [1.1457462310791016, 0.015032447874546051, 0.09402886778116226]
GOLDEN_UNIFORM = [0.7528873682022095, 0.01420438289642334, 0.1564267873764038]
GOLDEN_INTEGERS = [772, 428, 835, 640]


def start(initializer, shape, name):
    """What a backend gets for a new variable."""
    return Start(InitialCall(initializer, shape, float32), name, 0, float32, shape)


def draw(seed, name, which=0, block=0, n=2):
    return Stream(seed, name, which).generator(block).standard_normal(n, dtype=np.float32)


def test_a_stream_is_its_seed_and_name():
    assert (draw(1, "a") == draw(1, "a")).all()
    for other in (draw(2, "a"), draw(1, "b"), draw(1, "a", 1), draw(1, "a", 0, 1), draw(-1, "a")):
        assert not (draw(1, "a") == other).any()
    assert (draw(np.int64(1), "a") == draw(1, "a")).all()
    assert draw(2**200, "naïve/\udcff") is not None
    with pytest.raises(TypeError, match="seed"):
        Stream(1.5, "a")


def test_seed_name_and_draw_are_not_run_together():
    assert not (draw(1, "1\0a") == draw(1, "a", 1)).any()
    assert not (draw(11, "a") == draw(1, "1a")).any()


def test_golden():
    assert draw(0, "dense/kernel", n=3).tolist() == pytest.approx(GOLDEN_NORMAL, rel=1e-6)
    assert Stream(0, "dense/kernel").generator(0).random(3, dtype=np.float32).tolist() == GOLDEN_UNIFORM
    assert Stream(7, "dense/kernel", 1).generator(3).integers(0, 1000, 4).tolist() == GOLDEN_INTEGERS


def test_other_processes_agree_whatever_the_hash_seed():
    program = (
        "import json, sys; from tmplcore.initializers import *; from tmplcore.random import drawing\n"
        "names = ['a', 'b/c', 'd']\n"
        "if sys.argv[1] == 'backwards': names.reverse()\n"
        "out = {}\n"
        "for name in names:\n"
        "    with drawing(5, name): out[name] = [float(x) for x in GlorotUniform()([2, 2]).flat]\n"
        "print(json.dumps(out, sort_keys=True))\n"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program, order],
            env={"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True,
        ).stdout
        for order, seed in [("forwards", "0"), ("backwards", "1"), ("forwards", "77")]
    }  # fmt: skip
    assert len(answers) == 1
    values = json.loads(answers.pop())
    assert len({tuple(value) for value in values.values()}) == 3


def test_threads_have_their_own_stream():
    results = {}

    def work(name):
        with drawing(0, name):
            results[name] = [next_stream().generator(0).random() for _ in range(50)]

    threads = [threading.Thread(target=work, args=(f"v{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name, values in results.items():
        with drawing(0, name):
            assert values == [next_stream().generator(0).random() for _ in range(50)]


def test_each_draw_of_one_creation_is_another():
    def four_gates(shape, dtype=None):
        return np.concatenate([RandomNormal()([2, 2]) for _ in range(4)])

    value = start(four_gates, (8, 2), "lstm/kernel")
    gates = value.array().reshape(4, -1)
    assert len({tuple(gate) for gate in gates.tolist()}) == 4
    assert (value.array() == gates.reshape(8, 2)).all()


def test_outside_a_creation_the_numbers_repeat():
    assert (RandomNormal()([3]) == RandomNormal()([3])).all()
    assert not (RandomNormal(seed=1)([3]) == RandomNormal()([3])).any()


def test_an_initializers_own_seed_replaces_the_stores():
    with drawing(3, "v"):
        one = RandomNormal(seed=9)([3])
    with drawing(4, "v"):
        two = RandomNormal(seed=9)([3])
    with drawing(4, "w"):
        three = RandomNormal(seed=9)([3])
    assert (one == two).all()
    assert not (one == three).any()


def test_a_failure_gives_the_context_back():
    with pytest.raises(ZeroDivisionError), drawing(0, "v"):
        1 / 0
    assert (RandomNormal()([3]) == RandomNormal()([3])).all()


def test_blocks_are_the_whole():
    value = start(RandomNormal(), (BLOCK + 3,), "v")
    blocks = list(value.blocks())
    assert [len(block) for block in blocks] == [BLOCK, 3]
    assert (np.concatenate(blocks) == value.array()).all()
