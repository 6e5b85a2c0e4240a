"""What only FastAPI has: an OpenAPI document, its page, names of operations, camelCase at the edge."""

from __future__ import annotations

import asyncio
import json
import re
import warnings
from pathlib import Path
from typing import Annotated, Any

import fastapi
import pydantic
import pytest
from fastapi.testclient import TestClient
from tests.kit.servers import service

from howdah.kit import current
from howdah.kit.camel import CamelModel
from howdah.kit.cors import Cors
from howdah.kit.errors import DuplicateOperation, NotConfigured
from howdah.kit.fastapi import Caller, Howdah, accepts, allow, allowed, validate
from howdah.kit.fastapi_docs import check_operations
from howdah.kit.openapi import embedded
from howdah.kit.service import Options

HERE = Path(__file__).parent


class Person(CamelModel):
    first_name: str
    born_in: int | None = None


def made(**options: Any) -> fastapi.FastAPI:
    app = fastapi.FastAPI(title="People")
    Howdah(app, **options)
    return app


def test_camel_case_at_the_edge_and_snake_case_in_python() -> None:
    """Read and answered as clients write it; Python, and whoever sends Python's names, has the other."""
    app = made()
    seen = []

    @app.post("/people")
    async def add_person(person: Person) -> Person:
        seen.append(person)
        return person

    client = TestClient(app)
    for body in ({"firstName": "Ann", "bornIn": 1990}, {"first_name": "Ann", "born_in": 1990}):
        assert client.post("/people", json=body).json() == {"firstName": "Ann", "bornIn": 1990}
    assert seen[0] == Person(first_name="Ann", born_in=1990)
    assert seen[0].model_dump() == {"first_name": "Ann", "born_in": 1990}
    problem = client.post("/people", json={"bornIn": "x"}).json()["problems"]
    assert {one["path"] for one in problem} == {"$.firstName", "$.bornIn"}
    assert app.openapi()["components"]["schemas"]["Person"]["properties"].keys() == {"firstName", "bornIn"}


def test_operations_are_called_like_their_functions() -> None:
    """Also those of a router that is included; one function for two methods is two operations."""
    app = made()
    router = fastapi.APIRouter(prefix="/more")

    @app.get("/people")
    async def list_people() -> list[Person]:
        return []

    @router.get("/people")
    async def list_more_people() -> list[Person]:
        return []

    @app.api_route("/both", methods=["PUT", "PATCH"])
    async def change() -> None: ...

    app.include_router(router)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FastAPI's own, about the two methods
        paths = app.openapi()["paths"]
    ids = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert ids == {"list_people", "list_more_people", "change_put", "change_patch"}
    check_operations(app)


def test_two_operations_of_one_name_do_not_start(tmp_path: Path) -> None:
    """A client made of the document would lack one."""
    app = made()
    for path in ("/a", "/b"):

        async def same() -> None: ...

        app.get(path)(same)
    with pytest.raises(DuplicateOperation, match="same is GET /a and GET /b"):
        check_operations(app)
    (tmp_path / "twice.py").write_text(
        "import fastapi\nfrom howdah.kit.fastapi import Howdah\napp = fastapi.FastAPI()\nHowdah(app)\n"
        "@app.get('/a')\nasync def same(): ...\n@app.get('/b', name='same')\nasync def other(): ...\n"
    )
    command = ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "$PORT", "twice:app"]
    with pytest.raises(AssertionError, match="same is GET /a and GET /b"), service(command, tmp_path, tmp_path / "log"):
        pass


def test_the_document_knows_what_validate_checks_and_what_errors_look_like() -> None:
    """Files of JSON Schema with their references, queries, models; and no error of FastAPI's own shape."""
    app = made()

    @app.post("/foss")
    @validate(body={"type": "object", "properties": {"n": {"$ref": "#/$defs/n"}}, "$defs": {"n": {"type": "integer"}}})
    async def add_foss(body: Any) -> None: ...

    @app.get("/foss")
    @validate(query=Person)
    async def list_foss(query: Any) -> None: ...

    @app.get("/one/{number}")
    async def one(number: int) -> None: ...

    document = json.loads(TestClient(app).get("/openapi.json").text)
    schemas = document["components"]["schemas"]
    assert schemas["add_foss_body"]["properties"]["n"] == {"$ref": "#/components/schemas/add_foss_body/$defs/n"}
    body = document["paths"]["/foss"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/add_foss_body"}
    assert [one["name"] for one in document["paths"]["/foss"]["get"]["parameters"]] == ["firstName", "bornIn"]
    assert "HTTPValidationError" not in schemas
    invalid = document["paths"]["/one/{number}"]["get"]["responses"]["422"]["content"]["application/json"]["schema"]
    assert invalid == {"$ref": "#/components/schemas/Error"}
    assert app.openapi() is app.openapi()
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))
    for reference in references:
        at: Any = document
        for part in reference.split("/"):
            at = at[part]


def test_a_schema_that_refers_to_another_in_circles_can_be_written() -> None:
    """It ends."""
    assert embedded({"$ref": "a.json"}, None, lambda _: {"a": {"$ref": "a.json"}}) == {"a": {}}


def test_the_page_of_the_api_needs_nothing_from_elsewhere() -> None:
    """No address of another host in it, and a policy that would not let it ask one."""
    app = made()
    client = TestClient(app)
    for path in ("/docs", "/redoc"):
        answer = client.get(path, headers={"X-Forwarded-Prefix": "/shop"})
        assert '"/shop/openapi.json"' in answer.text
        assert not re.findall(r"https?://|//cdn|@import", answer.text)
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "connect-src 'self'" in answer.headers["content-security-policy"]
    assert client.get("/openapi.json", headers={"X-Forwarded-Prefix": "/shop"}).json()["servers"] == [{"url": "/shop"}]
    for hidden in (fastapi.FastAPI(docs_url=None, redoc_url=None), fastapi.FastAPI(openapi_url=None)):
        Howdah(hidden)
        assert TestClient(hidden).get("/docs").status_code == 404
    assert "swagger" in TestClient(made(docs=False)).get("/docs").text.lower()


def test_a_router_may_be_for_some_roles_only() -> None:
    """As a dependency; and the caller may be an argument."""
    app = made()
    router = fastapi.APIRouter(dependencies=[allowed("editor")])

    @router.get("/mine")
    async def mine(caller: Caller) -> str:
        return caller.role

    @router.get("/sync")
    @allow("editor")
    def in_a_thread(number: int = 1) -> str:
        return f"{current.session.role} {number}"

    app.include_router(router)
    client = TestClient(app)
    assert client.get("/mine").status_code == 401
    assert client.get("/mine", headers={"X-Hasura-Role": "user"}).status_code == 403
    editor = {"X-Hasura-Role": "editor"}
    assert (client.get("/mine", headers=editor).json(), client.get("/sync?number=2", headers=editor).json()) == (
        "editor",
        "editor 2",
    )
    assert not app.openapi()["paths"]["/mine"]["get"].get("parameters")


def test_websockets_have_a_caller_too() -> None:
    """The same `current`; whoever came around the gateway is not let in (test_identity.py has the key)."""
    app = made()

    @app.websocket("/ws")
    async def echo(socket: fastapi.WebSocket) -> None:
        await socket.accept()
        await socket.send_text(f"{current.session.role} {current.request_id}")
        await socket.close()

    headers = {"X-Hasura-Role": "user", "X-Request-Id": "ws-1"}
    with TestClient(app).websocket_connect("/ws", headers=headers) as socket:
        assert socket.receive_text() == "user ws-1"


def test_what_others_add_to_the_app_is_inside_the_kit() -> None:
    """A middleware that was added after the kit: what it refuses has an id, what it breaks is answered in JSON."""
    app = made()

    @app.middleware("http")
    async def odd(request: fastapi.Request, call_next: Any) -> Any:
        if request.url.path == "/refused":
            return fastapi.Response("no", 403)
        if request.url.path == "/broken":
            raise ZeroDivisionError
        return await call_next(request)

    client = TestClient(app)
    assert client.get("/refused").headers["x-request-id"]
    broken = client.get("/broken")
    assert (broken.status_code, broken.json()["code"]) == (500, "internal")


def test_form_and_upload_are_taken_where_an_endpoint_has_them() -> None:
    """Without saying so; beside them what `accepts` says."""
    app = made()

    @app.post("/upload")
    async def upload(file: fastapi.UploadFile, name: Annotated[str, fastapi.Form()]) -> str:
        return f"{name} {len(await file.read())}"

    @app.post("/raw")
    @accepts("application/octet-stream")
    async def raw(request: fastapi.Request) -> int:
        return len(await request.body())

    client = TestClient(app)
    assert client.post("/upload", files={"file": b"12345"}, data={"name": "a"}).json() == "a 5"
    assert client.post("/raw", content=b"123", headers={"Content-Type": "application/octet-stream"}).json() == 3
    assert client.post("/raw", content=b"123", headers={"Content-Type": "image/png"}).status_code == 415


def test_each_piece_can_be_done_without() -> None:
    """And the rest still works."""
    app = made(json_only=False, compress=False, metrics=False, traces=False, docs=False, logs=False)

    @app.post("/raw")
    async def raw(request: fastapi.Request) -> int:
        return len(await request.body())

    client = TestClient(app)
    assert client.post("/raw", content=b"123", headers={"Content-Type": "image/png"}).json() == 3
    assert client.get("/-/metrics").status_code == 404
    assert client.get("/-/ready").json() == {"status": "ok"}


@pytest.mark.parametrize("path", ["shop", "//shop", "/shop/", "/a b", "/../x"])
def test_a_root_path_is_one(path: str) -> None:
    with pytest.raises(NotConfigured):
        Options(root_path=path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"origins": ["*"], "credentials": True},
        {"origins": ["*", "https://a.example"]},
        {"origins": ["a.example"]},
        {"origins": ["https://a.example/"]},
        {"origins": "https://a.example"},
    ],
)
def test_cors_that_would_let_everybody_in_is_refused(wrong: dict[str, Any]) -> None:
    """Never every origin with credentials."""
    assert Cors(["https://a.example"], credentials=True)
    with pytest.raises(NotConfigured):
        Cors(**wrong)


def test_a_check_that_hangs_is_late_and_not_asked_twice() -> None:
    """The others are asked beside it; the service answers within the deadline."""
    import threading

    stop = threading.Event()
    asked = []

    def hangs() -> None:
        asked.append(1)
        stop.wait(30)

    async def slow() -> None:
        await asyncio.sleep(30)

    app = made(checks={"hangs": hangs, "slow": slow, "fine": lambda: None}, check_timeout=0.2)
    client = TestClient(app)
    try:
        for _ in range(2):
            answer = client.get("/-/ready")
            assert answer.json() == {
                "status": "failed",
                "checks": {"hangs": "timed out", "slow": "timed out", "fine": "ok"},
            }
        assert len(asked) == 1
    finally:
        stop.set()


def test_a_model_is_what_an_action_may_answer() -> None:
    """A model of pydantic is written with the clients' names, wherever the kit writes JSON."""
    from howdah.kit.json_values import dumps

    assert json.loads(dumps({"person": Person(first_name="Ann")})) == {"person": {"firstName": "Ann", "bornIn": None}}
    assert pydantic.TypeAdapter(Person).validate_python({"firstName": "Ann"}).first_name == "Ann"
