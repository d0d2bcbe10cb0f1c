"""Write the tables of the pages that come from the specs and the catalog; with ``--check`` only compare."""

# ruff: noqa: INP001 - a script, not a package

from __future__ import annotations

import re
import sys
import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pages import fill, finish, table
from pydantic import BaseModel

from spacegrey.decide.components import KINDS, Clearance, Furnished
from spacegrey.decide.disassembly import DisassemblySheet, Hold, Part
from spacegrey.decide.offers import Offer
from spacegrey.decide.resale import TradeIn
from spacegrey.machine.catalog import machine_ids, read_machine
from spacegrey.machine.selector import RANGES, WHAT_IFS
from spacegrey.machine.spec import Choice, MachineSpec
from spacegrey.parts.cooling.spec import Capacities, Conductances, Controller, Cooling, Fans
from spacegrey.parts.display.spec import Panel
from spacegrey.parts.graphics.spec import Graphics, GraphicsArchitecture, MediaEngine
from spacegrey.parts.memory.spec import Memory
from spacegrey.parts.ports.spec import Cable, Device, Link, Ports, PortTree, Published, Receptacle
from spacegrey.parts.power.spec import PowerSupply
from spacegrey.parts.processor.spec import EfficiencyCores, Microarchitecture, Processor
from spacegrey.parts.storage.spec import Storage
from spacegrey.simulation.kernel.observe import LIMITS
from spacegrey.simulation.trace import COLUMNS
from spacegrey.workload import spec as work
from spacegrey.workload.library import workload, workload_ids

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

# Unit by the end of a key; the longest that fits is taken.
UNITS = {
    "gop": "10⁹ operations",
    "gflop": "10⁹ operations",
    "tflop": "10¹² operations",
    "_g": "10⁹ reads",
    "gb": "GB",
    "_gib": "GiB",
    "_mib": "MiB",
    "_kib": "KiB",
    "_tb": "TB",
    "tb": "TB",
    "mpixel": "10⁶ pixels",
    "gop_per_mpixel": "10⁹ operations / 10⁶ pixels",
    "misses_per_kop": "1/1000 operations",
    "bytes_per_op": "B/operation",
    "hz": "Hz",
    "seconds": "s",
    "_s": "s",
    "_w": "W",
    "_c": "°C",
    "_ghz": "GHz",
    "_mhz": "MHz",
    "_nf": "nF",
    "_rpm": "1/min",
    "gbit_s": "Gbit/s",
    "gbps": "Gbit/s",
    "_gb_s": "GB/s",
    "_mt_s": "10⁶ transfers/s",
    "_ns": "ns",
    "_us": "µs",
    "_dba": "dBA",
    "_l_s": "L/s",
    "_nits": "cd/m²",
    "_in": "inch",
    "_mm": "mm",
    "_minutes": "min",
    "_usd": "USD",
    "_mpixel_s": "10⁶ pixels/s",
    "per_w": "1/W",
    "_per_kelvin": "1/K",
    "_gb_s_per_tb": "GB/s per TB",
    "_w_per_gb_s": "W per GB/s",
    "rpm_per_k": "1/min per K",
    "rpm_per_k_s": "1/min per K s",
    "rpm_per_s": "1/min per s",
    "rpm_per_ghz_s": "1/min per GHz s",
    "_bits": "bit",
    "_w_per_module": "W",
    "noise_distance_m": "m",
    "noise_exponent": "dB",
    "bytes_in_flight": "B",
    "bytes_per_transfer": "B",
    "flops_per_cycle": "1/cycle",
    "gib_per_module": "GiB",
    "flops_per_lane_cycle": "1/cycle",
}

# What keys mean whose names say it, but for these words.
MEANINGS = {
    ("ProcessorDemand", "integer_gop"): "integer and branch-heavy work: compilers, archives, scripts",
    ("ProcessorDemand", "float_gop"): "scalar and short-vector floating point: renderers",
    ("ProcessorDemand", "vector_gop"): "wide-vector work: codecs, filters",
    ("MediaDemand", "codec"): "such as h264, hevc, prores",
    ("MediaDemand", "decode_mpixel"): "pixels to decode",
    ("MediaDemand", "encode_mpixel"): "pixels to encode",
    ("StorageDemand", "read_gb"): "bytes read one after another",
    ("StorageDemand", "write_gb"): "bytes written one after another",
    ("StorageDemand", "block_kib"): "size of a random read",
    ("StorageDemand", "queue_depth"): "random reads under way at a time",
    ("NetworkDemand", "gb"): "bytes to move",
    ("Pace", "hz"): "frames or samples for each second",
    ("Pace", "seconds"): "how long the phase lasts",
    ("GraphicsDemand", "kind"): "which efficiency of the architecture holds",
    ("GraphicsDemand", "devices"): "whether it uses every graphics processor of the option",
    ("Phase", "name"): "shown in results; different for each phase",
    ("Phase", "processor"): "see the table of the processor",
    ("Phase", "graphics"): "see the table of the graphics",
    ("Phase", "media"): "see the table of video",
    ("Phase", "storage"): "see the table of the drive",
    ("Phase", "network"): "see the table of the network",
    ("Phase", "pace"): "see the table of the pace",
    ("Score", "unit"): "printed after the score",
    ("Score", "kind"): "how it follows from the seconds",
    ("Score", "constant"): "factor of the score",
    ("Score", "better"): "which direction is good",
    ("Size", "work"): "exponent on the work",
    ("Size", "traffic"): "exponent on the traffic",
    ("Size", "footprint"): "exponent on the working set",
    ("WorkloadSpec", "name"): "shown in results",
    ("WorkloadSpec", "status"): "reference, calibrated or illustrative",
    ("WorkloadSpec", "repeat"): "how often all phases run, one round after another",
    ("WorkloadSpec", "score"): "see the table of the score",
}

WORKLOAD = {
    "workload": work.WorkloadSpec,
    "recorded": work.Recorded,
    "score": work.Score,
    "size": work.Size,
    "phase": work.Phase,
    "processor": work.ProcessorDemand,
    "graphics": work.GraphicsDemand,
    "media": work.MediaDemand,
    "storage": work.StorageDemand,
    "network": work.NetworkDemand,
    "pace": work.Pace,
}

SHEETS = {
    "[machine]": MachineSpec,
    "[machine.ports]": Ports,
    "[options.*.choices.*]": Choice,
    "[parts.processors.*]": Processor,
    "[parts.processors.*.efficiency]": EfficiencyCores,
    "[parts.microarchitectures.*]": Microarchitecture,
    "[parts.graphics.*]": Graphics,
    "[parts.graphics.*.media]": MediaEngine,
    "[parts.graphics-architectures.*]": GraphicsArchitecture,
    "[parts.memory.*]": Memory,
    "[parts.storage.*]": Storage,
    "[parts.cooling.*]": Cooling,
    "[parts.cooling.*.capacities]": Capacities,
    "[parts.cooling.*.conductances]": Conductances,
    "[parts.cooling.*.fans]": Fans,
    "[parts.cooling.*.controller]": Controller,
    "[parts.power.*]": PowerSupply,
    "[parts.displays.*]": Panel,
    "[parts.ports.*]": PortTree,
    "[parts.ports.*.links.*]": Link,
    "[parts.ports.*.receptacles.*]": Receptacle,
    "[[parts.ports.*.published]]": Published,
    "[[device]]": Device,
    "[[device]] cable": Cable,
}

BESIDE_A_MACHINE = {
    "offers/*.toml: [[offer]]": Offer,
    **{f"components/{name}.toml: [*]": kind for name, kind in KINDS.items()},
    "equipment.toml: [*]": Furnished,
    "clearances.toml: [*]": Clearance,
    "disassembly/*.toml": DisassemblySheet,
    "disassembly/*.toml: [parts.*]": Part,
    "disassembly/holds.toml: [*]": Hold,
    "resale/trade-in.toml: [[point]]": TradeIn,
}

WHAT_IF_MEANINGS = {
    "ambient": ("35C, 95F, 308.15K", "room temperature"),
    "brightness": ("0.5, 50%", "of the built-in panel"),
    "dust": ("0.3, 30%", "share of the air flow that dust takes away"),
    "fan": (
        "max, 1800rpm, 1100rpm@60C..2500rpm@90C",
        "fixed fan speed, or a curve by temperature, in place of the machine's own controller",
    ),
    "overclock": ("4.5GHz", "one clock for every core, power limits lifted"),
    "power-limit": ("65W", "package power of the processor, at once and for hours, in place of its own limits"),
    "undervolt": ("50mV, 0.05V", "taken off the processor's voltage at every clock"),
}


WORDS = {"float": "number", "int": "whole number", "bool": "true or false", "str": "text", "date": "date"}


def attributes(kind: type[BaseModel]) -> str:
    """Return the attribute table of a spec: key, type, unit, default, meaning."""
    rows = [
        (f"`{key}`", _type(field), _unit(kind, key, field), _default(field), _meaning(kind, key, field))
        for key, field in kind.model_fields.items()
        if key not in {"source", "assumed"}
    ]
    return table(["key", "type", "unit", "default", "meaning"], rows)


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` compare them."""
    pages = {
        "workloads.md": fill(
            "workloads.md",
            {**{f"table {name}": attributes(kind) for name, kind in WORKLOAD.items()}, "table library": _library()},
        ),
        "machines.md": fill("machines.md", {"table machines": _machines()}),
        "sheets.md": fill("sheets.md", {"tables": _sheets(SHEETS), "tables beside": _sheets(BESIDE_A_MACHINE)}),
        "selectors.md": fill("selectors.md", {"table what-ifs": _what_ifs()}),
        "files.md": fill("files.md", {"table columns": _columns(), "table limits": _limits()}),
    }
    return finish(pages, check="--check" in arguments)


def _sheets(kinds: Mapping[str, type[BaseModel]]) -> str:
    return "\n\n".join(_sheet(name, kind) for name, kind in kinds.items())


def _sheet(name: str, kind: type[BaseModel]) -> str:
    words = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    return f"## `{name}`\n\n{words}\n\n{attributes(kind)}"


def _library() -> str:
    rows = []
    for name in workload_ids():
        spec = workload(name).spec
        score = f"{spec.score.unit}, {spec.score.better} is better" if spec.score else "none"
        rows.append((f"`{name}`", spec.stands_for, score, spec.status))
    return table(["workload", "stands for", "score", "status"], rows)


def _machines() -> str:
    rows = []
    for name in machine_ids():
        file = read_machine(name)
        first = file.spec.on_sale or file.spec.announced
        processors = ", ".join(file.options["processor"].choices)
        validated = file.spec.validated or "nothing"
        rows.append((f"`{name}`", file.spec.name, first.year if first else "", file.spec.status, processors, validated))
    return table(["id", "name", "year", "status", "processors", "what is checked against measurements"], rows)


def _what_ifs() -> str:
    rows = []
    for name in WHAT_IFS:
        low, high, unit = RANGES[name]
        most = "the machine's highest" if name == "fan" else f"{high:g}{unit.replace(' C', ' °C')}"
        example, meaning = WHAT_IF_MEANINGS[name]
        rows.append((f"`{name}`", meaning, ", ".join(f"`{one}`" for one in example.split(", ")), f"{low:g} to {most}"))
    return table(["what-if", "meaning", "written", "range"], rows)


def _columns() -> str:
    rows = [
        (f"`{name}`", {"1": "", "degC": "°C"}.get(unit, unit), meaning) for name, (unit, meaning) in COLUMNS.items()
    ]
    return table(["column", "unit", "meaning"], rows)


def _limits() -> str:
    return table(["code", "what limits the work"], enumerate(LIMITS), right="a")


def _type(field: FieldInfo) -> str:
    bounds = {type(one): one for one in field.metadata}
    text = _type_words(field.annotation, bounds)
    for part in _annotated(field.annotation):
        bounds |= {type(one): one for one in part}
    low = bounds.get(Ge) or bounds.get(Gt)
    high = bounds.get(Le)
    if isinstance(low, Ge) and isinstance(high, Le):
        return f"{text}, {low.ge} to {high.le}"
    if isinstance(low, Gt):
        return f"{text} > {low.gt}"
    return f"{text} ≥ {low.ge}" if isinstance(low, Ge) else text


def _annotated(kind: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - any annotation may stand in a spec
    if get_origin(kind) is Annotated:
        return [get_args(kind)[1:]]
    if get_origin(kind) in {Union, types.UnionType}:
        return [part for one in get_args(kind) for part in _annotated(one)]
    return []


def _type_words(kind: Any, bounds: object) -> str:  # noqa: ANN401 - as above
    origin, inner = get_origin(kind), get_args(kind)
    words = WORDS.get(getattr(kind, "__name__", ""), "table")
    if origin is Annotated:
        words = _type_words(inner[0], bounds)
    elif origin is Literal:
        words = " or ".join(f"`{one}`" for one in inner)
    elif origin in {Union, types.UnionType}:
        words = " or ".join(_type_words(one, bounds) for one in inner if one is not type(None))
    elif origin is list:
        words = f"list of {_type_words(inner[0], bounds)}"
    elif origin is tuple:
        words = f"[{', '.join(_type_words(one, bounds) for one in inner)}]"
    return words


def _unit(kind: type[BaseModel], key: str, field: FieldInfo) -> str:
    if not re.search("float|int", str(field.annotation)) or "BaseModel" in str(field.annotation):
        return ""
    if kind is Capacities:
        return "J/K"
    if kind is Conductances:
        return "W/K"
    fitting = [end for end in UNITS if key.endswith(end)]
    return UNITS[max(fitting, key=len)] if fitting else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    value = field.get_default(call_default_factory=True)
    if value is None or isinstance(value, BaseModel) or value in ({}, [], ""):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else f'{value:g}' if isinstance(value, float) else value}`"


def _meaning(kind: type[BaseModel], key: str, field: FieldInfo) -> str:
    own = MEANINGS.get((kind.__name__, key), "")
    if field.description and own:
        raise SystemExit(f"docs/make_tables.py: {kind.__name__}.{key} has a description now: drop it from MEANINGS")
    meaning = field.description or own
    if not meaning and kind in WORKLOAD.values():
        raise SystemExit(f"docs/make_tables.py: {kind.__name__}.{key} has no meaning: give it a description")
    return meaning


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
