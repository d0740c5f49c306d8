"""Write the bundles in this folder with TensorFlow: python make.py (needs tensorflow 2.21; the tests do not)."""

import hashlib
import json
from pathlib import Path

import numpy as np
import tensorflow as tf

HERE = Path(__file__).parent


def save(name, items):
    tf.raw_ops.SaveV2(
        prefix=str(HERE / name),
        tensor_names=[item[0] for item in items],
        shape_and_slices=[item[1] for item in items],
        tensors=[item[2] for item in items],
    )


def sliced(name, value, *parts):
    """Save `value` as slices, each a text like `0,4:-` and an index."""
    shape = " ".join(map(str, value.shape))
    return [(name, f"{shape} {text}", value[index].copy()) for text, index in parts]


def dtypes():
    items = []
    for name in [
        "bfloat16",
        "bool",
        "complex128",
        "complex64",
        "float16",
        "float32",
        "float64",
        "float8_e4m3fn",
        "float8_e5m2",
        "int16",
        "int32",
        "int64",
        "int8",
        "qint16",
        "qint32",
        "qint8",
        "quint16",
        "quint8",
        "uint16",
        "uint32",
        "uint64",
        "uint8",
    ]:
        dtype = tf.dtypes.as_dtype(name)
        value = np.arange(6).reshape(2, 3)
        if name.startswith("q"):
            items.append((name, "", tf.bitcast(tf.constant(value.astype(name[1:])), dtype)))
        else:
            items.append((name, "", tf.cast(tf.constant(value.astype(np.float32)), dtype)))
    texts = np.array([[b"a", b"", b"\0\xff"], [b"x" * 300, b"yy", b"z" * 5]], object)
    items += [
        ("string", "", tf.constant(texts)),
        ("no_strings", "", tf.constant(np.empty((0, 2), object), tf.string)),
        ("nothing", "", np.zeros((0, 5), np.float64)),
        ("scalar", "", np.float32(2.5)),
        ("global_step", "", np.int64(1234)),
    ]
    return items


def partitioned():
    rows = np.arange(30, dtype=np.float32).reshape(10, 3)
    columns = np.arange(30000, dtype=np.float32).reshape(100, 300)
    long = (np.arange(2 * 70000) % 251).astype(np.uint8).reshape(70000, 2)
    grid = np.arange(24, dtype=np.int32).reshape(4, 6)
    return [
        *sliced("embedding", rows, *((f"{a},{n}:-", np.s_[a : a + n]) for a, n in [(0, 4), (4, 3), (7, 3)])),
        *sliced(
            "columns",
            columns,
            *((f"-:{a},{n}", np.s_[:, a : a + n]) for a, n in [(0, 75), (75, 75), (150, 70), (220, 80)]),
        ),
        *sliced(
            "long",
            long,
            *(
                (f"{a},{n}:-", np.s_[a : a + n])
                for a, n in [(0, 60), (60, 4), (64, 4000), (4064, 8129), (12193, 57807)]
            ),
        ),
        *sliced("grid", grid, *((f"{a},2:{b},3", np.s_[a : a + 2, b : b + 3]) for a in (0, 2) for b in (0, 3))),
        *sliced("odd\0\xff name", rows, ("0,4:-", np.s_[:4]), ("4,6:-", np.s_[4:])),
        ("embedding/Adam", "", rows),
    ]


def texts():
    """Sliced strings, which TensorFlow writes but refuses to read."""
    value = np.array([b"one", b"two", b"three", b""], object)
    return [("texts", f"4 {start},2", tf.constant(value[start : start + 2])) for start in (0, 2)]


def many():
    """Enough names for several blocks, with shared beginnings."""
    return [
        (
            f"model/layer_{i:03d}/a_rather_long_scope_name_{'x' * (i % 40)}/kernel",
            "",
            np.full((i % 3, 2), i, np.float32),
        )
        for i in range(1500)
    ]


def expected(prefix):
    reader = tf.train.load_checkpoint(str(HERE / prefix))
    found = {}
    dtypes = reader.get_variable_to_dtype_map()
    for name, shape in sorted(reader.get_variable_to_shape_map().items()):
        (value,) = tf.raw_ops.RestoreV2(
            prefix=str(HERE / prefix), tensor_names=[name], shape_and_slices=[""], dtypes=[dtypes[name]]
        )
        if value.dtype.is_quantized:
            value = tf.bitcast(value, value.dtype.name.removeprefix("q"))
        value = np.asarray(value.numpy(), dtype=object if value.dtype == tf.string else None)
        raw = b"".join(value.reshape(-1)) if value.dtype == object else value.tobytes()
        dtype = "string" if value.dtype == object else str(value.dtype)
        found[name] = {"shape": shape, "dtype": dtype, "sha256": hashlib.sha256(raw).hexdigest()}
    return found


save("dtypes", dtypes())
save("partitioned", partitioned())
halves = [f"{HERE}/half_{i}" for i in range(3)]
for i, half in enumerate(halves):
    save(Path(half).name, dtypes()[i::3])
tf.raw_ops.MergeV2Checkpoints(checkpoint_prefixes=halves, destination_prefix=f"{HERE}/sharded", delete_old_dirs=False)
save("many", many())
save("texts", texts())
(HERE / "expected.json").write_text(
    json.dumps({name: expected(name) for name in ["dtypes", "partitioned", "sharded"]}, indent=1) + "\n"
)
