"""The SMC's keys are answered from the simulation, and a fan's target reaches the cooling model."""

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2 import smc
from spacegrey.virtual.instance import FORMAT, Instance, InstanceFile
from spacegrey.virtual.management import measured, write


@pytest.fixture
def bare(tmp_path):
    """Return a function that gives a machine's folder without its chip: the SMC needs none."""

    def make(selector="imac-pro"):
        file = InstanceFile(format=FORMAT, selector=selector, ecid=f"0x{1:016X}", attempts="2022", made_by="0")
        return Instance(tmp_path, file)

    return make


@pytest.mark.claims("T1")
def test_keys_say_what_the_run_says(bare, run_of):
    trace = run_of("cinebench-r15-loop", "imac-pro").trace
    found = measured(bare(), "cinebench-r15-loop", 60.0)
    row = int((trace["time_s"] <= 60.0).sum()) - 1
    assert found["cpu_junction_c"] == trace["cpu_temp_c"][row]
    assert smc.decode("sp78", smc.read("TC3c", found)) == pytest.approx(trace["cpu_temp_c"][row], abs=1 / 256)
    assert smc.decode("flt ", smc.read("F1Ac", found)) == pytest.approx(trace["fan_rpm"][row])
    assert found["wall_power_w"] == trace["wall_power_w"][row]
    delivered = smc.decode("flt ", smc.read("PSTR", found))
    assert 0.8 * found["wall_power_w"] < delivered < 0.95 * found["wall_power_w"], "behind the supply"
    assert smc.decode("flt ", smc.read("ID2R", found)) * 12.0 == pytest.approx(delivered)
    assert smc.decode("flt ", smc.read("PCPR", found)) == pytest.approx(trace["cpu_power_w"][row])
    assert smc.decode("sp78", smc.read("TA0p", measured(bare("imac-pro+ambient=31C")))) == 31.0


@pytest.mark.claims("T1")
def test_zones_of_the_power_control_and_limits_hang_together_as_in_the_published_dumps(bare):
    """Zone 0 is processor and graphics together, 1 the processor, 2 and 3 the graphics, 4 the system."""
    found = measured(bare(), "blender-gpu", 60.0)
    value = {name: smc.shown(name, smc.read(name, found)) for name, key in smc.smc_keys().items() if key.reads}
    assert value["PZ0G"] == pytest.approx(value["PCTR"] + value["PGTR"], rel=1e-6)
    assert (value["PZ1G"], value["PZ2G"], value["PZ3G"]) == (value["PCTR"], value["PGTR"], value["PGTR"])
    assert value["PZ4G"] == value["PSTR"] > value["PZ0G"] > value["PGTR"] > value["PCTR"]
    assert value["TC0F"] == pytest.approx(value["TC0E"] + value["TC0J"])
    assert value["TG0F"] == pytest.approx(value["TG0E"] + value["TG0J"])
    assert value["VD2R"] * value["ID2R"] == pytest.approx(value["PD2R"], rel=1e-6)
    assert value["ID2I"] == pytest.approx(value["ID2R"], abs=1 / 512)


@pytest.mark.claims("T1")
def test_a_fan_s_target_reaches_the_cooling_model_and_more_fan_is_cooler(bare):
    machine = bare()
    before = measured(machine, "cinebench-r15-loop", 60.0)
    write(machine, "F0Tg", 2000.0)
    assert measured(machine, "cinebench-r15-loop", 60.0)["fan_rpm"] == before["fan_rpm"], "it is not held yet"
    write(machine, "F0Md", 1.0)
    after = measured(machine, "cinebench-r15-loop", 60.0)
    assert after["fan_rpm"] == pytest.approx(2000.0)
    assert after["fan_target_rpm"] == 2000.0
    assert after["cpu_junction_c"] < before["cpu_junction_c"] - 1.0
    write(machine, "F0Md", 0.0)
    assert measured(machine, "cinebench-r15-loop", 60.0) == before


@pytest.mark.parametrize(("selector", "missing"), [("imac-pro", {8, 9}), ("imac-pro:10-core", set())])
def test_an_8_core_machine_misses_cores_8_and_9(bare, selector, missing):
    found = measured(bare(selector))
    assert {n for n in range(10) if smc.decode("sp78", smc.read(f"TC{n}c", found)) == -127.0} == missing


def test_a_moment_beyond_the_work_and_a_damaged_file_are_refused(bare):
    with pytest.raises(InputError, match="idle takes 600 s"):
        measured(bare(), "idle", 1e6)
    (bare().folder / "smc.json").write_text("[]")
    with pytest.raises(Refusal, match=r"smc\.json cannot be read"):
        measured(bare())
