"""A rated host as a machine's TOML, and back: recorded work is replayed on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tomli_w

from spacegrey.errors import InputError
from spacegrey.parts.memory.laws import reachable_bandwidth_gb_s
from spacegrey.sourced import read_toml
from spacegrey.workload.recording.rating import Rating, memory_limits_gb_s, scale_in_words

if TYPE_CHECKING:
    from pathlib import Path

MEASURED = "measured on this computer by the rating"
PLAIN = "usual for the kind; the rating cannot see it, and replays do not depend on it"
EFFICIENCY = 0.8
"""Share of the memory's peak that streaming reaches; the rating sees only the product. Assumed."""

WATTS_PER_CORE = 5.0
LEAST_W, MOST_W = 15.0, 150.0
"""Package power of all cores, so that the assumed cooler never slows the replay: limits show in the rated clock."""

NOT_SEEN = "; not seen: "


GRAPHICS = {"extends": "uhd-630", "name": "graphics not rated", "assumed": {"name": "those of a plain desktop"}}


def machine_tables(rating: Rating) -> dict[str, Any]:
    """Return a host's own machine, as a TOML file holds it.

    Parameters
    ----------
    rating : Rating
        What was measured.

    Returns
    -------
    dict
        With the option ``processor``, whose choices are the whole processor and fewer cores of it.
    """
    counts = [2**power for power in range(12) if 2**power < rating.cores]
    choices: dict[str, Any] = {"all": {"part": "host"}}
    for count in counts:
        choices[f"{count}-core"] = {"part": "host", "set": _of(rating, count, count)}
    return {
        "machine": {
            "name": f"{rating.host}, as rated",
            "model": rating.host,
            "form": "desktop",
            "status": "illustrative",
            "validated": f"cores, memory and drive rated on {rating.date}"
            + (NOT_SEEN + "; ".join(rating.unseen) if rating.unseen else ""),
            "cooling": "pc-tower-air",
            "supply": "atx-650-gold",
            "ports": {"ethernet_gbit_s": [1], "assumed": {"ethernet_gbit_s": PLAIN}},
        },
        "options": {
            "processor": {
                "default": "all",
                "choices": choices,
                "assumed": {"choices": "the same processor, with fewer cores to use"},
            },
            "memory": {
                "default": "as-found",
                "choices": {"as-found": {"part": "host", "modules": 1, "gib_per_module": _round(rating.memory_gib)}},
                "assumed": {"choices": "told by the system; how it is spread over modules is not"},
            },
            "storage": {
                "default": "as-found",
                "choices": {"as-found": {"part": "host", "tb": _round(rating.disk_tb)}},
                "assumed": {"choices": "told by the system"},
            },
            "graphics": {"default": "not-rated", "choices": {"not-rated": {"part": "host"}}},
        },
        "parts": {
            "processors": {"host": _processor(rating)},
            "microarchitectures": {"host": _core(rating)},
            "memory": {"host": _memory(rating)},
            "storage": {"host": _drive(rating)},
            "graphics": {"host": GRAPHICS},
        },
    }


def _of(rating: Rating, cores: int, threads: int) -> dict[str, Any]:
    bins = [[1, _round(rating.clock_ghz)]]
    if cores > 1:
        bins.append([cores, _round(rating.all_core_ghz)])
    return {"cores": cores, "threads": threads, "turbo_bins": bins}


def _processor(rating: Rating) -> dict[str, Any]:
    watts = min(max(WATTS_PER_CORE * rating.cores, LEAST_W), MOST_W)
    lowest = _round(0.3 * rating.all_core_ghz)
    return {
        "name": rating.processor,
        "microarchitecture": "host",
        "socket": "not seen",
        **_of(rating, rating.cores, rating.threads),
        "base_ghz": _round(0.6 * rating.all_core_ghz),
        "minimum_ghz": lowest,
        "l2_mib_per_core": 1.0,
        "l3_mib": rating.cache_mib,
        "tdp_w": watts,
        "pl1_w": 4.0 * watts,
        "pl2_w": 4.0 * watts,
        "tj_max_c": 100.0,
        "memory_channels": 1,
        "memory_latency_ns": _round(rating.latency_ns),
        "assumed": dict.fromkeys(("cores", "threads", "turbo_bins", "memory_latency_ns", "l3_mib"), MEASURED)
        | dict.fromkeys(("base_ghz", "minimum_ghz", "l2_mib_per_core", "tdp_w", "tj_max_c"), PLAIN)
        | dict.fromkeys(("pl1_w", "pl2_w"), "out of the way: limits of power show in the clock that was rated")
        | {"memory_channels": "one, that is as fast as all of them"},
    }


def _core(rating: Rating) -> dict[str, Any]:
    watts, clock = min(max(WATTS_PER_CORE * rating.cores, LEAST_W), MOST_W), rating.all_core_ghz
    return {
        "name": f"core of {rating.processor}",
        "rate_integer": _round(rating.integer),
        "rate_float": _round(rating.floating),
        "rate_vector": _round(rating.floating),
        "smt_gain": _round(rating.smt_gain),
        "fp64_flops_per_cycle": 16.0,
        "scalar_flops_per_cycle": 2.0,
        "bytes_in_flight": _round(memory_limits_gb_s(rating)[0] * rating.latency_ns),
        "voltage_curve": [[_round(0.3 * clock), 0.7], [_round(0.7 * clock), 0.85], [_round(clock), 1.0]],
        "core_capacitance_nf": _round(0.6 * watts / (rating.cores * clock)),
        "uncore_base_w": _round(0.1 * watts),
        "uncore_per_core_w": 0.0,
        "leakage_per_core_w": _round(0.1 * watts / rating.cores),
        "assumed": dict.fromkeys(("smt_gain", "bytes_in_flight"), MEASURED)
        | dict.fromkeys(("rate_integer", "rate_float"), f"{MEASURED}; the scale: {scale_in_words()}")
        | {"rate_vector": "as rate_float: wide vectors are not rated"}
        | dict.fromkeys(
            ("fp64_flops_per_cycle", "scalar_flops_per_cycle", "voltage_curve", "core_capacitance_nf",
             "uncore_base_w", "uncore_per_core_w", "leakage_per_core_w"), PLAIN,
        ),
    }  # fmt: skip


def _memory(rating: Rating) -> dict[str, Any]:
    return {
        "name": "memory of this computer",
        "kind": "not seen",
        "transfer_mt_s": _round(memory_limits_gb_s(rating)[1] / EFFICIENCY / 8.0 * 1e3),
        "efficiency": EFFICIENCY,
        "ecc": False,
        "idle_w_per_module": 1.0,
        "active_w_per_gb_s": 0.06,
        "assumed": {
            "transfer_mt_s": f"{MEASURED}: what all cores copy together, over the efficiency",
            "efficiency": "usual for streaming; only its product with the peak was measured",
            "idle_w_per_module": PLAIN,
            "active_w_per_gb_s": PLAIN,
        },
    }


def _drive(rating: Rating) -> dict[str, Any]:
    fastest = max(rating.read_gb_s, rating.write_gb_s)
    return {
        "name": "drive of this computer",
        "modules": 1,
        "link_gb_s": _round(4.0 * fastest),
        "read_ceiling_gb_s": _round(rating.read_gb_s),
        "write_ceiling_gb_s": _round(rating.write_gb_s),
        "read_gb_s_per_tb": _round(8.0 * fastest / rating.disk_tb),
        "write_gb_s_per_tb": _round(8.0 * fastest / rating.disk_tb),
        "latency_us": _round(rating.read_latency_us),
        "idle_w": 1.0,
        "active_w": 3.0,
        "assumed": dict.fromkeys(("read_ceiling_gb_s", "write_ceiling_gb_s", "latency_us"), MEASURED)
        | dict.fromkeys(
            ("link_gb_s", "read_gb_s_per_tb", "write_gb_s_per_tb"),
            "out of the way: the rates that were measured are the ceilings",
        )
        | dict.fromkeys(("modules", "idle_w", "active_w"), PLAIN),
    }


def machine_text(rating: Rating) -> str:
    """Return the machine's TOML file."""
    head = (
        f"# {rating.host}, rated by `spacegrey record` on {rating.date}. Cooling, supply and power are those of\n"
        "# a plain desktop and not of this computer: `spacegrey calibrate` fits them to a log.\n\n"
    )
    return head + tomli_w.dumps(machine_tables(rating))


def read_rating(path: Path) -> Rating:
    """Return the rating that a machine's file was made from.

    Raises
    ------
    InputError
        The file is missing or is not one of a rated host.
    """
    document = read_toml(path)
    try:
        head, parts, options = document.data["machine"], document.data["parts"], document.data["options"]
        chip, core = parts["processors"]["host"], parts["microarchitectures"]["host"]
        memory, drive = parts["memory"]["host"], parts["storage"]["host"]
        told, _, unseen = str(head["validated"]).partition(NOT_SEEN)
        latency = float(chip["memory_latency_ns"])
        alone = float(core["bytes_in_flight"]) / latency
        most = float(memory["transfer_mt_s"]) * 8e-3 * float(memory["efficiency"])
        return Rating(
            host=str(head["model"]),
            processor=str(chip["name"]),
            date=told.rpartition(" ")[2],
            cores=int(chip["cores"]),
            threads=int(chip["threads"]),
            clock_ghz=float(chip["turbo_bins"][0][1]),
            all_core_ghz=float(chip["turbo_bins"][-1][1]),
            integer=float(core["rate_integer"]),
            floating=float(core["rate_float"]),
            smt_gain=float(core["smt_gain"]),
            core_gb_s=reachable_bandwidth_gb_s(most, 1.0, 1, alone, 1.0),
            all_gb_s=reachable_bandwidth_gb_s(most, 1.0, int(chip["cores"]), alone, 1.0),
            latency_ns=latency,
            write_gb_s=float(drive["write_ceiling_gb_s"]),
            read_gb_s=float(drive["read_ceiling_gb_s"]),
            read_latency_us=float(drive["latency_us"]),
            memory_gib=float(options["memory"]["choices"]["as-found"]["gib_per_module"]),
            disk_tb=float(options["storage"]["choices"]["as-found"]["tb"]),
            cache_mib=float(chip["l3_mib"]),
            unseen=tuple(unseen.split("; ")) if unseen else (),
        )
    except (KeyError, IndexError, TypeError, ValueError, ZeroDivisionError):
        raise InputError(
            f"{path}: not a rated host: name a file that `spacegrey record` made, or one that is not there yet"
        ) from None


def _round(value: float) -> float:
    """Return six significant digits: more were not measured."""
    return float(f"{value:.6g}")
