"""All pages: their addresses, and what happens at them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from howdah.auth.errors import AccountsDown, AuthError, StepUpRequired
from howdah.auth.pages import account, codes, entering, mailed, security
from howdah.auth.pages.render import API, ROOT, SCRIPTS, asset, style
from howdah.auth.pages.visit import Handler, Visit, read_form
from howdah.auth.part import Auth
from howdah.postgres.errors import PostgresError

_KEPT: Final = "max-age=31536000, immutable"
_REFUSED: Final = {HTTPStatus.TOO_MANY_REQUESTS: "Wait a moment", HTTPStatus.SERVICE_UNAVAILABLE: "Try again soon"}


@dataclass(frozen=True, slots=True)
class Page:
    """A page at an address below ``/ui``. What is wrong with its form is said on the page of ``show``.

    ``then`` is the section of the account's page that somebody comes back to after a fresh proof.
    """

    path: str
    show: Handler
    send: Handler | None = None
    signed_in: bool = False
    then: str = ""


def _own(path: str, send: Handler, show: Handler = account.show_account, *, then: str = "") -> Page:
    return Page(f"account/{path}", show, send, signed_in=True, then=then)


PAGES: Final = (
    Page("login", entering.show_login, entering.log_in),
    Page("second-factor", entering.show_second_factor, entering.finish),
    Page("signup", entering.show_signup, entering.sign_up),
    Page("logout", entering.show_logout, entering.log_out),
    Page("restricted", entering.show_restricted),
    Page("code", codes.show_code, codes.send_or_use),
    Page("verify-email", mailed.show_verify_email, mailed.verify_email),
    Page("verify-mobile", mailed.show_verify_mobile, mailed.verify_mobile),
    Page("resend", mailed.show_verify_email, mailed.resend),
    Page("reset-password", mailed.show_reset_password, mailed.reset_password),
    Page("set-password", mailed.show_set_password, mailed.set_password),
    Page("account", account.show_account, signed_in=True),
    _own("password", account.change_password),
    _own("email", account.change_email, then="address"),
    _own("mobile", account.change_mobile, then="number"),
    _own("confirm-mobile", account.confirm_mobile, account.show_confirm_mobile),
    _own("end-session", account.end_session),
    _own("end-others", account.end_others, account.show_end_others),
    _own("connect", account.connect, then="connected"),
    _own("passkey", security.add_passkey, then="passkeys"),
    _own("totp", security.begin_totp, then="app"),
    _own("totp-confirm", security.confirm_totp, security.show_totp, then="app"),
    _own("rename-factor", security.rename_factor, security.show_rename_factor),
    _own("remove-factor", security.remove_factor, security.show_remove_factor, then="app"),
    _own("recovery-codes", security.renew_codes, security.show_renew_codes, then="recovery"),
    Page("confirm", security.show_confirm, security.confirm, signed_in=True),
)


def page_routes(auth: Auth) -> tuple[Route, ...]:
    """The pages, where settings have them."""
    if not auth.section.ui:
        return ()

    async def send_style(_: Request) -> Response:
        return Response(style(auth.section.ui_color), headers=_file("text/css"))

    async def send_script(request: Request) -> Response:
        name = request.url.path.rpartition("/")[2]
        return Response(asset(name), headers=_file("text/javascript"))

    async def send_home(_: Request) -> Response:
        return RedirectResponse(f"{ROOT}/account", HTTPStatus.SEE_OTHER)

    files = [Route("/ui/style.css", send_style), *(Route(f"/ui/{name}", send_script) for name in SCRIPTS)]
    homes = [Route("/ui", send_home), Route("/ui/", send_home)]
    pages = [
        Route(f"/ui/{page.path}", _endpoint(auth, page), methods=["GET"] if page.send is None else ["GET", "POST"])
        for page in PAGES
    ]
    return (*files, *homes, *pages)


def _file(kind: str) -> dict[str, str]:
    return {"content-type": f"{kind}; charset=utf-8", "cache-control": _KEPT}


def _endpoint(auth: Auth, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        sends = request.method == "POST"
        visit = Visit(auth, request, await read_form(request) if sends else {})
        if page.signed_in and visit.caller.identity is None:
            back = f"?redirect_url={quote(API + request.url.path.removeprefix(API), safe='')}"
            return visit.go(f"{ROOT}/login{'' if sends else back}")
        try:
            response = await _answer(page, visit, sends=sends)
        except AuthError as error:
            return _refuse(visit, error)
        except PostgresError:
            return _refuse(visit, AccountsDown())
        if sends:
            await auth.settled()
        return response

    return endpoint


async def _answer(page: Page, visit: Visit, *, sends: bool) -> Response:
    """What the page says. Raises AuthError: it cannot be shown at all."""
    if not sends or page.send is None:
        return await page.show(visit)
    visit.check()
    try:
        return await page.send(visit)
    except StepUpRequired:
        return visit.go(f"{ROOT}/confirm?then={page.then}")
    except AuthError as error:
        visit.error = error
    return await page.show(visit)


def _refuse(visit: Visit, error: AuthError) -> Response:
    """A page with nothing but what is wrong: of a link that leads nowhere, or when nothing can be asked."""
    visit.error = error
    visit.wanted = None
    title = _REFUSED.get(HTTPStatus(error.status), "That did not work")
    response = visit.show("message", title)
    response.headers.update(error.headers)
    return response
