"""The service on a real database: `howdah test services` makes one out of the migrations, and throws it away."""

import pytest
from app import app, db


@pytest.fixture
def client():
    return app.test_client()


def test_objects_are_added_listed_and_removed(client):
    added = client.post("/objects", json={"name": "lamp"})
    assert added.status_code == 201
    number = added.json["id"]
    assert {"id": number, "name": "lamp"}.items() <= client.get("/objects").json[-1].items()
    assert client.delete(f"/objects/{number}").status_code == 204
    assert client.delete(f"/objects/{number}").status_code == 404


def test_a_name_is_there_once(client):
    assert client.post("/objects", json={"name": "chair"}).status_code == 201
    assert client.post("/objects", json={"name": "chair"}).status_code == 409


def test_what_is_wrong_is_said_in_json(client):
    assert client.post("/objects", json={}).status_code == 422
    assert client.post("/objects", json={"name": "x", "more": 1}).status_code == 422
    assert client.put("/objects").status_code == 501
    assert client.put("/objects").json["code"]
    assert client.patch("/objects").status_code == 405


def test_functions_return_values(client):
    assert db.objects() == db.objects()
    assert isinstance(db.objects(), list)
