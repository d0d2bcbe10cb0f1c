"""A configuration can be ordered from the day of its last choice to the end of its first one."""

import datetime as dt
import re

import pytest

from spacegrey.decide.quote import quote
from spacegrey.errors import InputError


def day(text):
    return dt.date.fromisoformat(text)


@pytest.mark.claims("P2")
@pytest.mark.parametrize(
    ("selector", "asked", "available", "of", "words"),
    [
        ("imac-pro", "2017-06-05", False, "2017-12-14", "announced 2017-06-05, orders from 2017-12-14"),
        ("imac-pro", "2017-12-13", False, "2017-12-14", "orders from 2017-12-14"),
        ("imac-pro", "2017-12-14", True, "2017-12-14", "first deliveries 2017-12-27"),
        ("imac-pro", "2017-12-26", True, "2017-12-26", "first deliveries 2017-12-27"),
        ("imac-pro", "2017-12-27", True, "2017-12-27", "orders from 2017-12-14 to 2020-08-03"),
        ("imac-pro:18-core", "2018-01-30", False, "2018-01-31", "processor 18-core can be ordered from 2018-01-31"),
        ("imac-pro:18-core", "2018-01-31", True, "2018-01-31", ""),
        ("imac-pro:14-core", "2018-02-04", False, "2018-02-05", "processor 14-core can be ordered from 2018-02-05"),
        ("imac-pro:14-core", "2018-02-05", True, "2018-02-05", ""),
        ("imac-pro:256GB", "2019-03-18", False, "2019-03-19", "memory 256GB can be ordered from 2019-03-19"),
        ("imac-pro:256GB", "2019-03-19", True, "2019-03-19", ""),
        ("imac-pro:vega-64x", "2019-03-18", False, "2019-03-19", "graphics vega-64x can be ordered"),
        ("imac-pro:vega-64x", "2019-03-19", True, "2019-03-19", ""),
        ("imac-pro", "2020-08-03", True, "2020-08-03", ""),
        ("imac-pro", "2020-08-04", False, "2020-08-03", "still to be had: 10-core, 14-core, 18-core"),
        ("imac-pro", "2021-04-01", False, "2020-08-03", "sold until 2020-08-03, iMac Pro (2017) until 2021-03-18"),
        ("imac-pro:10-core", "2020-08-04", True, "2020-08-04", ""),
        ("imac-pro:18-core", "2021-03-05", False, "2021-03-04", "still to be had: 10-core"),
        ("imac-pro:10-core", "2021-03-18", True, "2021-03-18", ""),
        ("imac-pro:10-core", "2021-03-19", False, "2021-03-18", "sold until 2021-03-18"),
    ],
)
def test_availability_by_date(selector, asked, available, of, words):
    bill = quote(selector, day(asked))
    assert (bill.available, bill.on) == (available, day(of))
    assert words in bill.availability
    assert bill.complete


@pytest.mark.claims("P2")
def test_ten_cores_became_the_base_at_the_same_price():
    assert quote("imac-pro:10-core", day("2020-08-03")).total == 5799.0
    assert quote("imac-pro:10-core", day("2020-08-04")).total == 4999.0


def test_without_a_date_the_bill_is_of_the_first_day_on_which_all_of_it_could_be_ordered():
    assert quote("imac-pro:14-core,vega-64x").on == day("2019-03-19")
    assert quote("pc-threadripper:2950x").on == day("2018-08-31")


@pytest.mark.parametrize(
    ("selector", "asked", "complaint"),
    [
        (
            "imac-pro",
            "2017-06-04",
            "iMac Pro (2017) was not announced before 2017-06-05: it has no price on 2017-06-04",
        ),
        ("pc-x99", "2014-08-28", "PC: Core i7 Extreme on LGA2011-3 was not sold before 2014-08-29"),
    ],
)
def test_before_the_announcement_there_is_no_price(selector, asked, complaint):
    with pytest.raises(InputError, match=re.escape(complaint)):
        quote(selector, day(asked))


def test_choices_that_were_never_sold_together_are_refused(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('extends = "imac-pro"\n[options.processor.choices]\n"8-core" = { withdrawn = 2018-06-01 }\n')
    with pytest.raises(InputError, match=r"8-core was sold until 2018-05-31, memory 256GB from 2019-03-19 on: never"):
        quote(f"{path}:256GB")
