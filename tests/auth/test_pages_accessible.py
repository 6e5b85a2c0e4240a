"""The ready pages for whoever uses no mouse, hears them, or needs contrast (WCAG 2.2 AA), as Chromium sees them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.auth.browsing import Place, a_name, is_at, keep, place, set_up_app, sign_up
from tests.auth.support import PASSWORD
from tests.browser import Page, browser, needs_chromium
from tests.support import Cluster

from howdah.auth.pages.theme import DARK, LIGHT, Scheme, colours, contrast

STRANGERS = (
    "login", "signup", "second-factor", "set-password", "reset-password", "verify-email", "code", "verify-mobile",
)  # fmt: skip
OWN = ("account", "logout", "confirm", "restricted", "account/end-others", "account/recovery-codes")
MOST_TABS = 60

# Every text that can be seen, with its colour and what is behind it, both as the browser paints them.
CONTRASTS = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const paint = (colour) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const painted = paint(getComputedStyle(each).backgroundColor);
      if (painted[3] === 255) return painted;
    }
    return paint(getComputedStyle(document.documentElement).backgroundColor);
  };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const ratio = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    if (!text || element.closest(".unseen, noscript, script") || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    found.push([text, ratio(paint(style.color), behind(element)), parseFloat(style.opacity)]);
  }
  for (const input of document.querySelectorAll("input:not([type=hidden]):not(.unseen)")) {
    if (!input.checkVisibility()) continue;
    found.push([`edge of ${input.name}`, ratio(paint(getComputedStyle(input).borderTopColor), behind(input)) * 1.5, 1]);
  }
  return found;
})()"""


@pytest.fixture(scope="module")
def here(cluster: Cluster) -> Iterator[Place]:
    ways = ("username", "email", "email-code", "mobile", "mobile-password", "passkey")
    with place(cluster, providers=ways) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Page]:
    """A browser that knows nobody; whatever its console complains of fails the test."""
    with browser() as tab:
        yield tab
        assert tab.complaints() == []


def tree(page: Page) -> list[dict[str, Any]]:
    """What Chromium tells a screen reader: role, name and properties of everything that it does not leave out."""
    page.ask("Accessibility.enable")
    nodes = page.ask("Accessibility.getFullAXTree")["nodes"]
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", ""),
            **{each["name"]: each["value"].get("value") for each in node.get("properties", [])},
        }
        for node in nodes
        if not node.get("ignored") and "role" in node
    ]


def check(page: Page, where: str) -> None:
    """Whatever holds for every page."""
    nodes = tree(page)
    roles = [node["role"] for node in nodes]
    assert roles.count("main") == 1 and roles.count("banner") == 1, where
    for node in nodes:
        if node["role"] in ("textbox", "button", "link", "DisclosureTriangle", "image"):
            assert node["name"].strip(), (where, node)
    headings = [node["level"] for node in nodes if node["role"] == "heading"]
    assert headings[0] == 1 and headings.count(1) == 1, (where, headings)
    assert all(after - before <= 1 for before, after in pairwise(headings)), (where, headings)
    assert page.run("document.documentElement.lang") == "en"
    assert len(page.run("document.title").split(" · ")) == 2
    ids = page.run("[...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert sorted(ids) == sorted(set(ids)), where
    described = page.run(
        "[...document.querySelectorAll('[aria-describedby]')].flatMap((each) => each.getAttribute('aria-describedby')"
        ".split(' ')).every((id) => document.getElementById(id))"
    )
    assert described, where
    small = page.run(
        "[...document.querySelectorAll('button, .button, input:not([type=hidden]):not(.unseen)')]"
        ".filter((each) => each.checkVisibility() && each.getBoundingClientRect().height < 24).length"
    )
    assert small == 0, where
    for width in (320, 1000):
        for dark in (False, True):
            page.looks(width=width, dark=dark)
            assert page.run("document.documentElement.scrollWidth") <= width, where
            for text, ratio, opacity in page.run(CONTRASTS):
                assert ratio >= 4.5 and opacity == 1, (where, dark, text, ratio)
    page.looks()


@needs_chromium
def test_every_page_of_strangers_can_be_heard_and_read(page: Page, here: Place) -> None:
    """Roles, names, headings, language, contrast in light and dark, nothing too wide at 320 pixels or too small."""
    for name in STRANGERS:
        page.go(here.ui(name))
        check(page, name)
        keep(page, f"page-{name}")


@needs_chromium
def test_every_page_of_ones_own_can_be_heard_and_read(page: Page, here: Place) -> None:
    """The same for those behind a login, with a second factor and another session listed, and with something wrong."""
    name = sign_up(page, here)
    assert here.platform.client().log_in(name).status == 200
    page.leave_by("form[action$='/account/totp'] button")
    check(page, "setup-app")
    page.go(here.ui("account"))
    page.go(here.ui("account"))
    set_up_app(page)
    check(page, "recovery-codes")
    assert here.platform.client().log_in(name).status == 200
    for own in OWN:
        page.go(here.ui(own))
        check(page, own)
    page.go(here.ui("account"))
    page.leave_by("a[href*='rename-factor']")
    check(page, "rename")
    page.go(here.ui("account"))
    page.leave_by("a[href*='remove-factor']")
    check(page, "remove")
    page.go(here.ui("account"))
    page.click("#password + details summary")
    page.fill("#old_password", "not the password at all")
    page.fill("#new_password", "eight purple newts sing")
    page.leave_by("form[action$='/account/password'] button:not([aria-label])")
    wrong = next(node for node in tree(page) if node["role"] == "textbox" and node.get("invalid") == "true")
    assert wrong["name"] == "Current password"
    assert any(node["role"] == "alert" for node in tree(page))
    check(page, "account with something wrong")


def tab_to(page: Page, wanted: str) -> None:
    """The Tab key is pressed until the focus is on what is called so, and it can be seen where that is."""
    called = (
        "((each) => each.getAttribute('aria-label') ?? each.labels?.[0]?.textContent ?? each.textContent)"
        "(document.activeElement).trim()"
    )
    for _ in range(MOST_TABS):
        if page.run(called) == wanted:
            break
        page.press("Tab")
    assert page.run(called) == wanted
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") != "none", wanted
    ring = page.run("parseFloat(getComputedStyle(document.activeElement).outlineWidth)")
    assert ring >= 2, wanted


def enter(page: Page, key: str = "Enter") -> None:
    """A key that leads to another page."""
    page.run("window.before = true")
    page.press(key)
    page.arrive()


@needs_chromium
def test_everything_is_done_by_keys_alone(page: Page, here: Place) -> None:
    """Sign up, be refused, log out and in, change the password, end a session: Tab, Enter, space and letters."""
    name = a_name()
    page.go(here.ui("signup"))
    page.wait("document.activeElement.id === 'name'")
    page.type(name)
    tab_to(page, "Password")
    page.type("short")
    page.run("document.querySelector('#password').minLength = 1")
    enter(page)
    page.wait("document.activeElement.id === 'problem'")
    page.press("Tab")
    page.press("Enter")  # the link in what is wrong
    page.wait("document.activeElement.id === 'password'")
    page.type(PASSWORD)
    enter(page)
    is_at(page, "account")
    tab_to(page, "Log out")
    enter(page, " ")
    is_at(page, "login")
    page.wait("document.activeElement.id === 'name'")
    page.type(name)
    tab_to(page, "Password")
    page.type(PASSWORD)
    tab_to(page, "Log in")
    enter(page)
    is_at(page, "account")
    tab_to(page, "Change your password")
    page.press("Enter")
    page.press("Tab")
    page.wait("document.activeElement.id === 'old_password'")
    page.type(PASSWORD)
    tab_to(page, "New password")
    page.type("eight purple newts sing")
    enter(page)
    page.wait_text("Your password is changed.")
    assert here.platform.client().log_in(name, "eight purple newts sing").status == 200
    page.go(here.ui("account"))
    tab_to(page, "End Unknown device")
    enter(page)
    page.wait_text("That session is over.")


@needs_chromium
def test_a_colour_of_the_settings_is_everywhere_and_can_be_read(page: Page, cluster: Cluster) -> None:
    """A yellow that white could not be read on, and a logo in the place of the name."""
    with place(cluster, ui_color="#ffd500", ui_logo="/auth/ui/none.svg") as yellow:
        page.go(yellow.ui("login"))
        page.wait("document.readyState === 'complete'")
        assert page.run("getComputedStyle(document.querySelector('main button')).backgroundColor") == "rgb(255, 213, 0)"
        check(page, "yellow")
        keep(page, "yellow")


@given(accent=st.from_regex(r"\A#[0-9a-fA-F]{6}\Z"), scheme=st.sampled_from([LIGHT, DARK]))
def test_whatever_colour_is_chosen_can_be_read(accent: str, scheme: Scheme) -> None:
    """Text of 4.5 on page, card and button; the button of 3 on the card where that is not the colour's own doing."""
    found = colours(accent, scheme)
    for name in ("text", "muted", "accent-text", "bad", "good"):
        for ground in ("page", "card"):
            assert contrast(found[name], found[ground]) >= 4.5, (name, ground)
    assert contrast(found["on-accent"], found["accent"]) >= 4.5
    assert contrast(found["edge"], found["card"]) >= 3
    if scheme is DARK:
        assert contrast(found["accent"], found["card"]) >= 3


def test_what_is_no_colour_is_the_default() -> None:
    """No text of the settings gets into the style sheet as it is."""
    assert colours("red; } body { display: none", LIGHT) == colours("#3457d5", LIGHT)
