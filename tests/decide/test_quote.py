"""A bill is the sum of its lines, each an offer of its day; what nobody knows is left open."""

import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.decide.items import machine_file
from spacegrey.decide.offers import load_offers
from spacegrey.decide.prices import price_on
from spacegrey.decide.quote import quote
from spacegrey.errors import InputError
from spacegrey.machine.assembly import machine
from spacegrey.machine.catalog import machine_ids
from spacegrey.sourced import sources

FULLEST = "imac-pro:18-core,128GB,4TB,vega-64"
HEAD = (
    '[[offer]]\nitem = "{}"\nprice = {}\ncurrency = "USD"\ndate = {}\nkind = "{}"\nassumed = {{ price = "a test" }}\n'
)
OWN_CARD = """extends = "pc-x299"
[options.graphics]
default = "mine"
[options.graphics.choices]
mine = { part = "mine" }
[parts.graphics.mine]
extends = "gtx-1080"
name = "mine"
"""
EVERY = tuple(machine_ids())
APPLE = [name for name in EVERY if machine_file(name).spec.model]
GROWING = ("memory", "storage")


def day(text):
    return dt.date.fromisoformat(text)


def prices(bill):
    return {line.item: line.price for line in bill.lines}


@pytest.fixture
def offers_of(tmp_path):
    """Return a function from texts of offers to all offers, those included."""

    def read(*texts):
        path = tmp_path / "mine.toml"
        path.write_text("\n".join(texts), encoding="utf-8")
        return load_offers(path)

    return read


# What the machine cost


@pytest.mark.claims("P1")
def test_base_costs_4999_and_the_fullest_of_2017_costs_13199_by_sum():
    base, fullest = quote("imac-pro"), quote(FULLEST)
    assert (base.total, base.on) == (4999.0, day("2017-12-14"))
    assert fullest.total == 13199.0
    assert prices(fullest) == {
        "imac-pro": 4999.0,
        "imac-pro/processor/18-core": 2400.0,
        "imac-pro/memory/128GB": 2400.0,
        "imac-pro/storage/4TB": 2800.0,
        "imac-pro/graphics/vega-64": 600.0,
    }
    file = machine_file("imac-pro")
    early = {
        slot: [name for name, choice in option.choices.items() if not choice.available or choice.available.year < 2019]
        for slot, option in file.options.items()
    }
    most = max(
        quote(f"imac-pro:{p},{m},{s},{g}", day("2018-06-01")).total
        for p in early["processor"]
        for m in early["memory"]
        for s in early["storage"]
        for g in early["graphics"]
    )
    assert most == 13199.0


@pytest.mark.claims("P1")
def test_applecare_is_169_for_three_years_and_two_incidents():
    with_it, without = quote("imac-pro", applecare=True), quote("imac-pro")
    (line,) = set(with_it.lines) - set(without.lines)
    assert (line.item, line.price) == ("applecare/imac-pro", 169.0)
    assert "three years, two incidents" in line.note
    assert with_it.total == without.total + 169.0


@pytest.mark.claims("X2")
@pytest.mark.parametrize(
    ("choice", "more"), [("mouse", 0), ("trackpad", 50), ("mouse-and-trackpad", 149), ("space-grey-keyboard", 0)]
)
def test_space_grey_accessories_are_choices_with_a_price(choice, more):
    assert quote(f"imac-pro:{choice}").total == 4999.0 + more


def test_mount_costs_75():
    assert quote("imac-pro:vesa").total == 5074.0


@pytest.mark.parametrize(
    ("selector", "total"),
    [
        ("imac-5k-2014:32GB,1TB", 4399),  # the fullest of each year, as reported at the time
        ("imac-5k-2015:32GB,1TB", 4099),
        ("imac-5k-2017:64GB,2TB", 5299),
        ("imac-5k-2019:64GB,2TB,vega-48", 5249),
        ("imac-5k-2020:i9-10910,128GB,8TB,5700-xt", 8199),  # 8,799 less nano-texture glass and 10 Gb Ethernet
        ("mac-pro-2013:e5-2697v2,64GB,1TB,d700", 9599),
        ("mac-mini-2018:64GB,2TB", 4099),  # 4,199 less 10 Gb Ethernet
        ("mac-studio-2023:m2-ultra,192GB,8TB", 8799),
        ("macbook-air-m1:8-core-gpu,512GB", 1249),
    ],
)
def test_fullest_configurations_add_up_to_what_was_reported(selector, total):
    bill = quote(selector)
    assert (bill.total, bill.complete) == (total, True)


def test_configuration_with_a_price_of_its_own_is_built_on_it():
    assert quote("mac-pro-2013:e5-1650v2,16GB,d500", day("2014-01-01")).total == 3999.0
    later = quote("mac-pro-2013:e5-1650v2,16GB,d500,512GB", day("2018-01-01"))
    assert later.total == 2999.0 + 300.0
    assert later.lines[0].item == "mac-pro-2013:processor=e5-1650v2,memory=16GB,graphics=d500"


def test_what_comes_with_the_base_is_not_sold_without():
    bill = quote("mac-studio-2023:m2-ultra,512GB")
    assert not bill.complete
    assert bill.total == 4999.0
    assert bill.lines[-1].note == "the base comes with 1TB; its price without is not known"


# Machines built from parts


def test_pc_is_a_line_for_each_part_and_component():
    bill = quote("pc-x299:64GB", day("2018-06-01"))
    items = [line.item for line in bill.lines]
    assert items[:4] == [
        "processors/i9-7900x",
        "4 x memory/ddr4-2666-udimm/16GB",
        "storage/samsung-960-pro/1TB",
        "graphics/rx-vega-56",
    ]
    assert items[4:] == [f"components/{name}" for name in machine_file("pc-x299").spec.components]
    one = quote("pc-x299:64GB", day("2018-06-01"), load_offers()).lines[1]
    assert one.price == pytest.approx(4.0 * 196.0 * math.exp(130 / 1040 * math.log(50 / 196)), rel=1e-9)


@pytest.mark.parametrize(
    ("selector", "board"),
    [
        ("pc-x299", "asus-prime-x299-a"),
        ("pc-x299:w-2145,32GB-ecc", "asus-ws-c422-pro-se"),
        ("pc-client", "asus-prime-z270-a"),
        ("pc-client:i9-9900k", "asus-prime-z390-a"),
    ],
)
def test_bill_has_the_board_that_starts_the_processor(selector, board):
    bill = quote(selector)
    assert f"components/{board}" in prices(bill)
    assert sum("-prime-" in item or "-c422-" in item for item in prices(bill)) == 1
    assert (bill.complete, bill.conflict) == (True, "")


def test_bill_of_parts_that_do_not_go_together_says_so():
    assert quote("pc-x299:w-2145").conflict == "ASUS WS C422 PRO/SE does not take DDR4-2666 modules"
    assert quote("imac-pro").conflict == ""


def test_machine_can_be_ordered_when_its_board_can():
    assert quote("pc-x299:w-2145,32GB-ecc").on == day("2017-10-15")
    early = quote("pc-x299:w-2145,32GB-ecc", day("2017-09-10"))
    assert (early.available, early.on) == (False, day("2017-10-15"))
    assert early.availability.startswith("asus-ws-c422-pro-se can be ordered from 2017-10-15")


def test_missing_price_makes_the_total_a_lower_bound(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN_CARD)
    known, unknown = quote("pc-x299:gtx-1080", day("2018-06-01")), quote(str(path), day("2018-06-01"))
    assert (known.complete, unknown.complete) == (True, False)
    (gap,) = [line for line in unknown.lines if line.price is None]
    assert gap.note == "nobody's price of it is known"
    assert unknown.total == pytest.approx(known.total - prices(known)["graphics/gtx-1080"])


def test_own_machine_and_its_own_parts_take_own_offers(tmp_path):
    (tmp_path / "mine.toml").write_text(OWN_CARD)
    path = tmp_path / "offers.toml"
    path.write_text(HEAD.format("mine.toml/graphics/mine", 630, "2018-06-01", "street"))
    bill = quote(str(tmp_path / "mine.toml"), day("2018-06-01"), load_offers(path))
    assert bill.complete
    assert 630.0 in prices(bill).values()
    path.write_text(HEAD.format("mine.toml", 3500, "2018-06-01", "list"))
    assert prices(quote(str(tmp_path / "mine.toml"), day("2018-06-01"), load_offers(path))) == {
        str(tmp_path / "mine.toml"): 3500.0
    }


def test_pc_of_2016_costs_what_its_builder_paid(tmp_path):
    # rows M0497 to M0500: i7-5960X 1,025, 64 GB 350, GTX 980 Ti 630, 850 EVO 300
    (tmp_path / "pc-2016.toml").write_text("""extends = "pc-x99"
[options.graphics]
default = "gtx-980-ti"
[options.graphics.choices]
gtx-980-ti = { part = "gtx-980-ti" }
[options.storage]
default = "850-evo"
[options.storage.choices]
850-evo = { part = "850-evo", tb = 1 }
[parts.graphics.gtx-980-ti]
extends = "gtx-1070"
name = "GeForce GTX 980 Ti"
[parts.storage.850-evo]
extends = "samsung-860-evo"
name = "Samsung 850 EVO"
""")
    path = tmp_path / "offers.toml"
    own = (("graphics/gtx-980-ti", 630), ("storage/850-evo", 300))
    path.write_text(
        "\n".join(HEAD.format(f"pc-2016.toml/{item}", price, "2016-05-01", "street") for item, price in own)
    )
    bill = quote(f"{tmp_path / 'pc-2016.toml'}:64GB", day("2016-05-01"), load_offers(path))
    assert [line.price for line in bill.lines[:4]] == [1025.0, 350.0, 300.0, 630.0]


def test_extras_are_lines_of_their_own():
    bill = quote("imac-pro", day("2018-06-01"), extras=("windows-10-home",))
    (line,) = [line for line in bill.lines if line.item == "components/windows-10-home"]
    assert bill.total == 4999.0 + line.price
    with pytest.raises(InputError, match="unknown component 'windows-3'"):
        quote("imac-pro", extras=("windows-3",))


def test_applecare_is_for_apple_s_machines():
    with pytest.raises(InputError, match=r"AppleCare\+ is for Apple's machines"):
        quote("pc-x299", applecare=True)


# Used and refurbished


def test_refurbished_is_the_cheapest_of_that_kind():
    bill = quote("imac-pro:18-core,vega-64x", kinds=("refurbished",))
    assert (bill.total, bill.on, bill.available) == (6879.0, day("2022-07-04"), True)
    assert "memory and drive are not listed" in bill.lines[0].note


def test_used_configuration_that_nobody_offered_is_said_to_be_unknown():
    bill = quote("imac-pro:18-core,4TB", kinds=("refurbished",))
    assert (bill.available, bill.complete, bill.total) == (False, False, 0.0)
    assert "known are: imac-pro, imac-pro:processor=10-core" in bill.availability


# Rebates


def test_rebate_that_runs_counts_and_others_only_if_asked_for(offers_of):
    rebate = HEAD.format("imac-pro", 4499, "2018-11-20", "rebate") + "ends = 2018-11-30\n"
    action = HEAD.format("imac-pro", 4399, "2018-11-20", "rebate") + "ends = 2018-11-30\nneeds_action = true\n"
    offers = offers_of(rebate, action)
    asked = day("2018-11-25")
    assert quote("imac-pro", asked, offers).total == 4499.0
    assert quote("imac-pro", asked, offers, rebates=True).total == 4399.0
    assert quote("imac-pro", day("2018-11-19"), offers, rebates=True).total == 4999.0
    after = day("2018-12-01")
    assert quote("imac-pro", after, offers).total == 4999.0
    ended = quote("imac-pro", after, offers, rebates=True)
    assert ended.total == 4399.0
    assert "which needs an action, ended 2018-11-30" in ended.lines[0].note


# Currencies


def test_prices_of_other_countries_are_in_their_currency():
    assert quote("imac-pro", currency="EUR").total == 5499.0
    assert quote("imac-pro", currency="GBP").total == 4899.0


def test_currencies_are_not_mixed_without_a_rate():
    with pytest.raises(InputError, match=r"imac-pro/processor/10-core is offered in USD, not in EUR: .*--rate USD="):
        quote("imac-pro:10-core", currency="EUR")
    bill = quote("imac-pro:10-core", currency="EUR", rates={"USD": 0.85})
    assert prices(bill) == {"imac-pro": 5499.0, "imac-pro/processor/10-core": 680.0}
    assert "at 0.85 EUR for one USD as you said" in bill.lines[1].note


def test_price_that_is_unknown_in_dollars_stays_unknown_at_any_rate():
    early = price_on("graphics/gtx-1080", day("2012-01-01"), load_offers(), currency="EUR", rates={"USD": 0.8})
    assert (early.value, early.currency) == (None, "EUR")
    assert early.basis == price_on("graphics/gtx-1080", day("2012-01-01"), load_offers()).basis
    with pytest.raises(InputError, match="offered in USD, not in EUR"):
        price_on("graphics/gtx-1080", day("2012-01-01"), load_offers(), currency="EUR", rates={"GBP": 1.1})


# Laws


@st.composite
def configurations(draw, among=EVERY):
    name = draw(st.sampled_from(among))
    options = machine_file(name).options
    return name, {slot: draw(st.sampled_from(sorted(option.choices))) for slot, option in options.items()}


def selector(name, chosen):
    return f"{name}:" + ",".join(f"{slot}={choice}" for slot, choice in chosen.items())


@given(configurations(), st.integers(0, 2500))
def test_total_is_the_sum_of_the_lines_and_lies_in_its_band(configuration, later):
    name, chosen = configuration
    first = quote(selector(name, chosen))
    bill = quote(selector(name, chosen), first.on + dt.timedelta(days=later))
    known = [line for line in bill.lines if line.price is not None]
    assert bill.total == pytest.approx(math.fsum(line.price for line in known), rel=1e-12)
    assert bill.complete == (len(known) == len(bill.lines))
    assert bill.low <= bill.total * (1 + 1e-12)
    assert bill.total <= bill.high * (1 + 1e-12)
    for line in known:
        assert line.price >= 0.0 or "/storage/" in line.item
        assert line.source in sources() or line.source == "assumed"
        assert line.date


@given(configurations(among=tuple(APPLE)), st.integers(0, 2500), st.data())
def test_more_of_an_option_never_lowers_a_list_price(configuration, later, data):
    name, chosen = configuration
    options = machine_file(name).options
    slot = data.draw(st.sampled_from(GROWING))

    def size(choice):
        one = options[slot].choices[choice]
        return one.tb or one.modules * one.gib_per_module

    bigger = data.draw(st.sampled_from([other for other in options[slot].choices if size(other) >= size(chosen[slot])]))
    asked = quote(selector(name, chosen)).on + dt.timedelta(days=later)
    small, big = quote(selector(name, chosen), asked), quote(selector(name, chosen | {slot: bigger}), asked)
    if small.complete and big.complete and small.available and big.available:
        assert big.total >= small.total


@given(configurations(among=("imac-pro",)), st.data())
def test_every_choice_of_the_imac_pro_costs_as_much_as_the_default_or_more(configuration, data):
    name, chosen = configuration
    options = machine_file(name).options
    slot = data.draw(st.sampled_from(sorted(options)))
    asked = quote(selector(name, chosen)).on
    plain = quote(selector(name, chosen | {slot: options[slot].default}), asked)
    assert quote(selector(name, chosen), asked).total >= plain.total


@given(st.dates(dt.date(2017, 12, 14), dt.date(2020, 8, 3)), st.dates(dt.date(2017, 12, 14), dt.date(2020, 8, 3)))
def test_date_changes_nothing_within_a_price_period(one, other):
    bills = [quote("imac-pro:10-core,2TB,vega-64,trackpad", asked, applecare=True) for asked in (one, other)]
    assert bills[0].lines == bills[1].lines


def test_machine_and_its_selector_have_one_bill():
    assert quote(machine(FULLEST + "+ambient=35C"), day("2018-06-01")).lines == quote(FULLEST, day("2018-06-01")).lines
