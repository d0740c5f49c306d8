"""The whole tool as somebody at a terminal sees it: a real pseudo-terminal, drawn by a terminal emulator."""

import os
import re
import sys
import time

import pexpect
import pyte
import pytest

from tmplctl.app import COMMANDS

# One line for each command, run in this order in one project; (command, exit code, what is on the screen).
TOUR = [
    ("init neu", 0, "wrote neu/tmpl.toml"),
    ("config check", 0, "ok: "),
    ("plugins numpy", 0, "NumPy arrays in memory"),
    ("list", 0, "STEP"),
    ("save --step 400 --metric loss=0.125", 0, "saved checkpoints/step-000000400.h5"),
    ("tag 400 good", 0, "tagged step 400 good"),
    ("show good", 0, "model/"),
    ("show good --stats", 0, "HISTOGRAM"),
    ("check latest", 0, "fits model:build"),
    ("restore latest restored.npz", 0, "restored checkpoints/step-000000400.h5 into restored.npz"),
    ("diff 100 restored.npz --values", 1, "different;"),
    ("verify", 0, "ok  checkpoints/step-000000400.h5"),
    ("convert good exported.safetensors", 0, "wrote exported.safetensors"),
    ("untag good", 0, "untagged step 400"),
    ("prune --dry-run", 0, "would delete"),
    ("rm 100", 0, "deleted checkpoints/step-000000100.h5"),
    ("show 100", 10, "error: there is no checkpoint '100'"),
    ("lst", 2, "hint: did you mean list?"),
]


class Terminal:
    """A terminal of a given width."""

    def __init__(self, columns, **environment):
        self.screen = pyte.Screen(columns, 60)
        self.raw = ""
        self._columns = columns
        kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
        self._environment = {**kept, "TERM": "xterm-256color", **environment}

    def run(self, *arguments, interrupt_at=None):
        child = pexpect.spawn(
            sys.executable, ["-m", "tmplctl", *arguments], env=self._environment, dimensions=(60, self._columns),
            encoding="utf-8", timeout=60,
        )  # fmt: skip
        self.screen.reset()
        if interrupt_at is not None:
            child.expect(interrupt_at)
            child.sendintr()
        child.expect(pexpect.EOF)
        self.raw = child.before
        pyte.Stream(self.screen).feed(self.raw)
        child.close()
        return child.exitstatus

    @property
    def lines(self):
        return [line.rstrip() for line in self.screen.display if line.strip()]


WIDE = ("plugins", "list", "show")  # what looks different where there is room


@pytest.mark.parametrize(("columns", "lines"), [(80, TOUR), (200, [step for step in TOUR if step[0].startswith(WIDE)])])
def test_a_tour_of_every_command(project, tmplctl, columns, lines):
    if lines is TOUR:
        assert {line.split()[0] for line, _, _ in TOUR} >= set(COMMANDS)
    else:
        assert tmplctl("save", "--step", "400", "--tag", "good").code == 0
        assert tmplctl("rm", "100").code == 0
    terminal = Terminal(columns)
    for line, code, text in lines:
        assert terminal.run(*line.split()) == code, (line, terminal.raw)
        shown = " ".join(" ".join(terminal.lines).split())
        assert " ".join(text.split()) in shown, (line, terminal.lines)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", terminal.raw)
        assert "\x1b" not in plain, (line, terminal.raw)  # colours, and nothing else that moves the cursor
        if code == 0 and not line.startswith(("show good --stats", "restore", "convert", "save", "config check")):
            assert max(len(part.rstrip("\r")) for part in plain.split("\n")) <= columns, line


def test_colour_in_a_terminal_and_none_where_it_is_not_wanted(project):
    terminal = Terminal(80)
    terminal.run("list")
    assert "\x1b[" in terminal.raw
    for environment in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        terminal = Terminal(80, **environment)
        terminal.run("list")
        assert "\x1b[" not in terminal.raw
        terminal.run("show", "nothing")
        assert "\x1b[" not in terminal.raw


def test_a_bar_for_what_takes_more_than_a_second(project, monkeypatch):
    """Slowed down by a `sitecustomize` that lets every block take a moment."""
    (project / "slow").mkdir()
    (project / "slow" / "sitecustomize.py").write_text(
        "import time\nimport tmplctl.progress as p\nadvance = p.Bar.advance\n"
        "def slowly(self, n):\n    time.sleep(0.7)\n    advance(self, n)\np.Bar.advance = slowly\n"
    )
    terminal = Terminal(80, PYTHONPATH=str(project / "slow"))
    start = time.monotonic()
    assert terminal.run("verify") == 0
    assert time.monotonic() - start > 1
    assert "verifying" in terminal.raw
    assert "bytes" in terminal.raw or "kB" in terminal.raw or "KiB" in terminal.raw
    assert not any("verifying" in line for line in terminal.lines)  # it is gone when the work is done
    quick = Terminal(80)
    quick.run("verify")
    assert "verifying" not in quick.raw


def test_ctrl_c_in_the_middle_of_a_conversion_leaves_nothing(project):
    (project / "slow").mkdir()
    (project / "slow" / "sitecustomize.py").write_text(
        "import time\nimport tmplctl.progress as p\nadvance = p.Bar.advance\n"
        "def slowly(self, n):\n    time.sleep(0.7)\n    advance(self, n)\np.Bar.advance = slowly\n"
    )
    before = sorted(path for path in project.rglob("*") if "__pycache__" not in str(path))
    terminal = Terminal(80, PYTHONPATH=str(project / "slow"))
    assert terminal.run("convert", "latest", "out.npz", interrupt_at="converting") == 130
    assert "error: interrupted" in terminal.lines
    assert "Traceback" not in terminal.raw
    assert sorted(path for path in project.rglob("*") if "__pycache__" not in str(path)) == before


def test_tab_completes_commands_checkpoints_tags_and_names(project, tmplctl):
    import subprocess

    tmplctl("tag", "200", "good")

    def complete(line):
        words = line.split(" ")
        environment = {
            **os.environ,
            "_TMPLCTL_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
        }
        code = "from tmplctl.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        return done.stdout.split()

    assert "restore" in complete("tmplctl re")
    assert {"latest", "100", "200", "300", "good"} <= set(complete("tmplctl show "))
    assert complete("tmplctl show goo") == ["good"]
    assert "checkpoints/step-000000100.h5" in complete("tmplctl show checkpoints/step-0000001")
    assert complete("tmplctl show latest model/k") == ["model/kernel"]
    assert complete("tmplctl untag g") == ["good"]


def test_a_terminal_without_a_size_is_taken_for_one_of_80_columns(project):
    child = pexpect.spawn(
        sys.executable, ["-m", "tmplctl", "list"], env=Terminal(80)._environment, dimensions=(0, 0), encoding="utf-8"
    )
    child.expect(pexpect.EOF)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", child.before).splitlines()
    assert 60 < max(map(len, lines)) <= 80
    assert lines[0].startswith("STEP  AGE  VARIABLES ")
