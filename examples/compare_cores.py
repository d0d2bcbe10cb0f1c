"""
Compare the four processors of the iMac Pro
===========================================

More cores run at a lower clock, and the work as a whole goes faster. How much faster depends on the work: a renderer
uses every core, a compiler run does not.
"""

import matplotlib.pyplot as plt

from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

CORES = (8, 10, 14, 18)
WORK = {"cinebench-r15": "rendering (Cinebench R15)", "xcodebenchmark": "building (XcodeBenchmark)"}

runs = {(name, cores): simulate(workload(name), machine(f"imac-pro:{cores}-core")) for name in WORK for cores in CORES}

for name, title in WORK.items():
    print(title)
    for cores in CORES:
        run = runs[name, cores]
        clock, wall = run.summary["cpu_clock_ghz"].min, run.summary["wall_power_w"].max
        speed = runs[name, 8].duration_s / run.duration_s
        print(f"  {cores:2} cores {run.duration_s:6.1f} s  {speed:.2f}x  {clock:.2f} GHz  {wall:.0f} W at the wall")

# %%
# Speed against cores. The grey line is what twice the cores would give if nothing stood in the way.

figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
axes.plot(CORES, [cores / 8 for cores in CORES], color="0.7", label="as many times as cores")
for name, title in WORK.items():
    speeds = [runs[name, 8].duration_s / runs[name, cores].duration_s for cores in CORES]
    axes.plot(CORES, speeds, marker="o", label=title)
axes.set(xlabel="cores", ylabel="speed over the 8-core", xticks=CORES)
axes.legend(frameon=False)
