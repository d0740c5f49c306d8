"""Random programs do with us what they did with TensorFlow when recorded; `make conformance` draws new ones."""

import json

import pytest

from tests.conformance import suite
from tests.conformance.generator.compare import difference, on_ours
from tests.conformance.sides import Ours

RECORDED = [json.loads(line) for line in (suite.HERE / "generator" / "recorded.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def ours():
    return Ours()


def test_there_are_enough():
    assert len(RECORDED) >= 300


@pytest.mark.parametrize("number", range(len(RECORDED)))
def test_recorded_program(ours, number):
    recorded = RECORDED[number]
    found = difference(recorded["trace"], on_ours(ours.tf, recorded["program"]))
    assert found is None, f"{found}\n{json.dumps(recorded['program'])}"


def test_a_difference_is_seen(ours):
    """The comparison can fail: a trace with one name changed does not agree."""
    recorded = next(entry for entry in RECORDED if any(kind == "op" for kind, _ in entry["trace"]))
    changed = [[kind, "elsewhere" if kind == "op" else shown] for kind, shown in recorded["trace"]]
    assert difference(changed, on_ours(ours.tf, recorded["program"])) is not None


@pytest.mark.soak
def test_programs_run_to_their_end(ours):
    """Programs that TensorFlow never saw raise nothing but what they are meant to.

    An IndexError is what its own partitioner raises, there too, of an axis that the shape does not have.
    """
    from hypothesis import HealthCheck, given, settings

    from tests.conformance.generator.strategy import programs

    @settings(max_examples=1000, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(programs())
    def run(program):
        for _, shown in on_ours(ours.tf, program):
            if isinstance(shown, dict) and "raises" in shown:
                assert shown["raises"] in {
                    "ValueError",
                    "TypeError",
                    "KeyError",
                    "Exception",
                    "RuntimeError",
                    "IndexError",
                }, shown

    run()
