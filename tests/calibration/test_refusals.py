"""What cannot be fitted or compared is refused in one line that names the thing and the place."""

from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from spacegrey.errors import InputError, Refusal
from spacegrey.interfaces.cli import app
from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.data import course
from spacegrey.simulation.calibration.drift import dust_check, since
from spacegrey.simulation.calibration.file import Record, check_machine
from spacegrey.simulation.calibration.fit import fit


def written(log, path, change=lambda lines: lines):
    names = list(log.columns)
    rows = zip(*(log[name] for name in names), strict=True)
    lines = [",".join(names), *(",".join(f"{one:.6g}" for one in row) for row in rows)]
    path.write_text("\n".join(change(lines)))
    return str(path)


def ended(*arguments):
    found = CliRunner().invoke(app, list(arguments), prog_name="spacegrey")
    return found.exit_code, found.output


def nothing(lines):
    del lines
    return []


def all_nan(lines):
    return [lines[0], *(",".join([line.split(",")[0], "nan", "nan"]) for line in lines[1:])]


def flat(lines):
    return [lines[0], *(",".join([line.split(",")[0], "55", "40"]) for line in lines[1:])]


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (nothing, 2, "the file is empty"),
        (lambda lines: lines[:1], 2, "no rows"),
        (lambda lines: [lines[0], *reversed(lines[1:])], 2, "time runs backwards"),
        (lambda lines: [lines[0], *(f"nan,{line.partition(',')[2]}" for line in lines[1:])], 1, "no time stamps"),
        (all_nan, 2, "no column is known"),
        (lambda lines: lines[:70], 1, "a fit needs 30 rows over 120 s"),
        (flat, 1, "holds no step: cpu_power_w stays within 40 to 40 W"),
    ],
)
def test_a_file_that_does_not_serve_is_one_line(known, tmp_path, change, status, says):
    path = written(known(seconds=300).log(), tmp_path / "log.csv", change)
    for verb in (["calibrate", path], ["dust-check", path, path]):
        code, said = ended(*verb)
        assert code == status, said
        assert says in said
        assert said.count("\n") == 1
        assert "log.csv" in said


def test_a_log_of_another_machine_is_one_line(known, tmp_path):
    log = known(seconds=300).log()
    log.columns["cpu_power_w"] = log["cpu_power_w"] * 5.0
    code, said = ended("calibrate", written(log, tmp_path / "big.csv"), "--on", "imac-pro")
    assert code == 2
    assert "477 W, and Intel Xeon W-2140B may draw 216 W: a log of another machine" in said
    log.columns["cpu_power_w"] /= 5.0
    check_machine(log, machine("imac-pro"))


def test_times_that_do_not_rise_are_told_also_in_python(known):
    log = known(seconds=300).log()
    for bad in (log["time_s"][::-1].copy(), np.where(log["time_s"] == 50.0, np.nan, log["time_s"])):
        with pytest.raises(InputError, match="time_s runs backwards or is not a number"):
            fit(replace(log, columns={**log.columns, "time_s": bad}))


def test_a_log_without_rows_is_told_also_in_python(known):
    log = known(seconds=300).log()
    with pytest.raises(Refusal, match="0 rows with power and temperature over 0 s"):
        fit(replace(log, columns={name: values[:0] for name, values in log.columns.items()}))


def test_some_nan_are_left_out(known):
    log = known(seconds=600).log()
    log.columns["cpu_temp_c"][100:140] = np.nan
    log.columns["cpu_power_w"][::50] = np.nan
    data = course(log)
    assert len(data.time_s) < 600 - 40
    assert np.isfinite(data.power_w).all()
    assert np.isfinite(data.temp_c).all()


def test_a_log_that_is_all_gaps_leaves_nothing_to_judge(known):
    log = known(seconds=160).log()
    log.columns["time_s"] = log["time_s"] + 1000.0 * (log["time_s"] // 32)
    with pytest.raises(Refusal, match="too short between its gaps"):
        fit(log)


def test_two_machines_are_not_compared(known):
    one, other = (replace(known(seconds=300).log(), machine=name) for name in ("iMacPro1,1", "Macmini9,1"))
    with pytest.raises(Refusal, match=r"is of a iMacPro1,1 and .* of a Macmini9,1: two machines"):
        dust_check(one, other)
    new = fit(other)
    old = Record.model_construct(driver="cpu_power_w", sensor="cpu_temp_c", model="iMacPro1,1")
    with pytest.raises(Refusal, match="two machines"):
        since(old, new)
    with pytest.raises(Refusal, match="follows cpu_cores_temp_c"):
        since(old.model_copy(update={"sensor": "cpu_cores_temp_c"}), new)


def test_a_log_is_no_older_fit(known, tmp_path):
    log = written(known().log(), tmp_path / "log.csv")
    status, said = ended("calibrate", log, "--before", log)
    assert status == 2
    assert (
        said
        == f"spacegrey: error: {log}: not a fit: --record F.toml of calibrate writes one; two logs go to dust-check\n"
    )
