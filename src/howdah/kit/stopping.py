"""The end of a service: it is not ready first, then it stops taking requests, then it finishes those it has.

On SIGTERM `begun` turns true at once, so that ``/-/ready`` says 503 and balancers look elsewhere; after
``HOWDAH_DRAIN_SECONDS`` (none unless set) the server's own handler is called, which ends it as it always does.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any, Final

from howdah.kit.errors import NotConfigured

DRAIN_VARIABLE: Final = "HOWDAH_DRAIN_SECONDS"

_begun = threading.Event()
_installed: Any = None


def begun() -> bool:
    """Whether this process has been told to stop."""
    return _begun.is_set()


def drain_seconds(written: str | None) -> float:
    """How long a process goes on answering after it has been told to stop. Raises NotConfigured.

    >>> drain_seconds("2.5"), drain_seconds(None)
    (2.5, 0.0)
    """
    try:
        seconds = float(written or 0)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise NotConfigured(f"{DRAIN_VARIABLE} is not a number of seconds: {written!r}.", hint="5, for example.")
    return seconds


def install(seconds: float) -> None:
    """SIGTERM is noticed here, and passed on to whoever had it before after ``seconds``.

    Nothing happens outside of the main thread, where Python sets no signals, nor where the signal kills: no server is
    there to finish anything.
    """
    global _installed  # the process has one
    before = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or not callable(before) or before is _installed:
        return

    def stop(number: int, frame: FrameType | None) -> None:
        if _begun.is_set() or not seconds:
            _begun.set()
            before(number, frame)
            return
        _begun.set()
        timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()

    _installed = stop
    signal.signal(signal.SIGTERM, stop)
