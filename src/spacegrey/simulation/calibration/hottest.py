"""How far above the mean of the cores the package reads: that of the hottest core, which jumps from row to row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spacegrey.simulation.calibration.judge import BAND, band_k

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from spacegrey.simulation.calibration.data import Course


@dataclass(frozen=True)
class Hottest:
    """The package's reading foretold from the mean of the cores.

    Attributes
    ----------
    above_k : float
        How far it is above the mean, at the log's mean power. [K]
    per_w : float
        How much further with each watt: the hottest core's own share of the way out. [K/W]
    rmse_k : float
        Error on the held-out rows. [K]
    foretold_k, coverage : float
        Half of the 90 % band before any held-out row was seen, and the share of them that it held. [K, 1]
    band_k : float
        The same, widened to hold nine of ten held-out readings where it did not. [K]
    """

    above_k: float
    per_w: float
    rmse_k: float
    foretold_k: float
    coverage: float
    band_k: float


def hottest(data: Course, predicted_c: NDArray[np.float64]) -> Hottest:
    """Return how far the package reads above the mean of the cores, and how well it is foretold so.

    Parameters
    ----------
    data : Course
        One that follows the mean of the cores.
    predicted_c : float64, shape (rows,)
        That mean, foretold without the held-out rows. [degC]
    """
    use = ~data.held
    watts = data.power_w - float(np.mean(data.power_w[use]))
    matrix = np.column_stack([np.ones(int(use.sum())), watts[use]])
    apart = (data.package_c - data.temp_c)[use]
    above, per_w = (float(one) for one in np.linalg.lstsq(matrix, apart, rcond=None)[0])
    error = predicted_c + above + per_w * watts - data.package_c
    blocks = [error[use & (data.block == number)] for number in np.unique(data.block[use])]
    half, held = band_k(blocks), np.abs(error[data.held])
    return Hottest(
        above, per_w, float(np.sqrt(np.mean(held**2))), half, float(np.mean(held <= half)),
        max(half, float(np.quantile(held, BAND))),
    )  # fmt: skip
