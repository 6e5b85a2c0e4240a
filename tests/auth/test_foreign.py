"""Accounts of somewhere else: signed in with in a browser or by an app, connected, refused; and hooks."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc.jwk import ECKey
from tests.auth.issuer import FakeIssuer, Person, running
from tests.auth.support import COOKIE, PASSWORD, Client, Platform, Reply, platform_on
from tests.support import Cluster

from howdah.auth.oauth.exchange import signature
from howdah.auth.oauth.issuers import read_issuer
from howdah.auth.setting_errors import UnusableIssuer
from howdah.observe.secret import Secret
from howdah.project.sections import AuthSection, HooksSection, OAuthSection, ServerSection


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    with running() as started:
        yield started


@pytest.fixture(scope="module")
def foreign(cluster: Cluster, issuer: FakeIssuer) -> Iterator[Platform]:
    """A platform at which people sign in with accounts of the issuer, in three ways, and with a hook's."""
    name = f"foreign_{secrets.token_hex(4)}"
    dsn, url = cluster.create_database(name), issuer.url
    secret = Secret("its-secret")
    section = AuthSection(
        redirect_urls=("https://app.example/welcome",),
        oauth=(
            OAuthSection("google", client_id="shop", client_secret=secret, issuer=url),
            OAuthSection(
                "github",
                client_id="shop",
                client_secret=secret,
                authorize_url=f"{url}/authorize",
                token_url=f"{url}/token",
                userinfo_url=f"{url}/user",
                emails_url=f"{url}/user/emails",
            ),
            OAuthSection(
                "facebook",
                client_id="shop",
                client_secret=secret,
                token_url=f"{url}/token",
                userinfo_url=f"{url}/user",
                check_url=f"{url}/debug_token",
                roles=("friend",),
            ),
        ),
        custom=(
            HooksSection(
                "smoke",
                signup=f"{url}/hook",
                login=f"{url}/hook",
                merge=f"{url}/merge",
                create_user=f"{url}/create",
                delete_user=f"{url}/delete",
                secret=Secret("between us"),
            ),
        ),
    )
    with platform_on(dsn, auth=section, server=ServerSection(public_url="http://localhost:8080")) as platform:
        yield platform
    cluster.drop_database(name)


def somebody() -> Person:
    mark = secrets.token_hex(4)
    return Person(f"subject-{mark}", f"{mark}@example.com")


def start(client: Client, name: str = "google", **query: str) -> Reply:
    return client.get(f"/auth/v1/oauth/{name}/start?{urlencode(query)}")


def connect(client: Client, **fields: str) -> Reply:
    return client.post("/auth/v1/oauth/google/connect", {}, **fields)


def come_back(client: Client, parameters: dict[str, str], name: str = "google") -> Reply:
    return client.get(f"/auth/v1/oauth/{name}/callback?{urlencode(parameters)}")


def by_browser(platform: Platform, issuer: FakeIssuer, person: Person, name: str = "google") -> Client:
    client = platform.client()
    location = start(client, name).values("location")[0]
    assert come_back(client, issuer.agree(location, person), name).status == 302
    return client


@pytest.mark.parametrize("name", ["google", "github"])
def test_a_browser_goes_there_and_comes_back_signed_in(foreign: Platform, issuer: FakeIssuer, name: str) -> None:
    """R57: with PKCE and a state, to the very page it wanted; the second time it is the same user."""
    client, person = foreign.client(), somebody()
    told = start(client, name, redirect_url="https://app.example/welcome")
    (location,) = told.values("location")
    query = {key: values[0] for key, values in parse_qs(urlsplit(location).query).items()}
    assert location.startswith(f"{issuer.url}/authorize?")
    assert query["redirect_uri"] == f"http://localhost:8080/auth/v1/oauth/{name}/callback"
    assert (query["code_challenge_method"], len(query["code_challenge"])) == ("S256", 43)
    done = come_back(client, issuer.agree(location, person), name)
    assert (done.status, done.values("location")) == (302, ["https://app.example/welcome"])
    assert COOKIE in client.cookies
    first = client.get("/auth/v1/user/info").json
    again = by_browser(foreign, issuer, person, name)
    assert again.get("/auth/v1/user/info").json["hasura_id"] == first["hasura_id"]


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "https://app.example/welcome/more", "https://app.example@evil.example/welcome"]
)  # fmt: skip
def test_a_browser_is_sent_nowhere_else(foreign: Platform, wanted: str) -> None:
    """R57: and nothing is begun."""
    reply = start(foreign.client(), redirect_url=wanted)
    assert (reply.status, reply.code) == (400, "redirect-not-allowed")


def test_what_comes_back_is_believed_once_and_from_the_same_browser(foreign: Platform, issuer: FakeIssuer) -> None:
    """RFC 9700, section 4.7: another browser's state, a used one, none, another issuer's."""
    client, thief = foreign.client(), foreign.client()
    location = start(client).values("location")[0]
    back = issuer.agree(location, somebody())
    assert come_back(thief, back).code == "foreign-account-refused"
    assert come_back(client, back).code == "foreign-account-refused"  # the thief has used it up
    location = start(client).values("location")[0]
    back = issuer.agree(location, somebody())
    assert come_back(client, back, "github").status == 401
    location = start(client).values("location")[0]
    assert come_back(client, {"state": "", "code": "x"}).status == 401
    assert come_back(client, {"state": "x" * 40, "error": "access_denied"}).status == 401
    back = issuer.agree(location, somebody())
    assert come_back(client, back).status == 302
    assert come_back(client, back).status == 401


def test_an_app_shows_an_id_token(foreign: Platform, issuer: FakeIssuer) -> None:
    """R35: signed by the issuer, for us, and not over; anything else is refused."""
    person = somebody()

    def log_in(token: str) -> Reply:
        return foreign.client().post("/auth/v1/login", {"provider": "google", "data": {"id_token": token}})

    user = log_in(issuer.id_token(person))
    assert (user.status, user.json["email"]) == (200, person.email)
    forger = replace(issuer, key=ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"}))
    for token in (
        issuer.id_token(person, audience="another"),
        issuer.id_token(person, exp=1),
        issuer.id_token(person, iss="https://evil.example"),
        forger.id_token(person),
        "not.a.token",
    ):
        assert log_in(token).code == "foreign-account-refused"


def test_an_app_shows_a_code_or_a_token_that_was_made_for_us(foreign: Platform, issuer: FakeIssuer) -> None:
    """A token of another app opens nothing here; where nobody can tell, none is taken."""
    person = somebody()

    def log_in(name: str, **data: str) -> Reply:
        return foreign.client().post("/auth/v1/login", {"provider": name, "data": data})

    issuer.codes["from-the-app"] = (person, {})
    first = log_in("github", code="from-the-app", redirect_uri="shop://back")
    assert first.status == 200
    assert log_in("github", code="from-the-app", redirect_uri="shop://back").code == "foreign-account-refused"
    assert log_in("github", access_token="access-" + person.subject).code == "foreign-account-refused"
    issuer.tokens |= {"ours": person, "foreign": person}
    friend = log_in("facebook", access_token="ours")
    assert friend.json["hasura_roles"] == ["friend"]
    assert log_in("facebook", access_token="foreign").code == "foreign-account-refused"
    assert log_in("facebook").status == 401


def test_an_address_that_is_somebodys_is_not_taken_over(foreign: Platform, issuer: FakeIssuer) -> None:
    """Who owns both signs in as before and connects the account; an unverified address says nothing."""
    person = somebody()
    data = {"email": person.email, "password": PASSWORD}
    owner = foreign.admin().post("/auth/v1/admin/create-user", {"provider": "email", "data": data}).json
    client = foreign.client()
    refused = come_back(client, issuer.agree(start(client).values("location")[0], person))
    assert (refused.status, refused.code, client.cookies.get(COOKIE)) == (409, "user-already-exists", None)

    token = foreign.admin().post("/auth/v1/admin/user/create-session", {"hasura_id": owner["hasura_id"]}).json
    client = Client(foreign.url, cookies={COOKIE: token["auth_token"]})
    location = connect(client).json["location"]
    assert come_back(client, issuer.agree(location, person)).status == 302
    assert by_browser(foreign, issuer, person).get("/auth/v1/user/info").json["hasura_id"] == owner["hasura_id"]
    assert connect(foreign.client()).status == 401
    assert connect(client, Origin="https://evil.example").status == 403
    assert client.get("/auth/v1/oauth/google/connect").status == 405

    claims = Person(f"claims-{secrets.token_hex(4)}", person.email, verified=False)
    other = by_browser(foreign, issuer, claims).get("/auth/v1/user/info").json
    assert (other["hasura_id"] != owner["hasura_id"], "email" in other) == (True, False)


def test_an_account_is_connected_by_a_fresh_proof_and_within_the_session(foreign: Platform, issuer: FakeIssuer) -> None:
    """R29's rule: another way in needs who holds the session to have shown who they are; logged out, it is over."""
    client, person = foreign.client(), somebody()
    user = client.sign_up(f"ann_{secrets.token_hex(4)}").json["hasura_id"]
    location = connect(client).json["location"]
    client.post("/auth/v1/user/logout")
    refused = come_back(client, issuer.agree(location, person))
    assert (refused.status, refused.code) == (401, "foreign-account-refused")
    held = foreign.admin().post("/auth/v1/admin/user/create-session", {"hasura_id": user}).json["auth_token"]
    client = Client(foreign.url, cookies={COOKIE: held})
    foreign.rows("update howdah_auth.sessions set proved_at = now() - interval '1 hour' where user_id = %s", user)
    assert connect(client).code == "step-up-required"
    foreign.rows("update howdah_auth.sessions set proved_at = now() where user_id = %s", user)
    assert connect(client).status == 200


def test_a_service_of_the_projects_own_says_who_it_is(foreign: Platform, issuer: FakeIssuer) -> None:
    """Signed requests; sign-up makes, sign-in finds, and what the hook refuses is refused with its words."""
    subject = secrets.token_hex(4)

    def ask(call: str) -> Reply:
        return foreign.client().post(f"/auth/v1/{call}", {"provider": "smoke", "data": {"signal": "three puffs"}})

    issuer.hook = (200, {"id": subject, "roles": ["scout"]})
    assert ask("login").code == "invalid-user"
    made = ask("signup")
    assert made.json["hasura_roles"] == ["user", "scout"]
    _, sent, fields = issuer.asked[-1]
    assert sent == {"provider": "smoke", "data": {"signal": "three puffs"}}
    assert fields["x-howdah-signature"] == "sha256=" + signature("between us", fields["raw"].encode())
    assert ask("signup").code == "user-already-exists"
    assert ask("login").json["hasura_id"] == made.json["hasura_id"]
    issuer.hook = (403, {"message": "The wind is wrong."})
    refused = ask("login").json
    assert (refused["code"], refused["message"], refused["answered"]) == ("hook-refused", "The wind is wrong.", 403)
    issuer.hook = (500, {})
    assert (ask("login").status, ask("login").code) == (502, "hook-failed")
    for role in ("admin", "anonymous", "a,b"):
        issuer.hook = (200, {"id": secrets.token_hex(4), "roles": [role]})
        assert ask("signup").code == "hook-failed"
    issuer.hook = (200, {"name": "nobody"})
    assert ask("login").code == "hook-failed"


def test_a_service_of_the_projects_own_connects_makes_and_deletes(foreign: Platform, issuer: FakeIssuer) -> None:
    """Its other hooks: who is signed in connects it by a fresh proof; administrators make and delete accounts of it."""
    client, subject = foreign.client(), secrets.token_hex(4)
    ann = client.sign_up(f"ann_{subject}").json["hasura_id"]
    issuer.hook = (200, {"id": subject})
    wanted = {"provider": "smoke", "data": {"signal": "three puffs"}}
    foreign.rows("update howdah_auth.sessions set proved_at = now() - interval '1 hour' where user_id = %s", ann)
    assert client.post("/auth/v1/user/connect", wanted).code == "step-up-required"
    assert client.post("/auth/v1/user/step-up", {"password": PASSWORD}).status == 200
    assert client.post("/auth/v1/user/connect", {**wanted, "provider": "google"}).code == "provider-off"
    assert client.post("/auth/v1/user/connect", wanted).json == {"message": "success"}
    path, sent, fields = issuer.asked[-1]
    assert (path, sent) == ("/merge", {**wanted, "hasura_id": ann})
    assert fields["x-howdah-signature"] == "sha256=" + signature("between us", fields["raw"].encode())
    assert foreign.client().post("/auth/v1/login", wanted).json["hasura_id"] == ann
    other = foreign.client()
    other.sign_up(f"bob_{subject}")
    assert other.post("/auth/v1/user/connect", wanted).code == "user-already-exists"
    assert foreign.events(ann).count("identity-connected") == 1

    admin = foreign.admin()
    issuer.hook = (200, {"id": f"made-{subject}", "roles": ["member"]})
    made = admin.post("/auth/v1/admin/create-user", wanted).json
    assert (issuer.asked[-1][0], made["hasura_roles"]) == ("/create", ["user", "member"])
    issuer.hook = (200, {"id": f"more-{subject}"})
    more = admin.post("/auth/v1/admin/create-user", {**wanted, "roles": ["editor"], "is_active": False}).json
    assert (more["hasura_roles"], more["is_active"]) == (["editor"], False)
    assert admin.post("/auth/v1/admin/create-user", {**wanted, "provider": "none"}).status == 400
    issuer.hook = (409, {"message": "There is smoke still."})
    choice = {"hasura_id": made["hasura_id"]}
    refused = admin.post("/auth/v1/admin/delete-user", choice).json
    assert (refused["code"], refused["message"]) == ("hook-refused", "There is smoke still.")
    issuer.hook = (200, {})
    assert admin.post("/auth/v1/admin/delete-user", choice).status == 200
    assert issuer.asked[-1][:2] == ("/delete", {"provider": "smoke", "data": {"id": f"made-{subject}"}, **choice})
    assert admin.post("/auth/v1/admin/delete-user", choice).code == "no-such-user"


@pytest.mark.parametrize(
    "section",
    [
        AuthSection(pre_login_hook="https://a.example/hook"),
        AuthSection(pre_signup_hook="https://a.example/hook", hook_secret=Secret("")),
        AuthSection(custom=(HooksSection("own", signup="https://a.example", login="https://a.example"),)),
    ],
)  # fmt: skip
def test_hooks_without_a_secret_are_refused(database: str, section: AuthSection) -> None:
    """Nothing starts: whoever finds out their URL could ask there in our name."""
    with pytest.raises(UnusableIssuer, match="is needed"), platform_on(database, auth=section):
        pass


def test_an_id_token_belongs_to_the_sign_in_it_was_asked_for(foreign: Platform, issuer: FakeIssuer) -> None:
    """Whoever sends the nonce has it compared: a token caught elsewhere is no use (OpenID Connect Core, 3.1.2.1)."""
    person = somebody()

    def log_in(token: str, **more: str) -> Reply:
        data = {"id_token": token, **more}
        return foreign.client().post("/auth/v1/login", {"provider": "google", "data": data})

    ours = issuer.id_token(person, nonce="n-0S6_WzA2Mj")
    assert log_in(ours, nonce="n-0S6_WzA2Mj").status == 200
    assert log_in(ours, nonce="another").code == "foreign-account-refused"
    assert log_in(issuer.id_token(person), nonce="n-0S6_WzA2Mj").code == "foreign-account-refused"


def test_an_address_that_is_private_is_asked_for(foreign: Platform, issuer: FakeIssuer) -> None:
    """GitHub tells it in a list: one that is confirmed is taken, the primary one first, and no other."""
    listed = [
        {"email": "old@example.com", "primary": False, "verified": False},
        {"email": f"{secrets.token_hex(4)}@example.com", "primary": False, "verified": True},
        {"email": f"{secrets.token_hex(4)}@example.com", "primary": True, "verified": True},
    ]
    for addresses, expected in ((listed, listed[2]["email"]), (listed[:2], listed[1]["email"]), (listed[:1], None)):
        person = somebody()
        person.email, issuer.emails = None, addresses
        browser = by_browser(foreign, issuer, person, "github")
        assert browser.get("/auth/v1/user/info").json.get("email") == expected


def test_hooks_are_asked_before_anybody_comes_in(database: str, issuer: FakeIssuer) -> None:
    """They see who, and never the password; 2xx goes on and may add roles, anything else is told to the client."""
    section = AuthSection(
        pre_signup_hook=f"{issuer.url}/hook", pre_login_hook=f"{issuer.url}/hook", hook_secret=Secret("between us")
    )
    with platform_on(database, auth=section) as platform:
        issuer.hook = (200, {"roles": ["member"]})
        assert platform.client().sign_up("some_ann").json["hasura_roles"] == ["user", "member"]
        assert issuer.asked[-1][1] == {"provider": "username", "data": {"username": "some_ann"}}
        assert platform.client().log_in("some_ann").status == 200
        issuer.hook = (402, {"message": "Pay first."})
        for refused in (platform.client().sign_up("some_bea"), platform.client().log_in("some_ann")):
            assert (refused.status, refused.code, refused.json["message"]) == (400, "hook-refused", "Pay first.")
        issuer.hook = (503, {})
        assert platform.client().log_in("some_ann").status == 502
        users = platform.rows("select shown from howdah_auth.identities")
        assert [user["shown"] for user in users] == ["some_ann"]


def test_hooks_are_asked_of_accounts_of_elsewhere_too(database: str, issuer: FakeIssuer) -> None:
    """Whichever way somebody comes in by: in a browser or by an app, up or in, nobody gets past a hook that refuses."""
    section = AuthSection(
        oauth=(OAuthSection("google", client_id="shop", client_secret=Secret("its-secret"), issuer=issuer.url),),
        pre_signup_hook=f"{issuer.url}/hook", pre_login_hook=f"{issuer.url}/hook", hook_secret=Secret("between us"),
    )  # fmt: skip
    with platform_on(database, auth=section, server=ServerSection(public_url="http://localhost:8080")) as platform:
        person, client = somebody(), platform.client()
        issuer.hook = (402, {"message": "Pay first."})
        refused = come_back(client, issuer.agree(start(client).values("location")[0], person))
        assert (refused.code, refused.json["message"]) == ("hook-refused", "Pay first.")
        assert platform.rows("select from howdah_auth.users") == []
        issuer.hook = (200, {"roles": ["member"]})
        assert by_browser(platform, issuer, person).get("/auth/v1/user/info").json["hasura_roles"] == ["user", "member"]
        data = {"id": person.subject, "email": person.email, "email_verified": True}
        assert issuer.asked[-1][1] == {"provider": "google", "data": data}
        issuer.hook = (402, {"message": "Pay first."})
        refused = come_back(client, issuer.agree(start(client).values("location")[0], person))
        assert (refused.code, COOKIE in client.cookies) == ("hook-refused", False)


@pytest.mark.parametrize(
    "section",
    [
        OAuthSection("google"),
        OAuthSection("something", client_id="x"),
        OAuthSection("oidc", client_id="x"),
        OAuthSection("oauth2", client_id="x", authorize_url="https://a.example", token_url="https://a.example"),
        OAuthSection("oidc", client_id="x", issuer="http://id.example"),
        OAuthSection("oidc", client_id="x", issuer="https://me@id.example"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(section: Any) -> None:
    """https, or this very machine; and everything that is needed."""
    with pytest.raises(UnusableIssuer):
        read_issuer(section)
    assert read_issuer(OAuthSection("oidc", client_id="x", issuer="https://id.example")).issuer == "https://id.example"


def test_an_issuer_that_says_it_is_somebody_else_is_not_believed(database: str, issuer: FakeIssuer) -> None:
    """OpenID Connect Discovery 1.0, section 4.3: the configuration names exactly the issuer that was asked for."""
    other = issuer.url.replace("127.0.0.1", "localhost")
    section = AuthSection(oauth=(OAuthSection("oidc", client_id="shop", issuer=other),))
    with platform_on(database, auth=section) as platform:
        refused = start(platform.client(), "oidc")
        assert (refused.status, refused.code) == (502, "issuer-unavailable")
        assert "somebody else" in refused.json["message"]


def test_an_issuer_that_is_away_is_not_asked_by_everybody(database: str) -> None:
    """Who comes within some seconds is told at once; and one network cannot begin without end (R9)."""
    section = AuthSection(oauth=(OAuthSection("oidc", client_id="shop", issuer="http://127.0.0.1:9"),))
    with platform_on(database, auth=section) as platform:
        replies = [start(platform.client(), "oidc") for _ in range(125)]
    assert [reply.status for reply in replies] == [502] * 120 + [429] * 5
