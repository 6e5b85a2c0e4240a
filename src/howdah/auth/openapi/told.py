"""What each call answers and refuses, beside what every call may. A call that is not in here cannot be described."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from howdah.auth.errors import (
    AccountsBusy,
    AuthError,
    ExpectedEmail,
    ExpectedIdentifier,
    ExpectedMobile,
    ExpectedUsername,
    NoSuchUser,
    ProviderOff,
    RedirectNotAllowed,
    ServiceTokenExists,
    SessionExpired,
    SignupClosed,
    StepUpRequired,
    TooManyAttempts,
    UnknownServiceToken,
    UserAlreadyExists,
)
from howdah.auth.openapi.answers import (
    AdministeredUser,
    BegunApp,
    CreatedSession,
    DeletedUser,
    Done,
    Elsewhere,
    Ended,
    Events,
    FactorAdded,
    Factors,
    FactorsReset,
    IssuerDescription,
    KeySet,
    MadeServiceToken,
    OpenApi,
    PasskeyOptions,
    PasswordLink,
    PendingUser,
    RecoveryCodes,
    Renewed,
    SecondFactorOwed,
    ServiceTokens,
    Sessions,
    Tokens,
    User,
    UserInfo,
    Users,
    UserWithTokens,
    Ways,
)
from howdah.auth.proof_errors import (
    CommonPassword,
    ForeignAccountRefused,
    HookFailed,
    HookRefused,
    InvalidCode,
    InvalidFactor,
    InvalidLink,
    InvalidRefreshToken,
    InvalidUser,
    IssuerDown,
    LongPassword,
    NotVerified,
    PasskeyExists,
    PasswordTooShortAlone,
    ShortPassword,
    SignInExpired,
    TooManyFactors,
    UnknownFactor,
)

PASSWORDS: Final = (CommonPassword, LongPassword, ShortPassword)
IDENTIFIERS: Final = (ExpectedIdentifier, ExpectedUsername, ExpectedEmail, ExpectedMobile)
ASKING: Final = (InvalidUser, StepUpRequired, TooManyAttempts, AccountsBusy)
COMING_IN: Final = (
    ProviderOff,
    ExpectedUsername,
    ExpectedEmail,
    ExpectedMobile,
    ForeignAccountRefused,
    IssuerDown,
    HookRefused,
    HookFailed,
    InvalidUser,
    TooManyAttempts,
    AccountsBusy,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered to a call, one of several shapes; and what is refused for its own sake.

    ``redirects`` is the status with which a browser is sent elsewhere, where it is.
    """

    answers: tuple[type[msgspec.Struct], ...]
    refuses: tuple[type[AuthError], ...]
    media: str = "application/json"
    redirects: int | None = None


TOLD: Final[Mapping[str, Told]] = {
    "POST /v1/signup": Told(
        (User, UserWithTokens, PendingUser, SecondFactorOwed),
        (*COMING_IN, RedirectNotAllowed, SignupClosed, UserAlreadyExists, InvalidCode, *PASSWORDS),
    ),
    "POST /v1/login": Told(
        (User, UserWithTokens, SecondFactorOwed), (*COMING_IN, SignupClosed, UserAlreadyExists, NotVerified)
    ),
    "POST /v1/user/logout": Told((Done,), ()),
    "GET /v1/user/info": Told((UserInfo,), (SessionExpired,)),
    "POST /v1/user/change-password": Told(
        (Renewed,), (InvalidUser, TooManyAttempts, AccountsBusy, SessionExpired, *PASSWORDS)
    ),
    "POST /v1/user/connect": Told((Done,), (ProviderOff, StepUpRequired, UserAlreadyExists, HookRefused, HookFailed)),
    "GET /v1/user/sessions": Told((Sessions,), ()),
    "POST /v1/user/end-session": Told((Ended,), ()),
    "POST /v1/user/change-email": Told((Done,), (ExpectedEmail, *ASKING)),
    "POST /v1/user/confirm-email": Told((Done,), (ExpectedEmail, InvalidCode, TooManyAttempts)),
    "POST /v1/user/change-mobile": Told((Done,), (ExpectedMobile, *ASKING)),
    "POST /v1/user/confirm-mobile": Told((Done,), (ExpectedMobile, InvalidCode, TooManyAttempts)),
    "GET /v1/providers/email/verify-email": Told((Done,), (InvalidCode,), redirects=303),
    "POST /v1/providers/email/verify-email": Told((Done,), (ExpectedEmail, InvalidCode, TooManyAttempts)),
    "POST /v1/providers/email/resend": Told((Done,), (ProviderOff, ExpectedEmail, RedirectNotAllowed, TooManyAttempts)),
    "POST /v1/providers/email/forgot-password": Told(
        (Done,), (ProviderOff, ExpectedEmail, RedirectNotAllowed, TooManyAttempts)
    ),
    "POST /v1/providers/email/reset-password": Told((Done,), (InvalidCode, AccountsBusy, *PASSWORDS)),
    "POST /v1/providers/email-code/send": Told(
        (Done,), (ProviderOff, ExpectedEmail, RedirectNotAllowed, TooManyAttempts)
    ),
    "POST /v1/providers/email-code/resend": Told(
        (Done,), (ProviderOff, ExpectedEmail, RedirectNotAllowed, TooManyAttempts)
    ),
    "POST /v1/providers/mobile/send-otp": Told((Done,), (ProviderOff, ExpectedMobile, TooManyAttempts)),
    "POST /v1/providers/mobile/resend-otp": Told((Done,), (ProviderOff, ExpectedMobile, TooManyAttempts)),
    "POST /v1/providers/mobile-password/verify-otp": Told((Done,), (ExpectedMobile, InvalidCode, TooManyAttempts)),
    "POST /v1/providers/mobile-password/resend-otp": Told((Done,), (ProviderOff, ExpectedMobile, TooManyAttempts)),
    "POST /v1/providers/mobile-password/forgot-password": Told((Done,), (ProviderOff, ExpectedMobile, TooManyAttempts)),
    "POST /v1/providers/mobile-password/reset-password": Told(
        (Done,), (ExpectedMobile, InvalidCode, TooManyAttempts, AccountsBusy, *PASSWORDS)
    ),
    "POST /v1/login/second-factor": Told(
        (User, UserWithTokens), (SignInExpired, InvalidFactor, InvalidUser, SessionExpired, TooManyAttempts)
    ),
    "POST /v1/user/step-up": Told(
        (Renewed,), (StepUpRequired, InvalidFactor, InvalidUser, SessionExpired, TooManyAttempts, AccountsBusy)
    ),
    "GET /v1/user/factors": Told((Factors,), ()),
    "POST /v1/user/totp": Told((BegunApp,), (StepUpRequired, TooManyFactors, SessionExpired)),
    "POST /v1/user/totp/confirm": Told((FactorAdded,), (InvalidFactor, TooManyAttempts, SessionExpired)),
    "POST /v1/user/rename-factor": Told((Done,), (UnknownFactor,)),
    "POST /v1/user/remove-factor": Told(
        (Renewed,), (StepUpRequired, UnknownFactor, SessionExpired, PasswordTooShortAlone)
    ),
    "POST /v1/user/recovery-codes": Told((RecoveryCodes,), (StepUpRequired, UnknownFactor, SessionExpired)),
    "POST /v1/login/passkey/options": Told((PasskeyOptions,), (TooManyAttempts,)),
    "POST /v1/login/second-factor/options": Told((PasskeyOptions,), (SignInExpired,)),
    "POST /v1/user/step-up/options": Told((PasskeyOptions,), ()),
    "POST /v1/user/passkey/options": Told((PasskeyOptions,), (StepUpRequired, TooManyFactors, SessionExpired)),
    "POST /v1/user/passkey": Told(
        (FactorAdded,), (StepUpRequired, InvalidFactor, PasskeyExists, TooManyFactors, SessionExpired)
    ),
    "GET /v1/providers": Told((Ways,), ()),
    "GET /v1/oauth/{name}/start": Told(
        (), (ProviderOff, RedirectNotAllowed, TooManyAttempts, IssuerDown), redirects=302
    ),
    "POST /v1/oauth/{name}/connect": Told(
        (Elsewhere,), (ProviderOff, RedirectNotAllowed, TooManyAttempts, IssuerDown, StepUpRequired)
    ),
    "GET /v1/oauth/{name}/callback": Told(
        (),
        (
            ProviderOff,
            ForeignAccountRefused,
            IssuerDown,
            SignupClosed,
            UserAlreadyExists,
            HookRefused,
            HookFailed,
            InvalidUser,
        ),
        redirects=302,
    ),
    "GET /v1/admin/user/{user_id:int}": Told((AdministeredUser,), (NoSuchUser,)),
    "GET /v1/admin/users": Told((Users,), ()),
    "POST /v1/admin/create-user": Told(
        (AdministeredUser,),
        (*IDENTIFIERS, UserAlreadyExists, AccountsBusy, *PASSWORDS, HookRefused, HookFailed),
    ),
    "POST /v1/admin/delete-user": Told((DeletedUser,), (NoSuchUser, HookRefused, HookFailed)),
    "POST /v1/admin/user/activate": Told((AdministeredUser,), (NoSuchUser,)),
    "POST /v1/admin/user/deactivate": Told((AdministeredUser,), (NoSuchUser,)),
    "POST /v1/admin/user/add-role": Told((AdministeredUser,), (NoSuchUser,)),
    "POST /v1/admin/user/remove-role": Told((AdministeredUser,), (NoSuchUser,)),
    "POST /v1/admin/user/set-variables": Told((AdministeredUser,), (NoSuchUser,)),
    "POST /v1/admin/user/create-session": Told((CreatedSession,), (NoSuchUser,)),
    "POST /v1/admin/user/remove-session": Told((Ended,), (NoSuchUser,)),
    "POST /v1/admin/user/remove-all-sessions": Told((Ended,), (NoSuchUser,)),
    "POST /v1/admin/user/reset-password": Told(
        (Done,), (NoSuchUser, InvalidUser, TooManyAttempts, AccountsBusy, *PASSWORDS)
    ),
    "POST /v1/admin/user/reset-factors": Told((FactorsReset,), (NoSuchUser,)),
    "POST /v1/admin/user/password-link": Told((PasswordLink,), (NoSuchUser,)),
    "GET /v1/admin/audit": Told((Events,), ()),
    "POST /v1/user/set-password": Told((Done,), (InvalidLink, AccountsBusy, *PASSWORDS)),
    "POST /v1/admin/service-token/create": Told((MadeServiceToken,), (ServiceTokenExists,)),
    "GET /v1/admin/service-token/list": Told((ServiceTokens,), ()),
    "POST /v1/admin/service-token/revoke": Told((Done,), (UnknownServiceToken,)),
    "POST /v1/token": Told((Tokens,), (InvalidRefreshToken,)),
    "POST /v1/token/revoke": Told((Done,), ()),
    "GET /v1/openapi.json": Told((OpenApi,), ()),
    "GET /.well-known/jwks.json": Told((KeySet,), (), "application/jwk-set+json"),
    "GET /.well-known/openid-configuration": Told((IssuerDescription,), ()),
}
