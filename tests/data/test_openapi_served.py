"""The OpenAPI document held against the running platform, by schemathesis: whatever it promises is so.

``HOWDAH_EXAMPLES`` is how many requests are tried for each role in each way. Without it they are few, and only our own
ways to get a request wrong are tried: schemathesis knows more of them and takes minutes.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)
from tests.serving import ADMIN, serving
from tests.support import Cluster

THOROUGH: Final = "HOWDAH_EXAMPLES" in os.environ
EXAMPLES: Final = int(os.environ.get("HOWDAH_EXAMPLES", "15"))
CALLERS: Final = {
    "anonymous": {},
    "user": {**ADMIN, "X-Hasura-Role": "user", "X-Hasura-User-Id": "1", "X-Hasura-Regions": "{Europe}"},
    "admin": ADMIN,
}
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

# What JSON Schema cannot say, or what is in the tables decides. Nothing else that the document admits may be refused.
ONLY_POSTGRES_KNOWS: Final = {"constraint-violation", "permission-error", "postgres-error", "invalid-reference"}
BEYOND_SCHEMAS: Final = (
    "type does not have this operator",  # of an extension in a schema that Postgres does not search
    "is asked for twice",
    "is assigned twice",
    "an alias has at most 63 bytes",
    "groups are ordered by their columns and aggregates",
    "must all have the same keys",
    "is set by the relationship",
    "have no key to find them again by",
    "was not written",
    "order_by has to begin with the columns of distinct_on",
    "a page cannot have distinct_on",
    "this is no cursor",
    "the cursor is one of another order",
    "is not in the order of the rows",
    "a position has the values of a row's order",
    "cannot be given together",
    "a page that begins at a cursor cannot have an offset",
    "an integer does not fit into 64 bits",
    "a number is too large",
    "nested deeper than",
    "more than",
    "has no name of its own",
    "is the name of something else",
)


@pytest.fixture(scope="module")
def url(cluster: Cluster, template: str) -> Iterator[str]:
    """The platform on a database that the tests change."""
    name = f"openapi_{secrets.token_hex(6)}"
    dsn = cluster.create_database(name, template=template)
    try:
        with serving(dsn) as address:
            yield address
    finally:
        cluster.drop_database(name)


def document(url: str, role: str) -> Any:
    return requests.get(f"{url}/data/v1/openapi.json", headers=CALLERS[role], timeout=20).json()


def described(url: str, role: str) -> Any:
    """The role's document without what only administers (and would undo the tables) or is about requests."""
    written = document(url, role)
    schemas = written["components"]["schemas"]
    queries = {"select", "count", "aggregate", "insert", "update", "delete", "bulk"}
    schemas["query"]["oneOf"] = [one for one in schemas["query"]["oneOf"] if one["$ref"].rpartition(".")[2] in queries]
    schemas["query"].pop("discriminator")
    written["paths"].pop("/data/v1/query/explain", None)
    schema = schemathesis.openapi.from_dict(written)
    schema.config.generation.with_security_parameters = False
    schema.config.generation.allow_x00 = False
    return schema


def bounded(examples: int) -> Any:
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck), database=None)


@pytest.mark.parametrize("role", CALLERS)
def test_what_the_document_admits_is_answered_as_it_says(url: str, role: str) -> None:
    """The answer has the promised status, type and form, whatever is asked; and it is refused for a reason only."""

    @bounded(EXAMPLES)
    @given(case=described(url, role).as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case: Any) -> None:
        answered_as_promised(case, url, role)

    ask()


def answered_as_promised(case: Any, url: str, role: str) -> int:
    """The status of the answer, which has the promised form; if it is refused, then for a reason."""
    response = case.call(base_url=url, headers=CALLERS[role])
    case.validate_response(response, checks=CHECKS)
    if response.status_code != 200:
        said = response.json()
        reason = said["code"] in ONLY_POSTGRES_KNOWS or any(text in said["error"] for text in BEYOND_SCHEMAS)
        # What a reference leads to, whether it may be read there, and of what kind it is.
        reason = reason or said["path"].endswith('["$ref"]')
        reason = reason or ('"$ref"' in json.dumps(case.body) and "but encountered" in said["error"])
        assert reason, (said, json.dumps(case.body))
    return int(response.status_code)


@pytest.mark.parametrize("role", ["user", "admin"])
@pytest.mark.parametrize("what", ["functions", "computed fields", "searches", "transactions"])
def test_what_is_seldom_met_is_answered_as_the_document_says(url: str, role: str, what: str) -> None:
    """The same of requests that call a function, ask for a computed field, search, or refer to each other's answers."""
    schema = about(url, role, what)
    statuses = set()

    @bounded(EXAMPLES * 2)
    @given(case=schema.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case: Any) -> None:
        statuses.add(answered_as_promised(case, url, role))

    ask()
    assert 200 in statuses


def about(url: str, role: str, what: str) -> Any:
    """The role's document, in which nothing else can be asked for."""
    written = described(url, role).raw_schema
    schemas = written["components"]["schemas"]
    if what == "functions":
        kinds = [kind for kind in ("select", "count", "aggregate") if f"query.{kind}" in schemas]
        for kind in kinds:
            args = schemas[f"query.{kind}"]["properties"]["args"]
            args["anyOf"] = [one for one in args["anyOf"] if "/function." in one.get("$ref", "")]
            assert args["anyOf"], kind
        schemas["query"]["oneOf"] = [{"$ref": f"#/components/schemas/query.{kind}"} for kind in kinds]
        written["paths"] = {"/data/v1/query": written["paths"]["/data/v1/query"]}
    elif what == "transactions":
        schemas["query"]["oneOf"] = [{"$ref": "#/components/schemas/query.transaction"}]
        schemas["query.transaction"]["properties"]["args"] |= {"minItems": 1, "maxItems": 3}
        schemas["transaction.query"].pop("discriminator")
        schemas["transaction.reference"] = {
            "type": "object",
            "propertyNames": {"enum": ["$ref"]},
            "minProperties": 1,
            "additionalProperties": {"type": "string", "enum": ["0.id", "0[*].id", "0[0].id"]},
        }
        written["paths"] = {"/data/v1/query": written["paths"]["/data/v1/query"]}
    elif what == "computed fields":
        wanted = sorted(name for name in schemas if re.fullmatch(r"author[.]columns[.]\w+[.]arguments", name))
        entries = [{"$ref": f"#/components/schemas/{name.removesuffix('.arguments')}"} for name in wanted]
        listed = schemas["author.columns"]["anyOf"][1]
        schemas["author.columns"] = {**listed, "items": {"anyOf": entries}, "minItems": 1, "maxItems": 3}
        address = "/data/api/1/table/author/select"
        written["paths"] = {address: written["paths"][address]}
    else:
        for form in ("article.select", "article.page"):
            schemas[form]["required"] = [*schemas[form]["required"], "search"]
        schemas["article.search"]["properties"]["query"] = {"type": "string", "maxLength": 20}
        asked = [f"/data/api/1/table/article/{form}" for form in ("select", "page")]
        written["paths"] = {address: written["paths"][address] for address in asked}
    schema = schemathesis.openapi.from_dict(written)
    schema.config.generation.with_security_parameters = False
    schema.config.generation.allow_x00 = False
    return schema


@pytest.mark.skipif(not THOROUGH, reason="HOWDAH_EXAMPLES is not set")
@pytest.mark.parametrize("role", CALLERS)
def test_what_the_document_does_not_admit_is_refused(url: str, role: str) -> None:
    """With a status and an error as it says, and never with 500."""

    @bounded(EXAMPLES)
    @given(case=described(url, role).as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def ask(case: Any) -> None:
        response = case.call(base_url=url, headers=CALLERS[role])
        case.validate_response(response, checks=CHECKS)

    ask()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container inside, with each of its keys."""
    if isinstance(value, dict | list):
        for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
            yield value, key
            yield from places(item)


SOMETHING_ELSE: Final = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        2**70,
        1.5,
        "",
        "x",
        "*",
        "-",
        "\U0001f418",
        [],
        [[]],
        {},
        {"$eq": 1},
        {"": None},
        "X-Hasura-User-Id",
    ]
)


@pytest.mark.parametrize("role", CALLERS)
def test_a_request_gone_wrong_is_refused_as_the_document_has_it(url: str, role: str) -> None:
    """A good request, something in it replaced, left out or added: if the document admits it no more, it is refused."""
    schema = described(url, role)
    components = {"components": schema.raw_schema["components"]}

    @bounded(EXAMPLES * 4)
    @given(case=schema.as_strategy(generation_mode=GenerationMode.POSITIVE), data=st.data())
    def ask(case: Any, data: st.DataObject) -> None:
        body = json.loads(json.dumps(case.body))
        container, key = data.draw(st.sampled_from(list(places(body)) or [([body], 0)]))
        way = data.draw(st.sampled_from(["replace", "remove", "add"]))
        if way == "remove":
            del container[key]
        elif way == "add" and isinstance(container, dict):
            container[data.draw(st.sampled_from(["x", "where", "table", "$and", "_and", "$like", "$x", "id"]))] = 1
        else:
            container[key] = data.draw(SOMETHING_ELSE)
        wanted = case.operation.definition.raw["requestBody"]
        valid = jsonschema_rs.validator_for({**components, **wanted["content"]["application/json"]["schema"]}).is_valid(
            body
        )
        case.body = body
        response = case.call(base_url=url, headers=CALLERS[role])
        case.validate_response(response, checks=CHECKS[:-1])
        if not valid:
            assert response.status_code != 200, json.dumps(body)

    ask()


def test_a_document_for_each_caller(url: str) -> None:
    """Each sees its own; the administrator any; nobody else another's."""
    assert "/data/api/1/table/audit/select" in document(url, "admin")["paths"]
    assert "/data/api/1/table/audit/select" not in document(url, "user")["paths"]
    asked = requests.get(f"{url}/data/v1/openapi.json?role=user", headers=ADMIN, timeout=20)
    assert asked.json() == document(url, "user")
    refused = requests.get(f"{url}/data/v1/openapi.json?role=user", timeout=20)
    assert (refused.status_code, refused.json()["code"]) == (400, "access-denied")
    own = requests.get(f"{url}/data/v1/openapi.json?role=anonymous", timeout=20)
    assert own.json() == document(url, "anonymous")


@pytest.mark.parametrize("query", ["role=", "role=user&role=admin", "rule=user", "role=%ff"])
def test_an_odd_query_string_is_refused(url: str, query: str) -> None:
    answer = requests.get(f"{url}/data/v1/openapi.json?{query}", headers=ADMIN, timeout=20)
    assert (answer.status_code, answer.json()["code"]) == (400, "parse-failed")


def test_the_document_is_sent_once(url: str) -> None:
    """Who has it is told so, until the catalog is another one; nothing between keeps it for others."""
    address = f"{url}/data/v1/openapi.json"
    first = requests.get(address, timeout=20)
    assert first.headers["content-type"] == "application/json; charset=utf-8"
    assert first.headers["cache-control"] == "private, no-cache"
    assert "x-hasura-role" in first.headers["vary"]
    etag = first.headers["etag"]
    for given_tag in (etag, f'"other", W/{etag}', "*"):
        again = requests.get(address, headers={"If-None-Match": given_tag}, timeout=20)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert requests.get(address, headers={"If-None-Match": '"other"'}, timeout=20).status_code == 200
    assert requests.get(address, headers={**ADMIN, "If-None-Match": etag}, timeout=20).status_code == 200
    head = requests.head(address, timeout=20)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", etag)

    def administer(kind: str, args: Any) -> None:
        body = {"type": kind, "args": args}
        assert requests.post(f"{url}/data/v1/query", json=body, headers=ADMIN, timeout=20).status_code == 200

    rule = {"table": "profile", "role": "anonymous"}
    administer("create_select_permission", {**rule, "permission": {"columns": ["bio"], "filter": {}}})
    assert requests.get(address, headers={"If-None-Match": etag}, timeout=20).status_code == 200
    assert "profile" in document(url, "anonymous")["components"]["schemas"]
    administer("drop_select_permission", rule)
    assert "profile" not in document(url, "anonymous")["components"]["schemas"]


def test_every_address_of_the_document_is_there(url: str) -> None:
    """On both hosts: with a body that is no request each refuses the request, not the address."""
    for role, headers in CALLERS.items():
        for path in document(url, role)["paths"]:
            for host in ("localhost", "data.localhost"):
                answer = requests.post(url + path, data="[]", headers={**headers, "Host": host}, timeout=20)
                assert (answer.status_code, answer.json()["code"]) == (400, "parse-failed"), path
