"""SMC keys: their bytes as a real iMac Pro gives them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError, Refusal
from spacegrey.t2 import smc

REAL = [  # key, bytes and value of an 8-core iMac Pro under macOS 10.13.6 (VirtualSMC, Docs/SMCDumps/iMacPro1,1.txt)
    ("F0Ac", "F7C78944", 1102.2489),
    ("F0Mn", "00808944", 1100.0),
    ("F0Mx", "00401C45", 2500.0),
    ("FNum", "02", 2.0),
    ("TA0p", "1210", 18.0625),
    ("TC0c", "2200", 34.0),
    ("TC8c", "8100", -127.0),
    ("PSTR", "6726B042", 88.075),
    ("#KEY", "0000027E", 638.0),
]


@pytest.mark.claims("T1")
@pytest.mark.parametrize(("name", "raw", "value"), REAL)
def test_a_real_machine_s_bytes_read_and_write_the_same(name, raw, value):
    key = smc.smc_key(name)
    assert key.length == len(raw) // 2
    assert smc.decode(key.type, bytes.fromhex(raw)) == pytest.approx(value, rel=1e-6)
    assert smc.encode(key.type, smc.decode(key.type, bytes.fromhex(raw))).hex().upper() == raw


@given(st.floats(-127.9, 127.9))
def test_a_temperature_is_kept_to_a_256th_of_a_degree(value):
    assert smc.decode("sp78", smc.encode("sp78", value)) == pytest.approx(value, abs=1 / 512)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_beyond_a_type_is_held_at_its_end(value):
    assert -128.0 <= smc.decode("sp78", smc.encode("sp78", max(-1e9, min(1e9, value)))) < 128.0


@pytest.mark.parametrize("cores", [8, 10, 18])
def test_a_core_that_is_missing_reads_as_the_real_one_s(cores):
    read = {n: smc.decode("sp78", smc.read(f"TC{n}c", {"cpu_temp_c": 60.0, "cores": cores})) for n in range(10)}
    assert read == {n: 60.0 if n < cores else -127.0 for n in range(10)}


def test_only_fans_can_be_written_and_within_their_range():
    limits = {"fan_minimum_rpm": 1100.0, "fan_maximum_rpm": 2500.0}
    assert smc.checked_write("F1Tg", 2000.0, limits) == 2000.0
    with pytest.raises(Refusal, match="reading only; these can be written: F0Md, F0Tg, F1Md, F1Tg"):
        smc.checked_write("TC0c", 20.0, limits)
    for value in (1000.0, 9000.0, float("nan")):
        with pytest.raises(InputError, match="F0Tg"):
            smc.checked_write("F0Tg", value, limits)
    with pytest.raises(InputError, match="choose from: 0"):
        smc.checked_write("F0Md", 2.0, limits)
    with pytest.raises(InputError, match=r"unknown SMC key 'TC0C' \(did you mean"):
        smc.smc_key("TC0C")
