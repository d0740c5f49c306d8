"""The main job on checkpoints that are not whole: one clear error, the right exit code, nothing left behind."""

import io
import shutil
from pathlib import Path

import pytest

from tmplctl.main import run
from tmplctl.output import Output

G2P = Path(__file__).parents[2] / "examples" / "g2p"

COMMANDS = {
    "show": ["show", "{}"],
    "convert": ["convert", "{}", "out.h5"],
    "convert to safetensors": ["convert", "{}", "out.safetensors"],
    "convert to npz": ["convert", "{}", "out.npz"],
    "save": ["save", "{}"],
    "restore": ["restore", "{}", "out.h5"],
    "restore into the working file": ["restore", "{}"],
    "diff": ["diff", "{}", "g2p_infer_v2"],
    "check": ["check", "model:build", "{}"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ["model.py", "tmpl.toml"]:
        shutil.copy(G2P / name, tmp_path)
    shutil.copytree(G2P / "g2p_infer_v2", tmp_path / "g2p_infer_v2")
    for name in ["truncated", "no_data", "no_index", "truncated_index"]:
        shutil.copytree(G2P / "g2p_infer_v2", tmp_path / name)
    data = tmp_path / "truncated" / "model.ckpt.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:700_000])
    (tmp_path / "no_data" / "model.ckpt.data-00000-of-00001").unlink()
    (tmp_path / "no_index" / "model.ckpt.index").unlink()
    index = tmp_path / "truncated_index" / "model.ckpt.index"
    index.write_bytes(index.read_bytes()[:-20])
    (tmp_path / "directory").mkdir()
    (tmp_path / "text.txt").write_text("not a checkpoint")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def _state(folder: Path) -> dict[str, bytes]:
    ours = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): path.read_bytes() for path in ours}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    ("reference", "code", "problem", "fix"),
    [
        ("missing/model.ckpt", 10, "missing", ""),
        ("./missing.ckpt", 10, "missing.ckpt", ""),
        ("directory", 11, "directory", "name"),
        ("text.txt", 11, "text.txt", ""),
        ("truncated/model.ckpt", 11, "truncated/model.ckpt.data-00000-of-00001: was cut short", "copy or download"),
        ("no_data/model.ckpt", 11, "no_data/model.ckpt.data-00000-of-00001: no such file", "copy it beside the index"),
        ("no_data/model.ckpt.index", 11, "no_data/model.ckpt.data-00000-of-00001: no such file", "copy it beside"),
        ("no_index/model.ckpt", 11, "no_index/model.ckpt: the data files", "copy model.ckpt.index beside them"),
        ("truncated_index/model.ckpt", 11, "truncated_index/model.ckpt.index: does not end", "copy or download"),
    ],
)
def test_one_clear_error_and_nothing_left(
    folder: Path, command: list[str], reference: str, code: int, problem: str, fix: str
) -> None:
    before = _state(folder)
    out, err = io.StringIO(), io.StringIO()
    got = run([word.format(reference) for word in command], Output(out, err, {"COLUMNS": "100"}))
    said = err.getvalue()
    assert got == code, said
    assert said.count("error:") == 1, said
    assert "Traceback" not in said
    assert problem in said
    assert fix in said
    assert out.getvalue() == ""
    assert _state(folder) == before
