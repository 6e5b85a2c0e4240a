"""Signing keys: made once, published, replaced, retired."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.auth.support import KEY, Platform, platform_on
from tests.auth.test_tokens import bearer, parts, signed_in

from howdah.auth import signing_keys
from howdah.auth.sealing import make_keyring
from howdah.auth.sessions import Origin
from howdah.auth.signing_keys import SigningKeys
from howdah.auth.store import Store
from howdah.observe.secret import Secret
from howdah.postgres.connection import Connection
from howdah.project.sections import DatabaseSection

LIFE = timedelta(minutes=10)
KEYRING = make_keyring(Secret(KEY))


def key_set(platform: Platform) -> list[dict[str, Any]]:
    keys: list[dict[str, Any]] = platform.client().get("/auth/.well-known/jwks.json").json["keys"]
    return keys


def administer(platform: Platform, work: Callable[[Connection], Coroutine[Any, Any, Any]]) -> Any:
    """What the work returns, in a transaction of the platform's accounts."""
    auth = platform.served.application.auth
    assert auth is not None

    async def run() -> Any:
        async with auth.store.transaction() as connection:
            done = await work(connection)
        await auth.settled()
        return done

    return platform.served.run(run())


def rotate(platform: Platform, *, at_once: bool = False) -> str:
    return str(
        administer(
            platform,
            lambda connection: signing_keys.rotate(
                connection, KEYRING, Origin(), algorithm="EdDSA", longest_life=LIFE, at_once=at_once
            ),
        )
    )


@pytest.mark.filterwarnings("ignore:EdDSA")
def test_keys_are_published_without_what_is_private(platform: Platform) -> None:
    """R40: public members only, and how long to keep them; a stock library verifies a token by them."""
    _, pair = signed_in(platform)
    reply = platform.client().get("/auth/.well-known/jwks.json")
    assert reply.values("cache-control") == ["public, max-age=300"]
    assert reply.values("content-type") == ["application/jwk-set+json"]
    for key in reply.json["keys"]:
        assert not {"d", "p", "q", "k", "dp", "dq", "qi"} & key.keys()
        assert (key["use"], key["alg"]) == ("sig", "EdDSA")
    token = jwt.decode(pair["access_token"], KeySet.import_key_set(reply.json), algorithms=["EdDSA"])
    assert token.claims["sub"] == str(pair["hasura_id"])


def test_the_issuer_is_found_by_its_name(platform: Platform) -> None:
    """OpenID Connect Discovery: the document lies below the issuer's name and says where the keys are."""
    _, pair = signed_in(platform)
    document = platform.client().get("/auth/.well-known/openid-configuration").json
    issuer = parts(pair["access_token"])[1]["iss"]
    assert document["issuer"] == issuer
    assert document["jwks_uri"] == f"{issuer}/.well-known/jwks.json"
    assert document["id_token_signing_alg_values_supported"] == ["EdDSA"]


def test_the_private_part_is_sealed(platform: Platform) -> None:
    """R40: what the database holds of a key is readable with the secret key only."""
    key_set(platform)
    rows = platform.rows("select id, private_key, public_key from howdah_auth.signing_keys where retired_at is null")
    auth = platform.served.application.auth
    assert auth is not None
    key = platform.served.run(auth.signing.signing())
    private = key.private.as_dict(private=True)["d"]
    assert key.kid in {row["id"] for row in rows}
    assert all(private.encode() not in bytes(row["private_key"]) and private not in str(row) for row in rows)


def test_the_next_key_is_published_before_it_signs(database: str) -> None:
    """R40: two keys while one replaces the other; tokens of the old one are good until their end."""
    with platform_on(database) as platform:
        client, pair = signed_in(platform)
        old = parts(pair["access_token"])[0]["kid"]
        new = rotate(platform)
        assert [key["kid"] for key in key_set(platform)] == [old, new]
        assert rotate(platform) == new, "one key waits, not two"
        assert parts(signed_in(platform)[1]["access_token"])[0]["kid"] == old
        platform.rows("update howdah_auth.signing_keys set signs_from = now() where id = %s", new)
        assert parts(signed_in(platform)[1]["access_token"])[0]["kid"] == new
        assert client.get("/auth/v1/user/info").status == 200
        assert {key["kid"] for key in key_set(platform)} == {old, new}
        platform.rows("update howdah_auth.signing_keys set signs_from = signs_from - interval '11 minutes'")
        assert [key["kid"] for key in key_set(platform)] == [new]


def test_a_retired_key_is_believed_no_more(database: str) -> None:
    """R37, R40: at once, in every process; its private part is gone, and another one signs."""
    with platform_on(database) as platform:
        client, pair = signed_in(platform)
        old = parts(pair["access_token"])[0]["kid"]
        auth = platform.served.application.auth
        assert auth is not None
        administer(
            platform, lambda connection: signing_keys.retire(connection, KEYRING, Origin(), old, algorithm="EdDSA")
        )
        (row,) = platform.rows("select private_key from howdah_auth.signing_keys where id = %s", old)
        assert row["private_key"] is None
        (key,) = key_set(platform)
        assert key["kid"] != old
        assert client.get("/auth/v1/user/info").status == 401
        renewed = platform.client().post("/auth/v1/token", {"refresh_token": pair["refresh_token"]}).json
        assert bearer(platform, renewed).get("/auth/v1/user/info").status == 200
        assert platform.events()[-1] == "key-retired" or "key-retired" in platform.events()


def test_a_key_that_leaked_is_replaced_at_once(database: str) -> None:
    """R40: it signs from now on; keys whose last token is over lose their private part along the way."""
    with platform_on(database) as platform:
        (old,) = key_set(platform)
        new = rotate(platform, at_once=True)
        assert parts(signed_in(platform)[1]["access_token"])[0]["kid"] == new
        platform.rows("update howdah_auth.signing_keys set signs_from = signs_from - interval '11 minutes'")
        rotate(platform)
        (row,) = platform.rows("select private_key, retired_at from howdah_auth.signing_keys where id = %s", old["kid"])
        assert row["private_key"] is None and row["retired_at"] is not None


def test_one_of_many_processes_makes_the_first_key(database: str) -> None:
    """R40: twenty at once, as many connections as processes: one key."""

    async def race() -> set[str]:
        stores = [Store(database, database=DatabaseSection(), size=1) for _ in range(20)]
        await stores[0].start()
        for store in stores[1:]:
            store._pool = store._make_pool(stores[0].role)
            await store.pool.start()
        makers = [SigningKeys(store, KEYRING, algorithm="EdDSA", longest_life=LIFE) for store in stores]
        keys = await asyncio.gather(*(maker.signing() for maker in makers))
        await asyncio.gather(*(store.stop() for store in stores))
        return {key.kid for key in keys}

    assert len(asyncio.run(race())) == 1


def test_another_secret_key_makes_another_signing_key(database: str) -> None:
    """R40: what was sealed with a key that is gone cannot sign; accounts go on with a new one."""
    with platform_on(database) as platform:
        (old,) = key_set(platform)
        auth = platform.served.application.auth
        assert auth is not None
        auth.signing._keyring = make_keyring(Secret(secrets.token_urlsafe(40)))
        auth.signing.forget()
        new = platform.served.run(auth.signing.signing())
        assert new.kid != old["kid"]
