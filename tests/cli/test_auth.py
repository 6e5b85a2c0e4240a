"""`howdah auth keys`: the keys that access tokens are signed with."""

from __future__ import annotations

import pytest
from tests.cli.conftest import Here

from howdah.auth.keys import internal_token_keys
from howdah.auth.sealing import make_keyring
from howdah.kit.identity import read_keys
from howdah.project.secret_file import ensure_secrets, read_secrets


@pytest.fixture
def home(here: Here) -> Here:
    """A project with secrets of its own."""
    ensure_secrets(here.root)
    return here


def states(home: Here) -> dict[str, str]:
    listed = home.howdah("auth", "keys", "list", "--json").json["keys"]
    return {each["kid"]: each["state"] for each in listed}


def test_keys_are_listed_replaced_and_retired(home: Here) -> None:
    """R40: the first signs at once, the next is published before it does, a retired one is neither."""
    assert "no keys yet" in home.howdah("auth", "keys", "list").err
    first = home.howdah("auth", "keys", "rotate", "--json").json["kid"]
    assert states(home) == {first: "signs"}
    second = home.howdah("auth", "keys", "rotate", "--json").json["kid"]
    assert states(home) == {first: "signs", second: "published"}
    assert home.howdah("auth", "keys", "retire", first).code == 0
    third = (set(states(home)) - {first, second}).pop()
    assert states(home) == {first: "retired", second: "published", third: "signs"}
    table = home.howdah("auth", "keys", "list")
    assert table.code == 0
    assert "retired" in table.out
    again = home.howdah("auth", "keys", "retire", first)
    assert again.code != 0
    assert "retired already" in again.err


def test_a_key_that_leaked_is_replaced_at_once(home: Here) -> None:
    """R40: then the new one signs, and the old one is believed until it is retired."""
    first = home.howdah("auth", "keys", "rotate", "--json").json["kid"]
    second = home.howdah("auth", "keys", "rotate", "--at-once", "--json").json["kid"]
    assert states(home) == {first: "published", second: "signs"}


def test_a_service_is_given_the_key_that_the_gateway_signs_with(home: Here) -> None:
    """R36: each service has its own; a service that is not there has none."""
    (home.root / "howdah.toml").write_text(
        '[services.app]\nurl = "http://127.0.0.1:1"\n[services.bills]\nurl = "http://127.0.0.1:2"\n'
    )
    keys = {name: home.howdah("auth", "service-key", name).out.strip() for name in ("app", "bills")}
    secret = read_secrets(home.root, {}).secret_key
    assert secret is not None
    keyring = make_keyring(secret)
    assert keys["app"] != keys["bills"]
    assert {name: read_keys(key) for name, key in keys.items()} == {
        name: internal_token_keys(keyring, name) for name in keys
    }
    assert home.howdah("auth", "service-key", "other").code != 0
