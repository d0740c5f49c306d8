"""DTypes are TensorFlow's; facts observed on TensorFlow 2.21."""

import copy
import pickle

import ml_dtypes
import numpy as np
import pytest

from tmplcore import dtypes
from tmplcore.dtypes import DType, as_dtype, float32, int32


@pytest.mark.parametrize(
    ("number", "name", "numpy_type", "size"),
    [
        (1, "float32", np.float32, 4), (2, "float64", np.float64, 8), (3, "int32", np.int32, 4),
        (4, "uint8", np.uint8, 1), (7, "string", object, 0), (8, "complex64", np.complex64, 8),
        (10, "bool", np.bool_, 1), (14, "bfloat16", ml_dtypes.bfloat16, 2), (19, "float16", np.float16, 2),
        (24, "float8_e5m2", ml_dtypes.float8_e5m2, 1), (25, "float8_e4m3fn", ml_dtypes.float8_e4m3fn, 1),
        (29, "int4", ml_dtypes.int4, 1), (33, "float4_e2m1fn", ml_dtypes.float4_e2m1fn, 1),
    ],
)  # fmt: skip
def test_table(number, name, numpy_type, size):
    dtype = DType(number)
    assert dtype.name == name
    assert dtype.as_datatype_enum == number
    assert dtype.as_numpy_dtype is numpy_type
    assert dtype.size == size
    assert as_dtype(name) is as_dtype(number) is as_dtype(numpy_type) is as_dtype(np.dtype(numpy_type)) is dtype
    assert repr(dtype) == f"tf.{name}"
    assert str(dtype) == f"<dtype: '{name}'>"


def test_every_exported_name_is_its_dtype():
    for name in dtypes.__all__:
        value = getattr(dtypes, name)
        if isinstance(value, DType):
            assert value.name == name.rstrip("_")
    assert sorted(dtypes.__all__, key=str.lower) == sorted(set(dtypes.__all__), key=str.lower)


def test_equal_to_numpy_both_ways_and_hashed_like_it():
    assert float32 == np.float32
    assert np.float32 == float32
    assert np.dtype("float32") == float32
    assert float32 == "float32"
    assert float32 == "float"
    assert float32 is not None
    assert float32 != np.float64
    assert float32 != "f4"
    assert float32 != object()
    assert {np.dtype("float32"): 1}[float32] == 1
    assert hash(dtypes.bfloat16) == hash(np.dtype(ml_dtypes.bfloat16))
    assert np.zeros(2, dtypes.bfloat16).dtype == ml_dtypes.bfloat16


def test_reference_types():
    ref = as_dtype("float32_ref")
    assert ref is as_dtype(101)
    assert ref is float32._as_ref
    assert ref != float32
    assert ref.base_dtype is float32
    assert float32.base_dtype is float32
    assert ref.is_compatible_with(float32)
    assert float32.is_compatible_with("float32_ref")
    assert not float32.is_compatible_with(int32)
    assert len({ref, float32}) == 2
    assert repr(ref) == "tf.float32_ref"
    assert as_dtype("complex64_ref").real_dtype is ref


def test_kinds():
    flags = {name: getattr(dtypes, name) for name in dtypes.__all__ if isinstance(getattr(dtypes, name), DType)}
    assert {d.name for d in flags.values() if d.is_bool} == {"bool"}
    assert {d.name for d in flags.values() if d.is_complex} == {"complex64", "complex128"}
    assert {d.name for d in flags.values() if d.is_quantized} == {"qint8", "quint8", "qint16", "quint16", "qint32"}
    assert dtypes.bfloat16.is_floating
    assert dtypes.float8_e5m2.is_floating
    assert not dtypes.float8_e5m2.is_numeric
    assert not dtypes.qint8.is_integer
    assert dtypes.qint8.is_numeric
    assert dtypes.uint8.is_unsigned
    assert dtypes.uint8.is_integer
    assert not dtypes.string.is_numeric
    assert dtypes.complex128.real_dtype is dtypes.float64
    assert len(dtypes.QUANTIZED_DTYPES) == 10


def test_limits():
    assert float32.max == np.finfo(np.float32).max
    assert dtypes.bfloat16.max == ml_dtypes.finfo(ml_dtypes.bfloat16).max
    assert (int32.min, int32.max) == (-(2**31), 2**31 - 1)
    assert (dtypes.int4.min, dtypes.int4.max) == (-8, 7)
    for dtype in (dtypes.string, dtypes.bool_, dtypes.complex64, dtypes.qint8, dtypes.resource):
        with pytest.raises(TypeError, match="minimum"):
            _ = dtype.min


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (float, "float32"), (bool, "bool"), (object, "string"), (np.str_, "string"), (np.dtype("S3"), "string"),
        (np.dtype("<U3"), "string"), (np.dtype(">f4"), "float32"), ("double", "float64"), ("half", "float16"),
        (np.array(1.0), "float64"), (np.float16(1), "float16"), ([("qint8", "i1")], None),
        (np.dtype([("qint8", "i1")]), "qint8"),
        (int, None), (str, None), (bytes, None), (complex, None), (None, None), ("junk", None), ("f4", None),
        ("<i4", None), ([1], None), (3.5, None), (0, None), (np.datetime64, None), (np.longdouble, None),
        (b"float32", None), (np.ndarray, None),
    ],
)  # fmt: skip
def test_as_dtype(value, name):
    if name is None:
        with pytest.raises(TypeError, match="Cannot convert the argument") as caught:
            as_dtype(value)
        assert caught.value.hint
    else:
        assert as_dtype(value).name == name


def test_dtypes_of_other_libraries():
    torch = pytest.importorskip("torch")
    jnp = pytest.importorskip("jax.numpy")
    assert as_dtype(torch.float32) is float32
    assert as_dtype(torch.zeros(2, dtype=torch.bfloat16)) is dtypes.bfloat16
    assert as_dtype(torch.float8_e4m3fn) is dtypes.float8_e4m3fn
    assert as_dtype(jnp.bfloat16) is dtypes.bfloat16
    assert float32 == torch.float32
    assert jnp.zeros(2, float32).dtype == np.float32


def test_handles_have_no_numpy_type():
    for dtype in (dtypes.resource, dtypes.variant):
        assert not dtype.is_numpy_compatible
        with pytest.raises(TypeError, match="no NumPy equivalent"):
            _ = dtype.as_numpy_dtype
        with pytest.raises(TypeError):
            np.zeros(2, dtype)


def test_one_object_each_for_good():
    assert pickle.loads(pickle.dumps(float32)) is float32
    assert copy.deepcopy(float32) is float32
    assert copy.copy(float32) is float32
    with pytest.raises(AttributeError):
        float32.name = "other"
    with pytest.raises(TypeError, match="1000"):
        DType(1000)
