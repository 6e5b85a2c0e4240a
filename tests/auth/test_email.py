"""Accounts by e-mail address and password: made, confirmed, entered, recovered, moved to another address."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.auth.factors import set_up_app, settled_clock
from tests.auth.sending import an_email, code_in, subjects, token_in, wrong
from tests.auth.support import COOKIE, PASSWORD, PATIENT, Client, Platform, Reply, platform_on

from howdah.project.sections import AuthSection, ServerSection

NEW = "nine amber foxes asleep"
EMAIL = "/auth/v1/providers/email"


def sign_up(client: Client, email: str, password: str = PASSWORD, **more: str) -> Reply:
    return client.post("/auth/v1/signup", {"provider": "email", "data": {"email": email, "password": password, **more}})


def log_in(client: Client, email: str, password: str = PASSWORD) -> Reply:
    return client.post("/auth/v1/login", {"provider": "email", "data": {"email": email, "password": password}})


def confirmed(platform: Platform, email: str, password: str = PASSWORD) -> Client:
    """Somebody whose address is confirmed, signed in."""
    client = platform.client()
    assert sign_up(client, email, password).status == 200
    reply = client.post(f"{EMAIL}/verify-email", {"token": token_in(platform.mail(email))})
    assert reply.status == 200, reply.body
    assert log_in(client, email, password).status == 200
    return client


def told(reply: Reply) -> tuple[int, object, list[str]]:
    """What a stranger learns of an answer: status, body, header names."""
    body = {key: value for key, value in reply.json.items() if key not in ("request_id", "email")}
    return reply.status, body, [name.lower() for name, _ in reply.headers]


def at_once(count: int, work: Callable[[int], int]) -> list[int]:
    """What so many clients are answered who do the same at the same moment."""
    gate = threading.Barrier(count)

    def one(number: int) -> int:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(one, range(count)))


def test_an_address_is_confirmed_before_it_signs_in(platform: Platform) -> None:
    """No token at sign-up; sign-in says `not_verified` to the right password only; a program's GET confirms."""
    email, client = an_email(), platform.client()
    reply = sign_up(client, email)
    expected = {"auth_token": None, "hasura_id": None, "hasura_roles": ["user"], "email": email}
    assert (reply.status, reply.json) == (200, expected)
    assert COOKIE not in client.cookies
    refused = log_in(client, email)
    assert (refused.status, refused.code) == (403, "not_verified")
    assert log_in(client, email, NEW).code == "invalid-user"
    token = token_in(platform.mail(email))
    reply = platform.client().get(f"{EMAIL}/verify-email?token={token}", Accept="application/json")
    assert (reply.status, reply.json) == (200, {"message": "success"})
    user = log_in(client, email).json
    assert (user["email"], user["hasura_roles"], len(user["auth_token"])) == (email, ["user"], 48)
    assert platform.events(user["hasura_id"]) == [
        "signup",
        "login-failed",
        "login-failed",
        "identity-verified",
        "login",
    ]
    reply = platform.client().get(f"{EMAIL}/verify-email?token={token}", Accept="application/json")
    assert reply.code == "invalid-code"


def test_looking_whether_a_link_is_there_does_not_open_it(platform: Platform) -> None:
    """R18: what reads mails finds the token in no address asked of us; HEAD, and following a link, does nothing.

    Whoever follows one is on the page that asks first, with the token behind the ``#``; a page's script confirms.
    """
    email = an_email()
    sign_up(platform.client(), email)
    message = platform.mail(email)
    token = token_in(message)
    assert "?" not in message.text
    assert platform.client().send("HEAD", f"{EMAIL}/verify-email?token={token}").status == 405
    for accept in ("*/*", "text/html,application/xhtml+xml,*/*;q=0.8", ""):
        reply = platform.client().get(f"{EMAIL}/verify-email?token={token}", Accept=accept)
        assert (reply.status, *reply.values("referrer-policy")) == (303, "no-referrer")
        assert reply.values("location")[0].endswith(f"/auth/ui/verify-email#token={token}")
        assert log_in(platform.client(), email).code == "not_verified"
    reply = platform.client().get(f"{EMAIL}/verify-email?token=a%23b%0Ac", Accept="*/*")
    assert reply.values("location")[0].endswith("#token=a%23b%0Ac")
    script = {"Accept": "*/*", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"}
    assert platform.client().get(f"{EMAIL}/verify-email?token={token}", **script).status == 200
    assert log_in(platform.client(), email).status == 200


def test_links_lead_where_the_settings_say(database: str) -> None:
    """R18: whatever Host a request names."""
    with platform_on(database, server=ServerSection(public_url="https://shop.example")) as platform:
        email = an_email()
        client = platform.client(Host="evil.example", Origin="https://shop.example")
        client.post("/auth/v1/signup", {"provider": "email", "data": {"email": email, "password": PASSWORD}})
        client = platform.client()
        client.post("/auth/v1/signup", {"provider": "email", "data": {"email": email, "password": PASSWORD}})
        text = platform.mail(email).text
        assert "https://shop.example/auth/ui/verify-email#token=" in text
        assert "evil" not in text


def test_a_link_leads_on_to_where_somebody_wanted_to_be(database: str) -> None:
    """R57: what is on the list goes into the links, before what is secret in them; what is not is refused at once."""
    welcome = "https://app.example/welcome"
    section = AuthSection(**PATIENT, providers=("email", "email-code"), redirect_urls=(welcome,))
    with platform_on(database, auth=section) as platform:
        client, email = platform.client(), an_email()
        query = "?redirect_url=https%3A%2F%2Fapp.example%2Fwelcome#token="
        for refused in ("https://evil.example/", "//evil.example", f"{welcome}/more", "javascript:alert(1)"):
            assert sign_up(client, email, redirect_url=refused).code == "redirect-not-allowed"
            for call in ("email/resend", "email/forgot-password", "email-code/send"):
                body = {"email": email, "redirect_url": refused}
                assert client.post(f"/auth/v1/providers/{call}", body).code == "redirect-not-allowed"
        assert platform.rows("select 1 from howdah_auth.users") == [] and platform.mails(email) == []
        assert sign_up(client, email, redirect_url=welcome).status == 200
        assert f"/auth/ui/verify-email{query}" in platform.mail(email).text
        sends = {"email/resend": "verify-email", "email/forgot-password": "reset-password", "email-code/send": "login"}
        for sent, (call, page) in enumerate(sends.items(), 1):
            body = {"email": email, "redirect_url": welcome, **({"by": "link"} if page == "login" else {})}
            assert client.post(f"/auth/v1/providers/{call}", body).status == 200
            assert f"/auth/ui/{page}{query}" in platform.mail(email, beyond=sent).text


def test_beside_a_second_factor_a_reset_takes_a_shorter_password(platform: Platform) -> None:
    """R3, R17: eight characters by link where there is a factor, and the fifteen of everybody where there is none."""
    short, owner, other = "vbq8 knot", an_email(), an_email()
    client = confirmed(platform, owner)
    confirmed(platform, other)
    app, _ = set_up_app(client)
    settled_clock()
    assert client.post("/auth/v1/user/totp/confirm", {"code": app.code()}).status == 200
    for email, status, beyond in ((other, 400, 1), (owner, 200, 2)):
        assert client.post(f"{EMAIL}/forgot-password", {"email": email}).status == 200
        token = token_in(platform.mail(email, beyond=beyond))
        for password, answered in (("vbq8 kn", 400), (short, status)):
            reply = platform.client().post(f"{EMAIL}/reset-password", {"token": token, "password": password})
            assert reply.status == answered, reply.body
    admin = platform.admin()
    for email, status in ((other, 400), (owner, 200)):
        (found,) = platform.rows("select user_id from howdah_auth.identities where subject = %s", email)
        link = admin.post("/auth/v1/admin/user/password-link", {"hasura_id": found["user_id"]}).json["link"]
        body = {"token": link.partition("#token=")[2], "password": "qzt4 reed"}
        assert platform.client().post("/auth/v1/user/set-password", body).status == status


def test_signing_up_twice_looks_the_same_and_its_owner_is_told(platform: Platform) -> None:
    """R8: status, body and headers; the account keeps its password; a mail says that there is one already."""
    email = an_email()
    confirmed(platform, email)
    known, unknown = sign_up(platform.client(), email, NEW), sign_up(platform.client(), an_email(), NEW)
    assert told(known) == told(unknown)
    assert "already" in str(platform.mail(email, beyond=1).subject)
    assert log_in(platform.client(), email, NEW).code == "not_verified"
    assert log_in(platform.client(), email).status == 200


def test_signing_up_is_no_way_to_ask_who_has_an_account(platform: Platform) -> None:
    """R8: who signs up with an address and then signs in is told `not_verified`, whoever has the account."""
    known, unknown = an_email(), an_email()
    confirmed(platform, known)
    stranger = platform.client()
    for email in (known, unknown):
        assert sign_up(stranger, email, NEW).status == 200
    assert told(log_in(stranger, known, NEW)) == told(log_in(stranger, unknown, NEW))
    assert log_in(stranger, known, NEW).code == "not_verified"
    assert log_in(stranger, known, "ten violet bears asleep").code == "invalid-user"
    assert log_in(platform.client(), known).status == 200


def test_a_stranger_who_signs_up_first_gets_nothing(platform: Platform) -> None:
    """What a link confirms is the sign-up that it was sent for, with its password; the others are dead then."""
    email = an_email()
    stranger, owner = platform.client(), platform.client()
    sign_up(stranger, email, NEW)
    strangers = token_in(platform.mail(email))
    sign_up(owner, email)
    owners = token_in(platform.mail(email, beyond=1))
    sign_up(stranger, email, NEW)
    assert owner.post(f"{EMAIL}/verify-email", {"token": owners}).status == 200
    assert log_in(owner, email).status == 200
    assert log_in(stranger, email, NEW).status == 401
    assert stranger.post(f"{EMAIL}/verify-email", {"token": strangers}).status == 400
    assert len(platform.rows("select from howdah_auth.identities where subject = %s", email)) == 1


def test_of_many_sign_ups_there_is_one_account(platform: Platform) -> None:
    """Twenty at once are all answered alike."""
    email = an_email()
    platform.rows("delete from howdah_auth.throttle")
    replies = at_once(20, lambda _: sign_up(platform.client(), email).status)
    assert replies == [200] * 5 + [429] * 15
    assert len(platform.rows("select from howdah_auth.identities where subject = %s", email)) == 1


def test_a_confirmation_by_code_is_for_the_browser_that_asked(platform: Platform) -> None:
    """R15: right in the flow it was sent for, wrong in any other; ``flow`` stands for a cookie."""
    email, client, other = an_email(), platform.client(), platform.client()
    sign_up(client, email)
    body = {"email": email, "code": code_in(platform.mail(email))}
    assert other.post(f"{EMAIL}/verify-email", body).code == "invalid-code"
    assert client.post(f"{EMAIL}/verify-email", body).status == 200
    email, flow = an_email(), "a-random-text-of-my-own"
    sign_up(platform.client(), email, flow=flow)
    body = {"email": email, "code": code_in(platform.mail(email))}
    assert platform.client().post(f"{EMAIL}/verify-email", {**body, "flow": flow + "x"}).status == 400
    assert platform.client().post(f"{EMAIL}/verify-email", {**body, "flow": flow}).status == 200
    assert log_in(platform.client(), email).status == 200


def test_a_mail_is_sent_once_more(platform: Platform) -> None:
    """Another link; the one before is dead. For an unknown address, and a confirmed one, the same is said (R8)."""
    email, client = an_email(), platform.client()
    sign_up(client, email)
    first = token_in(platform.mail(email))
    replies = [client.post(f"{EMAIL}/resend", {"email": address}) for address in (email, an_email())]
    assert told(replies[0]) == told(replies[1])
    second = token_in(platform.mail(email, beyond=1))
    assert client.post(f"{EMAIL}/verify-email", {"token": first}).status == 400
    assert client.post(f"{EMAIL}/verify-email", {"token": second}).status == 200
    assert log_in(client, email).status == 200
    assert client.post(f"{EMAIL}/resend", {"email": email}).status == 200
    time.sleep(0.3)
    assert len(platform.mails(email)) == 2


def test_a_mail_asked_for_elsewhere_confirms_nobodys_password(platform: Platform) -> None:
    """R8: a stranger signs up with the address last; who owns it confirms by a mail asked for from elsewhere."""
    email, owner, stranger = an_email(), platform.client(), platform.client()
    sign_up(owner, email)
    sign_up(stranger, email, NEW)
    assert platform.client().post(f"{EMAIL}/resend", {"email": email}).status == 200
    token = token_in(platform.mail(email, beyond=2))
    assert owner.post(f"{EMAIL}/verify-email", {"token": token}).status == 200
    assert log_in(stranger, email, NEW).status == 401
    assert reset(owner, forgot(platform, email)).status == 200
    assert log_in(owner, email, NEW).status == 200


def test_a_changed_password_is_the_end_of_links_to_another(platform: Platform) -> None:
    """R6: of a mailed one and an administrator's, made before; one that is made afterwards works. The owner is told."""
    email = an_email()
    client = confirmed(platform, email)
    user = {"hasura_id": client.get("/auth/v1/user/info").json["hasura_id"]}
    path = "/auth/v1/admin/user/password-link"
    mailed = forgot(platform, email)
    handed = platform.admin().post(path, user).json["link"].partition("#token=")[2]
    change = {"old_password": PASSWORD, "new_password": NEW}
    assert client.post("/auth/v1/user/change-password", change).status == 200
    assert "password" in str(platform.mail(email, beyond=2).subject)
    stranger, chosen = platform.client(), "ten violet herons sleeping"
    assert reset(stranger, mailed, chosen).status == 400
    assert stranger.post("/auth/v1/user/set-password", {"token": handed, "password": chosen}).status == 400
    assert log_in(stranger, email, NEW).status == 200
    mailed = forgot(platform, email)
    handed = platform.admin().post(path, user).json["link"].partition("#token=")[2]
    assert stranger.post("/auth/v1/user/set-password", {"token": handed, "password": chosen}).status == 200
    assert reset(stranger, mailed).status == 400
    assert reset(stranger, forgot(platform, email)).status == 200


# -- forgotten passwords -----------------------------------------------------------------------------------------------


def reset(client: Client, token: str, password: str = NEW) -> Reply:
    return client.post(f"{EMAIL}/reset-password", {"token": token, "password": password})


def forgot(platform: Platform, email: str) -> str:
    """The token of the link that was sent."""
    before = len(platform.mails(email))
    assert platform.client().post(f"{EMAIL}/forgot-password", {"email": email}).json == {"message": "success"}
    return token_in(platform.mail(email, beyond=before))


def test_a_forgotten_password_is_replaced(platform: Platform) -> None:
    """R17: it works once, ends every session, signs nobody in; R6: the owner is told."""
    email = an_email()
    browser = confirmed(platform, email)
    token = forgot(platform, email)
    client = platform.client()
    assert reset(client, token, "short").code == "short-password"
    reply = reset(client, token)
    assert (reply.status, reply.json, client.cookies) == (200, {"message": "success"}, {})
    assert browser.get("/auth/v1/user/info").status == 401
    assert log_in(client, email).status == 401
    assert log_in(client, email, NEW).status == 200
    assert reset(platform.client(), token, PASSWORD).code == "invalid-code"
    assert "changed" in str(platform.mail(email, beyond=2).subject)


def test_a_newer_link_is_the_end_of_older_ones(platform: Platform) -> None:
    """R17: and so is a link for something else."""
    email = an_email()
    confirmed(platform, email)
    first, second = forgot(platform, email), forgot(platform, email)
    assert reset(platform.client(), first).status == 400
    assert platform.client().post(f"{EMAIL}/verify-email", {"token": second}).status == 400
    assert reset(platform.client(), second).status == 200


def test_of_many_who_show_one_link_one_sets_the_password(platform: Platform) -> None:
    """R16: twenty at once."""
    email = an_email()
    confirmed(platform, email)
    token = forgot(platform, email)
    words = ["amber", "blue", "coral", "dusty"]
    passwords = [f"{words[number % 4]} foxes asleep {number}" for number in range(20)]
    statuses = at_once(20, lambda number: reset(platform.client(), token, passwords[number]).status)
    assert statuses == [200] + [400] * 19
    right = [password for password in passwords if log_in_patiently(platform, email, password) == 200]
    assert len(right) == 1


def log_in_patiently(platform: Platform, email: str, password: str) -> int:
    platform.rows("delete from howdah_auth.throttle")
    return log_in(platform.client(), email, password).status


def test_who_asks_for_a_link_learns_nothing(platform: Platform) -> None:
    """R8: known, unknown, switched off: one answer, and no mail but to the first."""
    known, off = an_email(), an_email()
    confirmed(platform, known)
    confirmed(platform, off)
    platform.rows(
        "update howdah_auth.users set is_active = false from howdah_auth.identities i"
        " where i.user_id = users.id and i.subject = %s", off
    )  # fmt: skip
    replies = [platform.client().post(f"{EMAIL}/forgot-password", {"email": one}) for one in (known, an_email(), off)]
    assert told(replies[0]) == told(replies[1]) == told(replies[2])
    platform.mail(known, beyond=1)
    assert len(platform.mails(off)) == 1


def test_mail_goes_to_the_address_as_it_is_stored(platform: Platform) -> None:
    """R14: a spelling that only looks like it is not written to."""
    email = an_email()
    confirmed(platform, email)
    assert platform.client().post(f"{EMAIL}/forgot-password", {"email": email.upper()}).status == 200
    assert "password" in str(platform.mail(email, beyond=1).subject)
    assert platform.mails(email.upper()) == []


def test_messages_are_counted(platform: Platform) -> None:
    """R9: five in an hour to one address, whether or not there is an account."""
    known = an_email()
    confirmed(platform, known)
    for email in (known, an_email()):
        body = {"email": email}
        statuses = [platform.client().post(f"{EMAIL}/forgot-password", body).status for _ in range(6)]
        assert statuses == [200] * 5 + [429]


def test_links_do_not_last_for_ever(platform: Platform) -> None:
    """R15: after their time they are nothing."""
    email = an_email()
    confirmed(platform, email)
    token = forgot(platform, email)
    platform.rows("update howdah_auth.codes set expires_at = now() where purpose = 'reset'")
    assert reset(platform.client(), token).code == "invalid-code"


def test_what_was_sent_is_not_stored(platform: Platform) -> None:
    """R16: digests alone; and the audit has neither codes nor tokens (R75)."""
    email, client = an_email(), platform.client()
    sign_up(client, email)
    message = platform.mail(email)
    stored = str(platform.rows("select c::text from howdah_auth.codes c"))
    audit = str(platform.rows("select a::text from howdah_auth.audit a"))
    assert token_in(message) not in stored + audit
    assert f"({code_in(message)}" not in stored + audit


# -- codes and links to sign in ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def codes(platform_with_codes: Platform) -> Platform:
    return platform_with_codes


def send_code(client: Client, email: str, **more: str) -> Reply:
    return client.post("/auth/v1/providers/email-code/send", {"email": email, **more})


def enter(client: Client, what: str = "login", **data: str) -> Reply:
    return client.post(f"/auth/v1/{what}", {"provider": "email-code", "data": data})


def test_who_reads_the_mail_signs_up_and_in(codes: Platform) -> None:
    """Without a password; a code is good once, and for the browser that asked (R15)."""
    email, client = an_email(), codes.client()
    assert send_code(client, email).json == {"message": "success"}
    code = code_in(codes.mail(email))
    assert enter(codes.client(), email=email, code=code).code == "invalid-user"
    assert enter(client, email=email, code=code).code == "invalid-user"  # there is no account, but the code is good
    reply = enter(client, "signup", email=email, code=code)
    assert (reply.status, reply.json["email"]) == (200, email)
    assert client.get("/auth/v1/user/info").json["email"] == email
    assert enter(client, email=email, code=code).status == 401
    send_code(client, email)
    assert enter(client, email=email, code=code_in(codes.mail(email, beyond=1))).status == 200


def test_a_link_signs_in_where_it_was_asked_for(codes: Platform) -> None:
    """R15: a link that somebody else asked for, or that was forwarded, signs nobody in."""
    email = an_email()
    confirmed(codes, email)
    client = codes.client()
    send_code(client, email, by="link")
    token = token_in(codes.mail(email, beyond=1))
    assert enter(codes.client(), token=token).status == 401
    assert enter(client, token=token).status == 200
    assert enter(client, token=token).status == 401


def test_five_wrong_codes_are_the_end_even_if_the_sixth_is_right(codes: Platform) -> None:
    """R15: sending again makes another code, but no more tries."""
    email = an_email()
    confirmed(codes, email)
    client = codes.client()
    send_code(client, email)
    code = code_in(codes.mail(email, beyond=1))
    for _ in range(3):
        assert enter(client, email=email, code=wrong(code)).status == 401
    send_code(client, email)
    code = code_in(codes.mail(email, beyond=2))
    codes.rows("delete from howdah_auth.throttle")
    for _ in range(2):
        assert enter(client, email=email, code=wrong(code)).status == 401
    assert enter(client, email=email, code=code).status == 401
    other = codes.client()
    send_code(other, email)
    assert enter(other, email=email, code=code_in(codes.mail(email, beyond=3))).status == 200


def test_of_many_who_show_one_code_one_gets_in(codes: Platform) -> None:
    """R16: twenty at once."""
    email = an_email()
    confirmed(codes, email)
    client = codes.client()
    send_code(client, email)
    code = code_in(codes.mail(email, beyond=1))
    replies = at_once(
        20, lambda _: enter(Client(codes.url, cookies=dict(client.cookies)), email=email, code=code).status
    )
    assert replies.count(200) == 1
    assert set(replies) <= {200, 401, 429}


@pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", " 12345", "12345a", "٣٣٣٣٣٣"])
def test_what_is_no_code_is_no_try(codes: Platform, code: str) -> None:
    """R24: other forms are refused like a wrong one, and the right one is still good."""
    email = an_email()
    confirmed(codes, email)
    client = codes.client()
    send_code(client, email)
    assert enter(client, email=email, code=code).code == "invalid-user"
    assert enter(client, email=email, code=code_in(codes.mail(email, beyond=1))).status == 200


def test_who_asks_for_a_code_learns_nothing(codes: Platform) -> None:
    """R8: nor does who shows a wrong one."""
    known = an_email()
    confirmed(codes, known)
    unknown = an_email()
    clients = codes.client(), codes.client()
    replies = [send_code(client, email) for client, email in zip(clients, (known, unknown), strict=True)]
    assert told(replies[0]) == told(replies[1])
    shown = [enter(client, email=email, code="000000") for client, email in zip(clients, (known, unknown), strict=True)]
    assert told(shown[0]) == told(shown[1])


def test_without_sign_up_an_unknown_address_gets_no_mail(database: str) -> None:
    """R8: the answer is the same; a client without cookies needs no flow where the settings say so."""
    section = AuthSection(signup=False, codes_need_flow=False, providers=("email", "email-code"))
    with platform_on(database, auth=section) as platform:
        email = an_email()
        assert send_code(platform.client(), email).status == 200
        platform.rows("with u as (insert into howdah_auth.users (roles) values ('{user}') returning id)"
                      " insert into howdah_auth.identities (user_id, kind, subject, shown, verified_at)"
                      " select id, 'email', %s, %s, now() from u", email, email)  # fmt: skip
        assert send_code(platform.client(), email).status == 200
        assert enter(platform.client(), email=email, code=code_in(platform.mail(email))).status == 200
        assert len(platform.mails(email)) == 1


# -- another address ---------------------------------------------------------------------------------------------------


def test_an_account_moves_to_another_address(platform: Platform) -> None:
    """R20: with the password, confirmed at the new address, told to the old one; older links are dead (R17)."""
    email, new = an_email(), an_email()
    browser = confirmed(platform, email)
    old_link = forgot(platform, email)
    change = {"email": new, "password": NEW}
    assert browser.post("/auth/v1/user/change-email", {"email": new}).status == 400
    assert browser.post("/auth/v1/user/change-email", change).status == 401
    assert browser.post("/auth/v1/user/change-email", {**change, "password": PASSWORD}).status == 200
    assert browser.get("/auth/v1/user/info").json["email"] == email
    assert browser.post(f"{EMAIL}/verify-email", {"token": token_in(platform.mail(new))}).status == 200
    assert browser.get("/auth/v1/user/info").json["email"] == new
    assert log_in(platform.client(), new).status == 200
    assert log_in(platform.client(), email).status == 401
    told_old = platform.mail(email, beyond=2)
    assert "changed" in str(told_old.subject)
    assert new not in told_old.text
    assert reset(platform.client(), old_link).status == 400


def test_an_address_that_is_somebody_elses_stays_theirs(platform: Platform) -> None:
    """R8, R20: the answer does not say so; they are told. A pending sign-up does not keep an address from its owner."""
    email, theirs, pending = an_email(), an_email(), an_email()
    confirmed(platform, theirs)
    sign_up(platform.client(), pending, NEW)
    browser = confirmed(platform, email)
    change = {"email": theirs, "password": PASSWORD}
    assert browser.post("/auth/v1/user/change-email", change).json == {"message": "success"}
    assert "already" in str(platform.mail(theirs, beyond=1).subject)
    assert browser.post("/auth/v1/user/change-email", {**change, "email": pending}).status == 200
    body = {"email": pending, "code": code_in(platform.mail(pending, beyond=1))}
    assert browser.post("/auth/v1/user/confirm-email", body).status == 200
    assert browser.get("/auth/v1/user/info").json["email"] == pending
    assert log_in(platform.client(), pending).status == 200
    assert subjects(platform, theirs)[0] is not None
