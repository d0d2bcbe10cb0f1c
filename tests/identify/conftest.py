"""Dumps of a desk that this project made up, in the forms in which real programs print them."""

import json

import pytest

from spacegrey.machine.assembly import machine
from spacegrey.parts.display.displayid import Tile, tile_block, timing_block, write_section
from spacegrey.parts.display.panel_edid import detailed_timing, panel_edid
from spacegrey.parts.display.timing import reduced_blanking

BOLTCTL = """\
 ● Promise Technology, Inc. Pegasus3 R8
   ├─ type:          peripheral
   ├─ name:          Pegasus3 R8
   ├─ vendor:        Promise Technology, Inc.
   ├─ uuid:          00000000-0000-0000-ffff-ffffffffffff
   ├─ generation:    Thunderbolt 3
   ├─ status:        authorized
   │  ├─ domain:     00000000-0001-0000-ffff-ffffffffffff
   │  ├─ rx speed:   20 Gb/s = 2 lanes * 10 Gb/s
   │  ├─ tx speed:   20 Gb/s = 2 lanes * 10 Gb/s
   │  └─ authflags:  none
   ├─ connected:     Tue 02 Apr 2019 06:40:37 AM UTC
   └─ stored:        Mon 19 Jun 2018 10:14:14 AM UTC
      ├─ policy:     iommu
      └─ key:        no

 ○ Example Works Old Dock
   ├─ type:          peripheral
   ├─ generation:    Thunderbolt 3
   ├─ status:        disconnected
   └─ stored:        Mon 19 Jun 2018 10:14:14 AM UTC

 ○ Example Works Remembered
   ├─ type:          peripheral
   └─ stored:        Mon 19 Jun 2018 10:14:14 AM UTC

 ● Example Works Mystery Box
   ├─ type:          peripheral
   ├─ generation:    Thunderbolt 3
   └─ status:        authorized
"""

LSPCI = """\
05:02.0 PCI bridge: Intel Corporation Sky Lake-E PCI Express Root Port C (rev 04) (prog-if 00 [Normal decode])
\tBus: primary=05, secondary=06, subordinate=4b, sec-latency=0
\t\tLnkCap:\tPort #5, Speed 8GT/s, Width x4, ASPM L1, Exit Latency L1 <16us
\t\tLnkSta:\tSpeed 8GT/s (ok), Width x4 (ok)
06:00.0 PCI bridge: Intel Corporation JHL6540 Thunderbolt 3 Bridge (C step) [Alpine Ridge 4C 2016] (rev 02)
\tBus: primary=06, secondary=07, subordinate=4b, sec-latency=0
07:01.0 PCI bridge: Intel Corporation JHL6540 Thunderbolt 3 Bridge (C step) [Alpine Ridge 4C 2016] (rev 02)
\tBus: primary=07, secondary=0a, subordinate=2a, sec-latency=0
07:02.0 PCI bridge: Intel Corporation JHL6540 Thunderbolt 3 Bridge (C step) [Alpine Ridge 4C 2016] (rev 02)
\tBus: primary=07, secondary=09, subordinate=09, sec-latency=0
09:00.0 USB controller: Intel Corporation JHL6540 Thunderbolt 3 USB Controller (C step) (rev 02)
0a:00.0 Ethernet controller: Example Works TEN10 [1234:0001] (rev 01)
\t\tLnkCap:\tPort #0, Speed 8GT/s, Width x4, ASPM L0s L1, Exit Latency L0s <1us, L1 <4us
\t\tLnkSta:\tSpeed 5GT/s (downgraded), Width x4 (ok)
f0:00.0 VGA compatible controller: Example Graphics [1234:0002]
"""


def small_edid(timing, name, *, interface=5, extensions=0):
    """Return a base block written here byte by byte."""
    block = bytearray(128)
    block[:8] = bytes.fromhex("00ffffffffffff00")
    block[8:12] = (13 << 10 | 5 << 5 | 24).to_bytes(2, "big") + b"\x07\x00"
    block[16:25] = bytes([10, 28, 1, 4, 0xB0 | interface, 60, 34, 120, 0x02])
    block[38:54] = b"\x01\x01" * 8
    block[54:72] = detailed_timing(timing, 600, 340)
    block[72:90] = bytes([0, 0, 0, 0xFC, 0]) + f"{name}\n".encode().ljust(13)
    block[93] = block[111] = 0x10
    block[126] = extensions
    block[127] = -sum(block) % 256
    return bytes(block)


def tile_edid(column):
    timing = reduced_blanking(2560, 2880, 60)
    tile = Tile(2, 1, column, 0, 2560, 2880, maker="MEX", product=7, serial=3)
    return small_edid(timing, "Wide 5K", extensions=1) + write_section([tile_block(tile), timing_block([timing])])


PROFILER = {
    "SPHardwareDataType": [{"_name": "hardware_overview", "machine_model": "iMacPro1,1", "serial_number": "C02SECRET"}],
    "SPThunderboltDataType": [
        {
            "_name": "thunderbolt_bus_0",
            "receptacle_1_tag": {"receptacle_id_key": "1", "receptacle_status_key": "receptacle_connected",
                                 "current_speed_key": "Up to 40 Gb/s x1"},
            "receptacle_2_tag": {"receptacle_id_key": "2", "receptacle_status_key": "receptacle_no_devices_connected"},
            "_items": [
                {
                    "_name": "TS3 Plus", "device_name_key": "TS3 Plus", "vendor_name_key": "CalDigit, Inc.",
                    "switch_uid_key": "0x003DSECRET", "mode_key": "thunderbolt_three",
                    "_items": [{"_name": "Pegasus3 R8", "vendor_name_key": "Promise Technology, Inc."}],
                },
            ],
        },
    ],
    "SPDisplaysDataType": [
        {
            "_name": "kHW_AMDRadeonProVega56Item",
            "spdisplays_ndrvs": [
                {"_name": "iMac", "spdisplays_connection_type": "spdisplays_internal"},
                {"_name": "U4K", "_spdisplays_pixels": "3840 x 2160", "spdisplays_depth": "CGSThirtytwoBitColor",
                 "_spdisplays_resolution": "1920 x 1080 @ 60.00Hz", "spdisplays_connection_type": "spdisplays_hdmi"},
            ],
        },
    ],
    "SPUSBDataType": [
        {
            "_name": "USB30Bus",
            "_items": [
                {"_name": "Ultra Fit", "device_speed": "super_speed", "Media": [{"_name": "Ultra Fit"}]},
                {"_name": "FaceTime HD Camera (Built-in)", "device_speed": "high_speed"},
                {"_name": "Magic Keyboard", "device_speed": "full_speed"},
            ],
        },
    ],
    "SPNVMeDataType": [
        {"_name": "Apple SSD Controller", "_items": [
            {"_name": "APPLE SSD AP1024M", "device_model": "APPLE SSD AP1024M", "spnvme_linkspeed": "8.0 GT/s",
             "spnvme_linkwidth": "x4", "detachable_drive": "no"}]},
    ],
    "SPStorageDataType": [
        {"_name": "Macintosh HD", "physical_drive": {"is_internal_disk": "yes", "device_name": "APPLE SSD AP1024M"}},
        {"_name": "Stick", "physical_drive": {"is_internal_disk": "no", "device_name": "Ultra Fit", "protocol": "USB"}},
        {"_name": "Old", "physical_drive": {"is_internal_disk": "no", "device_name": "Tape 9", "protocol": "SCSI"}},
    ],
    "SPEthernetDataType": [{"_name": "Ethernet"}],
    "SPNetworkDataType": [
        {"_name": "Ethernet", "interface": "en0", "Ethernet": {"MediaSubType": "10Gbase-T"}},
        {"_name": "Wi-Fi", "interface": "en1", "Ethernet": {"MediaSubType": "autoselect"}},
    ],
}  # fmt: skip


@pytest.fixture
def linux(tmp_path):
    """Fill a folder as a Linux machine would."""
    folder = tmp_path / "linux"
    for connector, data in (
        ("card0-DP-3", tile_edid(0)), ("card0-DP-4", tile_edid(1)),
        ("card0-DP-5", small_edid(reduced_blanking(3840, 2160, 60), "DELL P2715Q")),
        ("card0-eDP-1", panel_edid(machine("imac-pro").panel, 0)), ("card0-DP-6", b""),
    ):  # fmt: skip
        (folder / "drm" / connector).mkdir(parents=True)
        (folder / "drm" / connector / "edid").write_bytes(data)
    (folder / "bolt.txt").write_text(BOLTCTL, encoding="utf-8")
    (folder / "pci.txt").write_text(LSPCI, encoding="utf-8")
    (folder / "notes.txt").write_text("bought in spring\n", encoding="utf-8")
    return folder


@pytest.fixture
def mac(tmp_path):
    """Fill a folder as a Mac would."""
    folder = tmp_path / "mac"
    folder.mkdir()
    (folder / "all.json").write_text(json.dumps(PROFILER), encoding="utf-8")
    return folder
