"""WebSocket bytes → where their frames end (RFC 6455 section 5.2); and the one frame the gateway itself ever sends.

Payloads are neither kept nor looked at. Only between two frames of a stream may another be put into it.
"""

from __future__ import annotations

import secrets
from typing import Final

GOING_AWAY: Final = 1001
POLICY_VIOLATION: Final = 1008

_CLOSE: Final = 0x8
_MASKED: Final = 0x80


class FrameReader:
    """Follows one direction of a connection."""

    __slots__ = ("_head", "_payload", "closed")

    def __init__(self) -> None:
        self._head = b""  # the beginning of a frame whose length is not known yet
        self._payload = 0  # bytes of the current frame that are still to come
        self.closed = False
        """Whether a close frame has begun: nothing may follow it."""

    @property
    def between(self) -> bool:
        """Whether the bytes so far end where a frame does."""
        return not self._payload and not self._head

    def feed(self, data: bytes) -> int:
        """Follow more bytes; where in them the first frame ends, -1 if none does.

        >>> reader = FrameReader()
        >>> reader.feed(bytes([0x81, 2]) + b"hi" + bytes([0x81])), reader.between
        (4, False)
        """
        first_end = -1
        position = 0  # where the current frame begins
        before = len(self._head)
        if before:
            data = self._head + data
            self._head = b""
        if self._payload:
            position = self._payload
            if position > len(data):
                self._payload -= len(data)
                return -1
            self._payload = 0
            first_end = position
        while position < len(data):
            length = frame_length(data, position)
            if length is None:
                self._head = data[position:]
                return first_end
            if data[position] & 0x0F == _CLOSE:
                self.closed = True
            position += length
            if position > len(data):
                self._payload = position - len(data)
                return first_end
            if first_end < 0:
                first_end = position - before
        return first_end


def frame_length(data: bytes, start: int) -> int | None:
    """The bytes of the whole frame that begins there; None if too little of it has come to tell.

    >>> frame_length(bytes([0x82, 126, 1, 0]), 0), frame_length(bytes([0x82, 126, 1]), 0)
    (260, None)
    """
    available = len(data) - start
    if available < 2:
        return None
    second = data[start + 1]
    mask = 4 if second & _MASKED else 0
    short = second & 0x7F
    if short < 126:
        return 2 + mask + short
    width = 2 if short == 126 else 8
    if available < 2 + width:
        return None
    return 2 + width + mask + int.from_bytes(data[start + 2 : start + 2 + width], "big")


def close_frame(code: int, *, masked: bool) -> bytes:
    """The frame that says why the connection ends. What a client sends is masked, what a server sends is not.

    >>> close_frame(1008, masked=False).hex()
    '880203f0'
    """
    payload = code.to_bytes(2, "big")
    if not masked:
        return bytes((0x80 | _CLOSE, len(payload))) + payload
    mask = secrets.token_bytes(4)
    masked_payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    return bytes((0x80 | _CLOSE, _MASKED | len(payload))) + mask + masked_payload
