"""Bundles that TensorFlow wrote are read bit for bit, without TensorFlow."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from tmpl_tensorflow.bundle import BundleFormat
from tmpl_tensorflow.locate import detect
from tmplcore import checkpoint
from tmplcore.checkpoint.format import Box
from tmplcore.errors import CheckpointNotFoundError, DamagedError, UnreadableError, VariableMissingError

DATA = Path(__file__).parents[2] / "data"
SHARED = Path(__file__).parents[4] / "shared" / "data"
G2P = Path(__file__).parents[3] / "examples" / "g2p" / "g2p_infer_v2"


def _expected() -> list:
    cases = []
    for name, variables in json.loads((DATA / "tensorflow" / "expected.json").read_text()).items():
        cases.append(pytest.param(DATA / "tensorflow" / name, variables, id=name))
    basic_pitch = json.loads((DATA / "basic_pitch_vars" / "expected.json").read_text())["variables"]
    cases.append(pytest.param(DATA / "basic_pitch_vars" / "variables", basic_pitch, id="basic_pitch"))
    for folder in ["g2p_en_1.0.0", "mnist_regression_v1_v2", "tf_serving_testdata"]:
        if (SHARED / folder).is_dir():  # may not be committed, or is large
            for name, variables in json.loads((SHARED / folder / "expected.json").read_text()).items():
                if (SHARED / folder / f"{name}.index").is_file():
                    cases.append(pytest.param(SHARED / folder / name, variables, id=name))
    return cases


@pytest.mark.parametrize(("path", "expected"), _expected())
def test_every_variable_is_what_tensorflow_reads(path: Path, expected: dict) -> None:
    assert detect(path)
    with BundleFormat().open(path) as reader:
        assert sorted(reader) == sorted(expected)
        assert len(reader) == len(expected)
        assert list(reader) == sorted(reader, key=str.encode)
        for name, want in expected.items():
            variable = reader[name]
            value = variable[...]
            assert list(variable.shape) == want["shape"]
            assert value.shape == variable.shape
            assert value.dtype == variable.dtype
            raw = b"".join(value.reshape(-1)) if value.dtype == object else value.tobytes()
            assert hashlib.sha256(raw).hexdigest() == want["sha256"], name
            assert variable.nbytes == len(raw)
            assert (value.dtype == object) == (want["dtype"] == "string")
            if want["dtype"] != "string":
                assert value.dtype.name == want["dtype"].removeprefix("q")
            out = np.empty(variable.shape, variable.dtype)
            variable.read_into(out)
            assert np.array_equal(out, value)
        assert list(reader.verify()) == []
        read: list[int] = []
        assert list(reader.verify(jobs=3, progress=read.append)) == []
        assert sum(read) <= sum(file.stat().st_size for file in reader.files)


def test_a_bundle_is_named_by_prefix_by_any_of_its_files_or_by_its_directory(tmp_path: Path) -> None:
    shutil.copytree(G2P, tmp_path / "run")
    names = ["model.ckpt", "model.ckpt.index", "model.ckpt.data-00000-of-00001", "."]
    (tmp_path / "run" / "other.txt").write_text("x")
    for name in names:
        assert detect(tmp_path / "run" / name), name
        with BundleFormat().open(tmp_path / "run" / name) as reader:
            assert reader.path == tmp_path / "run" / "model.ckpt"
            assert reader.meta.step == 27956
            assert [file.name for file in reader.files] == ["model.ckpt.index", "model.ckpt.data-00000-of-00001"]


@pytest.mark.parametrize(
    "named", ["model.ckpt", "/gone/elsewhere/model.ckpt", "../../etc/model.ckpt", "./model.ckpt", "m\\157del.ckpt"]
)
def test_a_state_file_leads_to_the_bundle_beside_it_wherever_it_says_it_was(tmp_path: Path, named: str) -> None:
    shutil.copytree(G2P, tmp_path, dirs_exist_ok=True)
    shutil.copy(tmp_path / "model.ckpt.index", tmp_path / "older.index")
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\nall_model_checkpoint_paths: "older"\n')
    for path in [tmp_path, tmp_path / "checkpoint"]:
        assert detect(path)
        with BundleFormat().open(path) as reader:
            assert reader.path == tmp_path / "model.ckpt"


def test_a_state_file_never_leads_out_of_its_directory(tmp_path: Path) -> None:
    shutil.copytree(G2P, tmp_path / "secret")
    (tmp_path / "run").mkdir()
    for named in [str(tmp_path / "secret" / "model.ckpt"), "../secret/model.ckpt"]:
        (tmp_path / "run" / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\n')
        assert detect(tmp_path / "run")
        with pytest.raises(CheckpointNotFoundError, match=r"run/model\.ckpt\.index does not exist"):
            BundleFormat().open(tmp_path / "run")


def test_a_saved_model_directory_is_opened_by_its_variables(tmp_path: Path) -> None:
    shutil.copytree(DATA / "basic_pitch_vars", tmp_path / "model" / "variables")
    assert detect(tmp_path / "model")
    with BundleFormat().open(tmp_path / "model") as reader:
        assert len(reader) == 74


def test_a_checkpoint_of_version_1_is_named_as_such(tmp_path: Path) -> None:
    shutil.copy(G2P / "model.ckpt.index", tmp_path / "model.ckpt")  # a sorted table in one file, as they are
    with pytest.raises(UnreadableError, match="not the index of a V2 checkpoint") as caught:
        checkpoint.open(tmp_path / "model.ckpt")
    assert "V1" in caught.value.hint


def test_a_directory_of_several_bundles_asks_which(tmp_path: Path) -> None:
    for name in ["a", "b"]:
        shutil.copy(G2P / "model.ckpt.index", tmp_path / f"{name}.index")
    assert detect(tmp_path)
    with pytest.raises(UnreadableError, match="holds 2 TensorFlow checkpoints") as caught:
        BundleFormat().open(tmp_path)
    assert str(tmp_path / "a") in caught.value.hint
    assert str(tmp_path / "b") in caught.value.hint


def test_what_is_not_there_is_said_with_what_is(tmp_path: Path) -> None:
    shutil.copytree(G2P, tmp_path, dirs_exist_ok=True)
    assert not detect(tmp_path / "modle.ckpt")
    with pytest.raises(CheckpointNotFoundError, match=r"modle\.ckpt: no such checkpoint") as caught:
        BundleFormat().open(tmp_path / "modle.ckpt")
    assert str(tmp_path / "model.ckpt") in caught.value.hint


def test_an_index_without_its_data_file_is_damage_but_can_be_listed_for_salvage(tmp_path: Path) -> None:
    shutil.copy(G2P / "model.ckpt.index", tmp_path)
    assert detect(tmp_path / "model.ckpt")
    with pytest.raises(DamagedError, match=r"model\.ckpt\.data-00000-of-00001: no such file") as caught:
        BundleFormat().open(tmp_path / "model.ckpt")
    assert "belong together" in caught.value.hint
    assert len(caught.value.damage) == 19
    with BundleFormat().open_damaged(tmp_path / "model.ckpt") as reader:
        assert reader["dense/bias"].shape == (72,)
        assert len(list(reader.verify())) == len(reader) == 19
        assert reader.meta.step is None
        with pytest.raises(UnreadableError, match="is missing"):
            reader["dense/bias"][...]


def test_data_without_its_index_is_damage(tmp_path: Path) -> None:
    shutil.copy(G2P / "model.ckpt.data-00000-of-00001", tmp_path)
    for name in ["model.ckpt", "model.ckpt.data-00000-of-00001"]:
        assert detect(tmp_path / name)
        with pytest.raises(DamagedError, match="its index is missing") as caught:
            BundleFormat().open(tmp_path / name)
        assert "model.ckpt.index" in caught.value.hint


def test_a_truncated_data_file_names_the_variables_that_are_gone(tmp_path: Path) -> None:
    shutil.copytree(G2P, tmp_path, dirs_exist_ok=True)
    data = tmp_path / "model.ckpt.data-00000-of-00001"
    whole = BundleFormat().open(tmp_path / "model.ckpt")
    order = sorted(whole, key=lambda name: getattr(whole[name], "offset", 0))
    keep = whole[order[-3]].offset + 4
    data.write_bytes(data.read_bytes()[:keep])
    with pytest.raises(DamagedError, match=f"was cut short: it ends at byte {keep}") as caught:
        BundleFormat().open(tmp_path / "model.ckpt")
    assert "salvage" in caught.value.hint
    assert {found.name for found in caught.value.damage} == set(order[-3:])
    with BundleFormat().open_damaged(tmp_path / "model.ckpt") as reader:
        assert {found.name for found in reader.verify()} == set(order[-3:])
        assert np.array_equal(reader[order[0]][...], whole[order[0]][...])
        with pytest.raises(DamagedError, match="but the file ends at"):
            reader[order[-1]][...]
    whole.close()


def test_a_flipped_bit_is_found_and_named_with_its_bytes(tmp_path: Path) -> None:
    shutil.copytree(DATA / "tensorflow", tmp_path, dirs_exist_ok=True)
    for prefix, name in [
        ("dtypes", "float16"),
        ("dtypes", "string"),
        ("partitioned", "grid"),
        ("texts", "texts"),
    ]:
        with BundleFormat().open(tmp_path / prefix) as reader:
            piece = reader[name].parts[-1][1] if reader[name].boxes[1:] else reader[name]
            place = getattr(piece, "offset", None) or piece._offset + piece._size - 1
            data = bytearray((DATA / "tensorflow" / f"{prefix}.data-00000-of-00001").read_bytes())
            data[place] ^= 0x10
            reader.files[1].write_bytes(data)
        with BundleFormat().open(tmp_path / prefix) as reader:
            (found,) = reader.verify()
            assert found.name == name
            assert found.start <= place < found.stop
            assert Path(found.file) == reader.files[1]
            assert list(reader.verify(set(reader) - {name})) == []
            variable = reader[name]
            out = np.empty(variable.shape, variable.dtype)
            with pytest.raises(DamagedError, match=name) as caught:
                reader.read_into({name: out}, verify=True)
            assert caught.value.damage == (found,)
            assert caught.value.overwritten == (name,)
            reader.read_into({name: out})


def test_a_partitioned_variable_knows_its_boxes_and_is_sliced_across_them() -> None:
    with BundleFormat().open(DATA / "tensorflow" / "partitioned") as reader:
        grid = reader["grid"]
        assert set(grid.boxes) == {Box((a, b), (2, 3)) for a in (0, 2) for b in (0, 3)}
        value = np.arange(24, dtype=np.int32).reshape(4, 6)
        indices = [
            np.s_[1:3, 2:5],
            np.s_[::-1, ::-2],
            np.s_[3],
            np.s_[..., 4],
            np.s_[-1, -1],
            np.s_[2:2],
            np.s_[None, 1:],
        ]
        for index in [*indices, np.s_[::3, ::4], np.s_[3:0:-2, 5:1:-3], np.s_[[0, 2], 1]]:
            assert np.array_equal(grid[index], value[index]), index
            assert grid[index].shape == value[index].shape
        with pytest.raises(IndexError):
            grid[4]
        columns = reader["columns"]
        assert len(columns.boxes) == 4
        assert np.array_equal(columns[7:9, 70:160], np.arange(30000, dtype="f4").reshape(100, 300)[7:9, 70:160])
        assert np.array_equal(np.concatenate(list(columns.blocks(4096))), columns[...].reshape(-1))
    with BundleFormat().open(DATA / "tensorflow" / "texts") as reader:
        assert reader["texts"][...].tolist() == [b"one", b"two", b"three", b""]
        assert reader["texts"][1:3].tolist() == [b"two", b"three"]
        assert reader["texts"].nbytes == 11


def test_several_data_files_are_one_checkpoint(tmp_path: Path) -> None:
    with BundleFormat().open(DATA / "tensorflow" / "sharded") as reader:
        assert len(reader.files) == 4
        assert reader.meta.step == 1234
        assert reader.meta.provenance["tensorflow"]["shards"] == 3
    for file in (DATA / "tensorflow").glob("sharded*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "sharded.data-00001-of-00003").unlink()
    with pytest.raises(DamagedError, match=r"sharded\.data-00001-of-00003: no such file") as caught:
        BundleFormat().open(tmp_path / "sharded")
    with BundleFormat().open_damaged(tmp_path / "sharded") as reader:
        gone = {found.name for found in caught.value.damage}
        assert 0 < len(gone) < len(reader)
        assert {found.name for found in reader.verify()} == gone
        intact = next(name for name in reader if name not in gone)
        assert reader[intact][...] is not None


def test_the_digest_is_the_checksum_of_the_bytes() -> None:
    import google_crc32c

    with BundleFormat().open(DATA / "tensorflow" / "dtypes") as reader:
        value = reader["complex64"][...]
        assert reader["complex64"].digest == f"crc32c:{google_crc32c.value(value.tobytes()):08x}"
        assert reader["string"].digest is None
        assert reader["float32"].trainable is None


def test_an_unknown_variable_is_named() -> None:
    with BundleFormat().open(G2P) as reader:
        with pytest.raises(VariableMissingError, match="'dense/kernal'"):
            reader["dense/kernal"]
        assert "dense/kernal" not in reader


def test_the_step_may_stand_in_the_prefix(tmp_path: Path) -> None:
    for file in (DATA / "tensorflow").glob("partitioned*"):
        shutil.copy(file, tmp_path / file.name.replace("partitioned", "model.ckpt-500"))
    with BundleFormat().open(tmp_path / "model.ckpt-500") as reader:
        assert reader.meta.step == 500


def test_what_a_listing_shows_is_known_after_closing() -> None:
    for prefix in ["dtypes", "texts"]:
        with BundleFormat().open(DATA / "tensorflow" / prefix) as reader:
            variables = list(reader.values())
        assert all(variable.nbytes >= 0 for variable in variables)
        with pytest.raises(UnreadableError, match="was closed"):
            variables[0][...]
