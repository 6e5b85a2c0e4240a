"""The platform in this process: its server in a thread, for tests that send many requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
import uvloop

from howdah.gateway.edge import EdgeLimits
from howdah.gateway.serving import server_config
from howdah.observe import events
from howdah.observe.secret import Secret
from howdah.project.sections import DatabaseSection, DataSection, Project, Secrets
from howdah.server import build
from howdah.supervisor.listen import bind

SECRET = "k8Qz-Xw3v-P1ns-7Rty-Lm5c"
ADMIN = {"X-Hasura-Admin-Secret": SECRET}


class Quiet(uvicorn.Server):
    """A server in a thread, where no signal can be caught."""

    def install_signal_handlers(self) -> None:
        """None."""


@contextmanager
def serving(dsn: str, **data: Any) -> Iterator[str]:
    """The address of the platform on this database; ``data`` are settings of the section of that name."""
    project = Project(
        root=None,
        name="served",
        database=DatabaseSection(url=Secret(dsn), pool_size=2, write_pool_size=2),
        data=DataSection(**data),
        secrets=Secrets(Secret(SECRET)),
    )
    application = build(project)
    config = server_config(application.gateway, EdgeLimits(), events.emit, lifespan=False, hot=application.hot)
    server, listener = Quiet(config), bind("127.0.0.1", 0)
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(application.engine.start(), loop).result(20)
        task = asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), loop)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            task.result(20)
            application.proxy.close()
            asyncio.run_coroutine_threadsafe(application.engine.stop(), loop).result(20)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
