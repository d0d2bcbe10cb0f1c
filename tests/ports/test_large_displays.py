"""Displays that makers count apart, and a 5K display on two cables."""

import pytest


def test_a_5k_display_on_two_cables_is_two_devices_of_one_stream_each(ask):
    answer = ask(["dell-up2715k-half", "dell-up2715k-half"])
    assert answer.fits
    streams = [one.picture.gbps for one in answer.outcome.devices]
    assert streams == [pytest.approx(483.25 * 30e-3, rel=5e-3)] * 2, "2560 x 2880 at 60 Hz takes 483 MHz"
    assert ask(["dell-up2715k-half"] * 4).fits, "two of them: as two 5K displays of two tiles"
    [reason] = ask(["dell-up2715k-half"] * 5).reasons
    assert "d4" in reason


@pytest.mark.parametrize("model", ["display-4k", "display-4k-mst"])
def test_a_fourth_4k_display_of_a_mac_pro_of_2013_is_refused_with_the_reason(ask, model):
    assert ask([model] * 3, on="mac-pro-2013").fits
    [reason, *_] = ask([model] * 4, on="mac-pro-2013").reasons
    said = {"display-4k": "drives 3 displays beyond 2560x2880", "display-4k-mst": "sends 6 outside"}[model]
    assert said in reason
    assert all(f"d{n}" in reason for n in range(4))


def test_small_displays_do_not_count_among_the_large_ones(ask):
    assert ask(["display-4k"] * 3 + ["display-1440"] * 3, on="mac-pro-2013").fits
    assert not ask(["display-4k"] * 4 + ["display-1440"] * 2, on="mac-pro-2013").fits
