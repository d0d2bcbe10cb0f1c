"""A fit as files: its record, which a later fit is compared with, and the user's machine with the fitted cooling."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.selector import parse_selector
from spacegrey.parts.cooling.laws import AIR_HEAT_J_PER_L_K, air_flow_l_s, convection_ratio
from spacegrey.simulation.runfile import write_whole
from spacegrey.sourced import Spec, read_settings, read_toml

if TYPE_CHECKING:
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration import Fit
    from spacegrey.simulation.calibration_numbers import Number

FORMAT = 1
PART = "fitted"
CLOCK_SLACK = 1.05
"""A clock in the log above the processor's highest by more than this is another processor's."""


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
    driver: str
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


@dataclass(frozen=True)
class Written:
    """One number of the machine's file that a fit set, or the reason why it was left.

    Attributes
    ----------
    key : str
        Such as ``conductances.cpu_sink_air``.
    before, after : float
        The catalog's value and the fitted one; ``after`` is NaN where it was left.
    why : str
        Why it was left; empty if it was set.
    """

    key: str
    before: float
    after: float
    low: float
    high: float
    why: str = ""


def record(fit: Fit, *, made: dt.date, selector: str = "") -> dict[str, Any]:
    """Return a fit's record, ready for TOML and JSON: numbers that are not known are left out."""
    judged, data = fit.judged, fit.data
    return {
        "format": FORMAT,
        "log": Path(fit.log.name).name,
        "made": made,
        "machine": selector,
        "driver": data.driver,
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


def write_record(fit: Fit, path: Path, *, made: dt.date, selector: str = "") -> None:
    """Write a fit's record as TOML, whole or not at all.

    Raises
    ------
    InputError
        The path cannot be written.
    """
    import tomli_w

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
    document = read_toml(path)
    kept = read_settings(Record, document.data.get("fit"), document, ["fit"])
    if kept.format != FORMAT:
        raise InputError(f"{path}: a fit of format {kept.format}; this version reads format {FORMAT}")
    return kept


def check_machine(fit_log: Any, built: Machine) -> None:  # noqa: ANN401 - a Log or what looks like one
    """Refuse a log of another machine: by the model that it names, or by a clock that the processor does not reach.

    Raises
    ------
    InputError
        The log is of another machine.
    """
    if fit_log.machine and built.spec.model and fit_log.machine != built.spec.model:
        raise InputError(
            f"{fit_log.name}: the log is of a {fit_log.machine}, and {built.selector} is a {built.spec.model}"
        )
    if "cpu_clock_ghz" in fit_log:
        import numpy as np

        seen = float(np.nanquantile(fit_log["cpu_clock_ghz"], 0.99))
        highest = max(clock for _, clock in built.processor.turbo_bins)
        if seen > CLOCK_SLACK * highest:
            raise InputError(
                f"{fit_log.name}: the log shows {seen:.2f} GHz, and {built.processor.name} reaches {highest:g} GHz: "
                "a log of another machine"
            )


def settings(fit: Fit, built: Machine) -> list[Written]:
    """Return what of a machine's cooling a fit sets, and what it leaves and why.

    Notes
    -----
    The lumps that a log shows need not be those of the sheet: a chip that settles in a tenth of a second is no lump in
    rows of a second. What is sure is the whole resistance, and of it the part that follows the fan, which is the
    sink's. Where no fan moved, all parts keep the sheet's proportion. Capacities are set only where the log's lumps are
    the sheet's: chip to sink within a factor of 2, the sink's capacity within 4.
    """
    numbers = {one.name: one for one in fit.numbers}
    why = _cannot(fit, built)
    made = [Written(key, _sheet(built, key), math.nan, math.nan, math.nan, why) for key in _CONDUCTANCES if why]
    if not why:
        made = _conductances(fit, built, numbers)
    made += _capacities(fit, built, numbers)
    least = numbers.get("fan_least")
    if least and least.identified and fit.data.fan_column and least.value <= built.cooling.fans.maximum_rpm:
        before = built.cooling.fans.minimum_rpm
        made.append(Written("fans.minimum_rpm", before, least.value, least.low, least.high))
    return made


_CONDUCTANCES = (
    "conductances.cpu_junction_spreader", "conductances.cpu_spreader_sink", "conductances.cpu_sink_air",
)  # fmt: skip
_CAPACITIES = ("capacities.cpu_junction", "capacities.cpu_spreader", "capacities.cpu_sink")
_LIKE_RESISTANCE = 2.0
_LIKE_CAPACITY = 4.0
_RISES = 0.1
"""An exponent of the rise below it is small against the 0.25 of buoyancy."""


def _sheet(built: Machine, key: str) -> float:
    group, _, name = key.partition(".")
    return float(getattr(getattr(built.cooling, group), name))


def _cannot(fit: Fit, built: Machine) -> str:
    """Return why no conductance of a machine can be told from a fit; empty if they can."""
    whole = fit.number("whole_resistance") or fit.number("sensor_to_air")
    if fit.data.driver != "cpu_power_w":
        return f"fitted to {fit.data.driver}, not to the package's power: its watts are others"
    if whole is None or not whole.identified:
        return whole.why if whole else "no resistance was fitted"
    if built.cooling.fans.count and not fit.data.fan_max_rpm:
        return "the fan is not logged: the log does not tell at which flow"
    if fit.shape.rises and fit.found.values["rise_exponent"] > _RISES:
        return "the sink passes more heat the hotter it is, which the machine's sheet has no number for"
    return ""


def _parts(fit: Fit, built: Machine) -> tuple[float, float, float, float]:
    """Return the sheet's resistances at the log's flow, and how far its conductance falls there.

    Junction to spreader, spreader to sink and sink to air, and what the air takes up on its way. [K/W]
    """
    conductances, fans = built.cooling.conductances, built.cooling.fans
    reference, own = built.cooling.die_mm2, built.processor.die_mm2
    die = own / reference if reference and own else 1.0
    full = fans.natural_flow_l_s + (fans.flow_l_s if fans.count else 0.0)
    flow = full
    if fans.count:
        flow = air_flow_l_s(fit.data.fan_max_rpm, fans.maximum_rpm, fans.flow_l_s, fans.natural_flow_l_s)
    ratio = convection_ratio(flow, full, built.cooling.flow_exponent)
    return (
        1.0 / (conductances.cpu_junction_spreader * die),
        1.0 / conductances.cpu_spreader_sink,
        1.0 / (conductances.cpu_sink_air * ratio),
        1.0 / (flow * AIR_HEAT_J_PER_L_K),
    )


def _conductances(fit: Fit, built: Machine, numbers: dict[str, Number]) -> list[Written]:
    whole = numbers["whole_resistance"] if fit.shape.order > 1 else numbers["sensor_to_air"]
    chip, middle, sink, air = _parts(fit, built)
    moved = fit.data.fan_column and numbers["fan_exponent"].identified and "sink_to_air" in numbers
    if moved and numbers["sink_to_air"].identified:
        outer = numbers["sink_to_air"]
        inside = (whole.value - outer.value, whole.low - outer.value, whole.high - outer.value)
        outside = (outer.value, outer.low, outer.high)
        scales = [_scale(inside, 0.0, chip + middle)] * 2 + [_scale(outside, air, sink)]
    else:
        scales = [_scale((whole.value, whole.low, whole.high), air, chip + middle + sink)] * 3
    made: list[Written] = []
    for key, scale in zip(_CONDUCTANCES, scales, strict=True):
        before = _sheet(built, key)
        if scale is None:
            why = f"by the sheet's flow the air alone would take {air:.2g} K/W, and the log leaves less"
            made.append(Written(key, before, math.nan, math.nan, math.nan, why))
        else:
            value, low, high = (before / one for one in scale)
            made.append(Written(key, before, value, high, low))
    return made


def _scale(found: tuple[float, float, float], air: float, sheet: float) -> tuple[float, float, float] | None:
    """Return a resistance over the sheet's: best, least and most; None where the air leaves nothing of it."""
    value, low, high = (one - air for one in found)
    return None if min(value, low) <= 0.0 else (value / sheet, low / sheet, high / sheet)


def _capacities(fit: Fit, built: Machine, numbers: dict[str, Number]) -> list[Written]:
    sheet = built.cooling.capacities
    made: list[Written] = []
    alike = ""
    if fit.shape.order != 2:  # noqa: PLR2004 - chip and sink
        alike = f"the log shows {fit.shape.words}, and the sheet's are chip, spreader and sink"
    elif not _cannot(fit, built):
        chip, middle, _, _ = _parts(fit, built)
        apart = numbers["sensor_to_sink"].value / (chip + middle)
        mass = numbers["sink_capacity"].value / sheet.cpu_sink
        like = 1.0 / _LIKE_RESISTANCE < apart < _LIKE_RESISTANCE and 1.0 / _LIKE_CAPACITY < mass < _LIKE_CAPACITY
        alike = "" if like else "the log's lumps are others than the sheet's"
    else:
        alike = _cannot(fit, built)
    for key in _CAPACITIES:
        before = _sheet(built, key)
        number = numbers.get("sink_capacity" if key.endswith("sink") else "chip_capacity")
        why = alike or (number.why if number else "not fitted")
        if why or number is None:
            made.append(Written(key, before, math.nan, math.nan, math.nan, why))
            continue
        share = 1.0 if key.endswith("sink") else before / (sheet.cpu_junction + sheet.cpu_spreader)
        made.append(Written(key, before, number.value * share, number.low * share, number.high * share))
    return made


def write_machine(fit: Fit, selector: str, path: Path) -> list[Written]:
    """Write the user's machine: the selector's, with the cooling that the log identifies.

    Returns
    -------
    list of Written
        What was set and what was left; nothing is written where nothing was set.

    Raises
    ------
    InputError
        The selector does not hold, the log is of another machine, or the path cannot be written.
    """
    import tomli_w

    wanted, built = parse_selector(selector), machine(selector)
    check_machine(fit.log, built)
    made = settings(fit, built)
    changed = [one for one in made if not one.why]
    if not changed:
        return made
    cooling: dict[str, Any] = {"extends": built.spec.cooling}
    assumed: dict[str, str] = {}
    for one in changed:
        group, _, name = one.key.partition(".")
        cooling.setdefault(group, {})[name] = float(f"{one.after:.5g}")
        band = f"{name} {one.low:.4g} to {one.high:.4g}"
        assumed[group] = (
            f"{assumed[group]}, {band}"
            if group in assumed
            else f"fitted to {Path(fit.log.name).name}, 90 % bands: {band}"
        )
    cooling["assumed"] = assumed
    parent = wanted.machine
    if parent.endswith(".toml"):
        import os

        parent = os.path.relpath(parent, path.parent)
    document = {
        "extends": parent,
        "machine": {"name": f"{built.spec.name}, fitted", "cooling": PART},
        "options": {slot: {"default": choice} for slot, choice in built.chosen.items()},
        "parts": {"cooling": {PART: cooling}},
    }
    log, rmse_k = Path(fit.log.name).name, fit.judged.rmse_k
    text = f"# Written by `spacegrey calibrate` from {log}: held-out RMSE {rmse_k:.2f} K\n\n"
    text += tomli_w.dumps(document)
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))
    return made
