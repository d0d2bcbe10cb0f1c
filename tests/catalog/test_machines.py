"""Every machine of the catalog, every choice that it offers, and what a user's own file may and may not say."""

import contextlib
import re

import pytest

from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import PART_KINDS, machine_ids, part, part_entries, read_machine
from spacegrey.sourced import CATALOG

ASKED_FOR = {
    "imac-pro",
    "imac-5k-2017",
    "imac-5k-2019",
    "imac-5k-2020",
    "mac-pro-2013",
    "mac-pro-2019",
    "mac-mini-2018",
    "mac-mini-m1",
    "macbook-air-m1",
    "pc-x299",
    "pc-threadripper",
}
CHOICES = [
    (name, slot, choice)
    for name in machine_ids()
    for slot, option in read_machine(name).options.items()
    for choice in option.choices
]
PARTS = [(kind, name) for kind in PART_KINDS for name in part_entries(kind)]


def test_the_catalog_holds_the_machines_asked_for():
    assert set(machine_ids()) >= ASKED_FOR


@pytest.mark.parametrize("name", machine_ids())
def test_every_machine_builds_and_says_what_it_represents(name):
    built = machine(name)
    assert built.id == name
    assert built.spec.name in built.name
    assert built.spec.status in {"reference", "calibrated", "illustrative"}


@pytest.mark.parametrize(("name", "slot", "choice"), CHOICES)
def test_every_choice_builds(name, slot, choice):
    # large memories need one of the larger processors
    built = None
    for chip in [] if slot == "processor" else read_machine(name).options["processor"].choices:
        with contextlib.suppress(InputError):
            built = built or machine(f"{name}:{slot}={choice},processor={chip}")
    built = built or machine(f"{name}:{slot}={choice}")
    assert built.chosen[slot] == choice


@pytest.mark.parametrize(("kind", "name"), PARTS)
def test_every_part_holds(kind, name):
    assert part(kind, name).name


def test_every_part_is_used_by_a_machine():
    used = set()
    for name in machine_ids():
        file = read_machine(name)
        used |= {file.spec.cooling, file.spec.supply, file.spec.panel, file.spec.io}
        used |= {choice.part for option in file.options.values() for choice in option.choices.values()}
    bases = {str(entry.table.get("extends")) for kind in PART_KINDS for entry in part_entries(kind).values()}
    chips = [part("processors", name) for name in part_entries("processors")]
    cards = [part("graphics", name) for name in part_entries("graphics")]
    designs = {chip.microarchitecture for chip in chips} | {card.architecture for card in cards}
    assert {name for _, name in PARTS} - used - bases - designs == set()


def test_the_catalog_holds_no_code():
    assert {path.suffix for path in CATALOG.rglob("*") if path.is_file()} <= {".toml", ".csv", ".bib"}


@pytest.fixture
def own(tmp_path):
    """Return a function that writes a user's machine file and gives its path."""

    def write(text, name="mine"):
        path = tmp_path / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def refused(path):
    """Return the one line in which a machine file is refused."""
    with pytest.raises(InputError) as caught:
        machine(path)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_an_own_file_may_extend_a_machine(own):
    mine = machine(own('extends = "imac-pro"\n[machine]\nname = "Mine"\n'))
    assert mine.spec.name == "Mine"
    assert mine.processor == machine("imac-pro").processor


def test_an_own_file_may_bring_a_part(own):
    text = (
        'extends = "imac-pro"\n[options.processor.choices]\n"8-core" = { part = "slow" }\n\n'
        '[parts.processors.slow]\nextends = "w-2140b"\npl1_w = 60\nassumed = { pl1_w = "a test" }\n'
    )
    assert machine(own(text)).processor.pl1_w == 60.0


def test_extends_by_path_is_read_from_the_files_own_folder(own):
    own('extends = "imac-pro"\n[machine]\nname = "Parent"\n', "parent")
    assert machine(own('extends = "parent.toml"\n', "child")).spec.name == "Parent"


def test_a_circle_of_files_is_refused(own):
    own('extends = "b.toml"\n', "a")
    assert "extends itself: b -> a -> b" in refused(own('extends = "a.toml"\n', "b"))


def test_a_circle_of_parts_is_refused(own):
    text = (
        'extends = "imac-pro"\n[machine]\ncooling = "a"\n'
        '[parts.cooling.a]\nextends = "b"\n[parts.cooling.b]\nextends = "a"\n'
    )
    assert "extends itself" in refused(own(text))


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (2, 'extends = "imac-pro"\n[engine]\nx = 1\n', "unknown key 'engine'"),
        (3, 'extends = "imac-pro"\n[machine]\ncolour = "grey"\n', "unknown key 'colour'"),
        (3, 'extends = "imac-pro"\n[machine]\nambient_c = nan\n', "ambient_c"),
        (3, 'extends = "imac-pro"\n[machine]\nambient_c = 2000\n', "ambient_c"),
        (3, 'extends = "imac-pro"\n[machine]\nmemory_slots = -1\n', "memory_slots"),
        (3, 'extends = "imac-pro"\n[options.memory]\ndefault = "7GB"\n', "unknown default of memory '7GB'"),
        (2, 'extends = "imac-pro"\n[parts.wheels.round]\nx = 1\n', "unknown kind of part 'wheels'"),
        (1, '[machine]\nname = "x"\n', "is missing"),
        (1, 'extends = 3\n[machine]\nname = "x"\n', "extends must be the name"),
    ],
)
def test_what_does_not_hold_is_named_with_its_line(own, line, text, says):
    message = refused(own(text))
    assert message.startswith(f"mine.toml:{line}:")
    assert says in message


def test_a_part_that_does_not_hold_is_named_with_its_line(own):
    text = (
        'extends = "imac-pro"\n[machine]\ncooling = "hot"\n\n[parts.cooling.hot]\nextends = "imac-pro"\n\n'
        '[parts.cooling.hot.fans]\nflow_l_s = -3\n\n[parts.cooling.hot.assumed]\nfans = "a test"\n'
    )
    message = refused(own(text))
    assert message.startswith("mine.toml:9:")
    assert "flow_l_s" in message


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is missing"),
        ("extends = ", "not TOML"),
        ('extends = "imac-por"', "did you mean 'imac-pro'?"),
        ('extends = "none.toml"', "no such file"),
        ('extends = "imac-pro"\nmachine = 3\n', "is not a table"),
        ('extends = "imac-pro"\noptions = [1]\n', "is not a table"),
        ('extends = "imac-pro"\nparts = "x"\n', "is not a table"),
    ],
)
def test_a_broken_file_is_one_line(own, text, says):
    assert says in refused(own(text))


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "bytes.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "cannot be read" in refused(str(path))


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("imac-por", "did you mean 'imac-pro'?"),
        ("imac-pro:9-core", "did you mean '8-core'?"),
        ("imac-pro:wheels=round", "unknown option 'wheels'"),
        ("imac-pro:8-core,10-core", "processor is chosen twice"),
        ("imac-pro:", "empty choice"),
        ("", "names no machine"),
        ("imac-pro+wind=3", "unknown what-if 'wind'"),
        ("imac-pro+ambient=35C,ambient=3C", "given twice"),
        ("imac-pro+ambient=99C", "outside -20 to 60"),
        ("imac-pro+ambient=35X", "unit 'X'"),
        ("imac-pro+ambient=nan", "is not a number"),
        ("imac-pro+ambient=1e999C", "is not a finite number"),
        ("imac-pro+dust=1", "outside 0 to 0.9"),
        ("imac-pro+fan=banana", "a fan is 'max', a speed such as 2000rpm, or a curve"),
        ("imac-pro+fan=99999rpm", "outside 0 to"),
        ("imac-pro+overclock=20GHz", "outside 0.5 to 7"),
        ("macbook-air-m1+fan=max", "has no fan"),
        ("mac-mini-2018+brightness=0.5", "has no built-in display"),
    ],
)
def test_a_wrong_selector_is_one_line_with_the_choices(selector, says):
    assert says in refused(selector)


def test_a_choice_of_two_options_must_say_which(own):
    twin = 'extends = "imac-pro"\n[options.bag]\ndefault = "mouse"\n[options.bag.choices]\n"mouse" = {}\n'
    path = own(twin)
    assert re.search("is a choice of .* and .*: write ", refused(f"{path}:mouse"))
    assert machine(f"{path}:bag=mouse").chosen["bag"] == "mouse"
