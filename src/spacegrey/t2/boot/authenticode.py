"""Windows' own signature: Authenticode on a PE file, verified against one authority.

A loader of Windows carries its signature, and the certificates under which it was signed, behind its last section. The
authority is known by its certificate's SHA-256; the loader brings the certificate itself, as Microsoft's does.

References
----------
Microsoft, Windows Authenticode Portable Executable Signature Format (2008): what is hashed, and the content type. RFC
2315 (PKCS #7), 9: signed data. UEFI specification 2.10, 32.5.3.3: one of several signatures is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import warnings
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509.oid import NameOID

from spacegrey.errors import Refusal
from spacegrey.t2.boot.portable import PortableError, read_portable
from spacegrey.t2.image4 import der
from spacegrey.t2.image4.der import DerError, Reader, Tag

LONGEST_CHAIN = 5
LEAST_KEY_BITS = 2048

_OID, _PLAIN_CONTEXT = Tag(der.UNIVERSAL, False, 6), Tag(der.CONTEXT, True, 0)  # noqa: FBT003 - a tag's fields
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_INDIRECT_DATA = bytes.fromhex("2b060104018237020104")  # 1.3.6.1.4.1.311.2.1.4
_CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")  # 1.2.840.113549.1.9.3
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")  # 1.2.840.113549.1.9.4
_RSA = {
    bytes.fromhex("2a864886f70d010101"),  # rsaEncryption: the hash is the signer's
    bytes.fromhex("2a864886f70d01010b"),  # sha256WithRSAEncryption
    bytes.fromhex("2a864886f70d01010c"),
    bytes.fromhex("2a864886f70d01010d"),
}
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion, Warning)


class WindowsFault(StrEnum):
    """Why a loader of Windows is refused, in the order in which it is looked for."""

    MALFORMED = "windows-malformed"
    UNSIGNED = "windows-unsigned"
    DIGEST = "windows-digest"
    SIGNATURE = "windows-signature"
    CHAIN = "windows-certificate-chain"
    AUTHORITY = "windows-authority"


class WindowsRefused(Refusal):
    """A loader is not signed by Windows' authority.

    Attributes
    ----------
    fault : WindowsFault
        The reason, as a code.
    """

    def __init__(self, fault: WindowsFault, text: str) -> None:
        super().__init__(f"{text} [{fault}]")
        self.fault = fault


@dataclass(frozen=True)
class _Signature:
    """What is needed of signed data."""

    hash: hashes.HashAlgorithm
    digest: bytes
    """Of the file, as it was signed."""
    content: bytes
    attributes: bytes
    """What the signature is over: a set, tag and length included."""
    said: bytes
    """Digest of the content, as the attributes say it."""
    signer: bytes
    """Issuer and serial number, DER."""
    value: bytes
    certificates: tuple[bytes, ...] = field(repr=False)


def verify_loader(image: bytes, authority: str) -> str:
    """Return who signed a loader, or raise why it may not run.

    Parameters
    ----------
    image : bytes
        The PE file: the buffer that will run.
    authority : str
        SHA-256 of the certificate of the one authority that is trusted, hexadecimal.

    Returns
    -------
    str
        Common name of the certificate that signed it.

    Raises
    ------
    WindowsRefused
        No signature in it is good under that authority; the fault is that of the first one.

    Notes
    -----
    Dates are not looked at (a machine that starts has no clock to trust), and no list of revoked loaders is kept.

    Examples
    --------
    >>> verify_loader(b"no program", "00" * 32)
    Traceback (most recent call last):
    spacegrey.t2.boot.authenticode.WindowsRefused: no PE file: its magic is not MZ [windows-malformed]
    """
    try:
        file = read_portable(image)
    except PortableError as error:
        raise WindowsRefused(WindowsFault.MALFORMED, str(error)) from None
    if not file.signatures:
        raise WindowsRefused(WindowsFault.UNSIGNED, "the loader carries no signature")
    first: WindowsRefused | None = None
    for raw in file.signatures:
        try:
            return _verify(raw, file.hashed, authority)
        except WindowsRefused as refused:
            first = first or refused
    assert first is not None  # noqa: S101 - there was at least one
    raise first


def _verify(raw: bytes, hashed: bytes, authority: str) -> str:
    try:
        found = _read(raw)
    except DerError as error:
        raise WindowsRefused(WindowsFault.MALFORMED, str(error)) from None
    if not hmac.compare_digest(hashlib.new(found.hash.name, hashed).digest(), found.digest):
        raise WindowsRefused(WindowsFault.DIGEST, "the loader is not the one that was signed")
    if not hmac.compare_digest(hashlib.new(found.hash.name, found.content).digest(), found.said):
        raise WindowsRefused(WindowsFault.SIGNATURE, "the signature is over other content")
    chain = [_certificate(one) for one in found.certificates]
    signer = next((one for one in chain if _named(one) == found.signer), None)
    if signer is None:
        raise WindowsRefused(WindowsFault.CHAIN, "the signer's certificate is missing")
    try:
        _key(signer).verify(found.value, found.attributes, PKCS1v15(), found.hash)
    except InvalidSignature:
        raise WindowsRefused(WindowsFault.SIGNATURE, "the loader's signature is wrong") from None
    _trace(signer, chain, authority)
    return _common_name(signer.subject)


def _read(raw: bytes) -> _Signature:
    outside = Reader(raw, "signature")
    reader = outside.inside(der.SEQUENCE, "content information")
    outside.end()
    if reader.take(_OID, "type").content != _SIGNED_DATA:
        raise reader.fail("no signed data")
    wrapped = reader.inside(_PLAIN_CONTEXT, "signed data")
    reader.end()
    signed = wrapped.inside(der.SEQUENCE, "signed data")
    wrapped.end()
    signed.integer("the version")
    signed.take(der.SET, "algorithms")
    content, digest = _read_content(signed.inside(der.SEQUENCE, "content"))
    certificates: list[bytes] = []
    held = signed.inside(_PLAIN_CONTEXT, "certificates")
    while held.more:
        certificates.append(held.take(der.SEQUENCE, "certificate").raw)
    if signed.peek() == der.context(1):
        signed.next()  # lists of revoked certificates: nobody looks at them
    signers = signed.inside(der.SET, "signers")
    signed.end()
    signer = signers.inside(der.SEQUENCE, "signer")
    signers.end()
    signer.integer("the version")
    who = signer.take(der.SEQUENCE, "issuer and serial number").content
    chosen = _read_hash(signer.inside(der.SEQUENCE, "hash"))
    attributes = signer.take(_PLAIN_CONTEXT, "signed attributes").content
    algorithm = signer.inside(der.SEQUENCE, "algorithm").take(_OID, "algorithm").content
    if algorithm not in _RSA:
        raise signer.fail("an algorithm that is not RSA")
    value = signer.octets("the signature")
    said = _read_attributes(attributes)
    # it is signed as the set that it is, not under the tag that it stands under
    whole = der.encode(der.SET, attributes)
    return _Signature(chosen, digest, content, whole, said, who, value, tuple(certificates))


def _read_content(reader: Reader) -> tuple[bytes, bytes]:
    """Return what the attributes' digest is over, and the file's digest in it."""
    if reader.take(_OID, "type").content != _INDIRECT_DATA:
        raise reader.fail("signed data that is not about a PE file")
    wrapped = reader.inside(_PLAIN_CONTEXT, "content")
    reader.end()
    content = wrapped.take(der.SEQUENCE, "content").content
    wrapped.end()
    inside = Reader(content, "content")
    inside.take(der.SEQUENCE, "what is signed")
    info = inside.inside(der.SEQUENCE, "digest")
    inside.end()
    info.take(der.SEQUENCE, "hash")
    digest = info.octets("the digest")
    info.end()
    return content, digest


def _read_hash(reader: Reader) -> hashes.HashAlgorithm:
    found = _HASHES.get(reader.take(_OID, "hash").content)
    if found is None:
        raise reader.fail("another hash than SHA-256, -384 or -512")
    return found


def _read_attributes(data: bytes) -> bytes:
    reader = Reader(data, "signed attributes")
    found: dict[bytes, bytes] = {}
    while reader.more:
        one = reader.inside(der.SEQUENCE, "attribute")
        kind = one.take(_OID, "type").content
        values = one.inside(der.SET, "values")
        one.end()
        if kind in found:
            raise reader.fail("an attribute that stands twice")
        found[kind] = values.next().content
    if found.get(_CONTENT_TYPE) != _INDIRECT_DATA or _MESSAGE_DIGEST not in found:
        raise reader.fail("no type or no digest of the content")
    return found[_MESSAGE_DIGEST]


def _certificate(raw: bytes) -> x509.Certificate:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            parsed = x509.load_der_x509_certificate(raw)
            # read at once: a certificate's parts are looked at only when they are asked for
            _ = (parsed.extensions, parsed.subject, parsed.issuer, parsed.public_key(), parsed.signature_hash_algorithm)
    except _UNREADABLE as error:
        raise WindowsRefused(WindowsFault.CHAIN, f"a certificate cannot be read: {error}") from None
    return parsed


def _named(certificate: x509.Certificate) -> bytes:
    serial = certificate.serial_number
    number = serial.to_bytes(serial.bit_length() // 8 + 1, "big", signed=True)
    return certificate.issuer.public_bytes() + der.encode(der.INTEGER, number)


def _key(certificate: x509.Certificate) -> RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_KEY_BITS:
        raise WindowsRefused(WindowsFault.CHAIN, f"a certificate's key is not RSA of {LEAST_KEY_BITS} bits or more")
    return key


def _trace(signer: x509.Certificate, chain: list[x509.Certificate], authority: str) -> None:
    """Walk from the signer up to the authority; raise `WindowsRefused` where there is no way."""
    here = signer
    for _ in range(LONGEST_CHAIN):
        above = next((one for one in chain if one.subject == here.issuer and one != here), None)
        if above is None:
            break
        basic = [one.value for one in above.extensions if isinstance(one.value, x509.BasicConstraints)]
        if not any(one.ca for one in basic):
            raise WindowsRefused(WindowsFault.CHAIN, "a certificate is signed by one that is no authority")
        hashing = here.signature_hash_algorithm
        if not isinstance(hashing, tuple(type(one) for one in _HASHES.values())):
            raise WindowsRefused(WindowsFault.CHAIN, "a certificate is signed with another hash than SHA-256 or better")
        try:
            _key(above).verify(here.signature, here.tbs_certificate_bytes, PKCS1v15(), hashing)
        except InvalidSignature:
            raise WindowsRefused(WindowsFault.CHAIN, "a certificate is not signed by the one above it") from None
        if above.fingerprint(hashes.SHA256()).hex() == authority:
            return
        here = above
    name = _common_name(signer.issuer)
    raise WindowsRefused(WindowsFault.AUTHORITY, f"it is signed under {name!r}, which this machine does not trust")


def _common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else "an authority without a name"
