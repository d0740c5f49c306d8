"""The protocol-buffer wire format, as far as bundle entries need it: fields in, Python values out, nothing believed.

The format is documented at https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

from tmplcore.errors import DamagedError

__all__ = ["fields", "signed", "varint"]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def varint(data: bytes, place: int, stop: int) -> tuple[int, int]:
    """Read a base-128 number; return it and the place behind it.

    Raises:
        DamagedError: It runs over `stop`, or is longer than 64 bits can be.

    Example:
        >>> varint(bytes([0xAC, 0x02]), 0, 2)
        (300, 2)
    """
    value = 0
    for shift in range(0, 70, 7):
        if place >= stop:
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >> 64:
                break
            return value, place
    raise DamagedError("a number does not end where it should")


def signed(value: int) -> int:
    """Return a 64-bit varint as the two's complement number that it stands for.

    Example:
        >>> signed(0xFFFF_FFFF_FFFF_FFFF)
        -1
    """
    return value - (1 << 64) if value >> 63 else value


def fields(data: bytes, *, numbers: frozenset[int], texts: frozenset[int]) -> Iterator[tuple[int, int | bytes]]:
    """Yield the fields of a message: `(field number, value)`, in file order.

    Args:
        data: The message.
        numbers: The known fields that hold a number.
        texts: The known fields that hold bytes: strings and messages. All other fields are skipped.

    Raises:
        DamagedError: The message is cut short, or a known field has another wire type.
    """
    place, stop = 0, len(data)
    value: int | bytes
    while place < stop:
        # Most keys, and many values, are a single byte: an index has millions of them, so those do without a call.
        key = data[place]
        if key < 0x80:
            place += 1
        else:
            key, place = varint(data, place, stop)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, place = varint(data, place, stop)
        else:
            if kind == _BYTES:
                size, place = varint(data, place, stop)
            elif kind in (_FIXED32, _FIXED64):
                size = 4 if kind == _FIXED32 else 8
            else:
                raise DamagedError(f"field {number} has the unknown wire type {kind}")
            if number == 0 or size > stop - place:
                raise DamagedError(f"field {number} is {size} bytes long, but only {stop - place} are left")
            value = data[place : place + size]
            place += size
            if kind != _BYTES:
                value = int.from_bytes(value, "little")
        if (number in numbers and isinstance(value, bytes)) or (number in texts and not isinstance(value, bytes)):
            raise DamagedError(f"field {number} has the wire type {kind}, which is not the one it must have")
        if number in numbers or number in texts:
            yield number, value
