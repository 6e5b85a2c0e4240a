"""What accounts write to people: which message goes where, and with what in it.

Mail goes to the address as it is stored, never as a request spells it (R14). Links are made of the configured public
URL, and what is secret in them stands behind the ``#``, which browsers send to nobody (R18).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from urllib.parse import quote

from howdah.auth.identifiers import Identifier
from howdah.auth.one_time import Issued
from howdah.auth.part import Auth, MailValue
from howdah.auth.sessions import Origin
from howdah.auth.users import StoredIdentity, User
from howdah.postgres.connection import Connection

_LONGEST_DEVICE = 120


def page(auth: Auth, name: str, token: str | None = None, *, redirect_url: str | None = None) -> str:
    """The address of a ready page, which leads to ``redirect_url`` in the end; a token travels in the fragment."""
    url = f"{auth.site.url.rstrip('/')}/auth/ui/{name}"
    if redirect_url is not None:
        url += f"?redirect_url={quote(redirect_url, safe='')}"
    return url if token is None else f"{url}#token={token}"


def circumstances(origin: Origin) -> dict[str, MailValue]:
    """From where somebody did what the message is about."""
    found: dict[str, MailValue] = {}
    if origin.ip is not None:
        found["ip"] = origin.ip
    if origin.user_agent is not None:
        found["device"] = "".join(each for each in origin.user_agent[:_LONGEST_DEVICE] if each.isprintable())
    return found


def notice(origin: Origin) -> dict[str, MailValue]:
    """The same, and when: now."""
    return {"when": f"{datetime.now(UTC):%-d %B %Y, %H:%M} UTC", **circumstances(origin)}


def address_in(user: User | None, identifier: Identifier) -> str | None:
    """Where the user's messages go that are asked for under this name, as it is stored; None without a user."""
    if user is None:
        return None
    found = [one for one in user.identities if (one.kind, one.subject) == (identifier.kind, identifier.canonical)]
    return found[0].shown if found else None


async def send_confirmation(
    auth: Auth,
    connection: Connection,
    purpose: Literal["verify", "change"],
    identifier: Identifier,
    to: str | None,
    issued: Issued,
    *,
    redirect_url: str | None = None,
) -> None:
    """A link and a code that show whose the address is; to a number, a code."""
    if identifier.kind == "mobile":
        await _send_text_code(auth, connection, to, issued)
        return
    template = "verify-email" if purpose == "verify" else "change-email"
    lifetime = auth.section.verify_lifetime if purpose == "verify" else auth.section.reset_lifetime
    link = page(auth, "verify-email", issued.token, redirect_url=redirect_url)
    values: dict[str, MailValue] = {"link": link, "code": issued.code, "valid_for": int(lifetime)}
    await auth.send(connection, template=template, to=to, values=values)


async def _send_text_code(auth: Auth, connection: Connection, to: str | None, issued: Issued) -> None:
    values: dict[str, MailValue] = {"code": issued.code, "valid_for": int(auth.section.code_lifetime)}
    await auth.send(connection, template="sms-code", to=to, values=values)


async def send_account_exists(
    auth: Auth, connection: Connection, identifier: Identifier, to: str | None, origin: Origin
) -> None:
    """Whoever has the account is told that somebody tried to sign up with their address or number."""
    if identifier.kind == "mobile":
        await auth.send(connection, template="sms-account-exists", to=to, values={})
        return
    values: dict[str, MailValue] = {"link": page(auth, "login")}
    if origin.ip is not None:
        values["ip"] = origin.ip
    await auth.send(connection, template="account-exists", to=to, values=values)


async def send_sign_in_code(
    auth: Auth,
    connection: Connection,
    identifier: Identifier,
    to: str | None,
    issued: Issued,
    origin: Origin,
    *,
    known: bool,
    by_link: bool,
    redirect_url: str | None = None,
) -> None:
    """A code to sign in or up with, or a link that signs in."""
    valid_for = int(auth.section.code_lifetime)
    values: dict[str, MailValue]
    if identifier.kind == "mobile":
        await _send_text_code(auth, connection, to, issued)
    elif by_link:
        link = page(auth, "login", issued.token, redirect_url=redirect_url)
        values = {"link": link, "valid_for": valid_for, **circumstances(origin)}
        await auth.send(connection, template="login-link", to=to, values=values)
    elif known:
        values = {"code": issued.code, "valid_for": valid_for, **circumstances(origin)}
        await auth.send(connection, template="login-code", to=to, values=values)
    else:
        values = {"code": issued.code, "valid_for": valid_for}
        await auth.send(connection, template="signup-code", to=to, values=values)


async def send_reset(
    auth: Auth,
    connection: Connection,
    identifier: Identifier,
    to: str | None,
    issued: Issued,
    origin: Origin,
    *,
    redirect_url: str | None = None,
) -> None:
    """A link to a new password; to a number, a code."""
    if identifier.kind == "mobile":
        await _send_text_code(auth, connection, to, issued)
        return
    link = page(auth, "reset-password", issued.token, redirect_url=redirect_url)
    values: dict[str, MailValue] = {
        "link": link,
        "valid_for": int(auth.section.reset_lifetime),
        **circumstances(origin),
    }
    await auth.send(connection, template="reset-password", to=to, values=values)


async def notify(
    auth: Auth, connection: Connection, user: User, template: str, origin: Origin, **values: MailValue
) -> None:
    """The owner of an account is told what happened to it (V6.3.7): at a confirmed address; nowhere without one."""
    email = user.identity("email")
    if email is not None and email.verified:
        await auth.send(connection, template=template, to=email.shown, values={**notice(origin), **values})


async def send_password_changed(auth: Auth, connection: Connection, user: User, origin: Origin) -> None:
    """Who can be reached by mail is told that the password is another one."""
    await notify(auth, connection, user, "password-changed", origin, link=page(auth, "reset-password"))


async def send_identity_changed(
    auth: Auth, connection: Connection, before: StoredIdentity, now: str, origin: Origin
) -> None:
    """The address or number before is told that there is another one (R20)."""
    if not before.verified:
        return
    if before.kind == "mobile":
        await auth.send(connection, template="sms-number-changed", to=before.shown, values={})
        return
    local, _, domain = now.rpartition("@")
    values = {**notice(origin), "email": f"{local[:1]}***@{domain}", "link": page(auth, "reset-password")}
    await auth.send(connection, template="email-changed", to=before.shown, values=values)
