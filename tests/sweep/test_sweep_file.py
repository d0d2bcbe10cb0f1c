"""A sweep's file is read strictly: what is wrong is named with its line, what is right means one thing."""

import pytest

from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.selector import parse_selector
from spacegrey.simulation.sweep.file import read_sweep, written_out
from spacegrey.simulation.sweep.plan import plan

HEAD = 'machines = ["imac-pro"]\nworkloads = ["cinebench-r15", "idle"]\n'


@pytest.fixture
def planned(tmp_path):
    def read(text, head=HEAD):
        path = tmp_path / "sweep.toml"
        path.write_text(head + text, encoding="utf-8")
        return plan(read_sweep(path))

    return read


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[vary]\nprocessor.pl1_w = [-5, 100]", 4, "greater than 0"),
        ("[vary]\nprocessor.pl1_w = [1000]", 4, "pl2_w must be at least pl1_w"),
        ('[vary]\nfan = ["9000rpm"]', 4, "2900 rpm"),
        ('[vary]\nambient = ["99C"]', 4, "outside -20 to 60"),
        ('[vary]\nambient = ["35rpm"]', 4, "unit 'rpm'"),
        ("[vary]\npl1_w = [3]", 4, "processor.pl1_w"),
        ("[vary]\nsupply.nope = [3]", 4, "supply.board_w"),
        ("[vary]\nworkload.render.processor.activity = [1.1]", 4, "workload.idle.processor.activity"),
        ("[vary]\nambient = { from = 15, to = 35 }", 4, "steps"),
        ("[vary]\nambient = { from = 35, to = 15, steps = 3 }", 4, "smaller to a larger"),
        ("[vary]\nambient = { from = 15, steps = 3 }", 4, "both from and to"),
        ("[vary]\nambient = { scale = [0.9, 1.1] }", 4, "not scaled"),
        ("[vary]\nambient = { from = 15, to = 35, step = 3 }", 4, "unknown key 'step'"),
        ("[vary]\ndust = { values = [0.1], from = 0, to = 0.3 }", 4, "one of: values, from and to, scale"),
        ("samples = 8", 3, "latin-hypercube"),
        ('draw = ["machines"]', 3, "latin-hypercube"),
        ('sampling = "sobol"\nsamples = 8', 3, "needs a range"),
        ('sampling = "sobol"\n[vary]\ndust = { from = 0, to = 0.3 }', 3, "samples"),
        ('sampling = "dice"', 3, "sampling"),
        ('sampling = "list"\n[vary]\ndust = [0, 0.1]\nambient = [20]', 4, "as many values"),
        ('sampling = "sobol"\nsamples = 4\n[vary]\ndust = { from = 0, to = 0.3, steps = 3 }', 6, "leave steps out"),
        ("machine = 3", 3, "unknown key 'machine'"),
        ("[vary]\ndust = 0.3", 4, "not a table"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(planned, text, line, says):
    with pytest.raises(InputError) as refused:
        planned(text)
    assert says in str(refused.value)
    assert str(refused.value).startswith(f"sweep.toml:{line}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ('machines = ["imac-por"]\nworkloads = ["idle"]\n', "did you mean 'imac-pro'"),
        ('machines = ["imac-pro:20-core"]\nworkloads = ["idle"]\n', "20-core"),
        ('machines = ["imac-pro:colour=*"]\nworkloads = ["idle"]\n', "colour"),
        ('machines = ["imac-pro"]\nworkloads = ["idel"]\n', "did you mean 'idle'"),
        ("machines = []\nworkloads = []\n", "machines"),
        ("", "missing"),
    ],
)
def test_machines_and_workloads_must_exist(planned, head, says):
    with pytest.raises(InputError, match=says):
        planned("", head=head)


def test_a_star_stands_for_every_combination_of_parts_once(machine_of):
    found = written_out(parse_selector("imac-pro:*"))
    built = [machine(one) for one in found]
    assert len(found) == 4 * 4 * 3 * 3
    parts = {(one.processor.name, one.memory_gib, one.storage_tb, one.graphics.name) for one in built}
    assert len(parts) == len(found)
    assert machine(found[0]).chosen == machine_of("imac-pro").chosen
    assert all(machine(one.text).chosen == built_one.chosen for one, built_one in zip(found, built, strict=True))


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("imac-pro", 1),
        ("imac-pro:processor=*,vega-64", 4),
        ("imac-pro:*,18-core", 4 * 3 * 3),
        ("imac-pro:*,pointer=*", 4 * 4 * 3 * 3 * 3),
        ("imac-pro:graphics=*+ambient=35C", 3),
    ],
)
def test_stars_vary_what_they_name(selector, count):
    found = written_out(parse_selector(selector))
    assert len(found) == len({one.text for one in found}) == count
    assert all(one.environment == parse_selector(selector).environment for one in found)


def test_configurations_that_do_not_fit_together_are_left_out_and_told(planned):
    made = planned("", head='machines = ["mac-pro-2019:*"]\nworkloads = ["idle"]\n')
    assert len(made.machines) + len(made.left_out) == 756
    assert any("1536" in one or "1.5TB" in one for one in made.left_out)


def test_a_sweep_finds_files_beside_itself(planned, tmp_path, monkeypatch):
    (tmp_path / "mine.toml").write_text('extends = "imac-pro"\n[machine]\nname = "mine"\n', encoding="utf-8")
    monkeypatch.chdir("/")
    made = planned("", head='machines = ["mine.toml:18-core+ambient=30C"]\nworkloads = ["idle"]\n')
    assert made.machines[0].bare.spec.name == "mine"
    assert made.machines[0].environment.ambient_c == 30.0


@pytest.mark.parametrize(
    "text",
    [
        "[vary]\ncooling.conductances.cpu_sink_air = { scale = [0.8, 1.2] }",
        '[vary]\n"cooling.conductances.cpu_sink_air" = { scale = [0.8, 1.2] }',
        "[vary.cooling.conductances.cpu_sink_air]\nscale = [0.8, 1.2]",
        "vary.cooling.conductances.cpu_sink_air = { scale = [0.8, 1.2] }",
    ],
)
def test_a_name_may_be_quoted_or_nested(planned, text):
    made = planned(text)
    assert [one.axis.name for one in made.varied] == ["cooling.conductances.cpu_sink_air"]
    assert made.rows == 4
