"""The generated elimination is a linear solve, for every flow and every conductance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids
from spacegrey.simulation.kernel import elimination, generate
from spacegrey.simulation.kernel import layout as at
from spacegrey.simulation.kernel.network import LINKS, NODES, TO_AMBIENT
from spacegrey.simulation.kernel.tick import blow
from spacegrey.simulation.parameters import lane, thermal_matrix

SIZE = len(NODES)


def dense(m):
    matrix = thermal_matrix(m)
    return matrix + np.diag(m[at.CAPACITY : at.CAPACITY + SIZE])


def generated(m, right):
    blow(m, 0, 1)
    return np.array(elimination.solve(m, 0, 1, *right))


@pytest.mark.parametrize("selector", machine_ids())
def test_the_elimination_solves_every_machine(machine_of, selector):
    m = lane(machine_of(selector))
    right = np.random.default_rng(2017).uniform(-1e6, 1e6, SIZE)
    # 1e-9: condition numbers of these matrices reach 1e5, times the rounding of 1e-16
    assert generated(m, right) == pytest.approx(np.linalg.solve(dense(m), right), rel=1e-9, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.just(0.0) | st.floats(1, 3000))
def test_the_elimination_solves_random_networks(seed, rpm):
    rng = np.random.default_rng(seed)
    m = lane(machine("imac-pro"))
    m[at.CAPACITY : at.CAPACITY + SIZE] = 10.0 ** rng.uniform(-2, 5, SIZE)
    links = len(LINKS) + len(TO_AMBIENT)
    m[at.LINK : at.LINK + links] = 10.0 ** rng.uniform(-6, 6, links) * (rng.random(links) < 0.9)
    m[at.FAN_RPM] = rpm
    # against the equation itself: solutions of ill-conditioned networks may differ, their residuals may not
    right = dense(m) @ (expected := rng.uniform(200, 400, SIZE))
    found = generated(m, right)
    scale = np.abs(dense(m)) @ np.abs(expected)
    assert (np.abs(dense(m) @ found - right) <= 1e-12 * scale).all()


@given(st.integers(0, 2**32 - 1))
def test_every_lane_solves_its_own_network(seed):
    rng = np.random.default_rng(seed)
    singles = [lane(machine(name)) for name in ("imac-pro", "macbook-air-m1", "pc-x299")]
    together = np.stack(singles, axis=1).ravel()
    for number, m in enumerate(singles):
        right = rng.uniform(200, 1e5, SIZE)
        blow(together, number, len(singles))
        assert elimination.solve(together, number, len(singles), *right) == tuple(generated(m, right))


def test_the_committed_elimination_is_the_generated_one():
    with open(elimination.__file__, encoding="utf-8") as file:  # noqa: PTH123 - a module names its file as text
        assert file.read() == generate.source()


def test_the_layout_has_room_for_factors_and_links():
    assert elimination.FACTOR_COUNT <= at.FACTOR_SPACE
    assert len(LINKS) + len(TO_AMBIENT) <= at.LINK_SPACE
    assert at.NODE_COUNT == SIZE


def test_no_two_fields_share_a_place():
    named = {name: value for name, value in vars(at).items() if name.isupper() and isinstance(value, int)}
    sizes = {
        "CAPACITY": SIZE,
        "FACTORS": at.FACTOR_SPACE,
        "LINK": at.LINK_SPACE,
        "LIMIT_S": at.LIMIT_SPACE,
        "EXTREMES": at.STATISTICS * at.OBSERVED_COUNT,
    }
    not_fields = {name for name in named if name.endswith(("_COUNT", "_SPACE", "_FIELDS"))} | {
        "PHASE_BEGIN",
        "STATISTICS",
    }
    taken = [
        place
        for name, first in named.items()
        if name not in not_fields
        for place in range(first, first + sizes.get(name, 1))
    ]
    assert sorted(taken) == list(range(at.FIELD_COUNT))
