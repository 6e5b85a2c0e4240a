"""`howdah user` and `howdah secret`: accounts from the command line, and variables that are nobody else's to read."""

from __future__ import annotations

import io
import os
import stat

import pytest
from tests.auth.factors import set_up_app, settled_clock
from tests.auth.support import PASSWORD, Client, platform_on
from tests.cli.conftest import Here

from howdah.observe.secret import Secret
from howdah.project.load import load_project
from howdah.project.secret_file import ensure_secrets, read_secrets
from howdah.project.sections import Secrets


@pytest.fixture
def home(here: Here) -> Here:
    """A project with secrets of its own."""
    ensure_secrets(here.root)
    return here


def typed(here: Here, text: str) -> None:
    here.monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_the_first_administrator_is_made_by_hand(home: Here) -> None:
    """R7, R18: there is nobody to begin with; a link that opens once lets the first one choose a password."""
    assert home.howdah("user", "list").err == "There are no users.\n"
    told = home.howdah("user", "add", "ann", "--role", "admin")
    assert told.code == 0, told.err
    link = told.out.strip()
    page, _, token = link.partition("#token=")
    assert page == "http://localhost:8080/auth/ui/set-password"
    key = read_secrets(home.root, {}).secret_key
    with platform_on(home.dsn, secrets=Secrets(Secret("x" * 8 + "Zk3-9vT1xQ8r"), key)) as platform:
        stranger = platform.client()
        assert stranger.log_in("ann").status == 401
        chosen = {"token": token, "password": PASSWORD}
        assert stranger.post("/auth/v1/user/set-password", {**chosen, "password": "short"}).code == "short-password"
        assert stranger.post("/auth/v1/user/set-password", chosen).status == 200
        assert stranger.cookies == {}
        again = stranger.post("/auth/v1/user/set-password", chosen)
        assert (again.status, again.code) == (400, "invalid-link")
        ann = platform.client()
        assert ann.log_in("ann").json["hasura_roles"] == ["admin"]
        assert ann.get("/auth/v1/admin/users").json["users"][0]["username"] == "ann"


def test_users_are_listed_changed_disabled_and_deleted(home: Here) -> None:
    """By name, number or address; and somebody who is not there is told as such."""
    typed(home, PASSWORD + "\n")
    assert home.howdah("user", "add", "ann", "--password-stdin").code == 0
    assert home.howdah("user", "add", "bea@example.com", "--role", "editor", "--role", "user").code == 0
    assert home.howdah("user", "add", "ANN").code == 1
    listed = home.howdah("user", "list", "--json").json["users"]
    assert [(user["hasura_id"], user["roles"]) for user in listed] == [(1, ["user"]), (2, ["editor", "user"])]
    assert "bea@example.com" in home.howdah("user", "list", "--role", "editor").out
    assert home.howdah("user", "list", "--search", "nobody").out == ""

    changed = home.howdah("user", "set", "1", "--role", "admin", "--variable", "X-Hasura-Org-Id=7", "--json").json
    assert (changed["user"]["roles"], changed["user"]["variables"]) == (["admin"], {"x-hasura-org-id": "7"})
    assert home.howdah("user", "set", "1").code == 2
    assert home.howdah("user", "set", "1", "--variable", "Cookie=1").code == 1

    assert home.howdah("user", "disable", "bea@example.com", "--json").json["user"]["is_active"] is False
    assert home.howdah("user", "token", "2").code == 1
    assert home.howdah("user", "set", "2", "--active", "--json").json["user"]["is_active"] is True

    assert (home.howdah("user", "rm", "nobody", "--yes").code, home.howdah("user", "rm", "2").code) == (4, 5)
    assert home.howdah("user", "rm", "2", "--yes").code == 0
    assert [user["hasura_id"] for user in home.howdah("user", "list", "--json").json["users"]] == [1]


def test_a_token_is_a_session(home: Here) -> None:
    """Shown once on standard output; `disable` ends it."""
    typed(home, PASSWORD + "\n")
    home.howdah("user", "add", "ann", "--password-stdin")
    token = home.howdah("user", "token", "ann", "--seconds", "60").out.strip()
    key = read_secrets(home.root, {}).secret_key
    with platform_on(home.dsn, secrets=Secrets(None, key)) as platform:
        bearer = Client(platform.url, {"Authorization": f"Bearer {token}"})
        assert bearer.get("/auth/v1/user/info").json["username"] == "ann"
        assert home.howdah("user", "disable", "ann").code == 0
        refused = bearer.get("/auth/v1/user/info")
        while refused.status == 200:  # it is told by another process, in its own time
            refused = bearer.get("/auth/v1/user/info")
        assert refused.status == 401


def test_a_reset_is_a_link_that_replaces_the_one_before(home: Here) -> None:
    """R17: the older one opens nothing any more, and the password there is holds until the newer one is used."""
    typed(home, PASSWORD + "\n")
    home.howdah("user", "add", "ann", "--password-stdin")
    links = [home.howdah("user", "reset", "ann").out.strip().partition("#token=")[2] for _ in range(2)]
    key = read_secrets(home.root, {}).secret_key
    with platform_on(home.dsn, secrets=Secrets(None, key)) as platform:
        ann = platform.client()
        assert ann.log_in("ann").status == 200
        new = {"token": links[0], "password": "nine amber foxes asleep"}
        assert ann.post("/auth/v1/user/set-password", new).code == "invalid-link"
        assert ann.post("/auth/v1/user/set-password", {**new, "token": links[1]}).status == 200
        assert ann.get("/auth/v1/user/info").status == 401
        assert ann.log_in("ann", new["password"]).status == 200


def test_who_has_lost_a_second_factor_is_let_in_without(home: Here) -> None:
    """R29: every session is over, and the password is enough again; both at once is no command."""
    typed(home, PASSWORD + "\n")
    home.howdah("user", "add", "ann", "--password-stdin")
    key = read_secrets(home.root, {}).secret_key
    with platform_on(home.dsn, secrets=Secrets(None, key)) as platform:
        ann = platform.client()
        ann.log_in("ann")
        app, _ = set_up_app(ann)
        settled_clock()
        assert ann.post("/auth/v1/user/totp/confirm", {"code": app.code()}).status == 200
        assert platform.client().log_in("ann").json["auth_token"] is None
        assert home.howdah("user", "reset", "ann", "--factors", "--password-stdin").code == 2
        assert home.howdah("user", "reset", "ann", "--factors").code == 0
        assert platform.client().log_in("ann").json["auth_token"] is not None
        refused = ann.get("/auth/v1/user/info")
        while refused.status == 200:  # it is told by another process, in its own time
            refused = ann.get("/auth/v1/user/info")
        assert refused.status == 401


def test_service_tokens_are_made_listed_and_ended(home: Here) -> None:
    """R37, R46: shown once, good where its scopes say, worth nothing once it is ended; by name, and audited."""
    assert home.howdah("token", "list").err == "There are no service tokens.\n"
    made = home.howdah(
        "token", "add", "reports", "--role", "editor", "--variable", "x-hasura-org-id=7", "--scope", "auth:read",
        "--days", "1",
    )  # fmt: skip
    assert (made.code, made.out[:4]) == (0, "hwd_"), made.err
    assert home.howdah("token", "add", "reports", "--role", "editor").code == 1
    assert home.howdah("token", "add", "other", "--role", "editor", "--scope", "everything").code == 1
    assert home.howdah("token", "add", "other", "--role", "editor", "--variable", "seven").code == 2
    assert home.howdah("token", "add", "other").code == 2
    (listed,) = home.howdah("token", "list", "--json").json["service_tokens"]
    assert (listed["name"], listed["roles"], listed["scopes"]) == ("reports", ["editor"], ["auth:read"])
    assert (listed["variables"], listed["revoked"]) == ({"x-hasura-org-id": "7"}, None)
    assert made.out.strip() not in str(listed)
    assert "reports" in home.howdah("token", "list").out
    key = read_secrets(home.root, {}).secret_key
    with platform_on(home.dsn, secrets=Secrets(None, key)) as platform:
        machine = Client(platform.url, {"Authorization": f"Bearer {made.out.strip()}"})
        assert machine.get("/auth/v1/providers").status == 200
        assert machine.post("/auth/v1/token/revoke", {"token": "x"}).code == "scope-missing"
        assert home.howdah("token", "rm", "nothing", "--yes").code == 1
        assert home.howdah("token", "rm", "reports", "--yes").code == 0
        refused = machine.get("/auth/v1/providers")
        while refused.status == 200:  # it is told by another process, in its own time
            refused = machine.get("/auth/v1/providers")
        assert refused.status == 401
        assert [one for one in platform.events() if one != "key-made"] == [
            "service-token-created",
            "service-token-revoked",
        ]
    assert home.howdah("token", "rm", "reports", "--yes").code == 1


def test_secrets_are_kept_where_only_their_owner_reads(home: Here) -> None:
    """Values come by standard input and are never shown; settings and services have them as variables."""
    home.write("howdah.toml", "[project]\n")
    assert home.howdah("secret", "list").err == "There are no secret variables.\n"
    typed(home, "sk_live_123\n")
    told = home.howdah("secret", "set", "STRIPE_KEY")
    assert (told.code, "sk_live" in told.out + told.err) == (0, False)
    typed(home, "9123\n")
    home.howdah("secret", "set", "HOWDAH_SERVER_PORT")
    assert home.howdah("secret", "list").out == "HOWDAH_SERVER_PORT\nSTRIPE_KEY\n"
    file = home.root / ".howdah" / "secrets.toml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    project = load_project(home.root, {name: value for name, value in os.environ.items() if "HOWDAH" not in name})
    assert (project.server.port, dict(project.environment)) == (9123, {"STRIPE_KEY": "sk_live_123"})
    assert project.secrets.secret_key is not None
    typed(home, "\n")
    assert home.howdah("secret", "set", "EMPTY").code == 5
    assert home.howdah("secret", "set", "not a name").code == 5
    assert home.howdah("secret", "rm", "STRIPE_KEY").code == 0
    assert home.howdah("secret", "rm", "STRIPE_KEY").code == 4
    assert home.howdah("secret", "list", "--json").json == {"secrets": ["HOWDAH_SERVER_PORT"]}
