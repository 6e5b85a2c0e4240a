"""What can stand in the way of a new project, or of a service in one.

::

    TemplateError             E105
    ├── FolderNotEmpty        E101  something is there already
    ├── UnknownTemplate       E102  no template of this name
    ├── InvalidName           E103  a project cannot be called that
    ├── NotWritable           E104  the disk or its owner refuses
    ├── RouteClash            E270  another service has the route
    ├── ServiceExists         E271  another service has the name
    ├── InvalidServiceName    E272  a service cannot be called that
    ├── NotAdoptable          E273  no app that could be run was found
    ├── NotUpdatable          E274  an update could not be taken back, or knows nothing of what is there
    └── NoSuchService        E121  howdah.toml has no service of this name
"""

from __future__ import annotations

from typing import ClassVar

from howdah.errors import HowdahError


class TemplateError(HowdahError):
    """The project cannot be made."""

    code: ClassVar[str] = "E105"


class FolderNotEmpty(TemplateError):
    """The folder is not empty."""

    code = "E101"


class UnknownTemplate(TemplateError):
    """There is no template of this name."""

    code = "E102"
    exit_code = 4


class InvalidName(TemplateError):
    """A project cannot have this name."""

    code = "E103"
    exit_code = 2


class NotWritable(TemplateError):
    """A file of the project cannot be written."""

    code = "E104"


class RouteClash(TemplateError):
    """Another service has this route."""

    code = "E270"


class ServiceExists(TemplateError):
    """There is a service of this name already."""

    code = "E271"


class InvalidServiceName(TemplateError):
    """A service cannot have this name."""

    code = "E272"
    exit_code = 2


class NotAdoptable(TemplateError):
    """No app that could be run was found in the folder."""

    code = "E273"


class NotUpdatable(TemplateError):
    """The service cannot be updated as it is."""

    code = "E274"


class NoSuchService(TemplateError):
    """There is no service of this name."""

    code = "E121"
    exit_code = 4
