"""The ready pages, as a browser without scripts has them: forms, and where they lead."""

from __future__ import annotations

import re
import secrets
import time
from base64 import b32decode
from html import unescape
from urllib.parse import quote, urlencode

import pytest
from tests.auth.support import COOKIE, PASSWORD, Client, Platform, Reply, platform_on

from howdah.auth.pages.browsers import browser_name
from howdah.auth.totp import hotp
from howdah.project.sections import AuthSection, ServerSection


def a_name() -> str:
    return f"ann_{secrets.token_hex(4)}"


def submit(client: Client, path: str, **form: str) -> Reply:
    """A form, sent as browsers do."""
    fields = {"Content-Type": "application/x-www-form-urlencoded", "Origin": client.url}
    return client.send("POST", f"/auth/ui/{path}", raw=urlencode(form).encode(), fields=fields)


def followed(client: Client, reply: Reply) -> Reply:
    """Where the answer to a form leads."""
    assert reply.status == 303, text(reply)
    (location,) = reply.values("location")
    return client.get(location)


def text(reply: Reply) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", reply.body.decode()))


def signed_up(platform: Platform) -> tuple[Client, str]:
    client, name = platform.client(), a_name()
    assert submit(client, "signup", name=name, password=PASSWORD).status == 303
    return client, name


def test_somebody_signs_up_leaves_and_comes_back(platform: Platform) -> None:
    """303 to where they wanted to be, with a cookie and without a token in any page."""
    client, name = signed_up(platform)
    page = client.get("/auth/ui/account")
    assert page.status == 200
    assert name in text(page)
    left = submit(client, "logout")
    assert (left.status, left.values("location"), COOKIE in client.cookies) == (
        303,
        ["/auth/ui/login?done=left"],
        False,
    )
    asked = client.get("/auth/ui/account")
    assert asked.values("location") == ["/auth/ui/login?redirect_url=%2Fauth%2Fui%2Faccount"]
    back = submit(client, "login", name=name, password=PASSWORD, redirect_url="/shop?page=2")
    assert (back.status, back.values("location"), COOKIE in client.cookies) == (303, ["/shop?page=2"], True)
    assert client.get("/auth/ui/login").values("location") == ["/auth/ui/account"]


def test_a_known_browser_is_known_on_the_page_too(platform: Platform) -> None:
    """R10: what strangers do locks nobody out of the form on a browser they have used before."""
    client, name = signed_up(platform)
    submit(client, "logout")
    for _ in range(6):
        locked = submit(platform.client(), "login", name=name, password="seven lilac otters sing")
    assert locked.status == 429
    assert submit(platform.client(), "login", name=name, password=PASSWORD).status == 429
    assert submit(client, "login", name=name, password=PASSWORD).status == 303


def test_what_is_wrong_is_said_on_the_page(platform: Platform) -> None:
    """With the status it is, the name as it was typed, and never the password."""
    name = a_name()
    for path, status, said in (("login", 401, "password is not right"), ("signup", 400, "fewer than 15 characters")):
        reply = submit(platform.client(), path, name=name, password="not this <b>")
        assert reply.status == status
        assert 'role="alert"' in reply.body.decode()
        assert name in reply.body.decode()
        assert "not this" not in reply.body.decode()
        assert said in text(reply)
        assert re.search(r'<input id="password"[^>]* aria-invalid="true"', reply.body.decode())
    hostile = submit(platform.client(), "login", name='"><script>alert(1)</script>', password="x")
    assert b"<script>alert" not in hostile.body


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example"]
)
def test_nobody_is_sent_elsewhere(platform: Platform, wanted: str) -> None:
    """R57: neither by the address nor by the form."""
    client, name = signed_up(platform)
    submit(client, "logout")
    assert client.get(f"/auth/ui/login?redirect_url={quote(wanted, safe='')}").status == 400
    assert submit(client, "login", name=name, password=PASSWORD, redirect_url=wanted).status == 400


def test_pages_are_kept_nowhere_framed_nowhere_and_run_nothing_else(platform: Platform) -> None:
    """R18, R56: the policy, the referrer, the cache; one policy and not two."""
    reply = platform.client().get("/auth/ui/login")
    (policy,) = reply.values("content-security-policy")
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert reply.values("referrer-policy") == ["same-origin"]  # without TLS; see below
    assert reply.values("cache-control") == ["no-store"]
    assert b"style=" not in reply.body
    for file, kind in re.findall(r'(?:href|src)="(/auth/ui/[a-z]+\.(css|js)\?v=[0-9a-f]+)"', reply.body.decode()):
        sent = platform.client().get(file)
        assert (sent.status, "immutable" in sent.values("cache-control")[0]) == (200, True)
        assert sent.values("content-type") == [f"text/{'css' if kind == 'css' else 'javascript'}; charset=utf-8"]


def test_forms_of_other_sites_do_nothing(platform: Platform) -> None:
    """R53: neither signing in nor out, with a cookie or without."""
    client, name = signed_up(platform)
    raw = urlencode({"name": name, "password": PASSWORD}).encode()
    fields = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://evil.example"}
    for path in ("login", "logout", "signup"):
        assert client.send("POST", f"/auth/ui/{path}", raw=raw, fields=fields).status == 403
    assert client.get("/auth/ui/account").status == 200
    json = client.send("POST", "/auth/ui/login", {"name": name}, {"Origin": client.url})
    assert json.status == 415


def test_a_page_has_what_shows_that_a_form_is_its_own(platform: Platform) -> None:
    """R52, R53: the session's token, in a field or a header, where a browser says nothing of the page; no other's."""
    client, _ = signed_up(platform)
    stranger, _ = signed_up(platform)
    token = csrf_token(client)
    kind = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    bare = platform.client()  # it keeps no cookies, so it adds no Origin
    answers = {
        "nothing": bare.send("POST", "/auth/ui/account/end-others", raw=b"sure=1", fields=kind),
        "another's": send_with(bare, kind, csrf_token(stranger)),
        "its own": send_with(bare, kind, token),
        "a header": bare.send("POST", "/auth/ui/account/end-others", raw=b"", fields={**kind, "X-CSRF-Token": token}),
        "the API": bare.send(
            "POST", "/auth/v1/user/end-session", {}, {"Cookie": kind["Cookie"], "X-CSRF-Token": token}
        ),
        "the API without": bare.send("POST", "/auth/v1/user/end-session", {}, {"Cookie": kind["Cookie"]}),
    }
    assert {name: reply.status for name, reply in answers.items()} == {
        "nothing": 403,
        "another's": 403,
        "its own": 303,
        "a header": 303,
        "the API": 200,
        "the API without": 403,
    }
    assert "csrf_token" not in platform.client().get("/auth/ui/login").body.decode()


def csrf_token(client: Client) -> str:
    found = set(re.findall(r'name="csrf_token" value="([0-9a-f]{64})"', client.get("/auth/ui/account").body.decode()))
    assert len(found) == 1
    return str(found.pop())


def send_with(client: Client, fields: dict[str, str], token: str) -> Reply:
    return client.send("POST", "/auth/ui/account/end-others", raw=f"csrf_token={token}".encode(), fields=fields)


def test_behind_tls_nobody_is_told_where_a_page_was(database: str) -> None:
    """R18, R32: no-referrer there, where browsers say in another way which page a form is from."""
    server = ServerSection(public_url="https://shop.test", domain="shop.test")
    with platform_on(database, server=server) as platform:
        reply = platform.client().get("/auth/ui/login", Host="shop.test")
        assert (reply.status, reply.values("referrer-policy")) == (200, ["no-referrer"])


def test_an_authenticator_app_is_set_up_and_asked_for(platform: Platform) -> None:
    """The key and picture once, recovery codes once; then a sign-in needs a code, or one of those."""
    client, name = signed_up(platform)
    setup = submit(client, "account/totp")
    found = re.search(r'<code id="secret">([A-Z2-7 ]+)</code>', setup.body.decode())
    assert found is not None
    assert "data:image/svg+xml" in setup.body.decode()
    secret = found[1].replace(" ", "")
    assert submit(client, "account/totp-confirm", code="000000").status in (400, 401)
    done = submit(client, "account/totp-confirm", code=code_of(secret))
    codes = re.findall(r"<li><code>([^<]+)</code></li>", done.body.decode())
    assert (done.status, len(codes)) == (200, 10)
    assert "Added" in text(client.get("/auth/ui/account"))

    other = platform.client()
    owed = submit(other, "login", name=name, password=PASSWORD, redirect_url="/shop")
    assert (owed.status, other.cookies) == (200, {})
    token = re.search(r'name="token" value="([^"]+)"', owed.body.decode())
    assert token is not None
    wrong = submit(other, "second-factor", token=token[1], code="000000")
    assert (wrong.status, 'role="alert"' in wrong.body.decode(), other.cookies) == (401, True, {})
    entered = submit(other, "second-factor", token=token[1], recovery_code=codes[0], redirect_url="/shop")
    assert (entered.status, entered.values("location"), COOKIE in other.cookies) == (303, ["/shop"], True)


def code_of(secret: str) -> str:
    return hotp(b32decode(secret + "=" * (-len(secret) % 8)), int(time.time()) // 30)


def test_a_password_is_changed_and_a_session_ended(platform: Platform) -> None:
    """On the account's page; what was wrong is said there."""
    client, name = signed_up(platform)
    laptop = platform.client()
    laptop.log_in(name)
    listed = client.get("/auth/ui/account").body.decode()
    found = re.search(r'name="session_id" value="([^"]+)"', listed)
    assert found is not None
    assert "That session is over" in text(followed(client, submit(client, "account/end-session", session_id=found[1])))
    assert laptop.get("/auth/v1/user/info").status == 401
    new = "nine amber foxes asleep"
    assert submit(client, "account/password", old_password="wrong", new_password=new).status == 401
    changed = followed(client, submit(client, "account/password", old_password=PASSWORD, new_password=new))
    assert "Your password is changed" in text(changed)
    assert client.get("/auth/ui/account").status == 200
    assert platform.client().log_in(name, new).status == 200


def test_a_link_of_an_administrators_lets_somebody_choose_a_password(platform: Platform) -> None:
    """R17: once; then the page to log in."""
    admin, name = platform.admin(), a_name()
    user = admin.post("/auth/v1/admin/create-user", {"provider": "username", "data": {"username": name}}).json
    link = admin.post("/auth/v1/admin/user/password-link", {"hasura_id": user["hasura_id"]}).json["link"]
    page, _, token = link.partition("#token=")
    client = platform.client()
    assert client.get(page[page.index("/auth/ui") :]).status == 200
    assert name in text(submit(client, "set-password", token=token))
    assert "Your password is set" in text(
        followed(client, submit(client, "set-password", token=token, password=PASSWORD))
    )
    assert submit(client, "set-password", token=token, password=PASSWORD).status == 400
    assert submit(client, "login", name=name, password=PASSWORD).status == 303


def test_an_address_is_confirmed_and_a_password_forgotten(platform: Platform) -> None:
    """By the links that mails bring: opening one changes nothing, the button behind it does."""
    address = f"{a_name()}@example.com"
    client = platform.client()
    asked = submit(client, "signup", name=address, password=PASSWORD)
    assert (asked.status, COOKIE in client.cookies) == (200, False)
    assert "Confirm that it is you" in text(asked)
    token = link_in(platform, address, "verify-email")
    assert client.get("/auth/ui/verify-email").status == 200
    assert submit(client, "login", name=address, password=PASSWORD).status == 403
    assert "Your address is confirmed" in text(followed(client, submit(client, "verify-email", token=token)))
    assert submit(client, "login", name=address, password=PASSWORD).status == 303

    known, unknown = (
        submit(platform.client(), "reset-password", name=email) for email in (address, f"{a_name()}@example.com")
    )
    assert known.status == unknown.status == 200
    assert without_addresses(known) == without_addresses(unknown)
    token = link_in(platform, address, "reset-password")
    new = "nine amber foxes asleep"
    assert submit(platform.client(), "reset-password", token=token, password="short").status == 400
    done = submit(platform.client(), "reset-password", token=token, password=new)
    assert "Your password is set" in text(followed(platform.client(), done))
    assert submit(platform.client(), "reset-password", token=token, password=new).status >= 400
    assert submit(platform.client(), "login", name=address, password=new).status == 303


def without_addresses(reply: Reply) -> str:
    return re.sub(r"ann_[0-9a-f]+", "ann", text(reply))


def link_in(platform: Platform, address: str, page: str) -> str:
    """The token of the link to a page, in the last mail to an address."""
    for beyond in range(5):
        found = re.search(rf"/auth/ui/{page}#token=([^\s\"<]+)", platform.mail(address, beyond=beyond).text)
        if found is not None:
            return found[1]
    raise AssertionError(f"no mail to {address} has a link to {page}")


def test_pages_wear_the_colours_of_the_settings_or_are_not_there(database: str) -> None:
    """A colour that is none changes nothing."""
    section = AuthSection(ui_color="#aa3300", ui_logo="/logo.svg", providers=("username",))
    with platform_on(database, auth=section) as platform:
        assert b"--accent: #aa3300;" in platform.client().get("/auth/ui/style.css").body
        page = platform.client().get("/auth/ui/login").body
        assert b'<img src="/logo.svg" alt="served">' in page
        assert b">Username<" in page
    with platform_on(database, auth=AuthSection(ui=False)) as platform:
        assert platform.client().get("/auth/ui/login").status == 404


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Chrome/156.0 Safari/537.36",
            "Chrome on macOS",
        ),
        (
            "Mozilla/5.0 (Linux; Android 16; SM-S931B) SamsungBrowser/29.0 Chrome/150.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (
            "Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) CriOS/156.0 Mobile/15E148 Safari/604.1",
            "Chrome on iPad",
        ),
        ("Mozilla/5.0 (Android 16; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", "Firefox on Android"),
        (
            "Mozilla/5.0 (X11; CrOS x86_64) Chrome/156.0 Safari/537.36",
            "Chrome on ChromeOS",
        ),
        ("Mozilla/5.0 (X11; Linux x86_64) SomethingNew/1.0", "A browser on Linux"),
        ("Mozilla/5.0", "Unknown device"),
        ("python-requests/2.34", "python-requests"),
        ("My App/3 (build 5)", "My App"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_browsers_have_names_that_people_know(said: str, name: str) -> None:
    """Of what they say, the part that tells one's own devices apart."""
    assert browser_name(said) == name


def test_passwords_are_masked_and_can_be_filled_in_by_managers(platform: Platform) -> None:
    """Every field of one is of that type, says which password it means, and forbids no pasting (ASVS 6.2.6, 6.2.7)."""
    for path, expected in (("login", "current-password"), ("signup", "new-password")):
        page = platform.client().get(f"/auth/ui/{path}").body.decode()
        fields = re.findall(r'<input[^>]*name="password"[^>]*>', page)
        assert fields
        assert all('type="password"' in each and expected in each and "onpaste" not in each for each in fields)
