"""Accounts."""

from dataclasses import dataclass
from typing import Annotated, Literal

from howdah.observe.secret import Secret
from howdah.project.sections.elsewhere import HooksSection, IssuerSection, OAuthSection
from howdah.project.sections.setting import DAY, HOUR, MINUTE, Setting

PROVIDERS = ("username", "email", "email-code", "mobile", "mobile-password")


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
    ui_color: Annotated[str, Setting("text", "The colour of their buttons, as `#rrggbb`.")] = "#3457d5"
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
        Secret | None,
        Setting(
            "secret",
            "What both are signed with: `X-Howdah-Signature`, an HMAC of the body. Required where there is one.",
        ),
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
        int,
        Setting(
            "integer",
            "Messages with a code or link in an hour, to one address or number, asked for from one network or by one "
            "known browser.",
            minimum=1,
        ),
    ] = 5
    codes_per_identity_in_all: Annotated[
        int, Setting("integer", "The same from all networks together, but for browsers that are known.", minimum=1)
    ] = 30
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
    unconfirmed_days: Annotated[
        int,
        Setting(
            "integer", "Days after which an account goes that nobody ever confirmed. 0: never.", minimum=0, maximum=3650
        ),
    ] = 30
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
