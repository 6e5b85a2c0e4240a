"""The service on a real database: `howdah test services` makes one, and throws it away."""

from howdah.kit.orm import migrate
from howdah.kit.settings import main as settings_template


def test_a_note_from_the_first_to_the_last_day(client, as_user):
    added = client.post("/notes", json={"title": " Milk "}, headers=as_user)
    assert added.status_code == 201
    note = added.json()
    assert (note["title"], note["createdBy"], note["body"]) == ("Milk", "7", "")
    assert client.get(f"/notes/{note['id']}").json() == note
    assert client.get("/notes?search=mil&limit=1").json() == {"total": 1, "items": [note]}
    changed = client.patch(f"/notes/{note['id']}", json={"body": "two bottles"}, headers=as_user).json()
    assert (changed["title"], changed["body"]) == ("Milk", "two bottles")
    assert client.delete(f"/notes/{note['id']}", headers=as_user).status_code == 403
    assert client.delete(f"/notes/{note['id']}", headers={**as_user, "X-Hasura-Role": "admin"}).status_code == 204
    assert client.get(f"/notes/{note['id']}").status_code == 404


def test_nobody_writes_without_signing_in(client):
    assert client.post("/notes", json={"title": "x"}).status_code == 401


def test_what_is_wrong_is_said_in_one_shape(client, as_user):
    refused = client.post("/notes", json={"title": ""}, headers=as_user)
    assert refused.status_code == 422
    assert {"code", "message", "problems"} <= refused.json().keys()
    assert client.get("/notes?limit=101").status_code == 422
    assert client.get("/nowhere").json()["code"] == "not-found"


def test_echoes(client, as_user):
    assert client.get("/ext/echo?text=hi", headers=as_user).json() == {"text": "hi", "askedBy": "user"}
    with client.websocket_connect("/ws") as socket:
        socket.send_text("hi")
        assert socket.receive_text() == "hi"


def test_operations_are_called_as_their_functions(client):
    document = client.get("/openapi.json").json()
    called = {one["operationId"] for path in document["paths"].values() for one in path.values()}
    assert {"list_notes", "add_note", "get_note", "change_note", "remove_note", "echo"} <= called
    assert "createdAt" in document["components"]["schemas"]["ShownNote"]["properties"]
    assert client.get("/docs").status_code == 200


def test_its_health_asks_the_database(client):
    assert client.get("/-/health").json()["status"] == "ok"


def test_no_migration_is_missing(client, capsys):
    assert migrate.main(["revision", "-m", "missing"]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_the_template_of_the_settings_is_up_to_date():
    assert settings_template(["app.settings:Settings", "--check", ".env.example"]) == 0
