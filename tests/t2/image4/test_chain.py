"""Certificates that are right in all but one thing: one row for each thing that a chain has to be."""

import datetime as dt
import hashlib
from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as curve_key
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.x509.oid import NameOID

from spacegrey.t2.image4 import der
from spacegrey.t2.image4.certificates import CONSTRAINTS, Constraints, Must, encode_constraints
from spacegrey.t2.image4.der import DerError
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.manifest import LARGEST_CERTIFICATE, encode_body, encode_manifest
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.authority import Leaf

IMAGE = b"an image that may run" * 100
RULES = encode_constraints(Constraints({"ECID": Must.EXIST}, {"DGST": Must.EXIST}))
SHA384 = hashes.SHA384()

pytestmark = pytest.mark.claims("T4")


@pytest.fixture(scope="module")
def key(authority):
    """Return one key for all certificates: then only what a row changes can be wrong."""
    return authority.keys[Leaf.PERSONALISED]


def certificate(subject, issuer, key, by, *, authority, own=(RULES,), digest=SHA384, extra=()):
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = (
        x509.CertificateBuilder(*reversed(names))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2017, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2018, 1, 1, tzinfo=dt.UTC))
    )
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    for value in () if authority else own:
        builder = builder.add_extension(x509.UnrecognizedExtension(CONSTRAINTS, value), critical=True)
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(by, digest).public_bytes(serialization.Encoding.DER)


def found(chip, key, leaf, middle=None, signing=None):
    """Return the code with which a manifest under these certificates is refused, None where its image may run."""
    root = certificate("root", "root", key, key, authority=True)
    middle = middle or certificate("middle", "root", key, key, authority=True)
    states = {"BORD": chip.board, "CHIP": chip.chip, "SDOM": 1, "CEPO": 2, "mpro": True, "msec": True}
    body = encode_body(states | {"ECID": chip.ecid}, {"efib": {"DGST": hashlib.sha384(IMAGE).digest()}})
    manifest = encode_manifest(body, (signing or key).sign(body, PKCS1v15(), SHA384), [middle, leaf])
    try:
        verify(manifest, IMAGE, "efib", chip, root, Kind.FULL)
    except ManifestRefused as refused:
        return refused.fault
    return None


def leaf_of(key, **changes):
    return certificate("leaf", "middle", key, key, **{"authority": False, **changes})


def test_a_chain_without_a_fault_lets_the_image_run_whatever_its_dates_say(chip, key):
    assert found(chip, key, leaf_of(key)) is None


def without_null(raw):
    """Return a certificate whose outer algorithm lacks its NULL, as no signature covers it."""
    reader = der.Reader(raw, "certificate").inside(der.SEQUENCE, "certificate")
    content, algorithm, signature = (reader.next() for _ in range(3))
    assert algorithm.content.endswith(b"\x05\x00")
    return der.sequence(content.raw, der.sequence(algorithm.content[:-2]), signature.raw)


def _both_roles(key):
    """Return a leaf that is an authority and says what it may sign."""
    rules = x509.UnrecognizedExtension(CONSTRAINTS, RULES)
    return certificate("leaf", "middle", key, key, authority=True, extra=(rules,))


OTHER_RULES = encode_constraints(Constraints({}, {}))

# what is changed in the leaf, and the exact code
LEAVES = {
    "its issuer is another one": (lambda key: certificate("leaf", "other", key, key, authority=False), Fault.CHAIN),
    "it is an authority itself": (_both_roles, Fault.CHAIN),
    "it says nothing of what it may sign": (lambda key: leaf_of(key, own=()), Fault.CHAIN),
    "what it may sign is no rule": (lambda key: leaf_of(key, own=(b"\x31\x80",)), Fault.CHAIN),
    "what it may sign goes on": (lambda key: leaf_of(key, own=(RULES + b"\0",)), Fault.CHAIN),
    "it is signed with SHA-224": (lambda key: leaf_of(key, digest=hashes.SHA224()), Fault.CHAIN),
    "its outer algorithm has no NULL": (lambda key: without_null(leaf_of(key)), Fault.CHAIN),
    "its signature is changed": (lambda key: leaf_of(key)[:-1] + b"\0", Fault.CHAIN),
    "it may sign without restriction": (lambda key: leaf_of(key, own=(OTHER_RULES,)), None),
    "it may sign for one number only": (
        lambda key: leaf_of(key, own=(encode_constraints(Constraints({"ECID": 1}, {})),)),
        Fault.CONSTRAINT,
    ),
    "it may not sign with a digest": (
        lambda key: leaf_of(key, own=(encode_constraints(Constraints({}, {"DGST": Must.NOT_EXIST})),)),
        Fault.CONSTRAINT,
    ),
    "it must sign a truth where a number is": (
        lambda key: leaf_of(key, own=(encode_constraints(Constraints({"SDOM": True}, {})),)),
        Fault.CONSTRAINT,
    ),
}


@pytest.mark.parametrize("what", LEAVES)
def test_a_leaf_that_is_wrong_in_one_thing_has_its_code(chip, key, what):
    make, expected = LEAVES[what]
    assert found(chip, key, make(key)) == expected


MIDDLES = {
    "it is no authority": {"authority": False, "own": ()},
    "it does not say whether it is one": {"authority": None, "own": ()},
    "it is signed with SHA-224": {"authority": True, "digest": hashes.SHA224()},
}


@pytest.mark.parametrize("what", MIDDLES)
def test_an_intermediate_that_is_wrong_in_one_thing_is_refused(chip, key, what):
    middle = certificate("middle", "root", key, key, **MIDDLES[what])
    assert found(chip, key, leaf_of(key), middle) is Fault.CHAIN


def test_a_key_of_another_kind_or_exponent_is_refused(chip, key):
    weak = generate_private_key(3, 4096)
    theirs = certificate("leaf", "middle", weak, key, authority=False)
    assert found(chip, key, theirs, signing=weak) is Fault.CHAIN
    curve = certificate("leaf", "middle", curve_key(SECP384R1()), key, authority=False)
    assert found(chip, key, curve) is Fault.CHAIN


def test_a_certificate_has_a_bound(chip, key):
    """OpenCore's: 0x1FFFF bytes; the manifest of one that is larger is not read at all."""
    filler = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(LARGEST_CERTIFICATE))
    assert found(chip, key, leaf_of(key, extra=(filler,))) is Fault.MALFORMED
    half = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), bytes(LARGEST_CERTIFICATE // 2))
    assert found(chip, key, leaf_of(key, extra=(half,))) is None


@pytest.mark.parametrize(
    ("internal", "kind", "expected"),
    [(False, "medium", Fault.INTERNAL), (True, "medium", None), (True, "full", Fault.INTERNAL)],
)
def test_an_object_for_internal_units_runs_on_them_at_medium_only(authority, chip, sign, internal, kind, expected):
    manifest = sign(IMAGE, kind, iuob=True)
    try:
        verify(manifest, IMAGE, "efib", replace(chip, internal=internal), authority.root, Kind(kind))
        fault = None
    except ManifestRefused as refused:
        fault = refused.fault
    assert fault == expected


def test_a_number_of_machines_has_64_bits_and_no_other_number_more_than_31(authority, chip, sign):
    large = replace(chip, ecid=(1 << 64) - 1)
    manifest = sign(IMAGE, ECID=large.ecid)
    assert verify(manifest, IMAGE, "efib", large, authority.root, Kind.FULL)
    with pytest.raises(DerError, match="beyond 64 bits"):
        sign(IMAGE, ECID=1 << 64)


@pytest.mark.parametrize("number", [b"\x02\x09\x01" + bytes(8), b"\x02\x01\xff", b"\x02\x00", b"\x02\x02\x00\x01"])
def test_a_number_that_is_too_large_negative_empty_or_padded_is_malformed(number):
    body = der.set_of([der.named("MANB", der.set_of([der.named("MANP", der.set_of([der.named("ECID", number)]))]))])
    with pytest.raises(ManifestRefused) as refused:
        verify(encode_manifest(body, b"", []), IMAGE, "efib", None, b"", Kind.FULL)
    assert refused.value.fault is Fault.MALFORMED
