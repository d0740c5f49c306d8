"""All programs, and the traces that stand beside them."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

from tests.conformance.program import Program, Trace

HERE = Path(__file__).parent
TRACES = HERE / "traces"


def chapters() -> list[str]:
    """Return the names of the program modules; each has a trace file of its own."""
    return sorted(path.stem for path in (HERE / "programs").glob("*.py") if path.stem != "__init__")


def programs(chapter: str) -> dict[str, Program]:
    """Return the programs of a chapter by name, in the order of the file."""
    module = importlib.import_module(f"tests.conformance.programs.{chapter}")
    return {name: value for name, value in vars(module).items() if isinstance(value, Program)}


def read(chapter: str) -> dict[str, Trace]:
    """Read the recorded traces of a chapter."""
    path = TRACES / f"{chapter}.json"
    return json.loads(path.read_text()) if path.exists() else {}


def write(chapter: str, traces: dict[str, Trace]) -> None:
    """Write the traces of a chapter, one record per line."""
    lines = []
    for name, trace in traces.items():
        records = ",\n".join("    " + json.dumps(record, ensure_ascii=False) for record in trace)
        lines.append(f"  {json.dumps(name)}: [\n{records}\n  ]")
    TRACES.mkdir(exist_ok=True)
    (TRACES / f"{chapter}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
