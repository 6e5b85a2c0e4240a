"""The admin secret while it is replaced."""

from __future__ import annotations

from tests.auth.support import KEY, platform_on
from tests.serving import SECRET

from howdah.observe.secret import Secret
from howdah.project.sections import Secrets

NEW = "Zr4t-Gh9w-Lk2m-Qx7c-Vb1n"


def test_two_are_valid_while_one_is_replaced(database: str) -> None:
    """R51: there is no moment in which neither works; afterwards the old one opens nothing, nor does an empty one."""
    both = Secrets(Secret(NEW), Secret(KEY), previous_admin_secret=Secret(SECRET))
    for secrets, wanted in ((both, (200, 200)), (Secrets(Secret(NEW), Secret(KEY)), (200, 401))):
        with platform_on(database, secrets=secrets) as platform:
            shown = [platform.client(**{"X-Hasura-Admin-Secret": each}) for each in (NEW, SECRET)]
            assert tuple(client.get("/auth/v1/admin/service-token/list").status for client in shown) == wanted
            empty = platform.client(**{"X-Hasura-Admin-Secret": ""})
            assert empty.get("/auth/v1/admin/service-token/list").status == 401
