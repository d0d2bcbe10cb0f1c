"""Rows follow from their numbers: each combination once, each sample where the sampler put it, again and again."""

import itertools

import numpy as np
import pandas as pd
import pytest

from spacegrey.simulation.run import simulate
from spacegrey.simulation.sweep.file import read_sweep
from spacegrey.simulation.sweep.plan import fingerprint, plan
from spacegrey.simulation.sweep.rows import run_chunk, run_rows

GRID = """
machines = ["imac-pro:processor=*", "mac-mini-m1"]
workloads = ["cinebench-r15", "idle"]
[vary]
ambient = { from = 20, to = "30C", steps = 3 }
dust = [0, 0.3]
supply.board_w = { scale = [0.5, 1, 2] }
"""
SAMPLED = """
machines = ["imac-pro", "imac-pro:18-core"]
workloads = ["idle"]
sampling = "{sampling}"
samples = 64
seed = {seed}
[vary]
ambient = {{ from = 15, to = 35 }}
cooling.conductances.cpu_sink_air = {{ scale = [0.8, 1.2] }}
dust = [0, 0.3]
"""


@pytest.fixture
def planned(tmp_path):
    def read(text):
        path = tmp_path / "sweep.toml"
        path.write_text(text, encoding="utf-8")
        return plan(read_sweep(path))

    return read


def columns(made, rows=None):
    table = run_rows(made, np.arange(made.rows) if rows is None else rows)
    return {name: table[name].to_pylist() for name in table.column_names}


def test_a_grid_has_every_combination_once(planned):
    made = planned(GRID)
    found = columns(made)
    combinations = list(
        zip(
            *(found[name] for name in ("machine", "workload", "ambient_c", "dust", "supply_board_w_scale")), strict=True
        )
    )
    machines = [f"imac-pro:{cores}-core" for cores in (8, 10, 14, 18)] + ["mac-mini-m1"]
    wanted = itertools.product(machines, ("cinebench-r15", "idle"), (20.0, 25.0, 30.0), (0.0, 0.3), (0.5, 1.0, 2.0))
    assert made.rows == len(combinations) == 5 * 2 * 3 * 2 * 3
    assert set(combinations) == set(wanted)
    assert found["row"] == list(range(made.rows))


def test_chunks_are_the_whole_whatever_their_size(planned):
    made = planned(GRID)
    whole = run_chunk(made, 0, made.rows)
    for size in (1, 7, 64):
        chunk = run_chunk(made, 50, 50 + size).to_pandas()
        same = whole.slice(50, size).to_pandas()
        # Lanes of another block round differently in the last digits.
        pd.testing.assert_frame_equal(chunk, same, check_dtype=False, rtol=1e-9, atol=1e-9)


def test_a_row_is_the_run_that_its_columns_describe(planned, machine_of, workload_of):
    from spacegrey.simulation.named import with_values

    made = planned(GRID)
    found = columns(made)
    for row in (3, 47, 100, made.rows - 1):
        room = f"+ambient={found['ambient_c'][row]}C,dust={found['dust'][row]}"
        machine = with_values(
            machine_of(found["machine"][row] + room), {"supply.board_w": found["supply_board_w"][row]}
        )
        run = simulate(workload_of(found["workload"][row]), machine)
        assert found["energy_wh"][row] == pytest.approx(run.energy_wh, rel=1e-9)
        assert found["cpu_temp_c_max"][row] == pytest.approx(run.summary["cpu_temp_c"].max, rel=1e-9)
        assert found["limited_by"][row] == run.limits[0].name
        assert found["score"][row] == (pytest.approx(run.score.value, rel=1e-9) if run.score else None)
        assert found["refusal"][row] is None


@pytest.mark.parametrize("sampling", ["latin-hypercube", "sobol"])
def test_samples_are_the_same_again_and_others_with_another_seed(planned, sampling):
    first, again, other = (planned(SAMPLED.format(sampling=sampling, seed=seed)) for seed in (1, 1, 2))
    ranges = [[varied.levels for varied in made.varied[:2]] for made in (first, again, other)]
    assert np.array_equal(ranges[0], ranges[1])
    assert not np.array_equal(ranges[0], ranges[2])
    assert fingerprint(first) == fingerprint(again) != fingerprint(other)


@pytest.mark.parametrize("sampling", ["latin-hypercube", "sobol"])
def test_samples_fill_every_stretch_of_every_range_once(planned, sampling):
    made = planned(SAMPLED.format(sampling=sampling, seed=5))
    assert made.rows == 2 * 64 * 2
    for varied, low, high in ((made.varied[0], 15.0, 35.0), (made.varied[1], 0.8, 1.2)):
        stretches = np.floor((np.asarray(varied.levels) - low) / (high - low) * 64)
        assert sorted(stretches) == list(range(64))


def test_every_machine_meets_every_sample(planned):
    found = columns(planned(SAMPLED.format(sampling="sobol", seed=0)))
    by_machine = {}
    for machine, *sample in zip(
        found["machine"],
        found["ambient_c"],
        found["dust"],
        found["cooling_conductances_cpu_sink_air_scale"],
        strict=True,
    ):
        by_machine.setdefault(machine, set()).add(tuple(sample))
    assert by_machine["imac-pro"] == by_machine["imac-pro:18-core"]
    assert len(by_machine["imac-pro"]) == 128


def test_machines_and_workloads_can_be_drawn(planned):
    text = SAMPLED.format(sampling="latin-hypercube", seed=3).replace('"imac-pro:18-core"', '"imac-pro:processor=*"')
    text = (
        text.replace('["idle"]', '["idle", "cinebench-r15"]')
        .replace("dust = [0, 0.3]\n", "")
        .replace("samples = 64", "samples = 60")
    )
    made = planned(text.replace("[vary]", 'draw = ["machines", "workloads"]\n[vary]'))
    assert made.rows == 60
    found = columns(made)
    counts = {name: found["machine"].count(name) for name in found["machine"]}
    assert sorted(counts.values()) == [12] * 5, "a Latin hypercube draws all equally often"
    assert found["workload"].count("idle") == 30
    only = planned(text.replace("[vary]", 'draw = ["machines"]\n[vary]'))
    assert only.rows == 120
    pairs = columns(only)
    assert pairs["machine"][0::2] == pairs["machine"][1::2]
    assert set(pairs["workload"][0::2]) == {"idle"}


def test_the_values_of_a_list_go_together(planned):
    made = planned(
        'machines = ["imac-pro"]\nworkloads = ["idle"]\nsampling = "list"\n'
        '[vary]\nambient = [20, 25, "95F"]\nfan = ["auto", "max", "1500rpm"]\nworkload.repeat = [1, 2, 3]\n'
    )
    found = columns(made)
    assert found["ambient_c"] == [20.0, 25.0, 35.0]
    assert found["fan_set_rpm"] == [None, 2500.0, 1500.0]
    assert found["workload_repeat"] == [1.0, 2.0, 3.0]
    assert found["duration_s"][2] == pytest.approx(3.0 * found["duration_s"][0], rel=1e-6)


def test_a_row_that_cannot_be_is_refused_and_the_others_run(planned, machine_of):
    most = machine_of("imac-pro").processor.pl2_w
    made = planned(
        'machines = ["imac-pro"]\nworkloads = ["idle"]\n'
        f"[vary]\nprocessor.pl1_w = [100, {2 * most}]\nambient = [20, 30]\n"
    )
    found = columns(made)
    assert [why is None for why in found["refusal"]] == [True, True, False, False]
    assert "pl2_w must be at least pl1_w" in found["refusal"][2]
    assert [value is None for value in found["energy_wh"]] == [False, False, True, True]


def test_a_star_for_phases_scales_each_phase_by_its_own(planned, workload_of):
    made = planned(
        'machines = ["imac-pro"]\nworkloads = ["cinebench-r15-loop"]\n'
        '[vary]\n"workload.*.processor.float_gop" = { scale = [0.5, 1] }\n'
    )
    found = columns(made)
    assert found["workload_all_processor_float_gop_scale"] == [0.5, 1.0]
    loop = workload_of("cinebench-r15-loop")
    pause_s = sum(phase.pace.seconds for phase in loop.phases if phase.pace) * loop.spec.repeat
    half, whole = (took - pause_s for took in found["duration_s"])
    # The clock at half the work is a little higher, as the processor is cooler.
    assert 0.47 * whole < half < 0.51 * whole


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("steps = 3", "steps = 4"),
        ("dust = [0, 0.3]", "dust = [0, 0.31]"),
        ('"idle"', '"idle", "office"'),
        ("mac-mini-m1", "mac-mini-2018"),
        ("supply.board_w", "supply.standing_loss_w"),
    ],
)
def test_another_question_has_another_fingerprint(planned, old, new):
    assert fingerprint(planned(GRID)) != fingerprint(planned(GRID.replace(old, new)))


def test_a_changed_data_sheet_changes_the_fingerprint(planned, tmp_path):
    def with_sink(conductance):
        (tmp_path / "mine.toml").write_text(
            'extends = "imac-pro"\n[machine]\nname = "mine"\ncooling = "mine"\n[parts.cooling.mine]\n'
            f'extends = "imac-pro"\nconductances = {{ cpu_sink_air = {conductance} }}\n'
            'assumed = { conductances = "a test" }\n',
            encoding="utf-8",
        )
        return fingerprint(planned('machines = ["mine.toml"]\nworkloads = ["idle"]\n'))

    assert with_sink(4.0) == with_sink(4.0) != with_sink(4.1)


def test_ten_million_rows_are_planned_as_fast_as_ten(planned):
    import tracemalloc

    text = GRID.replace("steps = 3", "steps = 1000").replace("[0, 0.3]", "{ from = 0, to = 0.5, steps = 400 }")
    planned(GRID)
    tracemalloc.start()
    made = planned(text)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert made.rows == 5 * 2 * 1000 * 400 * 3
    assert most < 10_000_000, "bytes; an object for each of 12 million rows would be a hundred times that"
    last = columns(made, np.array([made.rows - 1]))
    assert (last["machine"], last["ambient_c"], last["dust"]) == (["mac-mini-m1"], [30.0], [0.5])


def test_what_the_simulation_refuses_is_a_row_with_its_reason(planned, tmp_path):
    (tmp_path / "copy.toml").write_text(
        '[workload]\nname = "copy"\nstands_for = "a test"\nstatus = "illustrative"\n'
        '[[phase]]\nname = "copy"\nnetwork = { gb = 1 }\nassumed = { network = "a test" }\n',
        encoding="utf-8",
    )
    found = columns(planned('machines = ["macbook-air-m1", "imac-pro"]\nworkloads = ["copy.toml"]\n'))
    assert "needs Ethernet" in found["refusal"][0]
    assert found["refusal"][1] is None
    assert [value is None for value in found["duration_s"]] == [True, False]
    assert [value is None for value in found["limited_by"]] == [True, False]
