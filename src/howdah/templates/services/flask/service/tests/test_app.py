"""The service alone: `howdah test` runs these, and so does pytest in this folder."""

import pytest
from app import app


@pytest.fixture
def client():
    return app.test_client()


def test_it_greets(client):
    page = client.get("/")
    assert page.status_code == 200
    assert "Hello from howdah" in page.text


def test_it_knows_who_asks(client):
    assert client.get("/whoami").json["role"] is None
    told = client.get("/whoami", headers={"X-Hasura-Role": "user", "X-Hasura-User-Id": "7"})
    assert told.json == {"role": "user", "user_id": "7"}


def test_errors_are_json(client):
    assert client.get("/nowhere").status_code == 404
    assert client.get("/nowhere").json["code"] == "not-found"
    assert client.post("/whoami").status_code == 405
