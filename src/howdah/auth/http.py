"""HTTP → a call with its arguments read; what the call says → HTTP.

A call says who may ask it, and what it takes as a msgspec Struct. Whatever is not in that is refused (R68), and so is a
body that is not JSON by its type (R54) or that two readers could read apart (R67).
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, Generic, Literal, NoReturn, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from howdah.auth.errors import (
    AccountsDown,
    AuthError,
    BodyNotJson,
    BodyTooLarge,
    InternalError,
    InvalidBody,
    NotAllowed,
    NotSignedIn,
    UnknownCall,
    WrongMethod,
)
from howdah.auth.sessions import Origin, is_opaque
from howdah.errors import HowdahError
from howdah.observe import events
from howdah.postgres.errors import PostgresError
from howdah.session import ANONYMOUS, Caller

if TYPE_CHECKING:
    from howdah.auth.part import Auth

MAX_BODY: Final = 64 * 1024
_MAX_DEPTH: Final = 16

Access = Literal["anyone", "user", "admin"]
Body = TypeVar("Body")


Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number of a row in a query: what is larger than Postgres counts is none."""


class NoBody(msgspec.Struct, forbid_unknown_fields=True):
    """Nothing is sent."""


@dataclass(frozen=True, slots=True)
class Asked(Generic[Body]):
    """One request, read: what was sent, by whom and from where."""

    body: Body
    caller: Caller
    origin: Origin
    query: Mapping[str, str]
    path: Mapping[str, str]
    cookies: Mapping[str, str]
    wants_page: bool = False
    """Whether it is a browser that goes there, and not a script or a program."""
    by_script: bool = False
    """Whether a program asks, and not somebody who follows a link, or what looks through mails for bad ones."""

    @property
    def user_id(self) -> int:
        """The number of the user who asks. Raises NotSignedIn."""
        identity = self.caller.identity
        if identity is None or identity.user_id is None:
            raise NotSignedIn
        return int(identity.user_id)

    @property
    def level(self) -> int:
        """How much was shown of who asks: see Identity. Raises NotSignedIn."""
        if self.caller.identity is None:
            raise NotSignedIn
        return self.caller.identity.level

    @property
    def session_id(self) -> str:
        """The session that is shown. Raises NotSignedIn."""
        identity = self.caller.identity
        if identity is None or identity.session_id is None:
            raise NotSignedIn
        return identity.session_id


@dataclass(frozen=True, slots=True)
class Answer:
    """What to answer: a value that becomes JSON, a status, and Set-Cookie lines."""

    body: Any
    status: int = 200
    cookies: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Call(Generic[Body]):
    """One call of the API. Its handler is the table of contents of what happens."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    handler: Callable[[Auth, Asked[Body]], Awaitable[Answer]]
    body: type[Body]
    access: Access = "anyone"


@dataclass(frozen=True, slots=True)
class AccountsFailed:
    """A bug: a request about an account ended in an error nobody expected."""

    level = "error"
    request_id: str
    path: str
    error: str
    trace: str


def application(auth: Auth, calls: tuple[Call[Any], ...], pages: tuple[Route, ...] = ()) -> Starlette:
    """The calls as an ASGI application."""
    routes = [Route(call.path, _endpoint(auth, call), methods=[call.method]) for call in calls]
    return Starlette(
        routes=[*routes, *pages],
        exception_handlers={
            HowdahError: _answer_error,
            PostgresError: _answer_error,
            HTTPException: _answer_http,
            Exception: _answer_bug,
        },
    )


def _endpoint(auth: Auth, call: Call[Any]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        if request.method != call.method:
            raise WrongMethod  # HEAD, which is taken for a GET: what looks whether a link is there does not open it
        caller = caller_of(request)
        _check_access(call.access, caller)
        body = await _read(request, call.body)
        origin = origin_of(request, auth.device_cookie.name)
        asked = Asked(
            body,
            caller,
            origin,
            request.query_params,
            request.path_params,
            request.cookies,
            wants_page="text/html" in request.headers.get("accept", ""),
            by_script=_is_script(request),
        )
        answer = await call.handler(auth, asked)
        if call.method != "GET":
            await auth.settled()
        return to_response(answer)

    endpoint.__name__ = call.handler.__name__
    endpoint.__doc__ = call.handler.__doc__
    return endpoint


def _is_script(request: Request) -> bool:
    """Whether JSON is asked for by name, or a page's script asks (Fetch Metadata)."""
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted.lower() or request.headers.get("sec-fetch-mode") in ("cors", "same-origin")


def caller_of(request: Request) -> Caller:
    """Who the gateway says asks."""
    caller = request.scope.get("howdah.caller")
    return caller if isinstance(caller, Caller) else Caller(ANONYMOUS)


def origin_of(request: Request, device_cookie: str = "") -> Origin:
    """Where a request comes from, as the gateway knows it, and which browser says it is by the cookie of this name."""
    client = request.scope.get("client")
    device = request.cookies.get(device_cookie)
    return Origin(
        request_id=request.scope.get("howdah.request_id", ""),
        ip=client[0] if client else None,
        user_agent=request.headers.get("user-agent"),
        device=device if is_opaque(device) else None,
    )


def _check_access(access: Access, caller: Caller) -> None:
    signed_in = caller.credential == "secret" or caller.identity is not None
    if access == "user" and (caller.identity is None or caller.identity.user_id is None):
        raise NotSignedIn
    if access == "admin" and not caller.session.is_admin:
        raise NotAllowed if signed_in else NotSignedIn


def to_response(answer: Answer) -> Response:
    """The answer as HTTP. What it says of an account is nobody else's to keep (R49)."""
    response = Response(
        msgspec.json.encode(answer.body),
        answer.status,
        {"content-type": "application/json; charset=utf-8", "cache-control": "no-store", **dict(answer.headers)},
    )
    for cookie in answer.cookies:
        response.headers.append("set-cookie", cookie)
    return response


# -- what is sent ------------------------------------------------------------------------------------------------------


async def _read(request: Request, struct: type[Body]) -> Body:
    """The arguments of a call. Raises BodyNotJson, BodyTooLarge, InvalidBody."""
    _check_text(request.path_params, 1)
    if request.method == "GET":
        asked = dict(request.query_params)
        _check_text(asked, 1)
        return _convert(asked, struct, strict=False)
    raw = await read_body(request)
    if not raw.strip() and struct is NoBody:
        return struct()
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BodyNotJson
    return _convert(decode(raw), struct, strict=True)


async def read_body(request: Request) -> bytes:
    """The body, whole. Raises BodyTooLarge."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY:
            raise BodyTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


def decode(raw: bytes) -> Any:
    """JSON that can be read in one way only (R67). Raises InvalidBody."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant, parse_float=_float)
        _check_text(value, _MAX_DEPTH)
    except RecursionError:
        raise InvalidBody("The JSON is nested too deeply.") from None
    except UnicodeDecodeError:
        raise InvalidBody("The body is not UTF-8.") from None
    except ValueError:
        raise InvalidBody("The body is not JSON.") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidBody("A key is there twice.")
    return found


def _constant(_: str) -> NoReturn:
    raise InvalidBody("NaN and Infinity are not JSON.")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise InvalidBody("A number is out of range.")
    return value


def _check_text(value: Any, depth: int) -> None:
    """Refuse what Postgres cannot keep: NUL, lone surrogates, numbers of more than 64 bits."""
    if depth < 0:
        raise InvalidBody("The JSON is nested too deeply.")
    match value:
        case str():
            if "\0" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
                raise InvalidBody("A text has characters in it that are none.")
        case bool():
            pass
        case int():
            if not -(2**63) <= value < 2**63:
                raise InvalidBody("A number is out of range.")
        case dict():
            for key, inner in value.items():
                _check_text(key, depth - 1)
                _check_text(inner, depth - 1)
        case list():
            for inner in value:
                _check_text(inner, depth - 1)


def _convert(value: Any, struct: type[Body], *, strict: bool) -> Body:
    try:
        return msgspec.convert(value, struct, strict=strict)
    except msgspec.ValidationError as error:
        message, _, place = str(error).partition(" - at `")
        raise InvalidBody(f"{message}.", path=place.rstrip("`") or "$") from None


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def _answer_error(request: Request, error: Exception) -> Response:
    if isinstance(error, AuthError):
        return problem(request, error)
    if isinstance(error, PostgresError):
        return problem(request, AccountsDown())
    return _answer_bug(request, error)


def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return problem(request, WrongMethod(), dict(error.headers or {}))
    return problem(request, UnknownCall())


def _answer_bug(request: Request, error: Exception) -> Response:
    trace = "".join(traceback.format_exception(error))
    events.emit(AccountsFailed(origin_of(request).request_id, request.url.path, type(error).__name__, trace))
    return problem(request, InternalError())


def problem(request: Request, error: AuthError, headers: Mapping[str, str] | None = None) -> Response:
    """An error as its caller reads it: RFC 9457, with our members beside (R76)."""
    told = error.to_json()
    body = {
        "type": f"urn:howdah:error:{error.code}",
        "title": type(error)().message,
        "status": error.status,
        "detail": error.message,
        **told,
        "request_id": origin_of(request).request_id,
    }
    return Response(
        msgspec.json.encode(body),
        error.status,
        {
            "content-type": "application/problem+json; charset=utf-8",
            "cache-control": "no-store",
            **error.headers,
            **(headers or {}),
        },
    )
