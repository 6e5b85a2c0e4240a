import pytest
from app import create_app
from howdah.kit.orm import migrate


@pytest.fixture(scope="session")
def app():
    """An app on the database of the tests, whose tables the migrations make."""
    assert migrate.main(["upgrade"]) == 0
    return create_app()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def as_user():
    """What the gateway tells of somebody who is signed in."""
    return {"X-Hasura-Role": "user", "X-Hasura-User-Id": "7"}
