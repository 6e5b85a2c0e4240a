"""Passkeys: made, shown to sign in, as a second factor and as a fresh proof; and every way to cheat with one."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.auth.authenticator import Authenticator, decode, encode
from tests.auth.factors import a_name, an_owner, make_stale, pending, settled_clock
from tests.auth.support import COOKIE, Client, Platform, Reply, platform_on

from howdah.auth.factors import ceremonies
from howdah.auth.proof_errors import InvalidFactor
from howdah.project.sections import AuthSection

FINISH = "/auth/v1/login/second-factor"


def home(platform: Platform) -> str:
    auth = platform.served.application.auth
    assert auth is not None
    return auth.site.url


def register(client: Client, device: Authenticator, name: str = "laptop", **cheat: Any) -> Reply:
    asked = client.post("/auth/v1/user/passkey/options")
    assert asked.status == 200, asked.json
    return client.post("/auth/v1/user/passkey", {"credential": device.make(asked.json, **cheat), "name": name})


def someone(platform: Platform) -> tuple[str, int, Client, Authenticator, Reply]:
    """A new account with a passkey, in a session that has shown it."""
    name, client, device = a_name(), platform.client(), Authenticator(home(platform))
    user = client.sign_up(name).json["hasura_id"]
    registered = register(client, device)
    assert registered.status == 200, registered.json
    return name, user, client, device, registered


def log_in(client: Client, credential: Any, **more: Any) -> Reply:
    return client.post("/auth/v1/login", {"provider": "passkey", "data": {"credential": credential}, **more})


def options(client: Client) -> dict[str, Any]:
    asked: dict[str, Any] = client.post("/auth/v1/login/passkey/options").json
    return asked


def test_a_passkey_signs_in_alone(platform: Platform) -> None:
    """R30: no name is asked for; the session is of level 2, carried as the client wants."""
    name, user, client, device, registered = someone(platform)
    assert len(registered.json["recovery_codes"]) == 10
    assert client.get("/auth/v1/user/info").json["session"]["level"] == 2
    assert [each["name"] for each in client.get("/auth/v1/user/factors").json["passkeys"]] == ["laptop"]
    for carry in ("both", "token"):
        browser = platform.client()
        asked = options(browser)
        assert "allowCredentials" not in asked["publicKey"] or asked["publicKey"]["allowCredentials"] == []
        assert len(decode(asked["publicKey"]["challenge"])) == 32
        reply = log_in(browser, device.show(asked), session=carry)
        assert (reply.status, reply.json["hasura_id"]) == (200, user)
        assert (COOKIE in browser.cookies) == (carry == "both")
        known = platform.client(Authorization=f"Bearer {reply.json['auth_token']}")
        assert known.get("/auth/v1/user/info").json["session"]["level"] == 2
    assert platform.client().log_in(name).json["second_factor"]["factors"] == ["passkey", "recovery"]


def test_a_password_alone_is_not_enough_beside_a_passkey(platform: Platform) -> None:
    """R27, R30: the passkey finishes the sign-in; one that was asked of somebody else does not."""
    name, user, _, device, _ = someone(platform)
    other_name, _, _, other_device, _ = someone(platform)
    client = platform.client()
    begun = client.log_in(name).json["second_factor"]
    asked = client.post(f"{FINISH}/options", {"token": begun["token"]}).json
    assert [decode(each["id"]) for each in asked["publicKey"]["allowCredentials"]] == [device.credentials[0].id]
    theirs = other_device.show(asked, other_device.credentials[0])
    assert client.post(FINISH, {"token": begun["token"], "passkey": theirs}).code == "invalid-factor"
    their_begun = platform.client().log_in(other_name).json["second_factor"]
    their_asked = client.post(f"{FINISH}/options", {"token": their_begun["token"]}).json
    crossed = {"token": begun["token"], "passkey": other_device.show(their_asked)}
    assert client.post(FINISH, crossed).code == "invalid-factor"
    asked = client.post(f"{FINISH}/options", {"token": begun["token"]}).json
    finished = client.post(FINISH, {"token": begun["token"], "passkey": device.show(asked)})
    assert (finished.status, finished.json["hasura_id"]) == (200, user)
    assert client.post(f"{FINISH}/options", {"token": begun["token"]}).code == "sign-in-expired"


def test_a_passkey_is_a_fresh_proof_for_its_session_alone(platform: Platform) -> None:
    """R29, R30, R31: the challenge belongs to the session that asked, and to this purpose."""
    name, user, client, device, _ = someone(platform)
    laptop = platform.client()
    assert log_in(laptop, device.show(options(laptop))).status == 200
    platform.rows("update howdah_auth.sessions set proved_at = now() - interval '1 hour' where user_id = %s", user)
    refused = client.post("/auth/v1/user/passkey/options")
    assert (refused.status, refused.json["ways"]) == (403, ["passkey", "recovery"])
    asked = client.post("/auth/v1/user/step-up/options").json
    assert laptop.post("/auth/v1/user/step-up", {"passkey": device.show(asked)}).code == "invalid-factor"
    for path in ("/auth/v1/login/passkey/options", "/auth/v1/user/step-up/options"):
        asked = client.post(path).json
        expected = 200 if "step-up" in path else 401
        assert client.post("/auth/v1/user/step-up", {"passkey": device.show(asked)}).status == expected
    assert register(client, Authenticator(home(platform)), "telephone").status == 200
    assert "recovery_codes" not in register(client, Authenticator(home(platform)), "watch").json
    assert name in str(client.post("/auth/v1/user/passkey/options").json["publicKey"]["user"])


@pytest.mark.parametrize(
    "cheat",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"domain": "evil.example"},
        {"type": "webauthn.create"},
        {"challenge": encode(b"x" * 32)},
        {"crossOrigin": True},
    ],
)
def test_a_forged_answer_signs_nobody_in(platform: Platform, cheat: dict[str, Any]) -> None:
    """R30: origin, domain, kind, challenge and frame are those of our page; the same without the forgery is right."""
    _, user, _, device, _ = someone(platform)
    client = platform.client()
    refused = log_in(client, device.show(options(client), **cheat))
    assert (refused.status, refused.code, client.cookies) == (401, "invalid-user", {})
    assert log_in(client, device.show(options(client))).json["hasura_id"] == user


@pytest.mark.parametrize(
    "cheat",
    [
        {"origin": "https://evil.example"},
        {"domain": "evil.example"},
        {"type": "webauthn.get"},
        {"challenge": encode(b"x" * 32)},
        {"crossOrigin": True},
    ],
)
def test_a_forged_passkey_is_not_taken(platform: Platform, cheat: dict[str, Any]) -> None:
    """R30: and the account has no factor by it."""
    name, client, device = a_name(), platform.client(), Authenticator(home(platform))
    client.sign_up(name)
    assert register(client, device, **cheat).code == "invalid-factor"
    assert platform.client().log_in(name).json["auth_token"] is not None
    assert register(client, device).status == 200


def test_an_authenticator_that_does_not_verify_its_user_is_refused(platform: Platform) -> None:
    """R30: who only holds the key has shown one factor; that is neither a passkey to keep nor a sign-in."""
    name, client, careless = a_name(), platform.client(), Authenticator(home(platform), verifies=False)
    client.sign_up(name)
    assert register(client, careless).code == "invalid-factor"
    _, user, _, device, _ = someone(platform)
    device.verifies = False
    assert log_in(client, device.show(options(client))).code == "invalid-user"
    device.verifies = True
    assert log_in(client, device.show(options(client))).json["hasura_id"] == user


def test_an_answer_is_good_once(platform: Platform) -> None:
    """R30: replayed, raced by twenty, too late, or in the place of another: one sign-in for each challenge."""
    _, user, _, device, _ = someone(platform)
    device.counts, device.credentials[0].count = False, 0
    client = platform.client()
    answer = device.show(options(client))
    gate = threading.Barrier(20)

    def enter(_: int) -> int:
        gate.wait()
        return log_in(platform.client(), answer).status

    with ThreadPoolExecutor(20) as pool:
        statuses = sorted(pool.map(enter, range(20)))
    assert statuses == [200] + [401] * 19
    assert log_in(client, answer).code == "invalid-user"
    late = device.show(options(client))
    platform.rows("update howdah_auth.challenges set expires_at = now()")
    assert log_in(client, late).code == "invalid-user"
    wrong = device.show(options(client), origin="https://evil.example")
    assert log_in(client, wrong).code == "invalid-user"
    asked = {"publicKey": {"challenge": json.loads(decode(wrong["response"]["clientDataJSON"]))["challenge"]}}
    asked["publicKey"]["rpId"] = options(client)["publicKey"]["rpId"]
    assert log_in(client, device.show(asked)).code == "invalid-user", "a challenge is gone with its first answer"
    assert log_in(client, device.show(options(client))).json["hasura_id"] == user


def test_a_count_that_goes_back_is_that_of_a_copy(platform: Platform) -> None:
    """R30: refused and noted; an authenticator that never counts is not one."""
    _, user, _, device, _ = someone(platform)
    client, key = platform.client(), device.credentials[0]
    assert log_in(client, device.show(options(client))).status == 200
    assert log_in(client, device.show(options(client))).status == 200
    for count in (0, 1):  # shown as 1 and 2
        key.count = count
        assert log_in(client, device.show(options(client))).code == "invalid-user"
    assert platform.events().count("passkey-copied") >= 2
    key.count = 2
    assert log_in(client, device.show(options(client))).json["hasura_id"] == user
    _, silent_user, _, silent, _ = someone(platform)
    silent.counts = False
    for _ in range(2):
        assert log_in(client, silent.show(options(client))).json["hasura_id"] == silent_user


def test_a_credential_has_one_owner(platform: Platform) -> None:
    """R30: its id is unique among all accounts, and its answer names nobody else."""
    _, user, _, device, _ = someone(platform)
    thief = platform.client()
    thief.sign_up(a_name())
    asked = thief.post("/auth/v1/user/passkey/options").json
    made = device.make(asked)
    raw = decode(made["response"]["attestationObject"])
    stolen = encode(raw.replace(device.credentials[1].id, device.credentials[0].id))
    body = {**made, "id": encode(device.credentials[0].id), "rawId": encode(device.credentials[0].id)}
    body["response"] = {**made["response"], "attestationObject": stolen}
    refused = thief.post("/auth/v1/user/passkey", {"credential": body})
    assert (refused.status, refused.code) == (409, "passkey-exists")
    key, client = device.credentials[0], platform.client()
    own, key.user_handle = key.user_handle, (user + 1).to_bytes(8, "big")
    assert log_in(client, device.show(options(client), key)).code == "invalid-user"
    key.user_handle = own
    nameless = device.show(options(client), key)
    del nameless["response"]["userHandle"]
    assert log_in(client, nameless).code == "invalid-user"
    assert log_in(client, device.show(options(client), key)).json["hasura_id"] == user


def test_nobody_learns_from_passkeys_who_is_there(platform: Platform) -> None:
    """R8, R30: what a sign-in begins with names nobody; unknown, wrong and switched-off ones are refused alike."""
    _, user, _, device, _ = someone(platform)
    client = platform.client()
    first, second = options(client), options(client)
    assert first["publicKey"].pop("challenge") != second["publicKey"].pop("challenge")
    assert first == second
    unknown = Authenticator(home(platform))
    unknown.make({"publicKey": {**first["publicKey"], "rp": {"id": "x"}, "user": {"id": "AA"}, "challenge": "AA"}})
    broken = device.show(options(client))
    broken["response"]["signature"] = encode(b"\x30\x06\x02\x01\x01\x02\x01\x01")
    said = [log_in(client, unknown.show(options(client))), log_in(client, broken)]
    platform.rows("update howdah_auth.users set is_active = false where id = %s", user)
    said.append(log_in(client, device.show(options(client))))
    bodies = [{key: value for key, value in reply.json.items() if key != "request_id"} for reply in said]
    assert bodies[0] == bodies[1] == bodies[2]
    assert {reply.status for reply in said} == {401}
    platform.rows("update howdah_auth.users set is_active = true where id = %s", user)
    assert log_in(client, device.show(options(client))).status == 200


def test_a_removed_passkey_opens_nothing(platform: Platform) -> None:
    """R29: and the sessions it opened are over, but for the one that removed it."""
    _, _, client, device, _ = someone(platform)
    laptop = platform.client()
    assert log_in(laptop, device.show(options(laptop))).status == 200
    (factor,) = client.get("/auth/v1/user/factors").json["passkeys"]
    assert client.post("/auth/v1/user/remove-factor", {"factor_id": factor["id"]}).status == 200
    assert laptop.get("/auth/v1/user/info").status == 401
    assert client.get("/auth/v1/user/info").json["session"]["level"] == 1
    assert log_in(platform.client(), device.show(options(client))).code == "invalid-user"


def test_an_app_and_a_passkey_stand_for_each_other(platform: Platform) -> None:
    """R29: removing one of two leaves the level, and the recovery codes."""
    owner, device = an_owner(platform), Authenticator(home(platform))
    assert "recovery_codes" not in register(owner.client, device).json
    (app,) = owner.client.get("/auth/v1/user/factors").json["totp"]
    assert owner.client.post("/auth/v1/user/remove-factor", {"factor_id": app["id"]}).status == 200
    assert owner.client.get("/auth/v1/user/info").json["session"]["level"] == 2
    assert owner.client.get("/auth/v1/user/factors").json["recovery_codes"] == 10
    shown = {"token": pending(platform, owner), "recovery_code": owner.recovery_codes[0]}
    settled_clock()
    assert platform.client().post(FINISH, {**shown, "token": pending(platform, owner)}).status == 200
    make_stale(platform, owner)
    asked = owner.client.post("/auth/v1/user/step-up/options").json
    assert owner.client.post("/auth/v1/user/step-up", {"passkey": device.show(asked)}).status == 200


def test_pages_elsewhere_share_passkeys_where_they_are_named(database: str) -> None:
    """R30: the domain and the origins of the settings, and no others."""
    section = AuthSection(passkey_domain="shop.example", passkey_origins=("https://app.shop.example",))
    with platform_on(database, auth=section) as platform:
        client, device = platform.client(), Authenticator("https://app.shop.example")
        user = client.sign_up(a_name()).json["hasura_id"]
        asked = client.post("/auth/v1/user/passkey/options").json
        assert asked["publicKey"]["rp"]["id"] == "shop.example"
        assert client.post("/auth/v1/user/passkey", {"credential": device.make(asked)}).status == 200
        assert log_in(client, device.show(options(client), origin="https://shop.example")).code == "invalid-user"
        assert log_in(client, device.show(options(client))).json["hasura_id"] == user


def test_without_the_provider_nobody_signs_in_by_passkey_alone(database: str) -> None:
    """It stays a second factor."""
    with platform_on(database, auth=AuthSection(providers=("username",))) as platform:
        name, _, _, device, _ = someone(platform)
        assert log_in(platform.client(), device.show(options(platform.client()))).code == "provider-off"
        begun = platform.client().log_in(name).json["second_factor"]
        asked = platform.client().post(f"{FINISH}/options", {"token": begun["token"]}).json
        finished = platform.client().post(FINISH, {"token": begun["token"], "passkey": device.show(asked)})
        assert finished.status == 200


PARTY = ceremonies.RelyingParty("shop.example", "Shop", ("https://shop.example",))
PIECES = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=40), st.binary(max_size=60).map(encode))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(["id", "rawId", "type", "authenticatorAttachment"]), PIECES),
    st.one_of(
        PIECES,
        st.dictionaries(
            st.sampled_from(
                ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle", "transports"]
            ),
            PIECES,
        ),
    ),
)
def test_whatever_is_sent_as_a_passkey_is_refused_and_no_error_of_ours(outer: dict[str, Any], inner: Any) -> None:
    """R30: hostile bytes end in one refusal."""
    sent = {"type": "public-key", **outer, "response": inner}
    for read in (
        lambda: ceremonies.challenge_of(sent),
        lambda: ceremonies.verify_creation(PARTY, sent, encode(b"x" * 32)),
        lambda: ceremonies.verify_assertion(PARTY, sent, encode(b"x" * 32), b"\xa0"),
    ):
        with pytest.raises(InvalidFactor):
            read()


@given(st.binary(max_size=200), st.integers(0, 300), st.sampled_from(["attestationObject", "clientDataJSON"]))
def test_a_passkey_with_other_bytes_is_no_passkey_or_the_same(noise: bytes, place: int, field: str) -> None:
    """R30: what is changed on the way is refused, or says the same."""
    device = Authenticator(PARTY.origins[0])
    asked = {"publicKey": ceremonies.creation_options(PARTY, b"x" * 32, user_id=7, account="ann", known=())}
    made = device.make(asked)
    raw = decode(made["response"][field])
    made["response"][field] = encode(raw[:place] + noise + raw[place + len(noise) :])
    with suppress(InvalidFactor):
        ceremonies.verify_creation(PARTY, made, encode(b"x" * 32))
