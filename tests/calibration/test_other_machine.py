"""A log of another machine is refused in one line that names what contradicts, or doubted where it is only likely."""

import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

import spacegrey
from spacegrey.errors import InputError, Refusal
from spacegrey.interfaces.cli import app
from spacegrey.logs.host import Host, contradiction
from spacegrey.logs.log import Log
from spacegrey.logs.read import read_log
from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.drift import dust_check, since
from spacegrey.simulation.calibration.file import check_machine, read_record, write_record
from spacegrey.simulation.calibration.fit import fit
from spacegrey.simulation.calibration.machine import doubts_of, host_of_machine
from spacegrey.simulation.calibration.settings_power import Written


def _log(columns=None, **told):
    return Log("x.csv", "hwinfo", {"time_s": np.arange(60.0), **(columns or {})}, **told)


@pytest.mark.parametrize(
    ("host", "says"),
    [
        (Host("Intel Xeon W-2191B", cores=18, threads=36),
         "shows Intel Xeon W-2191B, and imac-pro has Intel Xeon W-2140B"),
        (Host(cores=18), "shows 18 cores, and Intel Xeon W-2140B has 8"),
        (Host(cores=4, threads=8, complete=True), "shows 4 cores, and Intel Xeon W-2140B has 8"),
        (Host(threads=36), "shows 36 threads, and Intel Xeon W-2140B has 16"),
        (Host(maker="AMD"), "shows a processor of AMD, and Intel Xeon W-2140B has one of Intel"),
    ],
)  # fmt: skip
def test_what_contradicts_is_named(host, says):
    with pytest.raises(InputError, match=says) as told:
        check_machine(_log(host=host), machine("imac-pro"))
    assert "a log of another machine" in str(told.value)


@pytest.mark.parametrize(
    "host",
    [
        Host(),
        Host("Intel(R) Xeon(R) W-2140B CPU @ 3.20GHz", cores=8, threads=16, complete=True),
        Host("Genuine Intel(R) CPU 0000 @ 3.20GHz"),
        Host(cores=8),
    ],
)
def test_its_own_log_is_taken(host):
    assert check_machine(_log(host=host), machine("imac-pro")) == []


def test_every_processor_of_the_catalog_is_itself_and_no_other():
    hosts = {
        one: host_of_machine(machine(f"imac-pro:{one}")) for one in ("8-core", "10-core", "14-core", "18-core")
    } | {one: host_of_machine(machine(one)) for one in ("pc-am4", "mac-studio-2023", "mac-studio-2023:m2-ultra")}
    for name, one in hosts.items():
        for other, two in hosts.items():
            assert (contradiction(one, two) is None) == (name == other), (name, other)


def test_what_is_only_likely_is_told():
    built = machine("imac-pro")
    full = {"cpu_busy": np.ones(60)}
    for columns, told, says in (
        ({}, {"host": Host(cores=4)}, "the log shows 4 cores, and Intel Xeon W-2140B has 8"),
        ({**full, "cpu_clock_ghz": np.r_[np.full(50, 4.15), np.full(10, 4.2)]}, {}, "all cores work at 4.15 GHz"),
        ({**full, "cpu_power_w": np.full(60, 15.0)}, {}, "all cores at work take 15 W"),
        ({"fan_rpm": np.full(60, 6200.0)}, {}, "the fan turns at 6,200 rpm"),
        ({"cpu_temp_c": np.full(60, 108.0)}, {}, "the processor stays at 108 °C"),
    ):
        said = check_machine(_log(columns, **told), built)
        assert len(said) == 1, said
        assert says in said[0]
    key = "microarchitecture.core_capacitance_nf"
    assert doubts_of([Written(key, 2.6, 6.26, 5.21, 6.26)]) == [
        "its cores together take 2.4 times what this processor's do"
    ]
    assert doubts_of([Written(key, 2.6, 2.59, 2.06, 2.66)]) == []


@pytest.fixture(scope="module")
def eighteen(tmp_path_factory):
    path = tmp_path_factory.mktemp("eighteen") / "run.parquet"
    spacegrey.run("cinebench-r15", on="imac-pro:18-core").write(path)
    return path


def test_a_run_of_eighteen_cores_is_no_log_of_eight(eighteen, known, tmp_path):
    log = read_log(eighteen)
    assert log.host == Host("Intel Xeon W-2191B", "", 18, 36, complete=True)
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "imac-pro"\n[machine]\nname = "mine"\n')
    for on in ("imac-pro", str(mine)):
        found = CliRunner().invoke(app, ["calibrate", str(eighteen), "--on", on], prog_name="spacegrey")
        assert found.exit_code == 2
        assert found.output.count("\n") == 1
        assert "the log shows Intel Xeon W-2191B, and" in found.output
    said = json.loads(CliRunner().invoke(app, ["log", str(eighteen), "--json"], prog_name="spacegrey").output)
    assert (said["processor"], said["cores"], said["threads"]) == ("Intel Xeon W-2191B", 18, 36)
    one = replace(known(seconds=300).log(), host=Host("Intel Xeon W-2140B", cores=8))
    two = replace(known(seconds=300).log(), host=log.host)
    with pytest.raises(Refusal, match=r"shows Intel Xeon W-2140B and .* Intel Xeon W-2191B: two machines"):
        dust_check(one, two)


def test_a_change_that_no_dust_makes_is_another_machine(known):
    small, large = known(seconds=600).log(), known(r=(0.9, 1.4), seconds=600, seed=2).log()
    large.columns["cpu_power_w"] /= 3.0
    large.columns["cpu_temp_c"] = 24.0 + (large["cpu_temp_c"] - 24.0) / 3.0
    for one, other in ((small, large), (large, small)):
        with pytest.raises(Refusal, match="no dust and no paste changes so much; two machines"):
            dust_check(one, other, ambient_c=24.0)


def test_an_older_fit_of_another_processor_is_not_compared(known, tmp_path):
    import datetime as dt

    old = fit(replace(known().log(), host=Host(cores=8, complete=True)))
    write_record(old, tmp_path / "old.toml", made=dt.date(2026, 3, 1))
    kept = read_record(tmp_path / "old.toml")
    assert kept.cores == 8
    assert not since(kept, replace(old, log=replace(old.log, host=Host(cores=8)))).shown
    other = replace(old.log, host=Host(cores=18, complete=True))
    with pytest.raises(Refusal, match=r"the older fit's log shows 8 and .* 18 cores: two machines"):
        since(kept, replace(old, log=other))
