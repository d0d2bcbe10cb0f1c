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


PAIR = (
    '[[device]]\nname = "raid"\nmodel = "g-speed-shuttle-ssd"\nport = "thunderbolt-1"\n'
    '[[device]]\nname = "scratch"\nmodel = "nvme-thunderbolt3"\nport = "thunderbolt-{0}"\n'
)


def test_a_phase_reads_from_one_device_and_writes_to_another(takes):
    demand = 'storage = {{ read_gb = {}, write_gb = {}, read_from = "raid", write_to = "scratch" }}'
    for read, write in ((500, 1), (1, 500)):
        seconds, flows, _ = takes(demand.format(read, write), PAIR.format(2))
        rates = read * 8 / flows["raid"][READ].got_gbps, write * 8 / flows["scratch"][WRITE].got_gbps
        assert seconds == pytest.approx(max(rates), abs=0.011), "side by side: the slower of the two"
    shared = takes(demand.format(500, 1), PAIR.format(2))[0]
    assert shared > 1.4 * takes(demand.format(500, 1), PAIR.format(3))[0], "both behind one controller, or not"


def test_one_device_takes_turns_with_reads_and_writes(takes):
    demand = 'storage = { read_gb = 100, write_gb = 100, read_from = "raid", write_to = "raid" }'
    seconds, flows, _ = takes(demand, PAIR.format(3))
    assert seconds == pytest.approx(sum(800 / flows["raid"][way].got_gbps for way in (READ, WRITE)), abs=0.011)


def test_a_phase_may_read_the_machine_s_own_drive_and_write_outside(takes):
    from spacegrey.simulation.lowering import storage_rates_gb_s

    demand = 'storage = { read_gb = 500, write_gb = 10, write_to = "raid" }'
    seconds = takes(demand, PAIR.format(3))[0]
    assert seconds == pytest.approx(500 / storage_rates_gb_s(machine("imac-pro"))[0], abs=0.011)


def test_a_device_that_is_not_plugged_in_is_a_refusal_that_lists_those_that_are(takes, tmp_path):
    with pytest.raises(Refusal, match=r"'tape'; plan 'plan' has: raid, scratch"):
        takes('storage = { read_gb = 1, read_from = "tape" }', PAIR.format(3))
    alone = workload(str(tmp_path / "copy.toml"))
    with pytest.raises(Refusal, match=r"'tape'; nothing is plugged in: name a plan"):
        simulate(alone, machine("imac-pro"))


@pytest.mark.claims("X4")
def test_bytes_over_a_network_cost_the_processor_and_bytes_of_a_drive_do_not(takes):
    server = 'storage = "x"\n[[device]]\nname = "x"\nkind = "storage"\nlink = "ethernet"\nread_gbps = 9\n'
    run = takes("storage = { read_gb = 500 }", server)[2]
    drive = server.replace("ethernet", "usb3.1-gen2").replace("= 9", "= 8.7")
    watts = [
        run.summary["cpu_power_w"].mean,
        takes("storage = { read_gb = 500 }", drive)[2].summary["cpu_power_w"].mean,
    ]
    assert watts[0] > watts[1] + 1.0
    jumbo = takes("storage = { read_gb = 500 }", server + "frame_bytes = 9000\n")[2].summary["cpu_power_w"].mean
    assert watts[1] < jumbo < watts[0]


def test_a_busy_processor_slows_by_what_the_network_costs_it(takes):
    def seconds(gop, gb):
        demand = f'processor = {{ integer_gop = {gop}, assumed = {{ integer_gop = "a test" }} }}'
        return takes(f"{demand}\nnetwork = {{ gb = {gb} }}", ARRAY)[0]

    # 0.9 cycles for a byte: 500 GB are 450 operations of 10^9, beside 20,000 of the work itself
    assert seconds(20_000, 500) == pytest.approx(seconds(20_450, 0), rel=1e-4)
    assert seconds(20_000, 500) > 1.02 * seconds(20_000, 0)


@pytest.mark.claims("I5")
def test_a_run_over_wifi_takes_what_the_radio_carries(takes):
    text = 'network = "air"\n[[device]]\nname = "air"\nkind = "network"\nlink = "wifi"\ndistance_m = {0}\n'
    for metres in (3, 20):
        seconds, flows, _ = takes("network = { gb = 5 }", text.format(metres))
        assert seconds == pytest.approx(40 / flows["air"][READ].got_gbps, abs=0.011)
        assert takes('network = { gb = 5, link = "wifi" }', text.format(metres))[0] == seconds


def test_work_that_asks_for_the_air_is_not_given_a_wire(takes):
    wired = 'network = "net"\n[[device]]\nname = "net"\nmodel = "network-10g"\n'
    own = takes('network = { gb = 5, link = "wifi" }', ARRAY)[0]
    assert takes('network = { gb = 5, link = "wifi" }', wired)[0] == own > takes("network = { gb = 5 }", wired)[0]
