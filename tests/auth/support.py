"""A platform with accounts, and clients that keep cookies as browsers do."""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.rows import dict_row
from tests.serving import ADMIN, SECRET, Served, project_of, served

from howdah.mail.mailbox import Mailbox, Received
from howdah.observe.secret import Secret
from howdah.project.sections import AuthSection, MailSection, Secrets

KEY = "Vq3-mR8z.Lk1w_Xn7t-Hs5yPd0-Bf2c_Gj4a-Tz6u.Ew9o"
COOKIE = "howdah-session"
PATIENT: Any = {"login_tries_per_address": 10_000, "signups_per_address": 10_000, "codes_per_address": 10_000}
"""Settings for tests, which all come from one address."""
DEVICE = f"{COOKIE}-device"
PASSWORD = "seven lilac otters dance"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name]

    @property
    def code(self) -> str:
        return str(self.json["code"])


@dataclass
class Client:
    """Somebody who calls the platform. Cookies it is given it shows again; ``fields`` it always sends."""

    url: str
    fields: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        fields: Mapping[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Reply:
        place = urlsplit(self.url)
        assert place.hostname is not None
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=60)
        sent = {**self.fields, **(fields or {})}
        if self.cookies and method != "GET":
            sent.setdefault("Origin", self.url)
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        if content:
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            reply = Reply(answer.status, answer.getheaders(), answer.read())
        finally:
            connection.close()
        for line in reply.values("set-cookie"):
            name, _, rest = line.partition("=")
            value = rest.split(";")[0]
            if "Max-Age=0" in line:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return reply

    def get(self, path: str, **fields: str) -> Reply:
        return self.send("GET", path, fields=fields)

    def post(self, path: str, body: Any = None, **fields: str) -> Reply:
        return self.send("POST", path, {} if body is None else body, fields=fields)

    def sign_up(self, username: str, password: str = PASSWORD, **more: Any) -> Reply:
        data = {"username": username, "password": password}
        return self.post("/auth/v1/signup", {"provider": "username", "data": data, **more})

    def log_in(self, username: str, password: str = PASSWORD, **more: Any) -> Reply:
        data = {"username": username, "password": password}
        return self.post("/auth/v1/login", {"provider": "username", "data": data, **more})

    def role(self, **fields: str) -> str:
        """The role that the gateway gives this client, or the status where it refuses it."""
        reply = self.send("POST", "/data/v1/query", {"type": "count", "args": {"table": "nothing"}}, fields)
        return str(reply.json)


@dataclass(frozen=True)
class Platform:
    """A platform with accounts, its database, and whoever calls it."""

    served: Served
    dsn: str
    mailbox: Mailbox

    @property
    def url(self) -> str:
        return self.served.url

    def client(self, **fields: str) -> Client:
        return Client(self.url, fields)

    def admin(self) -> Client:
        return Client(self.url, dict(ADMIN))

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What the owner of the database sees. Of what is changed the platform has heard."""
        with psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row) as connection:
            cursor = connection.execute(query.encode(), values)
            found = cursor.fetchall() if cursor.description is not None else []
        if self.served.application.auth is not None:
            self.served.run(self.served.application.auth.settled())
        return found

    def mail(self, to: str, *, beyond: int = 0) -> Received:
        """The newest message to this address or number, once there are more than ``beyond``; it waits for that."""
        deadline = time.monotonic() + 20
        while len(found := self.mails(to)) <= beyond:
            assert time.monotonic() < deadline, f"no message to {to} within 20 s"
            time.sleep(0.02)
        return found[0]

    def mails(self, to: str) -> list[Received]:
        """The messages to this address or number that have arrived, the newest first."""
        return [one for one in self.mailbox.messages() if one.to == to]

    def events(self, user_id: int | None = None) -> list[str]:
        """What the audit has noted, of a user or of all."""
        rows = self.rows("select event, user_id from howdah_auth.audit order by id")
        return [row["event"] for row in rows if user_id is None or row["user_id"] == user_id]


@contextmanager
def platform_on(dsn: str, *, port: int = 0, **sections: Any) -> Iterator[Platform]:
    """A platform with accounts on this database; ``sections`` as a Project has them."""
    given: dict[str, Any] = {
        "auth": AuthSection(**PATIENT),
        "secrets": Secrets(Secret(SECRET), Secret(KEY)),
    }
    with tempfile.TemporaryDirectory(prefix="mailbox-") as folder:
        given["mail"] = MailSection(url=Secret(f"mailbox://{folder}"), sms_url=Secret(f"mailbox://{folder}"))
        with served(project_of(dsn, **(given | sections)), port=port) as running:
            yield Platform(running, dsn, Mailbox(Path(folder)))
