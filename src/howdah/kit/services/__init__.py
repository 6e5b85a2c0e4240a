"""Other services, by name: those of the project and foreign ones.

    from howdah.kit.services import services

    due = services.get("billing").get("/due", params={"page": 2}).json()

`services` is for plain functions, `async_services` for coroutines; they differ in ``await`` alone. Services of the
project are called through the gateway, on behalf of whoever calls this one; foreign ones never hear who that is.
docs/services.md says more.
"""

from __future__ import annotations

from howdah.kit.services.asynchronous import AsyncClient
from howdah.kit.services.errors import CallError
from howdah.kit.services.registry import Services
from howdah.kit.services.synchronous import Client

__all__ = ["AsyncClient", "CallError", "Client", "Services", "async_services", "services"]

services: Services[Client] = Services(Client)
"""The services that the environment names, and those that are added."""

async_services: Services[AsyncClient] = Services(AsyncClient)
"""The same for coroutines."""
