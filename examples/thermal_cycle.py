"""
Redraw the published thermal cycle of the iMac Pro
==================================================

The review looped Cinebench R15 on the base model. The first two runs held 3.9 GHz. From the third on, the clock dipped
to about 3.6 GHz for one to two seconds when the die reached 94 °C, until it was under 92 °C, about every ten seconds,
and the fans stayed quiet. This script runs that test and draws it with the published lines.
"""

import matplotlib.pyplot as plt
import numpy as np

from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.simulation.validation.comparison import dips
from spacegrey.workload.library import workload

TRIP_C, RELEASE_C, FULL_GHZ, DIP_GHZ = 94, 92, 3.9, 3.6  # published
BUSY = 0.5

run = simulate(workload("cinebench-r15-loop"), machine("imac-pro"))
trace = run.trace
seconds, temperature, fans = trace["time_s"], trace["cpu_temp_c"], trace["fan_rpm"]

seen = dips(run)
print(f"{len(seen)} dips, hottest {run.peak_cpu_temp_c:.1f} °C")
print(f"fans at most {run.summary['fan_rpm'].max:.0f} rpm")
if seen:
    lasts = np.median([dip.end_s - dip.start_s for dip in seen])
    print(f"first dip after {seen[0].start_s:.0f} s; a dip lasts {lasts:.1f} s (median)")

# %%
# The whole test. Between two runs the processor idles at its single-core clock: these pauses are left out of the clock.

clock = np.where(trace["cpu_busy"] > BUSY, trace["cpu_clock_ghz"], np.nan)


def draw(rows: slice | np.ndarray, height: float) -> None:
    """Draw clock, temperature and fans of some rows, with the published values dashed."""
    figure, axes = plt.subplots(3, 1, figsize=(8, height), sharex=True, layout="constrained")
    series = ((clock, "clock in GHz"), (temperature, "processor in °C"), (fans, "fans in rpm"))
    published = ((FULL_GHZ, DIP_GHZ), (TRIP_C, RELEASE_C), ())
    for axis, (values, label), lines in zip(axes, series, published, strict=True):
        axis.plot(seconds[rows], values[rows], linewidth=0.9)
        axis.set_ylabel(label)
        for line in lines:
            axis.axhline(line, color="0.5", linestyle="--", linewidth=0.8)
    axes[0].set_ylim(3.4, 4.1)
    axes[2].set_ylim(1000, 2600)
    axes[2].set_xlabel("seconds")
    figure.suptitle("Cinebench R15 looped on the iMac Pro; dashed: published")


draw(slice(None), height=6.5)

# %%
# Forty seconds of it, near the end.

draw((seconds > run.duration_s - 60) & (seconds < run.duration_s - 20), height=5)
