"""The benchmark of checkpoint files runs to its end; what it measures decides nothing here."""

import re
import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_the_checkpoint_benchmark_measures_every_peer_that_is_always_there(tmp_path: Path) -> None:
    peers = ["raw", "floor", "ours", "store"]
    command = [sys.executable, str(BENCHMARKS / "checkpoints.py"), "--workload", "d", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--directory", str(tmp_path), "--peers", *peers],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "left out" not in done.stdout
    for peer in peers:
        assert re.search(rf"^{peer} +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ ", done.stdout, re.MULTILINE), done.stdout
    for row in ("repeated save ÷ raw pwrite", "restore into arrays ÷ floor", "mapped restore", "extra memory, save"):
        assert re.search(rf"^{row} +[\d.]+", done.stdout, re.MULTILINE), done.stdout
    assert list(tmp_path.iterdir()) == []
