"""A log that begins hot, shapes that gain by chance, and paste that is told from dust."""

import numpy as np
import pytest

from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.drift import dust_check
from spacegrey.simulation.calibration.fit import Tried, _simplest, fit
from spacegrey.simulation.calibration.recovery import MACHINES, known_log
from spacegrey.simulation.calibration.search import Shape
from spacegrey.simulation.named import with_values

PLAIN, FOLLOWS = Shape(2, rises=False), Shape(3, rises=True)


@pytest.mark.parametrize(
    ("errors", "costs", "chosen"),
    [
        ((0.48, 0.43), (0.170, 0.165), PLAIN),  # near whole degrees, and no better where it was fitted
        ((0.94, 0.58), (0.500, 0.170), FOLLOWS),
        ((2.24, 2.03), (3.600, 3.500), FOLLOWS),  # far from whole degrees: what is left out is what counts
    ],
)
def test_what_follows_the_rise_must_also_fit_better_where_readings_are_the_limit(errors, costs, chosen):
    tried = [Tried(shape, error) for shape, error in zip((PLAIN, FOLLOWS), errors, strict=True)]
    assert _simplest(tried, dict(zip((PLAIN, FOLLOWS), costs, strict=True))) == chosen


def test_a_log_that_begins_hot_and_idles_tells_the_whole_resistance(known):
    made = known(seed=3, seconds=600, r=(0.30, 0.35), c=(15.0, 300.0))
    pattern = [(1, 95), (120, 12), (80, 95), (100, 37), (120, 80), (180, 12)]
    watts = np.repeat([float(watt) for _, watt in pattern], [seconds for seconds, _ in pattern])
    made.power = lambda time: watts[time.astype(int)]
    found = fit(made.log())
    whole = found.number("whole_resistance")
    assert whole.identified
    assert whole.low < 0.65 < whole.high
    assert whole.high - whole.low < 0.15


def test_old_paste_is_told_from_dust(known):
    fresh, dried = (known(seed=seed, seconds=600, r=(r1, 0.35)).log() for seed, r1 in ((1, 0.30), (2, 0.45)))
    drift, _ = dust_check(fresh, dried)
    assert drift.what == "out_of_chip"
    assert drift.low - 0.01 < 1.0 - 0.30 / 0.45 < drift.high + 0.01
    assert drift.words("March").startswith("the way out of the chip lost 3")
    assert drift.words("March").endswith("paste, or how the sink sits, not dust")


@pytest.mark.slow
def test_other_work_is_no_other_paste(known):
    one, other = (
        known(seed=1, seconds=600, r=(0.1, 0.2, 0.3), c=(2.0, 30.0, 500.0)),
        known(seed=2, seconds=600, r=(0.1, 0.2, 0.3), c=(2.0, 30.0, 500.0)),
    )
    other.power = lambda time: np.where((time // 75).astype(int) % 2, 80.0, 20.0) + 10.0 * ((time // 20) % 2)
    drift, _ = dust_check(one.log(), other.log())
    assert drift.what == "whole_resistance"
    assert not drift.shown


def test_dust_on_a_whole_machine_is_no_paste():
    worn = MACHINES["worn"]
    logs = [
        known_log(with_values(machine(wish), worn), 1) for wish in ("imac-pro+fan=max", "imac-pro+fan=max,dust=0.5")
    ]
    drift, _ = dust_check(*logs, ambient_c=25.0)
    assert drift.what == "whole_resistance"
    assert drift.shown
