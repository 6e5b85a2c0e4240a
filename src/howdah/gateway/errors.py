"""What the gateway answers instead of passing a request on.

```
GatewayError
├── RequestRefused              the edge does not take these bytes for a request; the connection closes after the answer
│   ├── MalformedRequest        400
│   ├── AmbiguousRequest        400  two readers could disagree where it ends, or for whom it is
│   ├── MalformedTarget         400
│   ├── UnderscoreInName        400
│   ├── UpgradeRefused          400
│   ├── MalformedHandshake      400
│   ├── MethodNotAllowed        405
│   ├── RequestTooSlow          408
│   ├── TargetTooLong           414
│   ├── ExpectationUnknown      417
│   ├── HeadTooLarge            431
│   ├── WebSocketVersionUnsupported 426
│   ├── MethodUnknown           501
│   ├── TooManyConnections      503
│   └── VersionUnsupported      505
├── SessionRefused
│   ├── InvalidAdminSecret      401
│   ├── InvalidToken            401
│   ├── MalformedAuthorization  400
│   ├── MalformedIdentity       400
│   │   └── AmbiguousCredentials 400
│   ├── RoleNotAllowed          403
│   ├── ScopeMissing            403
│   ├── ServicesOnly            403
│   └── AccountsUnavailable     503
├── AccessRestricted
│   ├── NoSession               401
│   └── NoAccess                403
├── CrossSite                   403
├── OriginRefused               403
├── UnknownHost                 404
├── UnknownPath                 404
├── BodyTooLarge                413
├── RouteInvalid                     the route table itself, found while starting
├── InternalError               500
├── UpstreamError
│   ├── ServiceDown             502
│   ├── ServiceStarting         503
│   ├── ServiceBusy             503
│   ├── ServiceUnwell           503
│   ├── UpstreamBroken          502
│   └── UpstreamTimeout         504
└── ClientGone                       nobody is left to answer
```
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from howdah.errors import HowdahError


class GatewayError(HowdahError):
    """The gateway cannot answer this request."""

    code: ClassVar[str] = "gateway-error"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    also: ClassVar[Mapping[str, str]] = {}
    """Members of the body that clients of older platforms look for."""


def problem(error: HowdahError, request_id: str) -> dict[str, Any]:
    """The JSON body that tells the caller what is wrong: a problem document (RFC 9457), with our own members beside.

    ``type`` and ``title`` are the same for every error of a class, ``detail`` and ``message`` are about this one.
    """
    also = error.also if isinstance(error, GatewayError) else {}
    return {
        "type": f"urn:howdah:error:{error.code}",
        "title": " ".join(inspect.cleandoc(type(error).__doc__ or "").partition("\n\n")[0].split()),
        "status": error.status,
        "detail": error.message,
        **error.to_json(),
        **also,
        "request_id": request_id,
    }


class RequestRefused(GatewayError):
    """The platform does not accept the request."""

    code = "bad-request"
    status = 400


class MalformedRequest(RequestRefused):
    """The request is not well-formed HTTP/1.1."""

    code = "malformed-request"


class AmbiguousRequest(RequestRefused):
    """The request can be read in more than one way."""

    code = "ambiguous-request"


class MalformedTarget(RequestRefused):
    """The request's path is not one every reader understands in the same way."""

    code = "malformed-target"


class UnderscoreInName(RequestRefused):
    """Names of header fields must not contain an underscore."""

    code = "underscore-in-header-name"


class UpgradeRefused(RequestRefused):
    """The connection cannot be upgraded to another protocol."""

    code = "upgrade-refused"


class MethodNotAllowed(RequestRefused):
    """The method is not allowed here."""

    code = "method-not-allowed"
    status = 405
    headers = ((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)


class ReadOnly(MethodNotAllowed):
    """The address only answers GET and HEAD."""

    headers = ((b"allow", b"GET, HEAD"),)


class PostOnly(MethodNotAllowed):
    """The address only answers POST."""

    headers = ((b"allow", b"POST"),)


class RequestTooSlow(RequestRefused):
    """The request did not arrive in time."""

    code = "request-timeout"
    status = 408


class TargetTooLong(RequestRefused):
    """The request's path and query are too long."""

    code = "target-too-long"
    status = 414


class ExpectationUnknown(RequestRefused):
    """The only expectation that can be met is 100-continue."""

    code = "expectation-unknown"
    status = 417


class HeadTooLarge(RequestRefused):
    """The request's header is too large."""

    code = "header-too-large"
    status = 431


class MethodUnknown(RequestRefused):
    """The method is not implemented."""

    code = "method-unknown"
    status = 501


class MalformedHandshake(RequestRefused):
    """The request does not open a WebSocket as RFC 6455 has it."""

    code = "malformed-handshake"


class WebSocketVersionUnsupported(RequestRefused):
    """The only version of WebSocket is 13."""

    code = "websocket-version-unsupported"
    status = 426
    headers = ((b"sec-websocket-version", b"13"), (b"upgrade", b"websocket"))


class TooManyConnections(RequestRefused):
    """There are too many connections."""

    code = "too-many-connections"
    status = 503
    headers = ((b"retry-after", b"5"),)


class VersionUnsupported(RequestRefused):
    """The request's version of HTTP is not supported: use HTTP/1.1."""

    code = "http-version-unsupported"
    status = 505


class SessionRefused(GatewayError):
    """The request's credentials are not accepted."""

    code = "access-denied"
    status = 401


class InvalidAdminSecret(SessionRefused):
    """The admin secret is not the right one."""

    also = MappingProxyType({"path": "$", "error": "invalid x-hasura-admin-secret"})  # the query language's words


class ScopeMissing(SessionRefused):
    """The service token is not meant for this."""

    code = "scope-missing"
    status = 403


class ServicesOnly(SessionRefused):
    """Only services of the project's own may call here."""

    code = "services-only"
    status = 403


class InvalidToken(SessionRefused):
    """The token in the Authorization header is not valid."""

    code = "invalid-token"
    headers = ((b"www-authenticate", b'Bearer error="invalid_token"'),)
    also = MappingProxyType({"message": "invalid authorization token"})  # the session middleware's words


class MalformedAuthorization(SessionRefused):
    """The Authorization header does not hold one bearer token."""

    code = "malformed-authorization-header"
    status = 400
    also = MappingProxyType({"message": "malformed-authorization-header"})  # the session middleware's words


class MalformedIdentity(SessionRefused):
    """The identity headers contradict each other or are not readable."""

    code = "malformed-identity"
    status = 400


class AmbiguousCredentials(MalformedIdentity):
    """The request shows two different credentials."""

    code = "ambiguous-credentials"
    status = 400


class RoleNotAllowed(SessionRefused):
    """The caller may not take the role it asks for."""

    code = "role-not-allowed"
    status = 403


class AccountsUnavailable(SessionRefused):
    """Nobody can tell at the moment to whom the credential belongs."""

    code = "accounts-unavailable"
    status = 503
    headers = ((b"retry-after", b"1"),)


class AccessRestricted(GatewayError):
    """The caller may not pass here."""

    also = MappingProxyType({"message": "access restricted"})  # the session middleware's words

    def __init__(self, *, redirect_url: str | None = None) -> None:
        super().__init__()
        self.redirect_url = redirect_url


class CannotPass(AccessRestricted):
    """The request may not pass, for a reason that another proxy cannot be told otherwise."""

    code = "cannot-pass"
    status = 403

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        super().__init__()
        if message is not None:
            self.message = message
        self.hint = hint


class OtherService(CannotPass):
    """Another service is at the address."""

    code = "other-service"


class IdentityClaimed(CannotPass):
    """A header field claims an identity."""

    code = "identity-claimed"


class NotAProxy(CannotPass):
    """Only a proxy of ours may ask: one on this machine, or one that gateway.trusted_proxies names."""

    code = "not-a-proxy"


class NoSession(AccessRestricted):
    """Only callers who are signed in may pass here."""

    code = "session-required"
    status = 401
    headers = ((b"www-authenticate", b"Bearer"),)


class NoAccess(AccessRestricted):
    """The caller has none of the roles that may pass here."""

    code = "access-restricted"
    status = 403


class CrossSite(GatewayError):
    """A page of another site may not do this with a user's cookie."""

    code = "cross-site-request"
    status = 403


class OriginRefused(GatewayError):
    """Pages of this origin may not call this address."""

    code = "origin-refused"
    status = 403
    headers = ((b"vary", b"Origin"),)


class UnknownHost(GatewayError):
    """Nothing is served under this host name."""

    code = "unknown-host"
    status = 404


class UnknownPath(GatewayError):
    """Nothing is served at this path."""

    code = "unknown-path"
    status = 404


class BodyTooLarge(GatewayError):
    """The request's body is too large."""

    code = "body-too-large"
    status = 413


class VariableUnfit(GatewayError):
    """A name is not that of a session variable."""

    code = "variable-unfit"
    exit_code = 2


class RouteInvalid(GatewayError):
    """A route cannot be served."""

    code = "route-invalid"
    exit_code = 2


class InternalError(GatewayError):
    """Something went wrong on our side. The log has the details under this request id."""

    code = "internal"
    status = 500


class Stopping(GatewayError):
    """The platform is stopping and could not finish this request."""

    code = "stopping"
    status = 503
    headers = ((b"retry-after", b"1"),)


class UpstreamError(GatewayError):
    """The service behind this address cannot answer."""

    code = "upstream-error"
    status = 502


class ServiceDown(UpstreamError):
    """The service is not running."""

    code = "service-down"


class ServiceStarting(UpstreamError):
    """The service is starting."""

    code = "service-starting"
    status = 503
    headers = ((b"retry-after", b"2"),)


class ServiceBusy(UpstreamError):
    """The service has as many requests as it may have at once."""

    code = "service-busy"
    status = 503
    headers = ((b"retry-after", b"1"),)


class ServiceUnwell(UpstreamError):
    """The service has not answered lately and is not asked for a moment."""

    code = "service-unwell"
    status = 503

    def __init__(self, message: str | None = None, *, hint: str | None = None, retry_after: int = 10) -> None:
        super().__init__(message, hint=hint)
        self.headers = ((b"retry-after", b"%d" % retry_after),)


class UpstreamBroken(UpstreamError):
    """The service broke off or sent something that is not an HTTP answer."""

    code = "upstream-broken"


class UpstreamTimeout(UpstreamError):
    """The service did not answer in time."""

    code = "upstream-timeout"
    status = 504


class ClientGone(GatewayError):
    """The client went away before it was answered."""

    code = "client-gone"
    status = 499
