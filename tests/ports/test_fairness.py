"""Shares are max-min fair: as a linear program says, and as the definition says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from spacegrey.parts.ports.fairness import max_min

RATES = st.floats(0.05, 40.0).map(lambda x: round(x, 3))


def by_linear_programs(capacity, paths, wanted):
    """Return the lexicographically largest sorted rates: one program for each level, then one for each flow."""
    flows, links = list(paths), list(capacity)
    rows = np.array([[float(link in paths[flow]) for flow in flows] for link in links])
    room = np.array([capacity[link] for link in links])
    fixed = {}
    while len(fixed) < len(flows):
        free = [number for number, flow in enumerate(flows) if flow not in fixed]
        bounds = [(fixed.get(flow, 0.0), fixed.get(flow, wanted[flow])) for flow in flows]
        # variables: rates, level; every free rate is at least the level
        above = np.zeros((len(free), len(flows) + 1))
        for row, number in enumerate(free):
            above[row, number], above[row, -1] = -1.0, 1.0
        matrix = np.vstack([np.hstack([rows, np.zeros((len(links), 1))]), above])
        limit = np.concatenate([room + 1e-9, np.zeros(len(free))])
        objective = np.zeros(len(flows) + 1)
        objective[-1] = -1.0
        found = linprog(objective, matrix, limit, bounds=[*bounds, (0.0, None)])
        assert found.status == 0
        level = -found.fun
        before = len(fixed)
        for number in free:
            most = np.zeros(len(flows) + 1)
            most[number] = -1.0
            top = -linprog(most, matrix, limit, bounds=[*bounds, (level - 1e-9, level)]).fun
            if top < level + 1e-6:
                fixed[flows[number]] = level
        assert len(fixed) > before
    return fixed


@st.composite
def trees(draw):
    """Draw links that form a tree, and flows from anywhere in it to the root."""
    above = {"n0": None}
    for number in range(1, draw(st.integers(1, 7))):
        above[f"n{number}"] = f"n{draw(st.integers(0, number - 1))}"
    capacity = {link: draw(RATES) for link in above}
    paths, wanted = {}, {}
    for number in range(draw(st.integers(1, 6))):
        here, path = draw(st.sampled_from(sorted(above))), []
        while here is not None:
            path.append(here)
            here = above[here]
        paths[f"f{number}"], wanted[f"f{number}"] = path, draw(RATES)
    return capacity, paths, wanted


@st.composite
def networks(draw):
    """Draw links of any kind, and flows over any of them."""
    links = [f"l{number}" for number in range(draw(st.integers(1, 5)))]
    capacity = {link: draw(RATES) for link in links}
    count = draw(st.integers(1, 6))
    paths = {f"f{n}": draw(st.lists(st.sampled_from(links), min_size=1, unique=True)) for n in range(count)}
    return capacity, paths, {flow: draw(RATES) for flow in paths}


@settings(max_examples=60, deadline=None)
@given(networks())
def test_filling_agrees_with_linear_programs(case):
    capacity, paths, wanted = case
    expected = by_linear_programs(capacity, paths, wanted)
    assert max_min(capacity, paths, wanted).rates == pytest.approx(expected, abs=1e-5)


@settings(max_examples=300, deadline=None)
@given(networks())
def test_no_link_carries_more_than_it_can_and_no_room_is_left_to_a_flow_that_wants_more(case):
    capacity, paths, wanted = case
    shares = max_min(capacity, paths, wanted)
    load = {link: sum(shares.rates[flow] for flow in paths if link in paths[flow]) for link in capacity}
    for link, sum_of_rates in load.items():
        assert sum_of_rates <= capacity[link] * (1 + 1e-9)
    for flow, rate in shares.rates.items():
        assert 0.0 <= rate <= wanted[flow]
        limit = shares.limited_by[flow]
        if limit is None:
            assert rate == wanted[flow]
        else:
            # The link is full, and nobody on it has more: that is the definition of max-min fair.
            assert load[limit] == pytest.approx(capacity[limit], rel=1e-9)
            assert all(shares.rates[other] <= rate * (1 + 1e-9) for other in paths if limit in paths[other])


@settings(max_examples=300, deadline=None)
@given(trees(), st.data())
def test_on_a_tree_one_more_flow_raises_nobody_s_rate(case, data):
    capacity, paths, wanted = case
    with_it = max_min(capacity, paths, wanted).rates
    gone = data.draw(st.sampled_from(sorted(paths)))
    rest = {flow: path for flow, path in paths.items() if flow != gone}
    without = max_min(capacity, rest, wanted).rates
    for flow in rest:
        assert with_it[flow] <= without[flow] * (1 + 1e-9)


@settings(max_examples=200, deadline=None)
@given(trees(), st.data())
def test_a_narrower_link_raises_nobody_s_rate_behind_it(case, data):
    """What displays reserve narrows links: who shares the display's link never gains by it."""
    capacity, paths, wanted = case
    link = data.draw(st.sampled_from(sorted(capacity)))
    less = {**capacity, link: capacity[link] * data.draw(st.floats(0.0, 1.0))}
    before, after = max_min(capacity, paths, wanted).rates, max_min(less, paths, wanted).rates
    for flow in paths:
        if link in paths[flow]:
            assert after[flow] <= before[flow] * (1 + 1e-9) + 1e-12


def test_a_narrower_link_can_raise_a_rate_beside_it():
    """A display on the first array's link slows that array's writes, which leaves more to the second."""
    paths, wanted = {"first": ["a", "uplink"], "second": ["b", "uplink"]}, {"first": 20.0, "second": 20.0}
    wide = max_min({"a": 33.7, "b": 33.7, "uplink": 22.0}, paths, wanted).rates
    narrow = max_min({"a": 10.0, "b": 33.7, "uplink": 22.0}, paths, wanted).rates
    assert wide == {"first": 11.0, "second": 11.0}
    assert narrow == {"first": 10.0, "second": 12.0}


def test_away_from_trees_one_more_flow_can_raise_another_s_rate():
    """Three flows that do not all end at one root: the third slows the second, which leaves more to the first."""
    capacity = {"x": 10.0, "y": 10.0}
    paths = {"first": ["x"], "second": ["x", "y"], "third": ["y"], "fourth": ["y"], "fifth": ["y"]}
    wanted = dict.fromkeys(paths, 100.0)
    few = {flow: paths[flow] for flow in ("first", "second")}
    assert max_min(capacity, few, wanted).rates["first"] == 5.0
    assert max_min(capacity, paths, wanted).rates["first"] == 7.5


def test_a_link_without_room_stops_its_flows_and_no_other():
    shares = max_min({"a": 0.0, "b": 4.0}, {"f": ["a", "b"], "g": ["b"]}, {"f": 3.0, "g": 3.0})
    assert shares.rates == {"f": 0.0, "g": 3.0}
    assert shares.limited_by == {"f": "a", "g": None}


def test_rates_do_not_depend_on_the_order_of_flows():
    capacity = {"a": 7.0, "b": 3.0}
    paths = {"f": ["a"], "g": ["b", "a"], "h": ["b", "a"]}
    wanted = {"f": 9.0, "g": 2.0, "h": 9.0}
    turned = dict(reversed(paths.items()))
    assert max_min(capacity, paths, wanted).rates == max_min(capacity, turned, wanted).rates
    assert math.isclose(sum(max_min(capacity, paths, wanted).rates.values()), 7.0)
