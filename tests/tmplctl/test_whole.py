"""What a newcomer does, with separate processes; commands from plugins; streams and signals."""

import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from tmplcore import hookimpl

TMPLCTL = [sys.executable, "-m", "tmplctl"]


HOLD = """
import model, time, tmplcore.config
with tmplcore.config.load().store().as_default():
    model.build()
    print("held", flush=True)
    time.sleep(60)
"""


def shell(*command, code=0, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **kwargs)
    assert done.returncode == code, (command, done.stdout, done.stderr)
    return done.stdout


def test_init_save_train_list_restore(tmp_path, tmplctl, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert tmplctl("init").code == 0
    assert tmplctl("config", "check").code == 0
    assert tmplctl("save").code == 0  # at once, untrained
    trained = shell(sys.executable, "model.py", cwd=tmp_path)
    losses = [float(line.rpartition(" ")[2]) for line in trained.splitlines()]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.05
    infos = tmplctl("list", "--json").json["checkpoints"]
    assert [info["step"] for info in infos] == [0, 100, 200, 300]
    assert tmplctl("show", "best", "--json").json["meta"]["step"] == 300
    assert tmplctl("save", "--step", "301").code == 0
    assert tmplctl("diff", "300", "301").code == 0  # the storage has what training left
    assert tmplctl("check", "100").code == 0
    assert tmplctl("restore", "100").code == 0
    assert shell(sys.executable, "model.py", cwd=tmp_path).startswith("step 200: ")  # goes on where it was restored
    assert tmplctl("prune", "-n").code == 0


def test_a_storage_that_a_training_run_has_is_not_touched(tmp_path, tmplctl, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmplctl("init")
    tmplctl("save", "--step", "1")
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdout=subprocess.PIPE, cwd=tmp_path, text=True,
    )  # fmt: skip
    try:
        assert holder.stdout.readline() == "held\n"
        result = tmplctl("restore", "1")
        assert (result.code, result.err.count("error: ")) == (13, 1)
        assert "variables.h5" in result.err
        assert tmplctl("restore", "1", "--json").json["error"]["exit_code"] == 13
        assert tmplctl("restore", "1", "--dry-run").code == 0
        assert tmplctl("list").code == 0
    finally:
        holder.kill()
        holder.communicate()


@pytest.fixture
def plugin():
    """A plugin with commands, registered for one test."""
    from tmplcore.plugins import default_registry
    from tmplctl import hookspecs

    registry = default_registry()
    registry.add_specs(hookspecs, hookspecs.CommandPlugin)

    def register(implementation):
        registry.register(implementation, "mine")

    before = list(registry._registered)
    yield register
    registry._registered[:] = before
    registry._manager = None


class Mine:
    """A plugin: `tmplctl count REF` counts variables, and `tmplctl list` is not taken from the bundled one."""

    @hookimpl
    def tmplctl_commands(self):
        from tmplctl.hookspecs import CommandPlugin

        return [
            CommandPlugin(
                name="count", summary="Count the variables.", factory=f"{__name__}:count", examples=("tmplctl count x",)
            ),
            CommandPlugin(name="list", summary="Not this one.", factory=f"{__name__}:count"),
        ]


def count(context, ref: str):
    """Count the variables of a checkpoint."""


def test_commands_of_plugins(project, plugin, tmplctl, capsys, monkeypatch):
    import types

    import typer

    from tmplctl.output import Report
    from tmplctl.refs import open_checkpoint

    class Count(Report):
        schema = "count/1"

        def __init__(self, number):
            self.number = number

        def data(self):
            return {"count": self.number}

        def ids(self):
            return [str(self.number)]

        def show(self, screen):
            screen.line(f"{self.number} variables")

    def command(context: typer.Context, ref: str) -> Report:
        """Count the variables of a checkpoint."""
        with open_checkpoint(context.find_root().obj, ref) as reader:
            return Count(len(reader))

    module = types.ModuleType("mine_for_a_test")
    module.count = command
    monkeypatch.setitem(sys.modules, "mine_for_a_test", module)
    implementation = Mine()
    monkeypatch.setitem(globals(), "__name__", "mine_for_a_test")
    plugin(implementation)
    assert tmplctl("count", "latest").out == "3 variables\n"
    assert tmplctl("count", "latest", "--json").json == {"schema": "tmplctl.count/1", "count": 3}
    assert tmplctl("count", "latest", "-q").out == "3\n"
    assert "STEP" in tmplctl("list").out
    tmplctl("--help")
    assert "Commands from plugins:\n  count  Count the variables." in capsys.readouterr().out
    assert tmplctl("cuont", "x").err.splitlines()[1].startswith("hint: did you mean count?")
    names = [offer["name"] for p in tmplctl("plugins", "--json").json["plugins"] for offer in p["offers"]]
    assert "count" in names


def test_shared_options_stand_anywhere(project, tmplctl):
    wanted = tmplctl("show", "latest", "--json").json
    assert tmplctl("--json", "show", "latest").json == wanted
    assert tmplctl("-d", "checkpoints", "show", "latest", "--json", "--set", "seed=1").json == wanted
    assert tmplctl("show", "--quiet", "latest").out == tmplctl("-q", "show", "latest").out
    assert tmplctl("config", "--json", "path").json["path"] == str(project / "tmpl.toml")
    assert tmplctl("show", "latest", "-q", "--json").json == wanted


def test_a_full_or_closed_stdout(project):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*TMPLCTL, "list"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith("error: ")
    assert "Traceback" not in done.stderr
    closed = subprocess.run(
        f"{shlex.quote(sys.executable)} -m tmplctl list >&-", shell=True, capture_output=True, check=False
    )
    assert (closed.returncode, closed.stderr) == (0, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_ended_leaves_nothing_half_done(project, number):
    (project / "slow.py").write_text(
        textwrap.dedent("""
        import sys, time, tmplctl.progress as p
        from tmplctl.main import main
        def slowly(self, n):
            print("go", flush=True)
            time.sleep(30)
        p.Bar.advance = slowly
        main()
        """)
    )
    before = sorted(project.rglob("*"))
    process = subprocess.Popen(
        [sys.executable, "slow.py", "convert", "latest", "out.h5"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # under nohup SIGHUP is ignored, here as well
    )  # fmt: skip
    assert process.stdout.readline() == "go\n"
    time.sleep(0.05)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert sorted(project.rglob("*")) == before


def test_ctrl_c_does_not_stop_a_restore_into_live_storage_halfway(project):
    code = textwrap.dedent("""
        import os, signal, sys, tmplctl.progress as p
        from tmplctl.main import main
        pressed = []
        def press(self, n):
            if not pressed:
                pressed.append(os.kill(os.getpid(), signal.SIGINT))
        p.Bar.advance = press
        main()
        """)
    environment = {**os.environ, "TMPL_BACKEND": "hdf5", "TMPL_BACKENDS__HDF5__PATH": "w.h5"}
    done = subprocess.run(
        [sys.executable, "-c", code, "restore", "200"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 130
    assert "warning: finishing what is under way" in done.stderr
    shell(*TMPLCTL, "save", "--step", "1", env=environment)
    shell(*TMPLCTL, "diff", "1", "200")
