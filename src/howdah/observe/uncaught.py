"""What nobody caught is in the log, as a line like all others: in the main thread, in other threads, in finalisers.

An event loop's own are logged by asyncio itself, through the standard library's logging.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType

_logger = logging.getLogger("howdah.uncaught")


def install() -> None:
    """From now on. Ctrl-C is nothing to report, and a thread may end itself with SystemExit."""
    sys.excepthook = _main
    threading.excepthook = _thread
    sys.unraisablehook = _unraisable


def _main(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _logger.critical("uncaught %s: the process ends", kind.__name__, exc_info=(kind, error, trace))


def _thread(what: threading.ExceptHookArgs) -> None:
    if what.exc_value is None or issubclass(what.exc_type, SystemExit):
        return
    name = what.thread.name if what.thread is not None else "?"
    _logger.error(
        "uncaught %s in the thread %s",
        what.exc_type.__name__,
        name,
        exc_info=(what.exc_type, what.exc_value, what.exc_traceback),
    )


def _unraisable(what: sys.UnraisableHookArgs) -> None:
    if what.exc_value is not None:
        _logger.error(
            "%s: %r",
            what.err_msg or "an exception was ignored",
            what.object,
            exc_info=(what.exc_type, what.exc_value, what.exc_traceback),
        )
