"""What can go wrong while a message is written or sent.

```
MailError                    mail-error
├── MailSettingsError        E160  a URL, address or template of [mail] that cannot be used
├── UnknownMessage           mail-unknown-message  there is no template of this name
├── MissingValue             mail-missing-value    a template needs a value it was not given
├── BrokenTemplate           E161  a template that cannot be read or filled in, with file and line
├── UnusableAddress          mail-bad-address      what no mail and no text message can be sent to
├── HeaderInjection          mail-header-injection a line break where only one line may be
├── NotDelivered             mail-not-delivered    this one message is refused for good
├── NotYetDelivered          mail-not-yet          this one message is refused for now
└── ProviderUnavailable      mail-unavailable      the provider takes nothing now; try again later
```
"""

from __future__ import annotations

from pathlib import Path

from howdah.errors import HowdahError


class MailError(HowdahError):
    """A message could not be sent."""

    code = "mail-error"


class MailSettingsError(MailError):
    """The settings in [mail] cannot be used."""

    code = "E160"
    exit_code = 2


class UnknownMessage(MailError):
    """There is no template of this name."""

    code = "mail-unknown-message"


class MissingValue(MailError):
    """The message needs a value that it was not given."""

    code = "mail-missing-value"


class BrokenTemplate(MailError):
    """A template cannot be read, or not be filled in."""

    code = "E161"
    exit_code = 3

    def __init__(self, file: Path, line: int, message: str) -> None:
        self.file = file
        self.line = line
        self.reason = message
        super().__init__(f"{file}:{line}: {message}", path=f"{file}:{line}", hint="docs/mail.md says what it may use.")


class UnusableAddress(MailError):
    """Nothing can be sent to this address."""

    code = "mail-bad-address"


class HeaderInjection(MailError):
    """A header of a mail would have a line break in it."""

    code = "mail-header-injection"


class NotDelivered(MailError):
    """The provider refused this message for good."""

    code = "mail-not-delivered"


class NotYetDelivered(MailError):
    """The provider refused this message for now."""

    code = "mail-not-yet"
    status = 503


class ProviderUnavailable(MailError):
    """The provider takes nothing now."""

    code = "mail-unavailable"
    status = 503
