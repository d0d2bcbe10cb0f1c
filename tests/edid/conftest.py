"""What the tests of EDID share: the project's own panel, and an independent decoder."""

import os
import re
import shutil
import subprocess

import pytest

from spacegrey.machine.assembly import machine

LINE = re.compile(r"^\s*(?:DTD|DTD \d+|CVT):\s+(\d+)x(\d+)(i?)\s+([\d.]+) Hz.*?([\d.]+) MHz", re.MULTILINE)
SIDE = re.compile(r"([HV])front\s+(-?\d+) [HV]sync\s+(-?\d+) [HV]back\s+(-?\d+)(?: [HV]pol ([PN]))?")


@pytest.fixture(scope="session")
def panel():
    return machine("imac-pro").panel


@pytest.fixture(scope="session")
def decode():
    """Run edid-decode, which shares nothing with this project; without it the tests fail in CI."""
    program = shutil.which("edid-decode")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("edid-decode is missing: see tests/system-packages.sh")
        pytest.skip("edid-decode is missing: see tests/system-packages.sh")

    def run(data, *options):
        shown = subprocess.run([program, "--skip-hex-dump", *options], input=data, capture_output=True, check=False)
        return shown.stdout.decode("latin-1") + shown.stderr.decode("latin-1")

    return run


@pytest.fixture(scope="session")
def timings_of():
    """Read the timings out of what edid-decode prints: the same tuple that `as_tuple` makes of a Timing."""

    def read(text):
        sides = [match.groups() for match in SIDE.finditer(text)]
        found = []
        for number, match in enumerate(LINE.finditer(text)):
            width, height, interlaced, _, clock = match.groups()
            (_, *h, h_pol), (_, *v, v_pol) = sides[2 * number : 2 * number + 2]
            lines = int(height) // 2 if interlaced else int(height)
            found.append((
                round(float(clock) * 1000), int(width), lines, *map(int, h), *map(int, v), h_pol == "P", v_pol == "P",
                bool(interlaced),
            ))  # fmt: skip
        return found

    return read
