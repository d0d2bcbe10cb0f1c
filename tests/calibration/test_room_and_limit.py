"""A room that is known, air that other parts warm, a processor that throttles: the numbers stay true."""

import numpy as np
import pytest

from spacegrey.logs.log import Log
from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.bands import flat
from spacegrey.simulation.calibration.drift import dust_check, since
from spacegrey.simulation.calibration.file import read_record, settings, write_record
from spacegrey.simulation.calibration.fit import fit
from spacegrey.simulation.calibration.recovery import SHEET, known_log

ROOM_C, LIMIT_C = 24.0, 100.0
R, C = (0.35, 0.35), (15.0, 350.0)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_room_that_is_known_makes_no_fit_worse(known, seed):
    log = known(seed=seed, seconds=1200).log()
    # other parts warm the air by 6 K, whatever the processor does
    log.columns["cpu_temp_c"] = log["cpu_temp_c"] + 6.0
    left, given = fit(log), fit(log, ambient_c=ROOM_C)
    assert given.shape.warmed
    assert given.judged.rmse_k < 1.1 * left.judged.rmse_k
    above = given.number("air_above")
    assert above.low < 6.0 < above.high
    assert given.number("whole_resistance").value == pytest.approx(0.60, rel=0.03)
    assert given.number("room").value == ROOM_C


def test_without_warm_air_the_room_is_used_as_it_is(known):
    given, left = (fit(known(seconds=900).log(), ambient_c=room) for room in (ROOM_C, None))
    assert not given.shape.warmed
    wide, narrow = (one.number("whole_resistance") for one in (left, given))
    assert narrow.low < 0.60 < narrow.high
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)


def test_a_whole_machine_with_other_parts_is_foretold_as_well_with_its_room():
    # the graphics, the memory and the board of a simulated iMac Pro warm the air that its processor is cooled by
    truth = machine(SHEET)
    log = known_log(truth, 1)
    given, left = (fit(log, ambient_c=room) for room in (truth.ambient_c, None))
    assert given.judged.rmse_k < 1.1 * left.judged.rmse_k
    made = {one.key: one for one in settings(given, machine(SHEET))}["conductances.cpu_sink_air"]
    sheet = truth.cooling.conductances.cpu_sink_air
    assert made.after == pytest.approx(sheet, rel=0.05)
    assert made.low < sheet < made.high


def test_fits_over_the_room_and_over_warmer_air_are_not_compared(known, tmp_path):
    import datetime as dt

    from spacegrey.errors import Refusal

    log = known(seconds=900).log()
    over_room = fit(log, ambient_c=ROOM_C)
    write_record(over_room, tmp_path / "old.toml", made=dt.date(2026, 3, 1))
    kept = read_record(tmp_path / "old.toml")
    assert not since(kept, over_room).shown
    with pytest.raises(Refusal, match="the older fit goes by the room's air, this one by the air that"):
        since(kept, fit(log))


def throttled(seed, *, clipped):
    """Return the log of a processor that its control holds at a limit, stepping its clock ten times a second."""
    random, steps = np.random.default_rng(seed), 10
    pattern = [(40, 12), (300, 150), (30, 12), (400, 140), (30, 20)]
    ends, watts = np.cumsum([length for length, _ in pattern]), [watt for _, watt in pattern]
    chip, sink, clock = sum(R) * 12.0, R[1] * 12.0, 1.0
    shown, drawn = np.empty(1200), np.empty(1200)
    for row in range(1200):
        want, done = watts[int(np.searchsorted(ends, row % ends[-1], side="right"))], 0.0
        for _ in range(steps):
            clock = max(0.95 * clock, 0.1) if chip + ROOM_C >= LIMIT_C else min(1.01 * clock, 1.0)
            flow = (chip - sink) / R[0]
            chip += (want * clock - flow) / C[0] / steps
            sink += (flow - sink / R[1]) / C[1] / steps
            done += want * clock / steps
        shown[row], drawn[row] = ROOM_C + chip + random.normal(0.0, 0.2), done + random.normal(0.0, 0.5)
    top = LIMIT_C if clipped else np.inf
    columns = {"cpu_temp_c": np.round(np.minimum(shown, top)), "cpu_power_w": drawn}
    return Log("throttled.csv", "spacegrey", {"time_s": np.arange(1200.0), **columns})


@pytest.mark.parametrize(("seed", "clipped"), [(1, False), (3, False), (3, True)])
def test_a_processor_that_throttles_tells_its_resistance_by_its_power(seed, clipped):
    log = throttled(seed, clipped=clipped)
    assert np.mean(np.abs(log["cpu_temp_c"] - LIMIT_C) <= 1.0) > 0.6
    found = fit(log)
    whole = found.number("whole_resistance")
    assert whole.identified
    assert whole.value == pytest.approx(sum(R), rel=0.03)
    # the rounding of a reading that stands still is not averaged out: the band must hold it
    assert whole.low < sum(R) < whole.high
    assert found.number("sink_capacity").value == pytest.approx(C[1], rel=0.05)
    assert found.judged.rmse_k < 0.5


def test_readings_that_move_share_no_rounding(known):
    assert not flat(known().log()["cpu_temp_c"])[0].any()
    rows, common_k = flat(throttled(1, clipped=True)["cpu_temp_c"])
    assert rows.mean() > 0.6
    assert common_k == pytest.approx(1.0 / np.sqrt(12.0))


@pytest.mark.slow
def test_a_loss_is_seen_also_where_the_rooms_are_not_known(known):
    from tests.calibration.test_drift import DUSTY, LOST, spells

    shown = 0
    for seed in (1, 3, 5, 7):
        logs = []
        for number, sink in enumerate((0.35, DUSTY)):
            log = known(r=(0.25, sink), seed=seed + 50 * number, seconds=900, room_c=ROOM_C + number).log()
            log.columns["cpu_temp_c"] = np.round(log["cpu_temp_c"] + spells(len(log), seed + 50 * number))
            logs.append(log)
        drift, _ = dust_check(*logs)
        assert drift.low <= LOST <= drift.high
        shown += drift.shown
    assert shown >= 3
