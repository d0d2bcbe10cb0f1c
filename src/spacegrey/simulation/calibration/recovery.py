"""``python -m spacegrey.simulation.calibration.recovery``: how well a fit finds the numbers of machines that are known.

A known machine works and rests in the simulation, what a monitoring tool would have shown is written down, with noise
and whole degrees, and a fit that starts from the catalog's sheet must find what was changed.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.logs.log import Log
from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.fit import fit
from spacegrey.simulation.calibration.settings import settings
from spacegrey.simulation.named import value_of, with_values
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.settings import Written

SHEET = "imac-pro"
ROOM_C = 25.0
NOISE_K, POWER_NOISE_W, FAN_NOISE_RPM = 0.3, 0.5, 5.0
ROWS_PER_S = 10
"""A trace has a row each 0.1 s; a tool writes one each second."""
SEEDS = (1, 2)
CHANNELS = ("fan_rpm", "cpu_clock_ghz", "cpu_busy")
MACHINES: dict[str, dict[str, float]] = {
    "limited": {
        "processor.pl1_w": 95.0, "processor.pl2_w": 115.0, "processor.tau_s": 20.0,
    },
    "worn": {
        "cooling.conductances.cpu_sink_air": 6.0, "cooling.conductances.cpu_spreader_sink": 4.46,
        "cooling.conductances.cpu_junction_spreader": 19.29,
    },
    "warm": {
        "microarchitecture.leakage_per_core_w": 2.2, "microarchitecture.core_capacitance_nf": 2.0,
        "microarchitecture.uncore_base_w": 12.0, "cooling.fans.minimum_rpm": 1250.0,
        "cooling.controller.cpu_target_c": 70.0, "cooling.controller.gain_rpm_per_k": 60.0,
        "cooling.controller.filter_s": 20.0,
    },
}  # fmt: skip
"""What is changed on the iMac Pro's sheet. Three resistances change alike: a log of one fan tells only their sum."""
WORK = """
[workload]
name = "Work and rest"
stands_for = "twenty minutes of rendering with pauses"
status = "illustrative"
repeat = 4
assumed = { repeat = "so that some rounds can be held out" }

[[phase]]
name = "rest"
processor = { integer_gop = 0.1, threads = 1 }
pace = { seconds = 100 }
assumed = { processor = "next to nothing", pace = "a pause" }

[[phase]]
name = "work"
processor = { float_gop = 9000, parallel = 1.0 }
assumed = { processor = "some minutes on all cores" }
"""


@dataclass(frozen=True)
class Row:
    """One number that was to be found.

    Attributes
    ----------
    key : str
        Its name in the machine's sheets.
    truth, sheet : float
        Of the known machine, and of the sheet that the fit started from.
    found : tuple of Written
        What the fits to logs with every channel say, one for each seed.
    lost_without : tuple of str
        Channels without which the fit leaves it.
    """

    key: str
    truth: float
    sheet: float
    found: tuple[Written, ...]
    lost_without: tuple[str, ...]


def known_log(known: Machine, seed: int, without: Sequence[str] = ()) -> Log:
    """Return what a monitoring tool would show of a machine at work and at rest, a row each second.

    Temperature, fan and clock are those of the moment, with noise and in whole degrees; power and load are means.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "work-and-rest.toml")
        path.write_text(WORK, encoding="utf-8")
        trace = simulate(workload(str(path)), known).trace
    rows, random = len(trace["time_s"]) // ROWS_PER_S, np.random.default_rng(seed)
    seen = {
        name: trace[name][: rows * ROWS_PER_S].reshape(rows, ROWS_PER_S)
        for name in ("time_s", "cpu_temp_c", "cpu_power_w", "cpu_busy", "cpu_clock_ghz", "fan_rpm")
    }
    columns = {
        "time_s": seen["time_s"][:, -1] - seen["time_s"][0, -1],
        "cpu_temp_c": np.round(seen["cpu_temp_c"][:, -1] + random.normal(0.0, NOISE_K, rows)),
        "cpu_power_w": seen["cpu_power_w"].mean(axis=1) + random.normal(0.0, POWER_NOISE_W, rows),
        "cpu_busy": seen["cpu_busy"].mean(axis=1),
        "cpu_clock_ghz": np.round(seen["cpu_clock_ghz"][:, -1], 2),
        "fan_rpm": np.round(seen["fan_rpm"][:, -1] + random.normal(0.0, FAN_NOISE_RPM, rows)),
    }
    return Log("known.csv", "spacegrey", {name: one for name, one in columns.items() if name not in without})


def full_name(key: str) -> str:
    """Return the name that `named` knows a fitted key by.

    Examples
    --------
    >>> full_name("conductances.cpu_sink_air"), full_name("processor.pl1_w")
    ('cooling.conductances.cpu_sink_air', 'processor.pl1_w')
    """
    return key if key.startswith(("processor.", "microarchitecture.")) else f"cooling.{key}"


def recovered(
    values: Mapping[str, float], seeds: Sequence[int] = SEEDS, channels: Sequence[str] = CHANNELS
) -> list[Row]:
    """Return what fits find of the numbers by which a known machine differs from the sheet.

    Parameters
    ----------
    values : mapping of str to float
        Number of the known machine by name.
    seeds : sequence of int
        Of the noise; one log each.
    channels : sequence of str
        Columns that are left out in turn, to see what they are needed for.
    """
    sheet = machine(SHEET)
    known = with_values(sheet, values)

    def found(seed: int, without: Sequence[str] = ()) -> dict[str, Written]:
        made = settings(fit(known_log(known, seed, without), ambient_c=ROOM_C), sheet)
        return {full_name(one.key): one for one in made}

    full = [found(seed) for seed in seeds]
    lacking = {channel: found(seeds[0], (channel,)) for channel in channels}
    return [
        Row(
            name, _number(known, name), _number(sheet, name),
            tuple(one[name] for one in full if name in one),
            tuple(channel for channel, one in lacking.items() if name not in one or one[name].why),
        )
        for name in values
    ]  # fmt: skip


def _number(what: Machine, name: str) -> float:
    value = value_of(what, name)
    assert isinstance(value, float | int)  # noqa: S101 - all in MACHINES are numbers
    return float(value)


def main() -> None:
    """Print the table."""
    write = sys.stdout.write
    write(f"{'number':42} {'sheet':>7} {'truth':>7} {'found':>7}  {'90 % band':16} needs\n")
    for values in MACHINES.values():
        for row in recovered(values, seeds=SEEDS[:1]):
            one = row.found[0]
            band = one.why or f"{one.low:.4g} to {one.high:.4g}"
            after = "-" if one.why else f"{one.after:.4g}"
            needs = ", ".join(row.lost_without)
            write(f"{row.key:42} {row.sheet:7.4g} {row.truth:7.4g} {after:>7}  {band:16} {needs}".rstrip() + "\n")


if __name__ == "__main__":
    main()
