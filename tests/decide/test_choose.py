"""Choosing: every limit holds, a looser one never hurts, and what is said follows from the numbers."""

import datetime as dt
import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spacegrey.decide.candidates import SLOTS, configurations
from spacegrey.decide.choose import choose
from spacegrey.decide.gather import Market
from spacegrey.decide.limits import FEATURES, Limits, parse_must
from spacegrey.decide.money import money
from spacegrey.decide.outcomes import outcomes, speed_value
from spacegrey.decide.reasons import cheaper, no_fit, reasons, step_up
from spacegrey.decide.recommend import STEP, recommend
from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

DAY = dt.date(2018, 6, 1)
SOLD = ("imac-pro", "imac-5k-2017", "mac-pro-2013", "pc-client", "pc-threadripper")
BUDGETS = st.sampled_from([400.0, 500.0, 998.0, 1000.0, 5000.0, 20000.0])
LIMITS = st.builds(
    Limits,
    budget=st.none() | BUDGETS,
    max_noise_dba=st.sampled_from([None, 40.0, 25.0, 18.0, 17.0]),
    max_power_w=st.sampled_from([None, 500.0, 130.0, 50.0, 30.0]),
    deadlines_s=st.sampled_from([{}, {"w": 200.0}, {"w": 60.0}, {"w": 10.0}]),
)


class TestLaws:
    @pytest.fixture(autouse=True)
    def _strategy(self, points):
        self.points = points

    def test_every_constraint_is_kept(self):
        @given(self.points(), LIMITS)
        def holds(some, limits):
            answer = recommend(some, limits, ["w"])
            allowed = [answer.recommendation, answer.cheaper] if answer.recommendation else []
            for one in [*answer.front, *(point for point in allowed if point)]:
                assert one.complete
                assert limits.budget is None or one.price <= limits.budget
                assert limits.max_noise_dba is None or one.noise_dba <= limits.max_noise_dba
                assert limits.max_power_w is None or one.wall_power_w <= limits.max_power_w
                assert all(one.durations_s[0] <= limit for limit in limits.deadlines_s.values())
            assert (answer.recommendation is None) == (answer.fitting == 0)

        holds()

    def test_a_looser_budget_never_worsens_the_best_speed(self):
        @given(self.points(), LIMITS, BUDGETS, BUDGETS)
        def holds(some, limits, one, other):
            tight, loose = sorted([one, other])
            rest = (limits.max_noise_dba, limits.max_power_w, limits.deadlines_s)
            first, second = (recommend(some, Limits(budget, *rest), ["w"]).recommendation for budget in (tight, loose))
            assert first is None or second.speed_step >= first.speed_step

        holds()

    def test_leaving_out_a_candidate_never_betters_the_recommendation(self):
        @given(self.points(), LIMITS, st.randoms(use_true_random=False))
        def holds(some, limits, random):
            assume(some)
            answer = recommend(some, limits, ["w"])
            gone = random.choice(some)
            after = recommend([one for one in some if one is not gone], limits, ["w"])
            if gone is not answer.recommendation:
                assert after.recommendation is answer.recommendation
            elif after.recommendation:
                worth = {
                    "fastest": lambda one: one.speed_step,
                    "cheapest": lambda one: -one.price,
                    "best value": lambda one: one.speed / one.price,
                }[answer.rule]
                assert worth(after.recommendation) <= worth(gone)

        holds()

    def test_the_recommendation_is_on_the_front_where_the_rule_looks_at_speed_and_price(self):
        @given(self.points(known_prices=True), BUDGETS)
        def holds(some, budget):
            answer = recommend(some, Limits(budget=budget), ["w"])
            assume(answer.recommendation)
            best = answer.recommendation
            assert best.speed_step == max(one.speed_step for one in answer.front)
            assert best.price == min(one.price for one in answer.front if one.speed_step == best.speed_step)

        holds()

    def test_the_step_up_is_faster_and_the_cheaper_machine_is_cheaper(self):
        @given(self.points(), LIMITS)
        def holds(some, limits):
            answer = recommend(some, limits, ["w"])
            best = answer.recommendation
            if answer.step_up:
                assert answer.step_up.speed >= (1.0 + STEP) * best.speed
                assert answer.step_up.complete
                assert limits.max_noise_dba is None or answer.step_up.noise_dba <= limits.max_noise_dba
            if answer.cheaper:
                assert answer.cheaper.price < best.price
                assert answer.cheaper.machine_id != best.machine_id
                assert answer.cheaper.speed / best.speed > answer.cheaper.price / best.price

        holds()

    def test_relaxing_a_limit_as_said_lets_something_fit(self):
        @given(self.points(), LIMITS)
        def holds(some, limits):
            for one in recommend(some, limits, ["w"]).relaxed:
                moved = {"budget": limits.budget, "max_noise_dba": limits.max_noise_dba,
                         "max_power_w": limits.max_power_w, "deadlines_s": limits.deadlines_s}  # fmt: skip
                key = {"budget": "budget", "max-noise": "max_noise_dba", "max-power": "max_power_w"}.get(one.constraint)
                moved |= {key: one.to} if key else {"deadlines_s": {"w": one.to}}
                after = recommend(some, Limits(**moved), ["w"])
                assert after.recommendation is not None
                assert one.to > one.limit

        holds()

    def test_nothing_is_said_to_fit_that_does_not(self):
        @given(self.points(), LIMITS)
        def holds(some, limits):
            answer = recommend(some, limits, ["w"])
            said = [*reasons(answer, "USD"), *no_fit(answer, "USD")]
            assert said, "an answer has words"
            assert bool(reasons(answer, "USD")) != bool(no_fit(answer, "USD"))
            assert bool(step_up(answer, "USD")) == bool(answer.recommendation)

        holds()


class TestRules:
    def test_with_a_budget_the_fastest_and_of_equals_the_cheapest(self, point):
        some = [point("a:1", 1.0, 900), point("a:2", 2.0, 3000), point("a:3", 2.001, 3500), point("a:4", 9.0, 9999)]
        assert recommend(some, Limits(budget=4000.0), ["w"]).recommendation is some[1]

    def test_with_a_deadline_alone_the_cheapest(self, point):
        some = [
            point("a:1", 1.0, 900, duration=90),
            point("a:2", 2.0, 3000, duration=45),
            point("a:3", 3.0, 9000, duration=30),
        ]
        assert recommend(some, Limits(deadlines_s={"w": 60.0}), ["w"]).recommendation is some[1]

    def test_with_neither_the_most_speed_for_its_price(self, point):
        some = [point("a:1", 1.0, 1000), point("a:2", 2.0, 1500), point("a:3", 3.0, 9000)]
        assert recommend(some, Limits(max_noise_dba=40.0), ["w"]).recommendation is some[1]

    def test_a_price_that_is_a_lower_bound_is_never_recommended(self, point):
        unknown, known = point("b:1", 5.0, 900, complete=False), point("a:1", 1.0, 1000)
        answer = recommend([unknown, known], Limits(budget=1000.0), ["w"])
        assert answer.recommendation is known
        assert "not weighed" in " ".join(reasons(answer, "USD"))
        assert "b:1 (at least $900)" in " ".join(reasons(answer, "USD"))
        alone = recommend([unknown], Limits(budget=1000.0), ["w"])
        assert alone.recommendation is None
        assert "b:1 (at least $900)" in no_fit(alone, "USD")[0]

    @pytest.mark.parametrize("limits", [Limits(), Limits(deadlines_s={"w": 600.0})])
    def test_nor_is_it_without_a_budget(self, point, limits):
        unknown, known = point("b:1", 5.0, 100, complete=False), point("a:1", 1.0, 1000)
        assert recommend([unknown, known], limits, ["w"]).recommendation is known
        assert recommend([unknown], limits, ["w"]).recommendation is None

    def test_a_lower_bound_above_the_budget_is_no_hope(self, point):
        answer = recommend([point("b:1", 5.0, 2000, complete=False)], Limits(budget=1000.0), ["w"])
        assert answer.unproven == ()


class TestWords:
    def test_which_limit_to_relax_and_by_how_much(self, point):
        some = [point("a:1", noise=35.0, price=900), point("a:2", noise=31.0, price=5000)]
        answer = recommend(some, Limits(budget=1000.0, max_noise_dba=33.0), ["w"])
        said = no_fit(answer, "USD")
        assert said[0] == "none of 2 configurations is within every limit: budget refuses 1, max-noise refuses 1"
        assert said[1] == "raise max-noise by 2 dBA to 35 dBA: then a:1 fits ($900)"
        assert said[2] == "or raise budget by $4,000 to $5,000: then a:2 fits ($5,000)"

    def test_where_no_single_limit_is_enough(self, point):
        answer = recommend([point(noise=35.0, price=2000)], Limits(budget=1000.0, max_noise_dba=33.0), ["w"])
        assert answer.relaxed == ()
        assert no_fit(answer, "USD")[1] == (
            "no single limit is enough; nearest is a:1, which needs budget $2,000 and max-noise 35 dBA"
        )

    def test_next_step_up_and_what_gives_most_of_it(self, point):
        some = [point("a:1", 1.0, 5000), point("a:2", 1.25, 6000), point("b:1", 0.9, 2000), point("b:2", 0.5, 900)]
        answer = recommend(some, Limits(budget=5500.0), ["w"])
        assert step_up(answer, "USD") == "a:2: 25 % faster for $1,000 more ($6,000, $500 over the budget)"
        assert cheaper(answer) == "b (b:1) gives 90 % of the speed for 40 % of the price"

    def test_a_price_without_a_display_says_so(self, point):
        with_one, without = {"display": 1.0}, {"display": 0.0}
        some = [point("a:1", 1.0, 5000, features=with_one), point("b:1", 0.9, 2000, features=without)]
        answer = recommend(some, Limits(budget=5500.0), ["w"])
        assert cheaper(answer) == "b (b:1) gives 90 % of the speed for 40 % of the price, without a display"
        said = "it has no display, and its price has none in it"
        assert said not in reasons(answer, "USD")
        assert said in reasons(recommend(some[1:], Limits(budget=5500.0), ["w"]), "USD")

    def test_less_than_most_of_the_speed_is_not_most_of_it(self, point):
        some = [point("a:1", 1.0, 5000), point("b:2", 0.7, 900)]
        assert cheaper(recommend(some, Limits(budget=5500.0), ["w"])) == ""

    def test_what_a_dearer_choice_bought_and_which_would_add_nothing(self, point):
        def chosen(processor, memory):
            return {"processor": processor, "memory": memory, "storage": "1", "graphics": "1"}

        some = [
            point("a:1", 1.0, 1000, chosen=chosen("8-core", "32GB")),
            point("a:2", 1.5, 1800, chosen=chosen("10-core", "32GB")),
            point("a:3", 1.5, 2600, chosen=chosen("10-core", "64GB")),
        ]
        said = reasons(recommend(some, Limits(budget=3000.0), ["w"]), "USD")
        assert "processor 10-core for $800 more than 8-core: 50 % faster" in said
        assert "dearer memory would add less than 1 % to these workloads" in said

    def test_other_currencies(self):
        assert (money(5499.0, "EUR"), money(4899.0, "GBP")) == ("€5,499", "£4,899")


class TestCandidates:
    def test_every_configuration_is_there_once_and_its_selector_names_it(self):
        for name in ("imac-pro", "imac-5k-2020", "mac-pro-2019", "pc-x299"):
            found = configurations(name)
            assert len({one.selector for one in found}) == len(found)
            for one in found[:: len(found) // 20 + 1]:
                assert machine(one.selector) == one

    def test_what_a_choice_brings_with_it_is_undone_by_name(self):
        # 60 graphics cores come with the Ultra; with 76 cores, or with the Max, they are named
        found = {one.selector for one in configurations("mac-studio-2023")}
        for selector in found:
            assert machine(selector).selector == selector
        assert all(machine(one.selector).chosen == one.chosen for one in configurations("mac-studio-2023"))

    def test_accessories_are_not_multiplied(self):
        found = configurations("imac-pro")
        assert len(found) == 4 * 4 * 3 * 3
        assert {one.chosen["pointer"] for one in found} == {"mouse"}

    def test_named_choices_and_the_room_are_kept(self):
        found = configurations("imac-pro:18-core,mouse+ambient=35C,fan=max")
        assert len(found) == 4 * 3 * 3
        assert {one.processor.cores for one in found} == {18}
        assert {one.ambient_c for one in found} == {35.0}
        assert found[-1].selector == "imac-pro:18-core,256GB,4TB,vega-64x+ambient=35C,fan=max"
        assert machine(found[-1].selector) == found[-1]

    def test_parts_that_do_not_go_together_are_left_out(self, tmp_path):
        # 256 GiB is more than a processor with a limit of 128 GiB addresses
        path = tmp_path / "small.toml"
        path.write_text(
            'extends = "imac-pro"\n[machine]\nname = "small"\n'
            '[options.processor.choices."8-core".set]\ncapacity_memory_gib = 128\n'
            '[options.processor.choices."8-core".set.assumed]\ncapacity_memory_gib = "a test"\n',
            encoding="utf-8",
        )
        found = configurations(str(path))
        assert len(found) == 4 * 4 * 3 * 3 - 3 * 3
        with pytest.raises(InputError, match="fits together"):
            configurations(f"{path}:8-core,256GB")

    def test_one_run_stands_for_all_with_the_same_physics(self):
        rooms = ("", "+fan=max", "+ambient=35C")
        machines = [one for room in rooms for one in configurations(f"imac-pro:8-core,32GB,vega-56{room}")]
        machines += configurations("imac-pro:8-core")
        asked = [workload("xcode-eidolon"), workload("ml-fp16"), workload("final-cut-4k")]
        found = outcomes(machines, asked)
        assert found.distinct < len(machines) * len(asked) / 3
        for row, column in itertools.product((0, 3, 6, 9, 26, 44), range(len(asked))):
            run = simulate(asked[column], machines[row])
            assert found.duration_s[row, column] == pytest.approx(run.duration_s, rel=1e-9)
            assert found.energy_wh[row, column] == pytest.approx(run.energy_wh, rel=1e-9)
            assert found.noise_dba[row, column] == pytest.approx(run.summary["noise_dba"].max, rel=1e-9)
            score = speed_value(asked[column], run.score.value, run.delivered, run.duration_s)
            assert found.speed[row, column] == pytest.approx(score, rel=1e-9)


class TestMusts:
    def test_what_a_machine_must_have(self, chosen_for):
        found = chosen_for(
            "xcode-eidolon", among=("imac-pro", "mac-pro-2019"), musts=(("thunderbolt", 3.0), ("memory", 96.0))
        )
        assert found.answer.front
        for one in found.answer.front:
            assert machine(one.selector).spec.ports.thunderbolt >= 3
            assert machine(one.selector).memory_gib >= 96

    @pytest.mark.parametrize(
        ("text", "read"),
        [("port=thunderbolt>=2", ("thunderbolt", 2.0)), ("memory>=64GB", ("memory", 64.0)), ("sd", ("sd", 1.0)),
         ("ethernet >= 10 Gbit/s", ("ethernet", 10.0))],
    )  # fmt: skip
    def test_they_are_read(self, text, read):
        assert parse_must(text) == read

    @pytest.mark.parametrize(
        "text", ["port=firewire>=1", "colour", "memory>=", "memory>=-3", "memory>=nan", "port=memory>=1"]
    )
    def test_others_are_refused(self, text):
        with pytest.raises(InputError):
            parse_must(text)

    @given(
        st.text(max_size=30)
        | st.from_regex(r"(port=)?(memory|thunderbolt|ecc)(>=[0-9.eE+-]{0,6})?( ?GiB)?", fullmatch=True)
    )
    def test_any_text_is_read_or_refused(self, text):
        try:
            name, amount = parse_must(text)
        except InputError:
            return
        assert name in FEATURES
        assert 0.0 < amount < math.inf

    @pytest.mark.parametrize("name", FEATURES)
    def test_every_feature_is_a_number_of_every_machine(self, name):
        for one in ("imac-pro", "macbook-air-m1", "pc-x299", "mac-pro-2013"):
            assert math.isfinite(FEATURES[name].of(machine(one)))


class TestReal:
    def test_a_looser_budget_is_never_slower(self, chosen_for):
        best = [
            chosen_for("xcode-eidolon", "blender-cpu", on=DAY, among=SOLD, budget=budget).answer.recommendation
            for budget in (2000.0, 3000.0, 5000.0, 8000.0, 20000.0)
        ]
        speeds = [one.speed_step for one in best if one]
        assert len(speeds) >= 3
        assert speeds == sorted(speeds)
        assert speeds[-1] > speeds[0]

    def test_only_what_could_be_bought_that_day(self, chosen_for):
        before = chosen_for("blender-cpu", on=dt.date(2018, 1, 15), among=("imac-pro",)).answer
        assert not [one for one in before.points if one.chosen["processor"] in {"14-core", "18-core"}]
        after = chosen_for("blender-cpu", on=DAY, among=("imac-pro",)).answer
        assert {one.chosen["processor"] for one in after.points} == {"8-core", "10-core", "14-core", "18-core"}
        assert not [one for one in after.points if one.chosen["memory"] == "256GB"]

    def test_a_machine_that_was_not_there_yet_is_left_out_with_a_reason(self, chosen_for):
        found = chosen_for("blender-cpu", on=dt.date(2018, 1, 15), among=("imac-pro", "mac-studio-2022"))
        assert "mac-studio-2022" in found.gathered.left_out
        assert {one.machine_id for one in found.answer.points} == {"imac-pro"}

    def test_parts_without_a_board_for_them_are_no_candidates_and_counted(self, chosen_for):
        found = chosen_for("cinebench-r15", among=("pc-x299:1TB,rx-vega-56",))
        offered = {one.selector for one in found.answer.points}
        assert "pc-x299:w-2145,32GB-ecc" in offered
        assert not {"pc-x299:w-2145", "pc-x299:32GB-ecc"} & offered
        count, why = found.gathered.left_out["pc-x299"]
        assert found.gathered.conflicting == count > 20
        assert "does not take" in why
        assert len(offered) + count == len(configurations("pc-x299:1TB,rx-vega-56"))

    @pytest.mark.claims("V2")
    def test_a_regular_imac_gives_most_of_it_for_much_less(self, chosen_for):
        found = chosen_for("xcode-eidolon", among=("imac-pro", "imac-5k-2017"), on=DAY, budget=5000.0)
        best, less = found.answer.recommendation, found.answer.cheaper
        assert (best.machine_id, less.machine_id) == ("imac-pro", "imac-5k-2017")
        assert less.speed / best.speed > 0.85
        assert less.price / best.price < 0.6
        share, price = round(100 * less.speed / best.speed), round(100 * less.price / best.price)
        assert cheaper(found.answer).endswith(f"gives {share} % of the speed for {price} % of the price")

    @pytest.mark.claims("V2")
    def test_it_does_not_say_so_where_it_is_not_so(self, chosen_for):
        # eighteen cores have no cheap substitute among the iMacs of that day
        found = chosen_for("blender-cpu", among=("imac-pro", "imac-5k-2017"), on=DAY, budget=8000.0)
        assert found.answer.recommendation.selector == "imac-pro:18-core"
        assert found.answer.cheaper is None

    def test_weights_count(self):
        both = ["xcode-eidolon", "blender-cpu"]
        names = ["imac-pro", "imac-pro:18-core"]

        def speed(*weights):
            made = choose(dict(zip(both, weights, strict=True)), Limits(), Market(), ["imac-pro"])
            by = {one.selector: one for one in made.answer.points}
            return by[names[1]]

        once, often = speed(1.0, 1.0), speed(1.0, 3.0)
        assert once.speed == pytest.approx(math.sqrt(once.speeds[0] * once.speeds[1]))
        assert often.speed == pytest.approx((often.speeds[0] * often.speeds[1] ** 3) ** 0.25)
        assert often.energy_wh > 2.0 * once.energy_wh

    def test_the_base_is_one(self, chosen_for):
        found = chosen_for("xcode-eidolon", "blender-cpu", among=("imac-pro",))
        [base] = [one for one in found.answer.points if one.selector == "imac-pro"]
        assert base.speed == 1.0
        assert base.speeds == (1.0, 1.0)


def test_slots_are_those_of_every_machine():
    from spacegrey.machine.catalog import machine_ids, read_machine

    for name in machine_ids():
        assert set(SLOTS) <= set(read_machine(name).options)
