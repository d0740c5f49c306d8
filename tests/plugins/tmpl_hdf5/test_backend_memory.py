"""Variables larger than memory: measured in a process whose memory is limited."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

PROGRAM = Path(__file__).with_name("embedding_program.py")
MIB = 1 << 20


def run(path, rows, address_space, resident, timeout):
    command = [sys.executable, str(PROGRAM), str(path), str(rows), str(address_space), str(resident)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    with h5py.File(path) as file:
        assert file["embedding"].shape == (rows, 1024)
        assert (file["embedding"][-3:, 7] == 5).all()
    return int(re.match(r"peak (\d+) MiB", done.stdout)[1])


def test_an_embedding_of_512_mib_in_128_mib(tmp_path):
    run(tmp_path / "run.h5", 128 << 10, 300 * MIB, 128 * MIB, timeout=120)


@pytest.mark.soak
def test_an_embedding_of_4_gib_in_a_process_of_1_gib(tmp_path):
    assert run(tmp_path / "run.h5", 1 << 20, 1024 * MIB, 512 * MIB, timeout=280) < 1024
