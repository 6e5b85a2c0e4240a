"""Whom accounts believe beside themselves: issuers people sign in with, services that know users, issuers of tokens."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from howdah.observe.secret import Secret
from howdah.project.sections.setting import Setting

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
    emails_url: Annotated[
        str | None,
        Setting("text", "Where it lists somebody's addresses, where it does not tell the confirmed one (`github`)."),
    ] = None
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
    merge: Annotated[
        str | None, Setting("text", "The same for somebody who is signed in, and connects this way to their account.")
    ] = None
    create_user: Annotated[
        str | None,
        Setting("text", "The same for an account that an administrator makes; else `signup`."),
    ] = None
    delete_user: Annotated[
        str | None,
        Setting("text", "URL that is sent `{id, hasura_id}` before an account is deleted; anything but 2xx keeps it."),
    ] = None
    secret: Annotated[
        Secret | None,
        Setting("secret", "What requests are signed with: `X-Howdah-Signature`, an HMAC of the body. Required."),
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
