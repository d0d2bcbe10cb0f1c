"""A machine that was fitted to the log of a known one."""

import pytest

from spacegrey.machine.assembly import machine
from spacegrey.simulation.calibration.file import write_machine
from spacegrey.simulation.calibration.fit import fit
from spacegrey.simulation.calibration.recovery import MACHINES, SHEET, known_log
from spacegrey.simulation.named import with_values


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """Return the path of its file."""
    path = tmp_path_factory.mktemp("fitted") / "mine.toml"
    known = with_values(machine(SHEET), MACHINES["warm"])
    write_machine(fit(known_log(known, 1), ambient_c=25.0), SHEET, path)
    return str(path)
