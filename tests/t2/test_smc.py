"""SMC keys: their bytes as a real iMac Pro gives them."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError
from spacegrey.t2 import smc

# The keys that are answered, and up to three more of each type, as an 8-core iMac Pro under macOS 10.13.6 had them
# (VirtualSMC, Docs/SMCDumps/iMacPro1,1.txt).
REAL = list(csv.DictReader((Path(__file__).parent / "smc-keys.csv").read_text(encoding="utf-8").splitlines()))
NUMBERS = {
    "flt ",
    "flag",
    "ui8 ",
    "ui16",
    "ui32",
    "ui64",
    "si8 ",
    "si16",
    "sp78",
    "spa5",
    "spf0",
    "sp4b",
    "fp88",
    "fp6a",
}
ANSWERED = [row for row in REAL if row["key"] in smc.smc_keys()]


@pytest.mark.claims("T1")
@pytest.mark.parametrize("row", ANSWERED, ids=[row["key"] for row in ANSWERED])
def test_a_key_has_the_type_the_length_and_the_attributes_of_the_real_one(row):
    key = smc.smc_key(row["key"])
    assert (key.type, key.length, key.attributes) == (row["type"], int(row["length"]), int(row["attributes"], 16))


@pytest.mark.claims("T1")
@pytest.mark.parametrize("row", [row for row in REAL if row["type"] in NUMBERS], ids=lambda row: row["key"])
def test_a_real_machine_s_bytes_read_and_write_the_same(row):
    raw = bytes.fromhex(row["bytes"])
    value = smc.decode(row["type"], raw)
    if row["value"]:
        assert value == pytest.approx(float(row["value"]), rel=1e-6, abs=1e-12)
    assert smc.encode(row["type"], value) == raw


def test_every_key_of_the_file_of_real_ones_is_there_and_those_that_are_simulated_are_in_it():
    simulated = {name for name, key in smc.smc_keys().items() if key.standing is smc.Standing.SIMULATED}
    assert simulated <= {row["key"] for row in REAL} <= set(smc.smc_keys())
    assert len(simulated) > 100


@pytest.mark.claims("T1")
def test_keys_are_as_many_as_on_the_real_machine_and_in_its_order():
    """The dump lists them in it, and its #KEY says how many."""
    count = int(next(row["bytes"] for row in REAL if row["key"] == "#KEY"), 16)
    assert count == 638
    assert smc.read("#KEY", {}) == count.to_bytes(4, "big")
    listed = [smc.key_at(number) for number in range(count)]
    assert [row["key"] for row in REAL] == [name for name in listed if name in {row["key"] for row in REAL}]
    assert listed == sorted(listed)
    assert all(len(name) == 4 for name in listed)
    for beyond in (count, -1, 1 << 40):
        with pytest.raises(smc.SmcRefused, match=r"\[SMC status 0xb8\]") as refused:
            smc.key_at(beyond)
        assert refused.value.status is smc.Status.INDEX_RANGE


@pytest.mark.claims("T1")
@pytest.mark.parametrize("name", [name for name, key in smc.smc_keys().items() if not key.reads])
def test_a_key_that_the_model_does_not_follow_reads_the_same_always_or_not_at_all(name):
    key = smc.smc_key(name)
    with pytest.raises(smc.SmcRefused, match="these can be written: F0Md, F0Tg, F1Md, F1Tg") as refused:
        smc.checked_write(name, 1.0, {})
    assert refused.value.status is smc.Status.NOT_WRITABLE
    if key.standing is smc.Standing.UNREADABLE:
        with pytest.raises(smc.SmcRefused, match=r"cannot be read \[SMC status 0x(85|89|d7)\]") as refused:
            smc.read(name, {})
        assert refused.value.status is key.refused
        return
    raw = smc.read(name, {})
    assert len(raw) == key.length
    assert raw == smc.read(name, {"cores": 8})
    said = smc.shown(name, raw)
    assert not isinstance(said, str) or said.isprintable() or not said
    assert key.type in {"ch8*", "hex_", "{jst"} or smc.size(key.type) == key.length
    # what is made up stands under `assumed`, what is not has both dumps as its source
    assert ("keys" in key.assumed, "keys" in key.source) == (
        (True, False) if key.standing is smc.Standing.ILLUSTRATIVE else (False, True)
    )


def test_what_is_made_up_is_no_number_of_a_real_machine():
    """Serial numbers, addresses and readings of the dumped machines are theirs."""
    for name in ("RMAC", "RMSN", "RSSN", "KDD0", "EFMU", "CLKM"):
        assert smc.smc_key(name).standing is smc.Standing.ILLUSTRATIVE
        assert not any(smc.read(name, {}))
    for row in REAL:
        key = smc.smc_key(row["key"])
        if key.standing is smc.Standing.REFERENCE:
            assert smc.read(row["key"], {}).hex() == row["bytes"].lower()


@pytest.mark.parametrize("name", ["FS! ", "ADCZ", "TC0C", "", "TC0cc", "vC0C", "ü\0"])
def test_a_key_that_is_not_known_reads_as_the_real_one_s_missing_key(name):
    """FS! is the mode of the fans on older Macs; the dump of an iMac Pro has none."""
    for ask in (lambda: smc.smc_key(name), lambda: smc.read(name, {}), lambda: smc.checked_write(name, 1.0, {})):
        with pytest.raises(smc.SmcRefused) as refused:
            ask()
        assert refused.value.status is smc.Status.NOT_FOUND
        assert refused.value.status == 0x84
    assert "FS! " not in {row["key"] for row in REAL}


def test_a_name_that_is_nearly_right_is_hinted_at():
    with pytest.raises(smc.SmcRefused, match=r"no SMC key 'TC0C' here \(did you mean TC0"):
        smc.smc_key("TC0C")


@given(st.floats(-127.9, 127.9))
def test_a_temperature_is_kept_to_a_256th_of_a_degree(value):
    assert smc.decode("sp78", smc.encode("sp78", value)) == pytest.approx(value, abs=1 / 512)


@given(st.sampled_from(sorted(NUMBERS - {"flt ", "ui64"})), st.floats(-1e9, 1e9))
def test_what_is_beyond_a_type_is_held_at_its_end(kind, value):
    raw = smc.encode(kind, value)
    assert len(raw) == smc.size(kind)
    ends = [smc.decode(kind, smc.encode(kind, end)) for end in (-1e30, 1e30)]
    assert ends[0] <= smc.decode(kind, raw) <= ends[1]
    assert (ends[0] < 0.0) == (kind[0] == "s")


@pytest.mark.parametrize("cores", [8, 10, 18])
def test_a_core_that_is_missing_reads_as_the_real_one_s(cores):
    measured = {"cpu_junction_c": 60.0, "cores": cores}
    read = {n: smc.decode("sp78", smc.read(f"TC{n}c", measured)) for n in range(10)}
    assert read == {n: 60.0 if n < cores else -127.0 for n in range(10)}


def test_only_fans_can_be_written_and_within_their_range():
    limits = {"fan_minimum_rpm": 1100.0, "fan_maximum_rpm": 2500.0}
    assert smc.checked_write("F1Tg", 2000.0, limits) == 2000.0
    with pytest.raises(smc.SmcRefused, match="reading only; these can be written: F0Md, F0Tg, F1Md, F1Tg") as refused:
        smc.checked_write("TC0c", 20.0, limits)
    assert refused.value.status is smc.Status.NOT_WRITABLE
    for value in (1000.0, 9000.0, float("nan")):
        with pytest.raises(InputError, match="F0Tg"):
            smc.checked_write("F0Tg", value, limits)
    with pytest.raises(InputError, match="choose from: 0"):
        smc.checked_write("F0Md", 2.0, limits)


def test_numbers_of_the_chip_and_its_name_are_whole():
    """As the real one has them: 0x8012, 0x0A, j137; its number is larger than a float can hold."""
    measured = {"chip_id": 0x8012, "board_id": 0x0A, "ecid": 0xFEDCBA9876543211, "platform": "j137"}
    real = {row["key"]: row["bytes"].lower() for row in REAL}
    for name in ("RCID", "RBID", "RPlt"):
        assert smc.read(name, measured).hex() == real[name]
    assert smc.shown("RECI", smc.read("RECI", measured)) == 0xFEDCBA9876543211
    assert smc.shown("RPlt", smc.read("RPlt", measured)) == "j137"
