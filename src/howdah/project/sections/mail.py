"""Mails and text messages."""

from dataclasses import dataclass
from typing import Annotated

from howdah.observe.secret import Secret
from howdah.project.sections.setting import Setting


@dataclass(frozen=True, slots=True)
class MailSection:
    """How mails and text messages leave: docs/mail.md has an example of each."""

    url: Annotated[
        Secret | None,
        Setting(
            "secret",
            "Who takes mails: `smtp://user:password@host:587`, `smtps://…`, `file:FOLDER`, `console:`, "
            "`mailbox:FOLDER`. Without it, `howdah dev` puts them into the mailbox, and `howdah serve` sends none.",
        ),
    ] = None
    sms_url: Annotated[
        Secret | None,
        Setting(
            "secret",
            "Who takes text messages: `twilio://account:token@default?from=+1…`, `msg91://authkey@default?sender=…`, "
            "`https://…`, or one of the three local ones above.",
        ),
    ] = None
    sender: Annotated[
        str | None, Setting("text", "Whom mails are from: `Shop <no-reply@shop.example>`. SMTP needs it.")
    ] = None
    reply_to: Annotated[str | None, Setting("text", "Where answers go, if not to the sender.")] = None
    timeout: Annotated[
        float, Setting("number", "Seconds a provider has to take one message.", minimum=0.1, maximum=600.0)
    ] = 20.0
    keep_days: Annotated[
        int, Setting("integer", "Days that `howdah mail list` knows what was sent or failed.", minimum=0, maximum=3650)
    ] = 7
    sms_method: Annotated[
        str, Setting("text", 'For `sms_url = "https://…"`: the method.', choices=("POST", "PUT", "GET"))
    ] = "POST"
    sms_headers: Annotated[
        tuple[Secret, ...], Setting("secrets", 'The same: header fields, as `["Authorization: Bearer …"]`.')
    ] = ()
    sms_body: Annotated[
        str, Setting("text", "The same: the body, with `{{ to }}` and `{{ text }}`. JSON needs `| tojson`.")
    ] = '{"to": {{ to | tojson }}, "text": {{ text | tojson }}}'
