"""A recording as a workload's TOML: what ran, on which host, how sure it is, and what could not be seen."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

import tomli_w

if TYPE_CHECKING:
    from spacegrey.workload.recording.estimate import Demand
    from spacegrey.workload.recording.rating import Rating
    from spacegrey.workload.recording.sampling import Samples

FROM = "recorded: see [workload.recorded]"
LITTLE_S = 0.02
"""Waiting that is shorter is not worth a phase. [s]"""

FEW_LOOKS, ENOUGH_LOOKS = 20, 50
MUCH = 0.5
"""Cores that others kept busy, from which on what was put right is large."""

STOLEN = 0.02
"""Cores that a virtual machine lost to its neighbours, from which on that is worth a word."""

MEMORY_SHARE = 0.1
"""Of a recording's time that memory has to matter before that is worth a word."""

MOVED = 1.4
"""Times what the memory was rated at that a job was seen to move, from which on the rating is of another moment."""

CLASSES = {
    "met": "its class by the instructions at which its threads were met",
    "given": "its class was given",
    "assumed": "its class was not seen",
}

LONGEST_COMMAND = 200

Confidence = Literal["high", "medium", "low"]


def confidence(samples: Samples, found: list[Demand], cores: int) -> tuple[Confidence, list[str]]:
    """Return how sure a recording is, and what speaks against it; ``cores`` are those of the host."""
    doubts: list[str] = []
    looks = len(samples.columns["time_s"])
    others = sum(one.stretch.others * one.stretch.seen_s for one in found) / max(samples.duration_s, 1e-9)
    if looks < ENOUGH_LOOKS:
        doubts.append(f"only {looks} looks: record a longer run of it")
    if others > MUCH:
        busy = min(others, cores)
        doubts.append(f"other programs kept {busy:.1f} cores busy; their share was taken out by calculation")
    stolen = sum(one.stretch.stolen * one.stretch.seen_s for one in found) / max(samples.duration_s, 1e-9)
    if stolen > STOLEN:
        doubts.append(
            f"other virtual machines took {stolen:.2f} cores from this one; memory and caches they share with it unseen"
        )
    limited = [one for one in found if one.memory == "limits"]
    limited_s = sum(one.stretch.busy_s for one in limited)
    if limited_s > MEMORY_SHARE * samples.duration_s and cores > samples.cores:
        doubts.append(
            f"memory holds up {limited_s:.1f} s of it; what more cores bring was rated by copying, and reading alone "
            "may gain more"
        )
    moved_gb, rated_gb = sum(one.stretch.traffic_gb for one in limited), sum(one.stream_gb for one in limited)
    if limited_s > MEMORY_SHARE * samples.duration_s and moved_gb > MOVED * rated_gb:
        doubts.append(
            f"it was seen to move {moved_gb:.0f} GB where the memory was rated at {rated_gb:.0f} GB: that was a slower "
            "moment; remove the file of the rating to rate this computer again"
        )
    scattered_s = sum(one.stretch.busy_s for one in found if one.memory == "scattered")
    if scattered_s > MEMORY_SHARE * samples.duration_s:
        doubts.append(
            f"for {scattered_s:.1f} s it touches more pages than memory could move: it reads here and there, and that "
            "is kept as work of the core"
        )
    if samples.interrupted:
        doubts.append("ended before the job did")
    if looks < FEW_LOOKS:
        return "low", doubts
    return "high" if not doubts else "medium", doubts


def unseen(samples: Samples, found: list[Demand]) -> list[str]:
    """Return what of the job could not be seen, in words."""
    words = list(samples.unseen)
    if any(one.by == "assumed" for one in found):
        words.insert(0, "the mix of instructions: the work is taken to be of integers, unless --class says otherwise")
    if any(one.stretch.gpu_busy > 0.02 for one in found):  # noqa: PLR2004 - the desktop itself
        words.append("the size of the graphics' work: the card was busy, and that is kept as waiting")
    return words


def workload_text(samples: Samples, found: list[Demand], rating: Rating, name: str, today: str) -> str:
    """Return the workload's TOML file.

    Parameters
    ----------
    samples : Samples
        The recording.
    found : list of Demand
        What its phases ask for.
    rating : Rating
        The host.
    name : str
        What tables are to print.
    today : str
        Day of the recording.
    """
    sure, doubts = confidence(samples, found, rating.cores)
    recorded: dict[str, Any] = {
        "command": _plain(samples.command),
        "host": rating.host,
        "processor": rating.processor,
        "cores": samples.cores,
        "date": today,
        "duration_s": _round(samples.duration_s),
        "alone_s": _round(sum(one.stretch.alone_s for one in found)),
        "processor_s": _round(max(float(samples.columns["cpu_s"][-1]), sum(one.stretch.cpu_s for one in found))),
        "confidence": sure,
        "doubts": doubts,
        "unseen": unseen(samples, found),
        "assumed": {
            **dict.fromkeys(("cores", "duration_s", "processor_s"), "measured while it ran"),
            "alone_s": "duration_s less the time that other programs took from it"},
    }  # fmt: skip
    if samples.status is not None:
        recorded["exit_status"] = samples.status
        recorded["assumed"]["exit_status"] = "measured while it ran"
    tables: dict[str, Any] = {
        "workload": {
            "name": _plain(name),
            "stands_for": f"one run of a real job, recorded on {rating.host} on {today}",
            "status": "illustrative",
            "recorded": recorded,
            "score": {
                "unit": "s", "kind": "time", "better": "lower", "constant": 1.0,
                "assumed": {"constant": "seconds as they are"},
            },
        },
        "phase": [table for number, one in enumerate(found, 1) for table in _phases(one, number)],
    }  # fmt: skip
    return tomli_w.dumps(tables)


def _phases(one: Demand, number: int) -> list[dict[str, Any]]:
    stretch = one.stretch
    made: list[dict[str, Any]] = []
    if one.gop > 0.0 or one.read_gb + one.write_gb > 0.0:
        phase: dict[str, Any] = {"name": f"phase-{number}", "memory_gib": _round(stretch.memory_gib)}
        if one.gop > 0.0:
            phase["processor"] = {
                f"{one.kind}_gop": _round(one.gop),
                "threads": stretch.threads,
                "parallel": _round(stretch.parallel),
            }
            if one.stream_gb > 0.0:
                phase["processor"]["stream_gb"] = _round(one.stream_gb)
        if one.read_gb + one.write_gb > 0.0:
            phase["storage"] = {"read_gb": _round(one.read_gb), "write_gb": _round(one.write_gb)}
            phase["serial"] = _round(one.serial_order)
        phase["assumed"] = dict.fromkeys((key for key in phase if key != "name"), FROM)
        if "processor" in phase:
            phase["assumed"]["processor"] = f"{FROM}; {CLASSES[one.by]}; {_of_memory(one)}"
        if "storage" in phase:
            phase["assumed"]["storage"] = (
                f"{FROM}; {stretch.read_gb:.3g} GB were read and {stretch.write_gb:.3g} GB written: stated is what the "
                "job waited for at the drive's rated speed"
            )
        made.append(phase)
    if one.wait_s >= LITTLE_S or not made:
        made.append({
            "name": f"phase-{number}-waits",
            "memory_gib": _round(stretch.memory_gib),
            "pace": {"seconds": max(_round(one.wait_s), 1e-3), "drop": False},
            "assumed": {"memory_gib": FROM, "pace": f"{FROM}: nothing ran and no drive was waited for"},
        })  # fmt: skip
    return made


def _of_memory(one: Demand) -> str:
    """Return in words what was seen of a phase's memory traffic, and what is made of it."""
    stretch = one.stretch
    if one.memory == "unseen":
        return "its memory traffic was not seen"
    by = f"touched pages, {1e3 * stretch.watched_s:.3g} ms of it" if stretch.watched_s > 0.0 else "cache misses"
    rate = f"{stretch.traffic_gb / stretch.cpu_s:.3g} GB for each second of a core ({by})"
    made = {
        "free": "less than the memory carries",
        "limits": "so the memory holds it up, and stated is what the memory was rated at",
        "scattered": "more than the memory carries: scattered reads, left out",
    }
    return f"{rate}, {made[one.memory]}"


def _plain(text: str) -> str:
    """Return a text that is safe to print: a command may hold anything."""
    plain = re.sub(r"\s+", " ", "".join(sign if sign.isprintable() else " " for sign in text)).strip()
    return plain if len(plain) <= LONGEST_COMMAND else f"{plain[: LONGEST_COMMAND - 1]}…"


def _round(value: float) -> float:
    """Return four significant digits: samples give no more."""
    return float(f"{value:.4g}") if math.isfinite(value) else 0.0
