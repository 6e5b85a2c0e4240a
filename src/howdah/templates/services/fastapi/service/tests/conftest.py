import pytest
from app.main import app
from fastapi.testclient import TestClient


@pytest.fixture(scope="session")
def client():
    """The app as it starts, on the database of the tests: its migrations make the tables."""
    with TestClient(app) as client:
        yield client


@pytest.fixture
def as_user():
    """What the gateway tells of somebody who is signed in."""
    return {"X-Hasura-Role": "user", "X-Hasura-User-Id": "7"}
