"""Bands and sensitivity: only what has no source is drawn, and what matters is found."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from spacegrey.errors import InputError
from spacegrey.interfaces.cli.application import app
from spacegrey.simulation import uncertainty
from spacegrey.simulation.named import names
from spacegrey.simulation.uncertainty import Uncertain, bands, sensitivity, uncertain_numbers


@pytest.fixture
def asked(machine_of, workload_of):
    return workload_of("cinebench-r15"), machine_of("imac-pro")


def test_no_number_with_a_source_is_drawn(asked):
    work, machine = asked
    known = names(machine) | names(work)
    drawn = [one for group in uncertain_numbers(machine, work) for one in group.members]
    assert len(drawn) > 50
    assert {known[one.name].ground for one in drawn} == {"assumed", "fitted"}
    assert "processor.pl1_w" not in {one.name for one in drawn}


def test_a_curve_moves_as_one_and_only_in_its_values(asked):
    work, machine = asked
    curve = next(one for one in uncertain_numbers(machine, work) if one.name.endswith("voltage_curve"))
    assert len(curve.members) == len(machine.microarchitecture.voltage_curve)
    assert {one.name.rpartition(".")[2] for one in curve.members} == {"1"}


def test_a_share_stays_below_one(asked):
    work, machine = asked
    share = next(one for one in uncertain_numbers(machine, work) if one.name.endswith("parallel"))
    for standard in (-2.0, 2.0):
        assert all(0.0 < value < 1.0 for value in share.moved(standard).values())


def test_bands_hold_the_run_and_are_the_same_for_a_seed(asked):
    work, machine = asked
    found = bands(work, machine, samples=64, seed=3)
    run = uncertainty.simulate_batch([(work, machine)])
    for name in ("energy_wh", "cpu_power_w_mean", "wall_power_w_mean", "score"):
        band = found.quantities[name]
        assert band["p10"] < run[name][0] < band["p90"], name
        assert band["p10"] < band["p50"] < band["p90"], name
    assert bands(work, machine, samples=64, seed=3) == found
    assert bands(work, machine, samples=64, seed=4) != found


def test_bands_widen_with_what_is_not_known(asked, monkeypatch):
    work, machine = asked
    narrow = bands(work, machine, samples=64).quantities["cpu_power_w_mean"]
    monkeypatch.setattr(uncertainty, "ASSUMED", 2.0 * uncertainty.ASSUMED)
    wide = bands(work, machine, samples=64).quantities["cpu_power_w_mean"]
    assert wide["p90"] - wide["p10"] > 1.3 * (narrow["p90"] - narrow["p10"])


def test_the_number_that_decides_is_found(asked):
    work, machine = asked
    shares = sensitivity(work, machine, "noise_dba_min", samples=64)
    # The machine stands at its lowest fan speed at first, so the noise data decide.
    assert shares[0].uncertain.name.startswith("cooling.fans.")
    assert shares[0].total > 0.3
    assert next(share for share in shares if share.uncertain.name == "supply.board_w").total < 0.01
    assert [share.total for share in shares] == sorted((share.total for share in shares), reverse=True)


def test_the_shares_are_those_of_a_known_function(asked, monkeypatch):
    # y = 3 a + b + a b over standard draws: variances by hand
    work, machine = asked
    two = uncertain_numbers(machine, work)[:3]
    monkeypatch.setattr(uncertainty, "uncertain_numbers", lambda *_: two)

    def run(_work, _machine, _uncertain, draws, _progress):
        a, b, _ = np.array(list(draws)).T
        return {"energy_wh": 3.0 * a + b + a * b}

    monkeypatch.setattr(uncertainty, "_run", run)
    v = uncertainty.stats.truncnorm(-uncertainty.CUT, uncertainty.CUT).var()
    total = 9.0 * v + v + v * v
    shares = {share.uncertain.name: share for share in sensitivity(work, machine, "energy_wh", samples=4096)}
    a, b, c = (shares[one.name] for one in two)
    assert a.first == pytest.approx(9.0 * v / total, abs=0.03)
    assert a.total == pytest.approx((9.0 * v + v * v) / total, abs=0.03)
    assert b.first == pytest.approx(v / total, abs=0.03)
    assert b.total_low <= b.total <= b.total_high
    assert c.total == pytest.approx(0.0, abs=1e-9)


def test_the_shares_are_those_of_the_ishigami_function(asked, monkeypatch):
    # y = sin x1 + a sin^2 x2 + b x3^4 sin x1 over [-pi, pi]: Ishigami and Homma, 1990; the closed form as in Sobol and
    # Levitan, Computer Physics Communications 117, 1999, 52. x3 matters only together with x1.
    work, machine = asked
    three = uncertain_numbers(machine, work)[:3]
    monkeypatch.setattr(uncertainty, "uncertain_numbers", lambda *_: three)
    factor, quartic = 7.0, 0.1
    free = uncertainty.stats.truncnorm(-uncertainty.CUT, uncertainty.CUT)

    def run(_work, _machine, _uncertain, draws, _progress):
        x1, x2, x3 = np.pi * (2.0 * free.cdf(np.array(list(draws))) - 1.0).T
        return {"energy_wh": np.sin(x1) + factor * np.sin(x2) ** 2 + quartic * x3**4 * np.sin(x1)}

    monkeypatch.setattr(uncertainty, "_run", run)
    alone = 0.5 * (1.0 + quartic * np.pi**4 / 5.0) ** 2, factor**2 / 8.0, 0.0
    together = quartic**2 * np.pi**8 * (1.0 / 18.0 - 1.0 / 50.0)  # of x1 and x3
    variance = sum(alone) + together
    shares = {share.uncertain.name: share for share in sensitivity(work, machine, "energy_wh", samples=4096)}
    # 0.02: four standard errors of the estimators with so many draws
    for one, first, more in zip(three, alone, (together, 0.0, together), strict=True):
        assert shares[one.name].first == pytest.approx(first / variance, abs=0.02)
        assert shares[one.name].total == pytest.approx((first + more) / variance, abs=0.02)


@pytest.mark.parametrize("samples", [0, 7, 65_537])
def test_too_few_or_too_many_draws_are_refused(asked, samples):
    with pytest.raises(InputError, match="from 8 to 65536"):
        bands(*asked, samples=samples)


def test_unknown_quantities_and_counts_are_refused(asked):
    with pytest.raises(InputError, match="unknown quantity 'speed': duration_s"):
        sensitivity(*asked, "speed")
    with pytest.raises(InputError, match="power of two"):
        sensitivity(*asked, "energy_wh", samples=100)


def test_draws_that_cannot_be_are_counted_and_not_hidden(asked, monkeypatch):
    work, machine = asked
    plain = Uncertain.moved

    def moved(self, standard):
        values = plain(self, standard)
        return dict.fromkeys(values, -1.0) if self.name.endswith("cpu_sink_air") and standard > 1.0 else values

    monkeypatch.setattr(Uncertain, "moved", moved)
    found = bands(work, machine, samples=64)
    assert 0 < found.refused < 32
    monkeypatch.setattr(Uncertain, "moved", lambda self, _: dict.fromkeys((one.name for one in self.members), -1e9))
    with pytest.raises(InputError, match="of 64 draws cannot be, such as"):
        bands(work, machine, samples=64)


def test_the_command_prints_bands():
    done = CliRunner().invoke(app, ["run", "cinebench-r15", "--on", "imac-pro", "--bands", "32"])
    assert done.exit_code == 0, done.output
    assert "P90" in done.output
    data = CliRunner().invoke(app, ["run", "cinebench-r15", "--on", "imac-pro", "--bands", "32", "--json"])
    band = json.loads(data.stdout)["bands"]
    assert band["quantities"]["score"]["p10"] < band["quantities"]["score"]["p90"]
    assert set(band) == {field.name for field in dataclasses.fields(uncertainty.Bands)}


def test_the_command_names_what_matters():
    arguments = ["sensitivity", "cinebench-r15", "--on", "imac-pro", "--of", "energy_wh", "--samples", "16"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "energy_wh" in done.output
    data = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert data["shares"][0]["total"] > 0.1
    assert all(share["reason"] for share in data["shares"])
