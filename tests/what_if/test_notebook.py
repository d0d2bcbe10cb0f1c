"""What a notebook shows of a machine, a workload and a run."""

import pytest

from spacegrey.errors import InputError


@pytest.fixture
def shown(balanced):
    return lambda thing: balanced(thing._repr_html_()).text


def test_a_machine_shows_its_parts(machine_of, shown):
    text = shown(machine_of("imac-pro:18-core,vega-64+ambient=31C"))
    for fact in ("W-2191B", "18 cores", "Vega 64", "31 °C", "calibrated"):
        assert fact in text


def test_a_workload_shows_what_it_asks_for(workload_of, shown):
    text = shown(workload_of("xcode-eidolon"))
    assert "build" in text
    assert "integer_gop" in text
    assert "assumed" not in text


def test_a_run_shows_its_answers_and_draws_itself(run_of, shown):
    run = run_of("cinebench-r15-loop", "imac-pro")
    text = shown(run)
    assert run.verdict in text
    assert "1,665 points" in text
    picture = run.plot()
    labels = [panel.get_ylabel() for panel in picture.axes]
    assert labels == ["GHz", "°C", "rpm", "dBA", "W"]
    temps = picture.axes[1].lines[0].get_ydata()
    assert float(temps.max()) == pytest.approx(94.0, abs=0.1)
    assert [panel.get_ylabel() for panel in run.plot("fan_rpm").axes] == ["rpm"]


def test_what_a_user_wrote_is_text_and_no_markup(own_workload):
    made = own_workload('processor = { integer_gop = 1 }\nassumed = { processor = "a test" }')
    spec = made.spec.model_copy(update={"name": "<script>alert(1)</script>"})
    page = type(made)(made.id, spec, made.phases)._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_an_unknown_column_is_one_line(run_of):
    with pytest.raises(InputError, match="did you mean 'cpu_temp_c'"):
        run_of("cinebench-r15-loop", "imac-pro").plot("cpu_temp")
