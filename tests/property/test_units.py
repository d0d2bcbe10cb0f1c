"""Quantities survive being written and read, in every unit; anything else is refused in one line."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.units import UNITS, parse_quantity

EVERY_UNIT = [(kind, unit) for kind, units in UNITS.items() for unit in units]
every_unit = pytest.mark.parametrize(("kind", "unit"), EVERY_UNIT)
NUMBERS = st.floats(-1e6, 1e6).map(lambda number: round(number, 6))


@every_unit
@given(number=NUMBERS)
def test_a_quantity_is_its_number_in_the_base_unit(kind, unit, number):
    factor, offset = UNITS[kind][unit]
    # 1e-12: the reader rounds there, so that 95 F is 35 C
    assert parse_quantity(f"{number!r}{unit}", kind, "here") == pytest.approx(
        number * factor + offset, rel=1e-12, abs=1e-12
    )


@every_unit
@given(number=NUMBERS)
def test_a_quantity_converted_there_and_back_is_itself(kind, unit, number):
    factor, offset = UNITS[kind][unit]
    base = parse_quantity(f"{number!r}{unit}", kind, "here")
    again = parse_quantity(f"{(base - offset) / factor!r} {unit}", kind, "here")
    # rounding at 1e-12 of the base unit, and of the offset
    assert again == pytest.approx(base, rel=1e-12, abs=1e-9)


@every_unit
def test_spaces_do_not_matter(kind, unit):
    assert parse_quantity(f" 3{unit} ", kind, "here") == parse_quantity(f"3 {unit}", kind, "here")


@pytest.mark.parametrize("kind", UNITS)
def test_the_first_unit_is_the_base_unit(kind):
    assert next(iter(UNITS[kind].values())) == (1.0, 0.0)


KNOWN = {
    "temperature": {"35C": 35.0, "35degC": 35.0, "273.15K": 0.0, "212F": 100.0},
    "time": {"3s": 3.0, "250ms": 0.25, "2min": 120.0, "2h": 7200.0},
    "speed": {"1200rpm": 1200.0},
    "power": {"5W": 5.0, "5mW": 0.005, "5kW": 5000.0},
    "frequency": {"3.2GHz": 3.2, "3200MHz": 3.2},
    "voltage": {"50mV": 50.0, "0.05V": 50.0},
    "share": {"0.3": 0.3, "30%": 0.3},
    "count": {"7": 7.0},
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, known in KNOWN.items() for text in known])
def test_known_quantities_are_read_right(kind, text):
    assert parse_quantity(text, kind, "here") == pytest.approx(KNOWN[kind][text], rel=1e-12, abs=1e-9)


def test_every_unit_has_a_known_quantity():
    covered = {kind: {text.lstrip("0123456789.") for text in known} for kind, known in KNOWN.items()}
    assert covered | {"bytes": set(UNITS["bytes"])} == {kind: set(units) for kind, units in UNITS.items()}


def test_decimal_and_binary_prefixes_differ():
    for power, letter in enumerate("kMGT", start=1):
        binary = "K" if letter == "k" else letter
        assert parse_quantity(f"1{letter}B", "bytes", "here") == 1000.0**power
        assert parse_quantity(f"1{binary}iB", "bytes", "here") == 1024.0**power


@given(st.sampled_from(sorted(UNITS)), st.text(max_size=20))
def test_any_text_is_a_finite_number_or_one_line(kind, text):
    try:
        assert math.isfinite(parse_quantity(text, kind, "here"))
    except InputError as error:
        assert str(error).startswith("here: ")  # noqa: PT017 - a refusal is one of two right answers
        assert len(str(error).splitlines()) == 1  # noqa: PT017


@pytest.mark.parametrize(
    "text", ["", "C", "35", "35 c", "35 C C", "3 5C", "nanC", "infC", "0x10C", "1e999C", "1_0C", "--3C"]
)
def test_what_is_no_temperature_is_refused(text):
    with pytest.raises(InputError, match=r"^here: "):
        parse_quantity(text, "temperature", "here")
