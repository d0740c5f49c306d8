"""The documentation builds without a warning, and every block of code in it runs.

A block ```python is executed, the blocks of one page in one module, in order; ```console shows commands after `$ ` and,
below each, exactly what it prints. Both run in a fresh directory per page, which has the repository's examples/ in
it. A block that cannot run says why: ```python {.norun reason="needs a GPU"}.
"""

import ast
import importlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ \t]*$", re.MULTILINE | re.DOTALL
)
REASON = re.compile(r'\.norun\b.*\breason="(?P<reason>[^"]{8,})"')
RUN = {"python", "console"}
# Not programs: these are shown, not run.
SHOWN = {"", "text", "toml", "json", "yaml", "diff", "ini", "markdown", "bash", "sh", "python"}


@dataclass(frozen=True)
class Block:
    language: str
    info: str
    body: str
    line: int


def _blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in FENCE.finditer(text):
        language = re.match(r"\{?\s*\.?([\w+-]*)", match["info"])[1]
        indent = match["indent"]
        body = "".join(line.removeprefix(indent) for line in match["body"].splitlines(keepends=True))
        found.append(Block(language, match["info"], body, text[: match.start()].count("\n") + 1))
    return found


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    for block in _blocks(page):
        assert block.language in RUN | SHOWN, f"line {block.line}: a block of {block.language!r}"
        assert block.language not in ("bash", "sh"), f"line {block.line}: write ```console with `$ ` and the output"
        if ".norun" in block.info:
            assert REASON.search(block.info), f'line {block.line}: .norun needs reason="…"'


@pytest.mark.parametrize("page", [page for page in PAGES if any(b.language in RUN for b in _blocks(page))], ids=_name)
def test_the_code_on_a_page_runs(page: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    script = ""
    for block in _blocks(page):
        where = f"{_name(page)}:{block.line}"
        if ".norun" in block.info:
            continue
        if block.language == "python":
            # The blocks of a page share their names, as for a reader who pastes them one after the other; the empty
            # lines make the lines of a traceback those of the page.
            script += "\n" * (block.line - script.count("\n")) + block.body
            if saved := re.match(r"# (\S+\.py)\n", block.body):
                (tmp_path / saved[1]).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / saved[1]).write_text(block.body, encoding="utf-8")
        elif block.language == "console":
            _console(block.body, tmp_path, where)
    if missing := _missing_packages(script):
        pytest.skip(f"{missing} is not installed")
    if script:
        _python(script, tmp_path, _name(page))


def _missing_packages(script: str) -> str:
    wanted = {"torch", "jax", "optax"}
    names = set()
    for node in ast.walk(ast.parse(script)):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return ", ".join(sorted(name for name in names & wanted if importlib.util.find_spec(name) is None))


def _environment() -> dict[str, str]:
    scripts = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": scripts + os.pathsep + os.environ["PATH"],
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "TERM": "dumb",
        # torch.compile says it under Python 3.13.0 alone.
        "PYTHONWARNINGS": "error,ignore:Guards may run slower on Python 3.13.0:RuntimeWarning",
    }


def _python(script: str, folder: Path, where: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{where}\n{done.stdout}\n{done.stderr}"
    expected = [line.removeprefix("# → ") for line in re.findall(r"(?<=[ \n])# → .*", script)]
    printed = done.stdout.splitlines()
    for line in expected:
        assert any(_alike(line.strip(), got.strip()) for got in printed), f"{where}: {line!r} is not in {printed}"


def _console(body: str, folder: Path, where: str) -> None:
    """Run each `$ ` command and compare what it prints: `…` in the page stands for anything."""
    steps: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        else:
            assert steps, f"{where}: output before the first command"
            if steps[-1][0].endswith("\\"):
                steps[-1] = (f"{steps[-1][0][:-1]}{line.strip()}", [])
            else:
                steps[-1][1].append(line)
    for command, expected in steps:
        if command.startswith(("make ", "git clone", "pip install", "cd ")):
            assert not expected, f"{where}: {command} is run by the project's own checks, show no output"
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=_environment(), text=True, timeout=120, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        printed = [line.rstrip() for line in done.stdout.splitlines()]
        wanted = [line.rstrip() for line in expected]
        if wanted and not _alike("\n".join(wanted), "\n".join(printed)):
            raise AssertionError(f"{where}: $ {command}\n--- the page says\n{body}\n--- it prints\n{done.stdout}")
        if not wanted:
            assert done.returncode == 0, f"{where}: $ {command}\n{done.stdout}"


def _alike(wanted: str, got: str) -> bool:
    pattern = ".*".join(re.escape(part) for part in wanted.strip().split("…"))
    return re.fullmatch(pattern, got.strip(), re.DOTALL) is not None


def test_the_pages_build_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env={**_environment(), "PYTHONWARNINGS": "default", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "https://fonts." not in page
    for source in (ROOT / "docs").rglob("*.md"):
        assert (tmp_path / source.relative_to(ROOT / "docs").with_suffix(".html")).is_file()


@pytest.mark.parametrize(
    "module",
    [
        "tmplcore",
        "tmplcore.backend",
        "tmplcore.checkpoint",
        "tmplcore.checkpoint.format",
        "tmplcore.config",
        "tmplcore.errors",
        "tmplcore.initializers",
        "tmplcore.plugins",
        "tmplcore.random",
        "tmplcore.regularizers",
        "tmplcore.testing",
        "tmpl_getters",
        "tmpl_jax",
        "tmpl_torch",
    ],
)
def test_every_public_name_is_in_the_reference(module: str) -> None:
    if module in ("tmpl_jax", "tmpl_torch"):
        pytest.importorskip(module.removeprefix("tmpl_"))
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "reference").rglob("*.md"))
    shown = set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    found = importlib.import_module(module)
    missing = [
        name
        for name in found.__all__
        if not (name.startswith("__") or isinstance(getattr(found, name), ModuleType))
        and module not in shown
        and not any(entry.endswith(f".{name}") for entry in shown)
        and not re.search(rf"`({re.escape(module)}\.)?{name}`", pages)
    ]
    assert not missing


def test_decisions_are_numbered_once() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")]
    assert len(set(numbers)) == len(numbers)
    for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md"):
        assert path.read_text(encoding="utf-8").startswith(f"# {path.name[:4]}: "), path.name


def test_the_readme_leads_on_to_pages_that_are_there() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
