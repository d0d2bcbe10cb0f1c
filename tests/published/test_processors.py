"""Four processors in one body: more cores do more together and clock lower."""

import pytest

from spacegrey.machine.assembly import machine
from spacegrey.simulation.lowering import licence_ghz
from spacegrey.simulation.validation.comparison import facts
from spacegrey.workload.spec import ProcessorDemand

CORES = {"8-core": 4.2, "10-core": 4.5, "14-core": 4.3, "18-core": 4.3}
"""Choice to the highest turbo clock that Apple printed. [GHz]"""


@pytest.mark.claims("I2")
@pytest.mark.parametrize(("choice", "turbo_ghz"), CORES.items())
def test_turbo_reaches_the_printed_clock(choice, turbo_ghz):
    built = machine(f"imac-pro:{choice}")
    assert facts(built)["turbo_ghz"] == turbo_ghz
    assert built.processor.cores == int(choice.removesuffix("-core"))


@pytest.mark.claims("I2")
def test_more_cores_clock_lower_and_do_more(run_of):
    runs = [run_of("cinebench-r15", f"imac-pro:{choice}") for choice in CORES]
    clocks = [run.summary["cpu_clock_ghz"].mean for run in runs]
    scores = [run.score.value for run in runs]
    assert clocks == sorted(set(clocks), reverse=True)
    assert scores == sorted(set(scores))


@pytest.mark.claims("I2")
def test_each_added_core_adds_less(run_of):
    scores = [run_of("cinebench-r15", f"imac-pro:{choice}").score.value for choice in CORES]
    each = [score / int(choice.removesuffix("-core")) for score, choice in zip(scores, CORES, strict=True)]
    assert each == sorted(each, reverse=True)


@pytest.mark.claims("I2")
def test_single_thread_speed_follows_the_turbo_bin(run_of):
    runs = {choice: run_of("cinebench-r15-single", f"imac-pro:{choice}") for choice in CORES}
    base = runs["8-core"].score.value / CORES["8-core"]
    for choice, turbo_ghz in CORES.items():
        # 1 %: the clock is the only difference between these chips that one thread feels
        assert runs[choice].score.value == pytest.approx(base * turbo_ghz, rel=0.01)
        assert runs[choice].summary["cpu_clock_ghz"].max == pytest.approx(turbo_ghz, rel=1e-6)


@pytest.mark.claims("I2")
@pytest.mark.parametrize("choice", CORES)
def test_heavy_vectors_take_clock(machine_of, choice):
    built = machine_of(f"imac-pro:{choice}")
    clocks = [
        licence_ghz(ProcessorDemand(vector=kind), built, built.processor.cores) for kind in ("none", "avx2", "avx512")
    ]
    assert clocks == sorted(set(clocks), reverse=True)
