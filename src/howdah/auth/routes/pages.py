"""The pages: each form calls what the API calls, and shows what came of it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from howdah.auth import sessions, users
from howdah.auth.errors import AuthError, BodyNotJson, InvalidBody, NotSignedIn, SessionExpired, StepUpRequired
from howdah.auth.http import Answer, Asked, NoBody, caller_of, origin_of, read_body
from howdah.auth.pages.render import API, HEADERS, ROOT, asset, page, style
from howdah.auth.part import Auth
from howdah.auth.qr import qr_data_uri
from howdah.auth.redirects import check_redirect, parse_redirect_targets
from howdah.auth.routes import account, admin, codes, factors, second_factor

Form = Mapping[str, str]
_SEE_OTHER: Final = HTTPStatus.SEE_OTHER
_MAILED: Final = "If the address can be used here, there is a mail in it now. Follow its link to go on."


class Visit:
    """One request to a page: who comes, what a form sent, and the ways to answer."""

    def __init__(self, auth: Auth, request: Request, form: Form) -> None:
        self.auth, self.request, self.form = auth, request, form
        self.caller = caller_of(request)

    @property
    def redirect_url(self) -> str:
        """Where they go in the end: as they wish, where that is allowed, else to their account (R57)."""
        wanted = self.form.get("redirect_url") or self.request.query_params.get("redirect_url")
        if not wanted:
            return f"{ROOT}/account"
        targets = parse_redirect_targets(self.auth.section.redirect_urls, home=self.auth.site.url)
        check_redirect(wanted, targets)
        return wanted

    def asked(self, body: Any) -> Asked[Any]:
        """The same as a call of the API."""
        request = self.request
        origin = origin_of(request, self.auth.device_cookie.name)
        return Asked(body, self.caller, origin, {}, {}, request.cookies)

    def show(
        self, name: str, title: str, *, status: int = 200, cookies: tuple[str, ...] = (), **values: Any
    ) -> Response:
        """A page."""
        html = page(self.auth, name, title, **{"redirect_url": self.redirect_url, "sent": self.sent, **values})
        response = Response(html, status, {"content-type": "text/html; charset=utf-8", **HEADERS})
        return _with_cookies(response, cookies)

    @property
    def sent(self) -> Form:
        """What a form shows again: never a password or a code."""
        return {name: self.form.get(name, "") for name in ("name", "email", "token")}

    def go(self, location: str, cookies: tuple[str, ...] = ()) -> Response:
        """The browser goes somewhere else, without the form."""
        return _with_cookies(RedirectResponse(location, _SEE_OTHER, {"cache-control": "no-store"}), cookies)


def _with_cookies(response: Response, cookies: tuple[str, ...]) -> Response:
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    return response


Handler = Callable[[Visit], Awaitable[Response]]


# -- coming in ---------------------------------------------------------------------------------------------------------


async def show_login(visit: Visit) -> Response:
    """The form to sign in with; whoever is signed in already is sent on."""
    if visit.caller.credential == "cookie":
        return visit.go(visit.redirect_url)
    return visit.show("login", "Log in", ways=_ways(visit.auth))


async def log_in(visit: Visit) -> Response:
    """Signed in, or asked for a second factor, or told what is wrong."""
    kind, data = _credentials(visit.form)
    if visit.form.get("token"):
        kind, data = "email-code", {"token": visit.form["token"]}
    try:
        answer = await account.log_in(visit.auth, visit.asked(account.Credentials(kind, data, "cookie")))
    except AuthError as error:
        return visit.show("login", "Log in", status=error.status, problem=error, ways=_ways(visit.auth))
    return await _signed_in(visit, answer)


async def _signed_in(visit: Visit, answer: Answer) -> Response:
    owed = answer.body.get("second_factor") if isinstance(answer.body, dict) else None
    if owed is not None:
        return visit.show("second-factor", "One thing more", sent={"token": owed["token"]})
    return visit.go(visit.redirect_url, answer.cookies)


async def show_second_factor(visit: Visit) -> Response:
    """The form for a code; what was begun is known by what stands behind ``#``."""
    return visit.show("second-factor", "One thing more")


async def finish(visit: Visit) -> Response:
    """Signed in, with a second factor."""
    code, recovery = visit.form.get("code") or None, visit.form.get("recovery_code") or None
    shown = {"recovery_code": recovery} if recovery else {"code": code}
    try:
        body = second_factor.SecondFactor(token=visit.form.get("token", ""), **shown)
        answer = await second_factor.finish_log_in(visit.auth, visit.asked(body))
    except AuthError as error:
        return visit.show("second-factor", "One thing more", status=error.status, problem=error)
    return visit.go(visit.redirect_url, answer.cookies)


async def show_signup(visit: Visit) -> Response:
    """The form for a new account."""
    return visit.show("signup", "Sign up", **_new(visit.auth))


async def sign_up(visit: Visit) -> Response:
    """A new account, signed in to where nothing has to be verified first."""
    kind, data = _credentials(visit.form)
    try:
        answer = await account.sign_up(visit.auth, visit.asked(account.Credentials(kind, data, "cookie")))
    except AuthError as error:
        return visit.show("signup", "Sign up", status=error.status, problem=error, **_new(visit.auth))
    if not any(cookie.startswith(f"{visit.auth.cookie.name}=") for cookie in answer.cookies):
        return visit.show("message", "Look into your mailbox", cookies=answer.cookies, text=_MAILED, button=None)
    return visit.go(visit.redirect_url, answer.cookies)


async def show_set_password(visit: Visit) -> Response:
    """The form that a link of an administrator's leads to."""
    return visit.show("set-password", "Choose a password", least=visit.auth.section.password_min_length)


async def set_password(visit: Visit) -> Response:
    """The password is chosen; now they can sign in with it."""
    token = visit.form.get("token") or visit.form.get("shown_token") or ""
    body = admin.ChosenPassword(token.strip(), visit.form.get("password", ""))
    try:
        await admin.choose_password(visit.auth, visit.asked(body))
    except AuthError as error:
        least = visit.auth.section.password_min_length
        return visit.show("set-password", "Choose a password", status=error.status, problem=error, least=least)
    return visit.show("login", "Log in", done="Your password is chosen.", ways=_ways(visit.auth))


async def show_verify_email(visit: Visit) -> Response:
    """The form that the link of a mail leads to; opening it alone changes nothing, as scanners of mails open links."""
    return visit.show("verify-email", "Confirm your address")


async def verify_email(visit: Visit) -> Response:
    """The address is theirs, by the link or by the code of the mail."""
    form = visit.form
    if form.get("token"):
        body = codes.Confirmation(token=form["token"])
    else:
        body = codes.Confirmation(email=form.get("email", ""), code=form.get("code", "").strip())
    try:
        answer = await codes.confirm_email(visit.auth, visit.asked(body))
    except AuthError as error:
        return visit.show("verify-email", "Confirm your address", status=error.status, problem=error)
    done = "The address is confirmed."
    return visit.show("login", "Log in", cookies=answer.cookies, done=done, ways=_ways(visit.auth))


async def show_reset_password(visit: Visit) -> Response:
    """The form to ask for a link, or to choose a password with one."""
    return visit.show("reset-password", "Another password", least=visit.auth.section.password_min_length)


async def reset_password(visit: Visit) -> Response:
    """A mail is on its way, whoever asks for it (R8); or the password is chosen."""
    form, least = visit.form, visit.auth.section.password_min_length
    try:
        if form.get("token"):
            body = codes.NewPassword(form["token"], form.get("password", ""))
            answer = await codes.reset_by_link(visit.auth, visit.asked(body))
            done = "Your password is chosen."
            return visit.show("login", "Log in", cookies=answer.cookies, done=done, ways=_ways(visit.auth))
        answer = await codes.forgot_by_email(visit.auth, visit.asked(codes.ToEmail(email=form.get("email", ""))))
    except AuthError as error:
        return visit.show("reset-password", "Another password", status=error.status, problem=error, least=least)
    return visit.show("message", "Look into your mailbox", cookies=answer.cookies, text=_MAILED, button=None)


# -- one's own account -------------------------------------------------------------------------------------------------


async def show_account(visit: Visit) -> Response:
    """Sessions, factors, password."""
    return await _account(visit)


async def _account(visit: Visit, *, status: int = 200, cookies: tuple[str, ...] = (), **values: Any) -> Response:
    auth, asked = visit.auth, visit.asked(NoBody())
    user = await users.find_user(auth.store.pool, asked.user_id)
    if user is None:
        raise SessionExpired
    listed = await sessions.list_sessions(auth.store.pool, user.id, idle=auth.section.session_idle)
    owned = (await factors.list_factors(auth, asked)).body
    given = {
        "user": user,
        "names": [identity.shown for identity in user.identities],
        "sessions": [{**each, "current": each["id"] == asked.session_id} for each in listed],
        "factors": [*owned["totp"], *owned["passkeys"]],
        "codes_left": owned["recovery_codes"],
        "least": auth.section.password_min_length,
        "setup": None,
        "recovery_codes": None,
        **values,
    }
    return visit.show("account", "Your account", status=status, cookies=cookies, **given)


async def change_password(visit: Visit) -> Response:
    """Another password."""
    body = account.PasswordChange(visit.form.get("old_password", ""), visit.form.get("new_password", ""))
    answer = await account.change_password(visit.auth, visit.asked(body))
    return await _account(visit, cookies=answer.cookies, done="Your password is another one. Other sessions are over.")


async def end_session(visit: Visit) -> Response:
    """One session is over."""
    body = account.SessionChoice(_uuid(visit.form.get("session_id", "")))
    await account.end_session(visit.auth, visit.asked(body))
    return await _account(visit, done="That session is over.")


async def begin_totp(visit: Visit) -> Response:
    """The picture and the key of an authenticator app, shown this once."""
    told = (await factors.begin_app(visit.auth, visit.asked(factors.NewApp()))).body
    picture = qr_data_uri(told["uri"], title="QR code for an authenticator app")
    return await _account(visit, setup={"picture": picture, "secret": told["secret"]})


async def confirm_totp(visit: Visit) -> Response:
    """The app counts from now on; the first time there are recovery codes."""
    answer = await factors.confirm_app(visit.auth, visit.asked(factors.FirstCode(visit.form.get("code", ""))))
    codes = answer.body.get("recovery_codes")
    return await _account(visit, cookies=answer.cookies, recovery_codes=codes, done="The app is set up.")


async def remove_factor(visit: Visit) -> Response:
    """One factor less."""
    body = factors.FactorChoice(_uuid(visit.form.get("factor_id", "")))
    answer = await factors.remove_factor(visit.auth, visit.asked(body))
    return await _account(visit, cookies=answer.cookies, done="It is removed.")


async def renew_recovery_codes(visit: Visit) -> Response:
    """New recovery codes, shown this once."""
    answer = await factors.renew_recovery_codes(visit.auth, visit.asked(NoBody()))
    return await _account(visit, recovery_codes=answer.body["recovery_codes"])


async def show_confirm(visit: Visit) -> Response:
    """The form for a fresh proof."""
    owned = (await factors.list_factors(visit.auth, visit.asked(NoBody()))).body
    return visit.show("confirm", "Is it you?", ways={"code": bool(owned["totp"])})


async def confirm(visit: Visit) -> Response:
    """A fresh proof; back to the account."""
    code, password = visit.form.get("code") or None, visit.form.get("password") or None
    try:
        answer = await second_factor.step_up(
            visit.auth, visit.asked(second_factor.StepUp(code=code, password=password))
        )
    except AuthError as error:
        ways = {"code": password is None}
        return visit.show("confirm", "Is it you?", status=error.status, problem=error, ways=ways)
    return visit.go(f"{ROOT}/account", answer.cookies)


async def show_logout(visit: Visit) -> Response:
    """A button: a link alone must not log anybody out."""
    button = {"action": "logout", "text": "Log out"}
    return visit.show("message", "Log out", text="You will be signed in here no longer.", button=button)


async def log_out(visit: Visit) -> Response:
    """The session is over."""
    try:
        answer = await account.log_out(visit.auth, visit.asked(NoBody()))
    except NotSignedIn:
        return visit.go(f"{ROOT}/login")
    return visit.go(f"{ROOT}/login", answer.cookies)


async def show_restricted(visit: Visit) -> Response:
    """What somebody sees who may not go where they wanted."""
    text = "Your account may not see this page. Somebody else's might."
    return visit.show("message", "Not for you", status=403, text=text, button={"action": "logout", "text": "Log out"})


# -- how they are reached ----------------------------------------------------------------------------------------------


def _endpoint(auth: Auth, handler: Handler, *, signed_in: bool) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        visit = Visit(auth, request, await _form(request) if request.method == "POST" else {})
        if signed_in and visit.caller.identity is None:
            back = f"?redirect_url={quote(API + request.url.path.removeprefix(API), safe='')}"
            return visit.go(f"{ROOT}/login{back if request.method == 'GET' else ''}")
        try:
            response = await handler(visit)
        except StepUpRequired:
            return visit.go(f"{ROOT}/confirm")
        except AuthError as error:
            if signed_in:
                return await _account(visit, status=error.status, problem=error)
            raise
        if request.method == "POST":
            await auth.settled()
        return response

    return endpoint


async def _form(request: Request) -> Form:
    """What a form sent. Raises BodyNotJson for what is none, BodyTooLarge, InvalidBody."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise BodyNotJson("A page takes a form, sent as application/x-www-form-urlencoded.")
    try:
        pairs = parse_qsl(
            (await read_body(request)).decode("utf-8"), keep_blank_values=True, strict_parsing=False, max_num_fields=50
        )
    except ValueError:
        raise InvalidBody("The form cannot be read.") from None
    form = dict(pairs)
    if len(form) != len(pairs) or any("\0" in value for value in form.values()):
        raise InvalidBody("The form cannot be read.")
    return form


def _credentials(form: Form) -> tuple[str, dict[str, Any]]:
    """What somebody wrote as their name is an address when there is an ``@`` in it."""
    name, password = form.get("name", ""), form.get("password", "")
    kind = "email" if "@" in name else "username"
    return kind, {kind: name, "password": password}


def _ways(auth: Auth) -> dict[str, Any]:
    labels = [
        label
        for kind, label in (("username", "username"), ("email", "e-mail address"))
        if kind in auth.section.providers
    ]
    return {
        "password": bool(labels),
        "label": " or ".join(labels).capitalize(),
        "issuers": list(auth.oauth),
        "email": "email" in auth.section.providers,
        "email_code": "email-code" in auth.section.providers,
        "signup": auth.section.signup and bool(labels),
    }


def _new(auth: Auth) -> dict[str, Any]:
    return {"ways": _ways(auth), "least": auth.section.password_min_length}


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise InvalidBody("This is no id.") from None


def page_routes(auth: Auth) -> tuple[Route, ...]:
    """The pages, where settings have them."""
    if not auth.section.ui:
        return ()

    async def send_style(_: Request) -> Response:
        return Response(
            style(auth), headers={"content-type": "text/css; charset=utf-8", "cache-control": "max-age=300"}
        )

    async def send_script(_: Request) -> Response:
        kind = "text/javascript; charset=utf-8"
        return Response(asset("page.js"), headers={"content-type": kind, "cache-control": "max-age=300"})

    async def send_home(_: Request) -> Response:
        return RedirectResponse(f"{ROOT}/account", _SEE_OTHER)

    anyone: dict[str, tuple[Handler | None, Handler | None]] = {
        "/ui/login": (show_login, log_in),
        "/ui/signup": (show_signup, sign_up),
        "/ui/second-factor": (show_second_factor, finish),
        "/ui/set-password": (show_set_password, set_password),
        "/ui/verify-email": (show_verify_email, verify_email),
        "/ui/reset-password": (show_reset_password, reset_password),
        "/ui/logout": (show_logout, log_out),
        "/ui/restricted": (show_restricted, None),
    }
    signed_in: dict[str, tuple[Handler | None, Handler | None]] = {
        "/ui/account": (show_account, None),
        "/ui/account/password": (None, change_password),
        "/ui/account/end-session": (None, end_session),
        "/ui/account/totp": (None, begin_totp),
        "/ui/account/totp-confirm": (None, confirm_totp),
        "/ui/account/remove-factor": (None, remove_factor),
        "/ui/account/recovery-codes": (None, renew_recovery_codes),
        "/ui/confirm": (show_confirm, confirm),
    }
    routes = [
        Route("/ui/style.css", send_style),
        Route("/ui/page.js", send_script),
        Route("/ui", send_home),
        Route("/ui/", send_home),
    ]
    for table, inside in ((anyone, False), (signed_in, True)):
        for path, handlers in table.items():
            for method, handler in zip(("GET", "POST"), handlers, strict=True):
                if handler is not None:
                    routes.append(Route(path, _endpoint(auth, handler, signed_in=inside), methods=[method]))
    return tuple(routes)
