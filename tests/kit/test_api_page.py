"""The page of a service's API, used in a browser: it lists, explains and tries operations, and asks nobody else."""

from __future__ import annotations

from pathlib import Path

from tests.browser import browser, needs_chromium
from tests.kit.servers import service

pytestmark = needs_chromium
APP = """
from typing import Any
from fastapi import FastAPI
from howdah.kit.camel import CamelModel
from howdah.kit.fastapi import Howdah

app = FastAPI(title="<b>People</b>", description="Who is who.")
Howdah(app)

class Person(CamelModel):
    first_name: str

@app.get("/people/{number}", tags=["people"])
async def get_person(number: int, loud: bool = False) -> Person:
    return Person(first_name=f"Ann {number} {loud}")

@app.post("/people", tags=["people"])
async def add_person(person: Person) -> Person:
    return person
"""


def test_an_operation_is_found_explained_and_tried(tmp_path: Path) -> None:
    """With its parameters and with its body; an invalid one shows the kit's error. The console stays silent."""
    (tmp_path / "people.py").write_text(APP)
    command = ["-m", "uvicorn", "--host", "127.0.0.1", "--port", "$PORT", "people:app"]
    with service(command, tmp_path, tmp_path / "log") as running, browser() as page:
        page.go(f"http://127.0.0.1:{running.port}/docs")
        page.wait_text("/people/{number}")
        assert page.text("h1").startswith("<b>People</b>")  # text, not HTML
        page.click("details:nth-of-type(1) summary")
        page.wait("document.querySelector('details form') !== null")
        page.fill("details:nth-of-type(1) label:nth-of-type(1) input", "7")
        page.fill("details:nth-of-type(1) label:nth-of-type(2) input", "true")
        page.click("details:nth-of-type(1) form button")
        page.wait_text('"firstName": "Ann 7 true"'.replace("true", "True"))
        page.click("details:nth-of-type(2) summary")
        page.wait("document.querySelectorAll('details form')[1] !== undefined")
        assert '"firstName"' in page.run("document.querySelector('details:nth-of-type(2) textarea').value")
        page.fill("details:nth-of-type(2) textarea", '{"lastName": 1}')
        page.click("details:nth-of-type(2) form button")
        page.wait_text("invalid-request")
        page.fill("#find", "add")
        page.wait("document.querySelector('details:nth-of-type(1)').hidden")
        asked = page.run("performance.getEntriesByType('resource').map((one) => one.name).join(' ')")
        assert asked
        assert all(one.startswith((f"http://127.0.0.1:{running.port}/", "data:")) for one in asked.split())
        assert [one for one in page.complaints() if "422" not in one] == []
