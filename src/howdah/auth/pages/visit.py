"""One request to a page: who comes, what a form sent, and the ways to answer."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from howdah.auth.errors import AuthError, BodyNotJson, InvalidBody
from howdah.auth.http import Asked, NoBody, caller_of, origin_of, read_body
from howdah.auth.one_time import allowed_redirect
from howdah.auth.pages.problems import Problem, problem_of, refusal_of
from howdah.auth.pages.render import ROOT, headers, page
from howdah.auth.part import Auth

Form = Mapping[str, str]
Handler = Callable[["Visit"], Awaitable[Response]]

_SEE_OTHER: Final = HTTPStatus.SEE_OTHER
_SHOWN_AGAIN: Final = ("name", "email", "mobile", "passkey_name")
_MOST_FIELDS: Final = 50


class Visit:
    """One request to a page. ``error`` is what was wrong with the form, ``done`` what came true."""

    def __init__(self, auth: Auth, request: Request, form: Form) -> None:
        self.auth, self.request, self.form = auth, request, form
        self.caller = caller_of(request)
        self.error: AuthError | None = None
        self.done: str | None = None

    @property
    def problem(self) -> Problem | None:
        """What was wrong with the form, or with a sign-in elsewhere that led here, as the page says it."""
        if self.error is not None:
            return problem_of(self.error, self.form)
        return refusal_of(self.refused)

    @property
    def refused(self) -> str:
        """The code of what was wrong with a sign-in elsewhere; empty where nothing was."""
        return self.request.query_params.get("refused", "")

    @cached_property
    def wanted(self) -> str | None:
        """Where they want to be in the end, if they say so. Raises RedirectNotAllowed (R57)."""
        wanted = self.form.get("redirect_url") or self.request.query_params.get("redirect_url")
        if not wanted:
            return None
        allowed = allowed_redirect(self.auth, wanted)
        return wanted if wanted.startswith("/") else allowed  # as it was compared; a path is ours wherever we are

    def check(self) -> None:
        """Before anything is done: they may be where they want to be in the end. Raises RedirectNotAllowed."""
        _ = self.wanted

    @property
    def redirect_url(self) -> str:
        """The same, or their account."""
        return self.wanted or f"{ROOT}/account"

    def asked(self, body: Any = None) -> Asked[Any]:
        """The same as a call of the API."""
        request = self.request
        origin = origin_of(request, self.auth.device_cookie.name)
        return Asked(NoBody() if body is None else body, self.caller, origin, {}, request.path_params, request.cookies)

    def text(self, name: str) -> str:
        """What stands in a field, without the spaces around it."""
        return self.form.get(name, "").strip()

    @property
    def link_token(self) -> str:
        """What a link has in it: as the script found it, or all of the link as somebody pasted it."""
        return (self.text("token") or self.text("link")).rpartition("token=")[2]

    def show(
        self, template: str, title: str, /, *, status: int = 200, cookies: tuple[str, ...] = (), **values: Any
    ) -> Response:
        """A page, with what was wrong or came true."""
        given = {
            "sent": {name: self.form.get(name, "") for name in _SHOWN_AGAIN},  # never a password or a code
            "problem": self.problem,
            "done": self.done,
            "wanted": self.wanted,
            "onward": f"?redirect_url={quote(self.wanted, safe='')}" if self.wanted else "",
            "csrf_token": self._csrf_token(),
            **values,
        }
        if self.error is not None:
            status = self.error.status
        also_to = (self.wanted,) if self.wanted else ()
        fields = headers(self.auth, over_tls=self.request.url.scheme == "https", also_to=also_to)
        return _with_cookies(Response(page(self.auth, template, title, **given), status, fields), cookies)

    def _csrf_token(self) -> str | None:
        """What shows that a form is that of the session's owner, for browsers that say nothing of its page (R53)."""
        identity, tokens = self.caller.identity, self.request.scope.get("howdah.csrf_tokens")
        if tokens is None or identity is None or identity.session_id is None or self.caller.credential != "cookie":
            return None
        return str(tokens.issue(identity.session_id))

    def go(self, location: str, cookies: tuple[str, ...] = ()) -> Response:
        """The browser goes somewhere else, without the form."""
        return _with_cookies(RedirectResponse(location, _SEE_OTHER, {"cache-control": "no-store"}), cookies)

    def go_on(self, name: str, cookies: tuple[str, ...] = (), **query: str) -> Response:
        """The browser goes to another page, which knows where they want to be in the end."""
        asked = {**query, **({"redirect_url": self.wanted} if self.wanted else {})}
        written = "&".join(f"{key}={quote(value, safe='')}" for key, value in asked.items())
        return self.go(f"{ROOT}/{name}{'?' + written if written else ''}", cookies)


def _with_cookies(response: Response, cookies: tuple[str, ...]) -> Response:
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    return response


async def read_form(request: Request) -> Form:
    """What a form sent. Raises BodyNotJson for what is none, BodyTooLarge, InvalidBody."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise BodyNotJson("A page takes a form, sent as application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(
            (await read_body(request)).decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise InvalidBody("The form cannot be read.") from None
    form = dict(pairs)
    if len(form) != len(pairs) or any("\0" in value for value in form.values()):
        raise InvalidBody("The form cannot be read.")
    return form


def id_in(text: str) -> uuid.UUID:
    """The id that a field has in it. Raises InvalidBody."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidBody("This is no id.") from None
