"""Who may call an action, and which tables of them are refused; test_service.py calls them over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from howdah.kit.actions import Actions, Module, arguments, route
from howdah.kit.errors import BearerRequired, NotAllowed, NotConfigured, SignInRequired, UnknownAction
from howdah.kit.problems import InvalidRequest
from howdah.observe.secret import Secret
from howdah.session import ADMIN, ANONYMOUS, Session

BEARER = "0123456789abcdef"


def add(n: int, more: int = 0) -> int:
    return n + more


OPEN = Module("app.modules.open", [route("add", add)], roles=["anonymous", "user"])
CLOSED = Module("closed", [route("add", add)])
EDITORS = Module("editors", [route("add", add)], roles=["editor"])
TABLE = Actions([OPEN, CLOSED, EDITORS], bearer=[Secret(BEARER), "another-bearer-which-is-new"])


def find(module: str, session: Session, path: str = "add", *, proven: bool = True, shown: str | None = None) -> Any:
    return TABLE.find(module, path, session=session, proven=proven, authorization=[] if shown is None else [shown])


def test_behind_the_gateway_it_says_who_calls() -> None:
    """Signed in is enough unless the module names roles; anonymous only where it is among them."""
    user, editor = Session("user"), Session("editor")
    for module, session in (
        ("open", ANONYMOUS),
        ("open", user),
        ("closed", user),
        ("closed", ADMIN),
        ("editors", editor),
    ):
        assert find(module, session) is add
    for module, session, refused in (
        ("closed", ANONYMOUS, SignInRequired),
        ("editors", ANONYMOUS, SignInRequired),
        ("editors", user, NotAllowed),
        ("open", editor, NotAllowed),
    ):
        with pytest.raises(refused):
            find(module, session)


@pytest.mark.parametrize("shown", [f"Bearer {BEARER}", f"bearer  {BEARER}", "Bearer another-bearer-which-is-new"])
def test_either_bearer_opens(shown: str) -> None:
    """Both are good while one is replaced, for every module."""
    for module in ("open", "closed", "editors"):
        assert find(module, ANONYMOUS, proven=False, shown=shown) is add


@pytest.mark.parametrize(
    "shown", [None, "", BEARER, f"Bearer {BEARER}0", f"Basic {BEARER}", f"Bearer {BEARER.upper()}"]
)
def test_no_other_bearer_does(shown: str | None) -> None:
    """And a role that nobody has proven counts for nothing, nor do two bearers."""
    for session in (ANONYMOUS, Session("editor"), ADMIN):
        with pytest.raises(BearerRequired):
            find("editors", session, proven=False, shown=shown)
    with pytest.raises(BearerRequired):
        TABLE.find("open", "add", session=ADMIN, proven=False, authorization=[f"Bearer {BEARER}"] * 2)


def test_what_is_not_there_is_told_only_to_those_who_may_call() -> None:
    """A stranger cannot find out which actions there are."""
    with pytest.raises(UnknownAction):
        find("closed", Session("user"), "nothing")
    with pytest.raises(SignInRequired):
        find("closed", ANONYMOUS, "nothing")


def test_the_empty_route_is_there_unless_the_module_has_its_own() -> None:
    """It answers true."""
    assert find("closed", Session("user"), "")() is True
    own = Actions([Module("own", [route("", add)])], bearer=BEARER)
    assert own.find("own", "", session=ADMIN, proven=True, authorization=[]) is add


def test_an_action_is_called_with_what_it_takes() -> None:
    """Anything else is said, all of it."""
    assert arguments(add, {"n": 1}) == {"n": 1}
    with pytest.raises(InvalidRequest) as caught:
        arguments(add, {"m": 1, "o": 2})
    assert [(one.path, one.code) for one in caught.value.problems] == [
        ("$.n", "required"),
        ("$.m", "additionalProperties"),
        ("$.o", "additionalProperties"),
    ]


def test_a_table_nobody_guards_is_refused() -> None:
    """Neither a key nor a bearer: the service does not start, rather than let everybody call."""
    unguarded = Actions([CLOSED])
    unguarded.check_configured(proven=True)
    TABLE.check_configured(proven=False)
    with pytest.raises(NotConfigured):
        unguarded.check_configured(proven=False)
    for short in ("", "short", Secret("fifteen-letters")):
        with pytest.raises(NotConfigured):
            Actions([CLOSED], bearer=short)


@pytest.mark.parametrize("path", ["/add", "add/", "a b", "a//b", "..", "a/../b", "ä"])
def test_a_path_is_plain(path: str) -> None:
    """No two readers could read it apart."""
    with pytest.raises(ValueError, match="path"):
        route(path, add)


def test_nothing_is_there_twice() -> None:
    """Neither a path in a module nor a module in a table."""
    with pytest.raises(ValueError, match="two routes"):
        Module("a", [route("x", add), route("x", add)])
    with pytest.raises(ValueError, match="same name"):
        Actions([CLOSED, Module("other.closed", [])])
    with pytest.raises(ValueError, match="no name"):
        Module("a b", [])
