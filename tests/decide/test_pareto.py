"""The Pareto set: its points do not beat each other, and every other point is beaten by one of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from spacegrey.decide.pareto import dominates, pareto
from spacegrey.decide.points import beside, criteria, front

COSTS = arrays(np.float64, st.tuples(st.integers(0, 40), st.integers(1, 4)), elements=st.integers(0, 4).map(float))
LOOSE = COSTS.flatmap(
    lambda least: arrays(np.float64, least.shape, elements=st.sampled_from([0.0, 1.0, np.inf])).map(
        lambda more: (least, least + more)
    )
)


@given(COSTS)
def test_points_of_the_set_do_not_dominate_each_other(costs):
    kept = costs[pareto(costs)]
    assert not dominates(kept, kept).any()
    assert bool(len(costs)) == bool(len(kept)), "some point is always unbeaten"


@given(LOOSE)
def test_every_dominated_point_is_dominated_by_one_of_the_set(bounds):
    least, most = bounds
    free = pareto(least, most)
    assert dominates(most[free], least[~free]).any(axis=0).all()
    assert not dominates(most[free], least[free]).any()


@given(LOOSE)
def test_a_wider_bound_beats_no_more(bounds):
    least, most = bounds
    assert (pareto(least, most) >= pareto(least)).all()


@given(COSTS)
def test_the_set_is_the_one_that_comparing_pairs_finds(costs):
    def beaten(one):
        return any((other <= one).all() and (other < one).any() for other in costs)

    assert pareto(costs).tolist() == [not beaten(one) for one in costs]


def test_more_points_than_are_compared_at_once():
    across = np.arange(1000.0)
    costs = np.stack([across, across[::-1]], axis=1)
    assert pareto(costs).all()
    assert pareto(np.vstack([costs, [[-1.0, -1.0]]])).tolist() == [False] * 1000 + [True]


class TestFront:
    def test_it_is_over_speed_price_noise_and_energy(self, point):
        base = point("a:0")
        better = {
            "faster": point("a:1", speed=1.2, price=2000, noise=40, energy=20),
            "cheaper": point("a:2", speed=0.5, price=900, noise=40, energy=20),
            "quieter": point("a:3", speed=0.5, price=2000, noise=20, energy=20),
            "thriftier": point("a:4", speed=0.5, price=2000, noise=40, energy=5),
        }
        worse = point("a:5", speed=0.9, price=1000, noise=30, energy=10)
        kept = front([base, worse, *better.values()])
        assert {one.selector for one in kept} == {base.selector, *(one.selector for one in better.values())}
        assert [one.speed for one in kept] == sorted(one.speed for one in kept)

    def test_less_than_a_percent_of_speed_is_no_reason(self, point):
        assert front([point("a:0"), point("a:1", speed=1.004, price=1500)]) == [point("a:0")]

    def test_equals_stand_for_each_other(self, point):
        assert len(front([point("a:0"), point("b:0")])) == 1

    def test_no_points(self):
        assert front([]) == beside([], []) == []

    def test_an_unknown_price_may_be_low_enough_until_a_known_one_beats_its_bound(self, point):
        known = [point("a:0", speed=1.5, price=1000)]
        low, high = (point(f"b:{price}", price=price, complete=False) for price in (500.0, 1500.0))
        assert beside(known, [low, high]) == [low]
        assert beside([], [high]) == [high]


def test_made_up_points_are_compared_as_their_front_says(points):
    @given(points(known_prices=True))
    def holds(some):
        kept = front(some)
        costs = criteria(kept) if kept else np.zeros((0, 4))
        assert not dominates(costs, costs).any()
        assert len({tuple(one) for one in costs.tolist()}) == len(kept)
        for one in some:
            mine = criteria([one])
            assert (costs == mine).all(axis=1).any() or dominates(costs, mine).any()

    holds()


@pytest.mark.parametrize("workload", ["xcode-eidolon", "blender-cpu"])
def test_on_real_machines_no_point_of_the_front_beats_another(workload, chosen_for):
    found = chosen_for(workload, among=("imac-pro", "imac-5k-2020", "mac-pro-2019", "mac-mini-m1")).answer
    kept = criteria(found.front)
    known = criteria([one for one in found.points if one.complete])
    assert len(kept) > 1
    assert not dominates(kept, kept).any()
    assert ((kept[:, None, :] == known[None, :, :]).all(axis=2).any(axis=0) | dominates(kept, known).any(axis=0)).all()
