"""
The front of every iMac Pro
===========================

All 144 configurations of the iMac Pro under five kinds of work: 720 runs, in a second. A configuration is on the front
if no other is both faster and quieter.
"""

# %%
# A sweep's file says what to run; `spacegrey sweep` would write the rows into a folder. Here they stay in memory.

from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np

from spacegrey.simulation.sweep.file import read_sweep
from spacegrey.simulation.sweep.plan import plan
from spacegrey.simulation.sweep.rows import run_chunk

ASKED = """
title = "All iMac Pro configurations under five workloads"
machines = ["imac-pro:*"]
workloads = ["cinebench-r23", "xcode-eidolon", "final-cut-4k", "blender-gpu", "disk-sequential"]
"""

with TemporaryDirectory() as folder:
    file = Path(folder) / "imac-pros.toml"
    file.write_text(ASKED, encoding="utf-8")
    asked = plan(read_sweep(file))
rows = run_chunk(asked, 0, asked.rows).to_pandas()
print(f"{len(rows)} runs of {rows['machine'].nunique()} machines")

# %%
# Many configurations lie on one point: the work does not always care. Rings mark the front, the noise is the loudest of
# the run.

figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
processors = ["8-core", "10-core", "14-core", "18-core"]
for axis, (name, group) in zip(axes.flat, rows.groupby("workload"), strict=False):
    for processor in processors:
        chosen = group[group["processor"] == processor]
        axis.scatter(chosen["duration_s"], chosen["noise_dba_max"], s=18, label=processor, alpha=0.8)
    ordered = group.sort_values(["duration_s", "noise_dba_max"])
    quietest_so_far = ordered["noise_dba_max"].cummin()
    best = ordered[ordered["noise_dba_max"] < np.r_[np.inf, quietest_so_far[:-1]] - 1e-9]
    axis.plot(best["duration_s"], best["noise_dba_max"], "o-", color="0.3", markersize=9, fillstyle="none", linewidth=1)
    axis.set(title=name, xlabel="duration (s)", ylabel="noise (dBA)")
    machine = best.iloc[0]
    print(f"{name}: {len(best)} on the front, the fastest {machine['machine']} in {machine['duration_s']:.1f} s")
handles, labels = axes.flat[0].get_legend_handles_labels()
axes.flat[5].axis("off")
axes.flat[5].legend(handles, labels, loc="center", title="processor", frameon=False)
plt.show()
