"""Any dataframe becomes a log or a workload, and every table becomes any dataframe."""

import datetime as dt
import decimal

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import spacegrey
from spacegrey.errors import InputError
from spacegrey.logs.names import quantities

ROWS = 100
TIME = np.arange(ROWS, dtype=np.float64)
TEMP = 40.0 + TIME % 30
POWER = 20.0 + (TIME // 20) % 2 * 80.0
PLAIN = {"time_s": TIME, "cpu_temp_c": TEMP, "cpu_power_w": POWER}


class Capsule:
    """A table of some library that knows nothing but Arrow's capsules."""

    def __init__(self, table):
        self.table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def relation(columns):
    table = pa.table(columns)
    return duckdb.connect().from_arrow(table)


MADE = {
    "dict": lambda columns: columns,
    "pandas": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars, lazy": pl.LazyFrame,
    "pyarrow": pa.table,
    "record batch": lambda columns: pa.table(columns).to_batches()[0],
    "duckdb": relation,
    "capsule": lambda columns: Capsule(pa.table(columns)),
}


@pytest.fixture(params=list(MADE))
def frame(request):
    return MADE[request.param]


def test_any_dataframe_is_a_log(frame):
    log = spacegrey.Log.of(frame(PLAIN))
    assert log["time_s"] == pytest.approx(TIME)
    assert log["cpu_temp_c"] == pytest.approx(TEMP)
    assert log["cpu_power_w"] == pytest.approx(POWER)
    assert log.format == "dataframe"
    assert log.timed


def test_any_dataframe_is_a_workload(frame):
    phases = {"name": ["read", "work"], "storage.read_gb": [12.0, None], "processor.float_gop": [None, 900.0]}
    made = spacegrey.Workload.of(frame(phases), name="mine")
    assert made.name == made.id == "mine"
    assert [phase.storage.read_gb for phase in made.phases] == [12.0, 0.0]
    assert [phase.processor.float_gop for phase in made.phases] == [0.0, 900.0]
    run = spacegrey.run(made, on="imac-pro")
    assert [phase.name for phase in run.phases] == ["read", "work"]


def test_columns_are_told_with_their_units():
    table = pd.DataFrame({"t": 1000 * TIME, "Tdie": TEMP * 1.8 + 32, "P": POWER * 1000, "MHz": 3900.0, "load": 50.0})
    log = spacegrey.Log.of(
        table,
        time=("t", "ms"),
        columns={
            "cpu_temp_c": ("Tdie", "F"),
            "cpu_power_w": ("P", "mW"),
            "cpu_clock_ghz": ("MHz", "MHz"),
            "cpu_busy": ("load", "%"),
        },
    )
    assert log.duration_s == pytest.approx(99.0)
    assert log["cpu_temp_c"] == pytest.approx(TEMP)
    assert log["cpu_power_w"] == pytest.approx(POWER)
    assert log["cpu_clock_ghz"] == pytest.approx(3.9)
    assert [one.sources for one in log.found if one.quantity == "cpu_temp_c"] == [("'Tdie'",)]


def test_every_quantity_has_a_unit_that_can_be_told():
    from spacegrey.logs.frames import KINDS

    assert {one.unit for one in quantities().values()} == set(KINDS)


def test_dates_are_times_wherever_they_stand():
    begin = dt.datetime(2026, 3, 1, 9, tzinfo=dt.UTC)
    stamps = [begin + dt.timedelta(seconds=second) for second in TIME]
    expected = pytest.approx(TIME)
    for table in (
        pd.DataFrame({"when": stamps, "cpu_temp_c": TEMP}),
        pd.DataFrame({"cpu_temp_c": TEMP}, index=pd.DatetimeIndex(stamps)),
        pd.DataFrame({"cpu_temp_c": TEMP}, index=pd.DatetimeIndex(stamps, name="when")),
        pl.DataFrame({"when": stamps, "cpu_temp_c": TEMP}),
        pl.DataFrame({"when": [dt.timedelta(seconds=second) for second in TIME], "cpu_temp_c": TEMP}),
    ):
        named = "when" if isinstance(table, pl.DataFrame) else None
        log = spacegrey.Log.of(table, time=named)
        assert log["time_s"] == expected
        assert log.timed


def test_times_of_day_and_text_are_times_where_they_are_named():
    begin = dt.datetime(2026, 3, 1, 23, 59, 30, tzinfo=dt.UTC)
    stamps = [begin + dt.timedelta(seconds=second) for second in TIME]
    for when in (
        [one.time() for one in stamps],  # over midnight
        [one.isoformat() for one in stamps],
        [f"{one:%Y-%m-%d %H:%M:%S}" for one in stamps],
        [f"{one:%H:%M:%S}" for one in stamps],
    ):
        for library in (pd, pl):
            table = library.DataFrame({"when": when, "cpu_temp_c": TEMP})
            assert spacegrey.Log.of(table, time="when")["time_s"] == pytest.approx(TIME)
    untold = spacegrey.Log.of(pd.DataFrame({"when": [one.isoformat() for one in stamps], "cpu_temp_c": TEMP}))
    assert not untold.timed
    assert untold.warnings[0] == "column 'when' holds times as text: name it with time="
    assert "with period=" in untold.warnings[1]


def test_the_only_column_of_durations_is_the_time():
    log = spacegrey.Log.of(pd.DataFrame({"when": pd.to_timedelta(TIME, unit="s"), "cpu_temp_c": TEMP}))
    assert log.timed
    assert log["time_s"] == pytest.approx(TIME)


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["50", "51"])])
def test_numbers_may_be_categories_of_polars(kind):
    table = pl.DataFrame({"time_s": [0.0, 1.0], "cpu_temp_c": pl.Series(["50", "51"]).cast(kind)})
    assert spacegrey.Log.of(table)["cpu_temp_c"] == pytest.approx([50.0, 51.0])


def test_rows_without_a_time_are_left_out_and_told():
    stamps = [dt.datetime(2026, 3, 1, 9, 0, second, tzinfo=dt.UTC) if second % 5 else None for second in range(20)]
    log = spacegrey.Log.of(pl.DataFrame({"when": stamps, "cpu_temp_c": TEMP[:20]}))
    assert len(log) == 16
    assert log.warnings == ("4 rows have no readable time and are left out",)


def test_two_columns_of_dates_are_not_guessed_between():
    stamps = pd.date_range("2026-03-01", periods=ROWS, freq="s")
    with pytest.raises(InputError, match="'a', 'b' hold times: name one with time="):
        spacegrey.Log.of(pd.DataFrame({"a": stamps, "b": stamps, "cpu_temp_c": TEMP}))


def test_a_table_without_times_takes_a_period():
    assert spacegrey.Log.of({"cpu_temp_c": TEMP}, period="5s").duration_s == pytest.approx(495.0)
    assert not spacegrey.Log.of({"cpu_temp_c": TEMP}).timed


def test_numbers_may_be_text_decimals_and_missing():
    table = pa.table(
        {
            "time_s": pa.array([decimal.Decimal(second) for second in range(4)]),
            "cpu_temp_c": ["40,5", "41.5", None, "x"],
            "cpu_power_w": pa.array([10, None, 12, 13], pa.int32()),
        }
    )
    log = spacegrey.Log.of(table)
    assert log["cpu_temp_c"] == pytest.approx([40.5, 41.5, np.nan, np.nan], nan_ok=True)
    assert log["cpu_power_w"] == pytest.approx([10.0, np.nan, 12.0, 13.0], nan_ok=True)


def test_a_tools_table_goes_by_the_tools_names():
    table = {"PkgTmp": TEMP, "PkgWatt": POWER, "Bzy_MHz": 3900.0 + 0 * TIME, "s": TIME}
    log = spacegrey.Log.of(table, format="turbostat", time="s")
    assert log["cpu_temp_c"] == pytest.approx(TEMP)
    assert log["cpu_power_w"] == pytest.approx(POWER)
    with pytest.raises(InputError, match=r"no column is known .a dataframe.; the first are: PkgTmp, PkgWatt"):
        spacegrey.Log.of(table, time="s")


@pytest.mark.parametrize(
    ("given", "options", "said"),
    [
        (3.5, {}, "float is no dataframe: give one of pandas, polars"),
        (PLAIN, {"columns": {"cpu_temp": "cpu_temp_c"}}, "did you mean 'cpu_temp_c'"),
        (PLAIN, {"columns": {"cpu_temp_c": "Tdie"}}, "unknown column 'Tdie'"),
        (PLAIN, {"columns": {"cpu_temp_c": ("cpu_temp_c", "W")}}, "unknown unit 'W'; choose from: C, F, K, degC"),
        (PLAIN, {"columns": {"cpu_temp_c": "cpu_power_w", "gpu_temp_c": "cpu_power_w"}}, "is given for cpu_temp_c and"),
        (PLAIN, {"time": "when"}, "unknown column 'when'"),
        (PLAIN, {"time": ("time_s", "day")}, "unknown unit 'day'"),
        (PLAIN, {"format": "hwinf"}, "did you mean 'hwinfo'"),
        (PLAIN, {"period": 0.0}, "period 0 s is outside"),
        ({"time_s": ["a"], "cpu_temp_c": [1.0]}, {}, "times as text, and 'a' is none: make them datetimes"),
        (pl.DataFrame({"time_s": ["nine"], "cpu_temp_c": [1.0]}), {}, "times as text, and 'nine' is none"),
        (pd.DataFrame({"time_s": ["nine"], "cpu_temp_c": [1.0]}), {}, "times as text, and 'nine' is none"),
        ({"time_s": [], "cpu_temp_c": []}, {}, "no rows"),
        ({"time_s": TIME[::-1], "cpu_temp_c": TEMP}, {}, "time runs backwards"),
        ({"time_s": TIME, "cpu_temp_c": [[1.0]] * ROWS}, {}, "holds list<item: double>, not numbers"),
        ({"time_s": TIME, "cpu_temp_c": TEMP[:5]}, {}, "does not become an Arrow table"),
        (
            pd.DataFrame({"time_s": [0, 1], "cpu_temp_c": [50, 51], "note": [1, "a"]}),
            {},
            "column note with type object",
        ),
        ({"time_s": [np.nan] * 3, "cpu_temp_c": [np.nan] * 3}, {}, "no column is known"),
    ],
)
def test_what_is_no_log_is_one_clear_line(given, options, said):
    with pytest.raises(InputError, match=said) as caught:
        spacegrey.Log.of(given, **options)
    assert "\n" not in str(caught.value)


def test_options_of_dataframes_are_refused_for_files(tmp_path):
    with pytest.raises(InputError, match="columns and time are for dataframes"):
        spacegrey.Log.of(tmp_path / "log.csv", columns={"cpu_temp_c": "x"})
    with pytest.raises(InputError, match="no such file"):
        spacegrey.Log.of(str(tmp_path / "log.csv"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"name": ["a", "b"], "processor.integer_gop": [1.0, -1.0]}, "row 2 of p: processor.integer_gop: .*greater"),
        ({"name": ["a"], "processor.integer_op": [1.0]}, "row 1 of p: unknown key 'processor.integer_op'"),
        ({"name": ["a"]}, "row 1 of p: .*asks for nothing"),
        ({"processor.integer_gop": [1.0]}, "row 1 of p: 'name' is missing"),
        ({"name": ["a", "a"], "processor.integer_gop": [1.0, 1.0]}, "p: two phases have the same name"),
        ({"name": [], "processor.integer_gop": []}, "p: no rows"),
        ({"name": ["a"], "processor": [1.0], "processor.integer_gop": [1.0]}, "both 'processor' and"),
    ],
)
def test_a_row_that_is_no_phase_is_named(rows, said):
    with pytest.raises(InputError, match=said) as caught:
        spacegrey.Workload.of(pl.DataFrame(rows), name="p")
    assert "\n" not in str(caught.value)


def test_every_workload_of_the_library_goes_out_and_comes_back(workload_of):
    from spacegrey.workload.library import workload_ids

    for name in workload_ids():
        original = workload_of(name)
        again = spacegrey.Workload.of(pl.DataFrame(original))
        bare = [phase.model_dump(exclude={"source", "assumed"}) for phase in original.phases]
        for phase, other in zip(bare, again.phases, strict=True):
            for key, value in other.model_dump(exclude={"source", "assumed"}).items():
                kept = phase[key]
                if isinstance(value, dict):
                    assert {**value, "source": 0, "assumed": 0} == {**kept, "source": 0, "assumed": 0}, (name, key)
                else:
                    assert value == kept, (name, key)


@pytest.fixture(scope="module")
def rows():
    """One of each thing that holds rows."""
    run = spacegrey.run("cinebench-r15", on="imac-pro")
    log = spacegrey.Log.of(run)
    sweep = spacegrey.sweep(machines="imac-pro", workloads="cinebench-r15", vary={"ambient": ["20C", "30C"]})
    return {
        "run": run,
        "trace": run.trace,
        "log": log,
        "workload": spacegrey.Workload.of("xcode-eidolon"),
        "sweep": sweep,
        "forecast": spacegrey.forecast("idle", on="imac-pro"),
        "quiet": spacegrey.quiet("cinebench-r15-loop", on="imac-pro", keep=0.97),
    }


@pytest.mark.parametrize("name", ["run", "trace", "log", "workload", "sweep", "forecast", "quiet"])
def test_rows_go_out_to_every_library(rows, name):
    thing = rows[name]
    table = thing.to_arrow()
    assert pa.table(thing).equals(table)
    assert pl.DataFrame(thing).columns == table.column_names
    assert pl.DataFrame(thing).height == table.num_rows
    assert list(pd.DataFrame.from_arrow(thing).columns) == table.column_names
    assert duckdb.connect().from_arrow(table).fetchall()[0][0] == table.column(0)[0].as_py()


def test_a_run_is_a_log_again(rows):
    run, log = rows["run"], rows["log"]
    assert log["cpu_temp_c"] == pytest.approx(run.trace["cpu_temp_c"])
    assert pa.table(run).schema.field("cpu_temp_c").metadata[b"unit"] == b"degC"


def test_a_log_that_was_written_loses_nothing(tmp_path):
    import pyarrow.parquet as pq

    columns = {name: np.linspace(max(one.low, 0.0) + 0.1, 0.9, ROWS) * (100 if one.high > 100 else 1)
               for name, one in quantities().items()}  # fmt: skip
    log = spacegrey.Log.of({"time_s": TIME, **columns})
    pq.write_table(log.to_arrow(), tmp_path / "log.parquet")
    again = spacegrey.Log.of(tmp_path / "log.parquet")
    assert set(again.columns) == set(log.columns) == {"time_s", *quantities()}
    for name in log.columns:
        assert again[name] == pytest.approx(log[name], nan_ok=True)
