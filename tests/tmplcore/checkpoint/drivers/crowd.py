"""Let eight processes save, read, tag and prune one directory at once, and look whether anything was lost.

    python crowd.py DIRECTORY SECONDS SEED

Runs in a process of its own because it forks. Ends with 0 if all is well, else prints what is not.
"""

from __future__ import annotations

import os
import random
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager, KeepEvery, KeepLast
from tmplcore.errors import CheckpointNotFoundError, ExistsError, ProtectedError

SAVERS = 3
RULES = [KeepLast(12), KeepEvery(40)]


def values(step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(step)
    size = int(rng.integers(1, 300))
    return {"a": np.full((size, 50), step), "b/c": rng.standard_normal((size, 20)), "step": np.array(step)}


def check_whole(arrays: dict[str, np.ndarray]) -> None:
    step = int(arrays["step"])
    for name, value in values(step).items():
        assert np.array_equal(arrays[name], value), f"step {step}: {name} is not what was saved"


def saver(number: int, directory: Path, say: Callable[[str], None], until: float) -> None:
    manager = CheckpointManager(directory)
    step = number
    while time.time() < until:
        try:
            manager.save(step, values(step))
        except ExistsError:
            pass
        else:
            say(f"saved {step}")
        if step % 5 == 0:  # two savers want this one
            contested = 1_000_000 + step
            try:
                manager.save(contested, values(contested))
                say(f"saved {contested}")
            except ExistsError:
                say(f"second {contested}")
        step += SAVERS


def reader(number: int, directory: Path, say: Callable[[str], None], until: float) -> None:
    manager = CheckpointManager(directory)
    chance = random.Random(number)
    reads = 0
    last = -1
    while time.time() < until:
        try:
            if chance.random() < 0.5:
                arrays = manager.load("latest")
                newest = int(arrays["step"])
                assert newest >= last, f"the latest went back from {last} to {newest}"
                last = newest
            else:
                info = chance.choice(manager.list() or [None])
                if info is None or info.state == "temporary":
                    continue
                assert info.state == "ok", f"step {info.step} is {info.state}: {info.problem}"
                arrays = checkpoint.load(info.path)
        except CheckpointNotFoundError:
            continue  # nothing saved yet, or just pruned
        check_whole(arrays)
        reads += 1
    say(f"reads {reads}")


def pruner(number: int, directory: Path, say: Callable[[str], None], until: float) -> None:
    manager = CheckpointManager(directory, keep=RULES)
    while time.time() < until:
        for info in manager.prune().deleted:
            say(f"pruned {info.step}")
        time.sleep(0.01)


def tagger(number: int, directory: Path, say: Callable[[str], None], until: float) -> None:
    manager = CheckpointManager(directory)
    chance = random.Random(number)
    while time.time() < until:
        try:
            name = f"t{chance.randrange(4)}"
            info = manager.tag(name, "latest", force=True)
            assert name in info.tags or manager.tags().get(name) is None, (name, info)
            if chance.random() < 0.2:
                manager.untag(name)
            if chance.random() < 0.1:
                removed = manager.rm("latest~5")
                say(f"pruned {removed.step}")
        except (CheckpointNotFoundError, ProtectedError):
            pass
        time.sleep(0.005)


ROLES = [saver] * SAVERS + [reader] * 2 + [pruner] * 2 + [tagger]


def main(directory: Path, seconds: float, seed: int) -> int:
    warnings.simplefilter("error")
    # Two savers share the low steps' numbers a million up, out of order: that is worth a warning to a person, not here.
    warnings.filterwarnings("ignore", "step .* is saved after step")
    directory.mkdir(parents=True, exist_ok=True)
    checkpoint.save(directory.with_suffix(".h5"), values(0))
    log = directory.with_suffix(".log")
    until = time.time() + seconds
    children = []
    for number, role in enumerate(ROLES):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
                role(number + seed * 1000 if role is not saver else number, directory, _writer(descriptor), until)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        children.append((role.__name__, child))
    failed = [name for name, child in children if os.waitpid(child, 0)[1] != 0]
    if failed:
        print("failed:", *failed)
        return 1
    lines = [line.split() for line in log.read_text().splitlines()]
    saved = [int(step) for word, step in lines if word == "saved"]
    pruned = {int(step) for word, step in lines if word == "pruned"}
    manager = CheckpointManager(directory)
    infos = manager.list()
    there = {info.step for info in infos}
    problems = []
    if twice := [step for step in set(saved) if saved.count(step) > 1 and step not in pruned]:
        problems.append(f"two processes were told that they saved the same step: {twice}")
    if lost := sorted(set(saved) - pruned - there):
        problems.append(f"lost: {lost}")
    if nowhere := sorted(there - set(saved)):
        problems.append(f"from nowhere: {nowhere}")
    problems += [f"step {i.step}: {i.state} {i.problem}" for i in infos if i.state != "ok"]
    for info in infos:
        if not checkpoint.verify(info.path).ok:
            problems.append(f"step {info.step} does not verify")
        check_whole(checkpoint.load(info.path))
    problems += [f"left behind: {p.name}" for p in directory.iterdir() if p.name.startswith(".")]
    problems += [f"tag {t} points nowhere: {s}" for t, s in manager.tags().items() if s not in there]
    if problems:
        print(*problems, sep="\n")
        return 1
    reads = sum(int(count) for word, count in lines if word == "reads")
    print(f"{len(saved)} saves, {len(pruned)} pruned, {reads} reads, {len(there)} left")
    return 0 if saved and reads and pruned else 1


def _writer(descriptor: int) -> Callable[[str], None]:
    def say(line: str) -> None:
        os.write(descriptor, f"{line}\n".encode())  # in one piece: lines of several processes do not mix

    return say


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])))
