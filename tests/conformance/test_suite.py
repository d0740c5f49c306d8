"""The suite is whole: all is covered, every program has a trace, every mended record differs."""

import pytest

from tests.conformance import suite
from tests.conformance.coverage import CORNERS, SECTIONS, SURPRISES
from tests.conformance.describe import agrees

PROGRAMS = {
    f"{chapter}.{name}": program for chapter in suite.chapters() for name, program in suite.programs(chapter).items()
}


def test_there_are_enough_programs():
    assert len(PROGRAMS) >= 300


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_has_a_program(section):
    assert any(section in program.sections for program in PROGRAMS.values())


@pytest.mark.parametrize("item", [*CORNERS, *SURPRISES])
def test_every_corner_and_surprise_has_a_program(item):
    assert any(item in program.covers for program in PROGRAMS.values())


def test_programs_name_what_exists():
    for name, program in PROGRAMS.items():
        assert set(program.sections) <= set(SECTIONS) | {"surface"}, name
        assert set(program.covers) <= set(CORNERS) | set(SURPRISES), name


@pytest.mark.parametrize("chapter", suite.chapters())
def test_every_program_has_a_trace(chapter):
    assert list(suite.programs(chapter)) == list(suite.read(chapter)), "python -m tests.conformance.record writes them"


def test_mended_records_differ_from_tensorflows():
    for name, program in PROGRAMS.items():
        chapter, _, short = name.partition(".")
        trace = dict(map(tuple, suite.read(chapter)[short]))
        for label, expected in program.mended.items():
            assert label in trace, f"{name}: no record {label!r}"
            assert not (agrees(trace[label], expected) and agrees(expected, trace[label])), (
                f"{name}: {label!r} is as TensorFlow's"
            )
