"""The pages of second factors and passkeys: added, renamed, removed, and shown once more before what matters."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from howdah.auth.errors import InvalidBody
from howdah.auth.factors.owned import Factor, find_factors
from howdah.auth.freshness import ways_to_step_up
from howdah.auth.pages.entering import credential_in, shown_factor
from howdah.auth.pages.visit import Visit, id_in
from howdah.auth.proof_errors import UnknownFactor
from howdah.auth.qr import qr_data_uri
from howdah.auth.routes import factors, passkeys, second_factor

_SECTIONS: Final = ("passkeys", "app", "recovery", "address", "number", "connected")
_NEW_APP: Final = "Authenticator app"


# -- an authenticator app ----------------------------------------------------------------------------------------------


async def begin_totp(visit: Visit) -> Response:
    """The picture and the key of an authenticator app, shown this once."""
    told = (await factors.begin_app(visit.auth, visit.asked(factors.NewApp(_NEW_APP)))).body
    picture = qr_data_uri(told["uri"], title="QR code for an authenticator app")
    return _show_setup(visit, picture, told["secret"])


def _show_setup(visit: Visit, picture: str | None = None, secret: str | None = None) -> Response:
    return visit.show("setup-app", "Set up an authenticator app", picture=picture, secret=secret)


async def show_totp(visit: Visit) -> Response:
    """The form for the first code, after one that was wrong: picture and key are shown once."""
    return _show_setup(visit)


async def confirm_totp(visit: Visit) -> Response:
    """The app counts from now on; the first time there are recovery codes."""
    body = factors.FirstCode(visit.text("code").replace(" ", ""))
    answer = await factors.confirm_app(visit.auth, visit.asked(body))
    if codes := answer.body.get("recovery_codes"):
        visit.done = "The authenticator app is set up. From now on it is asked for when you log in."
        return _show_codes(visit, codes, answer.cookies)
    return visit.go_on("account", answer.cookies, done="app")


# -- passkeys ----------------------------------------------------------------------------------------------------------


async def add_passkey(visit: Visit) -> Response:
    """The passkey that the browser made is the account's; the first time there are recovery codes."""
    name = visit.text("passkey_name")[:64] or "Passkey"
    body = passkeys.NewPasskey(credential_in(visit.form.get("passkey", "")), name)
    answer = await passkeys.register_passkey(visit.auth, visit.asked(body))
    if codes := answer.body.get("recovery_codes"):
        visit.done = "The passkey is added. You can log in with it."
        return _show_codes(visit, codes, answer.cookies)
    return visit.go_on("account", answer.cookies, done="passkey")


# -- any factor --------------------------------------------------------------------------------------------------------


async def _factor(visit: Visit) -> Factor:
    """The factor that is asked about. Raises UnknownFactor."""
    wanted = visit.form.get("factor_id") or visit.request.query_params.get("factor_id", "")
    owned = await find_factors(visit.auth.store.pool, visit.asked().user_id)
    found = next((each for each in (*owned.totp, *owned.passkeys) if each.id == wanted), None)
    if found is None:
        raise UnknownFactor
    return found


async def show_rename_factor(visit: Visit) -> Response:
    """The form for another name."""
    return visit.show("rename-factor", "Rename", factor=await _factor(visit))


async def rename_factor(visit: Visit) -> Response:
    """A factor is called something else."""
    name = visit.text("factor_name")[:64]
    if not name:
        raise InvalidBody("Enter a name.")
    await factors.rename_factor(
        visit.auth, visit.asked(factors.NewName(factor_id=id_in(visit.form.get("factor_id", "")), name=name))
    )
    return visit.go_on("account", done="renamed")


async def show_remove_factor(visit: Visit) -> Response:
    """Whether they are sure, and what follows from it."""
    factor = await _factor(visit)
    owned = await find_factors(visit.auth.store.pool, visit.asked().user_id)
    text = "You cannot log in with it any more, and every other session is over."
    if len(owned.totp) + len(owned.passkeys) == 1:
        text += " It is your last second factor: your recovery codes go with it, and logging in is one step again."
    return visit.show(
        "sure",
        f"Remove {factor.name}?",
        text=text,
        action="account/remove-factor",
        button=f"Remove {factor.name}",
        hidden={"factor_id": factor.id},
    )


async def remove_factor(visit: Visit) -> Response:
    """One factor less."""
    body = factors.FactorChoice(id_in(visit.form.get("factor_id", "")))
    answer = await factors.remove_factor(visit.auth, visit.asked(body))
    return visit.go_on("account", answer.cookies, done="removed")


# -- recovery codes ----------------------------------------------------------------------------------------------------


async def show_renew_codes(visit: Visit) -> Response:
    """Whether they are sure, and what follows from it."""
    return visit.show(
        "sure",
        "Make new recovery codes?",
        text="The codes you have now stop working at once.",
        action="account/recovery-codes",
        button="Make new codes",
        hidden={},
    )


async def renew_codes(visit: Visit) -> Response:
    """New recovery codes, shown this once."""
    answer = await factors.renew_recovery_codes(visit.auth, visit.asked())
    return _show_codes(visit, answer.body["recovery_codes"])


def _show_codes(visit: Visit, codes: list[str], cookies: tuple[str, ...] = ()) -> Response:
    return visit.show("recovery-codes", "Keep your recovery codes", cookies=cookies, codes=codes)


# -- a fresh proof -----------------------------------------------------------------------------------------------------


async def show_confirm(visit: Visit) -> Response:
    """The forms for a fresh proof: what the account has."""
    ways = list(await ways_to_step_up(visit.auth, visit.asked().user_id))
    return visit.show("confirm", "Confirm that it is you", ways=ways, then=_then(visit))


async def confirm(visit: Visit) -> Response:
    """A fresh proof; back to where they were on the page of their account."""
    password = visit.form.get("password")
    shown = {"password": password} if password is not None else shown_factor(visit)
    answer = await second_factor.step_up(visit.auth, visit.asked(second_factor.StepUp(**shown)))
    return visit.go(f"/auth/ui/account?done=confirmed#{_then(visit)}", answer.cookies)


def _then(visit: Visit) -> str:
    wanted = visit.form.get("then") or visit.request.query_params.get("then", "")
    return wanted if wanted in _SECTIONS else "top"
