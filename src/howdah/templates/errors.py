"""What can stand in the way of a new project.

::

    TemplateError           E105
    ├── FolderNotEmpty      E101  something is there already
    ├── UnknownTemplate     E102  no template of this name
    ├── InvalidName         E103  a project cannot be called that
    └── NotWritable         E104  the disk or its owner refuses
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
