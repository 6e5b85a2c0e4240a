"""The project's settings as frozen values, one section per part, and what may be written for each of them.

A part receives its own section and never the whole. The kind, text and bounds in each field's annotation are what the
loader checks against and what docs/configuration.md is written from; the annotations are therefore read at run time.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from howdah.observe.secret import Secret

Kind = Literal[
    "text",
    "integer",
    "number",
    "boolean",
    "size",
    "secret",
    "secrets",
    "command",
    "texts",
    "environment",
    "hosts",
    "url",
    "redirect",
    "proxies",
    "roles",
    "cors",
    "routes",
    "parts",
    "claims",
]

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

LOG_LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class Setting:
    """What may be written for a key, and what it is for."""

    kind: Kind
    doc: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()


Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Cors:
    """Pages of which origins may call: of these and, with ``own``, of our hosts; or of all; or as a service says."""

    mode: Literal["origins", "allow_all", "upstream"] = "origins"
    origins: tuple[str, ...] = ()
    own: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may pass at an address, from where, and how much of it. What is None is as ``[gateway]`` says."""

    restrict_to_roles: Annotated[
        tuple[str, ...],
        Setting("roles", "Who may pass: callers who have any of these roles, whichever they act in. All when empty."),
    ] = ()
    allow_anonymous: Annotated[
        bool, Setting("boolean", "Whether callers who are not signed in may pass, where no roles are asked for.")
    ] = True
    no_session_redirect_url: Annotated[
        str | None,
        Setting(
            "redirect",
            "Where a browser is sent that has to sign in first, with `?redirect_url=` and where it wanted to go. "
            "Everybody else is answered 401.",
        ),
    ] = None
    no_access_redirect_url: Annotated[
        str | None,
        Setting(
            "redirect",
            "Where a browser is sent whose caller has none of the roles, in the same way. Everybody else is answered "
            "403.",
        ),
    ] = None
    cors: Annotated[
        Cors | None,
        Setting(
            "cors",
            'Pages of which other origins may call: exact origins, among them `"own_subdomains"` for our own; or '
            '`"allow_all"` (without cookies), or `"upstream"`, which leaves it to the service. As `gateway.cors` says.',
        ),
    ] = None
    max_body: Annotated[
        int | None, Setting("size", "Bytes in a request. As `gateway.max_body` says when left out.", minimum=KIB)
    ] = None
    timeout: Annotated[
        float | None,
        Setting(
            "number",
            "Seconds to wait for the next byte of the answer. As `gateway.upstream_timeout` says when left out.",
            minimum=0.1,
            maximum=86400.0,
        ),
    ] = None
    websockets: Annotated[bool, Setting("boolean", "Whether WebSockets may be opened here.")] = True


@dataclass(frozen=True, slots=True)
class Route:
    """An address: requests at or below ``path`` of the subdomain (None is the domain itself), or of another host."""

    subdomain: str | None
    path: str
    strip_prefix: bool = False
    host: str | None = None
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class PartPolicy:
    """Who may call a part, and where it can be reached besides its own addresses."""

    policy: Policy = Policy()
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerSection:
    """Where howdah listens."""

    host: Annotated[
        str, Setting("text", "The address to listen on. `0.0.0.0` is every network this machine is on.")
    ] = "127.0.0.1"
    port: Annotated[
        int, Setting("integer", "The one public port. `0` takes any free one.", minimum=0, maximum=65535)
    ] = 8080
    domain: Annotated[str, Setting("text", "The domain whose subdomains are parts and services: `app.<domain>`.")] = (
        "localhost"
    )
    domains: Annotated[
        tuple[str, ...], Setting("hosts", "More domains under which the same is served, subdomains and all.")
    ] = ()
    public_url: Annotated[
        str | None,
        Setting(
            "url",
            "Where the domain is reached from outside, as `https://example.com`: links are made of it, never of what "
            "a client says. `http://<domain>:<port>` when left out.",
        ),
    ] = None
    workers: Annotated[
        int, Setting("integer", "Platform processes that `howdah serve` runs.", minimum=1, maximum=256)
    ] = 1


@dataclass(frozen=True, slots=True)
class DatabaseSection:
    """Which Postgres, and how much of it."""

    url: Annotated[
        Secret | None,
        Setting(
            "secret",
            "Where Postgres is, as `postgresql://user:password@host/name`. Without it, `howdah dev` brings its own. "
            "Better set as `DATABASE_URL` than written in a file.",
        ),
    ] = None
    pool_size: Annotated[int, Setting("integer", "Connections that read.", minimum=1, maximum=1000)] = 8
    write_pool_size: Annotated[int, Setting("integer", "Connections that write.", minimum=1, maximum=1000)] = 24
    connect_timeout: Annotated[
        float, Setting("number", "Seconds to wait for a connection.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    statement_timeout: Annotated[
        float, Setting("number", "Seconds a statement may take before Postgres ends it.", minimum=0.1, maximum=86400.0)
    ] = 30.0
    lock_timeout: Annotated[
        float, Setting("number", "Seconds a statement may wait for a lock.", minimum=0.1, maximum=86400.0)
    ] = 10.0


@dataclass(frozen=True, slots=True)
class DataSection:
    """How much one request of the Data API may ask for."""

    max_depth: Annotated[int, Setting("integer", "Levels of JSON in a request.", minimum=4, maximum=500)] = 64
    max_nodes: Annotated[int, Setting("integer", "Conditions, columns and operations in a request.", minimum=10)] = 2000
    max_list: Annotated[
        int, Setting("integer", "Elements in one list: rows to insert, values of `$in`.", minimum=1)
    ] = 10_000
    max_nesting: Annotated[int, Setting("integer", "Relationships within relationships.", minimum=0, maximum=100)] = 12
    max_body: Annotated[int, Setting("size", "Bytes in a request.", minimum=KIB)] = 1 * MIB
    stringify_numerics: Annotated[
        bool,
        Setting("boolean", "Answer `bigint`, `numeric`, `real` and `double precision` as strings, digit for digit."),
    ] = False


@dataclass(frozen=True, slots=True)
class GatewaySection:
    """What the gateway lets in, and how long it waits for a service."""

    anonymous_user_id: Annotated[
        str | None,
        Setting("text", "The `X-Hasura-User-Id` of callers who are not signed in. Without it they have none."),
    ] = None
    upstream_timeout: Annotated[
        float,
        Setting("number", "Seconds to wait for the next byte of a service's answer.", minimum=0.1, maximum=86400.0),
    ] = 60.0
    connect_timeout: Annotated[
        float, Setting("number", "Seconds to wait for a connection to a service.", minimum=0.1, maximum=3600.0)
    ] = 5.0
    max_body: Annotated[int, Setting("size", "Bytes in a request to a service.", minimum=KIB)] = 20 * MIB
    max_header: Annotated[int, Setting("size", "Bytes in a request's head.", minimum=KIB, maximum=MIB)] = 16 * KIB
    max_fields: Annotated[int, Setting("integer", "Fields in a request's head.", minimum=10, maximum=10_000)] = 100
    header_timeout: Annotated[
        float, Setting("number", "Seconds a client has to send a request's head.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    idle_timeout: Annotated[
        float, Setting("number", "Seconds a connection may stay open without a request.", minimum=0.1, maximum=86400.0)
    ] = 60.0
    body_rate: Annotated[
        int,
        Setting(
            "size", "Bytes per second at which a body must arrive, on the average of ten. `0` asks for none.", minimum=0
        ),
    ] = 240
    max_connections: Annotated[
        int, Setting("integer", "Connections of clients to one platform process.", minimum=1)
    ] = 10_000
    max_connections_per_address: Annotated[
        int,
        Setting("integer", "Of these, from one address. Those of `trusted_proxies` are not counted.", minimum=1),
    ] = 500
    breaker_failures: Annotated[
        int,
        Setting(
            "integer",
            "A service that did not answer so many times in a row is not asked for a while. `0`: it always is.",
            minimum=0,
        ),
    ] = 5
    breaker_seconds: Annotated[
        float, Setting("number", "How long that is, before one request finds out.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    server_timing: Annotated[
        bool,
        Setting(
            "boolean",
            "Tell in `Server-Timing` how long a request waited in the gateway, and how long for the service's answer.",
        ),
    ] = False
    websocket_idle_timeout: Annotated[
        float,
        Setting("number", "Seconds a WebSocket may be silent in both directions.", minimum=0.1, maximum=86400.0),
    ] = 600.0
    trusted_proxies: Annotated[
        int | tuple[Network, ...],
        Setting(
            "proxies",
            "The proxies in front whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: how many there are, or "
            'their addresses, as `["10.0.0.0/8"]`. `0` believes nobody.',
        ),
    ] = 0
    cors: Annotated[
        Cors,
        Setting(
            "cors",
            "Pages of which other origins may call, where a route does not say it: a list of exact origins, among them "
            '`"own_subdomains"` for our own; or `"allow_all"` (without cookies), or `"upstream"`.',
        ),
    ] = Cors()
    hsts_max_age: Annotated[
        int,
        Setting("integer", "Seconds browsers insist on TLS once they have seen it. `0` says nothing.", minimum=0),
    ] = 365 * 86400
    hsts_subdomains: Annotated[
        bool, Setting("boolean", "They insist on it for all subdomains too, those that are not ours included.")
    ] = False
    parts: Annotated[
        Mapping[str, PartPolicy],
        Setting(
            "parts",
            "Who may call a part: `[gateway.parts.data]` with the keys of a route's policy, and `routes` for more "
            "addresses of the part.",
        ),
    ] = field(default_factory=dict)


MINUTE = 60.0
HOUR = 60 * MINUTE
DAY = 24 * HOUR

PROVIDERS = ("username", "email", "email-code", "mobile", "mobile-password")


OAUTH_PRESETS = ("google", "github", "facebook", "linkedin", "oidc", "oauth2")


@dataclass(frozen=True, slots=True)
class OAuthSection:
    """One place whose accounts people may sign in with; its name is the provider's."""

    name: str
    preset: Annotated[
        str | None,
        Setting(
            "text",
            "What is known of it already. The section's own name when that is one of them; `oidc` needs `issuer`, "
            "`oauth2` the three URLs.",
            choices=OAUTH_PRESETS,
        ),
    ] = None
    client_id: Annotated[str, Setting("text", "What it calls this project.")] = ""
    client_secret: Annotated[
        Secret | None,
        Setting("secret", "What it knows this project by. Better set by `howdah secret` than written here."),
    ] = None
    issuer: Annotated[str | None, Setting("text", "OpenID Connect: where its configuration is found.")] = None
    authorize_url: Annotated[str | None, Setting("text", "Where people are sent to agree.")] = None
    token_url: Annotated[str | None, Setting("text", "Where a code is changed for a token.")] = None
    userinfo_url: Annotated[str | None, Setting("text", "Where a token is changed for who it is.")] = None
    check_url: Annotated[
        str | None, Setting("text", "Where an access token says for whom it was made (`google`, `facebook`).")
    ] = None
    scopes: Annotated[tuple[str, ...], Setting("texts", "What is asked for, instead of the preset's.")] = ()
    audiences: Annotated[
        tuple[str, ...], Setting("texts", "Other client ids whose ID tokens are taken, such as those of apps.")
    ] = ()
    roles: Annotated[
        tuple[str, ...], Setting("texts", "The roles of new accounts, instead of `auth.default_roles`.")
    ] = ()


@dataclass(frozen=True, slots=True)
class HooksSection:
    """One way to sign in that a service of yours answers for: its name is the provider's."""

    name: str
    signup: Annotated[str, Setting("text", "URL that is sent `data` and answers who it is, for a new account.")] = ""
    login: Annotated[str, Setting("text", "URL that is sent `data` and answers who it is.")] = ""
    secret: Annotated[
        Secret | None, Setting("secret", "What the request is signed with: `X-Howdah-Signature`, an HMAC of the body.")
    ] = None
    roles: Annotated[
        tuple[str, ...], Setting("texts", "The roles of new accounts, instead of `auth.default_roles`.")
    ] = ()


@dataclass(frozen=True, slots=True)
class IssuerSection:
    """Somebody else whose signed tokens (JWT) are believed as they are, without an account: [tokens.md](tokens.md)."""

    name: str
    issuer: Annotated[str, Setting("text", "The `iss` of its tokens, letter by letter. Required.")] = ""
    audience: Annotated[
        tuple[str, ...], Setting("texts", "What means us in `aud`: a token for none of these is refused. Required.")
    ] = ()
    jwks_url: Annotated[
        str | None, Setting("text", "Where its key set is (https). It is kept, and read again when it is old.")
    ] = None
    key_file: Annotated[
        str | None, Setting("text", "Its public key (PEM) or key set (JSON) as a file, from the project's folder.")
    ] = None
    secret: Annotated[
        Secret | None,
        Setting(
            "secret", "The secret it shares with us, for `HS256`: 32 characters or more. Better set by `howdah secret`."
        ),
    ] = None
    algorithms: Annotated[
        tuple[str, ...], Setting("texts", "Which algorithms are allowed. Without it, all that suit the keys.")
    ] = ()
    role: Annotated[
        str | None,
        Setting("text", "The claim that holds the role: its name, or a JSON Pointer (`/realm_access/role`)."),
    ] = None
    allowed_roles: Annotated[
        str | None,
        Setting("text", "The claim that lists the roles a request may choose. The role alone when left out."),
    ] = None
    default_role: Annotated[str | None, Setting("text", "The role of tokens that say none.")] = None
    user_id: Annotated[str, Setting("text", "The claim that becomes `x-hasura-user-id`.")] = "sub"
    variables: Annotated[
        Mapping[str, str],
        Setting("claims", 'More variables and their claims: `{ x-hasura-org-id = "org" }`.'),
    ] = field(default_factory=dict)
    namespace: Annotated[
        str | None,
        Setting(
            "text",
            "The claim with roles and variables as Hasura names them. `https://hasura.io/jwt/claims` where neither "
            "`role` nor `default_role` is given.",
        ),
    ] = None
    admin: Annotated[
        bool, Setting("boolean", "Whether its tokens may say the role `admin`, to which no permission applies.")
    ] = False
    leeway: Annotated[
        float, Setting("number", "Seconds its clock may differ from ours.", minimum=0.0, maximum=300.0)
    ] = 30.0


@dataclass(frozen=True, slots=True)
class AuthSection:
    """Accounts: who may have one, and how long a session lasts."""

    enabled: Annotated[bool, Setting("boolean", "Whether there are accounts. They also need a secret key.")] = True
    signup: Annotated[
        bool, Setting("boolean", "Whether people may make accounts for themselves. The admin always can, for others.")
    ] = True
    providers: Annotated[
        tuple[str, ...],
        Setting(
            "texts",
            "How people may sign in: `username`, `email`, `email-code`, `mobile` (by code), `mobile-password`, "
            "`passkey`.",
        ),
    ] = ("username", "email", "passkey")
    default_roles: Annotated[
        tuple[str, ...],
        Setting("texts", "The roles of a new account. The first is the one it has unless a request asks for another."),
    ] = ("user",)
    password_min_length: Annotated[
        int,
        Setting("integer", "Characters of a password that is the only factor.", minimum=8, maximum=64),
    ] = 15
    password_min_length_with_factor: Annotated[
        int,
        Setting("integer", "Characters of a password where the account has a second factor.", minimum=8, maximum=64),
    ] = 8
    session_lifetime: Annotated[
        float, Setting("number", "Seconds after which a session is over in any case.", minimum=60.0, maximum=365 * DAY)
    ] = 21 * DAY
    session_idle: Annotated[
        float,
        Setting("number", "Seconds without a request after which a session is over.", minimum=60.0, maximum=365 * DAY),
    ] = 14 * DAY
    access_token_lifetime: Annotated[
        float,
        Setting("number", 'Seconds an access token is good for (`"session": "tokens"`).', minimum=300.0, maximum=900.0),
    ] = 600.0
    refresh_grace: Annotated[
        float,
        Setting(
            "number",
            "Seconds in which a refresh token that was just used gets the same successor again: for two tabs, or an "
            "answer that was lost. Later, its session is over.",
            minimum=0.0,
            maximum=60.0,
        ),
    ] = 10.0
    token_algorithm: Annotated[
        Literal["EdDSA", "ES256"],
        Setting("text", "What new signing keys sign access tokens with.", choices=("EdDSA", "ES256")),
    ] = "EdDSA"  # noqa: S105 - an algorithm
    cookie_name: Annotated[
        str,
        Setting(
            "text", "The cookie of a session. Behind https it is called `__Host-<name>`, which no other host can set."
        ),
    ] = "howdah-session"
    cookie_domain: Annotated[
        str | None,
        Setting(
            "text",
            "Share the cookie with every subdomain of this one. Then each of them can set it too, so leave this out "
            "where not all are yours.",
        ),
    ] = None
    ui: Annotated[bool, Setting("boolean", "Whether there are ready pages at `/auth/ui/`.")] = True
    ui_color: Annotated[str, Setting("text", "The colour of their buttons, as `#rrggbb`.")] = "#2f5d8a"
    ui_logo: Annotated[
        str | None,
        Setting("text", "The picture on top of them, instead of the project's name: an https URL or a path."),
    ] = None
    redirect_urls: Annotated[
        tuple[str, ...],
        Setting(
            "texts",
            "Where browsers may be sent after signing in, beside pages of our own: URLs, exactly, or `https://host/*`.",
        ),
    ] = ()
    pre_signup_hook: Annotated[
        str | None,
        Setting(
            "text",
            "URL that is sent `{provider, data}` before an account is made, without passwords. 2xx goes on, with "
            '`{"roles": […]}` to add; anything else is what the client is told.',
        ),
    ] = None
    pre_login_hook: Annotated[str | None, Setting("text", "The same before somebody signs in.")] = None
    hook_secret: Annotated[
        Secret | None, Setting("secret", "What both are signed with: `X-Howdah-Signature`, an HMAC of the body.")
    ] = None
    hook_timeout: Annotated[
        float, Setting("number", "Seconds that hooks and other issuers have to answer.", minimum=0.1, maximum=60.0)
    ] = 5.0
    login_tries: Annotated[
        int,
        Setting("integer", "Wrong passwords in a row, at one account from one network, before it waits.", minimum=1),
    ] = 5
    login_tries_per_address: Annotated[
        int,
        Setting("integer", "Wrong passwords in a quarter of an hour from one network, at all accounts.", minimum=1),
    ] = 50
    login_tries_per_account: Annotated[
        int,
        Setting(
            "integer",
            "Wrong passwords in a row at one account, from everywhere: then only known devices get in, until a new "
            "password is set by mail.",
            minimum=10,
            maximum=100,
        ),
    ] = 100
    codes_per_identity: Annotated[
        int, Setting("integer", "Messages with a code or link in an hour, to one address or number.", minimum=1)
    ] = 5
    codes_per_address: Annotated[
        int, Setting("integer", "The same, asked for from one network, to all addresses and numbers.", minimum=1)
    ] = 30
    signups_per_address: Annotated[int, Setting("integer", "New accounts in an hour from one network.", minimum=1)] = 20
    code_lifetime: Annotated[
        float,
        Setting(
            "number", "Seconds that a code to type in, or a link to sign in with, is good.", minimum=60.0, maximum=600.0
        ),
    ] = 10 * MINUTE
    code_digits: Annotated[int, Setting("integer", "Digits of a code.", minimum=6, maximum=12)] = 6
    verify_lifetime: Annotated[
        float,
        Setting("number", "Seconds that the link of a confirmation mail is good.", minimum=300.0, maximum=30 * DAY),
    ] = 7 * DAY
    reset_lifetime: Annotated[
        float,
        Setting("number", "Seconds that the link to a new password is good.", minimum=300.0, maximum=7 * DAY),
    ] = HOUR
    codes_need_flow: Annotated[
        bool,
        Setting(
            "boolean",
            "A code or sign-in link works only for who asked for it, shown by a cookie or `flow`. Older clients that "
            "keep no cookies need `false`.",
        ),
    ] = True
    sms_per_day: Annotated[int, Setting("integer", "Text messages in a day, in all.", minimum=1)] = 1000
    sms_per_prefix_per_day: Annotated[
        int,
        Setting(
            "integer",
            "Text messages in a day to numbers that differ in their last four digits alone: whoever earns by messages "
            "rents such blocks.",
            minimum=1,
        ),
    ] = 30
    sms_per_number_per_day: Annotated[int, Setting("integer", "Text messages in a day to one number.", minimum=1)] = 10
    sms_country_codes: Annotated[
        tuple[str, ...],
        Setting("texts", 'Only numbers of these countries get text messages, as `["49", "91"]`. Empty: all.'),
    ] = ()
    totp_window: Annotated[
        int,
        Setting(
            "integer", "Half minutes before and after this one whose code of an app is taken too.", minimum=0, maximum=1
        ),
    ] = 1
    step_up_seconds: Annotated[
        float,
        Setting(
            "number",
            "Seconds for which a factor that was shown allows what is sensitive: other factors, another address.",
            minimum=60.0,
            maximum=DAY,
        ),
    ] = 10 * MINUTE
    passkey_domain: Annotated[
        str | None,
        Setting(
            "text",
            "The domain that passkeys are bound to: the host of `server.public_url`, or one it is below, which all of "
            "its subdomains then share. Those that exist are lost when it changes.",
        ),
    ] = None
    passkey_origins: Annotated[
        tuple[str, ...],
        Setting("texts", "Origins of other pages of yours that ask for passkeys: `https://app.shop.example`."),
    ] = ()
    pool_size: Annotated[int, Setting("integer", "Connections that accounts use.", minimum=1, maximum=1000)] = 4
    oauth: tuple[OAuthSection, ...] = ()
    custom: tuple[HooksSection, ...] = ()
    issuers: tuple[IssuerSection, ...] = ()


@dataclass(frozen=True, slots=True)
class MailSection:
    """How mails and text messages leave: docs/mail.md has an example of each."""

    url: Annotated[
        Secret | None,
        Setting(
            "secret",
            "Who takes mails: `smtp://user:password@host:587`, `smtps://…`, `file:FOLDER`, `console:`, "
            "`mailbox:FOLDER`. Without it, `howdah dev` puts them into the mailbox, and `howdah serve` sends none.",
        ),
    ] = None
    sms_url: Annotated[
        Secret | None,
        Setting(
            "secret",
            "Who takes text messages: `twilio://account:token@default?from=+1…`, `msg91://authkey@default?sender=…`, "
            "`https://…`, or one of the three local ones above.",
        ),
    ] = None
    sender: Annotated[
        str | None, Setting("text", "Whom mails are from: `Shop <no-reply@shop.example>`. SMTP needs it.")
    ] = None
    reply_to: Annotated[str | None, Setting("text", "Where answers go, if not to the sender.")] = None
    timeout: Annotated[
        float, Setting("number", "Seconds a provider has to take one message.", minimum=0.1, maximum=600.0)
    ] = 20.0
    keep_days: Annotated[
        int, Setting("integer", "Days that `howdah mail list` knows what was sent or failed.", minimum=0, maximum=3650)
    ] = 7
    sms_method: Annotated[
        str, Setting("text", 'For `sms_url = "https://…"`: the method.', choices=("POST", "PUT", "GET"))
    ] = "POST"
    sms_headers: Annotated[
        tuple[Secret, ...], Setting("secrets", 'The same: header fields, as `["Authorization: Bearer …"]`.')
    ] = ()
    sms_body: Annotated[
        str, Setting("text", "The same: the body, with `{{ to }}` and `{{ text }}`. JSON needs `| tojson`.")
    ] = '{"to": {{ to | tojson }}, "text": {{ text | tojson }}}'


@dataclass(frozen=True, slots=True)
class LogsSection:
    """What is written to `.howdah/logs`."""

    level: Annotated[str, Setting("text", "The least level that is written.", choices=LOG_LEVELS)] = "info"
    max_size: Annotated[int, Setting("size", "Bytes in one log file before the next is begun.", minimum=4 * KIB)] = (
        10 * MIB
    )
    keep: Annotated[
        int, Setting("integer", "Older log files that are kept for each service.", minimum=0, maximum=1000)
    ] = 5


@dataclass(frozen=True, slots=True)
class Ready:
    """How a started service shows that it can be used."""

    kind: Literal["http", "tcp", "exec"] = "tcp"
    path: Annotated[str, Setting("text", "Ready when a GET of this path answers below 500.")] = ""
    command: Annotated[tuple[str, ...], Setting("command", "Ready when this command ends with 0.")] = ()
    timeout: Annotated[
        float, Setting("number", "Seconds a service may take to become ready.", minimum=0.1, maximum=3600.0)
    ] = 30.0


@dataclass(frozen=True, slots=True)
class ServiceSection:
    """A process of the user's: how it is started, which requests it gets."""

    name: str
    folder: Annotated[Path, Setting("text", "Its folder, from the project's. `services/<name>` when left out.")] = (
        Path()
    )
    command: Annotated[
        tuple[str, ...],
        Setting(
            "command",
            "What `howdah dev` runs there, as one text or a list of words. `$PORT` and `$HOST` become the address to "
            "listen on.",
        ),
    ] = ()
    url: Annotated[
        str | None, Setting("text", "Where the service already runs, for `howdah serve`: `http://host:port`.")
    ] = None
    watch: Annotated[
        tuple[str, ...],
        Setting("texts", "Folders and files, from the service's folder, whose changes restart it. `[]` is none."),
    ] = (".",)
    routes: Annotated[
        tuple[Route, ...],
        Setting(
            "routes",
            "The requests it gets: a list of paths, or of tables with `subdomain` or `host`, `path`, `strip_prefix` "
            "and a policy (below). The subdomain of its own name when left out.",
        ),
    ] = ()
    stop_timeout: Annotated[
        float, Setting("number", "Seconds it has to end by itself before it is killed.", minimum=0.1, maximum=3600.0)
    ] = 10.0
    environment: Annotated[
        Mapping[str, str], Setting("environment", "Variables it is given, beside those of `.env`.")
    ] = field(default_factory=dict)
    ready: Ready = Ready()


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must stay secret. An unset admin secret means that nobody is admin by secret (R51).

    ``secret_key`` seals what accounts keep in the database; without it there are no accounts. What the previous one
    sealed can still be read, so that it can be replaced.
    """

    admin_secret: Secret | None = None
    secret_key: Secret | None = None
    previous_secret_key: Secret | None = None
    previous_admin_secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """The folder, loaded. ``root`` is None when the settings came from the command line and the environment alone."""

    root: Path | None
    name: str
    server: ServerSection = ServerSection()
    database: DatabaseSection = DatabaseSection()
    data: DataSection = DataSection()
    gateway: GatewaySection = GatewaySection()
    mail: MailSection = MailSection()
    auth: AuthSection = AuthSection()
    logs: LogsSection = LogsSection()
    services: tuple[ServiceSection, ...] = ()
    secrets: Secrets = Secrets()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What `.env` gives every service, without howdah's own settings and secrets."""

    def service(self, name: str) -> ServiceSection | None:
        """The service of this name, if there is one."""
        return next((service for service in self.services if service.name == name), None)
