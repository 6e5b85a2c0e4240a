"""The platform in this process: its server in a thread, for tests that send many requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import uvicorn
import uvloop

from howdah.gateway.limits import EdgeLimits
from howdah.gateway.serving import server_config
from howdah.observe import events
from howdah.observe.secret import Secret
from howdah.project.sections import DatabaseSection, DataSection, Project, Secrets
from howdah.server import Application, build
from howdah.supervisor.listen import bind

SECRET = "k8Qz-Xw3v-P1ns-7Rty-Lm5c"
Result = TypeVar("Result")

ADMIN = {"X-Hasura-Admin-Secret": SECRET}


class Quiet(uvicorn.Server):
    """A server in a thread, where no signal can be caught."""

    def install_signal_handlers(self) -> None:
        """None."""


@dataclass(frozen=True, slots=True)
class Served:
    """A platform that runs: where it is, what it is made of, and the loop it runs on."""

    url: str
    application: Application
    loop: asyncio.AbstractEventLoop

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """What the coroutine returns, on the platform's own loop."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)


@contextmanager
def serving(dsn: str, **data: Any) -> Iterator[str]:
    """The address of the platform on this database; ``data`` are settings of the section of that name."""
    with served(project_of(dsn, data=DataSection(**data))) as platform:
        yield platform.url


def project_of(dsn: str, **sections: Any) -> Project:
    """A project on this database that has an admin secret and few connections."""
    given: dict[str, Any] = {
        "database": DatabaseSection(url=Secret(dsn), pool_size=2, write_pool_size=2),
        "secrets": Secrets(Secret(SECRET)),
    }
    return Project(root=None, name="served", **(given | sections))


@contextmanager
def served(project: Project, *, port: int = 0) -> Iterator[Served]:
    """The project's platform, on a port of its own: this one, where one is given."""
    application = build(project)
    config = server_config(
        application.gateway,
        EdgeLimits(),
        events.emit,
        lifespan=False,
        hot=application.hot,
        direct=application.direct,
        check=application.check,
    )
    server, listener = Quiet(config), bind("127.0.0.1", port)
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        platform = Served(f"http://127.0.0.1:{listener.getsockname()[1]}", application, loop)
        platform.run(application.start())
        task = asyncio.run_coroutine_threadsafe(server.serve(sockets=[listener]), loop)
        try:
            yield platform
        finally:
            server.should_exit = True
            task.result(20)
            application.proxy.close()
            platform.run(application.stop())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
