"""A plan in a run: its storage and network do the work, at the rate that the planner gives."""

import pytest

from spacegrey.connections.arrange import connect
from spacegrey.connections.plan import read_plan
from spacegrey.connections.planner import READ, WRITE
from spacegrey.connections.plugged import plugged
from spacegrey.errors import Refusal
from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

COPY = """
[workload]
name = "an edit's bytes"
stands_for = "a test"
status = "illustrative"

[[phase]]
name = "{name}"
{demand}
assumed = {{ storage = "a test", network = "a test" }}
"""
ARRAY = '[[device]]\nname = "array"\nmodel = "g-speed-shuttle-ssd"\nport = "thunderbolt-1"\n'
SCREEN = '[[device]]\nname = "screen-{0}"\nmodel = "lg-ultrafine-5k"\n'


@pytest.fixture
def takes(tmp_path):
    """Return how long a demand takes on a machine with a plan. [s]"""

    def seconds(demand, text, on="imac-pro"):
        (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
        (tmp_path / "copy.toml").write_text(COPY.format(name="copy", demand=demand), encoding="utf-8")
        plan = read_plan(tmp_path / "plan.toml")
        run = simulate(workload(str(tmp_path / "copy.toml")), plugged(plan, machine(on)))
        answer = connect(plan, machine(on))
        return run.duration_s, {one.name: one.flows for one in answer.outcome.devices}, run

    return seconds


@pytest.mark.claims("X6")
@pytest.mark.parametrize(("direction", "key"), [(READ, "read_gb"), (WRITE, "write_gb")])
@pytest.mark.parametrize(
    "screens", ["", SCREEN.format(1) + 'via = "array"\n' + SCREEN.format(2)], ids=["alone", "two-5k"]
)
def test_a_run_from_the_array_takes_exactly_what_the_planner_says(takes, direction, key, screens):
    seconds, flows, _ = takes(f"storage = {{ {key} = 500 }}", 'storage = "array"\n' + ARRAY + screens)
    # A run ends on a step of its clock, 10 ms.
    assert seconds == pytest.approx(500 * 8 / flows["array"][direction].got_gbps, abs=0.011)


@pytest.mark.claims("X6")
def test_two_5k_displays_slow_the_writes_of_a_run_and_not_its_reads(takes):
    alone = 'storage = "array"\n' + ARRAY
    screens = SCREEN.format(1) + 'via = "array"\n' + SCREEN.format(2)
    writes = [takes("storage = { write_gb = 500 }", text)[0] for text in (alone, alone + screens)]
    reads = [takes("storage = { read_gb = 500 }", text)[0] for text in (alone, alone + screens)]
    assert writes[1] / writes[0] == pytest.approx(20.0 / ((40 - 28.1508) * 128 / 152), rel=1e-3)
    assert reads[0] == reads[1]


@pytest.mark.claims("X4")
@pytest.mark.parametrize(
    ("model", "port"), [("ssd-usb3", "usb-a-1"), ("sd-uhs2", "sd"), ("nvme-thunderbolt3", "thunderbolt-2")]
)
def test_usb_card_reader_and_thunderbolt_saturate_in_a_run(takes, model, port):
    text = f'storage = "x"\n[[device]]\nname = "x"\nmodel = "{model}"\nport = "{port}"\n'
    seconds, flows, run = takes("storage = { read_gb = 100 }", text)
    assert seconds == pytest.approx(800 / flows["x"][READ].got_gbps, abs=0.011)
    assert "storage" in run.limits[0].name or "drive" in run.limits[0].name


@pytest.mark.claims("X4")
@pytest.mark.parametrize("rates", [[1], [1, 2.5], [1, 2.5, 5], [1, 2.5, 5, 10]])
def test_the_network_of_a_run_negotiates_and_saturates(takes, rates):
    text = f'network = "net"\n[[device]]\nname = "net"\nkind = "network"\nlink = "ethernet"\nrates_gbps = {rates}\n'
    seconds, flows, _ = takes("network = { gb = 20 }", text)
    partner = 10 * 0.94
    assert seconds == pytest.approx(160 / min(flows["net"][READ].got_gbps, partner), abs=0.011)
    assert flows["net"][READ].got_gbps == pytest.approx(max(rates) * 1448 / 1538)


def test_an_adapter_gives_a_laptop_the_wired_network_that_it_lacks(takes):
    text = 'network = "net"\n[[device]]\nname = "net"\nmodel = "thunderbolt-10g"\n'
    assert takes("network = { gb = 20 }", text, "macbook-air-m1")[0] == pytest.approx(160 / 9.4, abs=0.02)


def test_devices_that_a_run_does_not_use_leave_it_as_it_was(takes):
    seconds, _, run = takes("storage = { read_gb = 50 }", ARRAY)
    own = simulate(run.workload, machine("imac-pro"))
    assert seconds == own.duration_s
    assert run.machine.external.storage is None


def test_power_from_the_ports_counts_at_the_wall(takes):
    text = '[[device]]\nname = "x"\nmodel = "nvme-thunderbolt3"\n'
    _, _, run = takes("storage = { read_gb = 50 }", text)
    own = simulate(run.workload, machine("imac-pro"))
    more = run.summary["wall_power_w"].mean - own.summary["wall_power_w"].mean
    assert 12.0 < more < 16.0, "12 W and the supply's loss"


def test_a_plan_that_does_not_fit_is_a_refusal(takes):
    with pytest.raises(Refusal, match="does not fit iMac Pro"):
        takes("storage = { read_gb = 1 }", "".join(SCREEN.format(n) for n in range(3)))


def test_a_device_that_never_writes_ends_no_run(takes):
    text = 'storage = "x"\n[[device]]\nname = "x"\nkind = "storage"\nlink = "usb3"\nread_gbps = 1\n'
    with pytest.raises(Refusal, match="30 simulated days"):
        takes("storage = { write_gb = 1 }", text)


def test_python_takes_a_plan_too(tmp_path):
    import spacegrey

    path = tmp_path / "plan.toml"
    path.write_text('storage = "x"\n[[device]]\nname = "x"\nmodel = "ssd-usb3"\n', encoding="utf-8")
    slow = spacegrey.run("disk-sequential", plan=str(path))
    assert slow.duration_s > 2 * spacegrey.run("disk-sequential").duration_s
