"""Whatever stands in a dataframe: a log or a workload that holds, or one clear line."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

import spacegrey
from spacegrey.errors import InputError
from spacegrey.logs.names import FORMATS, quantities

NAMES = ["time_s", "time", "x", "PkgTmp", "name", *list(quantities())[:4]]
cells = (
    st.lists(st.floats(width=64) | st.none(), min_size=6, max_size=6)
    | st.lists(st.integers(-(2**62), 2**62) | st.none(), min_size=6, max_size=6)
    | st.lists(st.text(max_size=8) | st.none(), min_size=6, max_size=6)
    | st.lists(st.booleans(), min_size=6, max_size=6)
    | st.lists(st.datetimes() | st.none(), min_size=6, max_size=6)
    | st.lists(st.timedeltas(), min_size=6, max_size=6)
    | st.just([None] * 6)
    | st.just([[1.0]] * 6)
    | st.just([b"x"] * 6)
)

# Mostly what a log holds, so that the checks behind the first one are reached too.
likely = st.fixed_dictionaries(
    {"cpu_temp_c": st.lists(st.floats(20, 90) | st.none() | st.just(-127.0), min_size=6, max_size=6)},
    optional={
        "time_s": st.lists(st.integers(0, 10**6), min_size=6, max_size=6, unique=True).map(sorted),
        "when": st.lists(st.datetimes(), min_size=6, max_size=6, unique=True).map(sorted),
        "PkgTmp": cells,
        "cpu_power_w": st.lists(st.floats() | st.none(), min_size=6, max_size=6) | cells,
    },
)


def one_line(error):
    assert "\n" not in str(error)
    assert len(str(error)) < 2000


@given(
    columns=likely | st.dictionaries(st.sampled_from(NAMES), cells, max_size=5),
    as_polars=st.booleans(),
    options=st.just({})
    | st.fixed_dictionaries(
        {},
        optional={
            "time": st.sampled_from([*NAMES, "when"]),
            "columns": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(NAMES), max_size=2),
            "format": st.sampled_from(list(FORMATS)),
        },
    ),
)
def test_any_columns_are_a_log_that_holds_or_one_line(columns, as_polars, options):
    try:
        frame = pl.DataFrame(columns) if as_polars else columns
    except (TypeError, pl.exceptions.PolarsError, OverflowError):
        return
    try:
        log = spacegrey.Log.of(frame, **options)
    except InputError as error:
        one_line(error)
        return
    assert np.isfinite(log["time_s"]).all()
    assert (np.diff(log["time_s"]) > 0.0).all()
    for quantity, sheet in quantities().items():
        if quantity in log:
            known = log[quantity][np.isfinite(log[quantity])]
            assert known.size
            assert ((known > sheet.low) & (known <= sheet.high)).all()
    assert "<table" in log._repr_html_()


values = st.floats() | st.integers(-3, 10) | st.text(max_size=4) | st.none() | st.booleans() | st.just([1.0])
KEYS = ["name", "memory_gib", "processor", "a.b.c", "", ".", "source", "assumed"]
phase = st.fixed_dictionaries(
    {"name": st.uuids().map(str), "processor.integer_gop": st.floats(0.1, 1e4)},
    optional={
        "processor.threads": st.sampled_from([1, 4, "all", "cores"]) | values,
        "pace.seconds": st.floats(0.1, 100) | values,
        "storage.read_gb": st.floats(0, 100) | values,
    },
)


@given(rows=st.lists(phase, max_size=3) | st.lists(phase | st.dictionaries(st.sampled_from(KEYS), values), max_size=3))
def test_any_rows_are_a_workload_that_runs_or_one_line(rows):
    columns = {key: [row.get(key) for row in rows] for key in dict.fromkeys(key for row in rows for key in row)}
    try:
        made = spacegrey.Workload.of(columns)
    except InputError as error:
        one_line(error)
        return
    assert len(made.phases) == len(rows)
    assert "<table" in made._repr_html_()
