"""What the tests of deciding share: made-up configurations for the laws, and choices that were made once."""

import functools

import pytest
from hypothesis import strategies as st

from spacegrey.decide.choose import choose
from spacegrey.decide.gather import Market
from spacegrey.decide.limits import Limits
from spacegrey.decide.points import Point


def _point(
    name="a:1", speed=1.0, price=1000.0, noise=30.0, energy=10.0, *, complete=True, power=100.0, duration=60.0, **more
):
    machine_id, _, choice = name.partition(":")
    chosen = {"processor": choice, "memory": "1", "storage": "1", "graphics": "1"}
    return Point(
        selector=name, machine_id=machine_id, name=machine_id, speed=speed, speeds=(speed,), durations_s=(duration,),
        price=price, complete=complete, noise_dba=noise, energy_wh=energy, wall_power_w=power, mean_power_w=power,
        features=more.get("features", {}), chosen=more.get("chosen", chosen),
    )  # fmt: skip


@st.composite
def _points(draw, *, known_prices=False):
    drawn = draw(
        st.lists(
            st.tuples(
                st.sampled_from("abc"),
                st.sampled_from([0.5, 0.8, 1.0, 1.002, 1.5, 3.0]),
                st.sampled_from([500.0, 999.0, 1000.0, 4999.0, 13199.0]),
                st.sampled_from([18.0, 24.3, 30.0]),
                st.sampled_from([1.0, 5.0, 20.0]),
                st.just(value=True) if known_prices else st.booleans(),
                st.sampled_from([40.0, 120.0, 300.0]),
            ),
            max_size=30,
        )
    )
    return [
        _point(
            f"{machine}:{number}", speed, price, noise, energy, complete=complete, power=power, duration=60.0 / speed
        )
        for number, (machine, speed, price, noise, energy, complete, power) in enumerate(drawn)
    ]


@pytest.fixture(scope="session")
def point():
    """Return a function that makes up a configuration of one workload, named ``w`` where it needs a name."""
    return _point


@pytest.fixture(scope="session")
def points():
    """Return a strategy for up to thirty made-up configurations with few values each, so that many are equal."""
    return _points


@functools.cache
def _chosen_for(*workloads, on=None, among=(), **limits):
    asked = Limits(**{key: dict(value) if isinstance(value, tuple) else value for key, value in limits.items()})
    return choose(dict.fromkeys(workloads, 1.0), asked, Market(on), among)


@pytest.fixture(scope="session")
def chosen_for():
    """Return a function that chooses among real machines; the same question is answered once."""
    return _chosen_for
