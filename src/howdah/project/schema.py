"""What may be written at all: every setting by its path, as the sections' annotations declare them."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from howdah.project import sections
from howdah.project.sections import Ready, ServiceSection, Setting

SettingPath = tuple[str, ...]
"""``("server", "port")``, ``("services", "app", "ready", "timeout")``."""

SECTIONS: Mapping[str, type[Any]] = {
    "server": sections.ServerSection,
    "database": sections.DatabaseSection,
    "data": sections.DataSection,
    "gateway": sections.GatewaySection,
    "auth": sections.AuthSection,
    "mail": sections.MailSection,
    "tasks": sections.TasksSection,
    "logs": sections.LogsSection,
}
NAME = Setting("text", "The project's name. Its folder's name when left out.")
CLIENTS = Setting("clients", "Foreign services that those of the project call: `[clients.<name>]`.")
SERVICE_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def settings_of(section: type[Any]) -> Mapping[str, Setting]:
    """What may be written in a section, by key, in the order of its definition."""
    return {
        field.name: note
        for field in dataclasses.fields(section)
        for note in getattr(field.type, "__metadata__", ())
        if isinstance(note, Setting)
    }


NAMED: Mapping[SettingPath, type[Any]] = {
    ("auth", "oauth"): sections.OAuthSection,
    ("auth", "custom"): sections.HooksSection,
    ("auth", "issuers"): sections.IssuerSection,
    ("tasks", "schedules"): sections.ScheduleSection,
}
"""Sections of which there may be several, each under a name of its own: ``[auth.oauth.google]``."""

SETTINGS: Mapping[SettingPath, Setting] = {
    ("project", "name"): NAME,
    **{(name, key): setting for name, section in SECTIONS.items() for key, setting in settings_of(section).items()},
}
"""Every setting outside of services."""

SERVICE_SETTINGS: Mapping[SettingPath, Setting] = {
    **{(key,): setting for key, setting in settings_of(ServiceSection).items()},
    **{("ready", key): setting for key, setting in settings_of(Ready).items()},
}
"""Every setting of one service, by what follows ``services.<name>``."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word a person most likely meant, if one is near enough.

    >>> nearest("prot", ["host", "port"])
    'port'
    """
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)
