"""docs/mail.md: its settings are settings, its templates can be filled in, its commands do what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.e2e.product import howdah
from tests.support import run

from howdah.mail import outbox
from howdah.mail.errors import MailSettingsError
from howdah.mail.letters import LETTERS, MEANINGS, sample
from howdah.mail.mailbox import KEPT
from howdah.mail.message import Mail
from howdah.mail.providers import MAILBOX, providers
from howdah.mail.relay import ATTEMPTS
from howdah.mail.rendering import Templates
from howdah.observe.secret import Secret
from howdah.postgres.connect import connect
from howdah.project.parse import Sources, parse_project
from howdah.project.sections import MailSection, Secrets

PAGE = Path(__file__).parents[2] / "docs" / "mail.md"
TEXT = PAGE.read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "howdah.toml").write_text('[project]\nname = "Shop"\n')
    return folder


@pytest.mark.parametrize("toml", blocks("toml"))
def test_every_setting_of_the_page_is_taken(toml: str, tmp_path: Path) -> None:
    """It is read, and there is a provider for it; with a letter less in it, there is none."""
    read = parse_project(Sources(toml), root=tmp_path, secrets=Secrets())
    found = providers(read.mail, app="Shop", root=tmp_path, development=False)
    assert (found.mail is None) == (read.mail.url is None)
    assert (found.text is None) == (read.mail.sms_url is None)
    worse = re.sub(r'url = "\w', 'url = "', toml)
    section = parse_project(Sources(worse), root=tmp_path, secrets=Secrets()).mail
    with pytest.raises(MailSettingsError):
        providers(section, app="Shop", root=tmp_path, development=False)


@pytest.mark.parametrize("url", re.findall(r"^\| `([a-z]+:[^`]*)` \|", TEXT, re.MULTILINE))
def test_every_url_of_the_table_is_one(url: str, tmp_path: Path) -> None:
    """But for the certificate, which is not on this machine."""
    section = MailSection(url=Secret(url.partition("?ca=")[0]), sender="shop@shop.example")
    assert providers(section, app="Shop", root=tmp_path, development=False).mail is not None


def test_the_templates_of_the_page_can_be_filled_in(tmp_path: Path) -> None:
    """Text and HTML, with the frame of howdah's own."""
    (text,), (html,) = blocks("txt"), blocks("html")
    (tmp_path / "verify-email.txt").write_text(text)
    (tmp_path / "verify-email.html").write_text(html)
    templates = Templates("Shop", tmp_path)
    assert templates.problems() == ()
    mail = templates.render("verify-email", "bob@example.com", sample(("link", "valid_for", "code")))
    assert isinstance(mail, Mail)
    assert mail.subject == "Welcome to Shop"
    assert "within 15 minutes" in mail.text
    assert "Or type in 123456." in mail.text
    assert "color-scheme" in str(mail.html)


def test_the_table_of_messages_is_the_source() -> None:
    """Names, purposes and values, in the same order."""

    def shown(names: tuple[str, ...]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    rows = [f"| `{one.name}` | {one.purpose} | {shown(one.needs)} | {shown(one.may)} |" for one in LETTERS.values()]
    assert "\n".join(rows).replace("|  |", "| |").replace("|  |", "| |") in TEXT
    assert f"last {KEPT} messages" in TEXT
    assert f"{ATTEMPTS} times over some five hours" in TEXT
    assert set(MEANINGS) - {"subject", "remaining"} <= set(re.findall(r"\w+", TEXT))


def test_the_commands_of_the_page(project: Path) -> None:
    """A test message lands in the mailbox, is listed and shown; templates are copied and never overwritten."""
    assert "The mailbox is empty" in howdah("mail", "list", folder=project).stderr
    for address in ("me@example.com", "+491701234567"):
        sent = howdah("mail", "send-test", address, folder=project)
        assert (sent.returncode, sent.stdout) == (0, f"Sent to {address}.\n")
    told = howdah("mail", "list", folder=project).stdout
    assert re.search(r"me@example\.com +A test from Shop", told)
    assert "This is a test from Shop" in told
    assert howdah("mail", "show", folder=project).stdout.startswith("To: +491701234567\n\nThis is a test")
    assert howdah("mail", "show", "--html", folder=project).returncode == 4
    assert '"channel": "text"' in howdah("mail", "show", "--json", folder=project).stdout
    mail = next(line.split()[0] for line in told.splitlines() if "me@example.com" in line)
    assert howdah("mail", "show", mail, "--html", folder=project).stdout.startswith("<!doctype html>")
    assert howdah("mail", "show", "nothing", folder=project).returncode == 4
    assert howdah("mail", "send-test", "nobody", folder=project).returncode == 1

    assert "verify-email" in howdah("mail", "template", folder=project).stdout
    copied = howdah("mail", "template", "verify-email", folder=project)
    assert copied.stdout.split() == ["mail/templates/verify-email.html", "mail/templates/verify-email.txt"]
    (project / "mail/templates/verify-email.txt").write_text("Subject: x\n\n{{ ip }}")
    assert "already" in howdah("mail", "template", "verify-email", folder=project).stdout
    assert howdah("mail", "template", "layout", folder=project).stdout.split() == ["mail/templates/layout.html"]
    assert howdah("mail", "template", "verify", folder=project).returncode == 1

    found = howdah("doctor", folder=project).stdout
    assert re.search(r"mail +failed +mail/templates/verify-email\.txt:3: 'ip' is undefined", found)
    (project / "mail/templates/verify-email.txt").unlink()
    assert re.search(r"mail +ok +goes to the mailbox", howdah("doctor", folder=project).stdout)


def test_every_command_of_the_page_is_tried_above() -> None:
    """None is named here that no test has called."""
    tried = {"list", "show", "send-test", "template"}
    assert set(re.findall(r"^howdah mail (\S+)", TEXT, re.MULTILINE)) == tried


def test_the_mailbox_is_where_the_page_says() -> None:
    """The folder, for who looks for it."""
    assert f"`{MAILBOX}`" in TEXT


def test_the_outbox_is_listed_with_reasons_and_without_what_it_says(project: Path, database: str) -> None:
    """As a server's administrator sees it; before there is one it is empty."""
    environment = {"HOWDAH_DATABASE_URL": database}

    async def given_up() -> None:
        async with await connect(database) as connection:
            await outbox.install(connection)
            box = outbox.Outbox(Templates("Shop", None))
            for to in ("ann@example.com", None):
                await box.enqueue(connection, template="login-code", to=to, values={"code": "934211", "valid_for": 60})
            await connection.script(
                "update howdah.mail set state = 'failed', body = null, ended_at = now(), reason = '550 unknown'"
            )

    empty = howdah("mail", "list", "--outbox", folder=project, environment=environment)
    assert "Nothing was sent yet" in empty.stderr
    run(given_up())
    told = howdah("mail", "list", "--outbox", folder=project, environment=environment).stdout
    assert re.search(r"login-code +ann@example\.com +failed +0 +550 unknown", told)
    assert len(told.splitlines()) == 2
    assert "934211" not in howdah("mail", "list", "--outbox", "--json", folder=project, environment=environment).stdout
    smtp = {**environment, "HOWDAH_MAIL_URL": "smtp://127.0.0.1:1?tls=none", "HOWDAH_MAIL_SMS_URL": "console:"}
    smtp["HOWDAH_MAIL_SENDER"] = "shop@shop.example"
    assert howdah("mail", "list", folder=project, environment=smtp).stdout == told
    sent = howdah("mail", "send-test", "me@example.com", folder=project, environment=smtp)
    assert (sent.returncode, "127.0.0.1:1 cannot be reached" in sent.stderr) == (1, True)
