"""A file of offers is read whole or refused in a line; the user's offers stand beside the catalog's."""

import datetime as dt
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.decide.items import canonical, class_of, components, machine_file, machine_key, size_label
from spacegrey.decide.offers import Offer, load_offers
from spacegrey.decide.prices import price_on
from spacegrey.errors import InputError
from spacegrey.machine.catalog import machine_ids, part_entries
from spacegrey.machine.selector import choose
from spacegrey.sourced import CATALOG, sources

FILES = sorted((CATALOG / "offers").glob("*.toml"))
GOOD = {
    "item": '"imac-pro"',
    "price": "4499",
    "currency": '"USD"',
    "date": "2018-11-20",
    "kind": '"street"',
    "assumed": '{ price = "a test" }',
}


def text_of(**changes):
    rows = {key: value for key, value in (GOOD | changes).items() if value is not None}
    return "[[offer]]\n" + "".join(f"{key} = {value}\n" for key, value in rows.items())


@pytest.fixture
def file_of(tmp_path):
    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


# The catalog's


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_catalog_says_where_every_price_comes_from(path):
    for offer in tomllib.loads(path.read_text(encoding="utf-8"))["offer"]:
        source = offer.get("source", {})
        keys = [source] if isinstance(source, str) else list(source.values())
        assert keys or offer.get("assumed"), offer
        assert set(keys) <= set(sources())


def test_every_machine_of_apple_has_a_price_of_its_own():
    offers = load_offers()
    for name in machine_ids():
        if machine_file(name).spec.model:
            assert name in offers.configurations, name


@pytest.mark.parametrize(
    ("item", "price"),
    [("imac-pro:14-core", 4929), ("imac-pro:18-core,vega-64x", 6879), ("mac-mini-m1", 589), ("macbook-air-m1", 849)],
)
def test_refurbished_prices_of_july_2022(item, price):
    kinds = ("refurbished",)
    assert price_on(canonical(item), dt.date(2022, 7, 4), load_offers(), kinds=kinds).value == price


# The user's own


def test_own_offer_stands_beside_the_catalog_s(file_of):
    offers = load_offers(file_of(text_of()))
    assert len(offers.of("imac-pro")) == len(load_offers().of("imac-pro")) + 1
    assert price_on("imac-pro", dt.date(2018, 11, 20), offers).value == 4499.0
    assert price_on("imac-pro", dt.date(2018, 11, 21), offers).value == 4999.0


def test_own_offer_wins_where_item_kind_day_and_currency_agree(file_of):
    offers = load_offers(file_of(text_of(price="5100", kind='"list"', date="2017-12-14")))
    assert price_on("imac-pro", dt.date(2018, 6, 1), offers).value == 5100.0
    assert price_on("imac-pro", dt.date(2018, 6, 1), offers, currency="EUR").value == 5499.0
    assert price_on("imac-pro", dt.date(2018, 6, 1), load_offers()).value == 4999.0


def test_file_without_offers_changes_nothing(file_of):
    assert load_offers(file_of("")).by_item == load_offers().by_item


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"item": '"imac-por"'}, "mine.toml:2: unknown item 'imac-por' (did you mean 'imac-pro'?)"),
        ({"item": '"imac-pro/processor/9-core"'}, "mine.toml:2: imac-pro: unknown choice of processor '9-core'"),
        ({"item": '"imac-pro/cpu/8-core"'}, "mine.toml:2: imac-pro: unknown option 'cpu'"),
        ({"item": '"imac-pro:9-core"'}, "mine.toml:2: selector 'imac-pro:9-core': unknown choice '9-core'"),
        ({"item": '"imac-pro+ambient=30C"'}, "mine.toml:2: unknown item 'imac-pro+ambient=30C'"),
        ({"item": '"imac-pro:8-core+fan=max"'}, "an offer is for a machine, not for its room"),
        ({"item": '"processors/i9"'}, "mine.toml:2: unknown processor 'i9'"),
        ({"item": '"memory/ddr4-2666-udimm"'}, "mine.toml:2: item 'memory/ddr4-2666-udimm': write memory/NAME/SIZE"),
        ({"item": '"memory/ddr4-2666-udimm/big"'}, "mine.toml:2: 'big' is no size: write it as 16GB or 1TB"),
        ({"item": '"components/nothing"'}, "mine.toml:2: unknown component 'nothing'"),
        ({"item": '"applecare/pc"'}, "mine.toml:2: unknown machine 'pc'"),
        ({"item": '"missing.toml"'}, "missing.toml: no such file"),
        ({"item": '""'}, "mine.toml:2: item: string should have at least 1 character"),
        ({"price": '"much"'}, "mine.toml:3: price: input should be a valid number"),
        ({"price": "-1"}, "price is negative, which only a choice of an option may be"),
        ({"price": "nan"}, "mine.toml:3: price: input should be a finite number"),
        ({"price": "1e9"}, "mine.toml:3: price: input should be less than or equal to 10000000"),
        ({"price": None}, "'price' is missing"),
        ({"currency": '"$"'}, "mine.toml:4: currency: string should match pattern"),
        ({"date": "2018-13-01"}, "mine.toml: not TOML"),
        ({"date": "0018-01-01"}, "the year of 0018-01-01 is outside 1976 to 2100"),
        ({"kind": '"sale"'}, "mine.toml:6: kind: input should be 'list', 'street', 'refurbished', 'used' or 'rebate'"),
        ({"until": "2018-01-01"}, "until 2018-01-01 is before its date 2018-11-20"),
        ({"kind": '"rebate"'}, "ends is the last day of a rebate"),
        ({"ends": "2019-01-01"}, "ends is the last day of a rebate"),
        ({"kind": '"rebate"', "ends": "2018-01-01"}, "the rebate ends 2018-01-01, before its date 2018-11-20"),
        ({"needs_action": "true"}, "needs_action is about a rebate"),
        ({"colour": '"blue"'}, "unknown key 'colour'; choose from: assumed, currency, date"),
        ({"assumed": None}, "mine.toml:3: price has no source: name a key of sources.bib"),
        ({"assumed": None, "source": '"my-shop"'}, "source 'my-shop' of 'default' is not in sources.bib"),
    ],
)
def test_malformed_offer_is_one_line_with_its_place(file_of, changes, complaint):
    with pytest.raises(InputError, match=re.escape(complaint)) as caught:
        load_offers(file_of(text_of(**changes)))
    assert "\n" not in str(caught.value)


def test_place_is_that_of_the_offer_that_is_wrong(file_of):
    good, bad = text_of(), text_of(item='"imac-por"')
    with pytest.raises(InputError, match=r"^mine\.toml:18: unknown item 'imac-por'"):
        load_offers(file_of(f"{good}\n{good}\n{bad}\n{good}"))
    with pytest.raises(InputError, match=r"^mine\.toml:11: price: "):
        load_offers(file_of("\n".join([good, text_of(price='"much"'), good])))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("offer = 1\n", "mine.toml:1: offers are a list: begin each with [[offer]]"),
        ("[offer]\nprice = 1\n", "mine.toml:1: offers are a list: begin each with [[offer]]"),
        ("offer = [1]\n", "mine.toml:1: [offer.0] is not a table"),
        ("[[offers]]\nprice = 1\n", "mine.toml:1: unknown key 'offers' (did you mean 'offer'?)"),
        ("[[offer]\n", "mine.toml: not TOML"),
    ],
)
def test_file_that_is_no_list_of_offers_is_refused(file_of, text, complaint):
    with pytest.raises(InputError, match=re.escape(complaint)):
        load_offers(file_of(text))


def read_or_refused(path):
    try:
        return len(load_offers(path).all), ""
    except InputError as error:
        return 0, str(error)


VALUES = st.one_of(
    st.sampled_from([*GOOD.values(), '"imac-pro/memory/64GB"', '"used"', '"rebate"', "[]", "{}", "true", "1979-05-27"]),
    st.integers().map(str),
    st.floats().map(str),
    st.text(st.characters(codec="utf-8", exclude_characters='"\\', exclude_categories=["Cc"])).map(lambda t: f'"{t}"'),
)
KEYS = st.sampled_from([*GOOD, "until", "ends", "needs_action", "seller", "note", "options_shown", "source", "x"])


@given(st.lists(st.dictionaries(KEYS, VALUES), max_size=3), st.booleans())
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, tables, complete):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    rows = [(GOOD | table) if complete else table for table in tables]
    path.write_text(
        "\n".join("[[offer]]\n" + "".join(f"{key} = {value}\n" for key, value in row.items()) for row in rows),
        encoding="utf-8",
    )
    count, complaint = read_or_refused(path)
    assert "\n" not in complaint
    assert complaint or count >= len(load_offers().all)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.toml"
    path.write_bytes(content)
    count, complaint = read_or_refused(path)
    assert path.name in complaint or count == len(load_offers().all)


def test_page_names_every_key_of_an_offer():
    page = (Path(__file__).parents[2] / "docs" / "prices.md").read_text(encoding="utf-8")
    table = re.search(r"\| key \| meaning \|\n(.*?)\n\n", page, re.DOTALL)[1]
    named = [key for row in table.splitlines()[1:] for key in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(named) == sorted(Offer.model_fields)


# Keys of things


@given(st.data())
def test_key_of_a_configuration_does_not_depend_on_how_it_is_written(data):
    name = data.draw(st.sampled_from(machine_ids()))
    options = machine_file(name).options
    chosen = {slot: data.draw(st.sampled_from(sorted(option.choices))) for slot, option in options.items()}
    pairs = data.draw(st.permutations([f"{slot}={choice}" for slot, choice in chosen.items()]))
    key = canonical(f"{name}:{','.join(pairs)}")
    assert key == machine_key(machine_file(name), choose(options, tuple(pairs), ""))
    assert canonical(key) == key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("imac-pro:8-core,32GB", "imac-pro", True),
        ("imac-pro:vega-64,10-core", "imac-pro:10-core,graphics=vega-64", True),
        ("storage/samsung-860-evo/500GB", "storage/samsung-860-evo/512GB", True),
        ("storage/samsung-860-evo/480GB", "storage/samsung-860-evo/512GB", False),
        ("memory/ddr4-2666-udimm/16GB", "memory/ddr4-2666-udimm/8GB", False),
    ],
)
def test_one_thing_has_one_key(one, other, same):
    assert (canonical(one) == canonical(other)) is same


@given(st.integers(-7, 3), st.floats(0.975, 1.025))
def test_sizes_near_a_power_of_two_have_its_name(power, off):
    label = size_label(2.0**power * off)
    assert label == size_label(2.0**power)
    assert size_label(label) == label


def test_class_of_a_component_is_its_file():
    assert {class_of(f"components/{name}") for name in components()} == {
        path.stem for path in (CATALOG / "components").glob("*.toml")
    }
    assert class_of(f"processors/{min(part_entries('processors'))}") == "processors"
    assert class_of("imac-pro:graphics=vega-64") == class_of("imac-pro/graphics/vega-64") == "machines"
