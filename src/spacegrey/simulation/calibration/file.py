"""A fit as files: its record, which a later fit is compared with, and the user's machine with the fitted cooling."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import read_machine
from spacegrey.machine.selector import parse_selector
from spacegrey.simulation.calibration.data import PACKAGE
from spacegrey.simulation.calibration.machine import check_machine
from spacegrey.simulation.calibration.settings import settings
from spacegrey.simulation.runfile import write_whole
from spacegrey.sourced import Spec, read_settings, read_toml

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.fit import Fit
    from spacegrey.simulation.calibration.settings import Written

FORMAT = 1
PART = "fitted"


class RecordedNumber(Spec):
    """A number as a record keeps it."""

    value: float
    low: float
    high: float
    unit: str
    meaning: str
    identified: bool
    why: str = ""


class Record(Spec):
    """A fit's record."""

    format: int
    log: str
    made: dt.date
    machine: str = ""
    model: str = ""
    processor: str = ""
    cores: int = 0
    threads: int = 0
    every_core: bool = False
    driver: str
    sensor: str = PACKAGE
    shape: str
    order: int = Field(ge=1, le=3)
    fan: str = ""
    fan_max_rpm: float = 0.0
    rmse_k: float
    persistence_rmse_k: float
    skill: float
    cv_rmse: float
    nmbe: float
    band_k: float
    foretold_k: float
    coverage: float
    missing: list[str] = Field(default_factory=list[str])
    numbers: dict[str, RecordedNumber]


def record(fit: Fit, *, made: dt.date, selector: str = "") -> dict[str, Any]:
    """Return a fit's record, ready for TOML and JSON: numbers that are not known are left out."""
    judged, data = fit.judged, fit.data
    return {
        "format": FORMAT,
        "log": Path(fit.log.name).name,
        "made": made,
        "machine": selector,
        "model": fit.log.machine,
        "processor": fit.log.host.processor,
        "cores": fit.log.host.cores,
        "threads": fit.log.host.threads,
        "every_core": fit.log.host.complete,
        "driver": data.driver,
        "sensor": data.sensor,
        "shape": fit.shape.words,
        "order": fit.shape.order,
        "fan": data.fan_column or "",
        "fan_max_rpm": data.fan_max_rpm,
        "rmse_k": judged.rmse_k,
        "persistence_rmse_k": judged.persistence_rmse_k,
        "skill": judged.skill,
        "cv_rmse": judged.cv_rmse,
        "nmbe": judged.nmbe,
        "band_k": judged.band_k,
        "foretold_k": judged.foretold_k,
        "coverage": judged.coverage,
        "missing": list(fit.missing),
        "numbers": {
            one.name: {
                "value": one.value, "low": one.low, "high": one.high, "unit": one.unit, "meaning": one.meaning,
                "identified": one.identified, **({"why": one.why} if one.why else {}),
            }
            for one in fit.numbers
            if math.isfinite(one.value)
        },
    }  # fmt: skip


def check_name(path: Path) -> None:
    """Refuse a name that is not TOML's: it may be the log's own.

    Raises
    ------
    InputError
        The name ends otherwise than in .toml.
    """
    if path.suffix.lower() != ".toml":
        raise InputError(f"{path}: machines and fits are written as .toml")


def write_record(fit: Fit, path: Path, *, made: dt.date, selector: str = "") -> None:
    """Write a fit's record as TOML, whole or not at all.

    Raises
    ------
    InputError
        The path cannot be written, or is not TOML's.
    """
    import tomli_w

    check_name(path)
    text = "# Written by `spacegrey calibrate`; a later fit is compared with it: --before\n\n"
    text += tomli_w.dumps({"fit": record(fit, made=made, selector=selector)})
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def read_record(path: Path) -> Record:
    """Read a fit's record.

    Raises
    ------
    InputError
        Missing, or not a record of this version.
    """
    if path.is_file() and path.suffix.lower() != ".toml":
        raise InputError(f"{path}: not a fit: --record F.toml of calibrate writes one; two logs go to dust-check")
    document = read_toml(path)
    kept = read_settings(Record, document.data.get("fit"), document, ["fit"])
    if kept.format != FORMAT:
        raise InputError(f"{path}: a fit of format {kept.format}; this version reads format {FORMAT}")
    return kept


def write_machine(fit: Fit, selector: str, path: Path) -> list[Written]:
    """Write the user's machine: the selector's, with the cooling, limits and coefficients that the log identifies.

    Returns
    -------
    list of Written
        What was set and what was left; nothing is written where nothing was set.

    Raises
    ------
    InputError
        The selector does not hold, the log is of another machine, or the path cannot be written, or is not TOML's.
    """
    import tomli_w

    check_name(path)
    wanted, built = parse_selector(selector), machine(selector)
    check_machine(fit.log, built)
    made = settings(fit, built)
    changed = [one for one in made if not one.why]
    if not changed:
        return made
    document = _document(fit, wanted.machine, built, changed, path)
    log, rmse_k = Path(fit.log.name).name, fit.judged.rmse_k
    text = f"# Written by `spacegrey calibrate` from {log}: held-out RMSE {rmse_k:.2f} K\n\n"
    text += tomli_w.dumps(document)
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return made


def _document(fit: Fit, parent: str, built: Machine, changed: list[Written], path: Path) -> dict[str, Any]:
    """Return the machine's file: what it extends, and the parts on which something was set."""
    import os

    if parent.endswith(".toml"):
        parent = os.path.relpath(parent, path.parent)
    log = Path(fit.log.name).name
    sheets: dict[str, dict[str, Any]] = {}
    for one in changed:
        *groups, name = one.key.split(".")
        sheet = groups.pop(0) if groups[0] in {"processor", "microarchitecture"} else "cooling"
        table = sheets.setdefault(sheet, {"assumed": {}})
        place = table
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = float(f"{one.after:.5g}")
        top = (groups or [name])[0]
        band = f"{name} {one.low:.4g} to {one.high:.4g}"
        said = table["assumed"].get(top)
        table["assumed"][top] = f"{said}, {band}" if said else f"fitted to {log}, 90 % bands: {band}"
    own = read_machine(built.id).parts if built.id.endswith(".toml") else {}
    document: dict[str, Any] = {
        "extends": parent,
        "machine": {"name": f"{built.spec.name.removesuffix(', fitted')}, fitted"},
        "options": {slot: {"default": choice} for slot, choice in built.chosen.items()},
        "parts": {},
    }
    if "cooling" in sheets:
        name = _free(own.get("cooling", {}))
        document["machine"]["cooling"] = name
        document["parts"]["cooling"] = {name: {"extends": built.spec.cooling, **sheets["cooling"]}}
    chip = sheets.get("processor", {})
    if "microarchitecture" in sheets:
        name = _free(own.get("microarchitectures", {}))
        core = {"extends": built.processor.microarchitecture, **sheets["microarchitecture"]}
        document["parts"]["microarchitectures"] = {name: core}
        chip["microarchitecture"] = name
    if chip:
        choice = built.chosen["processor"]
        document["options"]["processor"]["choices"] = {choice: {"set": chip}}
    return document


def _free(taken: Any) -> str:  # noqa: ANN401 - anything that holds names
    """Return a name for a fitted part that the file that is extended does not use: a machine may be fitted again."""
    number = 1
    while (name := PART if number == 1 else f"{PART}-{number}") in taken:
        number += 1
    return name
