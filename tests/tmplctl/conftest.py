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
        assert errors[0].startswith(f"error: {error['message']}".splitlines()[0])
        assert len(lines) <= 2 + sum(line.startswith("warning: ") for line in lines), human.err
        assert bool(error["hint"]) == any(line.startswith("hint: ") for line in lines)
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


MODEL = """\
import numpy as np
from tmplcore import get_variable, initializers, make_template, variable_scope


def dense(x, units):
    return x @ get_variable("kernel", [4, units]).value + get_variable("bias", [units]).value


model = make_template("model", dense, units=3)


def build():
    model(np.zeros([1, 4], np.float32))
    with variable_scope("old"):
        get_variable("count", [], dtype="int64", initializer=initializers.Zeros(), trainable=False)


def other_names():
    with variable_scope("net"):
        get_variable("kernel", [4, 3])
        get_variable("bias", [3])


def prints():
    print("a word from the builder")
    build()


def fails():
    raise RuntimeError("out of luck")


def leaves():
    raise SystemExit(3)


def nothing():
    pass


def infinite():
    get_variable("fine", [2], initializer=initializers.Zeros())
    get_variable("bad", [2], initializer=initializers.Constant(float("nan")))


arrays = {"a": np.arange(3.0)}
"""

CONFIG = """\
source = "model:build"
backend = "numpy"

[checkpoints]
directory = "checkpoints"
durable = false

[checkpoints.keep]
last = 2
best = "loss:min:1"
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a program and checkpoints of the steps 100, 200 and 300."""
    import numpy as np

    from tmplcore.checkpoint import CheckpointManager

    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "tmpl.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    manager = CheckpointManager(tmp_path / "checkpoints", durable=False)
    for step, loss in ((100, 0.5), (200, 0.25), (300, 0.75)):
        values = {
            "model/kernel": np.full((4, 3), step, np.float32),
            "model/bias": np.arange(3, dtype=np.float32),
            "old/count": np.int64(step),
        }
        manager.save(step, values, metrics={"loss": loss}, meta={"note": "ä"})
    return tmp_path
