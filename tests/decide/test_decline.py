"""Prices move in time along the decline of their class, with its band, and no further than it was seen."""

import datetime as dt
import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.decide.decline import COVERAGE, Decline, declines, fit
from spacegrey.decide.items import class_of
from spacegrey.decide.offers import Offer, Offers, load_offers
from spacegrey.decide.prices import price_on

START = dt.date(2018, 1, 1)
CARDS = [f"graphics/{name}" for name in ("gtx-1070", "gtx-1080", "gtx-1080-ti", "rx-vega-56", "rx-vega-64")]


def offers_of(*rows):
    """Return offers from rows of item, price, years after the start, and kind."""
    made = {}
    for item, price, years, kind in rows:
        offer = Offer(
            item=item, price=price, currency="USD", date=START + dt.timedelta(days=round(365.25 * years)), kind=kind,
            assumed={"price": "a test"},
        )  # fmt: skip
        made.setdefault(item, []).append(offer)
    return Offers({item: tuple(sorted(several, key=lambda one: one.date)) for item, several in made.items()})


def at(years):
    return START + dt.timedelta(days=round(365.25 * years))


# A fifth less each year, exactly.
FALLING = offers_of(*[(card, 500.0 * 0.8**year, year, "street") for card in CARDS[:3] for year in (0, 1, 2)])


# The fit


def test_rate_of_prices_that_fall_by_a_fifth_each_year():
    decline = declines(FALLING)["graphics"]
    assert decline.per_year == pytest.approx(-0.2, abs=1e-3)  # days are whole
    assert decline.sigma == pytest.approx(0.0, abs=1e-3)
    assert (decline.steps, decline.items) == (6, 3)
    assert decline.reach == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(("rate", "sigma"), [(0.3, 0.2), (-0.1, 0.5), (0.0, 0.05)])
def test_fit_finds_the_rate_and_the_scatter_of_random_walks(rate, sigma):
    random = np.random.default_rng(1)
    lengths = random.uniform(0.1, 2.0, 4000)
    changes = -rate * lengths + sigma * np.sqrt(lengths) * random.standard_normal(4000)
    found = fit("x", [(f"thing {n % 40}", *pair) for n, pair in enumerate(zip(lengths, changes, strict=True))])
    assert found.rate == pytest.approx(rate, abs=4 * sigma / math.sqrt(lengths.sum()))
    assert found.sigma == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("steps", [4, 8, 30])
def test_band_holds_as_many_later_prices_as_it_says(steps):
    random = np.random.default_rng(2)
    held = []
    for _ in range(2000):
        lengths = random.uniform(0.2, 1.5, steps + 1)
        changes = -0.2 * lengths + 0.3 * np.sqrt(lengths) * random.standard_normal(steps + 1)
        rows = [(f"thing {n % 3}", lengths[n], changes[n]) for n in range(steps)]
        _, low, high = fit("x", rows).factor(lengths[-1])
        held.append(low <= math.exp(changes[-1]) <= high)
    assert np.mean(held) == pytest.approx(COVERAGE, abs=4 * math.sqrt(COVERAGE * (1 - COVERAGE) / 2000))


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [("a", 1.0, -0.1)],
        [("a", 1.0, -0.1), ("b", 1.0, -0.1), ("b", 1.0, -0.1)],
        [("a", 1.0, -0.1)] * 10,
    ],
)
def test_too_few_steps_or_things_give_no_rate(steps):
    assert fit("x", steps) is None


def test_offers_of_two_shops_of_one_week_are_no_step():
    rows = [(card, price, years, "street") for card in CARDS for price, years in ((400.0, 0.0), (800.0, 0.02))]
    assert declines(offers_of(*rows)) == {}


def test_list_that_stood_is_no_step():
    listed = Offer(
        item=CARDS[4], price=499.0, currency="USD", date=START, until=at(1), kind="list", assumed={"price": "a test"}
    )
    assert declines(Offers(dict(FALLING.by_item) | {CARDS[4]: (listed,)})) == declines(FALLING)


def test_old_and_new_machines_are_not_compared():
    rows = [("imac-pro", 4999.0, 0, "list"), ("imac-pro", 3000.0, 2, "used"), ("imac-pro", 2000.0, 3, "used")]
    rows += [
        ("mac-pro-2013", 2999.0, 0, "list"),
        *[("mac-pro-2013", 1000.0 / year, year, "used") for year in (1, 2, 3)],
    ]
    assert list(declines(offers_of(*rows))) == []  # three steps only
    more = declines(offers_of(*rows, ("imac-pro", 1500.0, 4, "used")))
    assert list(more) == ["machines-used"]
    assert more["machines-used"].steps == 4


def test_catalog_supports_the_classes_that_a_pc_is_made_of():
    found = declines(load_offers())
    assert {"processors", "graphics", "memory", "storage"} <= set(found)
    for one in found.values():
        assert -0.7 < one.per_year < 0.3, one
        assert one.steps >= 4


# Prices carried along it


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0))
def test_carried_price_falls_with_time_and_its_band_widens(one, other):
    scattered = offers_of(
        *[(card, 500.0 * 0.8**year * (1.1 if (year + n) % 2 else 1.0), year, "street")
          for n, card in enumerate(CARDS[:3]) for year in (0, 1, 2)],
        (CARDS[4], 400.0, 0, "street"),
    )  # fmt: skip
    early, late = sorted((one, other))
    first, second = (price_on(CARDS[4], at(years), scattered) for years in (early, late))
    assert second.value <= first.value
    assert first.low <= first.value <= first.high
    assert second.high / second.low >= first.high / first.low


def test_carried_price_is_its_own_on_its_day():
    price = price_on(CARDS[0], START, FALLING)
    assert (price.value, price.low, price.high, price.basis) == (500.0, 500.0, 500.0, "street price of 2018-01-01")


def test_price_between_two_days_lies_on_the_line_between_their_logarithms():
    price = price_on(CARDS[0], at(0.5), FALLING)
    assert price.value == pytest.approx(500.0 * math.sqrt(0.8), rel=2e-3)
    assert price.basis == "between the prices of 2018-01-01 and 2019-01-01"


def test_price_may_be_carried_back_but_not_before_the_first_day_of_sale():
    known = offers_of(
        *[(card, 500.0 * 0.8**year, year, "street") for card in CARDS[:3] for year in (0, 1, 2)],
        (CARDS[3], 400.0, 1, "street"), (CARDS[4], 500.0, 1, "list"),
    )  # fmt: skip
    assert price_on(CARDS[3], START, known).value == pytest.approx(500.0, rel=5e-3)
    unsold = price_on(CARDS[4], START, known)
    assert (unsold.value, unsold.basis) == (None, "not sold before 2019-01-01")
    assert price_on(CARDS[4], at(2), known).value == pytest.approx(400.0, rel=5e-3)


def test_price_is_not_carried_further_than_prices_were_followed():
    assert price_on(CARDS[0], at(3.9), FALLING).value == pytest.approx(500.0 * 0.8**3.9, rel=0.01)
    beyond = price_on(CARDS[0], at(4.1), FALLING)
    assert beyond.value is None
    assert (
        beyond.basis == "the nearest price is of 2020-01-01, and prices of graphics were followed for 2.0 years at most"
    )


def test_street_price_without_a_decline_is_believed_for_a_quarter_of_a_year():
    alone = offers_of((CARDS[0], 500.0, 0, "street"))
    near, far = (price_on(CARDS[0], START + dt.timedelta(days=days), alone) for days in (92, 93))
    assert (near.value, near.basis) == (500.0, "street price of 2018-01-01")
    assert far.value is None
    assert far.basis == "the nearest price is of 2018-01-01, and no decline of graphics is fitted"


def test_list_price_with_an_end_stands_until_then():
    listed = Offer(
        item=CARDS[4], price=499.0, currency="USD", date=START, until=at(1), kind="list", assumed={"price": "a test"}
    )
    known = Offers(dict(FALLING.by_item) | {CARDS[4]: (listed,)})
    for years in (0.0, 0.5, 1.0):
        assert price_on(CARDS[4], at(years), known).value == 499.0
    assert price_on(CARDS[4], at(2.0), known).value < 450.0


def test_what_apple_asks_does_not_decline():
    offers = load_offers()
    days = [dt.date(2017, 12, 14) + dt.timedelta(days=n) for n in range(0, 960, 30)]
    assert {price_on("imac-pro/memory/128GB", day, offers).value for day in days} == {2400.0}
    assert price_on("imac-pro", dt.date(2021, 3, 19), offers).value is None


@given(st.sampled_from(sorted(load_offers().by_item)), st.dates(dt.date(2010, 1, 1), dt.date(2026, 1, 1)))
def test_any_price_is_known_with_its_band_or_unknown_with_a_reason(item, day):
    price = price_on(item, day, load_offers(), currency=load_offers().of(item)[0].currency)
    assert price.basis
    if price.value is None:
        assert (price.low, price.high, price.offer) == (None, None, None)
    else:
        assert price.offer in load_offers().of(item)
        if price.value > 0.0:
            assert 0.0 < price.low <= price.value * (1 + 1e-12)
            assert price.value <= price.high * (1 + 1e-12)


def test_prices_of_parts_do_not_jump_from_day_to_day():
    # between known days a price moves by a few percent a day at most: GTX 1080, 499 in 2017 to 800 in February 2018
    offers = load_offers()
    for item in offers.by_item:
        if class_of(item) not in declines(offers) or item.startswith("components/"):
            continue
        known = sorted({one.date for one in offers.of(item)} | {one.until for one in offers.of(item) if one.until})
        for first, second in itertools.pairwise(known):
            if (second - first).days < 4:
                continue
            middle = first + (second - first) / 2
            today, tomorrow = (price_on(item, middle + dt.timedelta(days=n), offers) for n in (0, 1))
            if today.value and tomorrow.value:
                assert abs(math.log(tomorrow.value / today.value)) < 0.05, item


def test_band_between_two_prices_closes_at_both():
    decline = Decline("x", 0.2, 0.3, 10, 3, 5.0, 2.0)
    assert decline.between(0.0, 2.0) == decline.between(2.0, 0.0) == decline.between(0.0, 0.0) == 1.0
    assert decline.between(1.0, 1.0) > decline.between(0.1, 1.9) > 1.0


def test_words_of_a_carried_price_name_class_and_rate():
    price = price_on(CARDS[0], at(2.5), FALLING)
    assert re.fullmatch(r"street price of 2020-01-01 carried along the decline of graphics \(-20 %/year\)", price.basis)
