"""Make the golden files of format version 1. They are in the repository and are read for ever; never make them again.

python tests/plugins/tmpl_hdf5/golden/make.py DIRECTORY
"""

import sys
from pathlib import Path

import ml_dtypes
import numpy as np

META = {
    "step": 1234,
    "time": 1700000000.5,
    "metrics": {"loss": 0.25, "accuracy": 0.875},
    "user": {"note": "größer", "list": [1, None, True]},
    "provenance": {"argv": ["train.py"], "seed": 7},
}
TRAINABLE = frozenset({"dense/kernel", "dense/bias"})


def variables() -> dict[str, np.ndarray]:
    kernel = (np.arange(12, dtype="f4") / 4).reshape(3, 4)
    numbers = {
        dtype: np.arange(6).reshape(2, 3).astype(dtype)
        for dtype in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "c8", "c16", "?")
    }
    small = {name: np.arange(4).astype(getattr(ml_dtypes, name)) for name in ("bfloat16", "float8_e4m3fn", "int4")}
    return {
        "dense/kernel": kernel,
        "dense/kernel/Adam": kernel * 2,
        "dense/bias": np.zeros(4, "f4"),
        "tied": kernel,
        **{f"numbers/{name}": value for name, value in (numbers | small).items()},
        "scalar": np.array(3, "i8"),
        "empty": np.zeros((0, 5), "f4"),
        "bytes": np.array([b"graph\0", b"", b"x\0y"], object),
        "text": np.array(["größer", "重み"]),
        "fixed": np.array([b"ab", b"abcd"]),
        "date": np.array(["2024-02-29"], "M8[D]"),
        "table": np.array([(1, 2.5), (3, 4.5)], [("a", "i4"), ("b", "f8")]),
        "имя/重み": np.arange(3.0),
        "large": (np.arange(100_000, dtype="i8") % 7).reshape(200, 500).astype("f4"),
    }


if __name__ == "__main__":
    from tmpl_hdf5.native.format import NativeFormat
    from tmplcore.checkpoint.format import Metadata, WriteOptions

    directory = Path(sys.argv[1])
    for name, compression in (("version-1.h5", {}), ("version-1-zstd.h5", {"large": "zstd"})):
        model = variables()
        if not compression:
            model["large"] = model["large"][:2]
        options = WriteOptions(trainable=TRAINABLE, compression=compression)
        NativeFormat().write(directory / name, model, Metadata(**META), options)
