"""Settings of one issuer and what is known of it already → everything a sign-in there needs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from urllib.parse import urlencode

from howdah.auth.fetch import may_be_asked
from howdah.auth.proof_errors import ForeignAccountRefused
from howdah.auth.setting_errors import UnusableIssuer
from howdah.observe.secret import Secret
from howdah.project.sections import OAuthSection

Check = Literal["none", "google", "facebook"]
"""How an access token that a client hands in is shown to be meant for us: a token of another app is not."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose accounts people may sign in with. With ``issuer`` it speaks OpenID Connect, and signs who it is."""

    name: str
    client_id: str
    client_secret: Secret | None
    issuer: str | None
    authorize_url: str | None
    token_url: str | None
    userinfo_url: str | None
    emails_url: str | None
    check_url: str | None
    check: Check
    scopes: tuple[str, ...]
    audiences: tuple[str, ...]
    roles: tuple[str, ...]
    fields: Fields


@dataclass(frozen=True, slots=True)
class Fields:
    """Where in what an issuer says of somebody what is; ``trusted_email`` where it verifies every address it tells."""

    subject: str = "sub"
    email: str = "email"
    verified: str | None = "email_verified"
    name: str = "name"
    trusted_email: bool = False


@dataclass(frozen=True, slots=True)
class ForeignAccount:
    """Somebody, as an issuer knows them. ``subject`` is theirs for ever, what else there is may change."""

    subject: str
    email: str | None
    email_verified: bool
    profile: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Preset:
    issuer: str | None = None
    authorize_url: str | None = None
    token_url: str | None = None
    userinfo_url: str | None = None
    emails_url: str | None = None
    check_url: str | None = None
    check: Check = "none"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    fields: Fields = Fields()


_GRAPH: Final = "https://graph.facebook.com"
PRESETS: Final[Mapping[str, _Preset]] = {
    "google": _Preset(
        issuer="https://accounts.google.com",
        check_url="https://oauth2.googleapis.com/tokeninfo",
        check="google",
    ),
    "linkedin": _Preset(issuer="https://www.linkedin.com/oauth"),
    "github": _Preset(
        authorize_url="https://github.com/login/oauth/authorize",
        token_url="https://github.com/login/oauth/access_token",  # noqa: S106 - an address
        userinfo_url="https://api.github.com/user",
        emails_url="https://api.github.com/user/emails",
        scopes=("read:user", "user:email"),
        fields=Fields(subject="id", verified=None),
    ),
    "facebook": _Preset(
        authorize_url="https://www.facebook.com/dialog/oauth",
        token_url=f"{_GRAPH}/oauth/access_token",
        userinfo_url=f"{_GRAPH}/me?fields=id,name,email",
        check_url=f"{_GRAPH}/debug_token",
        check="facebook",
        scopes=("email",),
        fields=Fields(subject="id", verified=None),
    ),
    "oidc": _Preset(),
    "oauth2": _Preset(scopes=()),
}


def read_issuer(section: OAuthSection) -> Issuer:
    """The issuer that settings describe. Raises UnusableIssuer."""
    place = f"auth.oauth.{section.name}"
    kind = section.preset or section.name
    preset = PRESETS.get(kind)
    if preset is None:
        raise UnusableIssuer(f"{place}: nothing is known of {kind!r}.", hint=f"preset = {', '.join(PRESETS)}.")
    found = Issuer(
        name=section.name,
        client_id=section.client_id,
        client_secret=section.client_secret,
        issuer=section.issuer or preset.issuer,
        authorize_url=section.authorize_url or preset.authorize_url,
        token_url=section.token_url or preset.token_url,
        userinfo_url=section.userinfo_url or preset.userinfo_url,
        emails_url=section.emails_url or preset.emails_url,
        check_url=section.check_url or preset.check_url,
        check=preset.check,
        scopes=section.scopes or preset.scopes,
        audiences=(section.client_id, *section.audiences),
        roles=section.roles,
        fields=preset.fields,
    )
    if not found.client_id:
        raise UnusableIssuer(f"{place} has no client_id.")
    if found.issuer is None and None in (found.authorize_url, found.token_url, found.userinfo_url):
        raise UnusableIssuer(f"{place} has neither an issuer nor authorize_url, token_url and userinfo_url.")
    urls = (
        found.issuer,
        found.authorize_url,
        found.token_url,
        found.userinfo_url,
        found.emails_url,
        found.check_url,
    )
    for url in filter(None, urls):
        check_url(url, place)
    return found


def check_url(url: str, place: str) -> None:
    """Return if the URL is https, or http to this very machine. Raises UnusableIssuer."""
    if not may_be_asked(url):
        raise UnusableIssuer(f"{place}: {url} is not an https URL.")


def authorize_url(
    issuer: Issuer, endpoint: str, *, state: str, nonce: str, code_challenge: str, redirect_uri: str
) -> str:
    """Where the browser goes to agree: code flow with PKCE (RFC 9700, section 2.1.1)."""
    query = {
        "response_type": "code",
        "client_id": issuer.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(issuer.scopes),
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
        **({"nonce": nonce} if issuer.issuer is not None else {}),
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def with_address(account: ForeignAccount, listed: Any) -> ForeignAccount:
    """The account with the confirmed address of its list, the primary one first; without one where none is confirmed.

    >>> somebody = ForeignAccount("7", None, False, {})
    >>> with_address(somebody, [{"email": "a@b.c", "primary": True, "verified": True}]).email
    'a@b.c'
    """
    known = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    confirmed = [one for one in known if one.get("verified") is True and isinstance(one.get("email"), str)]
    confirmed.sort(key=lambda one: one.get("primary") is not True)
    found = next((one["email"] for one in confirmed if len(one["email"]) <= 254), None)
    return replace(account, email=found, email_verified=True) if found is not None else account


def read_account(claims: Mapping[str, Any], fields: Fields) -> ForeignAccount:
    """Who it is, out of the claims of an ID token or the page about the user. Raises ForeignAccountRefused."""
    subject = claims.get(fields.subject)
    if isinstance(subject, bool) or not isinstance(subject, str | int) or not str(subject) or len(str(subject)) > 255:
        raise ForeignAccountRefused("The issuer does not say who it is.")
    email = claims.get(fields.email)
    email = email if isinstance(email, str) and len(email) <= 254 else None
    verified = fields.trusted_email or (fields.verified is not None and claims.get(fields.verified) in (True, "true"))
    name = claims.get(fields.name)
    profile = {"name": name} if isinstance(name, str) and len(name) <= 255 else {}
    return ForeignAccount(str(subject), email, bool(email and verified), profile)
