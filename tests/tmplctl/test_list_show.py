"""`tmplctl list` and `show`."""

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

from tmplcore import checkpoint

STEP = "checkpoints/step-000000{}.h5"


def test_list(project, modes, tmplctl):
    tmplctl("tag", "100", "one")
    found = modes("list", width=80)
    infos = found.json.json["checkpoints"]
    assert [(i["step"], i["path"], i["variables"], i["tags"], i["metrics"], i["state"]) for i in infos] == [
        (100, STEP.format(100), 3, ["one"], {"loss": 0.5}, "ok"),
        (200, STEP.format(200), 3, [], {"loss": 0.25}, "ok"),
        (300, STEP.format(300), 3, [], {"loss": 0.75}, "ok"),
    ]
    assert [bool(info["kept_by"]) for info in infos] == [True, True, True]
    assert abs(infos[0]["time"] - time.time()) < 60
    assert infos[0]["nbytes"] == Path(STEP.format(100)).stat().st_size
    assert found.quiet.out.split() == [STEP.format(step) for step in (100, 200, 300)]
    lines = found.human.out.splitlines()
    assert lines[0].split() == ["STEP", "AGE", "VARIABLES", "SIZE", "STATE", "TAGS", "METRICS", "KEPT", "BY"]
    assert "one" in lines[1]
    assert lines[-1].startswith("3 checkpoints in checkpoints, ")


def test_list_shows_what_is_damaged_temporary_or_not_ours(project, modes):
    damaged = project / STEP.format(200)
    damaged.write_bytes(damaged.read_bytes()[:-100])
    found = modes("list")
    states = {info["step"]: info["state"] for info in found.json.json["checkpoints"]}
    assert states == {100: "ok", 200: "damaged", 300: "ok"}
    assert STEP.format(200) + ": " in found.human.out
    assert STEP.format(200) not in found.quiet.out


def test_list_of_another_directory_and_of_none(project, modes, fails, tmp_path):
    empty = tmp_path / "em pty ü"
    empty.mkdir()
    found = modes("list", empty)
    assert (found.human.code, found.json.json["checkpoints"], found.quiet.out) == (0, [], "")
    assert "no checkpoints in em pty ü" in found.human.out
    assert modes("list", "-d", "not-there").json.json["checkpoints"] == []
    assert "there is no directory not-there" in fails(10, "list", "not-there").err
    assert "is not a directory" in fails(2, "list", "model.py").err


def test_a_thousand_checkpoints_are_listed_in_a_second(tmp_path, monkeypatch, tmplctl):
    monkeypatch.chdir(tmp_path)
    values = {f"s{i}/w": np.zeros(2) for i in range(10)}
    for step in range(1000):
        checkpoint.save(f"checkpoints/step-{step:09}.h5", values, step=step, durable=False)
    best = min(_timed(tmplctl, "list") for _ in range(3))
    assert best < 3.0  # a second on a machine that has nothing else to do; about 0.4 measured


def _timed(tmplctl, *arguments):
    start = time.perf_counter()
    assert tmplctl(*arguments).code == 0
    return time.perf_counter() - start


def test_show_tree(project, modes):
    found = modes("show", "latest", width=60)
    assert found.human.out.splitlines()[3:] == [
        "NAME      SHAPE   DTYPE        SIZE",
        "model/            2 variables  60 B",
        "  kernel  [4, 3]  float32      48 B",
        "  bias    [3]     float32      12 B",
        "old/              1 variable    8 B",
        "  count   scalar  int64         8 B",
    ]
    assert found.human.out.startswith("checkpoints/step-000000300.h5: tmplcore, 3 variables, 68 B,")
    answer = found.json.json
    assert (answer["path"], answer["format"]) == (STEP.format(300), "tmplcore")
    assert answer["meta"]["step"] == 300
    assert answer["meta"]["user"] == {"note": "ä"}
    kernel = answer["variables"][0]
    assert (kernel["name"], kernel["shape"], kernel["dtype"], kernel["nbytes"]) == (
        "model/kernel", [4, 3], "float32", 48
    )  # fmt: skip
    assert kernel["digest"].startswith("xxh3")
    assert found.quiet.out.split() == ["model/kernel", "model/bias", "old/count"]


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (["model/"], ["model/kernel", "model/bias"]),
        (["model"], ["model/kernel", "model/bias"]),
        (["*/bias", "old/count"], ["model/bias", "old/count"]),
        (["re:^m.*l$"], ["model/kernel"]),
    ],
)
def test_show_some(project, modes, patterns, names):
    found = modes("show", "latest", *patterns)
    assert (found.human.code, found.quiet.out.split()) == (0, names)
    assert f"{len(names)} of 3 variables" in found.human.out


def test_show_nothing_that_fits_is_a_no(project, modes):
    found = modes("show", "latest", "nothing*")
    assert (found.human.code, found.json.json["variables"], found.quiet.out) == (1, [], "")
    assert "no variable fits" in found.human.out


def test_show_flat_meta_values_stats(project, modes):
    flat = modes("show", "300", "--flat", width=60).human.out.splitlines()
    assert flat[4].split() == ["model/kernel", "[4,", "3]", "float32", "48", "B"]
    assert "note" in modes("show", "300", "--meta").human.out
    values = modes("show", "300", "--values", "model/kernel[0, :2]", "--values", "old/count")
    assert "model/kernel[0, :2]\n[300. 300.]\n\nold/count\n300\n" in values.human.out
    by_name = {v["name"]: v for v in values.json.json["variables"]}
    assert (by_name["model/kernel"]["values"], by_name["model/kernel"]["index"]) == ([300.0, 300.0], "[0, :2]")
    stats = modes("show", "300", "--stats", width=80)
    bias = stats.json.json["variables"][1]["stats"]
    assert (bias["min"], bias["max"], bias["mean"], bias["zeros"], bias["nan"]) == (0.0, 2.0, 1.0, 1, 0)
    assert bias["std"] == pytest.approx(np.std([0, 1, 2]))
    assert sum(bias["histogram"]) == 3
    assert "█" in stats.human.out


def test_stats_of_what_is_odd(tmp_path, modes, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    big = rng.normal(1e6, 1.0, (3000, 2000)).astype(np.float32)  # more than one block, far from zero
    values = {
        "odd": np.array([np.nan, np.inf, -np.inf, 0.0, 5.0]),
        "nan": np.full(3, np.nan),
        "empty": np.zeros((0, 3)),
        "same": np.full(7, 4.0),
        "big": big,
        "flags": np.array([True, False]),
        "complex": np.array([3 + 4j]),
        "bytes": np.arange(5, dtype=np.uint8),
    }
    checkpoint.save("odd.h5", values)
    stats = {v["name"]: v["stats"] for v in modes("show", "odd.h5", "--stats").json.json["variables"]}
    assert (stats["odd"]["nan"], stats["odd"]["inf"], stats["odd"]["zeros"]) == (1, 2, 1)
    assert (stats["odd"]["min"], stats["odd"]["max"], stats["odd"]["mean"]) == (0.0, 5.0, 2.5)
    assert stats["nan"]["min"] is None
    assert stats["empty"]["mean"] is None
    assert (stats["same"]["std"], sum(stats["same"]["histogram"])) == (0.0, 7)
    assert stats["big"]["std"] == pytest.approx(big.astype(np.float64).std(), rel=1e-9)
    assert sum(stats["big"]["histogram"]) == big.size
    assert stats["flags"]["mean"] == 0.5
    assert stats["complex"]["max"] == 5.0
    nan = modes("show", "odd.h5", "--values", "odd").json.json["variables"]
    assert next(v["values"] for v in nan if v["name"] == "odd") == ["NaN", "Infinity", "-Infinity", 0.0, 5.0]


@pytest.mark.parametrize(
    ("values", "code", "message", "hint"),
    [
        ("model/kernl", 2, "has no variable 'model/kernl'", "did you mean model/kernel?"),
        ("model/kernel[0, 0, 0]", 2, "too many indices", "its shape is [4, 3]"),
        ("model/kernel[9]", 2, "out of bounds", "its shape is [4, 3]"),
        ("model/kernel[x]", 2, "is no index", "slices"),
        ("model/kernel[__import__('os')]", 2, "is no index", ""),
        ("model/kernel[]", 2, "is no index", ""),
        ("model/kernel[::0]", 2, "slice step cannot be zero", ""),
    ],
)
def test_values_that_are_not_there(project, fails, values, code, message, hint):
    result = fails(code, "show", "latest", "--values", values)
    assert message in result.err
    assert hint in result.err


def test_too_many_values(tmp_path, fails, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint.save("big.h5", {"w": np.zeros((1000, 1000))})
    assert "1,000,000 elements, too many to print" in fails(2, "show", "big.h5", "--values", "w").err


@pytest.mark.parametrize(
    ("ref", "code", "message", "hint"),
    [
        ("400", 10, "400", "300"),
        ("lates", 10, "lates", "latest"),
        ("latest~3", 10, "latest~3", ""),
        ("./nothing.h5", 10, "nothing.h5", ""),
        ("checkpoints/step-000000400.h5", 10, "step-000000400.h5", "step-000000300.h5"),
        ("checkpoints", 11, "checkpoints is a directory", "step-000000300.h5"),
        ("model.py", 11, "not a checkpoint in any known format", ""),
        ("empty.h5", 11, "empty.h5", ""),
        ("cut.h5", 11, "cut.h5", ""),
        ("", 11, "is a directory", ""),
    ],
)
def test_references_that_lead_nowhere(project, fails, ref, code, message, hint):
    (project / "empty.h5").write_bytes(b"")
    (project / "cut.h5").write_bytes((project / STEP.format(300)).read_bytes()[:3000])
    result = fails(code, "show", ref)
    assert message in result.err
    assert hint in result.err


def test_every_way_to_name_a_checkpoint(project, tmplctl):
    tmplctl("tag", "200", "good")
    for ref, step in {
        "latest": 300, "latest~1": 200, "latest~2": 100, "best": 200, "best~1": 100, "100": 100, "good": 200,
        STEP.format(100): 100, str(project / STEP.format(300)): 300,
    }.items():  # fmt: skip
        assert tmplctl("show", ref, "--json").json["meta"]["step"] == step, ref


@pytest.mark.parametrize("name", ["with space.h5", "Ümläut — 変数.h5", "-dash.h5", "new\nline.h5", "esc\x1b[31m.h5"])
def test_file_names_of_all_kinds(tmp_path, tmplctl, monkeypatch, name, schemas):
    monkeypatch.chdir(tmp_path)
    checkpoint.save(name, {"a/変数": np.zeros(2), "e\x1b[31mvil": np.ones(1)})
    result = tmplctl("show", "--json", "--", name)
    schemas.validate(result.json)
    assert result.json["path"] == name
    human = tmplctl("show", "--", name)
    assert human.code == 0
    assert "\x1b" not in human.out
    assert "変数" in human.out


def test_a_file_name_that_is_no_text(tmp_path, tmplctl, monkeypatch, schemas):
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"caf\xe9.h5")
    try:
        checkpoint.save(name, {"a": np.zeros(2)})
    except (OSError, checkpoint.errors.SaveError if hasattr(checkpoint, "errors") else OSError):
        pytest.skip("this file system takes UTF-8 only")
    result = tmplctl("show", "--json", name)
    schemas.validate(json.loads(result.out.encode("utf-8")))
    assert result.json["path"] == "caf\N{REPLACEMENT CHARACTER}.h5"
    assert tmplctl("show", name).code == 0


def test_deep_and_broad_trees(tmp_path, tmplctl, monkeypatch):
    monkeypatch.chdir(tmp_path)
    deep = "/".join(f"s{i}" for i in range(60)) + "/w"
    checkpoint.save("deep.npz", {deep: np.zeros(1), "a": np.zeros(1), "a/Adam": np.zeros(1)})
    result = tmplctl("show", "deep.npz", width=80)
    assert result.code == 0
    assert max(map(len, result.out.splitlines())) <= 80
    assert tmplctl("show", "deep.npz", "--flat", width=40).code == 0


def test_values_show_text_as_text_and_json_has_every_slice_asked_for(tmp_path, modes, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = np.array([b"the", "変数".encode(), b"\xff", b"a\nb"], dtype=object)
    checkpoint.save("text.h5", {"words": words, "word": np.array(b"one", dtype=object), "w": np.arange(4.0)})
    found = modes(
        "show", "text.h5", "w", "--values", "words", "--values", "word", "--values", "w[0]", "--values", "w[1:3]"
    )
    assert r"""['the' '変数' b'\xff' 'a\nb']""" in found.human.out
    assert "\nword\n'one'\n" in found.human.out
    assert [(part["name"], part["index"], part["values"]) for part in found.json.json["values"]] == [
        ("words", "", ["the", "変数", "\\xff", "a\nb"]),
        ("word", "", "one"),
        ("w", "[0]", 0.0),
        ("w", "[1:3]", [1.0, 2.0]),
    ]


def test_the_hint_about_a_directory_names_no_temporary_file(project, fails):
    Path("checkpoints/step-000009999.h5.tmp-1-x").write_bytes(b"")
    assert "name one in it: checkpoints/step-000000300.h5;" in fails(11, "show", "checkpoints").err


def test_the_hint_for_a_step_that_is_not_there_is_near_in_number(tmp_path, fails, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for step in range(100, 900, 100):
        checkpoint.save(f"checkpoints/step-{step:09}.h5", {"w": np.ones(1)}, step=step, durable=False)
    assert "did you mean 100 or 200?" in fails(10, "show", "150").err
    assert "the steps are 100, 200, …, 600, 700, 800" in fails(10, "show", "latest~50").err
