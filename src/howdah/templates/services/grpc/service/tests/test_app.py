"""Front and back, over a socket of their own."""

import front
import pytest
from back import register
from client import ApiClient
from howdah.kit.grpc import ServerOptions
from howdah.kit.grpc.server import running


@pytest.fixture
def address(tmp_path_factory):
    return f"unix:{tmp_path_factory.mktemp('s')}/api.sock"


@pytest.fixture
def page(address, monkeypatch):
    monkeypatch.setattr(front, "api", ApiClient(address, behalf="nobody"))
    return lambda: front.app.test_client().get("/")


def test_the_page_shows_what_the_back_answers(address, page):
    with running(register, ServerOptions(address=address, anonymous=True)):
        shown = page()
    assert shown.status_code == 200
    assert "Hello world!" in shown.text
    assert shown.text.count("<li>") == 8


def test_a_back_that_is_away_is_said(page):
    shown = page()
    assert shown.status_code == 503
    assert "Not now" in shown.text
