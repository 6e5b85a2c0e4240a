"""All of it together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from howdah.observe.secret import Secret
from howdah.project.sections.auth import AuthSection
from howdah.project.sections.gateway import GatewaySection
from howdah.project.sections.mail import MailSection
from howdah.project.sections.platform import DatabaseSection, DataSection, LogsSection, ServerSection
from howdah.project.sections.services import ServiceSection
from howdah.project.sections.tasks import TasksSection


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must stay secret. An unset admin secret means that nobody is admin by secret (R51).

    ``secret_key`` seals what accounts keep in the database; without it there are no accounts. What the previous one
    sealed can still be read, so that it can be replaced.
    """

    admin_secret: Secret | None = None
    secret_key: Secret | None = None
    previous_secret_key: Secret | None = None
    previous_admin_secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """The folder, loaded. ``root`` is None when the settings came from the command line and the environment alone."""

    root: Path | None
    name: str
    server: ServerSection = ServerSection()
    database: DatabaseSection = DatabaseSection()
    data: DataSection = DataSection()
    gateway: GatewaySection = GatewaySection()
    mail: MailSection = MailSection()
    tasks: TasksSection = TasksSection()
    auth: AuthSection = AuthSection()
    logs: LogsSection = LogsSection()
    services: tuple[ServiceSection, ...] = ()
    clients: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Foreign services that those of the project call, by name, as they are written."""
    secrets: Secrets = Secrets()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What `.env` gives every service, without howdah's own settings and secrets."""

    def service(self, name: str) -> ServiceSection | None:
        """The service of this name, if there is one."""
        return next((service for service in self.services if service.name == name), None)
