"""What the signer signs, what it refuses and with which status, directly and over HTTP."""

import hashlib
import http.client
import plistlib
import shutil
import socket
import stat
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.image4.manifest import read_manifest
from spacegrey.t2.image4.payload import nonce_hash, read_image
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.allowed import NAME, Allowed, Build, read_allowed, write_allowed
from spacegrey.t2.signer.authority import Leaf, new_authority, open_authority, save_authority
from spacegrey.t2.signer.builds import add_firmware, new_list
from spacegrey.t2.signer.client import SigningService, Unreachable
from spacegrey.t2.signer.exchange import (
    COMPONENTS,
    FIRMWARE,
    Question,
    SignerRefused,
    encode_answer,
    encode_question,
    read_answer,
    read_question,
)
from spacegrey.t2.signer.server import Signer
from spacegrey.t2.signer.signer import global_ticket

NONCE = bytes(range(32))

pytestmark = pytest.mark.claims("T4")


@pytest.fixture
def question(signer, chip):
    payloads = {name: (signer / "builds" / "bridge-1" / f"{name}.im4p").read_bytes() for name in FIRMWARE}
    return Question(chip, NONCE, "bridge-1", {name: hashlib.sha384(data).digest() for name, data in payloads.items()})


@pytest.fixture
def log():
    return []


@pytest.fixture
def server(signer, authority, log):
    running = Signer(authority, signer, 0, log.append)
    thread = threading.Thread(target=running.serve)
    thread.start()
    yield running
    running.stop()
    thread.join()
    running.close()


@pytest.fixture
def service(server):
    return SigningService(server.url)


def test_a_ticket_is_for_the_machine_and_the_nonce_of_the_question(service, question, chip, authority, signer, log):
    ticket = service.ticket(question)
    manifest = read_manifest(ticket)
    assert (manifest.properties["ECID"], manifest.properties["BNCH"]) == (chip.ecid, NONCE)
    for name in FIRMWARE:
        payload = (signer / "builds" / "bridge-1" / f"{name}.im4p").read_bytes()
        verify(ticket, payload, COMPONENTS[name], chip, authority.root, Kind.FIRMWARE, NONCE)
    assert log == [f"signed bridge-1 for {chip.ecid:016X}: {', '.join(FIRMWARE)}"]


def refusal(service, question):
    with pytest.raises(SignerRefused) as refused:
        service.ticket(question)
    return refused.value.status


# what is changed in a good question, and the status of the answer
@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda asked: replace(asked, build="bridge-9"), 69),
        (lambda asked: replace(asked, chip=replace(asked.chip, board=0x0B)), 69),
        (lambda asked: replace(asked, chip=replace(asked.chip, chip=0x8015)), 69),
        (lambda asked: replace(asked, digests={**asked.digests, "iBoot": bytes(48)}), 94),
        (lambda asked: replace(asked, digests={"BootEFI": asked.digests["iBoot"]}), 94),
        (lambda asked: replace(asked, digests={}), 126),
        (lambda asked: replace(asked, nonce=b""), 126),
        (lambda asked: replace(asked, nonce=bytes(31)), 126),
        (lambda asked: replace(asked, digests={"iBoot": bytes(20)}), 126),
    ],
)
def test_what_is_not_on_the_list_is_refused_with_its_status(service, question, log, change, status):
    assert refusal(service, change(question)) == status
    assert log[0].startswith(f"refused, status {status}")


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"@ApImg4Ticket": False}, 126), ({"@ApImg4Ticket": 1}, 126), ({"ApECID": -1}, 126),
        ({"ApChipID": 1 << 31}, 126), ({"ApBoardID": True}, 126), ({"ApProductionMode": 1}, 126),
        ({"ApNonce": "x"}, 126),
        ({"UniqueBuildID": "x"}, 126), ({"UniqueBuildID": b"\xff"}, 126), ({"iBoot": {"Digest": bytes(47)}}, 126),
        ({"iBoot": bytes(48)}, 126), ({}, None),
    ],
)  # fmt: skip
def test_a_question_that_is_wrong_in_one_thing_is_incomplete(question, changes, status):
    asked = plistlib.dumps(plistlib.loads(encode_question(question)) | changes)
    if status is None:
        assert read_question(asked).build == "bridge-1"
        return
    with pytest.raises(SignerRefused) as refused:
        read_question(asked)
    assert refused.value.status == status


def test_an_activation_needs_a_whole_nonce_and_a_machine_that_is_not_locked(signer, service, chip):
    for nonce in (b"", bytes(31), bytes(33)):
        with pytest.raises(SignerRefused, match="nonce is not of 32 bytes") as refused:
            service.activation(chip, nonce)
        assert refused.value.status == 126
    assert service.activation(chip, NONCE)
    write_allowed(replace(read_allowed(signer), locked=(chip.ecid,)), signer)
    with pytest.raises(SignerRefused, match="locked to an account") as refused:
        service.activation(chip, NONCE)
    assert refused.value.status == 94


def test_a_build_that_is_no_longer_signed_is_refused(service, question, signer):
    write_allowed(read_allowed(signer).signing("bridge-1", now=False), signer)
    assert refusal(service, question) == 94
    write_allowed(read_allowed(signer).signing("bridge-1", now=True), signer)
    assert service.ticket(question)


def test_a_machine_that_is_not_on_the_list_is_refused(service, question, signer, other_chip):
    write_allowed(replace(read_allowed(signer), machines=(question.chip.ecid,)), signer)
    assert service.ticket(question)
    assert refusal(service, replace(question, chip=other_chip)) == 69
    with pytest.raises(SignerRefused, match="list of machines"):
        service.activation(other_chip, NONCE)


def test_without_its_list_the_signer_signs_nothing(service, question, signer):
    (signer / NAME).unlink()
    assert refusal(service, question) == 100


def test_the_ts_firmware_has_no_global_signature(signer, authority, chip):
    with pytest.raises(Refusal, match="no global signature"):
        global_ticket(read_allowed(signer).find("bridge-1"), chip, authority)


def test_without_a_server_the_line_says_where_it_was_looked_for(question):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=f"127.0.0.1:{port} cannot be reached"):
        SigningService(f"http://127.0.0.1:{port}", tries=2).ticket(question)
    with pytest.raises(Unreachable, match="no network"):
        SigningService(None).ticket(question)
    with pytest.raises(Unreachable, match="no http address"):
        SigningService("file:///etc/passwd").ticket(question)


def test_a_server_that_lies_is_not_believed(chip, authority, sign, signer):
    """Someone on the wire answers with a ticket that was good for another machine, or another nonce."""
    payload = (signer / "builds" / "bridge-1" / "iBoot.im4p").read_bytes()
    for changes in ({"ECID": chip.ecid + 1}, {"BNCH": bytes(32)}):
        theirs = read_answer(encode_answer(sign(payload, "firmware", "ibot", **{"BNCH": NONCE, **changes})))
        with pytest.raises(Refusal):
            verify(theirs, payload, "ibot", chip, authority.root, Kind.FIRMWARE, NONCE)


@pytest.mark.parametrize(
    "path",
    [
        "/builds/../allowed.json", "/builds/..%2f..%2fpersonalised.key", "/builds/bridge-1/../../personalised.key",
        "/builds/bridge-1/%2e%2e", "/personalised.key", "/builds//personalised.key", "/builds/bridge-1/none", "/",
        "/builds/bridge-1/%2Fetc%2Fpasswd",
    ],
)  # fmt: skip
def test_nothing_but_builds_is_handed_out(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=5)
    connection.request("GET", path)
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/TSS/controller?action=2", {"Content-Length": str(2 << 20)}, b"", 413),
        ("/TSS/controller?action=2", {"Content-Length": "-1"}, b"", 413),
        ("/TSS/controller?action=2", {"Content-Length": "many"}, b"", 411),
        ("/TSS/controller?action=1", {}, b"x", 404),
        ("/elsewhere", {}, b"x", 404),
    ],
)
def test_a_bad_request_is_refused_and_the_server_stays(server, service, question, path, headers, body, status):
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=5)
    connection.request("POST", path, body, headers)
    assert connection.getresponse().status == status
    connection.close()
    assert service.ticket(question)


@pytest.mark.parametrize(
    "body",
    [b"", b"<plist/>", b"no xml", plistlib.dumps([1]), plistlib.dumps({"@ApImg4Ticket": True}, fmt=plistlib.FMT_BINARY),
     b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]><plist><dict><key>&a;</key><true/></dict></plist>',
     b"<plist><dict>" * 5000],
)  # fmt: skip
def test_a_question_that_is_no_property_list_is_malformed(body):
    with pytest.raises(SignerRefused) as refused:
        read_question(body)
    assert refused.value.status in {100, 126}


@given(st.binary(max_size=300))
def test_any_bytes_are_no_question_and_no_answer(data):
    with pytest.raises(SignerRefused):
        read_question(data)
    with pytest.raises(SignerRefused):
        read_answer(data)


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**63), 2**64 - 1), st.binary(max_size=50), st.text("abc", max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("abc", max_size=3), inner, max_size=3)
    ),
    max_leaves=5,
)


KEYS = (
    "ApECID", "ApChipID", "ApNonce", "UniqueBuildID", "iBoot", "SEP", "@ApImg4Ticket", "ApBoardID", "ApSecurityDomain",
    "ApProductionMode",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_a_question_with_any_value_changed_is_read_or_refused_in_order(changes):
    good = {
        "@ApImg4Ticket": True, "ApECID": 1, "ApChipID": 2, "ApBoardID": 3, "ApSecurityDomain": 1, "ApNonce": NONCE,
        "ApProductionMode": True, "ApSecurityMode": True, "UniqueBuildID": b"x", "iBoot": {"Digest": bytes(48)},
    }  # fmt: skip
    try:
        found = read_question(plistlib.dumps(good | changes))
    except SignerRefused as refused:
        assert refused.status == 126  # noqa: PT017 - one of two good ends
    else:
        assert read_question(encode_question(found)).digests == found.digests


def test_questions_go_around(question):
    found = read_question(encode_question(question))
    assert replace(found, chip=replace(found.chip, certificate_epoch=2)) == question


@pytest.mark.parametrize(
    ("answer", "status"),
    [(b"STATUS=94&MESSAGE=This device isn't eligible", 94), (b"STATUS=0&MESSAGE=SUCCESS", 100), (b"STATUS=x", 100),
     (b"STATUS=0&MESSAGE=SUCCESS&REQUEST_STRING=<plist/>", 100), (b"", 100)],
)  # fmt: skip
def test_an_answer_without_a_ticket_is_a_refusal(answer, status):
    with pytest.raises(SignerRefused) as refused:
        read_answer(answer)
    assert refused.value.status == status


def test_an_authority_goes_around_and_is_its_owners_alone(authority, tmp_path):
    save_authority(authority, tmp_path / "mine")
    found = open_authority(tmp_path / "mine")
    assert (found.root, found.intermediate, found.leaves) == (authority.root, authority.intermediate, authority.leaves)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "mine").iterdir()}
    assert (modes, stat.S_IMODE((tmp_path / "mine").stat().st_mode)) == ({0o600}, 0o700)
    with pytest.raises(InputError, match="something already"):
        save_authority(authority, tmp_path / "mine")
    assert "PRIVATE" not in repr(found)


def test_the_keys_of_root_and_intermediate_are_not_kept(authority, tmp_path):
    save_authority(authority, tmp_path / "mine")
    assert sorted(path.name for path in (tmp_path / "mine").glob("*.key")) == ["global.key", "personalised.key"]


def test_an_authority_of_another_version_or_damaged_is_refused(signer):
    with pytest.raises(InputError, match="no signer here"):
        open_authority(signer / "nowhere")
    (signer / "authority.json").write_text('{"format": 2}')
    with pytest.raises(
        Refusal, match=r"authority.json is of format 2, and this program knows 1: a newer one wrote it$"
    ):
        open_authority(signer)
    for damaged in ("[]", '{"format": 0}', '{"format": true}', '{"format": 1, "more": 1}'):
        (signer / "authority.json").write_text(damaged)
        with pytest.raises(Refusal, match=r"authority\.json is damaged$"):
            open_authority(signer)
    (signer / "authority.json").write_text('{"format": 1}')
    (signer / "global.key").write_bytes(b"no key")
    with pytest.raises(Refusal, match="holds no key"):
        open_authority(signer)


def test_an_unknown_hash_lists_the_choices():
    with pytest.raises(InputError, match="sha256, sha384"):
        new_authority("md5")


def test_a_list_goes_around_and_a_name_never_changes_its_meaning(tmp_path, chip):
    new_list(tmp_path)
    add_firmware(tmp_path, "one", chip)
    with pytest.raises(InputError, match="on the list already"):
        add_firmware(tmp_path, "one", chip)
    with pytest.raises(InputError, match="letters, digits"):
        add_firmware(tmp_path, "../one", chip)
    found = read_allowed(tmp_path)
    write_allowed(replace(found, machines=(1, 2), locked=(3,)), tmp_path)
    assert read_allowed(tmp_path) == replace(found, machines=(1, 2), locked=(3,))
    with pytest.raises(InputError, match="choose from: one"):
        found.signing("two", now=False)


@pytest.mark.parametrize(
    "content",
    ["", "[]", '{"format": 0, "builds": [], "machines": null, "locked": []}', '{"format": 1}',
     '{"format": true, "builds": [], "machines": null, "locked": []}',
     '{"format": 1, "builds": [{}], "machines": null, "locked": []}',
     ('{"format": 1, "builds": [{"name": "a", "chip": 1, "board": 1, "objects": {"ibot": "xyz"}, "firmware": true, '
      '"signing": true}], "machines": null, "locked": []}')],
)  # fmt: skip
def test_a_list_that_is_damaged_signs_nothing(tmp_path, content):
    (tmp_path / NAME).write_text(content)
    with pytest.raises(Refusal, match=r"is damaged$"):
        read_allowed(tmp_path)


def test_a_list_of_a_newer_format_is_refused_in_one_line(tmp_path):
    (tmp_path / NAME).write_text('{"format": 2, "builds": [], "machines": null, "locked": [], "new": 1}')
    with pytest.raises(Refusal, match=r"^allowed.json is of format 2, and this program knows 1: a newer one wrote it$"):
        read_allowed(tmp_path)


FOLDER = Path(__file__).parent


def test_the_question_the_answer_and_the_refusal_of_version_1_are_read(chip, authority):
    """Golden files of what the first release sent: a newer machine or server speaks with an older one."""
    asked = read_question((FOLDER / "question-1.plist").read_bytes())
    assert replace(asked.chip, certificate_epoch=2) == chip
    assert (asked.build, list(asked.digests)) == ("bridge-1", ["iBoot"])
    ticket = read_answer((FOLDER / "answer-1.txt").read_bytes())
    image = read_image((FOLDER.parent / "image4" / "ibot-1.img4").read_bytes())
    assert ticket == image.manifest
    assert asked.nonce == nonce_hash(image.generator)
    assert asked.digests["iBoot"] == hashlib.sha384(image.payload).digest()
    assert verify(ticket, image.payload, "ibot", chip, authority.root, Kind.FIRMWARE, asked.nonce)
    with pytest.raises(SignerRefused, match="isn't eligible") as refused:
        read_answer((FOLDER / "refusal-1.txt").read_bytes())
    assert refused.value.status == 94


def test_what_is_sent_today_is_what_version_1_sent(question, chip):
    """Key by key: a question of today has the keys and types of the golden one, and no others."""
    golden = plistlib.loads((FOLDER / "question-1.plist").read_bytes())
    now = plistlib.loads(encode_question(replace(question, digests={"iBoot": bytes(48)})))
    assert {name: type(value) for name, value in now.items()} == {name: type(value) for name, value in golden.items()}
    assert (now["ApECID"], now["@VersionInfo"]) == (chip.ecid, golden["@VersionInfo"])


def test_the_list_of_format_1_is_read(tmp_path):
    """A golden file: what format 1 wrote is read for ever."""
    shutil.copy(__file__.replace("test_signer.py", "allowed-1.json"), tmp_path / NAME)
    assert read_allowed(tmp_path) == Allowed(
        (Build("bridge-1", 0x8012, 0x0A, {"ibot": "ab" * 48}, firmware=True, signing=False),), (1,), (2,)
    )


def test_the_leaves_say_what_they_may_sign(authority):
    assert set(authority.leaves) == set(Leaf)
