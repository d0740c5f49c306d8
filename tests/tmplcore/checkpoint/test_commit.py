from __future__ import annotations

import errno
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tmplcore.checkpoint import commit
from tmplcore.checkpoint.commit import clean, committed, discard, leftovers, replace_text, temporary_name, trash
from tmplcore.checkpoint.lock import DirectoryLock
from tmplcore.checkpoint.process import Process
from tmplcore.errors import ExistsError, LockedError, SaveError


def listed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def dead_process() -> Process:
    """A process that has just ended."""
    script = "from tmplcore.checkpoint.process import Process; print(Process.current().token)"
    token = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    process = Process.parse(token)
    assert process is not None
    return process


@pytest.fixture(scope="module")
def dead() -> Process:
    return dead_process()


def left_by(owner: Process, directory: Path, name: str = "step.h5", kind: str = "tmp") -> Path:
    path = directory / f".{kind}-{owner.token}-0123abcd-{name}"
    path.write_bytes(b"half")
    return path


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / "a.bin"
    with committed(path) as temporary:
        temporary.write_bytes(b"one")
        assert temporary.suffix == ".bin"
        assert not path.exists()
    assert path.read_bytes() == b"one"
    assert listed(path.parent) == ["a.bin"]


def test_a_directory_can_be_put_in_place_too(tmp_path: Path) -> None:
    with committed(tmp_path / "d.ckpt") as temporary:
        temporary.mkdir()
        (temporary / "data").write_bytes(b"x")
    assert (tmp_path / "d.ckpt" / "data").read_bytes() == b"x"
    assert listed(tmp_path) == ["d.ckpt"]
    with pytest.raises(ExistsError), committed(tmp_path / "d.ckpt") as temporary:
        raise AssertionError


def test_what_is_there_is_not_overwritten_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")
    with pytest.raises(ExistsError, match="exists"), committed(path):
        raise AssertionError("the block must not run")
    # Somebody else may be faster.
    with pytest.raises(ExistsError), committed(tmp_path / "b") as temporary:
        temporary.write_text("mine")
        (tmp_path / "b").write_text("theirs")
    assert (tmp_path / "b").read_text() == "theirs"
    with path.open() as reader, committed(path, overwrite=True) as temporary:
        temporary.write_text("new")
        assert reader.read() == "old"
    assert path.read_text() == "new"
    assert listed(tmp_path) == ["a", "b"]


def test_a_dangling_link_is_something_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("nowhere")
    with pytest.raises(ExistsError), committed(tmp_path / "a"):
        raise AssertionError


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_nothing_remains_of_a_failed_block(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), committed(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise error
    assert listed(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.ENOSPC, "MB are free"),
        (errno.EDQUOT, "room"),
        (errno.EIO, "failing"),
        (errno.EFBIG, "ulimit"),
        (errno.EROFS, "written to"),
        (errno.EBADF, ""),
    ],
)
def test_an_error_of_the_disk_says_why_and_what_to_do(tmp_path: Path, code: int, hint: str) -> None:
    with pytest.raises(SaveError, match=re.escape(os.strerror(code))) as caught, committed(tmp_path / "a") as temporary:
        temporary.write_text("half")
        raise OSError(code, os.strerror(code))
    assert hint in caught.value.hint
    assert ".tmp-" not in str(caught.value)
    assert listed(tmp_path) == []


def test_a_failing_flush_is_not_a_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(SaveError), committed(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert listed(tmp_path) == []


def test_without_hard_links_files_are_renamed_and_still_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    with committed(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert (tmp_path / "a").read_text() == "x"
    with pytest.raises(ExistsError), committed(tmp_path / "b") as temporary:
        temporary.write_text("mine")
        (tmp_path / "b").write_text("theirs")
    lock, other = DirectoryLock(tmp_path), DirectoryLock(tmp_path, timeout=0.05)
    with lock.held(), pytest.raises(LockedError), other.held():
        raise AssertionError
    with lock.held():
        pass


def test_long_and_strange_names(tmp_path: Path) -> None:
    for name in ("ü" * 120 + ".h5", "-dash", "with space", "new\nline", ".hidden", "a" * 255):
        with committed(tmp_path / name) as temporary:
            temporary.write_text("x")
        assert (tmp_path / name).read_text() == "x"
    assert not leftovers(tmp_path)


def test_only_what_dead_processes_left_is_cleaned(tmp_path: Path, dead: Process) -> None:
    mine = left_by(Process.current(), tmp_path)
    theirs = left_by(dead, tmp_path, kind="trash")
    other = left_by(dead, tmp_path, name="b.h5")
    elsewhere = left_by(Process("0" * 12, 1, 1), tmp_path)
    for name in (".tmp-file", ".tmp-0-1-2-3-x", "tmp", ".trashed", f".tmp-{dead.token}-x"):
        (tmp_path / name).write_text("not ours")
    assert sorted(clean(tmp_path)) == sorted([theirs, other])
    assert mine.exists()
    assert elsewhere.exists()
    old = time.time() - 2 * commit.ABANDONED_SECONDS
    os.utime(elsewhere, (old, old))
    os.utime(mine, (old, old))  # we live, so it is not abandoned, however old
    assert clean(tmp_path) == [elsewhere]
    assert len(listed(tmp_path)) == 6


def test_a_new_file_cleans_up_what_a_crash_left(tmp_path: Path, dead: Process) -> None:
    left = left_by(dead, tmp_path)
    with committed(tmp_path / "a") as temporary:
        temporary.write_text("x")
    assert not left.exists()


def test_a_reused_process_id_is_another_process() -> None:
    me = Process.current()
    assert me.alive() is True
    assert Process(me.where, me.pid, me.start + 1).alive() is False
    assert Process(me.where, 2**22 + 1, me.start).alive() is False
    assert Process("f" * 12, me.pid, me.start).alive() is None
    for token in ("", "x", me.token + "-1", me.token[1:]):
        assert Process.parse(token) is None


def test_a_zombie_is_dead() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "from tmplcore.checkpoint.process import Process; print(Process.current().token)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    process = Process.parse(child.stdout.readline().strip())
    assert process is not None
    deadline = time.monotonic() + 20
    while process.alive() and time.monotonic() < deadline:  # it ends, but nobody has asked how
        time.sleep(0.01)
    assert process.alive() is False
    child.wait()
    child.stdout.close()


def test_trash_and_text(tmp_path: Path) -> None:
    path = tmp_path / "a"
    replace_text(path, "1")
    replace_text(path, "2")
    assert path.read_text() == "2"
    aside = trash(path)
    assert not path.exists()
    assert [one.kind for one in leftovers(tmp_path)] == ["trash"]
    discard(aside)
    discard(aside)
    assert listed(tmp_path) == []
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "d")
    discard(tmp_path / "link")
    assert (tmp_path / "d").is_dir()


def test_the_lock_keeps_others_out_and_says_who_has_it(tmp_path: Path) -> None:
    lock, other = DirectoryLock(tmp_path), DirectoryLock(tmp_path, timeout=0.05)
    with lock.held():
        with pytest.raises(LockedError, match=f"process {os.getpid()} since"), other.held():
            raise AssertionError
        with lock.held():  # a signal handler that interrupts the block
            assert lock.path.exists()
        assert lock.path.exists()
        lock.refresh()
    with lock.held():
        pass
    assert listed(tmp_path) == []


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path: Path, dead: Process) -> None:
    lock = DirectoryLock(tmp_path, timeout=5)
    for content in (f'{{"owner": "{dead.token}", "nonce": "x"}}',):
        lock.path.write_text(content)
        (tmp_path / f".lock-breaker-01234567-{dead.token}").touch()
        with lock.held():
            pass
    assert listed(tmp_path) == []


def test_a_lock_that_nobody_can_be_asked_about_is_old_before_it_is_broken(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path, timeout=0.05)
    for content in ("", "half a rec", '{"owner": "000000000000-1-1"}', "[]"):
        lock.path.write_text(content)
        with pytest.raises(LockedError, match="another process"), lock.held():
            raise AssertionError
        os.utime(lock.path, (1, 1))
        with lock.held():
            pass


def test_many_threads_and_stale_locks_never_let_two_in(tmp_path: Path, dead: Process) -> None:
    lock_path = tmp_path / ".lock"
    inside, most, entered = 0, 0, 0
    stop = time.monotonic() + 2.0

    def work() -> None:
        nonlocal inside, most, entered
        lock = DirectoryLock(tmp_path, timeout=30)
        while time.monotonic() < stop:
            with lock.held():
                inside += 1
                most = max(most, inside)
                entered += 1
                time.sleep(0.0005)
                inside -= 1
                if entered % 5 == 0:  # leave the lock as a crash would, so that all find it stale at once
                    lock_path.write_text(f'{{"owner": "{dead.token}", "nonce": "gone"}}')

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert entered > 20
    with DirectoryLock(tmp_path).held():
        pass
    assert listed(tmp_path) == []


def test_a_directory_that_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="cannot be locked"), DirectoryLock(tmp_path / "none").held():
        raise AssertionError


def test_a_temporary_name_says_who_made_it(tmp_path: Path) -> None:
    name = temporary_name(tmp_path / "a.h5")
    name.touch()
    (found,) = leftovers(tmp_path)
    assert (found.name, found.owner, found.abandoned()) == ("a.h5", Process.current(), False)


def test_a_link_whose_answer_was_lost_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network file system asks again when an answer is lost, and hears that its own link exists."""
    real = os.link

    def lossy(source: object, target: object) -> None:
        real(source, target)
        raise FileExistsError(errno.EEXIST, "File exists")

    monkeypatch.setattr(os, "link", lossy)
    with committed(tmp_path / "a") as temporary:
        temporary.write_text("mine")
    assert (tmp_path / "a").read_text() == "mine"
    with DirectoryLock(tmp_path).held(), pytest.raises(LockedError), DirectoryLock(tmp_path, timeout=0).held():
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]


def test_a_lock_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dead: Process) -> None:
    def refuse(source: object, target: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    lock = DirectoryLock(tmp_path, timeout=0)
    with lock.held(), pytest.raises(LockedError), DirectoryLock(tmp_path, timeout=0).held():
        pass
    lock.path.write_text(json.dumps({"owner": dead.token, "nonce": "x"}))
    with lock.held():
        assert json.loads(lock.path.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []
