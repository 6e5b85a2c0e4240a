"""Services by name: those of the project, which the environment names, and foreign ones, from settings and files.

``HOWDAH_SERVICES`` has both, as JSON: ``{"own": ["app"], "foreign": {"weather": {"base_url": "https://…"}}}``. Whoever
starts the service writes it; `howdah dev` does so from howdah.toml. ``HOWDAH_GATEWAY_URL`` is where services of the
project are called: the gateway knows at every moment where each one is, so nothing here is wrong when one is started
anew. ``HOWDAH_SERVICES_FILE`` names a file of more.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from howdah.kit.errors import NotConfigured
from howdah.kit.services.addresses import base_of
from howdah.kit.services.errors import BadServices, UnknownService
from howdah.kit.services.files import read_file
from howdah.kit.services.settings import ServiceSettings, read_service, read_services

GATEWAY_VARIABLE: Final = "HOWDAH_GATEWAY_URL"
SERVICES_VARIABLE: Final = "HOWDAH_SERVICES"
FILE_VARIABLE: Final = "HOWDAH_SERVICES_FILE"
HEALTH_PATH: Final = "/-/ready"

One = TypeVar("One")


class Services(Generic[One]):
    """Services by name, each with a client that is made when it is first asked for, and kept."""

    def __init__(self, client: Callable[[ServiceSettings], One], environment: Mapping[str, str] = os.environ) -> None:
        self._client = client
        self._environment = environment
        self._lock = threading.RLock()
        self._known: dict[str, ServiceSettings] | None = None
        self._added: dict[str, ServiceSettings] = {}
        self._clients: dict[str, One] = {}

    def get(self, name: str) -> One:
        """The client of the service. Raises UnknownService, and BadServices where the environment is not in order."""
        client = self._clients.get(name)
        if client is not None:
            return client
        with self._lock:
            settings = self._all().get(name)
            if settings is None:
                raise UnknownService(f"There is no service {name!r}.", hint=_known(self._all()))
            return self._clients.setdefault(name, self._client(settings))

    def add(self, name: str, base_url: str, **options: Any) -> One:
        """The client of a foreign service that is known from now on, also in place of another.

        Raises BadServices.
        """
        return self._add(read_service(name, {**options, "base_url": base_url}, self._environment, source="add"))

    def load(self, path: str | Path) -> tuple[str, ...]:
        """The names of the services that a file says, which are known from now on; none for an empty one.

        Raises BadServices, and then none of them is.
        """
        path = Path(path)
        several = read_services(read_file(path), self._environment, source=str(path))
        for settings in several:
            self._add(settings)
        return tuple(settings.name for settings in several)

    def names(self) -> tuple[str, ...]:
        """Every name there is. Raises BadServices."""
        with self._lock:
            return tuple(sorted(self._all()))

    def _add(self, settings: ServiceSettings) -> One:
        with self._lock:
            self._added[settings.name] = settings
            client = self._clients[settings.name] = self._client(settings)
            return client

    def _all(self) -> Mapping[str, ServiceSettings]:
        if self._known is None:
            self._known = {settings.name: settings for settings in of_environment(self._environment)}
        return {**self._known, **self._added}


def of_environment(environment: Mapping[str, str]) -> list[ServiceSettings]:
    """The services that the environment names. Raises BadServices and NotConfigured."""
    known = said(environment)
    own = known.get("own", [])
    if not isinstance(own, list) or not all(isinstance(name, str) for name in own):
        raise BadServices(f"{SERVICES_VARIABLE}: own must be a list of names.")
    foreign = known.get("foreign", {})
    if not isinstance(foreign, Mapping):
        raise BadServices(f"{SERVICES_VARIABLE}: foreign must be a mapping of names to options.")
    found = [_own(name, environment) for name in own]
    found += read_services(foreign, environment, source=SERVICES_VARIABLE)
    if environment.get(FILE_VARIABLE):
        path = Path(environment[FILE_VARIABLE])
        found += read_services(read_file(path), environment, source=str(path))
    return found


def gateway_url(environment: Mapping[str, str]) -> str:
    """Where the gateway is. Raises NotConfigured."""
    url = environment.get(GATEWAY_VARIABLE)
    if not url:
        raise NotConfigured(
            f"{GATEWAY_VARIABLE} is not set, so nobody said where services of the project are called.",
            hint="Start the service with `howdah dev`, or set it: http://localhost:8080",
        )
    return base_of(url, name=GATEWAY_VARIABLE)


def _own(name: str, environment: Mapping[str, str]) -> ServiceSettings:
    base = f"{gateway_url(environment)}/-/services/{name}"
    return ServiceSettings(name, base, own=True, ping=HEALTH_PATH)


def said(environment: Mapping[str, str]) -> Mapping[str, Any]:
    """What the environment says of services. Raises BadServices."""
    text = environment.get(SERVICES_VARIABLE, "")
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadServices(f"{SERVICES_VARIABLE} is not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise BadServices(f"{SERVICES_VARIABLE} must be an object with own, foreign and grpc.")
    return found


def _known(names: Mapping[str, object]) -> str:
    return f"There is: {', '.join(sorted(names))}." if names else "No service is known: see docs/services.md."
