"""Choosing and owning from Python: plain values in, and the same answer as the command gives."""

import json

import polars as pl
import pytest
from typer.testing import CliRunner

import spacegrey
from spacegrey.errors import InputError, Refusal
from spacegrey.interfaces.cli import app


def command(*arguments):
    ended = CliRunner().invoke(app, [*arguments, "--json"], prog_name="spacegrey")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.output)


@pytest.fixture(scope="module")
def made():
    return spacegrey.choose(
        {"cinebench-r15": 2.0, "xcode-eidolon": 1.0},
        budget=8000,
        max_noise=30,
        on="2018-06-01",
        deadlines={"xcode-eidolon": "10min"},
        must="memory>=64GB",
        among=["imac-pro", "imac-5k-2017"],
    )


def test_a_choice_is_the_command_s(made):
    said = command(
        "choose", "cinebench-r15", "xcode-eidolon", "--weight", "cinebench-r15=2", "--budget", "8000", "--max-noise",
        "30", "--on", "2018-06-01", "--deadline", "xcode-eidolon=10min", "--must", "memory>=64GB", "--among",
        "imac-pro,imac-5k-2017",
    )  # fmt: skip
    assert made.recommendation.selector == said["recommendation"]["selector"]
    assert made.reasons == said["recommendation"]["reasons"]
    assert [one.selector for one in made.front] == [one["selector"] for one in said["pareto"]]
    assert made.machine.memory_gib >= 64.0


def test_a_choice_shows_itself_and_is_a_table_and_a_picture(made, balanced):
    text = balanced(made._repr_html_()).text
    for words in (f"take {made.recommendation.selector}", "cinebench-r15 (weight 2)", "next step up", made.reasons[0]):
        assert words in text
    assert repr(made).startswith(f"Chosen('{made.recommendation.selector}' of ")
    table = pl.DataFrame(made)
    assert len(table) == len(made.made.answer.points)
    best = table.filter(pl.col("recommended"))
    assert best["selector"].to_list() == [made.recommendation.selector]
    assert best["price_usd"].to_list() == [made.recommendation.price]
    picture = made.plot()
    assert picture.axes[0].get_xlabel().startswith("price [USD]")
    assert picture._repr_png_()[0].startswith(b"\x89PNG")


def test_where_nothing_fits_there_is_no_machine(balanced):
    poor = spacegrey.choose("cinebench-r15", budget=10.0, among="imac-pro")
    assert poor.recommendation is None
    assert any("budget" in one for one in poor.reasons)
    assert "nothing is recommended" in balanced(poor._repr_html_()).text
    with pytest.raises(Refusal, match="nothing fits: none of"):
        _ = poor.machine


def test_rates_are_those_of_the_command():
    euros = spacegrey.choose("cinebench-r15", among="imac-pro", currency="SEK", rates={"USD": 0.5})
    dollars = spacegrey.choose("cinebench-r15", among="imac-pro")
    assert euros.recommendation.price == pytest.approx(0.5 * dollars.recommendation.price)
    with pytest.raises(InputError, match=r"USD=0.85|USD=1.18"):
        spacegrey.choose("cinebench-r15", among="imac-pro", currency="SEK", rates={"USD": -1})


@pytest.mark.parametrize(("given", "says"), [
    ({"workloads": "cinebench"}, "unknown workload 'cinebench'"),
    ({"workloads": ["idle", "idle"]}, "workload 'idle' is given twice"),
    ({"workloads": {"idle": 0.0}}, "weight of idle must be a number above 0"),
    ({"workloads": "idle", "must": ["ecc", "ecc"]}, "must ecc is given twice"),
    ({"workloads": "idle", "must": "wings"}, "unknown feature 'wings'"),
    ({"workloads": "idle", "on": "yesterday"}, "'yesterday' is not a day"),
    ({"workloads": "idle", "deadlines": {"idle": "5"}}, "deadline of idle: unit ''"),
    ({"workloads": "idle", "among": "imac-por"}, "did you mean 'imac-pro'"),
    ({"workloads": "idle", "budget": float("nan")}, "budget"),
    ({"workloads": "idle", "offers": "nowhere.toml"}, "nowhere.toml: no such file"),
])  # fmt: skip
def test_a_wrong_question_is_one_line(given, says):
    with pytest.raises(InputError, match=says) as error:
        spacegrey.choose(**given)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def owned():
    machines = ["imac-5k-2017", spacegrey.Machine.of("imac-pro:18-core")]
    return spacegrey.own(machines, years=3, workload="cinebench-r15", kwh=0.25, on="2018-06-01", applecare=True)


def test_owning_is_the_command_s(owned):
    said = command(
        "own", "imac-5k-2017", "imac-pro:18-core", "--years", "3", "--workload", "cinebench-r15", "--kwh", "0.25",
        "--on", "2018-06-01", "--applecare",
    )  # fmt: skip
    assert [one.total.value for one in owned] == [one["total"]["value"] for one in said["scenarios"]]
    assert owned.verdict == said["verdict"]
    assert owned[1].per_hour == said["scenarios"][1]["per_hour"]
    assert len(owned) == 2


def test_what_is_owned_shows_itself_and_is_a_table_and_a_picture(owned, balanced):
    text = balanced(owned._repr_html_()).text
    for words in (owned.verdict, "imac-pro:18-core", f"{owned[0].total.value:,.0f}", "AppleCare+", "3 years"):
        assert words in text
    assert repr(owned).startswith("Owned(3 years: imac-5k-2017 ")
    table = pl.DataFrame(owned)
    totals = table.filter(pl.col("cost") == "total")["value [USD]"].to_list()
    assert totals == [one.total.value for one in owned]
    axis = owned.plot().axes[0]
    ends = [bar.get_x() + bar.get_width() for bar in axis.patches]
    paid = [sum(cost.band.value for cost in one.costs if cost.band and cost.band.value > 0) for one in owned]
    assert max(ends) == pytest.approx(max(paid))
    assert [label.get_text() for label in axis.get_yticklabels()] == ["imac-5k-2017", "imac-pro:18-core"]


@pytest.mark.parametrize(("given", "says"), [
    ({"machines": []}, "0 machines: name from one to 4"),
    ({"machines": "imac-pro", "years": -1}, "years -1"),
    ({"machines": "imac-pro", "upgrade": "more"}, "upgrade 'more': write it as"),
    ({"machines": "imac-pro", "sell": "gift"}, "unknown way of selling 'gift'"),
    ({"machines": "imac-pro", "workload": 3}, "int is no dataframe"),
])  # fmt: skip
def test_what_cannot_be_owned_is_one_line(given, says):
    with pytest.raises(InputError, match=says) as error:
        spacegrey.own(**given)
    assert "\n" not in str(error.value)
