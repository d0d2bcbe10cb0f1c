"""An answer in words: why this one, what the next step up buys, what gives most of it, and what stands in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.decide.candidates import SLOTS
from spacegrey.decide.limits import FEATURES
from spacegrey.decide.money import money
from spacegrey.decide.recommend import BEST_VALUE, CHEAPEST, FASTEST, STEP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spacegrey.decide.limits import Constraint
    from spacegrey.decide.points import Point
    from spacegrey.decide.recommend import Answer, Relaxed

NOTHING = 0.01
"""A choice that makes less than 1 % of difference adds nothing."""
SEVERAL = 3
"""So many names are listed before the rest is counted."""

_SEARCHED = {
    FASTEST: "the fastest",
    CHEAPEST: "the cheapest",
    BEST_VALUE: "the most speed for its price (no budget and no deadline were given)",
}


def reasons(answer: Answer, currency: str) -> list[str]:
    """Return why the recommendation is one, a sentence each; empty where there is none."""
    best = answer.recommendation
    if best is None:
        return []
    every = " within every limit" if answer.constraints else " with a known price"
    counted = f"{answer.fitting:,} configuration{'' if answer.fitting == 1 else 's'}{every}"
    value = f"{best.speed:.2f} times the base's speed for {money(best.price, currency)}"
    said = [f"{_SEARCHED[answer.rule]} of {counted}: {value}"]
    said += [_kept(one, best, answer, currency) for one in answer.constraints]
    if best.features.get("display") == 0.0:
        said.append("it has no display, and its price has none in it")
    said += _choices(answer, best, currency)
    unproven = [one for one in answer.unproven if _might_win(one, best, answer.rule)]
    if unproven:
        names = _several([_bound(one, currency) for one in unproven])
        said.append(f"not weighed against it, because their price is not known: {names}")
    return said


def step_up(answer: Answer, currency: str) -> str:
    """Return what the next step up buys."""
    best, more = answer.recommendation, answer.step_up
    if best is None:
        return ""
    if more is None:
        rest = " within the other limits" if any(one.name != "budget" for one in answer.constraints) else ""
        return f"nothing with a known price is {STEP:.0%} faster{rest}".replace("%", " %")
    over = next((one for one in answer.constraints if one.name == "budget"), None)
    beyond = f", {money(more.price - over.limit, currency)} over the budget" if over and more.price > over.limit else ""
    return (
        f"{more.selector}: {_faster(more, best)} for {money(more.price - best.price, currency)} more "
        f"({money(more.price, currency)}{beyond})"
        if more.price >= best.price
        else f"{more.selector}: {_faster(more, best)} and {money(best.price - more.price, currency)} cheaper, but"
        f" less speed for its price"
    )


def cheaper(answer: Answer) -> str:
    """Return which cheaper machine gives most of the speed, in percent of speed and price."""
    best, less = answer.recommendation, answer.cheaper
    if best is None or less is None:
        return ""
    bare = ", without a display" if less.features.get("display", 1.0) < best.features.get("display", 1.0) else ""
    return (
        f"{less.name} ({less.selector}) gives {less.speed / best.speed:.0%} of the speed for "
        f"{less.price / best.price:.0%} of the price{bare}"
    ).replace("%", " %")


def no_fit(answer: Answer, currency: str) -> list[str]:
    """Return why nothing is recommended, and which limit to relax and by how much."""
    if answer.recommendation is not None:
        return []
    if answer.unproven:
        names = _several([_bound(one, currency) for one in answer.unproven])
        said = [f"what would fit has a price that is not known: {names}"]
    else:
        refuse = ", ".join(f"{name} refuses {count:,}" for name, count in answer.refused.items())
        said = [f"none of {len(answer.points):,} configurations is within every limit: {refuse}"]
    if answer.relaxed:
        said += [f"{'or ' if number else ''}{_relaxed(one, currency)}" for number, one in enumerate(answer.relaxed)]
    elif answer.nearest:
        point, moved = answer.nearest
        words = " and ".join(f"{one.constraint} {_amount(one.to, one.unit)}" for one in moved)
        said.append(f"no single limit is enough; nearest is {point.selector}, which needs {words}")
    return said


def _relaxed(one: Relaxed, currency: str) -> str:
    by = abs(one.to - one.limit)
    way = "lower" if one.to < one.limit else "raise"
    change = f"{way} {one.constraint} by {_amount(by, one.unit)} to {_amount(one.to, one.unit)}"
    if one.to == 0.0:
        change = f"leave out {one.constraint}"
    return f"{change}: then {one.point.selector} fits ({money(one.point.price, currency)})"


def _kept(one: Constraint, best: Point, answer: Answer, currency: str) -> str:
    value = float(one.values[answer.points.index(best)])
    if one.name == "budget":
        return f"{money(one.limit - value, currency)} below the budget of {money(one.limit, currency)}"
    if one.at_least:
        feature = FEATURES[one.name.removeprefix("must ")]
        if one.limit == 1.0 and not feature.unit:
            return f"has {feature.words}"
        return f"{feature.words}: {_amount(value, one.unit)}, at least {_amount(one.limit, one.unit)} asked"
    what = {"max-noise": "peak noise", "max-power": "peak wall power"}.get(one.name, one.name.removeprefix("deadline "))
    took = "takes " if one.name.startswith("deadline") else ""
    return f"{what} {took}{_amount(value, one.unit)}, at most {_amount(one.limit, one.unit)} allowed"


def _choices(answer: Answer, best: Point, currency: str) -> list[str]:
    """Return what each choice that costs more than another bought, and which dearer ones would add nothing."""
    said: list[str] = []
    idle: list[str] = []
    for slot in SLOTS:
        beside = [
            one
            for one in answer.points
            if one.machine_id == best.machine_id
            and one.complete
            and one.chosen[slot] != best.chosen[slot]
            and all(one.chosen[other] == best.chosen[other] for other in best.chosen if other != slot)
        ]
        below = max(
            (one for one in beside if one.price < best.price), key=lambda one: (one.price, one.speed), default=None
        )
        above = [one for one in beside if one.price > best.price]
        if below and best.speed > (1.0 + NOTHING) * below.speed:
            said.append(
                f"{slot} {best.chosen[slot]} for {money(best.price - below.price, currency)} more than "
                f"{below.chosen[slot]}: {_faster(best, below)}"
            )
        if above and max(one.speed for one in above) <= (1.0 + NOTHING) * best.speed:
            idle.append(slot)
    if idle:
        listed = " or ".join([", ".join(idle[:-1]), idle[-1]] if len(idle) > 1 else idle)
        said.append(f"dearer {listed} would add less than 1 % to these workloads")
    return said


def _bound(one: Point, currency: str) -> str:
    least = f"at least {money(one.price, currency)}" if one.price > 0.0 else "nothing of it is known"
    return f"{one.selector} ({least})"


def _might_win(one: Point, best: Point, rule: str) -> bool:
    if rule == FASTEST:
        return one.speed_step > best.speed_step
    if rule == CHEAPEST:
        return one.price < best.price
    return one.speed / max(one.price, 1e-9) > best.speed / max(best.price, 1e-9)


def _faster(one: Point, than: Point) -> str:
    return f"{one.speed / than.speed - 1.0:.0%} faster".replace("%", " %")


def _amount(value: float, unit: str) -> str:
    if unit.isupper() and len(unit) == 3:  # noqa: PLR2004 - a currency
        return money(value, unit)
    return f"{value:.4g} {unit}".rstrip()


def _several(names: Sequence[str]) -> str:
    rest = len(names) - SEVERAL
    return ", ".join(names[:SEVERAL]) + (f" and {rest} more" if rest > 0 else "")
