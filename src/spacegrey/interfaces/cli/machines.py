"""`spacegrey machines`: the catalog, or one machine with what can be chosen."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import spacegrey

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine
    from spacegrey.machine.catalog import MachineFile

EXAMPLES = """
spacegrey machines
spacegrey machines imac-pro
spacegrey machines imac-pro:18-core,vega-64 --json
spacegrey machines imac-pro --edid panel.bin
spacegrey machines imac-pro --edid left.bin --tile 0
"""


def machines(
    selector: Annotated[
        str, typer.Argument(metavar="SELECTOR", show_default=False, help="Show this machine and its options.")
    ] = "",
    edid: Annotated[
        Path | None, typer.Option("--edid", metavar="F.bin", help="Write the EDID of its own panel (docs/identify.md).")
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option("--tile", min=0, metavar="N", help="That of one link: 0 is the left half.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """List the machines of the catalog, or show one.

    One machine shows its options, its main facts and what of it is validated; --edid writes what its panel answers.
    """
    from spacegrey.interfaces.cli.output import write_json

    if tile is not None and edid is None:
        from spacegrey.errors import InputError

        raise InputError("--tile goes with --edid F.bin")
    if edid is not None:
        _write_edid(selector, edid, tile, as_json)
    elif selector:
        _show(selector, as_json)
    elif as_json:
        write_json(heads())
    else:
        _list()


def heads() -> list[dict[str, Any]]:
    """Return the head data of every machine of the catalog.

    Read with tomllib alone: the list has 0.3 s, in which nothing can be checked. Tests check the same files.
    """
    folder = Path(spacegrey.__file__).parent / "catalog" / "machines"
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem):
        data = _read(path)
        head = data["machine"]
        day = head.get("on_sale") or head.get("announced")
        found.append(
            {
                "id": path.stem,
                "name": head["name"],
                "year": day.year if day else None,
                "status": head["status"],
                "processors": list(data["options"]["processor"]["choices"]),
            }
        )
    return found


def _read(path: Path) -> dict[str, Any]:
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    parent = data.get("extends")
    return _merge(_read(path.with_name(f"{parent}.toml")), data) if parent else data


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            value = _merge(cast("dict[str, Any]", below), cast("dict[str, Any]", value))  # noqa: PLW2901
        merged[key] = value
    return merged


def _list() -> None:
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    shown = table(out, "|id", "name", ">year", "|model", "processors")
    for head in heads():
        shown.add_row(head["id"], head["name"], str(head["year"] or "-"), head["status"], _several(head["processors"]))
    out.print(shown)
    out.print("\nOptions of one machine: spacegrey machines ID")


def _several(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= 2 else f"{names[0]} ... {names[-1]} ({len(names)})"  # noqa: PLR2004


def _show(selector: str, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.machine.assembly import machine
    from spacegrey.machine.catalog import read_machine
    from spacegrey.machine.selector import parse_selector

    wanted = parse_selector(selector)
    built, file = machine(wanted), read_machine(wanted.machine)
    if as_json:
        write_json(_as_json(built, file))
    else:
        _print(built, file)


def _write_edid(selector: str, edid: Path, tile: int | None, as_json: bool) -> None:
    from spacegrey.errors import InputError, Refusal
    from spacegrey.interfaces.cli.output import writable, write_json
    from spacegrey.machine.assembly import machine
    from spacegrey.parts.display.panel_edid import panel_edid
    from spacegrey.simulation.runfile import write_whole

    if not selector:
        raise InputError("--edid needs a machine: spacegrey machines SELECTOR --edid F.bin")
    place = writable(edid)
    built = machine(selector)
    if built.panel is None:
        raise Refusal(f"{built.spec.name} has no built-in panel")
    data = panel_edid(built.panel, tile)
    write_whole(place or edid, lambda beside: beside.write_bytes(data))
    if as_json:
        write_json(
            {"machine": built.selector, "panel": built.panel.name, "tile": tile, "edid": data.hex(), "out": str(edid)}
        )
    else:
        half = "" if tile is None else f", tile {tile}"
        typer.echo(f"saved: {edid} ({built.panel.name}{half}; {len(data)} bytes)")


def _as_json(built: Machine, file: MachineFile) -> dict[str, Any]:
    spec = built.spec
    return {
        "id": built.id,
        "selector": built.selector,
        "name": spec.name,
        "model": spec.model,
        "form": spec.form,
        **{
            key: day.isoformat() if (day := getattr(spec, key)) else None
            for key in ("announced", "on_sale", "withdrawn")
        },
        "status": spec.status,
        "validated": spec.validated,
        "options": {
            slot: {"default": option.default, "chosen": built.chosen[slot], "choices": list(option.choices)}
            for slot, option in file.options.items()
        },
        "facts": facts(built),
    }


def facts(built: Machine) -> dict[str, Any]:
    """Return the main facts of a configured machine: SI and the units that the names say."""
    from spacegrey.parts.graphics.laws import peak_tflops
    from spacegrey.parts.memory.laws import peak_bandwidth_gb_s
    from spacegrey.simulation.lowering import storage_rates_gb_s

    chip, card, fans = built.processor, built.graphics, built.cooling.fans
    read, write = storage_rates_gb_s(built)
    lanes, top_mhz = card.lanes * card.count, card.dpm_states[-1][0]
    return {
        "processor": chip.name,
        "cores": chip.cores,
        "threads": chip.threads,
        "efficiency_cores": chip.efficiency.cores if chip.efficiency else 0,
        "base_ghz": chip.base_ghz,
        "turbo_ghz": chip.turbo_bins[0][1],
        "all_core_ghz": chip.turbo_bins[-1][1],
        "tdp_w": chip.tdp_w,
        "memory_gib": built.memory_gib,
        "memory_kind": built.memory.kind,
        "memory_gb_s": peak_bandwidth_gb_s(
            built.memory.transfer_mt_s, built.memory.bytes_per_transfer, built.memory_channels
        ),
        "graphics": card.name,
        "graphics_memory_gib": card.memory_gib,
        "graphics_tflops": peak_tflops(lanes, top_mhz, built.graphics_architecture.flops_per_lane_cycle),
        "graphics_power_cap_w": card.power_cap_w,
        "storage": built.storage.name,
        "storage_tb": built.storage_tb,
        "storage_read_gb_s": read,
        "storage_write_gb_s": write,
        "fans": fans.count,
        "fan_minimum_rpm": fans.minimum_rpm,
        "fan_maximum_rpm": fans.maximum_rpm,
        "supply_rated_w": built.supply.rated_w,
        "display": built.panel.name if built.panel else None,
        "ambient_c": built.ambient_c,
    }


def _print(built: Machine, file: MachineFile) -> None:
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.interfaces.words import STATUS, figures

    out, spec, known = console(), built.spec, facts(built)
    days = [f"{word} {day}" for word, day in (("on sale", spec.on_sale), ("withdrawn", spec.withdrawn)) if day]
    out.print(Text(spec.name, style="bold"), f"({', '.join([part for part in (spec.model, *days) if part])})\n")
    options = table(out, "option", "choices (* is the default, > is chosen here)")
    for slot, option in file.options.items():
        chosen = built.chosen[slot]
        marks = [
            ("> " if name == chosen != option.default else "") + name + (" *" if name == option.default else "")
            for name in option.choices
        ]
        options.add_row(slot, ", ".join(marks))
    out.print(options)
    out.print()
    cores = f"{known['cores']} cores" + (
        f" and {known['efficiency_cores']} slower ones" if known["efficiency_cores"] else ""
    )
    fans = (
        f"{known['fans']}, {known['fan_minimum_rpm']:,.0f} to {known['fan_maximum_rpm']:,.0f} rpm"
        if known["fans"]
        else "none"
    )
    clocks = f"{known['base_ghz']:g} GHz, turbo {known['turbo_ghz']:g}, all cores {known['all_core_ghz']:g}"
    rates = [
        f"{word} {figures(known[key], 2)} GB/s"
        for word, key in (("reads", "storage_read_gb_s"), ("writes", "storage_write_gb_s"))
    ]
    rows = [
        ("processor", f"{known['processor']}: {cores}, {known['threads']} threads"),
        ("", f"{clocks}; {known['tdp_w']:g} W"),
        ("memory", f"{known['memory_gib']:g} GiB {known['memory_kind']}, {figures(known['memory_gb_s'], 3)} GB/s"),
        ("graphics", f"{known['graphics']}: {figures(known['graphics_tflops'], 3)} TFLOPS FP32"),
        ("", f"{known['graphics_memory_gib']:g} GiB of its own, at most {known['graphics_power_cap_w']:g} W"),
        ("storage", f"{known['storage']}, {known['storage_tb']:g} TB"),
        ("", ", ".join(rates)),
        ("fans", fans),
        ("supply", f"{known['supply_rated_w']:g} W"),
        ("display", known["display"] or "none built in"),
        ("room", f"{known['ambient_c']:g} °C in a run"),
        ("model", f"{spec.status}: {STATUS[spec.status]}"),
        ("validated", spec.validated or "nothing"),
    ]
    shown = table(out, "fact", "")
    for name, fact in rows:
        shown.add_row(name, fact)
    out.print(shown)
