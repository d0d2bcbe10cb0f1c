"""A run as one HTML page that needs nothing else: no network, no server, no other file."""

from __future__ import annotations

import json
import shlex
from html import escape
from pathlib import Path
from statistics import median
from string import Template
from typing import TYPE_CHECKING, Any

from spacegrey.interfaces.report.plots import plot_data
from spacegrey.interfaces.words import QUANTITIES, STATUS, duration, error, figures, percent, surroundings
from spacegrey.simulation.kernel.observe import LIMITS
from spacegrey.sourced import sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacegrey.interfaces.shown import ShownRun

_HERE = Path(__file__).parent
MOST_PHASES = 24
"""A workload with more phases than this shows its longest."""

FIGURES = {
    "clock": ("Clocks", "GHz"),
    "temperature": ("Temperatures", "°C"),
    "fan": ("Fans and noise", "rpm"),
    "power": ("Power", "W"),
    "busy": ("Busy", "%"),
}

# One colour for each limit, in the order of LIMITS: grey waits, blue computes, red is hot, amber lacks power.
COLOURS = (
    "#9aa4af", "#3b82c4", "#d99a1c", "#cf3a3a", "#8d6cc9", "#5f43a0", "#e07b39", "#b8860b",
    "#a61e4d", "#d6609a", "#1b9e9e", "#2f9e60", "#6b8e23", "#212529",
)  # fmt: skip


def page(shown: ShownRun, wiring: str = "") -> str:
    """Return the page of a run.

    Parameters
    ----------
    shown : ShownRun
        The run.
    wiring : str
        Drawing of what was plugged in, as SVG; empty: nothing was.

    Returns
    -------
    str
        HTML. Whatever a user's file could have put into it is escaped.
    """
    record = shown.record
    drawn = plot_data(shown)
    data = json.dumps(drawn, separators=(",", ":"), allow_nan=False)
    tables = [
        _machine(record),
        _summary(record),
        _section("What is plugged in", wiring) if wiring else "",
        _measured(shown.published),
        _phases(record),
        _sources(record),
        _inputs(record),
    ]
    return Template(_text("page.html")).substitute(
        title=escape(f"{record['workload_name']} on {record['machine']}"),
        version=escape(record["version"]),
        status=escape(record["status"]),
        workload=escape(record["workload_name"]),
        machine=escape(record["machine_name"]),
        room=f"{escape(surroundings(record))} &middot; {_command(record)}",
        headline=_headline(record),
        verdict=escape(record["verdict"]),
        figures="\n".join(_figure(name, *words) for name, words in FIGURES.items()),
        measured='<span class="measured"><i></i>measured on the real machine</span>' if drawn["measured"] else "",
        limits=_limits(record["limits"]),
        tables="\n".join(table for table in tables if table),
        footer=_footer(record),
        data=data.replace("<", "\\u003c"),
        vendor_css=_text("vendor/uPlot.min.css"),
        vendor_js=_text("vendor/uPlot.iife.min.js"),
        css=_text("page.css"),
        js=_text("page.js"),
    )


def _text(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _command(record: dict[str, Any]) -> str:
    workload, machine = (escape(shlex.quote(record[key])) for key in ("workload", "machine"))
    return f"<code>spacegrey run {workload} <span>--on {machine}</span></code>"


def _headline(record: dict[str, Any]) -> str:
    summary, score = record["summary"], record["score"]
    facts = [
        ("duration", duration(record["duration_s"]), ""),
        ("energy from the wall", figures(record["energy_wh"], 3), "Wh"),
        ("mean wall power", figures(summary["wall_power_w"]["mean"], 3), "W"),
        ("hottest processor", f"{summary['cpu_temp_c']['max']:.0f}", "°C"),
        ("hottest graphics", f"{summary['gpu_temp_c']['max']:.0f}", "°C"),
        ("loudest", f"{summary['noise_dba']['max']:.0f}", "dBA"),
    ]
    if score:
        facts.insert(0, (f"score, {score['better']} is better", figures(score["value"]), score["unit"]))
    if record["delivered"] < 0.9995:  # noqa: PLR2004 - what would be printed as 100.0 %
        facts.insert(1, ("frames on time", f"{record['delivered']:.1%}".removesuffix("%"), "%"))
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)} <small>{escape(unit)}</small></dd></div>"
        for name, value, unit in facts
    )


def _figure(name: str, title: str, unit: str) -> str:
    caption = f'<span class="name">{title} <span class="unit">{unit}</span></span>'
    head = f'<figure id="{name}" aria-label="{title} over time"><figcaption>{caption}</figcaption>'
    return f'{head}<div class="plot"></div></figure>'


def _limits(limits: list[dict[str, Any]]) -> str:
    items: list[str] = []
    for limit in limits:
        code = LIMITS.index(limit["name"]) if limit["name"] in LIMITS else 0
        mark = f'<i data-code="{code}" style="background:{COLOURS[code]}"></i>'
        items.append(f"<li>{mark}{escape(limit['name'])}<b>{percent(limit['share'])}</b></li>")
    return "".join(items)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of cells that are HTML already; a head that begins with ``>`` is a column of numbers."""
    kinds = ["n" if head.startswith(">") else "w" for head in heads]
    top = "".join(
        f'<th class="{kind}" scope="col">{head.removeprefix(">")}</th>' for kind, head in zip(kinds, heads, strict=True)
    )
    body = "".join(
        "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    head = f"<thead><tr>{top}</tr></thead>" if any(heads) else ""
    return f'<div class="scroll"><table class="data">{head}<tbody>{body}</tbody></table></div>'


def _section(title: str, content: str) -> str:
    return f"<section><h2>{title}</h2>{content}</section>"


def _machine(record: dict[str, Any]) -> str:
    inputs = record["inputs"]
    chip, card, fans = inputs["processor"], inputs["graphics"], inputs["cooling"]["fans"]
    turbo = chip["turbo_bins"]
    facts = [
        ("processor", f"{chip['name']}, {chip['cores']} cores, {chip['threads']} threads"),
        (
            "",
            f"{chip['base_ghz']:g} GHz; turbo {turbo[0][1]:g} GHz, all cores {turbo[-1][1]:g} GHz; {chip['tdp_w']:g} W",
        ),
        ("graphics", f"{card['name']}, {card['memory_gib']:g} GiB, at most {card['power_cap_w']:g} W"),
        ("memory", f"{inputs['memory_gib']:g} GiB"),
        ("storage", f"{inputs['storage_tb']:g} TB"),
        ("cooling", f"{inputs['cooling']['name']}: " + (_fans(fans) if fans["count"] else "no fan")),
        ("supply", inputs["supply"]["name"]),
        ("room", surroundings(record)),
    ]
    left = _table(["", ""], [(f"<small>{escape(name)}</small>", escape(fact)) for name, fact in facts])
    choices = [(f"<small>{escape(slot)}</small>", escape(choice)) for slot, choice in inputs["choices"].items()]
    return (
        '<div class="pair">'
        + _section("The machine", left)
        + _section("What was chosen", _table(["", ""], choices))
        + "</div>"
    )


def _fans(fans: dict[str, Any]) -> str:
    return f"{fans['count']} fans, {fans['minimum_rpm']:,.0f} to {fans['maximum_rpm']:,.0f} rpm"


def _summary(record: dict[str, Any]) -> str:
    rows = [
        (
            QUANTITIES[name].label,
            QUANTITIES[name].unit,
            *(QUANTITIES[name].format(values[key]) for key in ("min", "mean", "max", "end")),
        )
        for name, values in record["summary"].items()
    ]
    return _section("Summary", _table(["quantity", "unit", ">least", ">mean", ">most", ">at the end"], rows))


def _measured(published: list[dict[str, Any]]) -> str:
    if not published:
        return ""
    rows: list[tuple[str, ...]] = []
    for row in published:
        seen = row["predicted"] is not None
        origin = f"{escape(row['id'])}, {_link(row['source'], _host(row['source']))}"
        rows.append(
            (
                f"{escape(row['conditions'])} <small>{origin}</small>",
                escape(row["unit"]).replace("degC", "°C"),
                figures(row["measured"]),
                figures(row["predicted"]) if seen else "not seen",
                error(row["error_percent"]) if seen else "",
            )
        )
    table = _table(["published measurement", "unit", ">measured", ">predicted", ">error"], rows)
    return _section("Measured on the real machine, and predicted here", table)


def _phases(record: dict[str, Any]) -> str:
    by_name: dict[str, list[float]] = {}
    for phase in record["phases"]:
        by_name.setdefault(phase["name"], []).append(phase["duration_s"])
    longest = sorted(by_name, key=lambda name: -sum(by_name[name]))[:MOST_PHASES]
    rows = [
        (escape(name), str(len(seconds)), *(duration(one) for one in (seconds[0], median(seconds), seconds[-1])))
        for name, seconds in by_name.items()
        if name in longest
    ]
    rest = (
        f"<p><small>and {len(by_name) - len(longest)} shorter ones</small></p>" if len(longest) < len(by_name) else ""
    )
    return _section("Phases", _table(["phase", ">times", ">first", ">typical", ">last"], rows) + rest)


def _sources(record: dict[str, Any]) -> str:
    known = sources()
    items: list[str] = []
    for key in record["sources"]:
        entry = known.get(key, {})
        items.append(f"<li>{_link(entry.get('url', ''), str(entry.get('title', key)))}{_by(entry)}</li>")
    return _section("Sources of the numbers", f'<ul class="sources">{"".join(items)}</ul>')


def _by(entry: dict[str, str]) -> str:
    words = ", ".join(entry[key] for key in ("author", "year") if entry.get(key))
    return f" <small>{escape(words)}</small>" if words else ""


def _link(url: str, words: str) -> str:
    """Return a link, where the address is one of the web; else the words alone."""
    if not url.startswith(("http://", "https://")):
        return escape(words)
    return f'<a href="{escape(url, quote=True)}" rel="noopener noreferrer">{escape(words)}</a>'


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].removeprefix("www.") or url


def _inputs(record: dict[str, Any]) -> str:
    groups: dict[str, dict[str, Any]] = {
        "run": {"seed": record["seed"], "version": record["version"], "format": record["format"]}
    }
    for name, value in record["inputs"].items():
        if isinstance(value, dict):
            groups[name] = value
        elif isinstance(value, list):
            groups[name] = {f"{number + 1}": one for number, one in enumerate(value)}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        else:
            groups["run"][name] = value
    folded: list[str] = []
    for name, group in groups.items():
        table = _table(["", ""], [(escape(key), _value(value)) for key, value in group.items()])
        folded.append(f"<details><summary>{escape(name)}</summary>{table}</details>")
    return _section("Inputs", "".join(folded))


def _value(value: object) -> str:
    return (
        f"<code>{escape(json.dumps(value, ensure_ascii=False))}</code>"
        if isinstance(value, (dict, list))
        else escape(str(value))
    )


def _footer(record: dict[str, Any]) -> str:
    status = f"model: {record['status']}, {STATUS.get(record['status'], '')}"
    balance = f"heat in and out agree to {record['energy_balance_error']:.0e} of it"
    return " &middot; ".join(escape(words) for words in (f"spacegrey {record['version']}", status, balance))
