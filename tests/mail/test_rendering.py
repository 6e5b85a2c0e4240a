"""Templates: what howdah brings, what a project puts in its place, and what happens when that is broken."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from howdah.mail.errors import BrokenTemplate, MissingValue, UnknownMessage, UnusableAddress
from howdah.mail.letters import LETTERS, MEANINGS, sample
from howdah.mail.message import Mail, TextMessage, cleaned, masked, usable_address
from howdah.mail.rendering import OWN, Templates

BOB = "bob@example.com"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def mail_of(templates: Templates, name: str, locale: str | None = None, **values: str | int) -> Mail:
    letter = templates.letter(name)
    message = templates.render(name, BOB, {**sample(letter.needs), **values}, locale)
    assert isinstance(message, Mail)
    return message


# -- howdah's own ------------------------------------------------------------------------------------------------------


class Wellformed(HTMLParser):
    """Every element is closed, and nothing is loaded from anywhere."""

    VOID = frozenset({"meta", "br", "img", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self.VOID:
            self.open.append(tag)
        self.outside += [str(value) for name, value in attrs if name in ("src", "background")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag


@pytest.mark.parametrize("letter", LETTERS.values(), ids=lambda letter: letter.name)
@pytest.mark.parametrize("with_all", [False, True])
def test_every_message_is_written_with_and_without_what_it_may_have(letter, with_all: bool) -> None:
    """Text and HTML say the same values; the HTML is whole and loads nothing."""
    values = sample((*letter.needs, *letter.may) if with_all else letter.needs)
    message = Templates("Shop & Sons", None).render(letter.name, BOB, values)
    if isinstance(message, TextMessage):
        assert len(message.text) <= 160, "it would be paid for twice"
        assert "Shop & Sons" in message.text
        return
    assert message.html is not None
    page = Wellformed(message.html)
    assert (page.open, page.outside) == ([], [])
    assert "Shop & Sons" in message.subject
    assert "&amp; Sons" in message.html
    assert "& Sons" not in message.html
    for name, value in values.items():
        shown = "15 minutes" if name == "valid_for" else str(value)
        assert shown in message.text, name
        assert shown in message.html, name
    assert "\n\n\n" not in message.text


def test_every_value_is_explained() -> None:
    """The page about mails tells what each value is."""
    assert {name for letter in LETTERS.values() for name in (*letter.needs, *letter.may)} <= set(MEANINGS)


def test_every_file_of_the_package_belongs_to_a_message() -> None:
    """No template is there that nobody sends."""
    names = {path.stem for path in OWN.iterdir()} - {"layout", "parts"}
    assert names == set(LETTERS)


def test_values_are_escaped_in_html_and_plain_in_text() -> None:
    """What somebody else wrote stays text."""
    message = mail_of(Templates("Shop", None), "factor-added", factor='<img src=x onerror="a">')
    assert message.html is not None
    assert "<img" not in message.html
    assert "&lt;img src=x" in message.html
    assert '<img src=x onerror="a">' in message.text


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_a_missing_value_and_an_unknown_message_are_refused() -> None:
    """Both are mistakes in code, found before anything is sent; the same with everything there is written."""
    templates = Templates("Shop", None)
    with pytest.raises(MissingValue, match="valid_for"):
        templates.render("login-code", BOB, {"code": "1"})
    with pytest.raises(UnknownMessage) as caught:
        templates.render("login-cod", BOB, {})
    assert "login-code" in str(caught.value.hint)
    assert mail_of(templates, "login-code")


@pytest.mark.parametrize("link", ["javascript:alert(1)", "data:text/html,x", "//evil.example", ""])
def test_a_link_leads_to_the_web(link: str) -> None:
    """Nothing else than http and https gets into a button."""
    with pytest.raises(MissingValue, match="https://"):
        mail_of(Templates("Shop", None), "verify-email", link=link)


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\u2028"])
def test_a_line_break_cannot_get_into_the_subject(tmp_path: Path, break_: str) -> None:
    """A value that would begin another header is refused; in the text it may stand. Howdah's own mail goes out."""
    folder = written(tmp_path, {"hello.txt": "Subject: Hello {{ who }}\n\nHello {{ who }}\n"})
    templates = Templates("Shop", folder)
    assert mail_of(templates, "hello", who="Bob").subject == "Hello Bob"
    with pytest.raises(BrokenTemplate, match="more than one line"):
        mail_of(templates, "hello", who=f"Bob{break_}Bcc: eve@example.com")
    written(tmp_path, {"factor-added.txt": "Subject: New: {{ factor }}\n\n{{ factor }}\n"})
    assert "\n" not in mail_of(templates, "factor-added", factor=f"Bob{break_}Bcc: eve@example.com").subject


@pytest.mark.parametrize("control", ["\r", "\x0b", "\x85", "\x1f", "\0", "\x1b"])
def test_control_characters_are_left_out(tmp_path: Path, control: str) -> None:
    """They have no business in a mail, and one of them is ours."""
    templates = Templates("Shop", written(tmp_path, {"hello.txt": "Subject: Hello {{ who }}\n\n{{ who }}\n"}))
    message = mail_of(templates, "hello", who=f"Bob{control}X")
    assert (message.subject, message.text) == ("Hello BobX", "BobX\n")


@pytest.mark.parametrize(
    "address",
    ["bob", "bob@", "@example.com", "bob@example.com\r\nBcc: eve@example.com", "a@b@c.example", "b ob@example.com",
     "Bob <bob@example.com>", "bob@example.com,eve@example.com", "bob@exa\x00mple.com", f"{'b' * 250}@example.com"],
)  # fmt: skip
def test_only_one_address_is_an_address(address: str) -> None:
    """Lists, names, breaks and oddities are refused, without being shown."""
    with pytest.raises(UnusableAddress) as caught:
        usable_address("mail", address)
    assert address not in str(caught.value)
    assert usable_address("mail", "Bob.O'Neil+x@Example.com") == "Bob.O'Neil+x@example.com"


@pytest.mark.parametrize(
    "address", ["bob@localhost", "bob@mail.local", "bob@shop.test", "bob@corp", "bob@straße.example"]
)
def test_addresses_of_ones_own_network_are_addresses(address: str) -> None:
    """A server in the cellar is one, too; what looks like it and is none is refused as ever."""
    assert usable_address("mail", address) == address.replace("straße", "xn--strae-oqa")
    for worse in (address.replace("bob", "b ob"), address.replace("@", "@-."), address.replace("@", "@@")):
        with pytest.raises(UnusableAddress):
            usable_address("mail", worse)


@pytest.mark.parametrize("number", ["49170123456", "+0170123456", "+49 170 123456", "+49170", "+٤٩١٧٠١٢٣٤٥٦", "+1" * 9])
def test_only_e164_is_a_number(number: str) -> None:
    """Digits after a plus, in ASCII."""
    with pytest.raises(UnusableAddress):
        usable_address("text", number)
    assert usable_address("text", "+491701234567") == "+491701234567"


def test_what_is_logged_shows_neither_address_nor_code() -> None:
    """R75: what a provider says is kept without whatever could be used."""
    said = cleaned(f"554 <{BOB}> refused: Your code 934211, https://shop.example/reset#token=a1b2c3", BOB)
    assert "bob" not in said
    assert "934211" not in said
    assert "a1b2c3" not in said
    assert said.startswith("554 ")
    assert "ob" not in masked(BOB)


# -- a project's own ---------------------------------------------------------------------------------------------------


def test_the_projects_template_is_sent_and_its_text_alone_has_no_html(tmp_path: Path) -> None:
    """With both files both are the project's; the package's HTML never stands beside a project's text."""
    folder = written(tmp_path, {"login-code.txt": "Subject: Code\n\n{{ code }} for {{ app }}\n"})
    message = mail_of(Templates("Shop", folder), "login-code")
    assert (message.subject, message.text, message.html) == ("Code", "123456 for Shop\n", None)
    written(tmp_path, {"login-code.html": "<p>{{ code }}</p>"})
    assert mail_of(Templates("Shop", folder), "login-code").html == "<p>123456</p>"
    (folder / "login-code.txt").unlink()
    message = mail_of(Templates("Shop", folder), "login-code")
    assert (message.html, "It works once" in message.text) == ("<p>123456</p>", True)


def test_another_layout_changes_every_mail(tmp_path: Path) -> None:
    """Brand and footer are one file."""
    folder = written(tmp_path, {"layout.html": "<b>Brand</b>{% block content %}{% endblock %}"})
    html = mail_of(Templates("Shop", folder), "verify-email").html
    assert html is not None
    assert html.startswith("<b>Brand</b>")
    assert "Confirm the address" in html


def test_the_nearest_locale_is_taken(tmp_path: Path) -> None:
    """de-AT before de before the rest; what is no locale leads nowhere."""
    folder = written(
        tmp_path / "templates",
        {
            "login-code.txt": "Subject: plain\n\n{{ code }}",
            "de/login-code.txt": "Subject: de\n\n{{ code }}",
            "de-AT/login-code.txt": "Subject: de-AT\n\n{{ code }}",
            "../out/login-code.txt": "Subject: out\n\n{{ code }}",
        },
    )
    templates = Templates("Shop", folder)
    told = {
        locale: mail_of(templates, "login-code", locale).subject
        for locale in ("de_AT", "de-CH", "fr", "../out", "", None)
    }
    assert told == {"de_AT": "de-AT", "de-CH": "de", "fr": "plain", "../out": "plain", "": "plain", None: "plain"}


def test_a_saved_template_is_used_at_once(tmp_path: Path) -> None:
    """Nothing has to be restarted."""
    folder = written(tmp_path, {"login-code.txt": "Subject: one\n\n{{ code }}"})
    templates = Templates("Shop", folder)
    assert mail_of(templates, "login-code").subject == "one"
    written(tmp_path, {"login-code.txt": "Subject: another one\n\n{{ code }}"})
    assert mail_of(templates, "login-code").subject == "another one"


def test_a_text_message_of_the_projects(tmp_path: Path) -> None:
    """`.sms` has no subject, and no HTML."""
    templates = Templates("Shop", written(tmp_path, {"sms-code.sms": "{{ code }}\n"}))
    message = templates.render("sms-code", "+491701234567", sample(LETTERS["sms-code"].needs))
    assert message == TextMessage("+491701234567", "123456", {"code": "123456", "valid_for": "900"})


BROKEN = {
    "a tag that never ends": ("Subject: x\n\n{% if code %}\n", 3, "end of template"),
    "a value that is not there": ("Subject: x\n\n{{ code }}\n{{ cod }}\n", 4, "'cod' is undefined"),
    "a filter that is not there": ("Subject: x\n\n{{ code | shout }}", 3, "shout"),
    "no subject": ("Hello\n{{ code }}\n", 1, "Subject:"),
    "a file that is not there": ("Subject: x\n\n{% include 'foot.txt' %}", 3, "foot.txt"),
    "division": ("Subject: x\n\n\n{{ 1 / 0 }}", 4, "zero"),
    "the way out of the sandbox": ("Subject: x\n\n{{ code.__class__.__mro__ }}", 3, "unsafe"),
    "too much": ("Subject: x\n\n{{ 'x' * 10 ** 6 }}", 1, "characters"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_template_is_replaced_told_and_found(tmp_path: Path, case: str) -> None:
    """The mail goes out as howdah writes it, and both the event and the check have file and line."""
    text, line, said = BROKEN[case]
    folder = written(tmp_path, {"login-code.txt": text})
    told: list[BrokenTemplate] = []
    templates = Templates("Shop", folder, broken=told.append)
    assert "It works once" in mail_of(templates, "login-code").text
    problems = list(templates.problems())
    for problem in (*told, *problems):
        assert (problem.file, problem.line) == (folder / "login-code.txt", line)
        assert said in str(problem)
    assert (len(told), len(problems)) == (1, 1)


def test_a_broken_layout_is_found_and_does_not_stop_a_mail(tmp_path: Path) -> None:
    """Where the project's layout is broken the whole mail is howdah's own."""
    folder = written(tmp_path, {"layout.html": "<b>{{ brand }}</b>{% block content %}{% endblock %}", "x.md": "{% if"})
    told: list[BrokenTemplate] = []
    templates = Templates("Shop", folder, broken=told.append)
    html = mail_of(templates, "verify-email").html
    assert html is not None
    assert html.startswith("<!doctype html>")
    assert [problem.path for problem in told] == [f"{folder / 'layout.html'}:1"]
    assert [problem.path for problem in templates.problems()] == [f"{folder / 'layout.html'}:1"]


def test_an_optional_value_that_is_taken_for_granted_is_found(tmp_path: Path) -> None:
    """The check fills in every template without what a message may lack."""
    codes, links = "Subject: x\n\n{{ code }} {{ ip }}", "Subject: {{ link }}\n\n{{ link }}"
    folder = written(tmp_path, {"login-code.txt": codes, "login-link.txt": links})
    (problem,) = Templates("Shop", folder).problems()
    assert "'ip' is undefined" in str(problem)


def test_a_message_of_the_projects_own_has_nothing_in_its_place(tmp_path: Path) -> None:
    """It is refused until it is mended."""
    templates = Templates("Shop", written(tmp_path, {"news.txt": "Subject: News\n\n{{ story }}"}))
    with pytest.raises(BrokenTemplate, match="story"):
        mail_of(templates, "news")
    assert mail_of(templates, "news", story="none").text == "none\n"
    assert list(templates.problems()) == []
