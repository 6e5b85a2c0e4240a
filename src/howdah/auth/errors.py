"""Everything accounts refuse.

```
AuthError                       400
```
"""

from __future__ import annotations

from howdah.errors import HowdahError


class AuthError(HowdahError):
    """The request about an account cannot be answered."""

    code = "bad-request"
    status = 400
