"""The reference pages are what the code says."""

import subprocess
import sys
from pathlib import Path

from tmplctl.app import COMMANDS
from tmplctl.schemas import SCHEMAS

ROOT = Path(__file__).parents[2]


def test_the_reference_is_not_stale():
    done = subprocess.run(
        [sys.executable, "tools/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_command_and_schema_is_in_it():
    cli = (ROOT / "docs/reference/cli.md").read_text()
    for name in COMMANDS:
        assert f"## `tmplctl {name}" in cli
    page = (ROOT / "docs/reference/json.md").read_text()
    for name in SCHEMAS:
        assert f"## `tmplctl.{name}`" in page
