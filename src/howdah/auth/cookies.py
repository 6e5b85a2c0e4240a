"""The cookie of a session: its name and its Set-Cookie lines (R32). Pure."""

from __future__ import annotations

from dataclasses import dataclass

HOST_PREFIX = "__Host-"
SECURE_PREFIX = "__Secure-"


@dataclass(frozen=True, slots=True)
class Cookie:
    """What a cookie is called and where it goes.

    Behind https its name begins with ``__Host-``: browsers take such a cookie from this very host alone, so that no
    other subdomain can put one of its own in its place. One that subdomains share gets ``__Secure-`` instead.
    """

    name: str
    secure: bool
    domain: str | None = None

    def put(self, value: str, *, seconds: float) -> str:
        """The Set-Cookie line that makes a browser show ``value`` for so long."""
        return f"{self.name}={value}; Max-Age={int(seconds)}{self._attributes}"

    def remove(self) -> str:
        """The Set-Cookie line that makes a browser forget it."""
        return f"{self.name}=; Max-Age=0{self._attributes}"

    @property
    def _attributes(self) -> str:
        domain = f"; Domain={self.domain}" if self.domain else ""
        return f"; Path=/{domain}; HttpOnly; SameSite=Lax{'; Secure' if self.secure else ''}"


def cookie_of(name: str, *, secure: bool, domain: str | None = None) -> Cookie:
    """The cookie as it is called where it is used.

    >>> cookie_of("session", secure=True).put("abc", seconds=60)
    '__Host-session=abc; Max-Age=60; Path=/; HttpOnly; SameSite=Lax; Secure'
    >>> cookie_of("session", secure=False).remove()
    'session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax'
    """
    if not secure:
        return Cookie(name, secure=False, domain=domain)
    return Cookie((SECURE_PREFIX if domain else HOST_PREFIX) + name, secure=True, domain=domain)
