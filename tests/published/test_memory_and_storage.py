"""Four modules on four channels; two modules of flash behind one controller."""

import pytest

from spacegrey.machine.assembly import machine
from spacegrey.parts.memory.laws import peak_bandwidth_gb_s
from spacegrey.simulation.lowering import storage_rates_gb_s
from spacegrey.simulation.run import simulate


@pytest.mark.claims("I3")
@pytest.mark.parametrize("choice", ["32GB", "64GB", "128GB", "256GB"])
def test_four_modules_on_four_channels_carry_85_gb_a_second(choice):
    built = machine(f"imac-pro:memory={choice}")
    memory = built.memory
    assert built.memory_gib == float(choice.removesuffix("GB"))
    assert (built.memory_modules, built.memory_channels, memory.ecc) == (4, 4, True)
    peak = peak_bandwidth_gb_s(memory.transfer_mt_s, memory.bytes_per_transfer, built.memory_channels)
    assert peak == pytest.approx(85.3, abs=0.05)  # as printed, to the last digit


@pytest.mark.claims("I3")
def test_a_stream_gets_most_of_the_peak_and_no_more(run_of):
    run = run_of("memory-stream", "imac-pro")
    assert 0.7 * 85.3 < run.score.value < 85.3
    assert run.limits[0].name == "memory bandwidth"


@pytest.mark.claims("I3")
def test_half_the_channels_carry_half(tmp_path):
    path = tmp_path / "half.toml"
    path.write_text(
        'extends = "imac-pro"\n[options.memory.choices]\n'
        '"32GB" = { part = "ddr4-2666-ecc", modules = 2, gib_per_module = 16 }\n'
    )
    assert machine(str(path)).memory_channels == 2


@pytest.mark.claims("I3")
def test_a_job_that_does_not_fit_pages(machine_of, own_workload):
    job = own_workload(
        "memory_gib = 100\nmemory_touches = 10\nprocessor = { float_gop = 2000 }\n"
        'assumed = { memory_gib = "a test", memory_touches = "a test", processor = "a test" }'
    )
    small, large = (simulate(job, machine_of(f"imac-pro:memory={choice}")) for choice in ("64GB", "128GB"))
    assert small.duration_s > 5.0 * large.duration_s
    assert small.limits[0].name == "memory capacity: paging"
    assert "more memory would be much faster" in small.verdict
    assert "memory capacity: paging" not in [limit.name for limit in large.limits]


@pytest.mark.claims("I3")
def test_paging_hurts_more_the_less_memory_there_is(machine_of, own_workload):
    job = own_workload(
        'memory_gib = 31\nprocessor = { float_gop = 2000 }\nassumed = { memory_gib = "a test", processor = "a test" }'
    )
    durations = [
        simulate(job, machine_of(f"imac-pro:memory={choice}")).duration_s for choice in ("32GB", "64GB", "128GB")
    ]
    assert durations[0] > durations[1] == pytest.approx(durations[2])


@pytest.mark.claims("I4")
def test_a_larger_drive_is_faster_up_to_the_controller():
    drives = [machine(f"imac-pro:{choice}") for choice in ("1TB", "2TB", "4TB")]
    for way in (0, 1):
        rates = [storage_rates_gb_s(built)[way] for built in drives]
        ceiling = (drives[0].storage.read_ceiling_gb_s, drives[0].storage.write_ceiling_gb_s)[way]
        assert rates == sorted(set(rates))
        assert rates[-1] < min(ceiling, drives[0].storage.link_gb_s)
    assert [built.storage.modules for built in drives] == [2, 2, 2]


@pytest.mark.claims("I4")
@pytest.mark.parametrize("choice", ["1TB", "2TB", "4TB"])
def test_a_sequential_run_gets_the_drives_rate(run_of, choice):
    run = run_of("disk-sequential", f"imac-pro:{choice}")
    read, write = storage_rates_gb_s(run.machine)
    seconds = {phase.name: phase.duration_s for phase in run.phases}
    # 1 %: two seconds in steps of ten milliseconds
    assert 5.0 / seconds["read"] == pytest.approx(read, rel=0.01)
    assert 5.0 / seconds["write"] == pytest.approx(write, rel=0.01)
    assert run.limits[0].name == "storage"


@pytest.mark.claims("I4")
def test_two_modules_beat_the_drive_of_the_imac_before(run_of):
    new, old = (run_of("disk-sequential", name).score.value for name in ("imac-pro", "imac-5k-2017"))
    assert new > 1.5 * old
