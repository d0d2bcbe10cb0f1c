"""Every number has a source or a reason, and every source can be looked up."""

import re
import tomllib

import pytest

from spacegrey import fits
from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.sourced import CATALOG, sources
from spacegrey.workload.library import workload

BIB = (CATALOG / "sources.bib").read_text(encoding="utf-8")
FILES = sorted(path for path in CATALOG.rglob("*.toml") if path.parent.name not in {"fits", "measurements"})
WORKLOAD = """[workload]
name = "own"
stands_for = "a test"
status = "illustrative"

[[phase]]
name = "work"
processor = { float_gop = 100 }
"""


def used(table):
    """Return the source keys that a table and the tables in it name."""
    found = set()
    for key, value in table.items():
        if key == "source":
            found |= {value} if isinstance(value, str) else set(value.values())
        elif isinstance(value, dict):
            found |= used(value)
        elif isinstance(value, list):
            found |= {name for item in value if isinstance(item, dict) for name in used(item)}
    return found


USED = set().union(*(used(tomllib.loads(path.read_text(encoding="utf-8"))) for path in FILES))


def test_every_entry_of_the_bibliography_is_read():
    assert len(sources()) == len(re.findall(r"^\s*@", BIB, re.MULTILINE))


@pytest.mark.parametrize("key", sorted(sources()))
def test_every_source_can_be_looked_up(key):
    entry = sources()[key]
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]*", key)
    assert entry.get("title")
    where = [entry.get(field, "") for field in ("url", "doi", "note", "howpublished", "journal", "publisher")]
    assert any(where), "a source says where it is"
    if entry.get("url"):
        assert re.match(r"https?://\S+$", entry["url"])


def test_every_source_that_is_named_exists():
    assert USED - set(sources()) == set()


def test_every_source_that_exists_is_named():
    # a key may also be named in the text of a reason, in the measurements' mapping or in the code
    paths = [*CATALOG.rglob("*.toml"), *CATALOG.parent.rglob("*.py")]
    texts = "\n".join(path.read_text(encoding="utf-8") for path in paths)
    assert {key for key in set(sources()) - USED if key not in texts} == set()


def test_a_source_that_is_not_in_the_bibliography_is_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "imac-pro"\n[machine]\nambient_c = 25\nsource = { ambient_c = "nowhere" }\n')
    with pytest.raises(InputError, match=r"mine\.toml:4: source 'nowhere' of 'ambient_c' is not in sources\.bib"):
        machine(str(path))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (WORKLOAD, 8),
        (WORKLOAD + 'assumed = { memory_gib = "a test" }\n', 8),
        (WORKLOAD + 'memory_gib = 3\nassumed = { processor = "a test" }\n', 9),
    ],
)
def test_a_number_without_source_is_refused_with_its_line(tmp_path, text, line):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"^mine\.toml:{line}: .* has no source: name a key of sources\.bib"):
        workload(str(path))


def test_a_number_with_a_reason_is_accepted(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(WORKLOAD + 'assumed = { processor = "a test" }\n')
    assert workload(str(path)).phases[0].processor.float_gop == 100.0


def test_a_part_whose_source_is_removed_is_refused(tmp_path):
    catalog = (CATALOG / "parts/processors/xeon-w-imac-pro.toml").read_text(encoding="utf-8")
    table = tomllib.loads(catalog)["w-2140b"]
    lines = [
        'extends = "imac-pro"',
        "[options.processor.choices]",
        '"8-core" = { part = "bare" }',
        "[parts.processors.bare]",
    ]
    for key, value in table.items():
        if key not in {"source", "assumed", "extends"}:
            lines.append(
                f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}".replace("(", "[").replace(
                    ")", "]"
                )
            )
    path = tmp_path / "mine.toml"
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match=r"^mine\.toml:\d+: \w+ has no source"):
        machine(str(path))


@pytest.mark.parametrize("name", sorted(fits.records()))
def test_every_fit_says_how_many_numbers_it_took_from_how_many_rows(name):
    record = fits.records()[name]
    counted = sum(
        sum(len(value) if isinstance(value, dict) else 1 for value in numbers.values())
        for numbers in record["values"].values()
    )
    assert 0 < record["fit"]["parameters"] <= counted  # one parameter may stand at several owners
    assert record["fit"]["rows"] > 0
