"""The ready pages, used as people use them: forms, keys, the mailbox, and an authenticator that Chromium plays."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.auth.support import PASSWORD, PATIENT, Platform, platform_on
from tests.browser import Page
from tests.e2e.product import free_port
from tests.support import Cluster

from howdah.auth.totp import counter_at, hotp, secret_from_text
from howdah.project.sections import AuthSection, ServerSection

SHOTS = os.environ.get("HOWDAH_TEST_SCREENSHOTS")
"""A folder for pictures of the pages, for whoever wants to look at them."""

LOG_IN = "form:has(#name) button:not([aria-label])"
PASSKEY = "form[data-passkey] button"


def a_name() -> str:
    return f"ann_{secrets.token_hex(4)}"


@dataclass(frozen=True)
class Place:
    """A platform whose pages are at the address that its links have: ``http://localhost:<port>``."""

    platform: Platform
    url: str

    def ui(self, name: str) -> str:
        return f"{self.url}/auth/ui/{name}"

    def link(self, address: str, page: str, *, beyond: int = 0) -> str:
        """The link to a page in the newest mail to an address; it waits for more than ``beyond`` mails."""
        text = self.platform.mail(address, beyond=beyond).text
        found = next((word for word in text.split() if f"/auth/ui/{page}" in word and "#token=" in word), None)
        assert found is not None, text
        return found


@contextmanager
def place(cluster: Cluster, *, host: str = "localhost", **auth: Any) -> Iterator[Place]:
    """A platform that browsers reach as localhost, which passkeys need; ``auth`` are settings of accounts."""
    name, port = f"pages_{secrets.token_hex(4)}", free_port()
    url = f"http://{host}:{port}"
    section = AuthSection(**{**PATIENT, "codes_per_identity": 100, **auth})
    try:
        with platform_on(
            cluster.create_database(name), port=port, auth=section, server=ServerSection(public_url=url, domain=host)
        ) as running:
            yield Place(running, url)
    finally:
        cluster.drop_database(name)


def keep(page: Page, name: str) -> None:
    """Pictures of the page, where somebody wants them: light, dark, and on a telephone."""
    if SHOTS:
        for kind, width, dark in (("light", 1000, False), ("dark", 1000, True), ("narrow", 360, False)):
            page.looks(width=width, dark=dark)
            page.screenshot(Path(SHOTS) / f"{name}-{kind}.png")
        page.looks()


def is_at(page: Page, name: str) -> None:
    page.wait(f"location.pathname === '/auth/ui/{name}' && document.readyState === 'complete'")


def sign_up(page: Page, at: Place, name: str | None = None) -> str:
    """An account by the form; its own page is shown."""
    name = name or a_name()
    page.go(at.ui("signup"))
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.leave_by("form[action$='/signup'] button:not([aria-label])")
    is_at(page, "account")
    return name


def log_in(page: Page, at: Place, name: str, password: str = PASSWORD) -> None:
    """The form is filled in and sent."""
    page.go(at.ui("login"))
    page.fill("#name", name)
    page.fill("#password", password)
    page.leave_by(LOG_IN)


def log_out(page: Page, at: Place) -> None:
    """By the button of the account's page."""
    page.go(at.ui("account"))
    page.leave_by("form[action$='/logout'] button")
    is_at(page, "login")


def code_of(secret: str, *, steps: int = 0) -> str:
    """What an app shows, some steps from now; never of a step that is about to end."""
    if (left := 30 - time.time() % 30) < 4:
        time.sleep(left)
    key = secret_from_text(secret)
    assert key is not None
    return hotp(key, counter_at(datetime.now(UTC) + timedelta(seconds=30 * steps)))


def set_up_app(page: Page) -> tuple[str, list[str]]:
    """From the account's page: the key of the app, and the recovery codes that are shown."""
    page.leave_by("form[action$='/account/totp'] button")
    page.click("details summary")
    secret = page.text("#secret")
    page.fill("#code", code_of(secret))
    page.leave_by("form[action$='/totp-confirm'] button")
    return secret, page.run("[...document.querySelectorAll('#recovery-codes code')].map((each) => each.innerText)")


@dataclass(frozen=True)
class Device:
    """An authenticator that Chromium plays, as its DevTools have it (WebAuthn domain)."""

    page: Page
    id: str

    def verifies(self, does: bool) -> None:
        """Whether it knows its owner when it is asked to."""
        self.page.ask("WebAuthn.setUserVerified", authenticatorId=self.id, isUserVerified=does)

    def is_touched(self, does: bool) -> None:
        """Whether somebody is there who agrees to whatever is asked."""
        self.page.ask("WebAuthn.setAutomaticPresenceSimulation", authenticatorId=self.id, enabled=does)

    @property
    def passkeys(self) -> list[dict[str, Any]]:
        """What it holds."""
        found: list[dict[str, Any]] = self.page.ask("WebAuthn.getCredentials", authenticatorId=self.id)["credentials"]
        return found

    def remove(self) -> None:
        """It is not at hand any more."""
        self.page.ask("WebAuthn.removeVirtualAuthenticator", authenticatorId=self.id)


def a_device(page: Page, **options: Any) -> Device:
    """A new one: in the machine, with a place for passkeys, knowing its owner."""
    page.ask("WebAuthn.enable", enableUI=False)
    given = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
        **options,
    }
    return Device(page, page.ask("WebAuthn.addVirtualAuthenticator", options=given)["authenticatorId"])
