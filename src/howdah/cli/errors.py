"""What can go wrong on the command line itself. Everything else has its code from the part that knows about it.

::

    CommandError          E004
    ├── UsageError        E002  the words are not a command (exit code 2)
    ├── MissingExtra      E003  a part of the installation is not there
    ├── SystemRefused     E004  the operating system refuses something
    ├── UnknownTarget     E121  there is no service of this name
    ├── StartFailed       E125  howdah was started in the background and did not become ready
    └── NotConfirmed      E210  what cannot be taken back needs a yes

E001 is a bug: an error nobody expected. It has no class, because nothing raises it on purpose.
"""

from __future__ import annotations

from typing import ClassVar

from howdah.errors import HowdahError

BUG = "E001"


class CommandError(HowdahError):
    """The command could not be carried out."""

    code: ClassVar[str] = "E004"


class UsageError(CommandError):
    """The words are not a command of howdah's."""

    code = "E002"
    exit_code = 2


class MissingExtra(CommandError):
    """A part of the installation is missing."""

    code = "E003"


class SystemRefused(CommandError):
    """The operating system refused."""

    code = "E004"


class UnknownTarget(CommandError):
    """There is no service of this name."""

    code = "E121"
    exit_code = 4


class StartFailed(CommandError):
    """Howdah was started in the background and did not become ready."""

    code = "E125"


class NotConfirmed(CommandError):
    """What cannot be taken back needs a yes."""

    code = "E210"
    exit_code = 5
