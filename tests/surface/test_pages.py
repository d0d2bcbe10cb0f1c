"""Commands that the pages show and no program runs are commands still: their verbs, choices and options are there."""

import re
import shlex
from pathlib import Path

import pytest
import typer

from spacegrey.interfaces.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = {"sh": r"^((?:\w+=\S+ )*spacegrey .*)$", "": r"^\$ ((?:\w+=\S+ )*spacegrey .*)$"}


def _commands(text):
    """Return the words of every command in a page's blocks, without what a shell does with it."""
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for line in re.findall(COMMAND.get(kind, COMMAND[""]), block, re.MULTILINE):
            try:
                words = shlex.split(line, comments=True)
            except ValueError:  # goes on in the next line
                continue
            here = []
            for word in [*words, ";"]:
                if word in {"&&", "||", "|", ";", "&", ">"}:
                    if "spacegrey" in here[:1]:
                        yield here[1:]
                    here = []
                elif here or "=" not in word:
                    here.append(word)


def _parse(words):
    """Have the command line read its words, up to where the verb would begin to work."""
    name, command, context = "spacegrey", typer.main.get_command(app), None
    while True:
        context = command.make_context(name, list(words), parent=context)
        rest = [*context._protected_args, *context.args]  # noqa: SLF001 - the verb, and what is behind it
        if not hasattr(command, "commands") or not rest:
            return
        name, command, words = command.resolve_command(context, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_that_a_page_shows_is_one(page):
    for words in _commands(page.read_text(encoding="utf-8")):
        if "…" in " ".join(words) or "..." in words or "--help" in words or "--version" in words:
            continue
        try:
            _parse(words)
        except Exception as error:  # noqa: BLE001 - whatever the line says of its words
            pytest.fail(f"{page.name}: spacegrey {shlex.join(words)}: {error}")
