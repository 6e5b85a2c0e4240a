"""Settings: read into their types, complained about all at once, and their template never out of date."""

from __future__ import annotations

import contextlib
import decimal
import enum
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.kit.errors import WrongSettings
from howdah.kit.settings import Secret, load, main, template
from howdah.kit.settings_fields import read, written


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Mail:
    host: str
    port: int = 25


@dataclass(frozen=True, slots=True)
class Settings:
    bearer: Annotated[Secret, "what callers show"]
    mail: Mail
    page_size: Annotated[int, "rows on a page"] = 20
    debug: bool = False
    rate: decimal.Decimal = decimal.Decimal("0.19")
    colour: Colour = Colour.RED
    mode: Literal["fast", "safe"] = "safe"
    origins: list[str] = field(default_factory=list)
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Prefixed:
    prefix: ClassVar[str] = "SHOP_"

    name: str = "shop"


class Model(pydantic.BaseModel):
    port: int = pydantic.Field(25, ge=1, description="where it listens")
    token: pydantic.SecretStr
    link: pydantic.HttpUrl = pydantic.HttpUrl("https://example.com/")


GIVEN = {"BEARER": "b" * 20, "MAIL_HOST": "mail"}


def test_what_is_set_has_its_type_and_the_rest_its_default() -> None:
    """Groups have their name before those of their fields."""
    more = {
        "PAGE_SIZE": "7",
        "DEBUG": "yes",
        "RATE": "0.07",
        "COLOUR": "blue",
        "MODE": "fast",
        "ORIGINS": "a, b",
        "PROXY": "",
    }
    settings = load(Settings, environment=GIVEN | more)
    assert settings == Settings(
        Secret("b" * 20), Mail("mail"), 7, True, decimal.Decimal("0.07"), Colour.BLUE, "fast", ["a", "b"], None
    )
    assert load(Settings, environment=GIVEN) == Settings(Secret("b" * 20), Mail("mail"))


def test_everything_that_is_wrong_is_said_at_once_and_no_value() -> None:
    """Missing, impossible; with the name that is there instead, when one is like it."""
    environment = {
        "MAIL_HOSTS": "mail",
        "PAGE_SIZE": "hunter2",
        "DEBUG": "maybe",
        "COLOUR": "green",
        "MODE": "",
        "RATE": "NaN",
    }
    with pytest.raises(WrongSettings) as caught:
        load(Settings, environment=environment)
    said = str(caught.value)
    assert len(caught.value.problems) == 6
    for part in (
        "BEARER is not set (what callers show)",
        "MAIL_HOST is not set (str); MAIL_HOSTS is: is it meant?",
        "PAGE_SIZE should be a whole number",
        "DEBUG should be true or false",
        "COLOUR should be one of red, blue",
        "RATE should be a number",
    ):
        assert part in said
    assert "hunter2" not in said


def test_files_are_read_in_their_order_and_the_environment_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For each environment its own, never from the working directory."""
    (tmp_path / ".env").write_text("BEARER=from-the-file-1234\nMAIL_HOST=one\nPAGE_SIZE=1\n")
    (tmp_path / ".env.production").write_text("MAIL_HOST=two\nMAIL_PORT=2\n")
    (tmp_path / "env" / "production").mkdir(parents=True)
    (tmp_path / "env" / "production" / ".env").write_text("MAIL_PORT=3\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert load(Settings, folder=tmp_path, environment={}).mail == Mail("one")
    production = load(Settings, folder=tmp_path, environment={"HOWDAH_ENVIRONMENT": "production", "PAGE_SIZE": "9"})
    assert (production.mail, production.page_size) == (Mail("two", 3), 9)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WrongSettings):
        load(Settings, environment={})


def test_a_name_nobody_knows_is_an_error(tmp_path: Path) -> None:
    """In a file always; in the environment where a prefix says that it is ours."""
    (tmp_path / ".env").write_text("BEARER=x\nMAIL_HSOT=one\n")
    with pytest.raises(WrongSettings, match=r"MAIL_HSOT in .*is no setting; is MAIL_HOST meant"):
        load(Settings, folder=tmp_path, environment={})
    assert load(Prefixed, environment={"SHOP_NAME": "mine", "OTHER": "x"}).name == "mine"
    with pytest.raises(WrongSettings, match="SHOP_NAMES in the environment is no setting"):
        load(Prefixed, environment={"SHOP_NAMES": "mine"})
    (tmp_path / ".env").write_text("what is this\n")
    with pytest.raises(WrongSettings, match="NAME=value"):
        load(Prefixed, folder=tmp_path, environment={})


def test_a_model_of_pydantic_is_checked_by_pydantic() -> None:
    """Its types, its rules; what is wrong has the setting's name."""
    settings = load(Model, environment={"PORT": "80", "TOKEN": "hunter2", "LINK": "https://howdah.example/"})
    assert (settings.port, settings.token.get_secret_value(), str(settings.link)) == (
        80,
        "hunter2",
        "https://howdah.example/",
    )
    with pytest.raises(WrongSettings, match="PORT") as caught:
        load(Model, environment={"PORT": "0", "TOKEN": "hunter2"})
    assert "hunter2" not in str(caught.value)


TEMPLATE = """\
# Settings of tests.kit.test_settings.Settings, written by howdah.kit.settings.

# what callers show (secret), required
BEARER=

# str, required
MAIL_HOST=

# int
# MAIL_PORT=25

# rows on a page (int)
# PAGE_SIZE=20

# bool
# DEBUG=false

# decimal
# RATE=0.19

# red or blue
# COLOUR=red

# fast or safe
# MODE=safe

# list of str
# ORIGINS=

# str
# PROXY=
"""


def test_the_template_has_every_setting(tmp_path: Path) -> None:
    """Filled in it is a file of settings: names in it cannot be other ones than those of the class."""
    assert template(Settings) == TEMPLATE
    filled = TEMPLATE.replace("# MAIL", "MAIL").replace("BEARER=", "BEARER=b").replace("MAIL_HOST=", "MAIL_HOST=m")
    (tmp_path / ".env").write_text(filled)
    assert load(Settings, folder=tmp_path, environment={}) == Settings(Secret("b"), Mail("m"))
    assert "# TOKEN=" not in template(Model)
    assert "# where it listens (int)\n# PORT=25" in template(Model)


def test_a_template_that_is_out_of_date_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--write` makes it, `--check` compares it and says the difference."""
    (tmp_path / "shop.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass Settings:\n    name: str = 'shop'\n    key: str = 'k'\n"
    )
    command = [sys.executable, "-m", "howdah.kit.settings", "shop"]
    file = tmp_path / ".env.example"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run("--check", str(file)).returncode == 3
    assert run("--write", str(file)).returncode == 0
    assert run("--check", str(file)).returncode == 0
    assert run().stdout == file.read_text()
    file.write_text(file.read_text().replace("NAME", "NAMES"))
    checked = run("--check", str(file))
    assert (checked.returncode, "-# NAMES=shop\n+# NAME=shop\n" in checked.stderr) == (3, True)
    with pytest.raises(SystemExit, match="no class of settings"):
        main(["howdah.kit.settings:load"])


@given(
    st.one_of(
        st.tuples(st.just(int), st.integers()),
        st.tuples(st.just(float), st.floats(allow_nan=False, allow_infinity=False)),
        st.tuples(st.just(bool), st.booleans()),
        st.tuples(st.just(decimal.Decimal), st.decimals(allow_nan=False, allow_infinity=False)),
        st.tuples(st.just(list[int]), st.lists(st.integers())),
        st.tuples(st.just(Colour), st.sampled_from(Colour)),
    )
)
def test_what_is_written_is_read_back(pair: tuple[type, object]) -> None:
    """A default in a template means the default."""
    kind, value = pair
    assert read(written(value), kind) == value


@given(
    st.text(), st.sampled_from([int, float, bool, decimal.Decimal, list[int], Colour, Literal["a"], int | None, Secret])
)
def test_any_text_is_read_or_refused(text: str, kind: type) -> None:
    """With a ValueError and nothing else."""
    with contextlib.suppress(ValueError):
        read(text, kind)
