"""Values, distributions and refusals of the initializers; facts observed on TensorFlow 2.21."""

# ruff: noqa: E501 - tables read better in long lines

import math
from types import SimpleNamespace

import ml_dtypes
import numpy as np
import pytest

from tmplcore import initializers as i
from tmplcore.dtypes import as_dtype
from tmplcore.random import BLOCK, drawing

N = 200_000


def named(initializer, shape, dtype=None, name="v", **options):
    with drawing(20_260_101, name):
        return initializer(shape, dtype=dtype, **options)


@pytest.mark.parametrize(
    ("initializer", "shape", "dtype", "expected"),
    [
        (i.Zeros(), [2], None, [0.0, 0.0]), (i.Zeros("int32"), [2], None, [0, 0]), (i.Zeros(), [2], "bool", [False, False]),
        (i.Zeros(), [2], "string", [b"", b""]), (i.Ones(), 3, None, [1.0, 1.0, 1.0]), (i.Ones(), [2], "bool", [True, True]),
        (i.Constant(3), [2], None, [3.0, 3.0]), (i.Constant(), [2], None, [0.0, 0.0]),
        (i.Constant([1.0, 2.0]), [4], None, [1, 2, 2, 2]), (i.Constant([1, 2, 3]), [2, 2], None, [[1, 2], [3, 3]]),
        (i.Constant([[1, 2], [3, 4]]), [4], None, [1, 2, 3, 4]), (i.Constant([]), [2], None, [0, 0]),
        (i.Constant([]), [0], None, []), (i.Constant([1, 2], dtype="int32"), [3], None, [1, 2, 2]),
        (i.Constant(np.float64(1.5)), [2], "int32", [1, 1]), (i.Constant(np.array([1.5])), [2], "int32", [1, 1]),
        (i.Constant("a"), [2], "string", [b"a", b"a"]), (i.Constant(b"x\x00"), [1], "string", [b"x\x00"]),
        (i.Constant(True), [2], "bool", [True, True]), (i.Constant(1 + 2j), [1], "complex64", [1 + 2j]),
        (i.Constant(300), [1], "uint8", [44]), (i.Constant([1]), [], None, 1.0), (i.Constant(3), [0, 2], None, np.zeros((0, 2))),
        (i.Constant([1.0, 2.0], verify_shape=True), [2], None, [1, 2]), (i.Constant(2), [2], "bfloat16", [2, 2]),
        (i.Identity(), [2, 3], None, [[1, 0, 0], [0, 1, 0]]), (i.Identity(2.0), [3, 2], None, [[2, 0], [0, 2], [0, 0]]),
        (i.Identity(), [0, 2], None, np.zeros((0, 2))),
    ],
)  # fmt: skip
def test_fixed_values(initializer, shape, dtype, expected):
    value = initializer(shape, dtype)
    wanted = as_dtype(dtype or initializer.dtype).dtype
    assert value.dtype == wanted
    assert value.shape == np.shape(expected)
    assert value.tolist() == np.asarray(expected, wanted).tolist()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: i.Ones()([2], "string"), TypeError, "Expected string"),
        (lambda: i.Zeros()([None, 2]), ValueError, "fully defined"),
        (lambda: i.Zeros()([-1]), ValueError, ">= 0"),
        (lambda: i.Zeros("junk"), TypeError, "Cannot convert"),
        (lambda: i.Constant([1, 2, 3, 4, 5])([4]), ValueError, "Too many elements provided. Takes at most 4, but got 5"),
        (lambda: i.Constant([1, 2])([]), ValueError, "Too many elements"),
        (lambda: i.Constant([1.0, 2.0], verify_shape=True)([4]), TypeError, r"Expected Tensor's shape: \(4,\)"),
        (lambda: i.Constant([1.0, 2.0])([4], verify_shape=True), TypeError, r"Expected Tensor's shape: \(4,\)"),
        (lambda: i.Constant(1.5)([3], "int32"), TypeError, "Expected int32, but got 1.5 of type 'float'"),
        (lambda: i.Constant([1, 2.5])([3], "int32"), TypeError, "Expected int32, but got"),
        (lambda: i.Constant("a")([2]), TypeError, "Expected float32, but got a of type 'str'"),
        (lambda: i.Constant(1)([2], "bool"), TypeError, "Expected bool, but got 1 of type 'int'"),
        (lambda: i.Constant(1)([2], "string"), TypeError, "Expected string"),
        (lambda: i.Constant({}), TypeError, "Invalid type for initial value"),
        (lambda: i.Constant(None), TypeError, "Invalid type for initial value"),
        (lambda: i.RandomUniform(dtype="int32"), ValueError, "Must specify maxval for integer dtype"),
        (lambda: i.RandomUniform()([3], "int32"), ValueError, "Must specify maxval for integer dtype"),
        (lambda: i.RandomUniform(5, 5)([3], "int32"), ValueError, "minval < maxval"),
        (lambda: i.RandomUniform()([3], "bool"), ValueError, "got invalid value"),
        (lambda: i.RandomUniform(0, 5)([3], "uint8"), ValueError, "got invalid value"),
        (lambda: i.RandomNormal(dtype="int32"), ValueError, "expected to be floating point"),
        (lambda: i.RandomNormal(dtype="complex64"), ValueError, "expected to be floating point"),
        (lambda: i.RandomNormal()([3], "int32"), TypeError, "Expected int32, but got 0.0"),
        (lambda: i.TruncatedNormal(dtype="int32"), ValueError, "expected to be floating point"),
        (lambda: i.VarianceScaling(scale=0), ValueError, "`scale` must be a positive float"),
        (lambda: i.VarianceScaling(scale=-1), ValueError, "`scale` must be a positive float"),
        (lambda: i.VarianceScaling(mode="FAN_IN"), ValueError, "`mode` should be one of"),
        (lambda: i.VarianceScaling(distribution="x"), ValueError, "`distribution` should be one of"),
        (lambda: i.VarianceScaling(dtype="int32"), ValueError, "expected to be floating point"),
        (lambda: i.GlorotUniform()([2, 2], "int32"), TypeError, "Expected int32"),
        (lambda: i.Orthogonal()([3]), ValueError, "at least two-dimensional"),
        (lambda: i.Orthogonal()([]), ValueError, "at least two-dimensional"),
        (lambda: i.Orthogonal(dtype="int32"), ValueError, "expected to be floating point"),
        (lambda: i.Identity()([2]), ValueError, "two-dimensional"),
        (lambda: i.Identity()([2, 2, 2]), ValueError, "two-dimensional"),
        (lambda: i.Identity()([2, 2], "int32"), TypeError, "Expected int32, but got 1.0"),
        (lambda: i.RandomNormal(seed=1.5)([2]), TypeError, "seed must be an integer"),
    ],
)  # fmt: skip
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


def moments(value):
    value = value.astype(np.float64).ravel()
    deviation = value.std()
    z = (value - value.mean()) / deviation
    return value.mean(), deviation, (z**3).mean(), (z**4).mean()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_uniform(dtype):
    value = named(i.RandomUniform(-1, 3), [N], dtype)
    assert value.dtype == as_dtype(dtype).dtype
    mean, deviation, skew, kurtosis = moments(value)
    assert mean == pytest.approx(1, abs=0.01)
    assert deviation == pytest.approx(4 / math.sqrt(12), rel=0.01)
    assert skew == pytest.approx(0, abs=0.02)
    assert kurtosis == pytest.approx(1.8, abs=0.02)
    assert value.min() >= -1
    assert value.max() < 3
    counts, _ = np.histogram(value.astype(np.float64), bins=8, range=(-1, 3))
    assert counts == pytest.approx(np.full(8, N / 8), rel=0.03)


def test_uniform_never_reaches_the_upper_end_in_few_bits():
    for dtype in ("bfloat16", "float16", "float8_e4m3fn", "float8_e5m2"):
        value = named(i.RandomUniform(), [50_000], dtype).astype(np.float64)
        assert value.max() < 1
        assert value.min() >= 0


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_uniform_integers(dtype):
    value = named(i.RandomUniform(-2, 5), [N], dtype)
    assert value.dtype == dtype
    numbers, counts = np.unique(value, return_counts=True)
    assert numbers.tolist() == [-2, -1, 0, 1, 2, 3, 4]
    assert counts == pytest.approx(np.full(7, N / 7), rel=0.03)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_normal(dtype):
    value = named(i.RandomNormal(2, 0.5), [N], dtype)
    assert value.dtype == as_dtype(dtype).dtype
    mean, deviation, skew, kurtosis = moments(value)
    assert mean == pytest.approx(2, abs=0.01)
    assert deviation == pytest.approx(0.5, rel=0.01)
    assert skew == pytest.approx(0, abs=0.03)
    assert kurtosis == pytest.approx(3, abs=0.06)
    inside = np.mean(np.abs(value.astype(np.float64) - 2) <= 0.5)
    assert inside == pytest.approx(0.6827, abs=0.01)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_truncated_normal(dtype):
    value = named(i.TruncatedNormal(1, 2), [N], dtype)
    mean, deviation, skew, kurtosis = moments(value)
    assert mean == pytest.approx(1, abs=0.02)
    assert deviation == pytest.approx(2 * 0.87962566, rel=0.01)
    assert skew == pytest.approx(0, abs=0.02)
    # E[z^4] / var² of a standard normal within ±2
    assert kurtosis == pytest.approx(2.366, abs=0.03)
    assert value.min() >= -3
    assert value.max() <= 5
    assert value.max() > 4.9


def test_means_and_deviations_may_be_arrays():
    value = named(i.RandomNormal([0.0, 100.0], [1.0, 0.0]), [BLOCK, 2])
    assert (value[:, 1] == 100).all()
    assert value[:, 0].std() == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize(
    ("shape", "fan_in", "fan_out"),
    [([], 1, 1), ([500], 500, 500), ([100, 300], 100, 300), ([3, 50, 60], 150, 180), ([3, 3, 16, 32], 144, 288), ([0, 5], 1, 5)],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["fan_in", "fan_out", "fan_avg"])
@pytest.mark.parametrize("distribution", ["normal", "uniform", "truncated_normal", "untruncated_normal", "Uniform"])
def test_variance_scaling(shape, fan_in, fan_out, mode, distribution):
    value = named(i.VarianceScaling(2.0, mode, distribution), shape, name=f"{mode}/{distribution}")
    if value.size < 400:
        assert value.shape == tuple(shape)
        return
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[mode]
    expected = math.sqrt(2.0 / fan)
    assert value.std() == pytest.approx(expected, rel=0.1 if value.size < 1000 else 0.03)
    assert abs(value.mean()) < expected * 4 / math.sqrt(value.size)
    reach = {"uniform": math.sqrt(3), "untruncated_normal": 6}.get(distribution.lower(), 2 / 0.87962566)
    assert np.abs(value).max() <= expected * reach * 1.0001


@pytest.mark.parametrize(
    ("initializer", "reach", "deviation"),
    [
        (i.GlorotUniform(), math.sqrt(6 / 300), math.sqrt(2 / 300)), (i.GlorotNormal(), None, math.sqrt(2 / 300)),
        (i.he_normal(), None, math.sqrt(2 / 100)), (i.he_uniform(), math.sqrt(6 / 100), math.sqrt(2 / 100)),
        (i.lecun_normal(), None, math.sqrt(1 / 100)), (i.lecun_uniform(), math.sqrt(3 / 100), math.sqrt(1 / 100)),
        (i.UniformUnitScaling(2.0), 2 * math.sqrt(3 / 100), 2 * math.sqrt(1 / 100)),
    ],
)  # fmt: skip
def test_named_scalings(initializer, reach, deviation):
    value = named(initializer, [100, 200])
    assert value.std() == pytest.approx(deviation, rel=0.02)
    reach = reach or deviation / 0.87962566 * 2
    assert 0.98 * reach < np.abs(value).max() <= reach * 1.0001


@pytest.mark.parametrize("shape", [(6, 6), (10, 4), (4, 10), (2, 3, 4), (3, 2, 2, 16), (1, 5), (0, 3)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_orthogonal(shape, dtype):
    value = named(i.Orthogonal(gain=2.0), shape, dtype)
    assert value.shape == shape
    assert value.dtype == dtype
    flat = value.reshape(-1, shape[-1])
    small = flat @ flat.T if flat.shape[0] < flat.shape[1] else flat.T @ flat
    if value.size:
        assert small == pytest.approx(4 * np.eye(len(small)), abs=1e-5)


def test_orthogonal_is_uniformly_distributed():
    # Mean of the trace is 0 over all orthogonal matrices; without the sign correction it is not.
    traces = [np.trace(named(i.Orthogonal(), (4, 4), name=f"v{n}")) for n in range(2000)]
    assert np.mean(traces) == pytest.approx(0, abs=0.1)
    assert np.var(traces) == pytest.approx(1, abs=0.15)


def shard(full, offset):
    return SimpleNamespace(full_shape=full, var_offset=offset)


def test_shards():
    value = named(i.GlorotUniform(), [50, 200], partition_info=shard([100, 200], [50, 0]))
    assert 0.98 * math.sqrt(6 / 300) < np.abs(value).max() <= math.sqrt(6 / 300)
    value = named(i.UniformUnitScaling(), [50, 200], partition_info=shard([100, 200], [50, 0]))
    assert 0.98 * math.sqrt(3 / 100) < np.abs(value).max() <= math.sqrt(3 / 100)
    assert i.Identity()([2, 4], partition_info=shard([4, 4], [2, 0])).tolist() == [[0, 0, 1, 0], [0, 0, 0, 1]]
    assert i.Constant([1, 2])([2], partition_info=shard([4], [2])).tolist() == [1, 2]
    with pytest.raises(ValueError, match="Too many elements"):
        i.Constant([1, 2, 3, 4])([2], partition_info=shard([4], [2]))


@pytest.mark.parametrize(
    ("initializer", "dtype"),
    [
        (i.Zeros(), "float32"), (i.Ones(), "int8"), (i.Constant([1, 2, 3]), "float32"), (i.Constant(list(range(700))), "int32"),
        (i.RandomUniform(), "float32"), (i.RandomUniform(0, 9), "int64"), (i.RandomNormal(), "bfloat16"),
        (i.TruncatedNormal(), "float32"), (i.VarianceScaling(), "float64"), (i.GlorotUniform(), "float16"),
        (i.Identity(), "float32"), (i.RandomNormal([0.0, 1.0, 2.0]), "float32"), (i.Orthogonal(), "float32"),
    ],
)  # fmt: skip
def test_blocks_joined_are_the_whole(initializer, dtype):
    for shape in ([BLOCK // 2 + 1, 3], [5, 3], [0, 3], [BLOCK, 3]):
        if isinstance(initializer, i.Constant) and len(np.ravel(initializer.value)) > math.prod(shape):
            continue
        whole = named(initializer, shape, dtype)
        with drawing(20_260_101, "v"):
            pieces = initializer.blocks(shape, dtype)
        joined = np.concatenate([np.zeros(0, whole.dtype), *pieces])
        assert joined.tobytes() == whole.tobytes()
        assert whole.dtype == as_dtype(dtype).dtype


def test_configurations_go_round():
    for initializer in (
        i.Zeros("float16"), i.Ones(), i.Constant([1, 2]), i.RandomUniform(1, 2, seed=3), i.RandomNormal(1, 2),
        i.TruncatedNormal(), i.VarianceScaling(2.0, "fan_out", "uniform"), i.GlorotUniform(4), i.GlorotNormal(),
        i.he_normal(3), i.Orthogonal(2.0), i.Identity(3.0), i.UniformUnitScaling(),
    ):  # fmt: skip
        again = type(initializer).from_config(initializer.get_config())
        assert again.get_config() == initializer.get_config()
        assert (again([4, 4]) == initializer([4, 4])).all()
    assert i.RandomUniform(seed=3).get_config() == {"minval": 0.0, "maxval": None, "seed": 3, "dtype": "float32"}
    assert i.Constant([1, 2]).get_config() == {"value": [1, 2], "dtype": "float32"}


def test_positional_arguments_are_in_tensorflows_order():
    assert i.RandomUniform(1, 2, 3, "float16").get_config() == {"minval": 1, "maxval": 2, "seed": 3, "dtype": "float16"}
    assert i.VarianceScaling(1.0, "fan_in", "uniform", 3, "float16").seed == 3
    assert i.Orthogonal(1.0, 3, "float16").seed == 3
    assert i.GlorotNormal(3, "float16").dtype == np.float16
    assert i.Constant(1, "float16", True).verify_shape
    assert i.Identity(1.0, ml_dtypes.bfloat16)([2, 2]).dtype == ml_dtypes.bfloat16
