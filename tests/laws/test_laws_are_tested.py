"""A law without an example to check by hand, or without a test, does not get in."""

import ast
import re
from pathlib import Path

import pytest

import spacegrey

ROOT = Path(spacegrey.__file__).parent
FILES = sorted(ROOT.glob("parts/*/laws.py"))
TESTS = "\n".join(
    path.read_text(encoding="utf-8")
    for path in sorted(Path(__file__).parents[1].rglob("test_*.py"))
    if path.name != Path(__file__).name
)


def untested(source, tests):
    """Return what each public function of a source lacks: an example, a test."""
    lacking = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            if ">>> " not in (ast.get_docstring(node) or ""):
                lacking.append(f"{node.name} has no example")
            if not re.search(rf"\b{node.name}\(", tests):
                lacking.append(f"no test calls {node.name}")
    return lacking


def test_every_room_of_parts_has_its_laws_found():
    assert {path.parent.name for path in FILES} >= {"cooling", "graphics", "memory", "power", "processor", "storage"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_every_law_has_an_example_and_a_test(path):
    assert untested(path.read_text(encoding="utf-8"), TESTS) == []


def test_a_law_without_example_and_test_is_found():
    source = 'def new_law(x):\n    """Return x."""\n    return x\n\n\ndef _private(x):\n    return x\n'
    assert untested(source, TESTS) == ["new_law has no example", "no test calls new_law"]
