"""What a machine's cooling lost: the band holds it, and what the fan or the room did is not taken for it."""

import numpy as np
import pytest
from scipy.signal import lfilter

from spacegrey.simulation.calibration.drift import Drift, dust_check

DUSTY = 0.35 / 0.80
LOST = 1.0 - 0.60 / (0.25 + DUSTY)
PAIRS = 8


def spells(rows, seed):
    random, stays = np.random.default_rng(900 + seed), np.exp(-1.0 / 20.0)
    pushed = random.normal(0.0, 1.2 * np.sqrt(1.0 - stays**2), rows)
    return lfilter([1.0], [1.0, -stays], pushed)


@pytest.mark.slow
def test_the_band_of_a_loss_holds_it(known):
    held, shown = 0, 0
    for seed in range(PAIRS):
        logs = []
        for number, sink in enumerate((0.35, DUSTY)):
            log = known(r=(0.25, sink), seed=seed + 50 * number, seconds=900, room_c=24.0).log()
            log.columns["cpu_temp_c"] = np.round(log["cpu_temp_c"] + spells(len(log), seed + 50 * number))
            logs.append(log)
        drift, _ = dust_check(*logs, ambient_c=24.0)
        held += drift.low <= LOST <= drift.high
        shown += drift.shown
    # of 8 draws at 0.90 six or more with probability 0.96
    assert held >= 6
    assert shown >= 6


@pytest.mark.parametrize(
    ("drift", "words"),
    [
        (Drift("x", 0.6, 0.7, 0.143, 0.11, 0.18), "your cooling lost 14 % since March (90 % band: 11 to 18 %)"),
        (Drift("x", 0.7, 0.6, -0.17, -0.21, -0.12), "your cooling gained 17 % since March (90 % band: 12 to 21 %)"),
        (Drift("x", 0.6, 0.61, 0.016, -0.02, 0.05),
         "no change of your cooling since March that the logs can show: between -5 and +2 % (90 % band)"),
    ],
)  # fmt: skip
def test_a_loss_is_said_in_words(drift, words):
    assert drift.words("March") == words


def test_a_drift_draws_its_band_beside_no_change():
    pytest.importorskip("matplotlib")
    picture = Drift("whole_resistance", 0.6, 0.7, 0.143, 0.11, 0.18).plot()
    (panel,) = picture.axes
    still, band, value = panel.lines
    assert list(still.get_xdata()) == [0.0, 0.0]
    assert list(band.get_xdata()) == pytest.approx([11.0, 18.0])
    assert list(value.get_xdata()) == pytest.approx([14.3])
    left, right = panel.get_xlim()
    assert left < 0.0
    assert right > 18.0
    assert "lost 14 %" in picture.get_suptitle()
    assert "0.6 to 0.7 K/W" in panel.get_xlabel()


def test_a_drift_shows_itself_in_a_notebook():
    shown = Drift("whole_resistance", 0.6, 0.7, 0.143, 0.11, 0.18)._repr_html_()
    assert "your cooling lost 14 % since the older log (90 % band: 11 to 18 %)" in shown
    assert "0.6 K/W before, 0.7 K/W after" in shown
