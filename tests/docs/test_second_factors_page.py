"""docs/second-factors.md: its requests, sent one after the other, are answered as it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.auth.authenticator import Authenticator
from tests.auth.factors import App, a_name, settled_clock
from tests.auth.support import PASSWORD, Client, Platform, platform_on

from howdah.auth.totp import secret_from_text
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import Secrets

PAGE = (Path(__file__).parents[2] / "docs" / "second-factors.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXCHANGES = [text for kind, text in BLOCK.findall(PAGE) if kind == "http"]


def is_like(said: Any, answered: Any) -> bool:
    """Whether an answer is what the page says, which leaves out members, and texts where it has ``…``."""
    match said:
        case str() if "…" in said:
            return said == "…" or (isinstance(answered, str) and answered.startswith(said.partition("…")[0]))
        case dict():
            return isinstance(answered, dict) and all(is_like(said[key], answered.get(key)) for key in said)
        case ["…"]:
            return isinstance(answered, list) and bool(answered)
        case list():
            return isinstance(answered, list) and len(said) == len(answered) and all(map(is_like, said, answered))
    return bool(said == answered)


class Reader:
    """Somebody who sends the requests of the page from the first to the last, and remembers what was answered."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.client, self.name = platform, platform.client(), a_name()
        self.user = self.client.sign_up(self.name).json["hasura_id"]
        auth = platform.served.application.auth
        assert auth is not None
        self.device = Authenticator(auth.site.url)
        self.answers: dict[str, Any] = {}
        self.app = App(b"")
        self.last_code = ""

    def code(self) -> str:
        """A code that was not used: as if half a minute had passed."""
        self.platform.rows("update howdah_auth.totp_factors set last_counter = 0")
        settled_clock()
        self.last_code = self.app.code()
        return self.last_code

    def begun(self) -> str:
        return str(self.platform.client().log_in(self.name).json["second_factor"]["token"])

    def fill(self, value: Any) -> Any:
        """What is sent where the page has ``<…>``."""
        fillings: dict[str, Callable[[], Any]] = {
            "<name>": lambda: self.name,
            "<password>": lambda: PASSWORD,
            "<user>": lambda: self.user,
            "<code>": self.code,
            "<the same code>": lambda: self.last_code,
            "<token>": lambda: self.answers["/auth/v1/login"]["second_factor"]["token"],
            "<another token>": self.begun,
            "<factor>": lambda: self.answers["/auth/v1/user/factors"]["totp"][0]["id"],
            "<made>": lambda: self.device.make(self.answers["/auth/v1/user/passkey/options"]),
            "<shown>": lambda: self.device.show(self.answers["/auth/v1/login/passkey/options"]),
        }
        match value:
            case str() if value in fillings:
                return fillings[value]()
            case dict():
                return {key: self.fill(inner) for key, inner in value.items()}
        return value

    def send(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        client: Client = self.client
        if "/admin/" in path:
            client = self.platform.admin()
        elif "/login" in path:
            client = self.platform.client()
        reply = client.send(method, path, self.fill(body))
        if path.endswith("reset-factors"):
            self.client.log_in(self.name)
        if path == "/auth/v1/user/totp":
            self.app = App(secret_from_text(reply.json["secret"]) or b"")
        self.answers[path] = reply.json
        return reply.status, reply.json


def test_the_page_is_true_from_the_first_request_to_the_last(database: str) -> None:
    """With one account; where the page says that time has passed, it has."""
    with platform_on(database) as platform:
        reader = Reader(platform)
        for exchange in EXCHANGES:
            asked, _, answered = exchange.partition("\n\n")
            line, _, body = asked.partition("\n")
            method, path = line.split()
            status, _, said = answered.partition("\n")
            if status == "403":
                platform.rows("update howdah_auth.sessions set proved_at = now() - interval '11 minutes'")
            found = reader.send(method, path, json.loads(body) if body else None)
            assert found[0] == int(status), (line, found)
            assert is_like(json.loads(said), found[1]), (line, found)


@pytest.mark.parametrize("toml", [text for kind, text in BLOCK.findall(PAGE) if kind == "toml"])
def test_every_setting_of_the_page_is_taken(toml: str, tmp_path: Path) -> None:
    """It is read as it stands there."""
    read = parse_project(Sources(toml), root=tmp_path, secrets=Secrets())
    assert read.auth.passkey_domain == "shop.example"
