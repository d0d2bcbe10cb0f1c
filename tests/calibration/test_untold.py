"""What a log alone cannot tell is said, with a band that holds: a room, readings that jump, few stretches."""

from dataclasses import replace

import numpy as np
import pytest

from spacegrey.logs.log import Log
from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.drift import _room_instead, dust_check
from spacegrey.simulation.calibration.fit import fit
from spacegrey.simulation.calibration.judge import band_k
from spacegrey.simulation.calibration.search import Searched, Shape
from spacegrey.simulation.calibration.settings import UNTOLD, settings


@pytest.fixture(scope="module")
def moving():
    """Return a log of a machine whose fan moves and whose other parts warm the air by less the faster it goes."""
    time = np.arange(0.0, 900.0)
    random = np.random.default_rng(5)
    power = np.where((time // 90) % 2 == 0, 15.0, 95.0) + random.normal(0.0, 0.5, len(time))
    fan = 0.5 + 0.5 * ((time // 130) % 2)
    sink = 24.0 + 4.0 / fan
    temp = np.empty(len(time))
    for row, watts in enumerate(power):
        resistance = 0.2 * fan[row] ** -0.7
        settled = 24.0 + 4.0 / fan[row] + resistance * watts
        before = sink[row - 1] if row else settled
        sink[row] = settled + (before - settled) * np.exp(-1.0 / (resistance * 200.0))
        temp[row] = sink[row] + 0.2 * watts
    columns = {"time_s": time, "cpu_temp_c": np.round(temp), "cpu_power_w": power, "fan_rpm": 2400.0 * fan}
    return Log("moving.csv", "spacegrey", columns)


def test_a_sink_gets_a_band_that_holds_where_nobody_told_the_room_and_the_fan_moves(moving):
    left, told = fit(moving), fit(moving, ambient_c=24.0)
    assert left.number("whole_resistance").high < 0.4, "the air that others warm is taken for a better sink"
    assert "--ambient" in left.cautions[0]
    assert told.cautions == ()
    assert "--ambient" in left._repr_html_()
    assert "beware" not in told._repr_html_()
    sheet = machine("imac-pro")
    made = {one.key: one for one in settings(left, sheet)}["conductances.cpu_sink_air"]
    true = {one.key: one for one in settings(told, sheet)}["conductances.cpu_sink_air"]
    assert made.low < true.after < made.high
    assert made.low < made.after / UNTOLD * 1.01
    assert true.low > true.after / 1.3, "with the room the band is its own"


def test_a_fan_that_stands_still_needs_no_room(known):
    assert fit(known(seconds=600).log()).cautions == ()


def test_a_reading_that_jumps_in_a_fast_log_is_not_told_to_be_logged_faster(known):
    log = known(seconds=180, period_s=0.1, quantum_k=0.0, noise_k=0.0).log()
    log.columns["cpu_temp_c"] = np.round(log["cpu_temp_c"] + np.random.default_rng(7).normal(0.0, 5.0, len(log)))
    found = fit(log, ambient_c=24.0)
    assert found.judged.rmse_k > 2.5
    said = "; ".join(found.missing)
    assert "a steadier reading" in said
    assert "faster rows" not in said


def test_of_few_stretches_one_row_of_hundreds_is_not_the_band():
    random = np.random.default_rng(2)
    stretches = [random.normal(0.0, 2.0, 400) for _ in range(3)]
    stretches[1][17] = 25.0
    assert 3.3 < band_k(stretches) < 8.0
    assert band_k(stretches[1:2]) == 25.0  # of one stretch nothing tells what the next does
    assert band_k([one[:9] for one in stretches]) >= max(float(np.abs(one[:9]).max()) for one in stretches)


def test_a_room_that_would_look_like_dust_is_told():
    # a kelvin of the room is worth 0.05 of the loss
    covariance = np.array([[0.04, -0.8], [-0.8, 16.0]])
    values = {"loss": 0.3, "later_room": 1.0}
    found = Searched(Shape(1, rises=False), ("loss", "later_room"), values, 1.0, covariance)
    assert _room_instead(found) == pytest.approx(1.0 + 0.3 / 0.05)
    assert _room_instead(replace(found, names=("loss", "c1"))) is None
    assert _room_instead(replace(found, values={"loss": 2.0, "later_room": 0.0})) is None  # 40 K: no room is


def test_dust_check_tells_it_where_no_room_is_known(known):
    clean, dusty = (known(r=(0.25, sink), seconds=600, seed=seed).log() for sink, seed in ((0.35, 1), (0.45, 2)))
    left, _ = dust_check(clean, dusty)
    told, _ = dust_check(clean, dusty, ambient_c=24.0)
    assert left.room_k is None or left.room_k > 0.0
    assert told.room_k is None
