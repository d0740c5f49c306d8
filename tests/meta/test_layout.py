"""The project keeps its own rules: layout, packaging, import directions, sizes, exports, words."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = ["tmplcore", "tmplctl", *sorted(path.name for path in (ROOT / "plugins").glob("tmpl_*"))]
OPTIONAL = {"torch", "jax", "jaxlib", "optax", "pytest", "hypothesis", "hdf5plugin"}
MOST_LINES = 500


def _folder(package: str) -> Path:
    return ROOT / package if (ROOT / package).is_dir() else ROOT / "plugins" / package


MODULES = {
    ".".join(path.relative_to(_folder(package).parent).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted(_folder(package).rglob("*.py"))
}


def _run(*command: str, **keywords) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False, **keywords)


IMPORT_ALL = """
import importlib, sys, traceback
for name in sys.argv[1:]:
    for loaded in [key for key in sys.modules if key.split(".")[0].startswith("tmpl")]:
        del sys.modules[loaded]
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in {optional}:
            print(name, traceback.format_exc())
    except BaseException:
        print(name, traceback.format_exc())
"""


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_imports_alone_and_without_a_warning(package: str) -> None:
    names = [name for name in MODULES if name.split(".")[0] == package and not name.endswith("__main__")]
    script = IMPORT_ALL.format(optional=OPTIONAL)
    found = _run(sys.executable, "-W", "error", "-c", script, *names)
    assert found.returncode == 0, found.stderr
    assert found.stdout == ""


def _public(tree: ast.Module) -> tuple[list[str], list[str] | None]:
    """Return the public names a module defines at its top level, and its `__all__`."""
    names: list[str] = []
    exported: list[str] | None = None
    for node in tree.body:
        targets = []
        if isinstance(node, ast.Assign):
            targets = [target.id for target in node.targets if isinstance(target, ast.Name)]
            if targets == ["__all__"]:
                exported = ast.literal_eval(node.value)
                continue
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            targets = [node.target.id]
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            targets = [node.name]
        names += [name for name in targets if not name.startswith("_")]
    return names, exported


def _natural(name: str) -> list[tuple[int, str]]:
    """`complex64` before `complex128`."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


def _kind(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, _natural(name))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_exports_what_it_has_and_only_that(name: str) -> None:
    path = MODULES[name]
    names, exported = _public(ast.parse(path.read_text(encoding="utf-8")))
    if exported is None:
        assert path.name in ("__init__.py", "__main__.py"), f"{name} has no __all__"
        assert not names, f"{name} has no __all__"
        return
    assert len(set(exported)) == len(exported), f"{name}.__all__ names something twice"
    orders = [sorted(exported), sorted(exported, key=str.casefold), sorted(exported, key=_kind)]
    assert exported in orders, f"{name}.__all__ is not sorted"
    assert not [entry for entry in exported if entry.startswith("_") and not entry.startswith("__")]


@pytest.mark.parametrize("name", MODULES)
def test_what_a_module_exports_is_there(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in OPTIONAL:
            pytest.skip(f"{error.name} is not installed")
        raise
    for entry in getattr(module, "__all__", ()):
        try:
            getattr(module, entry)  # may import it
        except ImportError as error:
            if (error.name or "").split(".")[0] not in OPTIONAL:
                raise


def test_modules_are_short_enough_to_read() -> None:
    long = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES.values()
    }
    assert {path: lines for path, lines in long.items() if lines > MOST_LINES} == {}


def test_imports_run_in_the_agreed_directions() -> None:
    found = _run(sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy",),
    ],
    ids=" ".join,
)
def test_the_tools_have_nothing_to_say(command: tuple[str, ...]) -> None:
    found = _run(sys.executable, "-m", *command)
    assert found.returncode == 0, found.stdout + found.stderr


def test_folders_packages_entry_points_and_contracts_name_the_same_plugins() -> None:
    plugins = {name for name in PACKAGES if name.startswith("tmpl_")}
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(wheel) == {"tmplcore", "tmplctl", *(f"plugins/{name}" for name in plugins)}
    points = PROJECT["project"]["entry-points"]["tmplcore"]
    assert {value.split(":")[0].split(".")[0] for value in points.values()} == plugins
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)
    independent = next(c for c in PROJECT["tool"]["importlinter"]["contracts"] if c["type"] == "independence")
    assert set(independent["modules"]) == plugins
    installed = importlib.metadata.entry_points(group="tmplcore")
    assert {point.name for point in installed} >= set(points), "install the project again: pip install -e ."


def test_a_missing_package_names_an_extra_that_exists() -> None:
    from tmplcore.plugins import default_registry

    extras = set(PROJECT["project"]["optional-dependencies"])
    for info in default_registry().plugins():
        for descriptor in info.offers:
            if descriptor.distribution == "tmplcore" and descriptor.extra is not None:
                assert descriptor.extra in extras, descriptor


def test_the_wheel_has_everything_and_nothing_else(tmp_path: Path) -> None:
    built = _run(
        sys.executable, "-c", f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        files = set(archive.namelist())
        metadata = next(name for name in files if name.endswith(".dist-info/METADATA"))
        assert "Requires-Python: >=3.11" in archive.read(metadata).decode()
    expected = {
        str(path.relative_to(_folder(package).parent))
        for package in PACKAGES
        for path in MODULES.values()
        if path.is_relative_to(_folder(package))
    }
    assert expected <= files
    assert "tmplcore/py.typed" in files
    assert any(name.endswith("/licenses/LICENSE") for name in files)
    strange = {name.split("/")[0] for name in files if ".dist-info/" not in name} - set(PACKAGES)
    assert strange == set()


# What only the authors' own machines know has no place in the project.
FORBIDDEN = ["/wo" + "rk/", "/tmp" + "/w/", "/ro" + "ot/", "claude", "anthropic", "chatgpt", "openai.com", "xxx:"]


def test_no_file_speaks_of_machines_or_of_its_making() -> None:
    files = _run("git", "ls-files", "-z").stdout.split("\0")
    found = []
    for name in filter(None, files):
        path = ROOT / name
        if not path.is_file() or path == Path(__file__):
            continue
        try:
            text = path.read_text(encoding="utf-8").lower()
        except UnicodeDecodeError:
            continue
        found += [f"{name}: {word}" for word in FORBIDDEN if word in text]
    assert found == []


def test_pull_in_nothing_at_import() -> None:
    """`import tmplcore` and `tmplctl --help` must not load frameworks, HDF5 or settings."""
    heavy = {"h5py", "torch", "jax", "pydantic_settings", "safetensors", "optax", "hdf5plugin"}
    found = _run(sys.executable, "-c", f"import sys, tmplcore; print(sorted({heavy!r} & set(sys.modules)))")
    assert found.stdout.strip() == "[]", found.stdout + found.stderr
