"""A message's name and its values → a Mail or a TextMessage, by Jinja templates.

A message is ``<name>.txt``, whose first line is ``Subject: …``, with ``<name>.html`` beside it; or ``<name>.sms``.
Those of the project's folder ``mail/templates`` come before those of the package, and where there is a locale, those of
``de-AT/`` come before those of ``de/`` and those before the rest. Read `_plan` for what goes together.

No message is lost to a broken template of the project's: the package's own is sent instead, and what is wrong is told.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplatesNotFound,
    TemplateSyntaxError,
)
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from howdah.mail.errors import BrokenTemplate, MissingValue, UnknownMessage
from howdah.mail.letters import LETTERS, Letter, Value, sample
from howdah.mail.message import Mail, Message, TextMessage

FOLDER = Path("mail") / "templates"
"""Where a project has templates of its own."""

OWN = Path(__file__).with_name("templates")

LONGEST = 256 * 1024
"""Characters of one rendered message."""

LONGEST_TEXT_MESSAGE = 1600
"""As many as Twilio takes."""

_SUFFIXES = frozenset({".txt", ".html", ".sms"})
NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8})*")
_SUBJECT = re.compile(r"\ASubject:[ \t]*(.*)$", re.MULTILINE)
_END_OF_SUBJECT = "\x1f"  # no value can have one: `_shown` takes them out
_CONTROLS = {number: None for number in (*range(32), *range(127, 160)) if chr(number) not in "\t\n"}

Broken = Callable[[BrokenTemplate], None]


@dataclass(frozen=True, slots=True)
class _Files:
    """The templates of one message, by the names the loader knows them under."""

    text: str
    html: str | None


class Templates:
    """The templates of the package, and over them those in ``folder``, where there is such a folder.

    ``broken`` is told of each template of the project's in whose place the package's own was used.
    """

    def __init__(self, app: str, folder: Path | None, *, broken: Broken = lambda _: None) -> None:
        self._folder = folder
        self._broken = broken
        self._own = _environment(app, (OWN,))
        self._all = self._own if folder is None else _environment(app, (folder, OWN))

    def letter(self, name: str) -> Letter:
        """What is known of the message: howdah's own, or one that the project has a template for.

        Raises UnknownMessage.
        """
        letter = LETTERS.get(name)
        if letter is not None:
            return letter
        if NAME.fullmatch(name) and self._folder is not None:
            for suffix in (".txt", ".sms"):
                if (self._folder / f"{name}{suffix}").is_file():
                    return Letter(name, "mail" if suffix == ".txt" else "text", "The project's own.")
        raise UnknownMessage(f'There is no template "{name}".', hint=f"There are: {', '.join(LETTERS)}.")

    def render(self, name: str, to: str, values: Mapping[str, Value], locale: str | None = None) -> Message:
        """The message. A template of the project's that is broken is replaced by the package's own.

        Raises UnknownMessage and MissingValue; BrokenTemplate where there is nothing in its place.
        """
        letter = self.letter(name)
        check_values(letter, values)
        files = self._plan(letter, locale)
        try:
            return self._filled(self._all, letter, files, to, values)
        except BrokenTemplate as error:
            if name not in LETTERS or error.file.is_relative_to(OWN):
                raise
            self._broken(error)
            return self._filled(self._own, letter, _own_files(letter), to, values)

    def problems(self) -> tuple[BrokenTemplate, ...]:
        """What is wrong with the project's templates: every message is filled in, with and without what it may lack.

        Templates that no message of howdah's uses are only read: nobody knows their values.
        """
        if self._folder is None or not self._folder.is_dir():
            return ()
        files = [path.relative_to(self._folder) for path in sorted(self._folder.rglob("*")) if path.suffix in _SUFFIXES]
        locales = (None, *dict.fromkeys(file.parts[0] for file in files if len(file.parts) > 1))
        found = [_wrong_as_text(self._all, file.as_posix()) for file in files]
        found += [self._wrong_in_use(letter, locale) for letter in LETTERS.values() for locale in locales]
        return tuple({problem.path: problem for problem in found if problem is not None}.values())

    def _wrong_in_use(self, letter: Letter, locale: str | None) -> BrokenTemplate | None:
        files = self._plan(letter, locale)
        for names in ((*letter.needs, *letter.may), letter.needs):
            try:
                self._filled(self._all, letter, files, "bob@example.com", sample(names))
            except BrokenTemplate as error:
                return error
        return None

    def _plan(self, letter: Letter, locale: str | None) -> _Files:
        """Which files make the message: the text nearest to project and locale, and the HTML that goes with it.

        Where the project has only the text, there is no HTML: the package's would say something else. Where it has
        only the HTML, the text of the package stays with it, for a mail always has one.
        """
        if letter.channel == "text":
            return _Files(self._nearest(letter.name, ".sms", locale)[0], None)
        text, text_rank = self._nearest(letter.name, ".txt", locale)
        html, html_rank = self._nearest(letter.name, ".html", locale)
        return _Files(text, html if html and html_rank <= text_rank else None)

    def _nearest(self, name: str, suffix: str, locale: str | None) -> tuple[str, int]:
        """The name of the nearest file, and how far away that is; an empty name where there is none."""
        places = [(f"{folder}/", self._folder) for folder in _folders(locale)] + [("", self._folder), ("", OWN)]
        for rank, (prefix, root) in enumerate(places):
            if root is not None and (root / f"{prefix}{name}{suffix}").is_file():
                return f"{prefix}{name}{suffix}", rank
        return "", len(places)

    def _filled(
        self,
        environment: ImmutableSandboxedEnvironment,
        letter: Letter,
        files: _Files,
        to: str,
        values: Mapping[str, Value],
    ) -> Message:
        if letter.channel == "text":
            text = _render(environment, files.text, values).strip()
            _check_length(environment, files.text, text, LONGEST_TEXT_MESSAGE)
            return TextMessage(to, text, {name: str(value) for name, value in values.items()})
        subject, end, text = _render(environment, files.text, values).partition(_END_OF_SUBJECT)
        if not end:
            raise BrokenTemplate(_file(environment, files.text), 1, "the first line must be the subject: Subject: …")
        subject = subject.strip()
        if len(subject.splitlines()) > 1:
            raise BrokenTemplate(_file(environment, files.text), 1, "the subject would be more than one line")
        html = None if files.html is None else _render(environment, files.html, {**values, "subject": subject})
        _check_length(environment, files.text, text + (html or ""), LONGEST)
        return Mail(to, subject, text.strip() + "\n", html)


def check_values(letter: Letter, values: Mapping[str, Value]) -> None:
    """Every value the message needs is there, and a link is one to the web. Raises MissingValue."""
    for name in letter.needs:
        if name not in values:
            raise MissingValue(f'"{letter.name}" needs the value "{name}".')
    if "link" in values and not str(values["link"]).startswith(("https://", "http://")):
        raise MissingValue(f'"{letter.name}" needs a link that begins with https:// or http://.')


def duration(seconds: int) -> str:
    """Seconds as people say them, rounded down.

    >>> [duration(seconds) for seconds in (45, 60, 900, 5400, 604800)]
    ['45 seconds', '1 minute', '15 minutes', '90 minutes', '7 days']
    """
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size and (seconds % size == 0 or (seconds >= 2 * size and unit != "hour")):
            count = seconds // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds} seconds"


# -- Jinja -------------------------------------------------------------------------------------------------------------


class _Loader(FileSystemLoader):
    """Files of the first folder that has them; the subject's line ends where `_END_OF_SUBJECT` is."""

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        """The template's text; line numbers are those of its file."""
        source, file, is_current = super().get_source(environment, template)
        if template.endswith(".txt"):
            source = _SUBJECT.sub(lambda found: found[1] + _END_OF_SUBJECT, source, count=1)
        return source, file, is_current


def _environment(app: str, folders: tuple[Path, ...]) -> ImmutableSandboxedEnvironment:
    loader: BaseLoader = _Loader(folders, encoding="utf-8")
    environment = ImmutableSandboxedEnvironment(
        loader=loader,
        undefined=StrictUndefined,
        autoescape=lambda name: name is not None and name.endswith(".html"),
        finalize=_shown,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["app"] = app
    environment.filters["duration"] = duration
    return environment


def _shown(value: Any) -> Any:
    """A value as it is written into a template: without control characters."""
    return value.translate(_CONTROLS) if isinstance(value, str) and not isinstance(value, Markup) else value


def _render(environment: ImmutableSandboxedEnvironment, name: str, values: Mapping[str, Value]) -> str:
    """The filled template. Raises BrokenTemplate with the file and the line."""
    try:
        return environment.get_template(name).render(values)
    except TemplateSyntaxError as error:
        file = Path(error.filename) if error.filename else _file(environment, name)
        raise BrokenTemplate(file, error.lineno, error.message or "it cannot be understood") from error
    except (TemplateNotFound, TemplatesNotFound) as error:
        file, line = _place(environment, name, error)
        raise BrokenTemplate(file, line, f"there is no template {error.message}") from error
    except UnicodeDecodeError as error:
        raise BrokenTemplate(_file(environment, name), 1, "it is not UTF-8 text") from error
    except (
        TemplateError,
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        file, line = _place(environment, name, error)
        raise BrokenTemplate(file, line, str(error) or type(error).__name__) from error


def _place(environment: ImmutableSandboxedEnvironment, name: str, error: BaseException) -> tuple[Path, int]:
    """Where in a template the error came from: Jinja puts files and lines of templates into tracebacks."""
    folders = environment.loader.searchpath if isinstance(environment.loader, FileSystemLoader) else []
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if any(Path(frame.filename).is_relative_to(folder) for folder in folders)
    ]
    return (Path(frames[-1].filename), frames[-1].lineno or 1) if frames else (_file(environment, name), 1)


def _file(environment: ImmutableSandboxedEnvironment, name: str) -> Path:
    folders = environment.loader.searchpath if isinstance(environment.loader, FileSystemLoader) else []
    paths = [Path(folder) / name for folder in folders]
    return next((path for path in paths if path.is_file()), paths[0])


def _wrong_as_text(environment: ImmutableSandboxedEnvironment, name: str) -> BrokenTemplate | None:
    """What is wrong with a template whose values nobody knows: it is only read."""
    try:
        environment.get_template(name)
    except TemplateSyntaxError as error:
        return BrokenTemplate(_file(environment, name), error.lineno, error.message or "it cannot be understood")
    except UnicodeDecodeError:
        return BrokenTemplate(_file(environment, name), 1, "it is not UTF-8 text")
    return None


def _own_files(letter: Letter) -> _Files:
    if letter.channel == "text":
        return _Files(f"{letter.name}.sms", None)
    return _Files(f"{letter.name}.txt", f"{letter.name}.html")


def _folders(locale: str | None) -> Iterator[str]:
    """The folders of a locale, the nearest first; none for what is no locale.

    >>> list(_folders("de_AT")), list(_folders("../x"))
    (['de-AT', 'de'], [])
    """
    if locale is not None and _LOCALE.fullmatch(locale):
        parts = locale.replace("_", "-").split("-")
        for count in range(len(parts), 0, -1):
            yield "-".join(parts[:count])


def _check_length(environment: ImmutableSandboxedEnvironment, name: str, text: str, most: int) -> None:
    if len(text) > most:
        raise BrokenTemplate(_file(environment, name), 1, f"it makes more than {most} characters")
