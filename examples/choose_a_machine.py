"""
Choose a machine
================

Which machine should someone with $8,000 have bought in June 2018 for renders and cutting? Every configuration that
could be ordered on that day is priced and simulated; the answer has its reasons.
"""

# %%
# Two workloads; the render counts twice. The limits are what the buyer asks.

import datetime as dt

import matplotlib.pyplot as plt

from spacegrey.decide.choose import choose
from spacegrey.decide.gather import Market
from spacegrey.decide.limits import Limits
from spacegrey.decide.reasons import cheaper, reasons, step_up

made = choose(
    {"blender-cpu": 2.0, "final-cut-4k": 1.0},
    Limits(budget=8000.0, max_noise_dba=28.0),
    Market(on=dt.date(2018, 6, 1)),
    among=["imac-pro", "imac-5k-2017", "mac-pro-2013"],
)
answer = made.answer
best = answer.recommendation
print(f"{len(answer.points)} configurations, {made.gathered.distinct} different runs: take {best and best.selector}")
for reason in reasons(answer, "USD"):
    print("-", reason)
print("next step up:", step_up(answer, "USD"))
print("for less:", cheaper(answer) or "no other machine gives most of it")

# %%
# Every configuration with a known price, and the Pareto set over speed, price, noise and energy.

figure, axes = plt.subplots(figsize=(8, 5), layout="constrained")
for name in made.among:
    group = [one for one in answer.points if one.machine_id == name and one.complete]
    axes.scatter([one.price for one in group], [100 * one.speed for one in group], s=16, alpha=0.8, label=name)
front = sorted(answer.front, key=lambda one: one.price)
axes.plot(
    [one.price for one in front], [100 * one.speed for one in front], "o", color="0.2", markersize=9, fillstyle="none"
)
axes.set(xlabel="price (USD)", ylabel="speed (100 is the base iMac Pro)", title="June 2018")
axes.legend(frameon=False)
plt.show()
