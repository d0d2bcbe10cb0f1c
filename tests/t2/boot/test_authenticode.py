"""Signatures of loaders that are right in all but one thing, made by the test itself."""

import datetime as dt
import hashlib
import struct
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.x509.oid import NameOID

from spacegrey.t2.boot.authenticode import LONGEST_CHAIN, WindowsFault, WindowsRefused, verify_loader
from spacegrey.t2.boot.portable import read_portable
from spacegrey.t2.image4 import der

UNSIGNED = (Path(__file__).parent / "windows" / "unsigned.efi").read_bytes()
PLACE = 0x98 + 112 + 8 * 4
SIGNED_DATA, INDIRECT, DATA = "2a864886f70d010702", "2b060104018237020104", "2a864886f70d010701"
CONTENT_TYPE, MESSAGE_DIGEST = "2a864886f70d010903", "2a864886f70d010904"
SHA256, SHA1, RSA, EC = "608648016503040201", "2b0e03021a", "2a864886f70d010101", "2a8648ce3d0403"

pytestmark = pytest.mark.claims("T4")


@pytest.fixture(scope="module")
def key():
    return generate_private_key(65537, 2048)


def named(name):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def certificate(subject, issuer, key, by, *, authority, digest=hashes.SHA256):
    builder = (
        x509.CertificateBuilder(named(issuer), named(subject))
        .public_key(key.public_key())
        .serial_number(0x80 + len(subject))
        .not_valid_before(dt.datetime(2011, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2012, 1, 1, tzinfo=dt.UTC))
    )
    if authority is not None:
        builder = builder.add_extension(x509.BasicConstraints(authority, None), critical=True)
    return builder.sign(by, digest()).public_bytes(serialization.Encoding.DER)


def oid(content):
    return der.encode(der.Tag(der.UNIVERSAL, False, 6), bytes.fromhex(content))  # noqa: FBT003 - a tag's fields


def null(algorithm):
    return der.sequence(oid(algorithm), der.encode(der.NULL, b""))


def attribute(kind, *values):
    return der.sequence(oid(kind), der.encode(der.SET, b"".join(values)))


def loader(key, chain, **changes):
    """Return the loader signed by ``key`` under a chain of certificates, the leaf first; ``changes`` damage it."""
    hashed = read_portable(UNSIGNED).hashed
    digest = changes.get("digest", hashlib.sha256(hashed).digest())
    about = der.sequence(oid("2b06010401823702010f"), der.sequence())
    info = der.sequence(null(SHA256), der.octets(digest))
    content = der.sequence(about, info)
    inside = content[2:] if content[1] < 128 else content[3:]
    attributes = changes.get(
        "attributes",
        [
            attribute(CONTENT_TYPE, oid(INDIRECT)),
            attribute(MESSAGE_DIGEST, der.octets(changes.get("said", hashlib.sha256(inside).digest()))),
        ],
    )
    body = b"".join(attributes)
    signed = der.encode(der.SET, body)
    leaf = x509.load_der_x509_certificate(chain[0])
    who = der.sequence(leaf.issuer.public_bytes(), der.encode(der.INTEGER, b"\0" + bytes([leaf.serial_number])))
    signature = changes.get("signature") or key.sign(changes.get("over", signed), PKCS1v15(), hashes.SHA256())
    signer = der.sequence(
        der.integer(1), changes.get("who", who), null(changes.get("hash", SHA256)),
        der.encode(der.context(0), body), null(changes.get("algorithm", RSA)), der.octets(signature),
    )  # fmt: skip
    signers = [signer] * changes.get("signers", 1)
    lists = der.encode(der.context(1), b"") if changes.get("lists") else b""
    data = der.sequence(
        der.integer(1), der.encode(der.SET, null(SHA256)),
        der.sequence(oid(changes.get("content", INDIRECT)), der.encode(der.context(0), content)),
        der.encode(der.context(0), b"".join(changes.get("carried", chain))), lists,
        der.encode(der.SET, b"".join(signers)),
    )  # fmt: skip
    whole = der.sequence(oid(changes.get("kind", SIGNED_DATA)), der.encode(der.context(0), data))
    table = whole + bytes(-len(whole) % 8)
    table = struct.pack("<IHH", 8 + len(table), 0x200, 2) + table
    head = bytearray(UNSIGNED)
    struct.pack_into("<II", head, PLACE, len(UNSIGNED), len(table))
    return bytes(head) + table


def found(image, chain):
    try:
        verify_loader(image, hashlib.sha256(chain[-1]).hexdigest())
    except WindowsRefused as refused:
        return refused.fault
    return None


@pytest.fixture(scope="module")
def chain(key):
    return [
        certificate("leaf", "top", key, key, authority=False),
        certificate("top", "top", key, key, authority=True),
    ]


def test_a_signature_without_a_fault_is_good_whatever_its_dates_say(key, chain):
    assert found(loader(key, chain), chain) is None
    assert found(loader(key, chain, lists=True), chain) is None


DIGEST = attribute(MESSAGE_DIGEST, der.octets(bytes(32)))
TYPE = attribute(CONTENT_TYPE, oid(INDIRECT))

# what is changed in a good signature, and the exact code
ROWS = {
    "it is over another file": ({"digest": bytes(32)}, WindowsFault.DIGEST),
    "its digest is of another length": ({"digest": bytes(20)}, WindowsFault.DIGEST),
    "it is over other content": ({"said": bytes(32)}, WindowsFault.SIGNATURE),
    "it is over other attributes": ({"over": b"other"}, WindowsFault.SIGNATURE),
    "it is no signature": ({"signature": bytes(256)}, WindowsFault.SIGNATURE),
    "it is empty": ({"signature": b"\0"}, WindowsFault.SIGNATURE),
    "it is not signed data": ({"kind": DATA}, WindowsFault.MALFORMED),
    "it is about no PE file": ({"content": DATA}, WindowsFault.MALFORMED),
    "its attributes name another type": (
        {"attributes": [attribute(CONTENT_TYPE, oid(DATA)), DIGEST]},
        WindowsFault.MALFORMED,
    ),
    "its attributes name no type": ({"attributes": [DIGEST]}, WindowsFault.MALFORMED),
    "its attributes have no digest": ({"attributes": [TYPE]}, WindowsFault.MALFORMED),
    "an attribute stands twice": ({"attributes": [TYPE, DIGEST, DIGEST]}, WindowsFault.MALFORMED),
    "an attribute has no value": ({"attributes": [TYPE, attribute(MESSAGE_DIGEST)]}, WindowsFault.MALFORMED),
    "it has no attributes": ({"attributes": []}, WindowsFault.MALFORMED),
    "its hash is SHA-1": ({"hash": SHA1}, WindowsFault.MALFORMED),
    "its algorithm is no RSA": ({"algorithm": EC}, WindowsFault.MALFORMED),
    "two have signed": ({"signers": 2}, WindowsFault.MALFORMED),
    "nobody has signed": ({"signers": 0}, WindowsFault.MALFORMED),
    "its signer's certificate lacks": ({"carried": []}, WindowsFault.CHAIN),
    "its signer is another one": (
        {"who": der.sequence(named("top").public_bytes(), der.integer(1))}, WindowsFault.CHAIN,
    ),
    "a certificate cannot be read": ({"carried": [der.sequence(der.integer(1))]}, WindowsFault.CHAIN),
}  # fmt: skip


@pytest.mark.parametrize("what", ROWS)
def test_a_signature_that_is_wrong_in_one_thing_has_its_code(key, chain, what):
    changes, fault = ROWS[what]
    assert found(loader(key, chain, **changes), chain) is fault


@pytest.mark.parametrize(
    ("middle", "fault"),
    [
        ({"authority": True}, None),
        ({"authority": False}, WindowsFault.CHAIN),
        ({"authority": None}, WindowsFault.CHAIN),
        ({"authority": True, "digest": hashes.SHA224}, WindowsFault.CHAIN),
    ],
)
def test_who_stands_between_signer_and_authority_has_to_be_one(key, middle, fault):
    chain = [
        certificate("leaf", "middle", key, key, authority=False),
        certificate("middle", "top", key, key, **middle),
        certificate("top", "top", key, key, authority=True),
    ]
    assert found(loader(key, chain), chain) is fault


def test_a_certificate_that_another_key_signed_is_refused(key):
    other = generate_private_key(65537, 2048)
    chain = [
        certificate("leaf", "top", key, other, authority=False),
        certificate("top", "top", key, key, authority=True),
    ]
    assert found(loader(key, chain), chain) is WindowsFault.CHAIN


def test_a_key_of_less_than_2048_bits_is_refused(key):
    small = generate_private_key(65537, 1024)  # noqa: S505 - that it is refused is what is shown
    chain = [
        certificate("leaf", "top", small, key, authority=False),
        certificate("top", "top", key, key, authority=True),
    ]
    assert found(loader(small, chain), chain) is WindowsFault.CHAIN


@pytest.mark.parametrize(("links", "fault"), [(LONGEST_CHAIN, None), (LONGEST_CHAIN + 1, WindowsFault.AUTHORITY)])
def test_a_chain_has_a_bound(key, links, fault):
    names = [f"link {number:{'0'}{number + 1}}" for number in range(links)]
    chain = [
        certificate(name, above, key, key, authority=name != names[0])
        for name, above in zip(names, [*names[1:], "top"], strict=True)
    ]
    chain.append(certificate("top", "top", key, key, authority=True))
    assert found(loader(key, chain), chain) is fault


def test_the_authority_itself_is_no_signer(key):
    """A leaf is looked for below it: who is known by a digest signs certificates, and no loaders."""
    chain = [certificate("top", "top", key, key, authority=True)]
    assert found(loader(key, chain), chain) is WindowsFault.AUTHORITY


def test_an_authority_of_the_same_name_is_another_one(key, chain):
    theirs = [chain[0], certificate("top", "top", key, key, authority=None), chain[1]]
    assert found(loader(key, chain, carried=[chain[0]]), chain) is WindowsFault.AUTHORITY
    assert found(loader(key, chain, carried=theirs), chain) is WindowsFault.CHAIN
