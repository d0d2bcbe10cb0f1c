"""Files of components and of disassembly that were damaged are read or refused, in one line that names the file."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.decide.components import KINDS, read_components
from spacegrey.decide.disassembly import read_holds, read_inside
from spacegrey.errors import InputError
from spacegrey.sourced import CATALOG

READERS = {
    **{f"components/{kind}.toml": lambda path, kind=kind: read_components(kind, path) for kind in KINDS},
    **{
        f"disassembly/{path.name}": read_holds if path.stem == "holds" else read_inside
        for path in sorted((CATALOG / "disassembly").glob("*.toml"))
    },
}
TEXTS = {name: (CATALOG / name).read_text(encoding="utf-8") for name in READERS}
VALUES = st.sampled_from([
    "", "0", "-1", "1e300", "nan", "inf", "true", "[]", "[[]]", "{}", '""', '"x"', "['a', 1]", "2017-13-01",
    "1979-05-27", "{ default = 3 }", '{ default = "no-such-source" }', '[""]', "99999999999999999999", "'''", "\x00",
])  # fmt: skip
EDITS = st.tuples(
    st.sampled_from(["drop", "double", "value", "key", "head", "cut"]),
    st.integers(0, 10_000),
    VALUES,
    st.text(max_size=3),
)


def damaged(text, edits):
    """Return a text with lines dropped, doubled, renamed, cut, or given another value."""
    lines = text.splitlines()
    for what, number, value, letters in edits:
        if not lines:
            break
        at = number % len(lines)
        line = lines[at]
        if what == "drop":
            del lines[at]
        elif what == "double":
            lines.insert(at, line)
        elif what == "value" and "=" in line:
            lines[at] = f"{line.partition('=')[0]}= {value}"
        elif what == "key" and "=" in line:
            lines[at] = letters + line
        elif what == "head" and line.startswith("["):
            lines[at] = line.replace("]", f"{letters}]")
        elif what == "cut":
            lines[at] = line[: number % (len(line) + 1)]
    return "\n".join(lines)


def refusal(name, path):
    """Return the words of the refusal; empty where the file was read."""
    try:
        READERS[name](path)
    except InputError as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged") / "mine.toml"


@pytest.mark.parametrize("name", READERS)
def test_the_catalog_s_own_file_is_read(name, place):
    place.write_text(TEXTS[name], encoding="utf-8")
    assert refusal(name, place) == ""


@given(st.sampled_from(sorted(READERS)), st.lists(EDITS, min_size=1, max_size=4))
def test_a_damaged_file_is_read_or_refused_in_one_line(place, name, edits):
    place.write_text(damaged(TEXTS[name], edits), encoding="utf-8", errors="replace")
    said = refusal(name, place)
    assert "\n" not in said
    assert said == "" or re.search(r"mine\.toml(:\d+)?: ", said), said


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(place, name, content):
    place.write_bytes(content)
    said = refusal(name, place)
    assert "\n" not in said
    assert "mine.toml" in said or said == ""


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("components/boards.toml", "memory_slots = 8", "memory_slots = 800", "memory_slots"),
        ("components/boards.toml", "socket = ", "sockets = ", "'socket' is missing"),
        ("components/cases.toml", "graphics_most_mm = ", "graphics_most_mm = -", "greater than 0"),
        ("disassembly/imac-pro.toml", 'after = ["display"', 'after = ["displya"', "did you mean 'display'"),
        ("disassembly/holds.toml", "off_minutes = ", "off_minutes = -", "greater than or equal to 0"),
    ],
)
def test_the_refusal_names_what_is_wrong_and_the_line(place, name, old, new, words):
    text = TEXTS[name]
    assert old in text
    place.write_text(text.replace(old, new, 1), encoding="utf-8")
    said = refusal(name, place)
    assert words in said
    line = int(re.match(r"mine\.toml:(\d+): ", said)[1])
    at = text[: text.index(old)].count("\n") + 1
    assert abs(line - at) <= 12
