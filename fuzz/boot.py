"""The boot state's file."""

from __future__ import annotations

from fuzz.found import expect
from spacegrey.errors import Refusal
from spacegrey.t2.boot.firmware_password import FirmwarePassword
from spacegrey.t2.boot.state import encode_state, read_state


def run_state(data: bytes) -> None:
    """Read a state; what is taken is what the program itself would write, and of the right types."""
    try:
        found = read_state(data)
    except Refusal as refused:
        expect("\n" not in str(refused), "a refusal is more than a line")
        return
    expect(encode_state(found) == data, "a state has two encodings")
    password = found.firmware_password
    expect(password is None or isinstance(password, FirmwarePassword), "a firmware password that is none")
    expect(type(found.build) is str and type(found.slot) is int, "a state of other types")
    expect(all(value is None or type(value) is str for value in (found.pair, found.reason)), "a state of other types")
    expect(type(found.failure) is int, "a failure that is no number")
