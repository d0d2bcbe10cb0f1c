"""A selector is understood as it was meant, or refused in one line."""

import contextlib

from hypothesis import example, given
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids, read_machine
from spacegrey.machine.selector import Environment, parse_selector

PIECES = [
    *machine_ids(),
    "8-core",
    "vega-64",
    "processor",
    "memory=64GB",
    "ambient",
    "fan",
    "max",
    "dust",
    "35C",
    "0.5",
]
NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,12}(=[a-z0-9.-]{1,12})?", fullmatch=True)
ENVIRONMENTS = st.builds(
    Environment,
    ambient_c=st.none() | st.integers(-20, 60).map(float),
    brightness=st.none() | st.integers(0, 100).map(lambda percent: percent / 100),
    dust=st.integers(0, 90).map(lambda percent: percent / 100),
    fan=st.none() | st.just(float("inf")) | st.integers(0, 5000).map(float),
    overclock_ghz=st.none() | st.integers(5, 70).map(lambda tenths: tenths / 10),
    power_limit_w=st.none() | st.integers(1, 2000).map(float),
    undervolt_mv=st.integers(0, 200).map(float),
    fan_curve=st.none(),
)


def written(environment):
    """Return an environment as a user writes it."""
    parts = [f"dust={environment.dust}"]
    if environment.ambient_c is not None:
        parts.append(f"ambient={environment.ambient_c}C")
    if environment.brightness is not None:
        parts.append(f"brightness={environment.brightness}")
    if environment.fan is not None:
        parts.append("fan=max" if environment.fan == float("inf") else f"fan={environment.fan}rpm")
    if environment.power_limit_w is not None:
        parts.append(f"power-limit={environment.power_limit_w}W")
    if environment.undervolt_mv:
        parts.append(f"undervolt={environment.undervolt_mv}mV")
    if environment.overclock_ghz is not None:
        parts.append(f"overclock={environment.overclock_ghz}GHz")
    return ",".join(parts)


@given(NAMES.filter(lambda name: "=" not in name), st.lists(NAMES, min_size=1, max_size=5), ENVIRONMENTS)
def test_a_selector_says_what_was_written(name, choices, environment):
    read = parse_selector(f"{name}:{','.join(choices)}+{written(environment)}")
    assert (read.machine, list(read.choices), read.environment) == (name, choices, environment)


@given(NAMES, ENVIRONMENTS)
def test_spaces_and_separators_do_not_matter(name, environment):
    tight = parse_selector(f"{name}+{written(environment)}")
    loose = parse_selector(f" {name} + {written(environment).replace(',', ' + ')}")
    assert (tight.machine, tight.environment) == (loose.machine, loose.environment)


@given(st.text() | st.lists(st.sampled_from([*PIECES, *":+,= "]), max_size=12).map("".join))
@example("imac-pro:\x00")
@example("/dev/null.toml")
@example("x" * 5000 + ".toml")
@example("\x00.toml")
@example("\ud800.toml")
def test_any_text_is_a_machine_or_one_line(text):
    try:
        built = machine(text)
    except InputError as error:
        assert str(error).strip()  # noqa: PT017 - a refusal is one of two right answers
        assert len(str(error).splitlines()) == 1  # noqa: PT017
    else:
        assert built.id in machine_ids()


@given(st.data(), st.sampled_from(machine_ids()))
def test_every_combination_of_options_builds_or_says_why(data, name):
    options = read_machine(name).options
    chosen = {slot: data.draw(st.sampled_from(sorted(option.choices))) for slot, option in options.items()}
    with contextlib.suppress(InputError):  # such as more memory than the processor addresses
        assert machine(f"{name}:{','.join(f'{slot}={choice}' for slot, choice in chosen.items())}").chosen == chosen
