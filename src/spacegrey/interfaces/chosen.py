"""A choice for programs and spreadsheets, and as the points of a drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spacegrey.decide.pareto import pareto
from spacegrey.decide.reasons import cheaper, no_fit, reasons, step_up
from spacegrey.interfaces.scatter.points import Points
from spacegrey.interfaces.table_file import Cell, Sheet, sheet

if TYPE_CHECKING:
    from spacegrey.decide.choose import Choice
    from spacegrey.decide.points import Point

FIGURES = (
    "speed", "price", "price_complete", "noise_dba", "energy_wh", "wall_power_w", "mean_power_w", "speed_per_1000",
    "speed_per_watt", "speed_per_dba",
)  # fmt: skip


def as_json(made: Choice) -> dict[str, Any]:
    """Return a choice with the keys that docs/json.md names."""
    answer, gathered, currency = made.answer, made.gathered, made.market.currency
    best = answer.recommendation
    return {
        "workloads": [{"workload": name, "weight": weight} for name, weight in made.workloads.items()],
        "base": made.base,
        "on": made.market.on.isoformat() if made.market.on else None,
        "prices": made.when,
        "currency": currency,
        "candidates_simulated": len(gathered.points),
        "runs_simulated": gathered.distinct,
        "left_out": [
            {"machine": name, "configurations": count, "reason": why}
            for name, (count, why) in gathered.left_out.items()
        ],
        "conflicting": gathered.conflicting,
        "constraints": [
            {"name": one.name, "limit": one.limit, "unit": one.unit, "refuses": answer.refused[one.name]}
            for one in answer.constraints
        ],
        "fitting": answer.fitting,
        "rule": answer.rule,
        "pareto": [_point(one, made) for one in answer.front],
        "recommendation": {**_point(best, made), "reasons": reasons(answer, currency)} if best else None,
        "step_up": {**_point(answer.step_up, made), "words": step_up(answer, currency)} if answer.step_up else None,
        "cheaper": {**_point(answer.cheaper, made), "words": cheaper(answer)} if answer.cheaper else None,
        "price_unknown": [_point(one, made) for one in answer.unproven],
        "relax": [
            {"name": one.constraint, "limit": one.limit, "to": one.to, "unit": one.unit, "selector": one.point.selector}
            for one in answer.relaxed
        ],
        "no_fit": no_fit(answer, currency),
    }


def _point(one: Point, made: Choice) -> dict[str, Any]:
    figures: dict[str, Any] = {name: getattr(one, "complete" if name == "price_complete" else name) for name in FIGURES}
    return {
        "selector": one.selector,
        "name": one.name,
        **figures,
        "speeds": dict(zip(made.workloads, one.speeds, strict=True)),
        "durations_s": dict(zip(made.workloads, one.durations_s, strict=True)),
        "price_basis": one.price_basis,
    }


def as_sheets(made: Choice) -> list[Sheet]:
    """Return a choice as tables: every candidate, the Pareto set, and the answer in words."""
    answer, currency = made.answer, made.market.currency.lower()
    head = [
        "selector", "machine", "speed", f"price_{currency}", *FIGURES[2:],
        *(f"speed {name}" for name in made.workloads), *(f"duration_s {name}" for name in made.workloads),
        "meets_limits", "pareto", "recommended", "price_basis",
    ]  # fmt: skip
    best = set(map(id, answer.front))
    meets = np.ones(len(answer.points), dtype=np.bool_)
    for one in answer.constraints:
        meets &= one.met
    rows = [
        [
            one.selector, one.name, one.speed, one.price, one.complete,
            *(getattr(one, name) for name in FIGURES[3:]), *one.speeds, *one.durations_s,
            yes, id(one) in best, one is answer.recommendation, one.price_basis,
        ]
        for one, yes in zip(answer.points, meets.tolist(), strict=True)
    ]  # fmt: skip
    on_front = [row for row, one in zip(rows, answer.points, strict=True) if id(one) in best]
    said: list[tuple[Cell, Cell]] = [("prices", made.when)]
    if answer.recommendation:
        said.append(("recommendation", answer.recommendation.selector))
    said += [("reason", words) for words in reasons(answer, made.market.currency)]
    said += [("next step up", words) for words in [step_up(answer, made.market.currency)] if words]
    said += [("cheaper", words) for words in [cheaper(answer)] if words]
    said += [("no fit", words) for words in no_fit(answer, made.market.currency)]
    return [sheet("candidates", head, rows), sheet("pareto", head, on_front), sheet("answer", ["what", "words"], said)]


def as_points(made: Choice) -> Points:
    """Return candidates as points: price across, speed up, a colour for each machine.

    Those with a known price that every limit but the budget allows: beyond the budget one sees what it costs. The front
    is of those within it.
    """
    answer = made.answer
    allowed, affordable = (np.ones(len(answer.points), dtype=np.bool_) for _ in range(2))
    for one in answer.constraints:
        if one.name == "budget":
            affordable &= one.met
        else:
            allowed &= one.met
    shown = [
        (one, within)
        for one, yes, within in zip(answer.points, allowed.tolist(), affordable.tolist(), strict=True)
        if yes and one.complete and one.price > 0.0
    ]
    known = [one for one, _ in shown]
    x, y = np.array([one.price for one in known]), np.array([100.0 * one.speed for one in known])
    within = np.array([yes for _, yes in shown], dtype=np.bool_)
    front = np.zeros(len(known), dtype=np.bool_)
    front[within] = pareto(np.stack([x[within], -y[within]], axis=1))
    named = [one for one in (answer.recommendation, answer.cheaper) if one is not None]
    return Points(
        title=f"{' and '.join(made.workloads)}, {made.market.on or 'when new'}",
        names=(f"price [{made.market.currency}]", f"speed, 100 is {made.base}", "machine"),
        x=x,
        y=y,
        colour=np.array([one.machine_id for one in known], dtype=object),
        machines=[one.selector for one in known],
        workloads=[one.name for one in known],
        front=front,
        total=len(known),
        what="configurations",
        better=("less", "more"),
        by_ratio=True,
        named=tuple((number, one.selector) for number, one in enumerate(known) if any(one is this for this in named)),
    )
