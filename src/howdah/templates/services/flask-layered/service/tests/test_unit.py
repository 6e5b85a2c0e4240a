"""The rules alone."""

from app.foss.domain import clean


def test_names_are_kept_without_needless_blanks():
    assert clean("  Post  greSQL ") == "Post greSQL"
