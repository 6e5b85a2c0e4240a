"""The example app for codes: its own script computes them, in a real browser, and a real platform takes them."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import segno
from tests.auth.support import PASSWORD, Platform, platform_on
from tests.browser import Page, browser, needs_chromium
from tests.e2e.product import eventually, free_port
from tests.support import Cluster

from howdah.project.sections import Route, ServiceSection

APP = Path(__file__).parents[2] / "examples" / "totp"
SEED = b"1234567890"
# RFC 6238, appendix B: the seed is as long as the hash.
SEEDS = {"SHA1": (SEED * 2), "SHA256": (SEED * 4)[:32], "SHA512": (SEED * 7)[:64]}
VECTORS = [
    (59, "94287082", "46119246", "90693936"),
    (1111111109, "07081804", "68084774", "25091201"),
    (1111111111, "14050471", "67062674", "99943326"),
    (1234567890, "89005924", "91819424", "93441116"),
    (2000000000, "69279037", "90698825", "38618901"),
    (20000000000, "65353130", "77737706", "47863826"),
]

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def platform(cluster: Cluster) -> Iterator[Platform]:
    """A platform with accounts and the app at /totp."""
    port = free_port()
    process = subprocess.Popen([sys.executable, str(APP / "serve.py"), str(port)], stderr=subprocess.DEVNULL)
    name = f"totp_example_{secrets.token_hex(4)}"
    try:
        service = ServiceSection("totp", url=f"http://127.0.0.1:{port}", routes=(Route(None, "/totp"),))
        with platform_on(cluster.create_database(name), services=(service,)) as running:
            eventually(lambda: running.client().get("/totp/").status == 200, what="the app")
            yield running
        cluster.drop_database(name)
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def page(platform: Platform) -> Iterator[Page]:
    """The app, open in a browser that knows nobody."""
    with browser() as tab:
        open_app(tab, platform)
        yield tab


def open_app(page: Page, platform: Platform) -> None:
    page.go(f"{platform.url}/totp/")
    page.wait("document.body.dataset.ready === 'yes'")


def code_of(page: Page, secret: str, seconds: int, algorithm: str = "SHA1", digits: int = 6) -> str:
    """What the app's own script computes."""
    account = json.dumps({"secret": secret, "algorithm": algorithm, "digits": digits, "period": 30})
    return str(page.run(f"import('./totp.js').then((totp) => totp.codeAt({account}, {seconds} * 1000))"))


def button(page: Page, text: str) -> None:
    """The button of the first account is pressed once it says so."""
    page.wait(f"document.querySelector('.use')?.textContent === {json.dumps(text)}")
    page.click(".use")


def test_codes_are_those_of_the_standard(page: Page) -> None:
    """Every vector of RFC 6238, in all three hashes, and their last six digits."""
    for seconds, *codes in VECTORS:
        for (algorithm, seed), code in zip(SEEDS.items(), codes, strict=True):
            secret = base64.b32encode(seed).decode()
            assert code_of(page, secret, seconds, algorithm, 8) == code
            assert code_of(page, secret, seconds, algorithm, 6) == code[-6:]


@pytest.mark.skipif(shutil.which("oathtool") is None, reason="oathtool is not installed (as root: make test-deps)")
@pytest.mark.parametrize("digits", [6, 8])
@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256"])
def test_codes_are_those_of_oathtool(page: Page, algorithm: str, digits: int) -> None:
    """The same as another program says, for keys of any length."""
    for seconds, secret in enumerate(("MFRGG", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "JBSWY3DPEHPK3PXP"), 1700000000):
        told = subprocess.run(
            ["oathtool", f"--totp={algorithm}", f"--digits={digits}", f"--now=@{seconds}", "--base32", secret],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert code_of(page, secret, seconds, algorithm, digits) == told.stdout.strip()


def test_a_key_is_added_shown_kept_and_deleted(page: Page, platform: Platform) -> None:
    """By a link and by a key alone; codes count down, are there after a reload and without a network."""
    page.fill("#key", "otpauth://totp/Shop:ann%40example.com?secret=jbsw-y3dp-ehpk-3pxp&digits=8&algorithm=SHA256")
    page.press("Enter")
    page.wait_text("The key of Shop: ann@example.com is kept in this browser.")
    page.fill("#key", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq")
    page.press("Enter")
    page.wait("document.querySelectorAll('#accounts li').length === 2")
    assert page.run("[...document.querySelectorAll('output')].map((each) => each.value.length)") == [8, 6]
    left = page.run("document.querySelector('progress').value")
    assert 1 <= left <= 30
    page.wait(f"document.querySelector('progress').value !== {left}")

    page.wait("navigator.serviceWorker.ready.then(() => !!navigator.serviceWorker.controller)")
    page.ask("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    page.run("window.before = true")
    page.ask("Page.reload")
    page.arrive()
    page.wait("document.querySelectorAll('#accounts li').length === 2")
    page.ask("Network.emulateNetworkConditions", offline=False, latency=0, downloadThroughput=-1, uploadThroughput=-1)

    page.run("window.confirm = () => true")
    page.click(".remove")
    page.wait("document.querySelectorAll('#accounts li').length === 1")
    assert "ann@example.com" not in page.run("JSON.stringify(localStorage)")
    assert page.complaints() == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("not a key!", "This is no key"),
        ("otpauth://hotp/x?secret=JBSWY3DPEHPK3PXP", "otpauth://totp/"),
        ("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&digits=3", "6, 7 or 8 digits"),
        ("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&algorithm=MD5", "SHA1, SHA256 or SHA512"),
        ("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&period=0", "5 to 300 seconds"),
        ("otpauth://totp/%ff?secret=JBSWY3DPEHPK3PXP", "cannot be read"),
    ],
)
def test_what_is_no_key_is_refused(page: Page, text: str, why: str) -> None:
    """It is said what is wrong, nothing is kept, and markup in a name stays text."""
    page.fill("#key", text)
    page.press("Enter")
    page.wait(f"document.querySelector('#said.bad')?.textContent.includes({json.dumps(why)})")
    assert page.run("localStorage.length") == 0
    page.fill("#key", "otpauth://totp/<img src=x onerror=alert(1)>?secret=JBSWY3DPEHPK3PXP")
    page.press("Enter")
    page.wait("document.querySelector('#accounts h3')?.textContent.includes('<img')")
    assert page.run("document.querySelectorAll('#accounts img').length") == 0


def test_a_code_confirms_a_key_logs_in_and_is_good_once(page: Page, platform: Platform) -> None:
    """A key of one's own account: set up, confirmed, taken for a sign-in, and refused the second time."""
    ann = platform.client()
    assert ann.sign_up("ann").status == 200

    def log_in() -> None:
        page.fill("#name", "ann")
        page.fill("#password", PASSWORD)
        page.press("Enter")

    log_in()
    page.wait_text("You are logged in.")
    page.run("(now => { Date.now = () => now })(Date.now())")  # no next code while this one is tried twice
    page.click("#setup")
    button(page, "Confirm the new key")
    page.wait_text("from now on it asks for one when you log in")
    assert page.run("document.querySelectorAll('#recovery-codes li').length") == 10
    (factor,) = platform.rows("select confirmed_at from howdah_auth.totp_factors")
    assert factor["confirmed_at"] is not None
    assert ann.get("/auth/v1/user/info").status == 401, "sessions without a second factor are over"

    # The code that confirmed is used up (R23): it is refused, and said to be.
    button(page, "Check this code")
    page.wait("document.querySelector('#said').className === 'bad'")
    page.click("#logout")
    page.wait_text("You are logged out.")
    # Half a minute later, as far as the app knows; the platform accepts the next step's code.
    page.run("(now => { Date.now = () => now + 30000 })(Date.now())")
    log_in()
    page.wait_text("Now log in with a code of yours.")
    button(page, "Log in with this code")
    page.wait_text("howdah took the code: you are logged in.")
    assert page.complaints() == []


def test_it_can_be_installed_and_runs_nothing_of_others(page: Page, platform: Platform) -> None:
    """Chromium finds nothing wrong with the manifest; the policy lets nothing in from elsewhere, and nothing inline."""
    told = page.ask("Page.getAppManifest")
    assert told["errors"] == []
    assert json.loads(told["data"])["start_url"] == "./"
    assert page.ask("Page.getInstallabilityErrors")["installabilityErrors"] in (
        [],
        [{"errorId": "in-incognito", "errorArguments": []}],
    )
    policy = dict(platform.client().get("/totp/").headers)["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert platform.client().get("/totp/serve.py").status == 404
    assert platform.client().get("/totp").status == 308


# -- pictures ----------------------------------------------------------------------------------------------------------

URI = "otpauth://totp/Shop:ann%40example.com?secret=JBSWY3DPEHPK3PXP&issuer=Shop"
FAKE = """window.BarcodeDetector = class {
  static async getSupportedFormats() { return ["qr_code"]; }
  async detect(image) { window.asked = image.width; return %s; }
};"""


def choose(page: Page, file: Path) -> None:
    """Somebody chooses a file for the picture."""
    root = page.ask("DOM.getDocument")["root"]["nodeId"]
    node = page.ask("DOM.querySelector", nodeId=root, selector="#file")["nodeId"]
    page.ask("DOM.setFileInputFiles", files=[str(file)], nodeId=node)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A screen with a QR code on it."""
    file = tmp_path / "code.png"
    segno.make(URI, micro=False).save(str(file), scale=5, border=6, dark="#123456", light="#fffbe8")
    return file


@pytest.mark.parametrize(
    ("able", "found"),
    [
        (False, "null"),
        (True, f"[{{rawValue: '{URI}'}}]"),
        (True, "[]"),
    ],
    ids=["no detector", "a detector", "a detector that finds nothing"],
)
def test_a_picture_becomes_a_key(platform: Platform, picture: Path, able: bool, found: str) -> None:
    """By the browser where it can, by the app where it cannot: there is a code either way."""
    with browser() as page:
        page.ask("DOM.enable")
        script = FAKE % found if able else "delete window.BarcodeDetector"
        page.ask("Page.addScriptToEvaluateOnNewDocument", source=script)
        open_app(page, platform)
        assert page.run("'BarcodeDetector' in window") is able
        choose(page, picture)
        page.wait_text("The key of Shop: ann@example.com is kept in this browser.")
        assert bool(page.run("window.asked ?? 0")) is able
        assert page.complaints() == []


def test_a_picture_without_a_code_is_said_to_have_none(page: Page, tmp_path: Path) -> None:
    """So is what is no picture; nothing is kept."""
    page.ask("DOM.enable")
    blank = tmp_path / "blank.png"
    segno.make("x", micro=True).save(str(blank), scale=1, border=40, dark="#fff")
    choose(page, blank)
    page.wait_text("No QR code can be read in this picture.")
    (text := tmp_path / "text.png").write_text("no picture")
    choose(page, text)
    page.wait_text("This is no picture that the browser can show.")
    assert page.run("localStorage.length") == 0


def read(page: Page, rows: list[bytearray], scale: int = 3) -> str | None:
    """What the app's own script reads in a code of these modules, drawn with a border of four."""
    size = len(rows)
    drawn = json.dumps(["".join(str(module & 1) for module in row) for row in rows])
    found: str | None = page.run(
        f"""import('./qr.js').then(({{ textInPicture }}) => {{
          const rows = {drawn}, scale = {scale}, side = ({size} + 8) * scale;
          const data = new Uint8ClampedArray(4 * side * side);
          for (let y = 0; y < side; y++) for (let x = 0; x < side; x++) {{
            const dark = rows[Math.floor(y / scale) - 4]?.[Math.floor(x / scale) - 4] === "1";
            data.set(dark ? [20, 20, 60, 255] : [250, 250, 240, 255], 4 * (y * side + x));
          }}
          return textInPicture({{ width: side, height: side, data }});
        }})"""
    )
    return found


def test_codes_of_every_size_level_and_mask_are_read(page: Page) -> None:
    """Versions 1 to 20 as another program draws them; digits, capitals and any other text."""
    for version in range(1, 21):
        for level, most in (("l", 17), ("m", 14), ("q", 11), ("h", 7)):
            text = secrets.token_urlsafe(600)[: most if version == 1 else most * (version - 1)]
            code = segno.make(text, version=version, error=level, boost_error=False, mask=version % 8, micro=False)
            assert read(page, list(code.matrix)) == text, (version, level)
    for text in ("0123456789012", "HELLO WORLD $%*+-./:", "naïve café", "ünï — ✓"):
        assert read(page, list(segno.make(text, micro=False).matrix)) == text


def test_damage_is_mended_or_nothing_is_read(page: Page) -> None:
    """Reed and Solomon: a spot is put right at the highest level; a code that is half gone is none."""
    code = segno.make(URI, error="h", boost_error=False, micro=False)
    rows, size = [bytearray(row) for row in code.matrix], len(code.matrix)
    for row in range(size // 2 - 3, size // 2 + 3):
        for column in range(size // 2 - 3, size // 2 + 3):
            rows[row][column] ^= 1
    assert read(page, rows) == URI
    for row in range(9, size - 9):
        for column in range(9, size - 1):
            rows[row][column] ^= (row * column) & 1
    assert read(page, rows) is None
