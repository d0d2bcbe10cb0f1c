"""What used machines bring: the curve rests on cited sums, falls with age, and refuses what nobody saw."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.decide.offers import load_offers
from spacegrey.decide.resale import Point, fit, fit_points, resale
from spacegrey.errors import InputError, Refusal
from spacegrey.sourced import sources

DAY = dt.date(2020, 1, 1)


def point(age, share, way="used", machine="a"):
    return Point(machine, way, age, share, DAY, "")


def test_every_point_of_the_curve_is_cited():
    for one in fit().points:
        assert one.source in sources()
        assert 0.0 < one.share <= 1.0
        assert one.age >= 0.0


def test_older_machines_bring_less_and_the_band_holds_most_sums():
    curve = fit()
    assert 0.1 < curve.rate < 0.5
    shares = [curve.share(age / 4.0)[0] for age in range(20)]
    assert shares == sorted(shares, reverse=True)
    inside = sum(low <= one.share <= high for one in curve.points for _, low, high in [curve.share(one.age, one.way)])
    # 80 % is meant; of about thirty sums that hang together
    assert 0.7 <= inside / len(curve.points) <= 0.97


def test_what_a_dealer_asks_is_above_what_the_maker_gives():
    curve = fit()
    assert all(curve.share(age, "refurbished")[0] > curve.share(age, "trade-in")[0] for age in (1.0, 3.0, 5.0))


@given(
    st.floats(0.02, 0.8),
    st.floats(0.1, 1.0),
    st.lists(st.integers(0, 32).map(lambda quarter: quarter / 4.0), min_size=5, max_size=20, unique=True),
)
def test_an_exact_line_is_found_again(rate, level, ages):
    curve = fit_points([point(age, level * math.exp(-rate * age)) for age in ages])
    assert curve.rate == pytest.approx(rate, rel=1e-6, abs=1e-9)
    value, low, high = curve.share(max(ages), "used")
    assert value == pytest.approx(level * math.exp(-rate * max(ages)), rel=1e-6)
    assert low == pytest.approx(high, rel=1e-4)


@given(st.lists(st.tuples(st.floats(0.0, 8.0), st.floats(0.01, 1.0)), min_size=4, max_size=30), st.floats(0.0, 8.0))
def test_a_band_holds_its_value_and_stays_between_nothing_and_the_price(drawn, age):
    try:
        curve = fit_points([point(*one) for one in drawn])
    except Refusal:
        return
    if age > max(one[0] for one in drawn) + 1.0:
        return
    value, low, high = curve.share(age, "used")
    assert 0.0 <= low <= value <= high <= 1.0


def test_too_few_sums_are_refused():
    with pytest.raises(Refusal, match="too few cited sums"):
        fit_points([point(1.0, 0.5), point(2.0, 0.4)])
    with pytest.raises(Refusal, match="too few cited sums"):
        fit_points([point(1.0, share) for share in (0.5, 0.4, 0.3, 0.6, 0.7)])
    with pytest.raises(Refusal, match="sold used to fit a curve; there is one for: trade-in"):
        fit().share(1.0, "used")


def test_ages_that_nobody_saw_are_refused():
    curve = fit()
    with pytest.raises(Refusal, match="cited sums end at"):
        curve.share(12.0)
    for age in (-0.1, math.nan, math.inf):
        with pytest.raises(InputError, match="sold after its model"):
            curve.share(age)
    with pytest.raises(InputError, match="unknown way of selling 'barter'"):
        curve.share(1.0, "barter")


def test_options_bring_nothing_in_the_middle_of_the_band():
    day = dt.date(2021, 12, 14)
    base, full = resale("imac-pro", day), resale("imac-pro:18-core,128GB,4TB,vega-64", day)
    assert (base.value, base.low) == (full.value, full.low)
    assert full.high / base.high == pytest.approx(13199.0 / 4999.0)
    # Apple gave 970 USD for a Mac Pro of 52,199 USD: twice that is said here, and 16 times by its share of that price
    told = resale("mac-pro-2019", dt.date(2023, 1, 18))
    assert 1.0 < told.value / 970.0 < 2.0
    assert told.value * 52199.0 / 5999.0 / 970.0 > 10.0


def test_days_before_the_sale_and_machines_without_sums_are_refused():
    with pytest.raises(InputError, match="not sold before 2017-12-14"):
        resale("imac-pro", dt.date(2017, 1, 1))
    with pytest.raises(Refusal, match="no cited sums of used ones"):
        resale("pc-x299", dt.date(2021, 1, 1))
    with pytest.raises(Refusal, match="cited sums end at"):
        resale("imac-pro", dt.date(2035, 1, 1))


def test_a_users_own_used_offers_give_a_curve_of_their_own(tmp_path):
    path = tmp_path / "seen.toml"
    path.write_text(
        "".join(
            f'[[offer]]\nitem = "imac-pro"\nprice = {price}\ncurrency = "USD"\ndate = {year}-12-14\nkind = "used"\n'
            'assumed = { price = "seen" }\n'
            for year, price in ((2018, 4000), (2019, 3200), (2020, 2560), (2021, 2048))
        )
    )
    found = resale("imac-pro", dt.date(2022, 12, 14), load_offers(path), way="used")
    assert found.low < 0.8 * 2048.0 < found.high
