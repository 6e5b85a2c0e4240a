"""Settings of gunicorn for a service: ``gunicorn -c python:howdah.kit.gunicorn app:app``.

Where it listens is ``HOST`` and ``PORT``, as howdah sets them; ``WEB_CONCURRENCY`` is how many processes there are, and
``HOWDAH_THREADS`` how many threads each has. The kit's own lines are the access log. Metrics of all processes are
counted together, and the end of one is given the time that ``HOWDAH_DRAIN_SECONDS`` asks for.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Any

from howdah.kit.stopping import DRAIN_VARIABLE, drain_seconds

_METRICS = "PROMETHEUS_MULTIPROC_DIR"

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = int(os.environ.get("HOWDAH_THREADS", "8"))
worker_class = "gthread"
loglevel = "warning"
graceful_timeout = 30 + int(drain_seconds(os.environ.get(DRAIN_VARIABLE)))
control_socket_disable = True
_ours: str | None = None

if workers > 1 and not os.environ.get(_METRICS):  # before anything imports prometheus_client, which reads it then
    _ours = os.environ[_METRICS] = tempfile.mkdtemp(prefix="howdah-metrics-")


def child_exit(_server: Any, worker: Any) -> None:
    """What a process counted stays, what it said of itself alone goes."""
    if os.environ.get(_METRICS):
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: Any) -> None:
    """Nothing is left behind."""
    if _ours is not None:
        shutil.rmtree(_ours, ignore_errors=True)
