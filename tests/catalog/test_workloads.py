"""Every workload of the library loads, and runs or refuses; what does not hold is refused with its line."""

import math

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.catalog import machine_ids
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload, workload_ids

ASKED_FOR = {
    "idle",
    "cinebench-r15-single",
    "cinebench-r15",
    "cinebench-r15-loop",
    "blender-cpu",
    "blender-gpu",
    "geekbench-5",
    "geekbench-5-single",
    "geekbench-6",
    "passmark-cpu",
    "xcodebenchmark",
    "hevc-to-prores",
    "final-cut-4k",
    "playback-h264-4k60",
    "playback-hevc-4k60",
    "cfd-usm3d",
    "memory-stream",
    "memory-latency",
    "hash-scaling",
    "disk-sequential",
    "vr-90hz",
    "realtime-3d-60",
    "ml-fp16",
    "all-out",
}
HEAD = '[workload]\nname = "own"\nstands_for = "a test"\nstatus = "illustrative"\n\n'
PHASE = '[[phase]]\nname = "work"\nprocessor = { float_gop = 1 }\nassumed = { processor = "a test" }\n'


def test_the_library_holds_the_workloads_asked_for():
    assert set(workload_ids()) >= ASKED_FOR


@pytest.mark.parametrize("name", workload_ids())
def test_every_workload_says_what_it_stands_for(name):
    spec = workload(name).spec
    assert len(spec.stands_for.split()) >= 4
    assert spec.source or spec.assumed or all(phase.assumed or phase.source for phase in workload(name).phases)


@pytest.mark.parametrize("selector", ["imac-pro", "macbook-air-m1"])
@pytest.mark.parametrize("name", workload_ids())
def test_every_workload_runs_or_refuses(run_of, name, selector):
    try:
        run = run_of(name, selector)
    except Refusal as refusal:
        assert name in str(refusal)  # noqa: PT017 - a refusal is one of two right answers
        return
    assert run.energy_balance_error < 1e-9
    if run.score:
        assert math.isfinite(run.score.value)
        assert run.score.value > 0.0


@pytest.mark.parametrize("selector", machine_ids())
def test_the_machine_of_each_library_run_is_in_it(run_of, selector):
    run = run_of("cinebench-r15", selector)
    assert run.machine.selector == selector
    assert run.workload.id == "cinebench-r15"
    assert run.verdict.endswith(".")


@pytest.fixture
def refused(tmp_path):
    """Return a function that gives the one line in which a workload file is refused."""

    def read(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            workload(str(path))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    return read


@pytest.mark.parametrize(
    ("line", "text", "says"),
    [
        (1, "[engine]\nx = 1\n" + HEAD + PHASE, "unknown key 'engine'"),
        (9, HEAD + PHASE.replace("assumed", 'colour = "grey"\nassumed'), "unknown key 'colour'"),
        (8, HEAD + PHASE.replace("float_gop", "float_gops"), "float_gops"),
        (8, HEAD + PHASE.replace("= 1", "= -1"), "float_gop"),
        (8, HEAD + PHASE.replace("= 1", "= nan"), "float_gop"),
        (8, HEAD + PHASE.replace("= 1", "= inf"), "float_gop"),
        (8, HEAD + PHASE.replace("= 1", '= "much"'), "float_gop"),
        (6, HEAD + PHASE + PHASE, "two phases have the same name"),
        (6, HEAD + '[[phase]]\nname = "work"\n', "asks for nothing"),
        (4, HEAD.replace("illustrative", "perfect") + PHASE, "status"),
        (5, HEAD.rstrip() + "\nrepeat = 0\n\n" + PHASE, "repeat"),
        (1, HEAD, "at least one [[phase]]"),
        (1, PHASE, "[workload] is missing"),
    ],
)
def test_what_does_not_hold_is_named_with_its_line(refused, line, text, says):
    message = refused(text)
    assert message.startswith(f"mine.toml:{line}:")
    assert says in message


def test_a_score_of_an_unknown_phase_is_refused(refused):
    score = '[workload.score]\nunit = "x"\nkind = "rate"\nphases = ["rest"]\n\n'
    assert "unknown phase 'rest'" in refused(HEAD + score + PHASE)


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("cinebench", "did you mean"),
        ("none.toml", "no such file"),
        ("idle:speed=3", "unknown variation 'speed'"),
        ("idle:repeat=0", "repeat must be a whole number from 1"),
        ("idle:repeat=1e3", "repeat must be a whole number from 1"),
        ("idle:repeat=100000000", "repeat must be a whole number from 1"),
        ("cinebench-r15-loop:repeat=100000", "more than 100000 phases"),
        ("idle:size=3", "one size only"),
        ("idle:", "unknown variation ''"),
    ],
)
def test_a_wrong_name_is_one_line_with_the_choices(reference, says):
    with pytest.raises(InputError) as caught:
        workload(reference)
    assert says in str(caught.value)


def test_a_repeat_is_that_many_times_the_work(run_of):
    once, thrice = (run_of(f"cinebench-r15-single:repeat={count}", "imac-pro") for count in (1, 3))
    assert len(thrice.phases) == 3 * len(once.phases)
    assert thrice.score.value == pytest.approx(once.score.value, rel=1e-6)  # no heat limits it


def test_a_job_without_its_port_is_refused(own_workload, machine_of):
    wired = own_workload('network = { gb = 1 }\nassumed = { network = "a test" }')
    with pytest.raises(Refusal, match="needs Ethernet, and MacBook Air"):
        simulate(wired, machine_of("macbook-air-m1"))
    gigabit = simulate(wired, machine_of("imac-5k-2017")).duration_s
    ten = simulate(wired, machine_of("imac-pro")).duration_s
    assert gigabit == pytest.approx(10.0 * ten, rel=0.02)  # steps of 10 ms in a second
