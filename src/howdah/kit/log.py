"""What a service's process logs, and where its lines go: JSON lines, with the request's id, out of every logger.

``HOWDAH_LOG`` has one or several destinations with blanks between them (`howdah.observe.destinations`), ``stdout``
unless it is set; ``HOWDAH_LOG_LEVEL`` is ``info`` unless it is set.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from howdah.kit import context
from howdah.kit.errors import NotConfigured
from howdah.observe import lines, logs, uncaught
from howdah.observe.destinations import open_streams

DESTINATION_VARIABLE: Final = "HOWDAH_LOG"
LEVEL_VARIABLE: Final = "HOWDAH_LOG_LEVEL"


def start(environment: Mapping[str, str], name: str) -> None:
    """The process logs as the environment says, unless whoever runs it has set up logging already.

    What nobody caught is logged, too, and so is what the server says of itself. Raises NotConfigured, WrongDestination.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    level = environment.get(LEVEL_VARIABLE, "info").lower()
    if level not in lines.LEVELS:
        raise NotConfigured(f"{LEVEL_VARIABLE} is no level.", hint=", ".join(lines.LEVELS))
    stream = open_streams(environment.get(DESTINATION_VARIABLE) or "stdout", tag=name)
    logs.configure(stream, service=name, level=level, threaded=True)
    for door in root.handlers:
        door.addFilter(context.RequestIdFilter())
    uncaught.install()
    for server in ("uvicorn", "uvicorn.error", "gunicorn.error"):
        logger = logging.getLogger(server)
        logger.handlers.clear()
        logger.propagate = True
    access = logging.getLogger("uvicorn.access")  # the kit's own line says more
    access.handlers.clear()
    access.propagate = False
