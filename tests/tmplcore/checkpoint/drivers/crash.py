"""Kill a process at random moments while it saves, prunes and tags; look at what is left each time.

    python crash.py DIRECTORY KILLS SEED

Runs in a process of its own because it forks, and a process with threads should not. Ends with 0 if all is well, else
prints what is not.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager, KeepEvery, KeepLast
from tmplcore.checkpoint.commit import leftovers
from tmplcore.checkpoint.retention import kept_by

RULES = [KeepLast(3), KeepEvery(25)]
TAGS = ("alpha", "beta")


def values(step: int) -> dict[str, np.ndarray]:
    return {f"layer{i}/w": np.full((64, 64), step + i, np.float32) for i in range(4)} | {"step": np.array(step)}


def worker(directory: Path, log: int) -> None:
    """Save, tag and prune until killed; say what has returned, and only then."""
    manager = CheckpointManager(directory, keep=RULES)
    newest = manager.latest()
    step = 0 if newest is None else newest.step + 1
    while True:
        if step % 4 == 3:
            manager.async_save(step, values(step))
            manager.wait()
        else:
            manager.save(step, values(step))
        os.write(log, f"saved {step}\n".encode())
        if step % 3 == 0:
            tag = TAGS[step % 2]
            os.write(log, f"tagging {tag} {step}\n".encode())
            manager.tag(tag, step, force=True)
            os.write(log, f"tagged {tag} {step}\n".encode())
        if step % 7 == 0:
            manager.prune()
        step += 1


def check(directory: Path, log: Path) -> list[str]:
    """Return what is wrong after a kill."""
    problems = []
    lines = [line.split() for line in log.read_text().splitlines()]
    returned = {int(line[1]) for line in lines if line[0] == "saved"}
    left = leftovers(directory)
    if len([one for one in left if one.kind == "tmp"]) > 1:
        problems.append(f"more than one temporary file: {[one.path.name for one in left]}")
    if not all(one.abandoned() for one in left):
        problems.append("a leftover of a dead process is not recognised as one")
    manager = CheckpointManager(directory, keep=RULES)
    infos = [info for info in manager.list() if info.state != "temporary"]
    for info in infos:
        if info.state != "ok":
            problems.append(f"step {info.step} is {info.state}: {info.problem}")
        elif not (report := checkpoint.verify(info.path)).ok:
            problems.append(f"step {info.step} does not verify: {report.damaged}")
        elif int(checkpoint.load(info.path)["step"]) != info.step:
            problems.append(f"step {info.step} holds another step's values")
    there = {info.step for info in infos}
    # What the rules keep of all steps there ever were must be there; the rest may be, or may be pruned.
    known = [
        checkpoint.CheckpointInfo(
            step, Path(), 0.0, 1, 1, tags=tuple(t for t, s in manager.tags().items() if s == step)
        )
        for step in sorted(returned | there)
    ]
    if lost := sorted(set(kept_by(RULES, known, time.time())) - there):
        problems.append(f"lost: {lost}; there are {sorted(there)}")
    for tag in TAGS:
        # What the last call that returned said, or what a later one was about to say when it was killed.
        allowed: set[int | None] = {None}
        for line in lines:
            if line[0] == "tagged" and line[1] == tag:
                allowed = {int(line[2])}
            elif line[0] == "tagging" and line[1] == tag:
                allowed.add(int(line[2]))
        if manager.tags().get(tag) not in allowed:
            problems.append(f"tag {tag} is {manager.tags().get(tag)}, not one of {allowed}")
    foreign = directory / "notes.txt"
    if foreign.read_text() != "mine":
        problems.append("a file that is not ours was touched")
    return problems


def main(directory: Path, kills: int, seed: int) -> int:
    warnings.simplefilter("error")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "notes.txt").write_text("mine")
    log = directory.with_suffix(".log")
    # Import everything that a save needs now, so that the workers spend their short lives at work.
    checkpoint.save(directory.with_suffix(".h5"), values(0))
    chance = random.Random(seed)
    kinds: dict[str, int] = {}
    for number in range(kills):
        descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
        child = os.fork()
        if child == 0:
            try:
                worker(directory, descriptor)
            finally:
                os._exit(3)  # the worker never ends by itself
        os.close(descriptor)
        time.sleep(chance.uniform(0.0, 0.12))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            print(f"kill {number}: the worker ended by itself with {status}")
            return 1
        for one in leftovers(directory):
            kinds[one.kind] = kinds.get(one.kind, 0) + 1
        if problems := check(directory, log):
            print(f"after kill {number} (seed {seed}):", *problems, sep="\n  ")
            return 1
    # The next run cleans up.
    manager = CheckpointManager(directory, keep=RULES)
    newest = manager.latest()
    step = 0 if newest is None else newest.step + 1
    manager.save(step, values(step))
    debris = [p.name for p in directory.iterdir() if p.name.startswith(".")]
    if debris:
        print(f"the next run leaves {debris}")
        return 1
    saved = sum(line.startswith("saved") for line in log.read_text().splitlines())
    print(f"{kills} kills, {saved} saves returned, leftovers seen: {kinds}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
