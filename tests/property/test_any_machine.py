"""Whatever numbers a user gives a machine of his own: refused in one line, or a run that holds."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.parts.cooling.spec import Capacities, Conductances, Controller, Fans
from spacegrey.simulation import run as runs
from spacegrey.workload.library import workload

ORDINARY = st.floats(-2, 2).map(lambda power: float(f"{10.0**power:.4g}"))  # a factor on the catalog's number
WILD = st.floats(-300, 300).map(lambda power: float(f"{10.0**power:.4g}"))
BASE = machine("imac-pro")

# kind of part -> (the part it extends, its numbers that may be changed)
PARTS = {
    "processors": (
        "w-2140b",
        [
            "pl1_w",
            "pl2_w",
            "tau_s",
            "tdp_w",
            "memory_latency_ns",
            "l2_mib_per_core",
            "l3_mib",
            "base_ghz",
            "minimum_ghz",
        ],
    ),
    "microarchitectures": (
        BASE.processor.microarchitecture,
        [
            "rate_integer",
            "rate_float",
            "core_capacitance_nf",
            "uncore_base_w",
            "leakage_per_core_w",
            "leakage_per_kelvin",
        ],
    ),
    "graphics": (
        "pro-vega-56",
        [
            "power_cap_w",
            "idle_w",
            "capacitance_nf",
            "leakage_w",
            "memory_gb_s",
            "memory_power_w",
            "temperature_limit_c",
        ],
    ),
    "power": ("imac-pro", ["rated_w", "standing_loss_w", "proportional_loss", "resistive_loss_per_w", "board_w"]),
    "displays": (BASE.spec.panel, ["electronics_w", "backlight_w"]),
}
SHEETS = {
    "processors": BASE.processor,
    "microarchitectures": BASE.microarchitecture,
    "graphics": BASE.graphics,
    "power": BASE.supply,
    "displays": BASE.panel,
}
GROUPS = {"capacities": Capacities, "conductances": Conductances, "fans": Fans, "controller": Controller}
LINKED = {
    "processors": {"options": {"processor": {"choices": {"8-core": {"part": "mine"}}}}},
    "graphics": {"options": {"graphics": {"choices": {"vega-56": {"part": "mine"}}}}},
    "power": {"machine": {"supply": "mine"}},
    "displays": {"machine": {"panel": "mine"}},
    "cooling": {"machine": {"cooling": "mine"}},
}


def numbers_of(sheet):
    return {
        name: float(value)
        for name, value in sheet.model_dump().items()
        if isinstance(value, float) and name not in {"source", "assumed"}
    }


def document(kind, changed):
    """Return a user's machine in which numbers of one part differ."""
    base = "imac-pro" if kind == "cooling" else PARTS[kind][0]
    mine = {"extends": base, **changed, "assumed": dict.fromkeys(changed, "test")}
    data = {"extends": "imac-pro", "parts": {kind: {"mine": mine}}}
    if kind == "microarchitectures":
        chip = {"extends": "w-2140b", "microarchitecture": "mine", "assumed": {}}
        data["parts"]["processors"] = {"mine": chip}
        return data | LINKED["processors"]
    return data | LINKED[kind]


@st.composite
def parts(draw, factors, absolute):
    kind = draw(st.sampled_from(sorted(PARTS)))
    names = draw(st.lists(st.sampled_from(PARTS[kind][1]), min_size=1, max_size=4, unique=True))
    base = numbers_of(SHEETS[kind])
    return document(kind, {name: draw(factors) * (1.0 if absolute else base.get(name, 1.0)) for name in names})


@st.composite
def coolings(draw, factors, absolute):
    group = draw(st.sampled_from(sorted(GROUPS)))
    base = numbers_of(getattr(BASE.cooling, group))
    names = draw(st.lists(st.sampled_from(sorted(base)), min_size=1, max_size=6, unique=True))
    numbers = {name: draw(factors) * (1.0 if absolute else base[name]) for name in names}
    return document("cooling", {group: numbers})


def rounding(run):
    """Return the error of energy that is mere rounding: of the heat in all nodes, at each step of 10 ms."""
    held_j = 300.0 * sum(run.machine.cooling.capacities.model_dump(exclude={"source", "assumed"}).values())
    return max(1e-9, 1e-15 * held_j / (run.summary["wall_power_w"].mean * 0.01))


def check(data):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_text(tomli_w.dumps(data), encoding="utf-8")
        try:
            built = machine(str(path))
        except InputError as error:
            assert len(str(error).splitlines()) == 1  # noqa: PT017 - a refusal is one of the right answers
            return
    try:
        run = runs.simulate(workload("cinebench-r15"), built)
    except Refusal as refusal:
        assert len(str(refusal).splitlines()) == 1  # noqa: PT017
        return
    for name, column in run.trace.columns.items():
        assert np.isfinite(column).all(), name
    assert run.energy_balance_error < rounding(run)
    assert sum(limit.share for limit in run.limits) == pytest.approx(1.0, rel=1e-9)
    assert np.isfinite(run.duration_s)
    assert run.duration_s > 0.0


@pytest.fixture(scope="module", autouse=True)
def patience():
    """Refuse after twenty simulated minutes in place of thirty days, so that an endless job costs no minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "LONGEST_S", 1200.0)
        yield


@given(parts(ORDINARY, absolute=False) | coolings(ORDINARY, absolute=False))
def test_a_machine_with_other_numbers_runs_and_holds(data):
    check(data)


@settings(max_examples=100, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # small examples cost many runs
@given(parts(WILD, absolute=True) | coolings(WILD, absolute=True))
def test_a_machine_with_wild_numbers_is_refused_or_holds(data):
    check(data)


@given(st.text())
def test_any_text_as_machine_is_one_line(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mine.toml"
        path.write_bytes(text.encode("utf-8", "replace"))
        with pytest.raises(InputError) as caught:
            machine(str(path))
    assert len(str(caught.value).splitlines()) == 1
