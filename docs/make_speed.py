"""Write tables of docs/speed.md, disk.md and record.md from benchmarks/results; with ``--check`` only compare."""

# ruff: noqa: INP001, PLR2004 - a script, not a package; how many digits a number gets is decided by its size

from __future__ import annotations

import json
import sys
from typing import Any

from pages import ROOT, fill, finish, table

RESULTS = ROOT / "benchmarks" / "results"
NAMES = {"half-hour": "half an hour", "blink": "one second"}

MISSED = {True: ", missed", False: ""}

Results = dict[str, Any]


def main() -> int:
    """Write the page, or only tell whether it is as it would be written."""
    one, many, cluster, buying, starting = (
        json.loads((RESULTS / name).read_text(encoding="utf-8"))
        for name in ("single-machine.json", "batch.json", "cluster.json", "decide.json", "starting.json")
    )
    regions = {
        "headline": _headline(one, many),
        "machine": _machine(one),
        "waiting": table(["waiting time", "s"], [[name, f"{s:.2f}"] for name, s in one["start_s"].items()], "b"),
        "machine made on": f"{_made_on(one)}; load average {one['load_before'][0]} before it began.",
        "batch": _batch(many),
        "sizes": _sizes(many),
        "batch costs": _costs(many),
        "batch made on": _batch_made_on(many),
        "cluster": _cluster(cluster),
        "decide": _decide(buying),
        "decide made on": _decide_made_on(buying),
        "starting": _starting(starting),
        "starting made on": _starting_made_on(starting),
        "cluster made on": f"{_made_on(cluster)}; load average {cluster['load_before']:.2f} before it began.",
    }
    disk = json.loads((RESULTS / "disk.json").read_text(encoding="utf-8"))
    on_disk = {"speed": _disk(disk), "ratios": _disk_ratios(disk), "speed made on": _disk_made_on(disk)}
    recording = json.loads((RESULTS / "recording.json").read_text(encoding="utf-8"))
    pages = {
        "speed.md": fill("speed.md", regions),
        "disk.md": fill("disk.md", on_disk),
        "record.md": fill("record.md", {"class of work": _classes(recording)}),
    }
    return finish(pages, check="--check" in sys.argv)


def _headline(one: Results, many: Results) -> str:
    speeds = {row["what"]: row["simulated_s_per_s"] for row in one["rows"]}
    kernel = speeds["spacegrey, trace on"]
    size = next(size for size in many["sizes"] if size["workload"] == "half-hour" and size["machines"] == 10_000)
    by_numpy = kernel / speeds["numpy loop, dense inverse"]
    return (
        f"A machine under load advances {_two_digits(kernel)} simulated seconds in a second on one core, with the "
        f"trace recorded: {by_numpy:.0f} times as fast as the same model in a numpy loop. Ten thousand machines, half "
        f"an hour each, take {size['seconds']:.0f} s on {many['cores']} cores."
    )


def _machine(one: Results) -> str:
    head = ["one machine, one core", "simulated s per s", "ns per 10 ms step", "time relative to C", "agrees to"]
    rows: list[list[str]] = []
    for row in one["rows"]:
        same = "same" if row["what"] == "spacegrey, trace off" else "itself"
        agrees = f"{row['agrees_to']:.0e}" if row["agrees_to"] else same
        speed, ns = _three_digits(row["simulated_s_per_s"]), _three_digits(row["ns_per_tick"])
        rows.append([row["what"], speed, ns, _ratio(row["time_relative_to_c"]), agrees])
    return table(head, rows, "bcde")


def _batch(many: Results) -> str:
    rows, peak = many["rows"], many["peak_flop_per_s_and_core"]
    plain = {
        row["cores"]: row["machine_s_per_s"]
        for row in rows
        if row["what"].startswith("C++") and "fast" not in row["what"]
    }
    head = [
        "a batch",
        "cores",
        "machine-s per s",
        "core-ns per machine-step",
        "time relative to C++",
        "share of peak",
        "agrees to",
    ]
    lines: list[list[str]] = []
    for row in rows:
        share = many["flop_per_step"] / row["core_ns_per_step"] * 1e9 / peak if peak else None
        counted = share is not None and row["what"].startswith(("spacegrey", "C++"))
        lines.append([
            row["what"], str(row["cores"]),
            _three_digits(row["machine_s_per_s"]), _three_digits(row["core_ns_per_step"]),
            _ratio(plain[row["cores"]] / row["machine_s_per_s"]) if plain else "", f"{share:.0%}" if counted else "",
            f"{row['agrees_to']:.0e}" if row["agrees_to"] else "itself",
        ])  # fmt: skip
    return table(head, lines, "bcdefg")


def _sizes(many: Results) -> str:
    million = many["million"]
    rows = [
        [
            NAMES[size["workload"]],
            f"{size['machines']:,}",
            _seconds(size["seconds"]),
            _three_digits(size["machine_s_per_s"]),
        ]
        for size in many["sizes"]
    ]
    rows.append(
        [
            "one second",
            "1,000,000",
            _seconds(million["seconds"]),
            _three_digits(million["simulated_s"] / million["seconds"]),
        ]
    )
    return table(["each machine's work", "machines in one call", "s", "machine-s per s"], rows, "bcd")


def _costs(many: Results) -> str:
    million, first = many["million"], many["first"]
    rows = [
        ["Python around the kernel, for a machine in a room of its own", f"{many['python_us_per_machine']:.0f} µs"],
        *(
            [f"a run of a sweep of one second each, all of it, where {what} varies", f"{taken:.0f} µs"]
            for what, taken in many["sweep_us_per_row"].items()
        ),
        ["memory for a machine beyond its results, a million in one call", f"{million['beyond_bytes']:,.0f} B"],
        ["the results themselves", f"{million['result_bytes']:,.0f} B"],
        ["`import spacegrey.simulation.batch`", f"{first['import_s']:.2f} s"],
        ["first batch of a process, kernels on disk", f"{first['first_batch_cached_s']:.2f} s"],
        ["first batch ever: compile the kernels", f"{first['first_batch_compiled_s']:.2f} s"],
    ]
    return table(["what it costs besides", ""], rows, "b")


def _cluster(found: Results) -> str:
    each = found["machines"] * found["simulated_s_each"]
    ways = (
        (f"`spacegrey sweep` on {found['workers']} threads", found["local_s"]),
        (f"the same on {found['workers']} workers of one thread, `--cluster`", found["cluster_s"]),
    )
    rows = [
        [what, f"{min(turns):.1f}", f"{max(turns):.1f}", _three_digits(each / min(turns)),
         f"{min(found['local_s']) / min(turns):.2f}"]
        for what, turns in ways
    ]  # fmt: skip
    return table(["a sweep", "s, best", "s, worst", "machine-s per s", "efficiency"], rows, "bcde")


def _decide(found: Results) -> str:
    rows = [
        [what, f"{min(one['wall_s']):.2f}", f"{max(one['wall_s']):.2f}", f"{min(one['processor_s']):.2f}"]
        for what, one in found["waiting"].items()
    ]
    return table(["a question", "s, best", "s, worst", "processor s, best"], rows, "bcd")


def _decide_made_on(found: Results) -> str:
    one = found["shared"]
    times = one["alone_processor_s"] / one["shared_processor_s"]
    agrees = f"to {one['agrees_to']:.0e}" if one["agrees_to"] else "to the last bit"
    ten = (
        f"The ten are {', '.join(found['machines'])}; the workloads {', '.join(found['workloads'])}. Of their "
        f"{one['configurations']:,} configurations {one['jobs']:,} runs are asked, {one['distinct']:,} simulated, "
        f"the others are the same physics: {one['shared_processor_s']:.1f} s of processor time, where each on its own "
        f"takes {one['alone_processor_s']:.1f} s, {times:.1f} times as much, and its energy agrees {agrees}. "
        f"A bill takes {found['quote_us']:.0f} µs."
    )
    said = [
        ten,
        f"{_made_on(found)}; load average {found['load_before']:.2f} before it began.",
    ]
    if found["disturbed"]:
        said.append("Something else kept the cores busy meanwhile: the seconds of the clock are too many.")
    return " ".join(said)


def _starting(found: Results) -> str:
    rows = [
        [
            row["what"],
            f"{row['median_s']:.2f}",
            f"{row['aim_s']:g}" if row["aim_s"] else "",
            f"{row['resident_bytes'] / 2**20:.0f}" if row["resident_bytes"] else "",
            f"{row['room_bytes'] / 1024:.0f}" if row["room_bytes"] else "",
        ]
        for row in found["rows"]
    ]
    return table(["a virtual machine of 4 TB", "s, median", "aim, s", "memory, MiB", "on disk, KiB"], rows, "bcde")


def _starting_made_on(found: Results) -> str:
    said = f"{_made_on(found)}; load average {found['load_before']:.2f} before it began."
    if found["disturbed"]:
        said += " Something else kept the cores busy: the seconds are too many."
    return said


def _disk(found: Results) -> str:
    rows: list[list[str]] = []
    for place, of in found["places"].items():
        for case in of["cases"]["spacegrey"]:
            unit, what = ("MB/s", "mb_s") if "MiB" in case else ("requests/s", "requests_s")
            rows.append([f"{place}: {case}, {unit}", *(f"{cases[case][what]:,.0f}" for cases in of["cases"].values())])
    servers = list(next(iter(found["places"].values()))["cases"])
    return table(["", "ours", "without a cipher", *servers[2:]], rows, "bcde")


def _disk_ratios(found: Results) -> str:
    rows: list[list[str]] = []
    for ratios in zip(*(of["ratios"] for of in found["places"].values()), strict=True):
        one = ratios[0]
        other = "without a cipher" if one["other"] == "spacegrey, plain" else one["other"]
        told = (f"{of['ratio']:.2f} ({of['median']:.2f})" + MISSED[of["ratio"] < of["aim"]] for of in ratios)
        rows.append([one["case"], other, *told, f"{one['aim']:g}"])
    return table(["", "over", *found["places"], "aim"], rows, "cde")


def _disk_made_on(found: Results) -> str:
    said = (
        f"Of each server the best of {found['rounds']} rounds, and the median of the rounds' ratios in parentheses. "
        f"{_made_on(found)}; load average {found['load_before']:.2f} before it began."
    )
    if found["disturbed"]:
        said += f" Something else kept the cores busy before: {', '.join(found['disturbed'])}."
    return said


def _classes(found: Results) -> str:
    rows = [
        [
            row["name"],
            row["kind"],
            f"{row['seen'] or 'not seen'}{MISSED[row['seen'] != row['kind']]}",
            f"{row['looks'] / found['seconds']:.1f}",
            row["places"],
            f"{row['floating'] / row['places']:.0%}" if row["places"] else "",
            f"{100 * row['share']:.2f}{MISSED[row['share'] >= found['aim']]}",
        ]
        for row in found["rows"]
    ]
    head = ["program", "is", "seen as", "looks/s", "places", "floating-point arithmetic", "recorder, % of a core"]
    said = f"{found['seconds']:g} s each; {_made_on(found)}; load average {found['load_before']:.2f} before it began."
    return f"{table(head, rows, 'defg')}\n\n{said} The last column is the system's account of all of the recorder."


def _batch_made_on(many: Results) -> str:
    peak = many["peak_flop_per_s_and_core"]
    said = [
        f"{many['machines']} machines in the first table; "
        f"{many['flop_per_step']:.0f} operations a step by the kernel's own laws"
        + (f", of {peak / 1e9:.1f}e9 a second that a core reaches." if peak else "."),
        f"{_made_on(many)}. It took {many['took_s']} s.",
    ]
    if many["left_out"]:
        said.append(f"Not measured: {'; '.join(many['left_out'])}.")
    disturbed = {what: share for part in many["disturbed"].values() for what, share in part.items()}
    if disturbed:
        busy = ", ".join(f"{what} ({share:.0%})" for what, share in disturbed.items())
        said.append(
            f"Something else kept the cores busy before: {busy}; those figures are too slow rather than too fast."
        )
    return " ".join(said)


def _made_on(results: Results) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    return f"{results['processor']}, {results['cores']} cores, {results['date']}; {versions}"


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10.0 else f"{value:,.0f}"


def _seconds(value: float) -> str:
    return f"{value:.4f}" if value < 0.1 else f"{value:.2f}" if value < 10.0 else f"{value:.0f}"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"


def _three_digits(value: float) -> str:
    return f"{value:.1f}" if value < 100.0 else f"{float(f'{value:.3g}'):,.0f}"


if __name__ == "__main__":
    sys.exit(main())
