"""TensorFlow's dtypes without TensorFlow: `float32`, `bfloat16`, …, `as_dtype`.

A `DType` equals the NumPy dtype it stands for and hashes like it, and NumPy takes it wherever it takes a dtype:

    >>> import numpy as np
    >>> float32 == np.float32, {np.dtype("float32"): 1}[float32], np.zeros(2, float32).dtype
    (True, 1, dtype('float32'))

Names, numbers and the `_ref` variants are TensorFlow's (`types.proto`), observed on TensorFlow 2.21.
"""

from __future__ import annotations

from typing import Any, Final, final

import ml_dtypes
import numpy as np

from tmplcore.errors import InvalidArgumentError, InvalidTypeError

__all__ = [
    "DType",
    "QUANTIZED_DTYPES",
    "as_dtype",
    "bfloat16",
    "bool_",
    "complex128",
    "complex64",
    "float16",
    "float32",
    "float4_e2m1fn",
    "float64",
    "float8_e4m3b11fnuz",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "int16",
    "int2",
    "int32",
    "int4",
    "int64",
    "int8",
    "qint16",
    "qint32",
    "qint8",
    "quint16",
    "quint8",
    "resource",
    "string",
    "uint16",
    "uint2",
    "uint32",
    "uint4",
    "uint64",
    "uint8",
    "variant",
]

_finfo: Final[Any] = ml_dtypes.finfo  # NumPy's, and those of the types that NumPy lacks
_iinfo: Final[Any] = ml_dtypes.iinfo

_REF: Final = 100  # a reference type's number is its base type's plus this

# number: name, NumPy type (None where NumPy cannot hold the values), kind
_TABLE: Final[dict[int, tuple[str, Any, str]]] = {
    1: ("float32", np.float32, "float"),
    2: ("float64", np.float64, "float"),
    3: ("int32", np.int32, "int"),
    4: ("uint8", np.uint8, "uint"),
    5: ("int16", np.int16, "int"),
    6: ("int8", np.int8, "int"),
    7: ("string", object, "string"),
    8: ("complex64", np.complex64, "complex"),
    9: ("int64", np.int64, "int"),
    10: ("bool", np.bool_, "bool"),
    11: ("qint8", [("qint8", "i1")], "quantized"),
    12: ("quint8", [("quint8", "u1")], "quantized"),
    13: ("qint32", [("qint32", "<i4")], "quantized"),
    14: ("bfloat16", ml_dtypes.bfloat16, "float"),
    15: ("qint16", [("qint16", "<i2")], "quantized"),
    16: ("quint16", [("quint16", "<u2")], "quantized"),
    17: ("uint16", np.uint16, "uint"),
    18: ("complex128", np.complex128, "complex"),
    19: ("float16", np.float16, "float"),
    20: ("resource", None, "handle"),
    21: ("variant", None, "handle"),
    22: ("uint32", np.uint32, "uint"),
    23: ("uint64", np.uint64, "uint"),
    24: ("float8_e5m2", ml_dtypes.float8_e5m2, "float"),
    25: ("float8_e4m3fn", ml_dtypes.float8_e4m3fn, "float"),
    26: ("float8_e4m3fnuz", ml_dtypes.float8_e4m3fnuz, "float"),
    27: ("float8_e4m3b11fnuz", ml_dtypes.float8_e4m3b11fnuz, "float"),
    28: ("float8_e5m2fnuz", ml_dtypes.float8_e5m2fnuz, "float"),
    29: ("int4", ml_dtypes.int4, "int"),
    30: ("uint4", ml_dtypes.uint4, "uint"),
    31: ("int2", ml_dtypes.int2, "int"),
    32: ("uint2", ml_dtypes.uint2, "uint"),
    33: ("float4_e2m1fn", ml_dtypes.float4_e2m1fn, "float"),
}


@final
class DType:
    """The type of a variable's elements.

    There is one object per type: `as_dtype` and the constructor hand out the same ones, so that `is` works too.

    Args:
        number: The type's number in TensorFlow's `types.proto` (1 is float32; 101 its reference variant).

    Attributes:
        name: `float32`, or `float32_ref` for the reference variant.
        as_datatype_enum: The number.
        base_dtype: The type without the reference flag. Types are compared for sharing by it.
        real_dtype: The type of the real part: float32 for complex64, else the type itself.
        size: Bytes per element; 0 for strings and handles.
        is_floating: Whether it is a real floating type (bfloat16 and the 8-bit floats are).
        is_integer: Whether it is an integer type that is not quantized.
        is_unsigned: Whether it is an unsigned integer type.
        is_bool: Whether it is the type of truth values.
        is_complex: Whether it is a complex type.
        is_quantized: Whether it is one of the quantized integer types.
        is_numpy_compatible: Whether NumPy can hold its values.

    Example:
        >>> float32.name, float32.is_floating, str(float32), float32
        ('float32', True, "<dtype: 'float32'>", tf.float32)
    """

    __slots__ = (
        "_hash",
        "_numpy",
        "_numpy_type",
        "as_datatype_enum",
        "base_dtype",
        "is_bool",
        "is_complex",
        "is_floating",
        "is_integer",
        "is_numpy_compatible",
        "is_quantized",
        "is_unsigned",
        "name",
        "real_dtype",
        "size",
    )

    name: str
    as_datatype_enum: int
    base_dtype: DType
    real_dtype: DType
    size: int
    is_floating: bool
    is_integer: bool
    is_unsigned: bool
    is_bool: bool
    is_complex: bool
    is_quantized: bool
    is_numpy_compatible: bool
    _hash: int
    _numpy: np.dtype[Any] | None
    _numpy_type: Any

    def __new__(cls, number: int) -> DType:
        """Return the one object for this number."""
        try:
            return _BY_NUMBER[int(number)]
        except KeyError:
            raise InvalidTypeError(
                f"{number} does not correspond to a valid DType", hint="as_dtype('float32') goes by the name"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a DType cannot be changed ({name!r})")

    def __reduce__(self) -> tuple[Any, ...]:
        return (DType, (self.as_datatype_enum,))

    def __copy__(self) -> DType:
        return self

    def __deepcopy__(self, memo: Any) -> DType:
        return self

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy scalar type (`numpy.float32`), or the field list that TensorFlow uses for a quantized type.

        Raises:
            InvalidTypeError: NumPy has no such type (`resource`, `variant`).
        """
        if self._numpy_type is None:
            raise InvalidTypeError(
                f"{self!s} has no NumPy equivalent", hint="handles have no values that an array could hold"
            )
        return self._numpy_type

    @property
    def dtype(self) -> np.dtype[Any]:
        """The `numpy.dtype`. NumPy looks for an attribute of this name, so `numpy.zeros(2, float32)` works.

        Raises:
            InvalidTypeError: NumPy has no such type (`resource`, `variant`).
        """
        if self._numpy is None:
            raise InvalidTypeError(
                f"{self!s} has no NumPy equivalent", hint="handles have no values that an array could hold"
            )
        return self._numpy

    @property
    def is_numeric(self) -> bool:
        """Whether it is a number of eight or more bits that TensorFlow computes with."""
        return (
            self.is_integer or self.is_floating or self.is_complex or self.is_quantized
        ) and self.base_dtype.as_datatype_enum < 24

    @property
    def min(self) -> Any:
        """The least finite value.

        Raises:
            InvalidTypeError: The type has no order, or is quantized.
        """
        return self._limit("minimum", "min")

    @property
    def max(self) -> Any:
        """The greatest finite value.

        Raises:
            InvalidTypeError: The type has no order, or is quantized.
        """
        return self._limit("maximum", "max")

    @property
    def limits(self) -> tuple[Any, Any]:
        """The range of intensities in pictures of this type: from zero to one, or to an integer's greatest value.

        Raises:
            InvalidArgumentError: Pictures are not made of it.

        Example:
            >>> float32.limits, uint8.limits
            ((0, 1), (0, 255))
        """
        if self.is_bool:
            return False, True
        if self.is_integer:
            return 0, self.max
        if self.base_dtype in (float32, float64):
            return 0, 1
        raise InvalidArgumentError(
            f"{self!s} does not have defined limits.", hint="only bool, integers, float32 and float64 have them"
        )

    def _limit(self, word: str, attribute: str) -> Any:
        if self.is_floating:
            return getattr(_finfo(self._numpy_type), attribute)
        if self.is_integer:
            return int(getattr(_iinfo(self._numpy_type), attribute))
        raise InvalidTypeError(f"Cannot find {word} value of {self!s}.", hint="only integers and floats have one")

    @property
    def _is_ref_dtype(self) -> bool:
        return self.as_datatype_enum > _REF

    @property
    def _as_ref(self) -> DType:
        return self if self._is_ref_dtype else _BY_NUMBER[self.as_datatype_enum + _REF]

    def is_compatible_with(self, other: Any) -> bool:
        """Tell whether values of type `other` can be used where this type is wanted: the reference flag is ignored.

        Example:
            >>> float32.is_compatible_with("float32_ref")
            True
        """
        return self.base_dtype is as_dtype(other).base_dtype

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if other is None:
            return False
        try:
            return self is as_dtype(other)
        except TypeError:
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return self._hash

    def __int__(self) -> int:
        """Return the number."""
        return self.as_datatype_enum

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"


def _make(number: int, name: str, numpy_type: Any, kind: str) -> tuple[DType, DType]:
    """Build a type and its reference variant; the only place that sets their attributes."""
    made = []
    for offset, suffix in ((0, ""), (_REF, "_ref")):
        dtype = object.__new__(DType)
        made.append(dtype)
        numpy_dtype = None if numpy_type is None else np.dtype(numpy_type)
        values = {
            "name": name + suffix,
            "as_datatype_enum": number + offset,
            "base_dtype": made[0],
            "real_dtype": dtype,
            "size": 0 if numpy_dtype is None or numpy_dtype.hasobject else numpy_dtype.itemsize,
            "is_floating": kind == "float",
            "is_integer": kind in {"int", "uint"},
            "is_unsigned": kind == "uint",
            "is_bool": kind == "bool",
            "is_complex": kind == "complex",
            "is_quantized": kind == "quantized",
            "is_numpy_compatible": numpy_type is not None,
            "_hash": hash(numpy_dtype) if numpy_dtype is not None and not offset else hash((DType, number + offset)),
            "_numpy": numpy_dtype,
            "_numpy_type": numpy_type,
        }
        for attribute, value in values.items():
            object.__setattr__(dtype, attribute, value)
    return made[0], made[1]


_BY_NUMBER: Final[dict[int, DType]] = {}
for _number, _row in _TABLE.items():
    _BY_NUMBER[_number], _BY_NUMBER[_number + _REF] = _make(_number, *_row)
for _complex, _real in ((8, 1), (18, 2)):
    object.__setattr__(_BY_NUMBER[_complex], "real_dtype", _BY_NUMBER[_real])
    object.__setattr__(_BY_NUMBER[_complex + _REF], "real_dtype", _BY_NUMBER[_real + _REF])

_BY_NAME: Final[dict[str, DType]] = {dtype.name: dtype for dtype in _BY_NUMBER.values()} | {
    "double": _BY_NUMBER[2],
    "double_ref": _BY_NUMBER[2 + _REF],
    "float": _BY_NUMBER[1],
    "half": _BY_NUMBER[19],
    "half_ref": _BY_NUMBER[19 + _REF],
}
_BY_NUMPY: Final[dict[np.dtype[Any], DType]] = {
    dtype._numpy: dtype for number, dtype in _BY_NUMBER.items() if number < _REF and dtype._numpy is not None
}
# Python's own types as TensorFlow reads them: `int` and `str` are not among them.
_BY_TYPE: Final[dict[type, DType]] = {bool: _BY_NUMBER[10], float: _BY_NUMBER[1], object: _BY_NUMBER[7]}

float32: Final = _BY_NUMBER[1]
float64: Final = _BY_NUMBER[2]
int32: Final = _BY_NUMBER[3]
uint8: Final = _BY_NUMBER[4]
int16: Final = _BY_NUMBER[5]
int8: Final = _BY_NUMBER[6]
string: Final = _BY_NUMBER[7]
complex64: Final = _BY_NUMBER[8]
int64: Final = _BY_NUMBER[9]
bool_: Final = _BY_NUMBER[10]
qint8: Final = _BY_NUMBER[11]
quint8: Final = _BY_NUMBER[12]
qint32: Final = _BY_NUMBER[13]
bfloat16: Final = _BY_NUMBER[14]
qint16: Final = _BY_NUMBER[15]
quint16: Final = _BY_NUMBER[16]
uint16: Final = _BY_NUMBER[17]
complex128: Final = _BY_NUMBER[18]
float16: Final = _BY_NUMBER[19]
resource: Final = _BY_NUMBER[20]
variant: Final = _BY_NUMBER[21]
uint32: Final = _BY_NUMBER[22]
uint64: Final = _BY_NUMBER[23]
float8_e5m2: Final = _BY_NUMBER[24]
float8_e4m3fn: Final = _BY_NUMBER[25]
float8_e4m3fnuz: Final = _BY_NUMBER[26]
float8_e4m3b11fnuz: Final = _BY_NUMBER[27]
float8_e5m2fnuz: Final = _BY_NUMBER[28]
int4: Final = _BY_NUMBER[29]
uint4: Final = _BY_NUMBER[30]
int2: Final = _BY_NUMBER[31]
uint2: Final = _BY_NUMBER[32]
float4_e2m1fn: Final = _BY_NUMBER[33]

QUANTIZED_DTYPES: Final = frozenset(dtype for dtype in _BY_NUMBER.values() if dtype.is_quantized)


def as_dtype(type_value: Any) -> DType:
    """Return the `DType` for anything that names one.

    Args:
        type_value: A `DType`, its name (`"float32"`, `"half"`, `"int32_ref"`), its number, a NumPy dtype or scalar
            type (`ml_dtypes` included), `bool`, `float` (float32, as in TensorFlow), `object` (string), a dtype of
            torch or JAX, or anything with a `dtype` of one of these kinds.

    Raises:
        InvalidTypeError: It names no type that TensorFlow has.

    Example:
        >>> as_dtype("half"), as_dtype(float), as_dtype(np.array([1.0]))
        (tf.float16, tf.float32, tf.float64)
    """
    kind = type(type_value)
    if kind is DType:
        found: DType | None = type_value
    elif kind is str:
        found = _BY_NAME.get(type_value)
    elif isinstance(type_value, np.dtype):
        found = _from_numpy(type_value)
    elif isinstance(type_value, type) and type_value in _BY_TYPE:
        found = _BY_TYPE[type_value]
    elif isinstance(type_value, type) and issubclass(type_value, np.generic):
        found = _from_numpy(np.dtype(type_value))
    elif isinstance(type_value, int):
        found = _BY_NUMBER.get(type_value)
    elif kind.__module__ == "torch" and kind.__name__ == "dtype":
        found = _BY_NAME.get(str(type_value).removeprefix("torch."))
    elif isinstance(inner := getattr(type_value, "dtype", None), np.dtype | DType) or type(inner).__module__ == "torch":
        return as_dtype(inner)
    else:
        found = None
    if found is None:
        hints = {int: "write int32 or int64", str: "write string", complex: "write complex64 or complex128"}
        hint = hints.get(type_value) if isinstance(type_value, type) else None
        hint = hint or "the names are TensorFlow's: float32, bfloat16, int64, …"
        raise InvalidTypeError(
            f"Cannot convert the argument `type_value`: {type_value!r} to a TensorFlow DType.", hint=hint
        )
    return found


def _from_numpy(dtype: np.dtype[Any]) -> DType | None:
    found = _BY_NUMPY.get(dtype)
    if found is None and dtype.kind in "SUO":
        return string
    if found is None and not dtype.isnative:
        return _BY_NUMPY.get(dtype.newbyteorder("="))
    return found
