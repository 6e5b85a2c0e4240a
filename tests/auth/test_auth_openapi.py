"""The OpenAPI document of accounts, held against the running platform by schemathesis, as two users at once.

``HOWDAH_EXAMPLES`` is how many requests are tried for each call and user in each way; without it they are few.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.auth.factors import set_up_app, settled_clock
from tests.auth.support import COOKIE, PASSWORD, PATIENT, Client, Platform, platform_on
from tests.docs.test_errors import classes
from tests.serving import ADMIN
from tests.support import Cluster

from howdah.auth.openapi import answers
from howdah.auth.openapi.document import GATEWAY, key_of
from howdah.auth.openapi.told import TOLD
from howdah.auth.routes.calls import CALLS
from howdah.observe.secret import Secret
from howdah.project.sections import AuthSection, HooksSection

THOROUGH: Final = "HOWDAH_EXAMPLES" in os.environ
EXAMPLES: Final = int(os.environ.get("HOWDAH_EXAMPLES", "6"))
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
NOT_OURS_TO_GUESS: Final = "/auth/v1/oauth/"
"""Whoever is sent elsewhere and comes back is tested with an issuer, in `test_foreign.py`."""


@pytest.fixture(scope="module")
def everything(cluster: Cluster) -> Iterator[Platform]:
    """A platform where people may sign in in every way."""
    name = f"openapi_{secrets.token_hex(4)}"
    section = AuthSection(
        **{**PATIENT, "login_tries": 10_000, "login_tries_per_account": 10_000, "codes_per_identity": 10_000},
        sms_per_number_per_day=100_000,
        sms_per_prefix_per_day=100_000,
        sms_per_day=100_000,
        providers=("username", "email", "email-code", "mobile", "mobile-password", "passkey"),
    )
    with platform_on(cluster.create_database(name), auth=section) as running:
        yield running
    cluster.drop_database(name)


def document(platform: Platform) -> Any:
    return platform.client().get("/auth/v1/openapi.json").json


def test_the_document_is_one_and_every_call_is_in_it(everything: Platform) -> None:
    """It has each call of the table with a summary, and nothing else; no two have one name; it is valid OpenAPI."""
    written = document(everything)
    schemathesis.openapi.from_dict(written).validate()
    described = {
        f"{method.upper()} {path}": operation
        for path, each in written["paths"].items()
        for method, operation in each.items()
    }
    assert set(described) == {f"{call.method} /auth{call.path.replace(':int', '')}" for call in CALLS}
    assert {key_of(call) for call in CALLS} == set(TOLD), "what is answered to calls that are no more"
    assert all(operation["summary"].endswith((".", ":")) for operation in described.values())
    ids = [operation["operationId"] for operation in described.values()]
    assert len(set(ids)) == len(ids)
    for call in CALLS:
        security = described[f"{call.method} /auth{call.path.replace(':int', '')}"]["security"]
        names = {name for one in security for name in one}
        assert (
            names
            == {"anyone": set(), "user": {"cookie", "bearer"}, "admin": {"cookie", "bearer", "admin"}}[call.access]
        )


def test_the_ways_to_sign_in_are_those_of_the_project(everything: Platform, cluster: Cluster) -> None:
    """`Credentials` has what each way takes, and no way that is off."""
    ways = document(everything)["components"]["schemas"]["Credentials"]["oneOf"]
    assert [way["properties"]["provider"]["const"] for way in ways] == list(
        everything.client().get("/auth/v1/providers").json["providers"]
    )
    name = f"custom_{secrets.token_hex(4)}"
    custom = HooksSection("house", signup="http://127.0.0.1:1/", login="http://127.0.0.1:1/", secret=Secret("s"))
    with platform_on(
        cluster.create_database(name), auth=AuthSection(providers=("username",), custom=(custom,))
    ) as other:
        ways = document(other)["components"]["schemas"]["Credentials"]["oneOf"]
        assert [(way["properties"]["provider"]["const"], way["properties"]["data"]) for way in ways] == [
            ("username", {"$ref": "#/components/schemas/UsernameData"}),
            ("house", {"type": "object"}),
        ]
    cluster.drop_database(name)


def test_codes_of_the_document_are_codes_of_errors() -> None:
    """What stands before every call is said by code: they are the gateway's, with these statuses."""
    known = {(one.status, one.code) for one in classes() if one.__module__ == "howdah.gateway.errors"}
    assert {(status, code) for status, codes in GATEWAY.items() for code in codes} <= known


# -- as two users ------------------------------------------------------------------------------------------------------


@dataclass
class Person:
    """A user who calls, and everything that nobody else may be told of them."""

    platform: Platform
    name: str
    by: str
    fields: dict[str, str] = field(default_factory=dict)
    user_id: int = 0
    factor_id: str = ""
    session_id: str = ""

    @property
    def email(self) -> str:
        return f"{self.name}@private.example"

    def sign_in(self) -> None:
        """Another session, where the last one is over."""
        made = self.platform.admin().post("/auth/v1/admin/user/create-session", {"hasura_id": self.user_id}).json
        token, self.session_id = made["auth_token"], made["session_id"]
        self.fields = (
            {"Authorization": f"Bearer {token}"}
            if self.by == "bearer"
            else {
                "Cookie": f"{COOKIE}={token}",
                "Origin": self.platform.url,
            }
        )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What would show that an answer is about this user."""
        return (str(self.user_id), self.name, self.factor_id, self.session_id)

    def state(self) -> list[Any]:
        """What others must not be able to change."""
        rows = self.platform.rows(
            """select u.is_active, u.roles, u.variables, u.password_hash,
                 (select json_agg(i order by i.id) from howdah_auth.identities i where i.user_id = u.id) as identities,
                 (select json_agg(f order by f.id) from howdah_auth.totp_factors f where f.user_id = u.id) as factors,
                 (select count(*) from howdah_auth.sessions s where s.user_id = u.id) as sessions
               from howdah_auth.users u where u.id = %s""",
            self.user_id,
        )
        return [json.dumps(row, default=str) for row in rows]


def person(platform: Platform, by: str, user_id: int) -> Person:
    """A user of that number with a confirmed address, a password, an authenticator app and a session."""
    who = Person(platform, f"somebody-{secrets.token_hex(6)}", by, user_id=user_id)
    platform.rows("insert into howdah_auth.users (id, roles) values (%s, array['user'])", user_id)
    for kind, subject in (("username", who.name), ("email", who.email)):
        platform.rows(
            "insert into howdah_auth.identities (user_id, kind, subject, shown, verified_at)"
            " values (%s, %s, %s, %s, now())",
            user_id, kind, subject, subject,
        )  # fmt: skip
    admin = platform.admin()
    assert (
        admin.post("/auth/v1/admin/user/reset-password", {"hasura_id": user_id, "new_password": PASSWORD}).status == 200
    )
    who.sign_in()
    client = Client(platform.url, who.fields)
    app, _ = set_up_app(client)
    settled_clock()
    assert client.post("/auth/v1/user/totp/confirm", {"code": app.code()}).status == 200
    who.sign_in()
    client = Client(platform.url, who.fields)
    who.factor_id = client.get("/auth/v1/user/factors").json["totp"][0]["id"]
    who.sign_in()
    return who


def described(platform: Platform, me: Person, other: Person) -> Any:
    """The document, in which whatever names a row names one of mine, of the other's, or none."""
    written = document(platform)
    for path in list(written["paths"]):
        if path.startswith(NOT_OURS_TO_GUESS):
            del written["paths"][path]
    named = {
        "factor_id": [me.factor_id, other.factor_id],
        "session_id": [me.session_id, other.session_id],
        "hasura_id": [me.user_id, other.user_id, 1],
        "user_id": [me.user_id, other.user_id, 1],
        "email": [me.email, other.email, "nobody@private.example"],
        "username": [me.name, other.name, "nobody"],
        "old_password": [PASSWORD, "x"],
    }

    def put(node: Any) -> None:
        if isinstance(node, dict):
            for name, each in (node.get("properties") or {}).items():
                if name in named and isinstance(each, dict):
                    node["properties"][name] = {"enum": named[name]}
            for each in node.values():
                put(each)
        elif isinstance(node, list):
            for each in node:
                put(each)

    bodies = {name: schema for name, schema in written["components"]["schemas"].items() if name not in ANSWERS}
    put(bodies)
    for path in written["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                if parameter["name"] in named:
                    parameter["schema"] = {"enum": named[parameter["name"]]}
    schema = schemathesis.openapi.from_dict(written)
    schema.config.generation.with_security_parameters = False
    schema.config.generation.allow_x00 = False
    return schema


ANSWERS: Final = {name for name, shape in vars(answers).items() if isinstance(shape, type)}


@pytest.mark.parametrize("by", ["cookie", "bearer"])
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_two_users_find_nothing(everything: Platform, by: str, mode: GenerationMode) -> None:
    """Whatever a user sends, valid or not: the answer is as the document promises, and no failure.

    It says nothing of another user's, and nothing of theirs is changed (R8, R68).
    """
    start = secrets.randbelow(10**12) + 10**15
    me = person(everything, by, start)
    other = person(everything, "bearer" if by == "cookie" else "cookie", start + 1)
    before, answered = other.state(), set()
    schema = described(everything, me, other)
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=EXAMPLES,
            suppress_health_check=list(HealthCheck),
            database=None,
            deadline=None,
            derandomize=not THOROUGH,
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            response = case.call(base_url=everything.url, headers=me.fields, allow_redirects=False)
            case.validate_response(response, checks=CHECKS)
            answered.add((response.status_code, case.operation.label))
            said = response.text + str(response.headers)
            sent = json.dumps([case.body, case.query, case.path_parameters], default=str)
            for secret in other.secrets:
                assert secret not in said or secret in sent, (case.operation.label, said)
            if response.status_code == 200:
                assert all(secret not in said for secret in other.secrets[2:]), (case.operation.label, said)
            if Client(everything.url, me.fields).get("/auth/v1/user/info").status != 200:
                me.sign_in()

        with suppress(Unsatisfiable):  # some calls take nothing that could be wrong
            ask()
    assert other.state() == before
    worked = {label for status, label in answered if status == 200}
    if mode is GenerationMode.POSITIVE:
        assert {"GET /auth/v1/user/info", "GET /auth/v1/user/sessions", "GET /auth/v1/user/factors"} <= worked
    assert not [label for label in worked if "/admin/" in label]


def test_what_administrators_ask_is_answered_as_the_document_says(everything: Platform) -> None:
    """The same with the admin secret: every administrative call is answered well at least once."""
    start = secrets.randbelow(10**12) + 10**15
    me, other = person(everything, "cookie", start), person(everything, "bearer", start + 1)
    statuses: dict[str, set[int]] = {}
    operations = [found.ok() for found in described(everything, me, other).get_all_operations()]
    for operation in sorted(operations, key=lambda one: "delete-user" in one.label or "deactivate" in one.label):
        if "/admin/" not in operation.label:
            continue

        @settings(
            max_examples=EXAMPLES,
            suppress_health_check=list(HealthCheck),
            database=None,
            deadline=None,
            derandomize=not THOROUGH,
        )
        @given(case=operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
        def ask(case: Any) -> None:
            response = case.call(base_url=everything.url, headers=ADMIN)
            case.validate_response(response, checks=CHECKS)
            statuses.setdefault(case.operation.label, set()).add(response.status_code)

        ask()
    worked = {label for label, seen in statuses.items() if 200 in seen}
    reads = {"GET /auth/v1/admin/users", "GET /auth/v1/admin/audit", "GET /auth/v1/admin/service-token/list"}
    assert reads | {"POST /auth/v1/admin/user/activate", "POST /auth/v1/admin/user/remove-all-sessions"} <= worked


@pytest.mark.parametrize("call", [call for call in CALLS if call.access != "anyone"], ids=key_of)
def test_no_call_forgets_to_ask_who_it_is(everything: Platform, call: Any) -> None:
    """Without a credential, and with one that is none, a call of users is refused, before anything is read (R45)."""
    path = f"/auth{call.path.replace('{user_id:int}', '1').replace('{name}', 'google')}"
    client = everything.client()
    wrong: list[dict[str, str]] = [{}, {"Authorization": f"Bearer {'0' * 48}"}]
    if call.access == "admin":
        wrong.append({"X-Hasura-Admin-Secret": "not this"})
    for fields in wrong:
        assert client.send(call.method, path, fields=fields).status == 401, fields
    if call.access == "admin":
        user = everything.client()
        user.sign_up(f"plain{secrets.token_hex(4)}")
        assert user.send(call.method, path).status == 403


def test_numbers_beyond_64_bits_are_refused_and_not_a_failure(everything: Platform) -> None:
    """What is larger than Postgres counts is a bad request, in a path, a query and a body; and NUL in a query (R67)."""
    admin = everything.admin()
    large = 2**63
    assert admin.get(f"/auth/v1/admin/user/{large}").status == 400
    assert admin.get(f"/auth/v1/admin/user/{large - 1}").status == 404
    for query in (f"after={large}", f"limit={large}", "search=%00", "after=-1"):
        assert admin.get(f"/auth/v1/admin/users?{query}").status == 400, query
    for query in (f"user_id={large}", f"before={large}"):
        assert admin.get(f"/auth/v1/admin/audit?{query}").status == 400, query
    assert admin.get(f"/auth/v1/admin/audit?before={large - 1}&limit={large - 1}").status == 200
    assert admin.post("/auth/v1/admin/delete-user", {"hasura_id": large}).status == 400
    assert admin.post("/auth/v1/admin/delete-user", {"hasura_id": large - 1}).status == 404
