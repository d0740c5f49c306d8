"""Fill a small disk (or hit a limit on file sizes) with checkpoints, and go on when there is room again.

python full.py DIRECTORY disk|limit
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager
from tmplcore.errors import SaveError


def values(step: int, size: int) -> dict[str, np.ndarray]:
    return {"w": np.full(size, step, np.float64), **{f"s/{i}": np.full(10, step) for i in range(20)}}


def main(directory: Path, kind: str) -> int:
    manager = CheckpointManager(directory)
    size = 100_000  # 0.8 MB
    if kind == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    message = ""
    for step in range(100):
        try:
            if step % 2:
                manager.async_save(step, values(step, size))
                manager.wait()
            else:
                manager.save(step, values(step, size))
        except SaveError as error:
            message = f"{error}; {error.hint}"
            break
        if kind == "limit":
            size += 10_000
    else:
        print("the disk was never full")
        return 1
    print(message)
    infos = manager.list()
    if len(infos) != step or any(not checkpoint.verify(info.path).ok for info in infos):
        print(f"after the failed save of step {step}: {infos}")
        return 1
    if debris := [path.name for path in directory.iterdir() if path.name.startswith(".")]:
        print(f"left behind: {debris}")
        return 1
    if kind == "disk":  # with room again all is as before
        manager.rm(0)
    else:
        size = 1000
    manager.save(step, values(step, size))
    return 0 if checkpoint.verify(manager.path(step)).ok and manager.latest().step == step else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2]))
