"""SIGKILL at any moment leaves a file that opens with every variable in it that was finished."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("kill_program.py")


@pytest.mark.parametrize("kills", [40, pytest.param(300, marks=pytest.mark.soak)])
def test_kills(tmp_path, kills):
    command = [sys.executable, str(PROGRAM), str(tmp_path / "run.h5"), str(kills), "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    made, early = map(int, re.search(r"(\d+) variables made, (\d+) before", done.stdout).groups())
    # The kills did hit processes at work.
    assert made > 5 * kills
    assert early < kills / 2
