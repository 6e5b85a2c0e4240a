"""What can go wrong while a message is written or sent.

```
MailError
```
"""

from __future__ import annotations

from howdah.errors import HowdahError


class MailError(HowdahError):
    """A message could not be sent."""

    code = "mail-error"
