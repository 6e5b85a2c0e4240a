"""The table of calls → an OpenAPI 3.1 document. Pure: the ways to sign in are those of the settings it is given."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from howdah.auth.errors import (
    AccountsDown,
    AuthError,
    BodyNotJson,
    BodyTooLarge,
    InternalError,
    InvalidBody,
    NotAllowed,
    NotSignedIn,
    UnknownCall,
)
from howdah.auth.http import Access, Call, NoBody
from howdah.auth.openapi.answers import Problem
from howdah.auth.openapi.told import TOLD, Told
from howdah.auth.sign_in import Carry
from howdah.session import ADMIN_SECRET_HEADER

Json = dict[str, Any]

_PREFIX: Final = "/auth"
_REF: Final = "#/components/schemas/{name}"
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
GATEWAY: Final[Mapping[int, tuple[str, ...]]] = {
    400: ("malformed-target", "malformed-authorization-header", "malformed-identity", "ambiguous-credentials"),
    401: ("access-denied", "invalid-token"),
    403: ("role-not-allowed", "scope-missing", "cross-site-request"),
    413: ("body-too-large",),
}
"""What stands before every call refuses, by status: who it cannot tell, and where a request comes from."""
_PATH_TYPES: Final[Mapping[str, Json]] = {
    "int": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1},
    "str": {"type": "string", "minLength": 1, "pattern": "^[a-z0-9-]+$"},
}


@dataclass(frozen=True, slots=True)
class Described:
    """What the document says of the project: its name, where it is, its cookie, and the ways to sign in.

    Of each way, what its ``data`` is; None where a service of the project's own reads it.
    """

    title: str
    url: str
    cookie: str
    ways: Mapping[str, type[Any] | None]


def describe(calls: Sequence[Call[Any]], project: Described) -> Json:
    """The document: each call with what it takes, who may make it, what it answers and the codes it refuses with."""
    shapes = [Problem, *(shape for told in TOLD.values() for shape in told.answers)]
    bodies = [call.body for call in calls if call.body is not NoBody]
    data = [way for way in project.ways.values() if way is not None]
    _, components = msgspec.json.schema_components([*shapes, *bodies, *data], ref_template=_REF)
    components = {name: _said(schema) for name, schema in components.items()}
    components["Credentials"] = _credentials(components["Credentials"], project.ways)
    paths: dict[str, Json] = {}
    for call in calls:
        path = re.sub(r":\w+(?=})", "", call.path)
        paths.setdefault(_PREFIX + path, {})[call.method.lower()] = _operation(call, components)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Accounts of {project.title}", "version": "1"},
        "servers": [{"url": project.url}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": project.cookie},
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A session's token, an access token, or a service token.",
                },
                "admin": {"type": "apiKey", "in": "header", "name": ADMIN_SECRET_HEADER},
            },
        },
    }


def key_of(call: Call[Any]) -> str:
    """What the call is called in the table of answers."""
    return f"{call.method} {call.path}"


def _said(schema: Json) -> Json:
    return {**schema, "description": _without_numbers(schema["description"])} if "description" in schema else schema


def _without_numbers(text: str) -> str:
    """The text without the numbers of our promises, which mean nothing to who reads the document.

    >>> _without_numbers("Nobody is signed in (R17).")
    'Nobody is signed in.'
    """
    return re.sub(r" \(R\d+(?:, R\d+)*\)", "", text)


def _operation(call: Call[Any], components: Mapping[str, Json]) -> Json:
    told = TOLD[key_of(call)]
    summary, _, description = _without_numbers(inspect.cleandoc(call.handler.__doc__ or "")).partition("\n")
    words = re.findall(r"\w+", re.sub(r":\w+(?=})", "", call.path.removeprefix("/v1")))
    found: Json = {
        "operationId": "_".join((call.method.lower(), *words)),
        "tags": [words[0]],
        "summary": summary,
        "security": _SECURITY[call.access],
        "parameters": [*_path_parameters(call.path), *_query(call, components)],
        "responses": {**_answers(told), **_refusals(call, told)},
    }
    if description.strip():
        found["description"] = description.strip()
    if call.method != "GET":
        found["requestBody"] = _body(call.body)
    return found


_SECURITY: Final[Mapping[Access, list[Json]]] = {
    "anyone": [],
    "user": [{"cookie": []}, {"bearer": []}],
    "admin": [{"admin": []}, {"cookie": []}, {"bearer": []}],
}


# -- what is sent ------------------------------------------------------------------------------------------------------


def _path_parameters(path: str) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": _PATH_TYPES[kind or "str"]}
        for name, kind in re.findall(r"{(\w+)(?::(\w+))?}", path)
    ]


def _query(call: Call[Any], components: Mapping[str, Json]) -> list[Json]:
    if call.method != "GET" or call.body is NoBody:
        return []
    schema = components[call.body.__name__]
    return [
        {"name": name, "in": "query", "required": name in schema["required"], "schema": _not_null(each)}
        for name, each in schema["properties"].items()
    ]


def _not_null(schema: Json) -> Json:
    """The schema of a value that is left out where there is none: no query says null."""
    left = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    found = {name: value for name, value in schema.items() if not (name == "default" and value is None)}
    return {**left[0], **{k: v for k, v in found.items() if k != "anyOf"}} if len(left) == 1 else found


def _body(body: type[Any]) -> Json:
    if body is NoBody:
        schema: Json = {"type": "object", "additionalProperties": False}
        return {"required": False, "content": {_JSON: {"schema": schema}}}
    return {"required": True, "content": {_JSON: {"schema": {"$ref": _REF.format(name=body.__name__)}}}}


def _credentials(schema: Json, ways: Mapping[str, type[Any] | None]) -> Json:
    """For each way to sign in its own data, and how the session is to be carried."""
    carry = msgspec.json.schema(Carry) | {"default": "both"}
    return {
        "description": schema["description"],
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "provider": {"const": name},
                    "data": {"type": "object"} if data is None else {"$ref": _REF.format(name=data.__name__)},
                    "session": carry,
                },
                "required": ["provider", "data"],
                "additionalProperties": False,
            }
            for name, data in ways.items()
        ],
    }


# -- what is answered --------------------------------------------------------------------------------------------------


def _answers(told: Told) -> Json:
    found: Json = {}
    if told.redirects is not None:
        said = {"description": "The browser goes elsewhere.", "headers": {"location": {"schema": {"type": "string"}}}}
        found[str(told.redirects)] = {**said, "content": {_JSON: {"schema": {"type": "null"}}}}
    if not told.answers:
        return found
    refs = [{"$ref": _REF.format(name=shape.__name__)} for shape in told.answers]
    words = " Or: ".join(_without_numbers(inspect.cleandoc(shape.__doc__ or "")) for shape in told.answers)
    schema = refs[0] if len(refs) == 1 else {"anyOf": refs}
    return {**found, "200": {"description": words, "content": {told.media: {"schema": schema}}}}


def _refusals(call: Call[Any], told: Told) -> Json:
    """By status, the codes of what the call refuses."""
    found: dict[int, dict[str, str]] = {status: dict.fromkeys(codes, "") for status, codes in GATEWAY.items()}
    for error in (*_of_every(call), *told.refuses):
        found.setdefault(error.status, {}).setdefault(error.code, error().message)
    return {str(status): _refusal(found[status]) for status in sorted(found)}


def _of_every(call: Call[Any]) -> Iterable[type[AuthError]]:
    """What the reading of a request refuses, and who may not make the call."""
    yield from (InvalidBody, AccountsDown, InternalError)
    if call.method != "GET":
        yield from (BodyNotJson, BodyTooLarge)
    if call.access != "anyone":
        yield NotSignedIn
    if call.access == "admin":
        yield NotAllowed
    if "{" in call.path:
        yield UnknownCall


def _refusal(codes: Mapping[str, str]) -> Json:
    words = " ".join(f"`{code}`: {message}" for code, message in codes.items() if message)
    schema = {
        "allOf": [{"$ref": _REF.format(name="Problem")}, {"properties": {"code": {"enum": sorted(codes)}}}],
    }
    return {"description": words or "Refused.", "content": {_PROBLEM: {"schema": schema}}}
