"""Python blocks of a page, run in the reader's order."""

from __future__ import annotations

import ast
import re
import sys
import types
from pathlib import Path

import pytest


def run_python(page: Path, capsys: pytest.CaptureFixture[str]) -> int:
    """Runs every block; the number of comments that say what something comes to, all of them true.

    A comment behind an expression is what it comes to; behind a print, what is printed; ``…`` is anything.
    """
    module = types.ModuleType("a_page")
    sys.modules[module.__name__] = module
    checked = 0
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        lines = block.splitlines()
        for node in ast.parse(block).body:
            said = re.search(r"[\w)\]]\s{2,}# (.*)$", lines[(node.end_lineno or 1) - 1])
            decorators = getattr(node, "decorator_list", [])
            first = decorators[0].lineno if decorators else node.lineno
            source = "\n".join(lines[first - 1 : node.end_lineno])
            if isinstance(node, ast.Expr) and said is not None:
                value = repr(eval(compile(source.strip(), page.name, "eval", dont_inherit=True), module.__dict__))
                assert _matches(said[1], value), (source, value)
                checked += 1
                continue
            exec(compile(source, page.name, "exec", dont_inherit=True), module.__dict__)
            printed = capsys.readouterr().out.strip()
            if printed:
                told = re.search(r"print\(.*\)\s+# (.*)$", source, re.MULTILINE)
                assert told is not None and _matches(told[1], printed), (source, printed)
                checked += 1
    return checked


def _matches(said: str, value: str) -> bool:
    return re.fullmatch(re.escape(said).replace("…", ".*"), value) is not None
