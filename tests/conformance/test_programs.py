"""Every program does with us what it did with TensorFlow, but for what is mended."""

import json

import pytest

from tests.conformance import suite
from tests.conformance.describe import agrees
from tests.conformance.sides import Ours

NAMES = [(chapter, name) for chapter in suite.chapters() for name in suite.programs(chapter)]


@pytest.fixture(scope="module")
def ours():
    return Ours()


@pytest.mark.parametrize(("chapter", "name"), NAMES)
def test_program(ours, chapter, name):
    program = suite.programs(chapter)[name]
    expected = [(label, program.mended.get(label, value)) for label, value in suite.read(chapter)[name]]
    actual = program.run(ours.tf, ours.evaluate)
    assert [label for label, _ in actual] == [label for label, _ in expected]
    differences = [
        f"{label}:\n  TensorFlow: {json.dumps(theirs)}\n  ours:       {json.dumps(mine)}"
        for (label, theirs), (_, mine) in zip(expected, actual, strict=True)
        if not agrees(theirs, json.loads(json.dumps(mine)))
    ]
    assert not differences, "\n" + "\n".join(differences)
