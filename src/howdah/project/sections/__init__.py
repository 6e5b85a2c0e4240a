"""The project's settings as frozen values, one section per part, and what may be written for each of them.

A part receives its own section and never the whole. The kind, text and bounds in each field's annotation are what the
loader checks against and what docs/configuration.md is written from; the annotations are therefore read at run time.
"""

from howdah.project.sections.addresses import Cors, Network, PartPolicy, Policy, Route
from howdah.project.sections.auth import PROVIDERS, AuthSection
from howdah.project.sections.elsewhere import OAUTH_PRESETS, HooksSection, IssuerSection, OAuthSection
from howdah.project.sections.gateway import GatewaySection
from howdah.project.sections.mail import MailSection
from howdah.project.sections.platform import LOG_LEVELS, DatabaseSection, DataSection, LogsSection, ServerSection
from howdah.project.sections.project import Project, Secrets
from howdah.project.sections.services import Ready, ServiceSection
from howdah.project.sections.setting import DAY, GIB, HOUR, KIB, MIB, MINUTE, Kind, Setting
from howdah.project.sections.tasks import ScheduleSection, TasksSection

__all__ = [
    "DAY",
    "GIB",
    "HOUR",
    "KIB",
    "LOG_LEVELS",
    "MIB",
    "MINUTE",
    "OAUTH_PRESETS",
    "PROVIDERS",
    "AuthSection",
    "Cors",
    "DataSection",
    "DatabaseSection",
    "GatewaySection",
    "HooksSection",
    "IssuerSection",
    "Kind",
    "LogsSection",
    "MailSection",
    "Network",
    "OAuthSection",
    "PartPolicy",
    "Policy",
    "Project",
    "Ready",
    "Route",
    "ScheduleSection",
    "Secrets",
    "ServerSection",
    "ServiceSection",
    "Setting",
    "TasksSection",
]
