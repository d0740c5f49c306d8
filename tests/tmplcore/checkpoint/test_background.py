"""Saving in the background: a copy taken first, bounded memory, errors that surface, whatever comes between."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tmplcore.checkpoint import CheckpointManager, KeepLast
from tmplcore.errors import ExistsError, SaveError, VariableMissingError


def values(step: int) -> dict[str, np.ndarray]:
    return {"w": np.full(1000, step, np.float64), "step": np.array(step)}


def filled(directory: Path, *steps: int) -> CheckpointManager:
    manager = CheckpointManager(directory)
    for step in steps:
        manager.save(step, values(step))
    return manager


def steps(manager: CheckpointManager) -> list[int]:
    return [info.step for info in manager.list()]


def test_the_copy_of_a_background_save_is_taken_first(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path)
    arrays = {f"v{i}": np.zeros(100_000) for i in range(20)}
    for step in range(5):
        for array in arrays.values():
            array[:] = step
        manager.async_save(step, arrays)
        for array in arrays.values():
            array[:] = -1
    manager.close()
    assert steps(manager) == list(range(5))
    for step in range(5):
        assert all((value == step).all() for value in manager.load(step).values())
    held = []
    manager.async_save(9, {"a": arrays["v0"], "b": arrays["v0"]}, copy=False, progress=held.append)
    manager.wait()
    assert sum(held) > 0


def test_background_saves_use_bounded_memory_again(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path)
    arrays = {f"v{i}": np.zeros(1000) for i in range(10)}
    for step in range(4):
        manager.async_save(step, arrays)
    manager.wait()
    [pool] = manager._spare._pools
    assert pool.nbytes == 10 * 8000
    places = {name: id(array) for name, array in pool._arrays.items()}
    manager.async_save(5, arrays)
    manager.wait()
    assert {name: id(array) for name, array in pool._arrays.items()} == places
    manager.async_save(6, {"v0": arrays["v0"]})
    manager.wait()
    assert pool.nbytes == 8000
    manager.close()
    assert manager._spare.nbytes == 0


def test_threads_that_save_through_one_manager_do_not_share_their_copies(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, durable=False)

    def work(thread: int) -> None:
        arrays = {name: np.zeros(200_000) for name in "ab"}
        for step in range(100 * thread, 100 * thread + 6):
            for array in arrays.values():
                array[:] = step
            manager.async_save(step, arrays)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # steps come in any order
        run_all([partial(work, thread) for thread in range(4)])
    manager.close()
    assert steps(manager) == [100 * thread + step for thread in range(4) for step in range(6)]
    for step in steps(manager):
        assert {name: set(value) for name, value in manager.load(step).items()} == {"a": {step}, "b": {step}}


def test_what_is_saved_with_a_tag_is_never_pruned_before_it_has_it(tmp_path: Path) -> None:
    manager = CheckpointManager(tmp_path, keep=KeepLast(1), durable=False)

    def work(thread: int) -> None:
        for step in range(100 * thread, 100 * thread + 15):
            manager.save(step, {"a": np.array(step)}, tags=f"t{step}")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run_all([partial(work, thread) for thread in range(4)])
    saved = {f"t{step}": step for thread in range(4) for step in range(100 * thread, 100 * thread + 15)}
    assert manager.tags() == saved
    assert steps(manager) == sorted(saved.values())


def run_all(jobs: list[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(len(jobs)) as pool:
        for future in [pool.submit(job) for job in jobs]:
            future.result()


ON_SIGNAL = """
import signal, sys
import numpy as np
from tmplcore.checkpoint import CheckpointManager, KeepLast

manager = CheckpointManager(sys.argv[1], keep=KeepLast(2), durable=False)
model = {"w": np.zeros(300_000)}
manager.save(0, model)  # everything is imported

def preempted(*_):
    manager.save(10**6, model, tags="preempted")
    manager.close()
    sys.exit(7)

signal.signal(signal.SIGTERM, preempted)
print("ready", flush=True)
for step in range(1, 10**6):
    model["w"] += 1
    if sys.argv[2] == "async":
        manager.async_save(step, model)
    elif sys.argv[2] == "wait":
        manager.async_save(step, model)
        manager.wait()
    else:
        manager.save(step, model, tags="moved")
"""


@pytest.mark.parametrize("how", ["async", "wait", "sync"])
def test_a_signal_handler_may_save(tmp_path: Path, how: str) -> None:
    for attempt in range(4):  # the signal comes at any moment: while a save is written, waited for, tagged, pruned
        directory = tmp_path / str(attempt)
        command = [sys.executable, "-c", ON_SIGNAL, str(directory), how]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.013 * attempt)
            process.terminate()
            try:
                assert process.wait(20) == 7
            finally:
                process.kill()
        manager = CheckpointManager(directory)
        assert manager.tags()["preempted"] == 10**6
        assert manager.verify("preempted").ok


def test_an_error_in_the_background_surfaces_at_the_next_call_once(tmp_path: Path) -> None:
    bad = {"w": np.array([np.nan])}
    for call in (
        lambda manager: manager.wait(),
        lambda manager: manager.close(),
        lambda manager: manager.save(9, values(9)),
        lambda manager: manager.async_save(9, values(9)),
        lambda manager: manager.restore(values(0), 0),
        lambda manager: manager.prune(),
    ):
        manager = filled(tmp_path / "m", 0)
        manager.async_save(1, bad, finite=True)
        with pytest.raises(SaveError, match="NaN") as caught:
            call(manager)
        assert caught.value.__notes__ == ["this was saving step 1 in the background"]
        manager.wait()
        assert steps(manager) == [0]
        shutil.rmtree(tmp_path / "m")
    with pytest.raises(SaveError, match="NaN"), CheckpointManager(tmp_path / "m") as manager:
        manager.async_save(1, bad, finite=True)


def test_errors_that_can_be_known_at_once_are_raised_at_once(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1)
    with pytest.raises(ExistsError):
        manager.async_save(1, values(1))
    with pytest.raises(VariableMissingError):
        manager.async_save(2, values(2), include="nothing")


def test_python_waits_for_a_background_save_at_exit_and_says_what_failed(tmp_path: Path) -> None:
    script = f"""
import numpy as np
from tmplcore.checkpoint import CheckpointManager
manager = CheckpointManager({str(tmp_path / "m")!r})
manager.async_save(1, {{"w": np.zeros(3_000_000)}})
other = CheckpointManager({str(tmp_path / "n")!r})
other.async_save(1, {{"w": np.array([np.inf])}}, finite=True)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0
    assert "saving step 1 failed: SaveError" in done.stderr
    assert CheckpointManager(tmp_path / "m").verify("latest").ok


def test_an_error_in_the_background_does_not_hide_that_of_the_block(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="mine") as caught, CheckpointManager(tmp_path) as manager:
        manager.async_save(1, {"w": np.array([np.nan])}, finite=True)
        raise KeyError("mine")
    assert "NaN" in caught.value.__notes__[0]
    assert "saving step 1" in caught.value.__notes__[0]


def test_a_block_that_fails_waits_for_its_save(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), CheckpointManager(tmp_path) as manager:
        manager.async_save(1, {"w": np.zeros(1_000_000)})
        raise ZeroDivisionError
    assert steps(manager) == [1]


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let writing wait for an event, so that a save is surely in progress."""
    from tmplcore.checkpoint import manager

    go, write = threading.Event(), manager.write

    def wait_and_write(*arguments: object) -> None:
        assert go.wait(30)
        write(*arguments)

    monkeypatch.setattr(manager, "write", wait_and_write)
    return go


def test_ctrl_c_while_waiting_loses_nothing(tmp_path: Path, slow: threading.Event) -> None:
    """`Thread.join` of Python 3.11 takes the thread for ended when it is interrupted."""
    manager = CheckpointManager(tmp_path)
    manager.async_save(1, values(1))
    threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        manager.wait()
    assert [info.state for info in manager.list()] != ["ok"]
    threading.Timer(0.1, slow.set).start()
    manager.close()
    assert manager.verify(1).ok


def test_ctrl_c_while_saving_leaves_nothing_behind(tmp_path: Path) -> None:
    manager = filled(tmp_path, 1)

    def interrupt(_: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        manager.save(2, {"w": np.zeros(8 << 20)}, progress=interrupt)
    assert [entry.name for entry in tmp_path.iterdir()] == ["step-000000001.h5"]
    manager.save(2, values(2))
    assert steps(manager) == [1, 2]


def test_a_fork_has_no_part_in_the_save_of_its_parent(tmp_path: Path, slow: threading.Event) -> None:
    manager = CheckpointManager(tmp_path, keep=KeepLast(3))
    manager.async_save(1, values(1))
    child = os.fork()
    if not child:
        try:
            slow.set()  # its own copy of the event
            manager.wait()
            assert manager.list() == [] or steps(manager) == [1]
            manager.save(2, values(2))
            manager.async_save(3, values(3))
            manager.close()
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    slow.set()
    manager.close()
    assert steps(manager) == [1, 2, 3]
    assert all(manager.verify(step).ok for step in (1, 2, 3))


def test_a_process_that_ends_early_finishes_its_save(tmp_path: Path) -> None:
    """By `sys.exit`, by an exception, or in a thread: only what kills the process stops the save."""
    for number, end in enumerate(("sys.exit(3)", "raise RuntimeError", "threading.Thread(target=sys.exit).start()")):
        script = f"""
import sys, threading
import numpy as np
from tmplcore.checkpoint import CheckpointManager
CheckpointManager({str(tmp_path)!r}).async_save({number}, {{"w": np.zeros(3_000_000)}})
{end}
"""
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
        assert CheckpointManager(tmp_path).verify(number).ok


def test_what_a_hard_kill_left_of_a_background_save_goes_with_the_next(tmp_path: Path) -> None:
    script = f"""
import os, signal
import numpy as np
from tmplcore.checkpoint import CheckpointManager
def kill(_): os.kill(os.getpid(), signal.SIGKILL)
CheckpointManager({str(tmp_path)!r}).async_save(1, {{"w": np.zeros(8 << 20)}}, progress=kill)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert [entry.name.startswith(".tmp-") for entry in tmp_path.iterdir()] == [True]
    manager = CheckpointManager(tmp_path)
    assert [info.state for info in manager.list()] == ["temporary"]
    manager.save(2, values(2))
    assert [entry.name for entry in tmp_path.iterdir()] == ["step-000000002.h5"]
