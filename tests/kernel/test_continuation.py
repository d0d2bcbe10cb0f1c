"""State in, state out: a run that is stopped and continued is the same, bit for bit."""

import io
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacegrey.machine.assembly import machine
from spacegrey.simulation.kernel.advance import DONE, MORE, advance, prepare
from spacegrey.simulation.kernel.observe import TRACE_COLUMNS
from spacegrey.simulation.lowering import lower
from spacegrey.simulation.parameters import lane
from spacegrey.workload.library import workload

LONGER_THAN_ANY = 4000
CASES = [
    ("imac-pro", "cinebench-r15-loop"),  # trips and fans that rise
    ("imac-5k-2019", "all-out"),  # every limit at once
    ("macbook-air-m1", "office"),  # many short phases
    ("imac-pro:18-core,vega-64", "vr-90hz"),  # a pace to keep
]


class Started:
    """A run that has not taken its first step."""

    def __init__(self, selector, name):
        built = machine(selector)
        self.phases = lower(workload(name), built)
        self.m = lane(built)
        self.first, self.count = np.zeros(1, np.int64), np.array([len(self.phases)])
        self.ends = np.zeros(len(self.phases))
        self.rows = np.zeros((0, len(TRACE_COLUMNS)))
        prepare(self.m, (0,), self.phases, self.first)

    def go_on(self, seconds):
        trace = np.zeros((seconds * 10, len(TRACE_COLUMNS)))
        status, written = advance(self.m, (0,), self.phases, self.first, self.count, self.ends, trace, seconds)
        self.rows = np.concatenate([self.rows, trace[:written]])
        return status

    def result(self):
        return self.m.tobytes(), self.ends.tobytes(), self.rows.tobytes()


def whole(selector, name):
    run = Started(selector, name)
    assert run.go_on(LONGER_THAN_ANY) == DONE
    return run.result()


@pytest.mark.parametrize(("selector", "name"), CASES)
@pytest.mark.parametrize("chunk_s", [1, 7, 13, 600])
def test_a_run_in_chunks_is_the_run_in_one(selector, name, chunk_s):
    run = Started(selector, name)
    while run.go_on(chunk_s) == MORE:
        pass
    assert run.result() == whole(selector, name)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 90), min_size=1, max_size=20))
def test_a_run_may_be_stopped_at_any_second(chunks):
    selector, name = CASES[0]
    run = Started(selector, name)
    for seconds in itertools.cycle(chunks):
        if run.go_on(seconds) == DONE:
            break
    assert run.result() == whole(selector, name)


@pytest.mark.parametrize("at_s", [1, 100, 250])
def test_a_run_may_go_on_from_a_file(at_s):
    selector, name = CASES[0]
    before = Started(selector, name)
    assert before.go_on(at_s) == MORE
    kept = io.BytesIO()
    np.savez(kept, m=before.m, ends=before.ends, rows=before.rows)
    after = Started(selector, name)
    kept.seek(0)
    with np.load(kept) as file:
        after.m, after.ends, after.rows = file["m"], file["ends"], file["rows"]
    assert after.go_on(LONGER_THAN_ANY) == DONE
    assert after.result() == whole(selector, name)


def test_the_trace_does_not_change_the_run():
    selector, name = CASES[0]
    seen, unseen = Started(selector, name), Started(selector, name)
    seen.go_on(LONGER_THAN_ANY)
    none = np.zeros((0, len(TRACE_COLUMNS)))
    advance(unseen.m, (0,), unseen.phases, unseen.first, unseen.count, unseen.ends, none, LONGER_THAN_ANY)
    assert seen.m.tobytes() == unseen.m.tobytes()
    assert seen.ends.tobytes() == unseen.ends.tobytes()
