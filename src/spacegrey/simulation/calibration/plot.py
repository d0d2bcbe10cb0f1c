"""Fits as pictures: measured and predicted temperature and the minutes that were held out; what two logs lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spacegrey.picture import named, over_time, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spacegrey.simulation.calibration.drift import Drift
    from spacegrey.simulation.calibration.fit import Fit


def overlay(fit: Fit) -> Figure:
    """Return the picture of a fit: temperature above, power below.

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    made, (above, below) = over_time(2)
    data, judged = fit.data, fit.judged
    time = np.cumsum(data.step_s)
    above.plot(time, data.temp_c, color="#555555", linewidth=0.8, label="measured")
    above.plot(time, fit.predicted_c, color="#c2500a", linewidth=1.0, label="from power alone")
    low, high = fit.predicted_c - judged.band_k, fit.predicted_c + judged.band_k
    above.fill_between(
        time, low, high, color="#c2500a", alpha=0.15, linewidth=0, label=f"90 %: ±{judged.band_k:.1f} °C"
    )
    for number in np.unique(data.block[data.held]):
        rows = np.flatnonzero(data.held & (data.block == number))
        for panel in (above, below):
            panel.axvspan(time[rows[0]], time[rows[-1]], color="#0b62a8", alpha=0.08, linewidth=0)
    above.set_ylabel("processor, °C")
    made.suptitle(f"held out (shaded): RMSE {judged.rmse_k:.2f} °C, staying put {judged.persistence_rmse_k:.2f} °C")
    named(above)
    below.plot(time, data.power_w, color="#0b62a8", linewidth=0.8)
    below.set_ylabel(f"{data.driver}, W")
    return made


def change(drift: Drift) -> Figure:
    """Return the picture of a drift: the share of the cooling that is gone and its band, beside no change.

    Raises
    ------
    InputError
        Matplotlib is not installed.
    """
    made, (panel,) = panels(1, height=1.9)
    low, value, high = (100.0 * share for share in (drift.low, drift.lost, drift.high))
    panel.axvline(0.0, color="#555555", linewidth=0.8)
    panel.plot([low, high], [0.0, 0.0], color="#c2500a", linewidth=6.0, alpha=0.3, solid_capstyle="butt")
    panel.plot([value], [0.0], "o", color="#c2500a")
    panel.set_yticks([])
    panel.set_ylim(-1.0, 1.0)
    edge = 1.15 * max(abs(low), abs(high), 10.0)
    panel.set_xlim(-edge, edge)
    panel.set_xlabel(f"cooling that is gone, % (below 0: gained); {drift.before:.3g} to {drift.after:.3g} K/W")
    made.suptitle(drift.words("the older log"), fontsize=9)
    return made
