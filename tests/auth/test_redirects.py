"""Where browsers may be sent, and the ways people have tried to send them elsewhere."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.auth.errors import RedirectNotAllowed
from howdah.auth.redirects import check_redirect, parse_redirect_targets
from howdah.auth.setting_errors import UnusableRedirectTarget

TARGETS = parse_redirect_targets(
    [
        "https://app.example/welcome",
        "https://app.example/cb?from=auth",
        "https://www.example/*",
        "http://localhost:3000/*",
        "http://127.0.0.1:3000/cb",
        "http://[::1]:3000/cb",
        "com.example.shop:/signed-in",
        "exp+shop://signed-in",
    ],
    home="https://shop.example/auth/ui/",
)


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ("https://app.example/welcome", None),
        ("HTTPS://APP.EXAMPLE/welcome", "https://app.example/welcome"),
        ("https://app.example:443/welcome", "https://app.example/welcome"),
        ("https://app.example/cb?from=auth", None),
        ("https://www.example/", None),
        ("https://www.example", "https://www.example/"),
        ("https://www.example/any/page?x=%2F..%2F&y=//a", None),
        ("https://www.example/caf%C3%A9", None),
        ("http://localhost:3000/", None),
        ("http://localhost:3000/a/b?c=d", None),
        ("http://127.0.0.1:3000/cb", None),
        ("http://[0:0::1]:3000/cb", "http://[::1]:3000/cb"),
        ("com.example.shop:/signed-in", None),
        ("exp+shop://signed-in", None),
        ("/", "https://shop.example/"),
        ("/account?tab=factors", "https://shop.example/account?tab=factors"),
        ("https://shop.example/anything", None),
    ],
)
def test_allowed(wanted: str, sent: str | None) -> None:
    """R57, the other side: what is on the list, in any spelling of its origin, and our own pages."""
    assert check_redirect(wanted, TARGETS) == (sent or wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        # not on the list
        "https://evil.example/", "https://app.example/", "https://app.example/welcome/",
        "https://app.example/welcome?x=1",
        "https://app.example/Welcome", "https://app.example/cb", "https://app.example/cb?from=auth&next=evil",
        "http://app.example/welcome", "https://app.example:8443/welcome", "https://app.example:80/welcome",
        "http://www.example/", "https://www.example:8443/", "https://a.www.example/", "http://localhost:3001/",
        "http://127.0.0.1:3000/", "com.example.shop:/signed-out", "com.example.shop:/signed-in/", "com.evil:/signed-in",
        # names that only look like it
        "https://app.example.evil.example/welcome", "https://evilapp.example/welcome", "https://app-example/welcome",
        "https://www.example.", "https://www.example./", "https://.www.example/", "https://www..example/",
        "https://wwwxexample/", "https://www.exаmple/", "https://www.example。evil.example/", "https://ｗｗｗ.example/",
        "https://www.example%2eevil.example/", "https://www.example%00.evil.example/", "https://-www.example/",
        # userinfo
        "https://www.example@evil.example/", "https://www.example:443@evil.example/", "https://user@www.example/",
        "https://user:pw@www.example/", "https://@www.example/", "https://evil.example#@www.example/",
        "https://evil.example?@www.example/", "https://evil.example/@www.example/",
        "https://evil.example\\@www.example/",
        # scheme-relative, and what browsers make of slashes and backslashes
        "//evil.example", "//evil.example/welcome", "///evil.example", "////evil.example", "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example", "/\\/evil.example", "/\t/evil.example", "/\n/evil.example", "/\r/evil.example",
        "/ /evil.example",
        "https:/evil.example", "https:evil.example", "https:///evil.example", "https:\\\\evil.example",
        "https:/\\evil.example",
        "https:www.example/", "https:/www.example/", "https:///www.example/", "https:\\\\www.example\\",
        "//www.example/",
        "https://www.example\\evil.example", "https://www.example\\.evil.example/", "/%09/evil.example",
        "/%5cevil.example",
        "/%2f%2fevil.example", "/%2Fevil.example", "//%2fevil.example", "/.//evil.example", "/..//evil.example",
        "/a//evil.example",
        # dot segments, and escapes that somebody resolves
        "/../evil", "/./a", "/a/..", "/%2e%2e/a", "/a/%2E./b", "/%252e%252e/a", "/%252f", "/a%5Cb", "/a%00",
        "/a%0d%0aSet-Cookie:x=1",
        "https://www.example/%0d%0aLocation:%20https://evil.example", "/a%7f", "/a%zz", "/a%", "/a?b=%0A", "/a?b=%",
        # characters that are none of a URL's
        "https://www.example/\r\nSet-Cookie: a=b", "https://www.example/\x00", "https://www.example/ a",
        " https://www.example/",
        "https://www.example/ ", "\thttps://www.example/", "https://www.example/\n", "https://www.\texample/",
        "ht\ntps://www.example/",
        "https://www.example/é", "https://www.example/<script>", 'https://www.example/"', "https://www.example/{}",
        "/a b",
        "https://www.example/#fragment", "/#", "https://www.example/^|`", "\ufeffhttps://www.example/",
        "https://www.example/\u2028",
        # schemes
        "javascript:alert(1)", "JavaScript:alert(1)", "java\nscript:alert(1)", "javascript://www.example/%0aalert(1)",
        "data:text/html,x",
        "vbscript:x", "file:///etc/passwd", "blob:https://www.example/1", "view-source:https://www.example/",
        "ftp://www.example/",
        "wss://www.example/", "feed:https://www.example/", "https;//www.example/", "://www.example/",
        "intent://www.example/",
        # hosts that are numbers
        "http://2130706433:3000/cb", "http://0x7f000001:3000/cb", "http://0177.0.0.1:3000/cb", "http://127.1:3000/cb",
        "http://127.0.0.1.:3000/cb", "http://127.0.0.01:3000/cb", "http://[::ffff:127.0.0.1]:3000/cb",
        "http://[::1%25eth0]:3000/cb",
        # ports
        "https://www.example:/", "https://www.example:0/", "https://www.example:443443/", "https://www.example:99999/",
        "https://www.example:+443/", "https://www.example:44３/", "https://www.example: 443/",
        # neither here nor there
        "", "welcome", "www.example", "www.example/", "?x=1", "#", ".", "..", "*", "https://*/", "https://",
        "https://?", "https:",
        "x" * 3000, "/" + "x" * 3000, None, 7, True, [], ["/"], {}, b"/",
    ],
)  # fmt: skip
def test_refused(wanted: object) -> None:
    """R57: scheme-relative, backslash, userinfo, control character, encoded and look-alike tricks."""
    with pytest.raises(RedirectNotAllowed):
        check_redirect(wanted, TARGETS)


@given(
    st.text(max_size=60)
    | st.from_regex(r"(https?:)?[/\\]{0,3}[a-z.@:%0-9]{0,30}[/\\?#@]?[a-z./\\%0-9]{0,20}", fullmatch=True)
)
def test_what_is_let_through_leads_to_the_list(wanted: str) -> None:
    """R57: whatever the text, another parser finds a host of the list in what comes out."""
    try:
        sent = check_redirect(wanted, TARGETS)
    except RedirectNotAllowed:
        return
    parts = urlsplit(sent)
    assert parts.hostname in {"app.example", "www.example", "localhost", "127.0.0.1", "::1", "shop.example"}
    assert parts.username is parts.password is None
    assert sent.isascii() and sent.isprintable() and "\\" not in sent
    assert check_redirect(sent, TARGETS) == sent


@pytest.mark.parametrize(
    "entry",
    [
        "", "*", "/*", "https://*", "https://*.example/*", "https://*/", "https://app.example*",
        "https://app.example/a*b/*",
        "https://app.example/a/*", "https://user@app.example/*", "//app.example/*", "app.example",
        "https://app.example/../x",
        "javascript:alert(1)", "data:x", "com.example:/*", "https://app.example/#x", "https://app.example/ x",
    ],
)  # fmt: skip
def test_entries_that_are_no_target(entry: str) -> None:
    """R57: the list has no patterns, and nothing that a request could not be."""
    with pytest.raises(UnusableRedirectTarget):
        parse_redirect_targets([entry], home="https://shop.example")


def test_an_asterisk_elsewhere_is_a_letter() -> None:
    """R57: ``*`` is allowed in a path by RFC 3986, and then it matches itself only."""
    targets = parse_redirect_targets(["https://app.example/a*b"], home="https://shop.example")
    assert check_redirect("https://app.example/a*b", targets) == "https://app.example/a*b"
    with pytest.raises(RedirectNotAllowed):
        check_redirect("https://app.example/axb", targets)


def test_home_must_be_a_url() -> None:
    with pytest.raises(UnusableRedirectTarget):
        parse_redirect_targets([], home="shop.example")
