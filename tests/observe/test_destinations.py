"""Where log lines go: files that are changed when they are full, a fluentd that may be away, several at once."""

from __future__ import annotations

import base64
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from howdah.observe.destinations import Several, WrongDestination, open_streams
from howdah.observe.fluent import HELD, FluentForward, entry
from howdah.observe.log_file import RotatingFile
from howdah.observe.msgpack import pack

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
)


def unpack(data: bytes) -> Any:
    """The one value that the bytes are: the other half of the specification, for tests."""
    value, rest = _unpack(memoryview(data))
    assert not rest
    return value


def _unpack(data: memoryview) -> tuple[Any, memoryview]:
    kind, rest = data[0], data[1:]
    if kind < 0x80:
        return kind, rest
    if kind >= 0xE0:
        return kind - 256, rest
    if kind < 0x90:
        return _mapping(kind & 15, rest)
    if kind < 0xA0:
        return _array(kind & 15, rest)
    if kind < 0xC0:
        return str(_first(rest, kind & 31), "utf-8", "surrogatepass"), rest[kind & 31 :]
    if kind in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[kind], rest
    if kind in (0xCB, 0xCC, 0xCD, 0xCE, 0xCF, 0xD0, 0xD1, 0xD2, 0xD3):
        form = (
            ">"
            + {0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q", 0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}[kind]
        )
        return struct.unpack(form, rest[: struct.calcsize(form)])[0], rest[struct.calcsize(form) :]
    if kind == 0xD7:
        assert rest[0] == 0
        seconds, nanoseconds = struct.unpack(">II", rest[1:9])
        return seconds + nanoseconds / 1e9, rest[9:]
    size = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4, 0xDC: 2, 0xDD: 4, 0xDE: 2, 0xDF: 4}[kind]
    length, rest = int.from_bytes(_first(rest, size), "big"), rest[size:]
    if kind in (0xDC, 0xDD):
        return _array(length, rest)
    if kind in (0xDE, 0xDF):
        return _mapping(length, rest)
    text = _first(rest, length)
    return (text if kind < 0xD9 else text.decode("utf-8", "surrogatepass")), rest[length:]


def _first(data: memoryview, length: int) -> bytes:
    if len(data) < length:
        raise IndexError(length)
    return bytes(data[:length])


def _array(length: int, rest: memoryview) -> tuple[Any, memoryview]:
    items = []
    for _ in range(length):
        item, rest = _unpack(rest)
        items.append(item)
    return items, rest


def _mapping(length: int, rest: memoryview) -> tuple[Any, memoryview]:
    found = {}
    for _ in range(length):
        key, rest = _unpack(rest)
        found[key], rest = _unpack(rest)
    return found, rest


@given(JSON)
def test_whatever_a_line_holds_is_packed(value: Any) -> None:
    """And reads back as what it was."""
    assert unpack(pack(value)) == value


@pytest.mark.parametrize("length", [31, 32, 255, 256, 65_535, 65_536])
def test_lengths_at_the_borders(length: int) -> None:
    """Each has its own head."""
    for value in ("x" * length, [1] * length, {str(number): 1 for number in range(length)}, b"x" * length):
        assert unpack(pack(value)) == value


def test_what_has_no_place_is_refused_and_huge_numbers_are_not() -> None:
    with pytest.raises(TypeError):
        pack(object())
    assert unpack(pack(2**70)) == float(2**70)


class Fluentd:
    """Takes messages of the forward protocol; ``confirm`` says which are confirmed."""

    def __init__(self, confirm: Callable[[int], bool] = lambda _: True) -> None:
        self.messages: list[Any] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self._confirm = confirm
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        data = b""
        with connection:
            while piece := connection.recv(65536):
                data += piece
                while data:
                    try:
                        message, rest = _unpack(memoryview(data))
                    except (IndexError, struct.error):
                        break
                    data = bytes(rest)
                    self.messages.append(message)
                    if "chunk" not in message[2]:
                        continue
                    if not self._confirm(len(self.messages)):
                        return
                    connection.sendall(pack({"ack": message[2]["chunk"]}))

    def records(self) -> list[Any]:
        return [record for message in self.messages for _, record in message[1]]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def line(number: int) -> str:
    return json.dumps({"time": "2026-11-21T10:15:00.250Z", "level": "info", "number": number}) + "\n"


def test_lines_reach_a_fluentd() -> None:
    """With their tag, their own time and their fields."""
    fluentd = Fluentd()
    stream = FluentForward("127.0.0.1", fluentd.port, tag="shop.app")
    stream.write(line(1) + line(2))
    stream.write("no json\n")
    until(lambda: len(fluentd.records()) == 3)
    assert {message[0] for message in fluentd.messages} == {"shop.app"}
    assert [record.get("number") for record in fluentd.records()] == [1, 2, None]
    assert fluentd.records()[2] == {"message": "no json"}
    assert fluentd.messages[0][1][0][0] == pytest.approx(1795256100.25)
    stream.close()


def test_nobody_waits_for_a_fluentd_that_is_away() -> None:
    """Lines are kept, the newest; those that are not are counted, and told of once somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    stream = FluentForward("127.0.0.1", port, tag="app")
    began = time.monotonic()
    stream.write("".join(line(number) for number in range(HELD + 1000)))
    assert time.monotonic() - began < 1
    fluentd = Fluentd()
    stream._address = ("127.0.0.1", fluentd.port)
    until(lambda: bool(fluentd.messages) and fluentd.messages[-1][1][-1][1].get("number") == HELD + 999)
    numbers = [record["number"] for record in fluentd.records() if "number" in record]
    lost = sum(record.get("lines", 0) for record in fluentd.records() if record.get("event") == "LogLinesLost")
    assert len(numbers) + lost == HELD + 1000
    assert lost > 0
    stream.close()


def test_what_nobody_confirms_is_sent_again() -> None:
    """At least once, where that is asked for."""
    fluentd = Fluentd(confirm=lambda count: count > 1)
    stream = FluentForward("127.0.0.1", fluentd.port, tag="app", acknowledged=True)
    stream.write(line(1))
    until(lambda: len(fluentd.messages) == 2)
    assert fluentd.messages[0] != fluentd.messages[1]
    assert [record["number"] for record in fluentd.records()] == [1, 1]
    assert len(base64.b64decode(fluentd.messages[1][2]["chunk"])) == 16
    stream.close()


@given(st.text())
def test_any_text_is_an_entry(text: str) -> None:
    """Whatever a stream is given, it can be sent."""
    assert entry(text)


def test_a_file_is_changed_when_it_is_full(tmp_path: Path) -> None:
    """None grows beyond its limit; so many are kept, and no line is torn."""
    log = RotatingFile(tmp_path / "logs" / "app.jsonl", max_bytes=300, keep=3)
    for number in range(50):
        log.write(line(number))
    log.write("".join(line(number) for number in range(50, 100)))
    log.close()
    files = sorted((tmp_path / "logs").glob("app.jsonl*"))
    assert len(files) == 4
    assert all(file.stat().st_size <= 300 for file in files)
    numbers = [json.loads(one)["number"] for file in [*files[1:], files[0]] for one in file.read_text().splitlines()]
    assert numbers == list(range(numbers[0], 100))


def test_a_file_is_changed_when_a_day_is_over(tmp_path: Path) -> None:
    """Judged by when it was last written to, so that a restart changes nothing."""
    path = tmp_path / "app.jsonl"
    log = RotatingFile(path, max_bytes=0, daily=True)
    log.write("yesterday\n")
    os.utime(path, (time.time() - 86_400, time.time() - 86_400))
    log.write("today\n")
    log.write("today\n")
    log.close()
    assert path.read_text() == "today\ntoday\n"
    assert [file.read_text() for file in tmp_path.glob("app.jsonl.2*")] == ["yesterday\n"]


def test_a_file_that_somebody_moved_is_made_anew(tmp_path: Path) -> None:
    """As logrotate does it."""
    path = tmp_path / "app.jsonl"
    log = RotatingFile(path)
    log.write("one\n")
    path.rename(tmp_path / "moved")
    log.write("two\n")
    log.close()
    assert ((tmp_path / "moved").read_text(), path.read_text()) == ("one\n", "two\n")


def test_several_processes_lose_no_line_of_a_file(tmp_path: Path) -> None:
    """They change it under each other's hands."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom howdah.observe.log_file import RotatingFile\n"
        "log = RotatingFile(Path(sys.argv[1]), max_bytes=2000, keep=10_000)\n"
        "for number in range(300):\n    log.write(f'{sys.argv[2]} {number}\\n')\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "app.jsonl"), str(one)]) for one in range(4)
    ]
    assert [process.wait(60) for process in processes] == [0] * 4
    lines = [one for file in tmp_path.glob("app.jsonl*") for one in file.read_text().splitlines()]
    assert sorted(lines) == sorted(f"{one} {number}" for one in range(4) for number in range(300))


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "nowhere",
        "file://host/app.log",
        "file:///",
        "fluent://",
        "fluent://host:port",
        "file:///tmp/a?keep=x",
        "file:///tmp/a?kept=1",
        "fluent://h?ack=1",
        "http://host",
    ],
)
def test_a_place_that_is_none_is_said_at_the_start(wrong: str) -> None:
    with pytest.raises(WrongDestination):
        open_streams(wrong, tag="app")


def test_several_places_each_get_every_line(tmp_path: Path) -> None:
    """One that fails keeps nothing from the others, and is told of."""
    stream = open_streams(f"file://{tmp_path}/a.jsonl file://{tmp_path}/b.jsonl?daily=true", tag="app")
    stream.write("one\n")
    stream.flush()
    assert [(tmp_path / name).read_text() for name in ("a.jsonl", "b.jsonl")] == ["one\n", "one\n"]
    assert open_streams("stdout", tag="app") is sys.stdout

    class Broken:
        def write(self, text: str, /) -> None:
            raise OSError("full")

        def flush(self) -> None: ...

    good = RotatingFile(tmp_path / "c.jsonl")
    with pytest.raises(OSError, match="full"):
        Several([Broken(), good]).write("one\n")
    good.close()
    assert (tmp_path / "c.jsonl").read_text() == "one\n"


def test_what_nobody_caught_is_a_line_of_the_log(tmp_path: Path) -> None:
    """In the main thread, in another, in a finaliser, in an event loop; Ctrl-C is not."""
    code = (
        "import asyncio, sys, threading\nfrom howdah.observe import logs, uncaught\n"
        "logs.configure(sys.stdout, service='app')\nuncaught.install()\n"
        "threading.Thread(target=lambda: 1 / 0, name='other').start()\n"
        "class Odd:\n    def __del__(self): raise KeyError('finaliser')\n"
        "Odd()\n"
        "async def main():\n    asyncio.get_running_loop().call_soon(lambda: [][0])\n    await asyncio.sleep(0.05)\n"
        "asyncio.run(main())\n"
        "raise ValueError('main')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    records = [json.loads(one) for one in done.stdout.splitlines()]
    assert [record["exception"].splitlines()[-1].split(":")[0] for record in records] == [
        "ZeroDivisionError",
        "KeyError",
        "IndexError",
        "ValueError",
    ]
    assert (done.returncode, done.stderr) == (1, "")
    assert {record["level"] for record in records} == {"error"}
