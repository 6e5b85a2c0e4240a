"""What is written twice, for threads and for event loops, is the same but for the waiting."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

KIT = Path(__file__).parents[2] / "src" / "howdah" / "kit"
TWINS = [("db/sync.py", "db/aio.py"), ("orm/repository.py", "orm/async_repository.py")]
NAMES = {"asynccontextmanager": "contextmanager", "asyncio": "time", "async_pool": "pool"}


class Waiting(ast.NodeTransformer):
    """The same code, without what says that it waits in an event loop; and without imports and what is said of it."""

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        made = ast.FunctionDef(**{name: getattr(node, name, None) for name in ast.FunctionDef._fields})
        return self.visit(ast.copy_location(made, node))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.body = [one for one in node.body if not _is_text(one)] or [ast.Pass()]
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.name = _name(node.name)
        node.body = [one for one in node.body if not _is_text(one)]
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.generic_visit(node)
        node.body = [one for one in node.body if not (_is_text(one) or isinstance(one, ast.Import | ast.ImportFrom))]
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        self.generic_visit(node)
        return ast.With(items=node.items, body=node.body, lineno=0)

    def visit_With(self, node: ast.With) -> ast.AST:
        """`with a: async with b:` is `with a, b:`."""
        self.generic_visit(node)
        while len(node.body) == 1 and isinstance(node.body[0], ast.With):
            node = ast.With(items=[*node.items, *node.body[0].items], body=node.body[0].body, lineno=0)
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        return self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id == "Awaitable":
            return self.visit(node.slice)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(_name(node.id), node.ctx)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        node.attr = _name(node.attr)
        return node


def _name(name: str) -> str:
    return NAMES.get(name) or re.sub(r"^Async(?=[A-Z])", "", name)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _without_waiting(path: Path) -> list[str]:
    return ast.unparse(ast.fix_missing_locations(Waiting().visit(ast.parse(path.read_text())))).splitlines()


@pytest.mark.parametrize(("one", "other"), TWINS)
def test_twins_do_the_same(one: str, other: str) -> None:
    """Statement by statement: whoever mends one mends the other."""
    first, second = _without_waiting(KIT / one), _without_waiting(KIT / other)
    assert len(first) > 50
    assert first == second
