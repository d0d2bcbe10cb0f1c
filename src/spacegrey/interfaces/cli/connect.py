"""`spacegrey connect`: whether displays, arrays, docks and networks work on a machine's ports, and at what rate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from spacegrey.connections.arrange import Answer, Better
    from spacegrey.connections.planner import Served

EXAMPLES = """
spacegrey connect desk.toml --on imac-pro
spacegrey connect desk.toml --on imac-pro --svg desk.svg
spacegrey connect desk.toml --on mac-mini-2018 --json
"""


def connect(
    plan: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="What is to be plugged in (docs/connect.md).")],
    on: Annotated[str, typer.Option("--on", metavar="SELECTOR", help="The machine.")],
    svg: Annotated[Path | None, typer.Option("--svg", metavar="F.svg", help="Draw the links with their loads.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Plan what is plugged in, and what each device gets.

    Displays reserve first, data shares the rest. Says which device gets less than
    it wants, through which link, and which arrangement would be better.
    """
    from spacegrey.connections.arrange import connect as connected
    from spacegrey.connections.plan import read_plan
    from spacegrey.interfaces.cli.output import writable, write_json
    from spacegrey.machine.assembly import machine

    draw_to = writable(svg)
    answer = connected(read_plan(plan), machine(on))
    if draw_to:
        from spacegrey.interfaces.wiring.svg import drawing
        from spacegrey.simulation.runfile import write_whole

        write_whole(draw_to, lambda beside: beside.write_text(drawing(answer), encoding="utf-8"))
    if as_json:
        write_json(record(answer))
    else:
        _print(answer)
        if svg:
            typer.echo(f"drawing: {svg}")
    if not answer.fits:
        raise typer.Exit(1)


def record(answer: Answer) -> dict[str, Any]:
    """Return an answer ready for JSON: stable keys, documented in docs/json.md. Rates in Gb/s."""
    return {
        "plan": answer.plan.name,
        "machine": answer.machine.selector,
        "fits": answer.fits,
        "unproven": bool(answer.unproven),
        "reasons": list(answer.reasons),
        "chosen": list(answer.chosen),
        "devices": [_device(one) for one in answer.outcome.devices],
        "links": [
            {
                "name": load.wire.name,
                "displays_gbps": load.displays_gbps,
                **{f"{way}_gbps": load.data[way] for way in load.data},
                **{f"{way}_room_gbps": load.capacity[way] for way in load.capacity},
            }
            for load in answer.outcome.loads.values()
        ],
        "better": None if answer.better is None else _better(answer.better),
        "complete": answer.complete,
    }


def _device(one: Served) -> dict[str, Any]:
    worst = one.worst
    shown = one.picture.gbps if one.picture else None
    wanted = shown if shown is not None else worst.wanted_gbps if worst else None
    got = shown if shown is not None else worst.got_gbps if worst else 0.0 if one.refused else None
    return {
        "name": one.name,
        "kind": one.planned.device.kind,
        "port": one.port,
        "fits": one.fits,
        "wanted_gbps": wanted,
        "got_gbps": got,
        "limited_by": one.refused or (worst.limited_by if worst else None),
        "read": _flow(one, "read"),
        "write": _flow(one, "write"),
        "bits_per_colour": one.picture.bits if one.picture else None,
    }


def _flow(one: Served, direction: str) -> dict[str, Any] | None:
    flow = one.flows.get(direction)
    return None if flow is None else {
        "wanted_gbps": flow.wanted_gbps, "got_gbps": flow.got_gbps, "limited_by": flow.limited_by
    }  # fmt: skip


def _better(better: Better) -> dict[str, Any]:
    return {
        "moves": [{"name": name, "from": old, "to": new} for name, (old, new) in better.moves.items()],
        "gains": [
            {"name": one.name, "fits": one.fits, **{f"{way}_gbps": rate for way, rate in one.gain_gbps.items()}}
            for one in better.gains
        ],
    }


def _print(answer: Answer) -> None:
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console, table

    out = console()
    verdict = "fits" if answer.fits else "unproven" if answer.unproven else "does not fit"
    out.print(Text(f"{answer.plan.name} on {answer.machine.spec.name}: {verdict}\n", style="bold"))
    shown = table(out, "device", "port", ">wants", ">gets", "Gb/s")
    for one in answer.outcome.devices:
        _add(shown, one)
    out.print(shown)
    for reason in answer.reasons:
        out.print(f"\n{reason}")
    limits: dict[tuple[str, str], list[str]] = {}
    for one in answer.outcome.devices:
        for way, flow in one.flows.items():
            if flow.limited_by:
                limits.setdefault((one.name, flow.limited_by), []).append(f"{way}s")
    _list(out, "limited by", [f"{name} {' and '.join(ways)}: {why}" for (name, why), ways in limits.items()])
    _list(out, "chosen, as the plan leaves it open", list(answer.chosen))
    if answer.better:
        _print_better(out, answer.better)
    if not answer.complete:
        out.print("\nThere are more arrangements than were tried: name ports to narrow them down.")
    out.print()
    _print_tree(out, answer)


def _add(shown: Any, one: Served) -> None:  # noqa: ANN401 - rich's table
    port = one.port or "-"
    if one.picture:
        shown.add_row(one.name, port, f"{one.picture.gbps:.1f}", f"{one.picture.gbps:.1f}", "display")
    elif one.refused:
        shown.add_row(one.name, port, "", "-", "does not fit")
    elif not one.flows:
        shown.add_row(one.name, port, "", "", "connected")
    name = one.name
    for way, flow in one.flows.items():
        shown.add_row(name, port, f"{flow.wanted_gbps:.1f}", f"{flow.got_gbps:.1f}", f"{way}s")
        name = port = ""


def _list(out: Console, head: str, lines: list[str]) -> None:
    from rich.padding import Padding

    if lines:
        out.print(f"\n{head}")
        for line in lines:
            out.print(Padding(line, (0, 0, 0, 2)))


def _print_better(out: Console, better: Better) -> None:
    moves = [f"{name} from {old or 'nowhere'} to {new or 'nowhere'}" for name, (old, new) in better.moves.items()]
    gains = [
        f"{one.name} " + (", ".join(f"{way}s {rate:+.1f} Gb/s" for way, rate in one.gain_gbps.items()) or "fits")
        for one in better.gains
    ]
    out.print(f"\nbetter: {'; '.join(moves)}")
    for gain in gains:
        out.print(f"  {gain}")


def _print_tree(out: Console, answer: Answer) -> None:
    from rich.text import Text

    from spacegrey.interfaces.wiring.rows import is_full, rows, words

    lines = rows(answer)
    stems: dict[int, bool] = {}
    for row in lines:
        stems[row.depth] = not row.last
        stem = "".join("│  " if stems.get(depth) else "   " for depth in range(1, row.depth))
        branch = "" if not row.depth else "└─ " if row.last else "├─ "
        load = words(row.load) if row.load else ""
        full = "  FULL" if row.load and is_full(row.load) else ""
        # A line that wraps breaks the tree; the table above has the whole name.
        room = max(out.width - len(stem) - len(branch), 8)
        named = row.text if len(row.text) <= room else f"{row.text[: room - 1]}…"
        text = Text(f"{stem}{branch}{named}")
        if load:
            joined = f"{stem}{branch}{row.text}  {load}{full}"
            under = stem + ("   " if row.last else "│  ")
            text = Text(joined) if len(joined) <= out.width else Text(f"{text.plain}\n{under}  {load}{full}")
        text.stylize({"free": "dim", "refused": "red"}.get(row.kind, "bold red" if full else ""))
        out.print(text)
