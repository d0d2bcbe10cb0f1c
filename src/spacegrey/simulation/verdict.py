"""What a run means, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.run import Limit, Range
    from spacegrey.workload.library import Workload

# What would help against each limit; the names are those of kernel.observe.LIMITS.
REMEDIES = {
    "processor clock: turbo bin": (
        "a processor with more cores or a higher clock would be faster; cooling would not help"
    ),
    "processor power limit": "a higher power limit would be faster, if the cooling carries it",
    "processor temperature": "more cooling (faster fans, a cooler room, less dust) would be faster",
    "memory latency": "a processor with more cache or faster memory would be faster; more cores hardly",
    "memory bandwidth": "more memory channels or faster memory would be faster; more cores would not",
    "graphics clock": "a larger graphics processor would be faster; cooling would not help",
    "graphics power cap": "a graphics option with a higher power cap would be faster",
    "graphics temperature": "more cooling would be faster",
    "graphics memory bandwidth": "graphics with faster memory, or with room for the whole job, would be faster",
    "video engine": "another video engine would be faster; processor and graphics wait for it",
    "storage": "a faster drive would be faster; the rest waits for it",
    "network": "a faster network would be faster; the rest waits for it",
    "memory capacity: paging": "more memory would be much faster: the job does not fit",
}

ONE_THREAD = "a processor with a higher clock would be faster; more cores or cooling would not help"
"""What would help work that runs in one thread at a time against the turbo clock."""


def verdict(
    machine: Machine, workload: Workload, summary: dict[str, Range], limits: tuple[Limit, ...], delivered: float
) -> str:
    """Return two or three sentences: what limits, what would help, how hot and how loud it got."""
    sentences: list[str] = []
    working = [limit for limit in limits if limit.name in REMEDIES]
    if not working:
        sentences.append("Nothing limits this work: the machine waits for it.")
    else:
        top = working[0]
        alone = top.name == "processor clock: turbo bin" and not _spreads(workload)
        remedy = ONE_THREAD if alone else REMEDIES[top.name]
        sentences.append(f"Limited by {_plain(top.name)} in {100 * top.share:.0f} % of the time: {remedy}.")
        rest = [f"{_plain(limit.name)} ({100 * limit.share:.1f} %)" for limit in working[1:4] if limit.share >= 0.001]  # noqa: PLR2004
        if rest:
            sentences.append(f"Then by {', '.join(rest)}.")
    if delivered < 0.9995:  # noqa: PLR2004
        sentences.append(f"It keeps only {100 * delivered:.1f} % of the pace: the rest is dropped.")
    temp, rpm, noise = summary["cpu_temp_c"], summary["fan_rpm"], summary["noise_dba"]
    fans = machine.cooling.fans
    heard = f"The processor reaches {temp.max:.0f} °C"
    if fans.count == 0:
        sentences.append(f"{heard}; there is no fan.")
    elif rpm.max <= fans.minimum_rpm * 1.02 and rpm.max - rpm.min < 1.0:
        sentences.append(f"{heard} and the fans stay at {rpm.max:.0f} rpm ({noise.max:.0f} dBA).")
    else:
        sentences.append(f"{heard}; the fans rise to {rpm.max:.0f} rpm ({noise.max:.0f} dBA).")
    return " ".join(sentences)


def _spreads(workload: Workload) -> bool:
    """Tell whether any phase has work for more threads than one."""
    work = [phase.processor for phase in workload.phases]
    amounts = [name for name in type(work[0]).model_fields if name.endswith(("_gop", "_gflop", "_gb", "chase_g"))]
    return any(one.threads != 1 and one.parallel > 0.0 and any(getattr(one, name) for name in amounts) for one in work)


def _plain(name: str) -> str:
    return {
        "processor clock: turbo bin": "the processor's turbo clock",
        "memory capacity: paging": "memory capacity",
    }.get(name, f"the {name}")
