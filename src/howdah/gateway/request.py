"""An ASGI scope → what the gateway needs to know of the request, in one pass over its header fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from howdah.gateway import answer
from howdah.gateway.csrf import TOKEN_HEADER, Evidence

if TYPE_CHECKING:
    Scope = dict[str, Any]


class Request:
    """What one pass over the header fields tells, and who turned out to ask for whom."""

    __slots__ = (
        "asked_fields",
        "asked_method",
        "content_length",
        "evidence",
        "host",
        "request_id",
        "role",
        "target",
        "to_part",
        "transfer_encoding",
        "wants_page",
    )

    def __init__(self, scope: Scope) -> None:
        self.host = b""
        self.request_id = ""
        self.content_length: int | None = None
        self.transfer_encoding = False
        self.wants_page = False
        self.asked_method = b""
        self.asked_fields = b""
        self.role = ""
        self.target = ""
        self.to_part = False
        hosts = ids = 0
        sites: tuple[bytes, ...] = ()
        origins: tuple[bytes, ...] = ()
        tokens: tuple[bytes, ...] = ()
        for name, value in scope["headers"]:
            if name not in _READ:
                continue
            if name == b"host":
                self.host = value
                hosts += 1
            elif name == b"content-length":
                self.content_length = int(value)
            elif name == b"transfer-encoding":
                self.transfer_encoding = True
            elif name == b"accept":
                self.wants_page = self.wants_page or b"text/html" in value
            elif name == b"x-request-id":
                ids += 1
                self.request_id = answer.accepted_request_id(value) or ""
            elif name == b"origin":
                origins += (value,)
            elif name == b"sec-fetch-site":
                sites += (value,)
            elif name == TOKEN_HEADER:
                tokens += (value,)
            elif name == b"access-control-request-method":
                self.asked_method = value
            else:
                self.asked_fields = value
        if ids != 1 or not self.request_id:  # two ids are no id
            self.request_id = answer.new_request_id()
        if hosts > 1:
            self.host = b"\0"  # matches no host name, so it is refused with a request id
        if scope["method"] not in ("GET", "HEAD"):
            self.wants_page = False
        self.evidence = _NOTHING if not (sites or origins or tokens) else Evidence(sites, origins, tokens)

    @property
    def origin(self) -> str | None:
        """The origin of the page the request comes from; ``null``, which is nobody's, where there are several."""
        origins = self.evidence.origins
        if not origins:
            return None
        return origins[0].decode("latin-1") if len(origins) == 1 else "null"

    def is_preflight(self, method: str) -> bool:
        """Whether a browser asks before it sends what a page wants to send (Fetch standard, section 3.2.2)."""
        return (
            method == "OPTIONS"
            and bool(self.asked_method)
            and bool(self.evidence.origins)
            and not (self.content_length or self.transfer_encoding)
        )


_NOTHING = Evidence()
_READ = frozenset(
    (
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"accept",
        b"x-request-id",
        b"origin",
        b"sec-fetch-site",
        TOKEN_HEADER,
        b"access-control-request-method",
        b"access-control-request-headers",
    )
)
