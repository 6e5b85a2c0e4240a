"""Other people's pages can do nothing with a user's cookie: the double submit of a signed token.

Behind the gateway this is the gateway's work; it is for services with cookies of their own that browsers reach
directly. Whoever asks for a page is given a cookie that scripts of this origin can read; whoever changes something must
send it in a header, too, which pages of other origins cannot. It is signed, so that no other host of the domain can
plant one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from howdah.kit.errors import NotConfigured, UnprovenOrigin
from howdah.observe.secret import Secret

HEADER: Final = "X-CSRF-Token"
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
SHORTEST_SECRET: Final = 32


@dataclass(frozen=True, slots=True)
class Csrf:
    """What tokens are signed with; ``secure=False`` is for development over plain http.

    Raises NotConfigured: the secret is too short to protect anything.
    """

    secret: Secret
    secure: bool = True

    def __post_init__(self) -> None:
        """Raises NotConfigured."""
        if len(self.secret.reveal()) < SHORTEST_SECRET:
            raise NotConfigured(f"The secret of CSRF tokens has at least {SHORTEST_SECRET} characters.")

    @property
    def cookie(self) -> str:
        """The name of the cookie; with ``__Host-`` no other host can set it."""
        return "__Host-csrf" if self.secure else "csrf"


def new_token(csrf: Csrf) -> str:
    """A token that nobody else could have made."""
    value = secrets.token_urlsafe(24)
    return f"{value}.{_signature(csrf, value)}"


def is_ours(csrf: Csrf, token: str | None) -> bool:
    """Whether a token is one that we made."""
    value, _, signature = (token or "").partition(".")
    return hmac.compare_digest(signature.encode(), _signature(csrf, value).encode()) and bool(value)


def set_cookie(csrf: Csrf, token: str) -> str:
    """The header that gives a browser its token. Scripts can read it: that is what it is for."""
    return f"{csrf.cookie}={token}; Path=/; SameSite=Lax" + ("; Secure" if csrf.secure else "")


def cookies_of(header: str | None) -> dict[str, str]:
    """The cookies of a request; of two with one name the first, which is the one set for the longer path (RFC 6265).

    >>> cookies_of("a=1; csrf=x=y; a=2")
    {'a': '1', 'csrf': 'x=y'}
    """
    found: dict[str, str] = {}
    for part in (header or "").split(";"):
        name, is_pair, value = part.strip().partition("=")
        if is_pair:
            found.setdefault(name, value)
    return found


def cookie_for(csrf: Csrf, method: str, cookies: Mapping[str, str]) -> str | None:
    """The header that gives a browser its token, when it has none and asks for something; None otherwise."""
    if method not in SAFE or is_ours(csrf, cookies.get(csrf.cookie)):
        return None
    return set_cookie(csrf, new_token(csrf))


def check(csrf: Csrf, method: str, cookies: Mapping[str, str], header: str | None, site: str | None) -> None:
    """Nothing, for a request that no page of another origin can have made. Raises UnprovenOrigin.

    A request without cookies acts for nobody, so none is needed; ``site`` is its Sec-Fetch-Site, which pages cannot lie
    about.
    """
    if method in SAFE or not cookies:
        return
    token = cookies.get(csrf.cookie)
    if site == "cross-site" or not is_ours(csrf, token):
        raise UnprovenOrigin
    assert token is not None
    if not hmac.compare_digest(token.encode(), (header or "").encode()):
        raise UnprovenOrigin


def _signature(csrf: Csrf, value: str) -> str:
    return hmac.new(csrf.secret.reveal().encode(), value.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
