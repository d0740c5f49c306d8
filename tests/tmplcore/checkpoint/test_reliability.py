"""What survives: crashes at any moment, disks that are full or fail, and many processes in one directory."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DRIVERS = Path(__file__).parent / "drivers"


def run(driver: str, *arguments: object, timeout: float, preload: Path | None = None) -> str:
    """Run a driver in a process of its own; its output is the message if it fails."""
    environ = {**os.environ, **({"LD_PRELOAD": str(preload)} if preload else {})}
    done = subprocess.run(
        [sys.executable, str(DRIVERS / driver), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=environ,
    )
    assert done.returncode == 0, f"{driver}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def seed() -> int:
    return random.SystemRandom().randrange(1 << 20)  # printed by the driver when something is wrong


def test_a_kill_at_any_moment_loses_nothing_that_save_returned_for(tmp_path: Path) -> None:
    run("crash.py", tmp_path / "run", 25, seed(), timeout=120)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_500_kills(tmp_path: Path) -> None:
    run("crash.py", tmp_path / "run", 500, seed(), timeout=800)


def test_eight_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    run("crowd.py", tmp_path / "run", 8, seed(), timeout=120)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_eight_processes_for_a_minute(tmp_path: Path) -> None:
    run("crowd.py", tmp_path / "run", 60, seed(), timeout=200)


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("failing single system calls takes a C compiler and LD_PRELOAD")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, DRIVERS / "faults.c", "-ldl"], check=True)
    return library


def test_every_system_call_of_a_save_may_fail_or_fall_short(tmp_path: Path, faults: Path) -> None:
    output = run("faults.py", tmp_path / "run", faults, timeout=240, preload=faults)
    assert "durable=True EIO" in output


def test_a_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk takes root; the limit on file sizes below is tested everywhere")
    try:
        assert "No space left" in run("full.py", disk / "run", "disk", timeout=60)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    assert "too large" in run("full.py", tmp_path / "run", "limit", timeout=60)
