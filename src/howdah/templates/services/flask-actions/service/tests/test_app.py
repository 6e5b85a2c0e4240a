"""The service on a real database: `howdah test services` makes one out of the migrations, and throws it away."""

import pytest
from app import app
from howdah.kit.settings import main


@pytest.fixture
def call():
    def post(path, body, bearer="Bearer only-the-tests-know-this"):
        return app.test_client().post(path, json=body, headers={"Authorization": bearer} if bearer else {})

    return post


def test_a_user_is_added_once_and_renamed(call):
    first = call("/users/add", {"name": "Ann", "email": "ann@example.com"})
    again = call("/users/add", {"name": "Anna", "email": "ann@example.com"})
    assert (first.status_code, again.json["id"]) == (200, first.json["id"])
    assert [user["name"] for user in call("/users/find", {"name": "ANN"}).json] == ["Anna"]
    assert call("/users/rename", {"name": "Ann", "email": "ann@example.com"}).json == {"renamed": 1}
    assert call("/users/remove", {"email": "ann@example.com"}).json == {"removed": 1}


def test_all_are_added_or_none(call):
    users = [{"name": name, "email": f"{name}@example.com"} for name in ("ben", "cem", "dag")]
    assert call("/users/add_all", {"users": users}).json == {"added": 3}
    assert call("/users/add_all", {"users": [{"name": "eva", "email": "eva@example.com"}, users[0]]}).status_code == 409
    assert call("/users/find", {"name": "eva"}).json == []


def test_every_call_is_checked(call):
    assert call("/users/", {}).json is True
    assert call("/users/find", {}, bearer=None).status_code == 401
    assert call("/users/find", {}, bearer="Bearer something-else-entirely").status_code == 401


def test_what_is_wrong_is_said_in_json(call):
    assert call("/users/add", {"name": "x", "email": "no"}).status_code == 422
    assert call("/users/add", {"name": "x", "email": "x@example.com", "more": 1}).status_code == 422
    assert call("/users/nothing", {}).status_code == 404
    assert app.test_client().get("/users/find").status_code == 405
    assert call("/users/find", []).json["code"]


def test_the_template_of_the_settings_is_up_to_date():
    assert main(["app.settings:Settings", "--check", ".env.example"]) == 0
