"""What a chip refuses, and with which code: rows of what is changed and what it must be called."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.t2.image4 import der
from spacegrey.t2.image4.certificates import Constraints, Must, encode_constraints, read_constraints
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.manifest import encode_manifest, read_manifest
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.authority import Leaf, new_authority

IMAGE = b"an image that may run" * 100
TYPES = {"full": "efib", "medium": "efib", "firmware": "ibot"}

pytestmark = pytest.mark.claims("T4")


@pytest.fixture(scope="module")
def fault(authority, chip):
    """Return the code with which a manifest is refused, None where the image may run."""

    def find(manifest, kind="full", image=IMAGE, on=chip, root=authority.root, nonce=None):
        try:
            verify(manifest, image, TYPES[kind], on, root, Kind(kind), nonce)
        except ManifestRefused as refused:
            return refused.fault
        return None

    return find


@pytest.mark.parametrize("kind", TYPES)
def test_a_manifest_as_it_should_be_lets_the_image_run(authority, chip, sign, kind):
    manifest = sign(IMAGE, kind, TYPES[kind])
    found = verify(manifest, IMAGE, TYPES[kind], chip, authority.root, Kind(kind))
    assert found.digest == hashlib.sha384(IMAGE).digest()


# kind of manifest looked for, what is changed in a good one, the exact code
ROWS = [
    ("full", {"ECID": None}, Fault.CONSTRAINT),
    ("full", {"ECID": 1}, Fault.ECID),
    ("full", {"ECID": True}, Fault.MALFORMED),
    ("full", {"xugs": 1}, Fault.CONSTRAINT),
    ("full", {"iuob": True}, Fault.INTERNAL),
    ("full", {"iuob": False}, None),
    ("full", {"BORD": 0x0B}, Fault.BOARD),
    ("full", {"BORD": None}, Fault.BOARD),
    ("full", {"BORD": 1 << 31}, Fault.MALFORMED),
    ("full", {"BORD": b"\x0a"}, Fault.MALFORMED),
    ("full", {"CHIP": 0x8015}, Fault.CHIP),
    ("full", {"SDOM": 0}, Fault.DOMAIN),
    ("full", {"CEPO": 1}, Fault.EPOCH),
    ("full", {"CEPO": None}, Fault.EPOCH),
    ("full", {"CEPO": 3}, None),
    ("full", {"mpro": False}, Fault.PRODUCTION),
    ("full", {"mpro": None}, Fault.PRODUCTION),
    ("full", {"mpro": 1}, Fault.MALFORMED),
    ("full", {"msec": False}, Fault.SECURITY),
    ("full", {"own": {"EPRO": False}}, Fault.PRODUCTION),
    ("full", {"own": {"ESEC": False}}, Fault.SECURITY),
    ("full", {"own": {"EPRO": None, "ESEC": None}}, None),
    ("full", {"own": {"DGST": None}}, Fault.CONSTRAINT),
    ("full", {"own": {"DGST": bytes(48)}}, Fault.DIGEST),
    ("full", {"own": {"DGST": hashlib.sha256(IMAGE).digest()}}, Fault.DIGEST),
    ("full", {"object_type": "mkrn"}, Fault.CONSTRAINT),
    ("full", {"what": 7, "else": b"unknown"}, None),
    ("medium", {"xugs": None}, Fault.CONSTRAINT),
    ("medium", {"xugs": 2}, Fault.CONSTRAINT),
    ("medium", {"ECID": 1}, Fault.CONSTRAINT),
    ("medium", {"iuob": True}, Fault.INTERNAL),
    ("medium", {"BORD": 0x0B}, Fault.BOARD),
    ("firmware", {"CPRO": False}, Fault.PRODUCTION),
    ("firmware", {"CSEC": None}, Fault.SECURITY),
    ("firmware", {"ECID": 1}, Fault.ECID),
]


@pytest.mark.parametrize(("kind", "changes", "expected"), ROWS)
def test_a_change_is_refused_with_its_own_code(fault, sign, kind, changes, expected):
    changes = {"object_type": TYPES[kind], **changes}
    assert fault(sign(IMAGE, kind, **changes), kind) == expected


def test_a_personalised_manifest_is_refused_at_medium(fault, sign):
    assert fault(sign(IMAGE, "full"), "medium") is Fault.ECID_PRESENT


def test_a_global_manifest_is_refused_at_full(fault, sign):
    assert fault(sign(IMAGE, "medium"), "full") is Fault.ECID_MISSING


def test_a_leaf_without_constraints_on_the_owner_is_caught_by_the_policy(chip):
    """The policy does not lean on the leaf: an authority whose leaf may sign everything meets the same refusals."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    from spacegrey.t2.signer import authority as room

    free = {leaf: Constraints({}, {}) for leaf in Leaf}
    key = generate_private_key(65537, 4096)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "MAY_SIGN", free)
        lax = new_authority(make_key=lambda: key)
    base = {"BORD": chip.board, "CHIP": chip.chip, "SDOM": 1, "CEPO": 2, "mpro": True, "msec": True}
    objects = {"efib": {"DGST": hashlib.sha384(IMAGE).digest()}}
    for owner, kind, expected in (
        ({"ECID": chip.ecid, "xugs": 1}, Kind.FULL, Fault.GLOBAL_PRESENT),
        ({"ECID": chip.ecid, "xugs": 1}, Kind.MEDIUM, Fault.ECID_PRESENT),
        ({}, Kind.FULL, Fault.ECID_MISSING),
        ({}, Kind.MEDIUM, Fault.GLOBAL_MISSING),
    ):
        manifest = lax.sign(Leaf.GLOBAL, base | owner, objects)
        with pytest.raises(ManifestRefused) as refused:
            verify(manifest, IMAGE, "efib", chip, lax.root, kind)
        assert refused.value.fault is expected
    with pytest.raises(ManifestRefused) as refused:
        verify(lax.sign(Leaf.GLOBAL, base, {}), IMAGE, "efib", chip, lax.root, Kind.FULL)
    assert refused.value.fault is Fault.NO_OBJECT


def test_another_image_another_machine_another_root_or_none_is_refused(fault, sign, other_chip, authority):
    good = sign(IMAGE)
    assert fault(good, image=IMAGE[:-1]) is Fault.DIGEST
    assert fault(good, on=other_chip) is Fault.ECID
    assert fault(good, root=authority.intermediate) is Fault.CHAIN
    assert fault(None) is Fault.NO_MANIFEST
    assert fault(b"") is Fault.MALFORMED


def test_a_chip_that_was_never_sent_out_takes_development_objects(fault, sign, chip):
    early = replace(chip, production=False, secure=False)
    assert fault(sign(IMAGE, mpro=False, msec=False, own={"EPRO": None, "ESEC": None}), on=early) is None
    assert fault(sign(IMAGE, "firmware", "ibot"), "firmware", on=early) is Fault.PRODUCTION


def test_a_stale_nonce_is_refused(fault, sign):
    manifest = sign(IMAGE, "firmware", "ibot", BNCH=b"old" * 8)
    assert fault(manifest, "firmware", nonce=b"new" * 8) is Fault.NONCE
    assert fault(manifest, "firmware", nonce=b"old" * 8) is None
    assert fault(sign(IMAGE, "firmware", "ibot"), "firmware", nonce=b"new" * 8) is Fault.NONCE


def test_a_leaf_cannot_sign_what_the_other_one_signs(fault, sign):
    assert fault(sign(IMAGE, "full", leaf=Leaf.GLOBAL)) is Fault.CONSTRAINT
    assert fault(sign(IMAGE, "medium", leaf=Leaf.PERSONALISED), "medium") is Fault.CONSTRAINT


def test_a_changed_signature_or_body_is_refused(fault, sign, authority):
    good = read_manifest(sign(IMAGE))
    wrong = bytes([good.signature[0] ^ 1]) + good.signature[1:]
    assert fault(encode_manifest(good.body, wrong, good.certificates)) is Fault.SIGNATURE
    other = read_manifest(sign(IMAGE, CEPO=9))
    assert fault(encode_manifest(other.body, good.signature, good.certificates)) is Fault.SIGNATURE
    swapped = (authority.intermediate, authority.leaves[Leaf.GLOBAL])
    assert fault(encode_manifest(good.body, good.signature, swapped)) is Fault.SIGNATURE


def test_a_chain_that_is_not_root_intermediate_leaf_is_refused(fault, sign, authority):
    good = read_manifest(sign(IMAGE))
    intermediate, leaf = good.certificates
    for chain in ((), (leaf,), (intermediate,), (leaf, leaf), (intermediate, intermediate), (leaf, intermediate),
                  (authority.root, leaf), (authority.root, intermediate)):  # fmt: skip
        assert fault(encode_manifest(good.body, good.signature, chain)) is Fault.CHAIN, chain


def test_another_authority_with_the_same_names_is_refused(fault, chip):
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(65537, 4096)
    theirs = new_authority(make_key=lambda: key)
    properties = {"BORD": chip.board, "CHIP": chip.chip, "SDOM": 1, "CEPO": 2, "mpro": True, "msec": True}
    objects = {"efib": {"DGST": hashlib.sha384(IMAGE).digest()}}
    manifest = theirs.sign(Leaf.PERSONALISED, properties | {"ECID": chip.ecid}, objects)
    assert fault(manifest) is Fault.CHAIN
    assert fault(manifest, root=theirs.root) is None


def test_signatures_with_sha256_are_taken(chip):
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(65537, 4096)
    older = new_authority("sha256", make_key=lambda: key)
    properties = {"BORD": chip.board, "CHIP": chip.chip, "SDOM": 1, "CEPO": 2, "mpro": True, "msec": True, "xugs": 1}
    manifest = older.sign(Leaf.GLOBAL, properties, {"efib": {"DGST": hashlib.sha384(IMAGE).digest()}})
    assert verify(manifest, IMAGE, "efib", chip, older.root, Kind.MEDIUM).digest


def test_a_smaller_key_is_refused(fault, chip):
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    key = generate_private_key(65537, 2048)
    small = new_authority(make_key=lambda: key)
    manifest = small.sign(Leaf.PERSONALISED, {"ECID": chip.ecid}, {"efib": {"DGST": bytes(48)}})
    assert fault(manifest, root=small.root) is Fault.CHAIN


RULES = st.dictionaries(
    st.sampled_from(["ECID", "xugs", "BORD", "CHIP"]),
    st.one_of(st.sampled_from(Must), st.booleans(), st.integers(0, 99), st.binary(max_size=4)),
)


@given(RULES, RULES)
def test_constraints_go_around(manifest, objects):
    constraints = Constraints(manifest, objects)
    found = read_constraints(encode_constraints(constraints))
    assert found == constraints
    assert [type(rule) for rule in found.manifest.values()] == [type(manifest[name]) for name in found.manifest]


@pytest.mark.parametrize("rule", [der.encode(der.context(2), b""), der.encode(der.context(0), b""), der.sequence()])
def test_an_unknown_rule_is_refused(rule):
    raw = der.set_of([der.named("MANP", der.set_of([der.named("ECID", rule)]))])
    with pytest.raises(der.DerError):
        read_constraints(raw)


@pytest.fixture(scope="module")
def good(sign):
    return sign(IMAGE)


@pytest.mark.parametrize("bits", [0x01, 0x20, 0x80, 0xFF])
def test_a_manifest_with_any_byte_changed_never_runs_anything(fault, good, bits):
    for at in range(len(good)):
        changed = good[:at] + bytes([good[at] ^ bits]) + good[at + 1 :]
        assert fault(changed) is not None, at


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_and_nothing_breaks(fault, data):
    assert fault(data) is Fault.MALFORMED


@given(data=st.data())
def test_a_manifest_cut_short_or_prolonged_is_malformed(fault, good, data):
    at = data.draw(st.integers(0, len(good) - 1))
    assert fault(good[:at]) is Fault.MALFORMED
    assert fault(good + good[:1]) is Fault.MALFORMED


# names of issuers and roles; one key signs all of them, so that signatures alone would hold
@pytest.mark.parametrize(
    ("middle_issuer", "middle_role", "good"),
    [("root", None, True), ("another", None, False), ("root", Constraints({}, {}), False)],
)
def test_a_chain_needs_names_and_roles_besides_signatures(fault, chip, middle_issuer, middle_role, good):
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

    from spacegrey.t2.image4.manifest import encode_body
    from spacegrey.t2.signer.authority import _certificate

    key, digest = generate_private_key(65537, 4096), hashes.SHA384()
    root = _certificate("root", key, "root", key, digest)
    middle = _certificate("middle", key, middle_issuer, key, digest, middle_role)
    leaf = _certificate("leaf", key, "middle", key, digest, Constraints({}, {}))
    states = {"BORD": chip.board, "CHIP": chip.chip, "SDOM": 1, "CEPO": 2, "mpro": True, "msec": True}
    body = encode_body(states | {"ECID": chip.ecid}, {"efib": {"DGST": hashlib.sha384(IMAGE).digest()}})
    manifest = encode_manifest(body, key.sign(body, PKCS1v15(), digest), [middle, leaf])
    assert fault(manifest, root=root) is (None if good else Fault.CHAIN)
