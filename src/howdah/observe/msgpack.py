"""MessagePack, as much of it as the fluent forward protocol needs, and written only. Pure.

https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any


def pack(value: Any) -> bytes:
    """The value as MessagePack. What JSON has is known, and bytes; anything else raises TypeError.

    >>> pack({"a": [1, -1, True, None, "b"]}).hex()
    '81a1619501ffc3c0a162'
    """
    parts: list[bytes] = []
    _pack(value, parts)
    return b"".join(parts)


def event_time(seconds: int, nanoseconds: int) -> bytes:
    """A moment as the forward protocol's own type: extension 0, seconds and nanoseconds."""
    return b"\xd7\x00" + struct.pack(">II", seconds & 0xFFFFFFFF, nanoseconds)


def array_head(length: int) -> bytes:
    """What stands before that many values, to make an array of them."""
    return _head(length, 0x90, 16, b"", b"\xdc", b"\xdd")


def _pack(value: Any, parts: list[bytes]) -> None:
    match value:
        case None:
            parts.append(b"\xc0")
        case bool():
            parts.append(b"\xc3" if value else b"\xc2")
        case int():
            parts.append(_integer(value))
        case float():
            parts.append(b"\xcb" + struct.pack(">d", value))
        case str():
            text = value.encode("utf-8", "surrogatepass")
            parts += [_head(len(text), 0xA0, 32, b"\xd9", b"\xda", b"\xdb"), text]
        case bytes():
            parts += [_head(len(value), 0, 0, b"\xc4", b"\xc5", b"\xc6"), value]
        case list() | tuple():
            parts.append(array_head(len(value)))
            for item in value:
                _pack(item, parts)
        case Mapping():
            parts.append(_head(len(value), 0x80, 16, b"", b"\xde", b"\xdf"))
            for key, item in value.items():
                _pack(key, parts)
                _pack(item, parts)
        case _:
            raise TypeError(f"{type(value).__name__} has no place in MessagePack")


def _integer(value: int) -> bytes:
    if 0 <= value < 128:
        return bytes([value])
    if -32 <= value < 0:
        return struct.pack(">b", value)
    if value >= 0:
        for limit, mark, form in (
            (2**8, b"\xcc", ">B"),
            (2**16, b"\xcd", ">H"),
            (2**32, b"\xce", ">I"),
            (2**64, b"\xcf", ">Q"),
        ):
            if value < limit:
                return mark + struct.pack(form, value)
    else:
        for limit, mark, form in (
            (2**7, b"\xd0", ">b"),
            (2**15, b"\xd1", ">h"),
            (2**31, b"\xd2", ">i"),
            (2**63, b"\xd3", ">q"),
        ):
            if value >= -limit:
                return mark + struct.pack(form, value)
    return pack(float(value)) if abs(value) < 2**1023 else pack(str(value))  # JSON knows larger ones


def _head(length: int, fixed: int, below: int, *marks: bytes) -> bytes:
    """The shortest head for a length: in one byte, or a mark and 8, 16 or 32 bits."""
    if length < below:
        return bytes([fixed | length])
    for mark, limit, form in zip(marks, (2**8, 2**16, 2**32), (">B", ">H", ">I"), strict=True):
        if mark and length < limit:
            return mark + struct.pack(form, length)
    raise ValueError("nothing that long can be written")
