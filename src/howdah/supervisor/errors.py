"""What can go wrong around the processes of a project.

SupervisorError
├── PortBusy            E110  another process listens there
├── AddressUnusable     E113  the address is not this machine's, or not this user's to use
├── AlreadyRunning      E112  one `dev` per folder
├── NotRunning          E120  there is none to talk to
├── UnknownProcess      E121  no process of this name
├── RequirementsNotInstalled  E275  a service's own virtual environment cannot be made
└── ControlRefused      E122  the control socket did not take the request
"""

from __future__ import annotations

from typing import ClassVar

from howdah.errors import HowdahError


class SupervisorError(HowdahError):
    """The processes of the project could not be managed."""

    code: ClassVar[str] = "E119"


class PortBusy(SupervisorError):
    """The port is in use by another process."""

    code = "E110"


class AlreadyRunning(SupervisorError):
    """Howdah is already running for this project."""

    code = "E112"


class AddressUnusable(SupervisorError):
    """Howdah cannot listen on this address."""

    code = "E113"


class NotRunning(SupervisorError):
    """Howdah is not running for this project."""

    code = "E120"
    exit_code = 4

    def __init__(self, message: str | None = None, *, path: str | None = None, hint: str | None = None) -> None:
        super().__init__(message, path=path, hint=hint or "Start it with `howdah dev`.")


class UnknownProcess(SupervisorError):
    """No process of the project has this name."""

    code = "E121"
    exit_code = 4


class ControlRefused(SupervisorError):
    """The control socket did not accept the request."""

    code = "E122"


class RequirementsNotInstalled(SupervisorError):
    """What the service requires cannot be installed."""

    code = "E275"
