"""Loaders of Windows: what their signature is over, and who may have made it."""

import hashlib
import struct
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.t2.boot.authenticode import WindowsFault, WindowsRefused, verify_loader
from spacegrey.t2.boot.chips import chip_sheet
from spacegrey.t2.boot.policy import Denied, PolicyRefused, Session, Source, Where
from spacegrey.t2.boot.portable import PortableError, read_portable
from spacegrey.t2.boot.utility import set_windows

FOLDER = Path(__file__).parent / "windows"
WINDOWS, THIRD, UNSIGNED = ((FOLDER / f"{name}.efi").read_bytes() for name in ("windows", "third-party", "unsigned"))
AUTHORITY = hashlib.sha256((FOLDER / "windows.der").read_bytes()).hexdigest()
# in these files: the optional header's checksum, and the place of the signatures
OPTIONAL = 0x98
CHECKSUM, PLACE = OPTIONAL + 64, OPTIONAL + 112 + 8 * 4

pytestmark = pytest.mark.claims("T4")


def fault(image, authority=AUTHORITY):
    try:
        verify_loader(image, authority)
    except WindowsRefused as refused:
        return refused.fault
    return None


def test_a_loader_that_osslsigncode_signed_is_verified():
    assert verify_loader(WINDOWS, AUTHORITY) == "A publisher for windows"


def test_the_authority_of_a_machine_is_windows_own_and_not_the_one_for_everybody_else():
    """SHA-256 of the two certificates, as Microsoft publishes them."""
    assert chip_sheet().windows_authority == "e8e95f0733a55e8bad7be0a1413ee23c51fcea64b3c8fa6a786935fddcc71961"
    assert chip_sheet().windows_authority != "48e99b991f57fc52f76149599bff0a58c47154229b9f8d603ac40d3500248507"


def test_another_authority_is_named_in_the_refusal():
    with pytest.raises(WindowsRefused, match="under 'A stand-in for third-party', which this machine does not trust"):
        verify_loader(THIRD, AUTHORITY)


def test_what_is_hashed_is_all_but_the_checksum_and_the_place_of_the_signature():
    file = read_portable(WINDOWS)
    assert file.hashed == read_portable(UNSIGNED).hashed
    assert len(file.hashed) == len(UNSIGNED) - 4 - 8
    assert file.hashed[:CHECKSUM] == WINDOWS[:CHECKSUM]


@pytest.mark.parametrize("bits", [0x01, 0x80])
def test_a_loader_with_any_byte_changed_is_refused_but_where_nothing_is_signed(bits):
    """What may change: the checksum, the zeros behind a signature, and what else no one reads."""
    free = set(range(CHECKSUM, CHECKSUM + 4))
    signed_to = len(UNSIGNED)
    for at in (*range(512), *range(512, signed_to, 16)):  # each byte of the headers, one of 16 of the code
        changed = WINDOWS[:at] + bytes([WINDOWS[at] ^ bits]) + WINDOWS[at + 1 :]
        assert (fault(changed) is None) == (at in free), at


def test_the_code_under_a_changed_signature_is_never_another_one():
    """A byte changed in the signatures either is refused, or leaves the same program running."""
    ran = 0
    for at in range(len(UNSIGNED), len(WINDOWS), 3):
        changed = WINDOWS[:at] + bytes([WINDOWS[at] ^ 1]) + WINDOWS[at + 1 :]
        if fault(changed) is None:
            ran += 1
            assert read_portable(changed).hashed == read_portable(WINDOWS).hashed
    assert ran < 32


def with_signatures(*tables):
    """Return the unsigned loader with these tables of signatures."""
    body = b"".join(tables)
    head = bytearray(UNSIGNED)
    struct.pack_into("<II", head, PLACE, len(UNSIGNED), len(body))
    return bytes(head) + body


THEIRS, OURS = THIRD[len(UNSIGNED) :], WINDOWS[len(UNSIGNED) :]


@pytest.mark.parametrize("tables", [(OURS, THEIRS), (THEIRS, OURS), (THEIRS, THEIRS, OURS)])
def test_one_of_several_signatures_is_enough(tables):
    assert fault(with_signatures(*tables)) is None


def test_of_several_that_are_not_the_first_one_gives_the_reason():
    damaged = bytearray(OURS)
    damaged[damaged.rindex(b"\x04\x82\x01\x00") + 9] ^= 1
    assert fault(with_signatures(THEIRS, bytes(damaged))) is WindowsFault.AUTHORITY
    assert fault(with_signatures(bytes(damaged), THEIRS)) is WindowsFault.SIGNATURE


def patched(at, form, value):
    changed = bytearray(WINDOWS)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


# what is wrong with the file, and why nothing of it can be believed
SHAPES = {
    "nothing": b"",
    "no magic": b"XZ" + WINDOWS[2:],
    "the header lies behind the end": patched(0x3C, "<I", 0xFFFFFFF0),
    "no second magic": patched(0x80, "<I", 0),
    "another kind of header": patched(OPTIONAL, "<H", 0x107),
    "the signatures lie behind the end": patched(PLACE, "<I", len(WINDOWS) + 8),
    "the signatures lie over the header": patched(PLACE, "<I", 8),
    "the signatures do not begin at 8 bytes": patched(PLACE, "<I", len(UNSIGNED) + 1),
    "the signatures are longer than the file": patched(PLACE + 4, "<I", 0xFFFFFFFF),
    "bytes follow the signatures": WINDOWS + bytes(8),
    "a signature longer than its table": patched(len(UNSIGNED), "<I", 0xFFFFFFFF),
    "a signature without a length": patched(len(UNSIGNED), "<I", 0),
    "seventeen signatures": with_signatures(*[THEIRS] * 17),
    "a signature that is no DER": with_signatures(struct.pack("<IHH", 16, 0x200, 2) + b"\x30\x80" + bytes(6)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_file_whose_shape_is_wrong_is_malformed(shape):
    assert fault(SHAPES[shape]) is WindowsFault.MALFORMED


def over_the_header(start):
    changed = bytearray(WINDOWS)
    struct.pack_into("<II", changed, PLACE, start, len(WINDOWS) - start)
    return bytes(changed)


@pytest.mark.parametrize("image", [WINDOWS + THEIRS, over_the_header(8), over_the_header(PLACE)])
def test_signatures_end_the_file_and_begin_behind_the_header(image):
    with pytest.raises(PortableError, match="its signatures do not end the file"):
        read_portable(image)


@pytest.mark.parametrize(
    "image",
    [UNSIGNED, patched(PLACE + 4, "<I", 0), patched(OPTIONAL + 108, "<I", 4), patched(len(UNSIGNED) + 6, "<H", 1)],
    ids=["never signed", "an empty table", "no place for one", "one of another kind"],
)
def test_a_loader_without_a_signature_says_so(image):
    assert fault(image) is WindowsFault.UNSIGNED


@given(st.binary(max_size=400))
def test_any_bytes_are_refused_and_nothing_breaks(data):
    assert fault(b"MZ" + data) is not None


@given(st.binary(max_size=300))
def test_any_bytes_as_a_signature_are_refused_and_nothing_breaks(data):
    padded = data + bytes(-len(data) % 8)
    assert fault(with_signatures(struct.pack("<IHH", 8 + len(padded), 0x200, 2) + padded)) is not None


@pytest.mark.parametrize("at", range(0, len(WINDOWS), 97))
def test_a_loader_cut_short_is_refused(at):
    assert fault(WINDOWS[:at]) is not None


@pytest.mark.parametrize(
    ("session", "password", "denied"),
    [
        (Session(Where.RECOVERY_OS), b"an administrator's", Denied.NOT_IN_MACOS),
        (Session(Where.OFF), b"an administrator's", Denied.NOT_IN_MACOS),
        (Session(Where.MACOS, Source.EXTERNAL), b"an administrator's", Denied.NOT_IN_MACOS),
        (Session(Where.MACOS, administrators=False), b"an administrator's", Denied.NO_ADMINISTRATOR),
        (Session(Where.MACOS), b"wrong", Denied.WRONG_CREDENTIAL),
        (Session(Where.MACOS), b"an administrator's", None),
    ],
)
def test_boot_camp_lets_windows_in_from_macos_by_an_administrator(world, administrator, session, password, denied):
    world.machine.state.save(replace(world.machine.state.load(), session=session))
    if denied is None:
        set_windows(world.machine, administrator, password, allowed=True)
    else:
        with pytest.raises(PolicyRefused) as refused:
            set_windows(world.machine, administrator, password, allowed=True)
        assert refused.value.denied is denied
    assert world.machine.state.load().windows == (denied is None)
    let_in = replace(world.machine.state.load(), windows=True, session=Session(Where.MACOS))
    world.machine.state.save(let_in)
    assert not set_windows(world.machine, administrator, b"an administrator's", allowed=False).windows
