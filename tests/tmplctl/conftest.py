"""Running `tmplctl` in this process, and looking at all three outputs of a command at once."""

import io
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tmplctl.main import run
from tmplctl.output import Output


@dataclass
class Result:
    """What one run said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def invoke(*arguments: object, width: int = 100) -> Result:
    """Run `tmplctl` here and now, without colour, at a fixed width."""
    out, err = io.StringIO(), io.StringIO()
    code = run([str(argument) for argument in arguments], Output(out, err, {"COLUMNS": str(width)}))
    return Result(code, out.getvalue(), err.getvalue())


@dataclass
class Modes:
    """One command, as people, machines and pipelines see it."""

    human: Result
    json: Result
    quiet: Result


@pytest.fixture
def tmplctl():
    return invoke


@pytest.fixture
def modes(schemas):
    """Run a command that changes nothing in all three modes; the exit codes agree and the JSON fits its schema."""

    def run_all(*arguments: object, width: int = 100) -> Modes:
        found = Modes(
            invoke(*arguments, width=width), invoke(*arguments, "--json"), invoke(*arguments, "--quiet", width=width)
        )
        assert found.human.code == found.json.code == found.quiet.code, found
        assert max(map(len, found.human.out.splitlines()), default=0) <= width, found.human.out
        schemas.validate(found.json.json)
        return found

    return run_all


@pytest.fixture
def fails(schemas):
    """Run a command that must fail: one line and perhaps a hint on stderr, an object with `--json`, the exit code."""

    def run_failing(code: int, *arguments: object) -> Result:
        human, machine = invoke(*arguments), invoke(*arguments, "--json")
        assert (human.code, machine.code) == (code, code), (human, machine)
        lines = human.err.splitlines()
        errors = [line for line in lines if line.startswith("error: ")]
        assert len(errors) == 1, human.err
        assert "Traceback" not in human.err
        assert human.out == ""
        schemas.validate(machine.json)
        error = machine.json["error"]
        assert error["exit_code"] == code
        assert errors[0] == f"error: {error['message']}".splitlines()[0]
        assert not error["hint"] or f"hint: {error['hint'].splitlines()[0]}" in lines
        return human

    return run_failing


@pytest.fixture(scope="session")
def schemas():
    import jsonschema

    from tmplctl.schemas import SCHEMAS

    class Schemas:
        def validate(self, value: Any) -> None:
            name = value["schema"].removeprefix("tmplctl.")
            assert name in SCHEMAS, f"{name} has no schema"
            jsonschema.Draft202012Validator(SCHEMAS[name]).validate(value)

    return Schemas()
