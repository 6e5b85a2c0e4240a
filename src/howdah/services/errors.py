"""What can be wrong with where a service is.

```
ServiceError
├── UnknownService
├── InvalidServiceUrl
└── ServiceUnreachable
```
"""

from __future__ import annotations

from typing import ClassVar

from howdah.errors import HowdahError


class ServiceError(HowdahError):
    """A service cannot be reached the way it was asked for."""

    code: ClassVar[str] = "service-error"
    status: ClassVar[int] = 502


class UnknownService(ServiceError):
    """There is no service of this name."""

    code = "unknown-service"


class InvalidServiceUrl(ServiceError):
    """A service's url is not of the form http://host:port."""

    code = "invalid-service-url"


class ServiceUnreachable(ServiceError):
    """What is at the configured address cannot be asked."""

    code = "service-unreachable"
