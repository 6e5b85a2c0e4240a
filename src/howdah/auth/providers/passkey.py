"""A passkey, which says itself whose it is: no name is asked for, so nobody learns which there are (R8, R30)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from howdah.auth.errors import ProviderOff
from howdah.auth.factors.passkeys import take_answered, use_passkey
from howdah.auth.factors.shown import note_failure
from howdah.auth.part import Auth
from howdah.auth.proof_errors import InvalidFactor, InvalidUser
from howdah.auth.providers.provider import Write, read_data
from howdah.auth.sessions import Origin
from howdah.auth.sign_in import Proof


class PasskeyData(msgspec.Struct, forbid_unknown_fields=True):
    """What the browser answered (AuthenticationResponseJSON) to `/v1/login/passkey/options`."""

    credential: dict[str, Any]


class PasskeyProvider:
    """Two factors in one: what somebody has, and what their authenticator knows them by."""

    data = PasskeyData

    async def sign_up(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Write:  # noqa: ARG002
        """Nobody begins with a passkey. Raises ProviderOff."""
        raise ProviderOff(hint="Sign up another way, then add a passkey.", path="$.provider")

    async def log_in(self, auth: Auth, data: Mapping[str, Any], origin: Origin) -> Proof:
        """Whose account it is. Raises InvalidUser."""
        sent = read_data(data, PasskeyData)
        try:
            challenge = await take_answered(auth, sent.credential, "passkey-login")
            user_id = await use_passkey(auth, auth.store.pool, sent.credential, challenge)
        except InvalidFactor as error:
            await note_failure(auth, error, origin, None, "passkey")
            raise InvalidUser from None
        return Proof(user_id, ("passkey",))
