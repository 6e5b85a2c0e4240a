"""Authenticator apps and accounts with one, for tests of second factors."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from tests.auth.support import Client, Platform, Reply

from howdah.auth.totp import hotp, secret_from_text

PERIOD = 30


def a_name() -> str:
    return f"ann_{secrets.token_hex(4)}"


@dataclass
class App:
    """An authenticator app: it shows the code of now, or of so many half minutes from now."""

    secret: bytes

    def code(self, steps: int = 0) -> str:
        return hotp(self.secret, int(time.time()) // PERIOD + steps)


@dataclass
class Owner:
    """Somebody with a second factor: a client that is signed in, the app, and the recovery codes."""

    name: str
    id: int
    client: Client
    app: App
    recovery_codes: list[str] = field(default_factory=list)


def settled_clock() -> None:
    """A half minute does not end within the next few seconds."""
    left = PERIOD - time.time() % PERIOD
    if left < 4:
        time.sleep(left)


def set_up_app(client: Client, name: str = "telephone") -> tuple[App, Reply]:
    """An app that is not confirmed yet, and what was answered."""
    reply = client.post("/auth/v1/user/totp", {"name": name})
    assert reply.status == 200, reply.json
    secret = secret_from_text(reply.json["secret"])
    assert secret is not None
    return App(secret), reply


def an_owner(platform: Platform, **carried: str) -> Owner:
    """A new account with an app. The code before the current one was used up; those from now on are good."""
    name, client = a_name(), platform.client()
    signed_up = client.sign_up(name, **carried)
    assert signed_up.status == 200, signed_up.json
    app, _ = set_up_app(client)
    settled_clock()
    reply = client.post("/auth/v1/user/totp/confirm", {"code": app.code(-1)})
    assert reply.status == 200, reply.json
    return Owner(name, signed_up.json["hasura_id"], client, app, reply.json["recovery_codes"])


def pending(platform: Platform, owner: Owner, **more: str) -> str:
    """The token of a sign-in that lacks its second factor."""
    reply = platform.client().log_in(owner.name, **more)
    assert reply.status == 200, reply.json
    return str(reply.json["second_factor"]["token"])


def make_stale(platform: Platform, owner: Owner) -> None:
    """The owner's sessions showed a factor long ago."""
    platform.rows("update howdah_auth.sessions set proved_at = now() - interval '1 hour' where user_id = %s", owner.id)


def unused_code(platform: Platform, owner: Owner) -> str:
    """A code of now that was not used yet: as if half a minute had passed since the last."""
    platform.rows("update howdah_auth.totp_factors set last_counter = 0 where user_id = %s", owner.id)
    settled_clock()
    return owner.app.code()
