"""Dumps of a real machine become a plan: nothing is guessed, and what is missing is said."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacegrey.connections.identify.boltctl import read_boltctl
from spacegrey.connections.identify.folder import identify
from spacegrey.connections.identify.found import Found
from spacegrey.connections.identify.lspci import functions, read_lspci
from spacegrey.connections.identify.profiler import read_profiler
from spacegrey.connections.identify.writing import plan_text
from spacegrey.connections.plan import read_plan
from spacegrey.errors import InputError, Refusal
from spacegrey.parts.display.panel_edid import detailed_timing
from spacegrey.parts.display.timing import reduced_blanking


def small_edid(timing, name):
    block = bytearray(128)
    block[:8] = bytes.fromhex("00ffffffffffff00")
    block[8:10] = (13 << 10 | 5 << 5 | 24).to_bytes(2, "big")
    block[16:25] = bytes([10, 28, 1, 4, 0xB5, 60, 34, 120, 0x02])
    block[54:72] = detailed_timing(timing, 600, 340)
    block[72:90] = bytes([0, 0, 0, 0xFC, 0]) + f"{name}\n".encode().ljust(13)
    block[93] = block[111] = 0x10
    block[127] = -sum(block) % 256
    return bytes(block)


def by_name(seen):
    return {one.name: one for one in seen}


WIDE = {
    "kind": "display", "width": 5120, "height": 2880, "tiles": 2, "pixel_clock_mhz": 483.25, "refresh_hz": 59.98,
}  # fmt: skip


def test_two_tiles_become_one_display_whose_cable_is_not_guessed(linux):
    wide = by_name(identify(linux).unsure)["Wide 5K"]
    assert wide.facts == WIDE
    assert wide.missing == ["link"]
    assert "tile 1 in drm/card0-DP-4/edid" in wide.notes


def test_a_thunderbolt_device_of_its_name_tells_the_cable(linux):
    with (linux / "bolt.txt").open("a", encoding="utf-8") as file:
        file.write("\n ● Mex Wide 5K\n   ├─ generation:    Thunderbolt 3\n   └─ status:        authorized\n")
    found = identify(linux)
    assert by_name(found.devices)["Wide 5K"].facts == {**WIDE, "link": "thunderbolt3"}
    assert "Mex Wide 5K" not in by_name([*found.devices, *found.unsure])


def test_a_display_of_the_catalog_is_known_and_keeps_what_differs(linux):
    dell = by_name(identify(linux).devices)["DELL P2715Q"]
    assert dell.facts == {"model": "dell-p2715q"}
    assert any(note.startswith("takes up to 10 bits per colour") for note in dell.notes)
    drm = linux / "drm" / "card0-DP-5"
    drm.joinpath("edid").write_bytes(small_edid(reduced_blanking(3840, 2160, 30), "DELL P2715Q"))
    slower = by_name(identify(linux).devices)["DELL P2715Q"]
    assert slower.facts == {"model": "dell-p2715q", "refresh_hz": 29.98, "pixel_clock_mhz": 262.75}


def test_the_own_panel_and_empty_connectors_are_left_out(linux):
    found = identify(linux)
    assert "drm/card0-eDP-1/edid: iMac is the machine's own panel" in found.left_out
    assert any(line.startswith("drm/card0-DP-6/edid: EDID of a connector that nothing") for line in found.read)
    assert found.not_read == ["notes.txt: no dump that is known"]


def test_what_boltctl_lists(linux):
    found = identify(linux)
    array = by_name(found.devices)["Promise Technology, Inc. Pegasus3 R8"]
    assert array.facts == {"model": "promise-pegasus3-r8"}
    assert array.notes == ["its link runs at 20 Gb/s (2 lanes of 10)"]
    assert by_name(found.unsure)["Example Works Mystery Box"].missing == ["kind"]
    for name in ("Old Dock", "Remembered"):
        assert f"bolt.txt: Example Works {name} is known but not connected" in found.left_out


def test_what_hangs_behind_thunderbolt_in_lspci(linux):
    found = identify(linux)
    card = by_name(found.unsure)["Example Works TEN10"]
    assert card.facts == {"kind": "network", "link": "thunderbolt3"}
    assert card.missing == ["rates_gbps"]
    assert "its PCIe link runs at generation 2 x4" in card.notes
    assert "pci.txt: 0a:00.0 Example Works TEN10 runs at 5 GT/s x4, could do 8 GT/s x4" in found.left_out
    assert not any("Graphics" in one.name or "USB" in one.name for one in [*found.devices, *found.unsure])


def test_a_mac_tells_ports_and_chains(mac):
    found = identify(mac)
    assert found.machine == "iMacPro1,1"
    devices = by_name(found.devices)
    assert devices["CalDigit, Inc. TS3 Plus"].facts == {"model": "caldigit-ts3-plus", "port": "thunderbolt-1"}
    assert devices["Promise Technology, Inc. Pegasus3 R8"].facts == {
        "model": "promise-pegasus3-r8", "via": "CalDigit, Inc. TS3 Plus",
    }  # fmt: skip
    assert devices["network of en0"].facts == {"kind": "network", "link": "ethernet", "rates_gbps": [10.0]}
    display = devices["U4K"]
    assert display.facts["link"] == "hdmi"
    assert "its size is that of the mode in use: the dump holds no EDID" in display.notes


def test_rates_of_drives_are_not_guessed(mac):
    unsure = by_name(identify(mac).unsure)
    assert set(unsure) == {"Ultra Fit", "Tape 9"}
    assert unsure["Ultra Fit"].missing == ["read_gbps", "write_gbps"]
    assert unsure["Ultra Fit"].facts == {"kind": "storage", "link": "usb3"}


def test_two_used_receptacles_of_a_bus_leave_the_port_open():
    tag = {"receptacle_status_key": "receptacle_connected"}
    bus = {
        "receptacle_1_tag": {"receptacle_id_key": "1", **tag},
        "receptacle_2_tag": {"receptacle_id_key": "2", **tag},
        "_items": [{"_name": "One"}, {"_name": "Other"}],
    }
    found = Found()
    read_profiler(found, {"SPThunderboltDataType": [bus]}, "x.json")
    assert all("port" not in seen.facts for seen in found.unsure)
    assert found.unsure[0].notes == ["in receptacle 1 or 2: the dump does not say which"]


@pytest.mark.parametrize("desk", ["linux", "mac"])
def test_what_is_written_is_a_plan(request, tmp_path, desk):
    found = identify(request.getfixturevalue(desk))
    path = tmp_path / "plan.toml"
    path.write_text(plan_text(found), encoding="utf-8")
    plan = read_plan(path)
    assert [one.name for one in plan.devices] == [one.name for one in found.devices]
    assert {one.source for one in found.unsure} == {
        line.removeprefix("# from ") for line in path.read_text().split("# Not complete")[1].splitlines()
        if line.startswith("# from ")
    }  # fmt: skip


@pytest.mark.parametrize("desk", ["linux", "mac"])
def test_identities_stay_out_of_the_plan(request, desk):
    text = plan_text(identify(request.getfixturevalue(desk)))
    assert "SECRET" not in text
    assert "00000000-" not in text


def test_the_same_name_twice_is_told_apart(mac):
    data = json.loads((mac / "all.json").read_text())
    data["SPUSBDataType"][0]["_items"].append(data["SPUSBDataType"][0]["_items"][0])
    (mac / "all.json").write_text(json.dumps(data))
    assert {"Ultra Fit", "Ultra Fit 2"} <= set(by_name(identify(mac).unsure))


def test_what_hangs_on_an_unknown_device_is_not_complete(mac):
    data = json.loads((mac / "all.json").read_text())
    data["SPThunderboltDataType"][0]["_items"][0] |= {"_name": "X", "device_name_key": "X", "vendor_name_key": "Y"}
    (mac / "all.json").write_text(json.dumps(data))
    found = identify(mac)
    array = by_name(found.unsure)["Promise Technology, Inc. Pegasus3 R8"]
    assert array.notes == ["complete, but Y X, which it hangs on, is not or has no port for it"]


def test_a_broken_edid_is_refused_in_one_line(linux):
    path = linux / "drm" / "card0-DP-5" / "edid"
    path.write_bytes(path.read_bytes()[:-1] + b"\x00")
    with pytest.raises(InputError, match=r"^drm/card0-DP-5/edid: block 0: the checksum is 0x00, 0x"):
        identify(linux)


def test_an_edid_in_hexadecimal_is_read(tmp_path):
    data = small_edid(reduced_blanking(3840, 2160, 60), "U4K")
    (tmp_path / "left.hex").write_text("# of the left one\n" + data.hex(" ", 2).upper().replace("4B", "4B\n"))
    (display,) = identify(tmp_path).devices
    assert (display.name, display.facts["pixel_clock_mhz"]) == ("U4K", 533.25)
    (tmp_path / "left.hex").write_text(data.hex()[:-1])
    with pytest.raises(InputError, match=r"left\.hex: truncated: 255 hexadecimal digits"):
        identify(tmp_path)


def test_a_broken_edid_in_json_is_refused(mac):
    data = json.loads((mac / "all.json").read_text())
    data["SPDisplaysDataType"][0]["spdisplays_ndrvs"][1]["_spdisplays_edid"] = "0x00ffzz"
    (mac / "all.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"all\.json: the EDID of U4K is not hexadecimal"):
        identify(mac)


def test_a_folder_without_dumps_is_an_answer(tmp_path):
    with pytest.raises(Refusal, match="no dump in it: looked for boltctl list, system_profiler -json"):
        identify(tmp_path)
    with pytest.raises(InputError, match="not a folder"):
        identify(tmp_path / "nowhere")


def test_files_that_are_no_dumps_are_named(linux):
    (linux / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" * 10)
    (linux / "other.json").write_text("[1, 2]")
    (linux / "half.json").write_text('{"SPUSBDataType": [')
    (linux / "deep.json").write_text("[" * 100_000)
    with (linux / "huge.bin").open("wb") as file:
        file.truncate(20_000_000)
    assert set(identify(linux).not_read) == {
        "notes.txt: no dump that is known", "photo.jpg: neither text nor an EDID",
        "other.json: JSON that system_profiler did not print", "half.json: broken JSON", "deep.json: broken JSON",
        "huge.bin: no plain file, or larger than 16 MB",
    }  # fmt: skip


def test_names_of_files_cannot_add_lines_to_a_plan(tmp_path):
    (tmp_path / "a\n[[device]]\n#").write_text(" ● Promise Technology, Inc. Pegasus3 R8\n   └─ status:  authorized\n")
    found = identify(tmp_path)
    assert found.devices[0].source == "a?[[device]]?#"
    assert plan_text(found).count("\n[[device]]") == 1


def test_an_endless_line_is_not_searched():
    assert functions("00:00.0 Host bridge: X\n" + "LnkCap:" * 300_000)[0].able is None


def test_a_link_out_of_the_folder_that_loops_ends(linux):
    (linux / "again").symlink_to(linux, target_is_directory=True)
    assert identify(linux).devices


# --- fuzz --------------------------------------------------------------------

KEYS = [
    "_name", "_items", "device_name_key", "vendor_name_key", "receptacle_1_tag", "receptacle_id_key",
    "receptacle_status_key", "spdisplays_ndrvs", "_spdisplays_edid", "_spdisplays_pixels", "_spdisplays_resolution",
    "device_speed", "Media", "Built-in_Device", "detachable_drive", "physical_drive", "is_internal_disk", "Ethernet",
    "MediaSubType", "machine_model", "mode_key", "spdisplays_connection_type", "spdisplays_depth",
]  # fmt: skip
WORDS = st.sampled_from(["3840 x 2160 @ 60Hz", "yes", "no", "1", "super_speed", "10Gbase-T", "0x00ff", "\x1b[2J", ""])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | WORDS | st.text(max_size=8)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=40,
)
SECTIONS = ["SPHardwareDataType", "SPThunderboltDataType", "SPDisplaysDataType", "SPUSBDataType", "SPNVMeDataType",
            "SPStorageDataType", "SPEthernetDataType", "SPNetworkDataType"]  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(SECTIONS), TREES | st.lists(TREES, max_size=3), min_size=1))
def test_any_profile_is_read_or_refused(data):
    found, line = Found(), ""
    try:
        read_profiler(found, data, "fuzz.json")
    except InputError as error:
        line = str(error)
    assert "\n" not in line
    assert all(seen.name.isprintable() and seen.name for seen in [*found.devices, *found.unsure])


LINES = st.sampled_from(
    [
        *"●○├└│",
        *functions.__doc__.split(),
        " ● A",
        "   ├─ type: peripheral",
        "   └─ status: x",
        "0a:00.0 PCI bridge: JHL6540",
        "\tBus: primary=0a, secondary=0a, subordinate=0a",
        "\tBus: primary=00, secondary=0b, subordinate=0b",
        "0b:00.0 Audio: Y",
        "\x1b]0;",
        "\n",
        "\t\tLnkSta:\tSpeed 5GT/s (ok), Width x0 (ok)",
        "\t\tLnkCap:\tPort #0, Speed 99GT/s, Width x9",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(LINES | st.text(max_size=20), max_size=30).map("\n".join))
def test_any_text_is_read(text):
    found = Found()
    read_boltctl(found, text, "fuzz.txt")
    read_lspci(found, text, "fuzz.txt")
    assert all(seen.missing for seen in found.unsure)
