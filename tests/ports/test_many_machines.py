"""One plan on many machines: in compare, in a sweep, in a batch."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from spacegrey.connections.plan import read_plan
from spacegrey.connections.plugged import plugged
from spacegrey.errors import Refusal
from spacegrey.interfaces.cli.application import app
from spacegrey.machine.assembly import machine
from spacegrey.simulation.batch import simulate_batch
from spacegrey.simulation.run import simulate
from spacegrey.simulation.sweep.file import read_sweep
from spacegrey.simulation.sweep.plan import fingerprint
from spacegrey.simulation.sweep.plan import plan as swept
from spacegrey.simulation.sweep.rows import run_chunk
from spacegrey.workload.library import workload

ARRAY = 'storage = "array"\n[[device]]\nname = "array"\nkind = "storage"\nlink = "{0}"\nread_gbps = 3\nwrite_gbps = 3\n'


@pytest.fixture
def desk(tmp_path):
    path = tmp_path / "desk.toml"
    path.write_text(ARRAY.format("usb3"), encoding="utf-8")
    return path


def alone(selector, desk):
    return simulate(workload("disk-sequential"), plugged(read_plan(desk), machine(selector)))


def test_compare_plugs_the_plan_into_each_machine(desk):
    names = ("imac-pro", "imac-5k-2017")
    result = CliRunner().invoke(
        app, ["compare", "disk-sequential", "--on", names[0], "--on", names[1], "--plan", str(desk), "--json"]
    )
    assert result.exit_code == 0, result.output
    runs = json.loads(result.stdout)["workloads"][0]["runs"]
    assert [one["duration_s"] for one in runs] == [alone(name, desk).duration_s for name in names]
    assert runs[0]["duration_s"] > 2 * simulate(workload("disk-sequential"), machine("imac-pro")).duration_s


def test_compare_refuses_for_the_machine_that_the_plan_does_not_fit(desk):
    desk.write_text(ARRAY.format("thunderbolt3"), encoding="utf-8")
    result = CliRunner().invoke(
        app, ["compare", "disk-sequential", "--on", "imac-pro", "--on", "pc-client", "--plan", str(desk), "--json"]
    )
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)["workloads"][0]["runs"]
    assert first["refusal"] is None
    assert "no free port for thunderbolt3" in second["refusal"]


def sweep_of(desk, machines, extra=""):
    path = desk.with_name("sweep.toml")
    path.write_text(
        f'machines = {json.dumps(machines)}\nworkloads = ["disk-sequential"]\nplan = "{desk.name}"\n{extra}', "utf-8"
    )
    return swept(read_sweep(path))


def test_a_sweep_plugs_the_plan_into_each_machine(desk):
    names = ["imac-pro", "imac-pro:4TB", "imac-5k-2017"]
    made = sweep_of(desk, names, "[vary]\nambient = [20, 30]\n")
    table = run_chunk(made, 0, made.rows)
    wanted = [alone(f"{name}+ambient={room}C", desk) for name in names for room in (20, 30)]
    np.testing.assert_allclose(table["duration_s"].to_numpy(), [run.duration_s for run in wanted], rtol=1e-9)
    np.testing.assert_allclose(table["energy_wh"].to_numpy(), [run.energy_wh for run in wanted], rtol=1e-9)


def test_a_changed_plan_is_another_sweep(desk):
    before = fingerprint(sweep_of(desk, ["imac-pro"]))
    desk.write_text(ARRAY.format("usb3").replace("read_gbps = 3", "read_gbps = 2"), encoding="utf-8")
    assert fingerprint(sweep_of(desk, ["imac-pro"])) != before


def test_a_sweep_leaves_out_starred_machines_that_the_plan_does_not_fit_and_refuses_named_ones(desk):
    desk.write_text(ARRAY.format("thunderbolt3"), encoding="utf-8")
    made = sweep_of(desk, ["*"])
    assert "pc-client" in made.left_out
    assert "imac-pro" in [one.selector for one in made.machines]
    with pytest.raises(Refusal, match="does not fit"):
        sweep_of(desk, ["imac-pro", "pc-client"])


def test_a_batch_takes_machines_with_a_plan(desk):
    jobs = [
        (workload("disk-sequential"), plugged(read_plan(desk), machine(name))) for name in ("imac-pro", "pc-client")
    ]
    table = simulate_batch(jobs)
    for number, (work, built) in enumerate(jobs):
        assert table["duration_s"][number] == pytest.approx(simulate(work, built).duration_s, rel=1e-9)
