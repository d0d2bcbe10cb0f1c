"""Regions of pages that programs write, so that what they say cannot drift from the code.

A region stands in a page between two comments, ``<!-- begin NAME -->`` and ``<!-- end NAME -->``.
"""

# ruff: noqa: INP001 - scripts beside the pages, not a package

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DOCS = Path(__file__).parent
ROOT = DOCS.parent


def table(head: Sequence[str], rows: Iterable[Sequence[object]], right: str = "") -> str:
    """Return a Markdown table; ``right`` names the columns, by their letters from a, that are set to the right."""
    marks = ["--:" if chr(97 + number) in right else ":--" for number in range(len(head))]
    lines = [head, marks, *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def fill(page: str, regions: Mapping[str, str]) -> str:
    """Return a page's text with its regions filled.

    Raises
    ------
    SystemExit
        A region is missing from the page.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, content in regions.items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"docs/{page}: has no region {name!r}")
        text = pattern.sub(lambda _, new=f"{begin}\n\n{content}\n\n{end}": new, text)
    return text


def finish(pages: Mapping[str, str], *, check: bool) -> int:
    """Write pages, or only tell which are not as they would be written; return the exit status."""
    status = 0
    for page, text in pages.items():
        path = (DOCS / page).resolve()
        if path.read_text(encoding="utf-8") == text:
            continue
        if check:
            sys.stderr.write(f"{path.relative_to(ROOT)} is out of date: run `make docs`\n")
            status = 1
        else:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    return status


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
