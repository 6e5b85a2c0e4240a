"""How often something may be tried, by whom, before it must wait (R9, R10, R12, R25).

An attempt is counted **before** anything is verified, by a statement that also says whether it may be made, so that no
burst of parallel requests gets one try more. What succeeds is forgiven. Keys are digests: neither names nor addresses
are stored, and whatever somebody types into the field for the username is not either.

A lock must not be a weapon against the account it protects (R10). Whoever comes from a device the account is known to
have been used on is counted alone; whoever does not, with everybody from the same network, and at last with all
strangers together. So strangers can make it hard for strangers only, and only after a hundred wrong passwords in a row.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import math
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from howdah.auth.errors import TooManyAttempts
from howdah.auth.sealing import join_parts
from howdah.postgres import queries
from howdah.project.sections import AuthSection

_SQL: Final = queries.load(Path(__file__).with_name("throttling.sql"))


@dataclass(frozen=True, slots=True)
class Rule:
    """``tries`` within ``window``, and behind the last of them a wait that doubles with each further try."""

    tries: int
    window: timedelta
    wait: timedelta
    longest_wait: timedelta


_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LONGEST_WINDOW: Final = 30 * _DAY

LOGIN_FROM_ADDRESS: Final = Rule(50, 15 * _MINUTE, _MINUTE, 15 * _MINUTE)
LOGIN_TO_ACCOUNT_FROM_ADDRESS: Final = Rule(5, _DAY, _MINUTE / 2, _HOUR)
LOGIN_TO_ACCOUNT: Final = Rule(100, LONGEST_WINDOW, LONGEST_WINDOW, LONGEST_WINDOW)
"""The hard stop of SP 800-63B-4, section 3.2.2, for strangers: ended by a known device, or by a new password."""
LOGIN_FROM_DEVICE: Final = Rule(20, LONGEST_WINDOW, _MINUTE, LONGEST_WINDOW)
FACTOR: Final = Rule(5, LONGEST_WINDOW, _MINUTE / 2, _DAY)
CODE_TO_IDENTITY: Final = Rule(5, _HOUR, 10 * _MINUTE, _HOUR)
CODE_TO_IDENTITY_IN_ALL: Final = Rule(30, _HOUR, 10 * _MINUTE, _HOUR)
CODE_FROM_ADDRESS: Final = Rule(30, _HOUR, _MINUTE, 15 * _MINUTE)
SIGNUP_FROM_ADDRESS: Final = Rule(20, _HOUR, _MINUTE, 15 * _MINUTE)
ISSUER_FROM_ADDRESS: Final = Rule(120, 15 * _MINUTE, _MINUTE, 15 * _MINUTE)
PASSKEY_FROM_ADDRESS: Final = Rule(300, 15 * _MINUTE, _MINUTE, 15 * _MINUTE)
TEXTS: Final = Rule(1000, _DAY, _HOUR, _DAY)
TEXTS_TO_BLOCK: Final = replace(TEXTS, tries=30)
TEXTS_TO_NUMBER: Final = replace(TEXTS, tries=10)


@dataclass(frozen=True, slots=True)
class Limits:
    """The rules in force: how many tries there are is a setting of the project's, how long one waits is not."""

    login_from_address: Rule = LOGIN_FROM_ADDRESS
    login_to_account_from_address: Rule = LOGIN_TO_ACCOUNT_FROM_ADDRESS
    login_to_account: Rule = LOGIN_TO_ACCOUNT
    code_to_identity: Rule = CODE_TO_IDENTITY
    code_to_identity_in_all: Rule = CODE_TO_IDENTITY_IN_ALL
    code_from_address: Rule = CODE_FROM_ADDRESS
    signup_from_address: Rule = SIGNUP_FROM_ADDRESS
    texts: Rule = TEXTS
    texts_to_block: Rule = TEXTS_TO_BLOCK
    texts_to_number: Rule = TEXTS_TO_NUMBER


def limits_of(section: AuthSection) -> Limits:
    """The rules with the numbers of the settings."""
    return Limits(
        login_from_address=replace(LOGIN_FROM_ADDRESS, tries=section.login_tries_per_address),
        login_to_account_from_address=replace(LOGIN_TO_ACCOUNT_FROM_ADDRESS, tries=section.login_tries),
        login_to_account=replace(LOGIN_TO_ACCOUNT, tries=section.login_tries_per_account),
        code_to_identity=replace(CODE_TO_IDENTITY, tries=section.codes_per_identity),
        code_to_identity_in_all=replace(CODE_TO_IDENTITY_IN_ALL, tries=section.codes_per_identity_in_all),
        code_from_address=replace(CODE_FROM_ADDRESS, tries=section.codes_per_address),
        signup_from_address=replace(SIGNUP_FROM_ADDRESS, tries=section.signups_per_address),
        texts=replace(TEXTS, tries=section.sms_per_day),
        texts_to_block=replace(TEXTS, tries=section.sms_per_prefix_per_day),
        texts_to_number=replace(TEXTS, tries=section.sms_per_number_per_day),
    )


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is counted under one key. Of a ``shared`` one, which many people fill, a success takes back one try only."""

    key: str
    rule: Rule
    shared: bool = False


Attempt: TypeAlias = tuple[Bucket, ...]
"""The buckets an attempt is counted in, one after the other, as long as they admit it.

So somebody who must wait already does not use up the tries that others have at the same account.
"""


class Submitter(Protocol):
    """Whatever runs a statement: the pool, or a connection."""

    def submit(self, text: str, parameters: Sequence[bytes | None] = ()) -> Awaitable[bytes]:
        """The only cell of the statement."""


def login_attempt(
    identity: str,
    address: str,
    *,
    account: str | None = None,
    device: str | None = None,
    limits: Limits = Limits(),
) -> Attempt:
    """An attempt to sign in to the account of a canonical identity (R9), whether there is one or not (R8).

    ``account`` is what all identities of one account have in common, where there is one: the end of all tries is for
    them together. ``device`` is given only where this very account was signed in to from it before (R10).
    """
    account = identity if account is None else account
    if device is not None:
        return (Bucket(_key("login-device", account, device), LOGIN_FROM_DEVICE),)
    network = network_of(address)
    return (
        Bucket(_key("login-address", network), limits.login_from_address, shared=True),
        Bucket(_key("login-account-address", identity, network), limits.login_to_account_from_address),
        account_bucket(account, limits),
    )


def account_bucket(account: str, limits: Limits = Limits()) -> Bucket:
    """Where all strangers' attempts at one account are counted: cleared when its password was reset."""
    return Bucket(_key("login-account", account), limits.login_to_account)


def password_attempt(account: str) -> Attempt:
    """An attempt to show the password of the account one is signed in to."""
    return (Bucket(_key("password", account), FACTOR),)


def text_attempt(number: str, limits: Limits) -> Attempt:
    """A text message to a number in E.164 (R19): by number, by block of ten thousand, and in all; none is forgiven."""
    return (
        Bucket(_key("text-number", number), limits.texts_to_number, shared=True),
        Bucket(_key("text-block", number[:-4]), limits.texts_to_block, shared=True),
        Bucket(_key("text"), limits.texts, shared=True),
    )


def factor_attempt(factor: str) -> Attempt:
    """An attempt to prove a second factor, whatever the session, address or challenge (R25)."""
    return (Bucket(_key("factor", factor), FACTOR),)


def code_attempt(
    purpose: str,
    identity: str,
    address: str,
    *,
    device: str | None = None,
    limits: Limits = Limits(),
) -> Attempt:
    """A message with a code or link that somebody asks to be sent to an identity; none of these is forgiven.

    Each network has messages of its own to an identity, so whoever asks for somebody else's does not use up theirs; and
    so has a ``device``, given only where the account was signed in to from it before, which no stranger can be (R10).
    What all networks ask for together is bounded too: a mailbox is not to be flooded.
    """
    network = network_of(address)
    if device is not None:
        return (Bucket(_key("code-device", purpose, identity, device), limits.code_to_identity),)
    return (
        Bucket(_key("code-address", purpose, network), limits.code_from_address, shared=True),
        Bucket(_key("code-identity-address", purpose, identity, network), limits.code_to_identity),
        Bucket(_key("code-identity", purpose, identity), limits.code_to_identity_in_all),
    )


def signup_attempt(address: str, limits: Limits = Limits()) -> Attempt:
    """A new account; none of these is forgiven."""
    return (Bucket(_key("signup-address", network_of(address)), limits.signup_from_address, shared=True),)


def issuer_attempt(address: str) -> Attempt:
    """A sign-in that asks an issuer of accounts, from an address: it costs a row here and a request there."""
    return (Bucket(_key("issuer-address", network_of(address)), ISSUER_FROM_ADDRESS, shared=True),)


def passkey_attempt(address: str) -> Attempt:
    """A sign-in with a passkey that is begun, each of which is a row for some minutes; none is forgiven."""
    return (Bucket(_key("passkey-address", network_of(address)), PASSKEY_FROM_ADDRESS, shared=True),)


def network_of(address: str) -> str:
    """What counts as one place: an IPv4 address, or the /64 that one household or host has of IPv6.

    >>> network_of("192.0.2.7"), network_of("::ffff:192.0.2.7"), network_of("2001:db8:1:2:3:4:5:6")
    ('192.0.2.7', '192.0.2.7', '2001:db8:1:2::/64')
    >>> network_of("fe80::1%eth0"), network_of("@")
    ('fe80::/64', 'unknown')
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"  # a unix socket, or a proxy that says nothing: all of them are one place
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.IPv6Network((found, 64), strict=False))
    return str(found)


def _key(kind: str, *parts: str) -> str:
    return f"{kind}:{hashlib.blake2b(join_parts((kind, *parts)), digest_size=16).hexdigest()}"


async def count_attempt(where: Submitter, attempt: Attempt) -> None:
    """The attempt is counted, for good: not within a transaction that what follows may roll back.

    Raises TooManyAttempts, with the seconds to wait; then nothing may be verified. Raises PostgresError when it cannot
    be counted, and then neither (R13).
    """
    for bucket in attempt:
        rule = bucket.rule
        times = (rule.window, rule.wait, rule.longest_wait)
        numbers = (rule.tries, *(time.total_seconds() for time in times))
        parameters = [bucket.key.encode("ascii"), *(str(number).encode("ascii") for number in numbers)]
        answer = json.loads(await where.submit(_SQL["count"], parameters))
        if not answer["admitted"]:
            raise TooManyAttempts(retry_after=max(1, math.ceil(answer["wait"])))


async def forgive_attempt(where: Submitter, attempt: Attempt) -> None:
    """The attempt was right: what was counted against its own buckets is forgotten, in shared ones just this one is."""
    described = [
        {"key": bucket.key, "shared": bucket.shared, "tries": bucket.rule.tries}
        for bucket in sorted(attempt, key=lambda bucket: bucket.key)
    ]
    await where.submit(_SQL["forgive"], [json.dumps(described).encode("ascii")])


async def forget_old_counts(where: Submitter) -> int:
    """Counts that can delay nobody any more are gone; how many there were."""
    return int(await where.submit(_SQL["forget"], [str(LONGEST_WINDOW.total_seconds()).encode("ascii")]))
