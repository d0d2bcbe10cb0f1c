"""What `import spacegrey` offers, how soon, and that every door takes what its neighbours take."""

import json
import subprocess
import sys

import pytest

import spacegrey
from spacegrey.errors import InputError, Refusal

HEAVY = (
    "numba",
    "pandas",
    "polars",
    "pyarrow",
    "duckdb",
    "scipy",
    "matplotlib",
    "narwhals",
    "pydantic",
    "numpy",
    "rich",
)


def python(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


def test_the_import_brings_nothing_heavy():
    loaded = json.loads(python("import sys, json, spacegrey; dir(spacegrey); print(json.dumps(sorted(sys.modules)))"))
    assert "spacegrey" in loaded
    assert not set(loaded) & set(HEAVY)
    assert not [name for name in loaded if name.startswith("spacegrey.")]


def test_every_name_is_there_and_no_other():
    for name in spacegrey.__all__:
        thing = getattr(spacegrey, name)
        assert thing.__doc__, name
        assert name in dir(spacegrey)
    with pytest.raises(AttributeError, match="has no attribute 'Machin'"):
        _ = spacegrey.Machin


def test_rooms_do_not_hide_the_doors():
    code = """
import spacegrey.machine.assembly, spacegrey.workload.library, spacegrey.fits, spacegrey.logs.log
import spacegrey.simulation.sweep.plan
import spacegrey
print(all(callable(getattr(spacegrey, name)) for name in spacegrey.__all__))
"""
    assert python(code).strip() == "True"


def test_what_is_one_already_is_taken_as_it_is(machine_of, workload_of):
    machine, workload = machine_of("imac-pro"), workload_of("cinebench-r15")
    assert spacegrey.Machine.of(machine) is machine
    assert spacegrey.Workload.of(workload) is workload
    log = spacegrey.Log.of({"time_s": [0.0, 1.0], "cpu_temp_c": [40.0, 41.0]})
    assert spacegrey.Log.of(log) is log
    assert spacegrey.run(workload, on=machine).score == spacegrey.run("cinebench-r15", on="imac-pro").score


@pytest.mark.parametrize("given", [None, 3, ["imac-pro"]])
def test_what_names_no_machine_is_told(given):
    with pytest.raises(InputError, match="a machine is named by a selector or a path, not by"):
        spacegrey.run("idle", on=given)


def test_a_machine_is_put_elsewhere_with_the_rest_as_it_is():
    moved = spacegrey.Machine.of("imac-pro:18-core+ambient=30C,fan=max").at("fan=2000rpm,dust=0.2")
    assert moved.selector == "imac-pro:18-core+ambient=30C,fan=2000rpm,dust=0.2"
    assert moved == spacegrey.Machine.of(moved.selector)
    with pytest.raises(InputError, match="did you mean 'ambient'"):
        moved.at("ambint=20C")


def test_a_run_is_written_and_read_back(tmp_path, run_of):
    run = run_of("cinebench-r15-loop", "imac-pro")
    run.write(tmp_path / "run.parquet")
    saved = spacegrey.SavedRun.of(tmp_path / "run.parquet")
    assert saved.record["score"]["value"] == run.score.value
    assert saved._repr_html_() == run._repr_html_()
    assert len(saved.plot("fan_rpm").axes) == 1
    assert saved.to_arrow().num_rows == len(run.trace)


def test_settings_of_a_sweep_are_those_of_its_file(tmp_path):
    path = tmp_path / "rooms.toml"
    path.write_text(
        'title = "rooms"\nmachines = ["imac-pro"]\nworkloads = ["cinebench-r15"]\n\n[vary]\nambient = ["20C", "35C"]\n'
    )
    of_file = spacegrey.sweep(path)
    of_words = spacegrey.sweep(
        title="rooms", machines=["imac-pro"], workloads="cinebench-r15", vary={"ambient": ["20C", "35C"]}
    )
    assert of_file.table.equals(of_words.table)
    assert of_words.varied == ("ambient_c",)
    assert of_words.to_arrow()["ambient_c"].to_pylist() == [20.0, 35.0]
    with pytest.raises(InputError, match="either a file or machines"):
        spacegrey.sweep(path, machines="imac-pro")
    with pytest.raises(InputError, match=r"sweep: .*machines"):
        spacegrey.sweep(workloads="cinebench-r15")


def test_a_sweep_of_the_command_is_read_and_a_large_one_is_told(tmp_path):
    from typer.testing import CliRunner

    from spacegrey.interfaces.cli import app

    path, out = tmp_path / "s.toml", tmp_path / "runs"
    path.write_text('machines = ["imac-pro:processor=*"]\nworkloads = ["cinebench-r15"]\n')
    done = CliRunner().invoke(app, ["sweep", str(path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    read = spacegrey.Sweep.of(out)
    assert len(read) == 4
    assert read.to_arrow()["score"].to_pylist() == spacegrey.sweep(path).to_arrow()["score"].to_pylist()
    next(out.glob("part-*.parquet")).unlink()
    with pytest.raises(InputError, match="run the sweep again with --resume"):
        spacegrey.Sweep.of(out)
    with pytest.raises(InputError, match="memory is for 200,000"):
        spacegrey.sweep(machines="imac-pro", workloads="idle", vary={"dust": {"from": 0, "to": 0.5, "steps": 200_001}})


@pytest.fixture(scope="module")
def log_of_a_machine():
    """A quarter of an hour of work and rest on an iMac Pro whose fans stay at full speed."""
    phases = {
        "name": ["rest", "work", "rest again", "work again"],
        "processor.float_gop": [0.1, 9000.0, 0.1, 6000.0],
        "processor.threads": ["1", "all", "1", "4"],
        "pace.seconds": [90.0, None, 100.0, None],
    }
    worn = spacegrey.Machine.of("imac-pro+fan=max,dust=0.4,ambient=25C")
    return spacegrey.run(spacegrey.Workload.of(phases), on=worn).to_arrow().slice(0).to_pandas().iloc[::10]


def test_a_fit_is_a_machine_a_file_a_table_and_a_picture(tmp_path, log_of_a_machine):
    fit = spacegrey.fit(log_of_a_machine, on="imac-pro+ambient=27C", ambient="25C")
    assert fit.judged.rmse_k < 1.5
    own = spacegrey.Machine.of("imac-pro").cooling.conductances.cpu_sink_air
    assert fit.machine.cooling.conductances.cpu_sink_air < own, "dust takes away"
    assert fit.machine.ambient_c == 27.0
    assert fit.machine.at("ambient=30C").ambient_c == 30.0
    made = fit.write(tmp_path / "mine.toml")
    assert any(not one.why for one in made)
    written = spacegrey.Machine.of(f"{tmp_path / 'mine.toml'}+ambient=25C")
    assert written.cooling.conductances == fit.machine.cooling.conductances
    table = fit.to_arrow()
    assert table["name"].to_pylist() == [one.name for one in fit.numbers]
    page = fit._repr_html_()
    assert f"{fit.judged.rmse_k:.2f} °C" in page
    assert page.count("<path") == 2
    assert len(fit.plot().axes) == 2


def test_a_fit_of_no_machine_says_what_it_lacks(tmp_path, log_of_a_machine):
    fit = spacegrey.fit(log_of_a_machine)
    with pytest.raises(InputError, match=r"say which machine the log is of: fit\(log, on="):
        fit.write(tmp_path / "mine.toml")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="reaches"):
        spacegrey.fit(log_of_a_machine, on="mac-pro-2013")


def test_a_fit_without_a_step_is_refused(log_of_a_machine):
    still = log_of_a_machine.assign(cpu_temp_c=50.0, cpu_power_w=20.0)
    with pytest.raises(Refusal, match="holds no step"):
        spacegrey.fit(still, on="imac-pro")


def test_a_fit_takes_a_machine_and_is_changed_in_memory(log_of_a_machine):
    sheet = spacegrey.Machine.of("imac-pro+ambient=27C")
    fit = spacegrey.fit(log_of_a_machine, on=sheet, ambient=25.0)
    assert fit.on == "imac-pro+ambient=27C"
    swapped = fit.machine.at("processor=18-core,fan=max")
    assert swapped.processor == spacegrey.Machine.of("imac-pro:18-core").processor
    assert swapped.cooling == fit.machine.cooling != sheet.cooling
    assert swapped.ambient_c == 27.0
    assert spacegrey.run("cinebench-r15", on=swapped).duration_s > 1.0
    assert swapped.at("processor=8-core").processor == sheet.processor
    with pytest.raises(InputError, match="has no file that a fit could extend"):
        spacegrey.fit(log_of_a_machine, on=fit.machine)
    with pytest.raises(InputError, match=r"not by Fit: take its \.machine"):
        spacegrey.run("idle", on=fit)


@pytest.mark.parametrize("room", [float("nan"), 200.0, "200C", "25"])
def test_a_room_that_is_none_is_told_before_the_fit(room):
    for door in (spacegrey.fit, lambda log, ambient: spacegrey.dust_check(log, log, ambient=ambient)):
        with pytest.raises(InputError, match="ambient"):
            door({"time_s": [0.0, 1.0], "cpu_temp_c": [40.0, 41.0]}, ambient=room)


def test_dust_is_told_from_two_logs(log_of_a_machine):
    drift = spacegrey.dust_check(log_of_a_machine, log_of_a_machine, ambient="25C")
    assert not drift.shown
    assert drift.low < 0.0 < drift.high


@pytest.mark.parametrize("wish", [None, 3, ["fan=max"]])
def test_settings_that_are_no_text_are_told(machine_of, wish):
    with pytest.raises(InputError, match="settings are text"):
        machine_of("imac-pro").at(wish)


@pytest.mark.parametrize("keep", [None, float("nan"), 95, "95", 0])
def test_a_share_that_is_none_is_told(keep):
    with pytest.raises(InputError, match="keep"):
        spacegrey.quiet("idle", keep=keep)
