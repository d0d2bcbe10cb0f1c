"""Whatever a user writes as a workload: refused in one line, or a run that holds."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.simulation import run as runs
from spacegrey.workload.library import workload

WILD = st.one_of(
    st.floats(0, 100),
    st.floats(0, allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 5e-324, 1e-300, 1e-9, 1e9, 1e30, 1e300, 1.7e308]),
)
BROKEN = WILD | st.sampled_from([-1.0, -0.0, -1e300, float("nan"), float("inf")])
SMALL = st.floats(0, 10)
SHARES = st.floats(0, 1)
UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Making a failure small takes minutes: hundreds of runs; the line of the code says enough."""


def table(**fields):
    """Return a strategy for a table with any of some keys, and a reason for each."""
    return st.fixed_dictionaries({}, optional=fields).map(
        lambda found: {**found, "assumed": dict.fromkeys(found, "test")}
    )


def phase(numbers):
    return table(
        processor=table(
            integer_gop=numbers,
            float_gop=numbers,
            vector_gop=numbers,
            scalar_gflop=numbers,
            fp64_gflop=numbers,
            stream_gb=numbers,
            working_set_mib=numbers,
            chase_g=numbers,
            threads=st.sampled_from(["all", "cores"]) | st.integers(1, 2**40),
            parallel=SHARES,
            coherence=numbers,
            smt=SMALL,
            vector=st.sampled_from(["none", "avx2", "avx512"]),
            activity=SMALL,
            misses_per_kop=numbers,
            bytes_per_op=numbers,
            background=st.booleans(),
        ),
        graphics=table(
            tflop=numbers,
            half_tflop=numbers,
            kind=st.sampled_from(["compute", "raster"]),
            traffic_gb=numbers,
            memory_gib=numbers,
            devices=st.sampled_from(["one", "all"]),
            activity=SMALL,
            driver=numbers,
        ),
        media=st.fixed_dictionaries(
            {"codec": st.sampled_from(["hevc", "h264", "prores", "av1"]), "software_gop_per_mpixel": numbers},
            optional={"decode_mpixel": numbers, "encode_mpixel": numbers},
        ).map(lambda found: {**found, "assumed": dict.fromkeys(found, "test")}),
        storage=table(read_gb=numbers, write_gb=numbers, random_reads=numbers, block_kib=numbers, queue_depth=numbers),
        network=st.fixed_dictionaries({"gb": numbers}, optional={"partner_gbit_s": numbers}).map(
            lambda found: {**found, "assumed": dict.fromkeys(found, "test")}
        ),
        pace=st.fixed_dictionaries(
            {"seconds": st.floats(0.001, 30)}, optional={"hz": numbers, "drop": st.booleans()}
        ).map(lambda found: {**found, "assumed": dict.fromkeys(found, "test")}),
        memory_gib=numbers,
        memory_touches=numbers,
        serial=SHARES,
        independent=st.booleans(),
        ports_w=numbers,
    )


def document(numbers):
    phases = st.lists(phase(numbers), min_size=1, max_size=4).map(
        lambda found: [{"name": f"phase {number}", **one} for number, one in enumerate(found)]
    )
    head = {"name": "own", "stands_for": "a test", "status": "illustrative", "assumed": {"repeat": "test"}}
    return st.builds(
        lambda body, repeat: {"workload": {**head, "repeat": repeat}, "phase": body}, phases, st.integers(1, 3)
    )


@pytest.fixture(scope="module", autouse=True)
def patience():
    """Refuse after twenty simulated minutes in place of thirty days, so that an endless job costs no minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "LONGEST_S", 1200.0)
        yield


def read(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.toml"
        path.write_text(text, encoding="utf-8")
        return workload(str(path))


def one_line(error):
    return len(str(error).splitlines()) == 1 and str(error).strip() == str(error)


def rounding(run):
    """Return the error of energy that is mere rounding: of the heat in all nodes, at each step of 10 ms."""
    held_j = 300.0 * sum(run.machine.cooling.capacities.model_dump(exclude={"source", "assumed"}).values())
    return max(1e-9, 1e-15 * held_j / (run.summary["wall_power_w"].mean * 0.01))


def holds(run):
    """Check a run of anything: numbers, energy, shares, order."""
    for name, column in run.trace.columns.items():
        assert np.isfinite(column).all(), name
    for name, values in run.summary.items():
        assert np.isfinite([values.min, values.mean, values.max, values.end]).all(), name
        assert values.min <= values.mean * (1 + 1e-9) + 1e-9, name
        assert values.mean <= values.max * (1 + 1e-9) + 1e-9, name
    assert run.energy_balance_error < rounding(run)
    assert run.energy_wh > 0.0
    assert sum(limit.share for limit in run.limits) == pytest.approx(1.0, rel=1e-9)
    assert np.isfinite(run.duration_s)
    assert run.duration_s >= 0.0
    assert 0.0 <= run.delivered <= 1.0 + 1e-9
    ends = [phase.end_s for phase in run.phases]
    assert ends == sorted(ends)


def check(text, selector):
    try:
        asked = read(text)
    except InputError as error:
        assert one_line(error)  # noqa: PT017 - a refusal is one of the right answers
        return
    try:
        run = runs.simulate(asked, machine(selector))
    except Refusal as refusal:
        assert one_line(refusal)  # noqa: PT017
        return
    holds(run)


MACHINES = st.sampled_from(
    ["imac-pro", "imac-pro:18-core,vega-64+ambient=60C,fan=0rpm", "macbook-air-m1", "mac-pro-2013"]
)


@settings(max_examples=60, phases=UNSHRUNK)
@given(document(SMALL), MACHINES)
def test_an_ordinary_workload_runs_and_holds(data, selector):
    check(tomli_w.dumps(data), selector)


@settings(max_examples=100, phases=UNSHRUNK)
@given(document(WILD) | document(BROKEN), MACHINES)
def test_a_wild_workload_is_refused_or_holds(data, selector):
    check(tomli_w.dumps(data), selector)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_as_workload_is_one_line(text):
    with pytest.raises(InputError) as caught:
        read(text.encode("utf-8", "replace").decode("utf-8"))
    assert one_line(caught.value)
