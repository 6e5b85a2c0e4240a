"""What calls answer, as shapes: the OpenAPI document is made of them, and answers are held against it by tests."""

from __future__ import annotations

import uuid
from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

Time = str
"""``2026-05-01T12:00:00Z``."""
Way = Literal["totp", "passkey", "recovery"]


class Shape(Struct, forbid_unknown_fields=True):
    """An answer has these members and no others."""


class Done(Shape):
    """It is done."""

    message: Literal["success"]


class Named(Shape):
    """What an account is found by, as far as it has it."""

    username: str | UnsetType = UNSET
    email: str | UnsetType = UNSET
    mobile: str | UnsetType = UNSET


class User(Named, kw_only=True):
    """A user; ``auth_token`` is the session's bearer token, where the client wanted one in the answer."""

    auth_token: str | None
    hasura_id: int
    hasura_roles: list[str]


class UserWithTokens(User, kw_only=True):
    """A user who has just signed in, with a pair of tokens."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class PendingUser(Named, kw_only=True):
    """Somebody who signed up, and has to show that the address or number is theirs: the same whoever has it (R8)."""

    auth_token: None
    hasura_id: None
    hasura_roles: list[str]


class OwedFactor(Shape):
    """The token that finishes the sign-in, by which factors, within how many seconds."""

    token: str
    factors: list[Way]
    expires_in: int


class SecondFactorOwed(Shape):
    """A sign-in that takes a second factor to finish."""

    auth_token: None
    second_factor: OwedFactor


class ShownSession(Shape):
    """The session that asks. ``expires_at`` is in seconds since 1970; an identity of elsewhere has no ``id``."""

    id: str | None
    role: str
    level: int
    expires_at: float | None


class UserInfo(User, kw_only=True):
    """The user who asks, and by which session."""

    session: ShownSession


class Tokens(Shape):
    """A pair of tokens (RFC 6749, section 5.1). Times are in seconds."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    refresh_expires_in: int


class Renewed(Shape):
    """It is done, and the session is shown by something new: a cookie, this token, or these tokens."""

    message: Literal["success"]
    auth_token: str | UnsetType = UNSET
    access_token: str | UnsetType = UNSET
    token_type: Literal["Bearer"] | UnsetType = UNSET
    expires_in: int | UnsetType = UNSET
    refresh_token: str | UnsetType = UNSET
    refresh_expires_in: int | UnsetType = UNSET


class FactorAdded(Renewed, kw_only=True):
    """The same; with the first factor there are recovery codes, which are shown this once."""

    recovery_codes: list[str] | UnsetType = UNSET


class Ended(Shape):
    """How many sessions are over."""

    message: Literal["success"]
    ended: int


class ListedSession(Shape):
    """One of somebody's sessions; ``current`` is the one that asks."""

    id: uuid.UUID
    level: int
    methods: list[str]
    user_agent: str | None
    ip: str | None
    kind: Literal["cookie", "token"]
    created: Time
    seen: Time
    expires: Time
    current: bool


class Sessions(Shape):
    """The sessions of the user who asks."""

    sessions: list[ListedSession]


class ListedFactor(Shape):
    """An authenticator app or a passkey."""

    id: uuid.UUID
    name: str
    created: Time
    used: Time | None


class Factors(Shape):
    """Somebody's second factors, and how many recovery codes are left."""

    totp: list[ListedFactor]
    passkeys: list[ListedFactor]
    recovery_codes: int


class BegunApp(Shape):
    """What an authenticator app is set up with, shown this once; ``qr`` is a picture of ``uri``, in SVG."""

    secret: str
    uri: str
    qr: str
    expires_in: int


class RecoveryCodes(Shape):
    """New recovery codes, shown this once."""

    recovery_codes: list[str]


class PasskeyOptions(Shape):
    """What a browser's ``navigator.credentials`` is asked for, as JSON (WebAuthn Level 3, section 5.1)."""

    publicKey: dict[str, Any]  # noqa: N815 - the standard's name


class Ways(Shape):
    """The ways to sign in here: those that are built in, issuers of accounts, services of the project's own."""

    providers: list[str]
    oauth: list[str]
    custom: list[str]


class Elsewhere(Shape):
    """Where the browser is to go."""

    location: str


class KeySet(Struct):
    """A JSON Web Key Set (RFC 7517)."""

    keys: list[dict[str, Any]]


class OpenApi(Struct):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]


class IssuerDescription(Struct):
    """What verifiers read (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    jwks_uri: str
    token_endpoint: str
    revocation_endpoint: str
    grant_types_supported: list[str]


# -- for administrators ------------------------------------------------------------------------------------------------


class AdministeredUser(User, kw_only=True):
    """A user, as administrators see them."""

    created: Time
    last_login: Time | None
    is_active: bool
    extra_info: dict[str, Any]
    variables: dict[str, str] | UnsetType = UNSET


class Users(Shape):
    """A page of users; ``after`` begins the next one."""

    users: list[AdministeredUser]
    after: int | None


class DeletedUser(Shape):
    """For each way to be found, whether there was something to delete."""

    details: dict[str, Literal["deleted", "not-found"]]
    message: Literal["success"]


class CreatedSession(Shape):
    """A session that an administrator asked for."""

    hasura_id: int
    session_id: uuid.UUID
    auth_token: str


class PasswordLink(Shape):
    """A link by which a user chooses a password, and for how many seconds it is good."""

    hasura_id: int
    link: str
    valid_for: int


class FactorsReset(Shape):
    """How many factors of each kind there were."""

    message: Literal["success"]
    removed: dict[str, int]


class AuditedEvent(Shape):
    """Something that happened to an account."""

    id: int
    at: Time
    event: str
    user_id: int | None
    actor: str
    session_id: uuid.UUID | None
    ip: str | None
    request_id: str | None
    detail: dict[str, Any]


class Events(Shape):
    """What happened, the latest first."""

    events: list[AuditedEvent]


class MadeServiceToken(Shape):
    """A new service token, shown this once."""

    id: uuid.UUID
    name: str
    token: str


class ListedServiceToken(Shape):
    """A service token, without what shows it."""

    id: uuid.UUID
    name: str
    roles: list[str]
    variables: dict[str, str]
    scopes: list[str] | None
    created_by: int | None
    created: Time
    used: Time | None
    expires: Time | None
    revoked: Time | None


class ServiceTokens(Shape):
    """Every service token there is or was."""

    service_tokens: list[ListedServiceToken]


class Problem(Struct):
    """What went wrong (RFC 9457): ``code`` is what programs look at, ``message`` what people read."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    message: str
    request_id: str
    path: str | UnsetType = UNSET
    hint: str | UnsetType = UNSET
    ways: list[str] | UnsetType = UNSET
    answered: int | UnsetType = UNSET
    answer: Any | UnsetType = UNSET
