"""What a request says of the page it comes from → nothing, or a refusal: nobody else's page acts with a user's cookie.

Browsers attach cookies to whatever is sent to us, by whichever page. So a request that changes something and shows who
it is by a cookie must come from a page of ours (R52). In this order:

1. ``Sec-Fetch-Site`` (Fetch Metadata), which pages cannot set: ``same-origin`` and ``none`` pass. ``same-site`` is as
   foreign as ``cross-site``: another subdomain may be somebody else's, or have a hole.
2. Otherwise, ``Origin``: the origin asked passes, and so do those that the address's CORS policy lists.
3. Without both, which no browser of today does: ``X-CSRF-Token``, an HMAC of the session's id (R53), or the field
   ``csrf_token`` of a form where people sign in (`form_token.py`). Only who has the session can ask for it, at
   ``/-/csrf-token``, and it ends with the session; a cookie that somebody planted is no use.

Where people sign in there is no session yet; there 1 and 2 hold for everybody, so that nobody is signed in as somebody
else without knowing. Tokens in ``Authorization`` and secrets need none of it: no browser attaches them by itself.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from howdah.gateway.errors import CrossSite
from howdah.gateway.origins import shown

if TYPE_CHECKING:
    from howdah.gateway.origins import Pages
    from howdah.session import Caller

SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
TOKEN_HEADER: Final = b"x-csrf-token"
_OURS: Final = (b"same-origin", b"none")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a head says of the page the request comes from: every value of each field, as sent."""

    sites: tuple[bytes, ...] = ()
    origins: tuple[bytes, ...] = ()
    tokens: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.sites or self.origins or self.tokens)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens bound to a session, made with a key of the server's."""

    key: bytes = field(repr=False)

    def issue(self, session_id: str) -> str:
        """The token of the session."""
        return hmac.new(self.key, b"csrf:" + session_id.encode(), hashlib.sha256).hexdigest()

    def verify(self, session_id: str, token: bytes) -> bool:
        """Whether it is the session's, in constant time."""
        return hmac.compare_digest(self.issue(session_id).encode(), token)


def comes_from_here(evidence: Evidence) -> bool:
    """Whether the browser says that the page is ours, or that no page had a part in it."""
    return len(evidence.sites) == 1 and evidence.sites[0] in _OURS


def check_page(
    evidence: Evidence, caller: Caller, pages: Pages, tokens: Tokens | None, *, signing_in: bool = False
) -> None:
    """Return if the request may change something.

    With ``signing_in`` callers who show no credential are looked at too. Raises CrossSite.
    """
    if caller.credential != "cookie" and not (signing_in and caller.credential == "none"):
        return
    if comes_from_here(evidence):
        return
    if evidence.origins:
        origin = evidence.origins[0].decode("latin-1") if len(evidence.origins) == 1 else "null"
        if (not evidence.sites and pages.are_own(origin)) or pages.include(origin):
            return
        raise CrossSite(f"A page of {shown(origin)} may not do this with a user's cookie.", hint=_HINT)
    if evidence.sites:
        raise CrossSite(hint=_HINT)
    if caller.credential == "cookie":
        _check_token(evidence.tokens, caller, tokens)
    # Otherwise it is no browser: one says either where it matters.


def _check_token(presented: tuple[bytes, ...], caller: Caller, tokens: Tokens | None) -> None:
    session_id = caller.identity.session_id if caller.identity is not None else None
    if tokens is None or session_id is None or len(presented) != 1:
        raise CrossSite("Nothing shows which page this comes from.", hint=_HINT_OF_TOKENS)
    if not tokens.verify(session_id, presented[0]):
        raise CrossSite("The X-CSRF-Token is not that of this session.", hint=_HINT_OF_TOKENS)


_HINT: Final = "The route's cors lists the origins that may, or gateway.cors; server.public_url says what is our own."
_HINT_OF_TOKENS: Final = "Send an Origin header, or in X-CSRF-Token what GET /-/csrf-token answers."
