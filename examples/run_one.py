"""
Run one workload on one machine
===============================

A selector names the machine, a name of the library the work. The run holds the score, the limits, the verdict and the
trace.
"""

import spacegrey

run = spacegrey.run("cinebench-r15", on="imac-pro:18-core+ambient=28C")

print(run.machine.name)
if run.score:
    print(f"{run.score.value:.0f} {run.score.unit} in {run.duration_s:.1f} s, {run.energy_wh:.2f} Wh from the wall")
print(run.verdict)

# %%
# Each quantity has its least, mean, most and last value.

for name in ("cpu_clock_ghz", "cpu_temp_c", "fan_rpm", "wall_power_w"):
    seen = run.summary[name]
    print(f"{name:14} {seen.min:8.1f} {seen.mean:8.1f} {seen.max:8.1f} {seen.end:8.1f}")

# %%
# The trace has a column for each quantity, and a row for each tenth of a second.

hot = run.trace["time_s"][run.trace["cpu_temp_c"].argmax()]
print(f"{len(run.trace)} rows; the processor is hottest after {hot:.1f} s")
