"""The chain of certificates behind a manifest, and what its leaf may sign.

The root is the chip's own and never taken from a file. A chip has no clock that it could trust while it boots, so the
dates in certificates are not looked at.

References
----------
acidanthera, OpenCorePkg, OcAppleImg4Lib (DERImg4ManifestVerifySignature, DERImg4ValidateCertificateRole).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from spacegrey.t2.image4 import der
from spacegrey.t2.image4.der import DerError, Reader
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.properties import Value, encode_value, read_value, same

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spacegrey.t2.image4.manifest import Manifest
    from spacegrey.t2.image4.properties import Properties

CONSTRAINTS = x509.ObjectIdentifier("1.2.840.113635.100.6.1.15")
"""The extension that says what a leaf may sign."""

KEY_BITS = 4096
EXPONENT = 65537

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.InvalidVersion, Warning)

_HASHES = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Must(Enum):
    """What a constraint asks of a property besides a value."""

    EXIST = 0
    NOT_EXIST = 1


Rules: TypeAlias = "Mapping[str, Value | Must]"


@dataclass(frozen=True)
class Constraints:
    """What a leaf may sign: rules for the manifest's properties (MANP) and for each object's (OBJP)."""

    manifest: Rules
    objects: Rules


def encode_constraints(constraints: Constraints) -> bytes:
    """Return the value of the extension.

    Raises
    ------
    DerError
        A name or a value cannot be written.

    Examples
    --------
    >>> "ff84aa8d92440c300a160445434944a0020500" in encode_constraints(Constraints({"ECID": Must.EXIST}, {})).hex()
    True
    """
    sets = [
        der.named(name, der.set_of([der.named(key, _encode_rule(rule)) for key, rule in rules.items()]))
        for name, rules in (("MANP", constraints.manifest), ("OBJP", constraints.objects))
    ]
    return der.set_of(sets)


def _encode_rule(rule: Value | Must) -> bytes:
    if isinstance(rule, Must):
        return der.encode(der.context(rule.value), der.encode(der.NULL, b""))
    return encode_value(rule)


def read_constraints(data: bytes) -> Constraints:
    """Return the constraints in an extension's value.

    Raises
    ------
    DerError
        They are not in their one encoding.
    """
    outside = Reader(data, "constraints")
    reader = outside.inside(der.SET, "constraints")
    outside.end()
    found: dict[str, dict[str, Value | Must]] = {}
    last = ""
    while reader.more:
        name, inside = reader.named("constraints")
        if name not in {"MANP", "OBJP"} or name <= last:
            raise reader.fail(f"constraints {name} are unknown, stand twice or are out of order")
        rules = inside.inside(der.SET, "rules")
        inside.end()
        found[name] = _read_rules(rules)
        last = name
    return Constraints(found.get("MANP", {}), found.get("OBJP", {}))


def _read_rules(reader: Reader) -> dict[str, Value | Must]:
    found: dict[str, Value | Must] = {}
    last = ""
    while reader.more:
        name, inside = reader.named("rule")
        if name <= last:
            raise reader.fail(f"rule {name} stands twice or out of order")
        found[name] = _read_rule(inside)
        inside.end()
        last = name
    return found


def _read_rule(reader: Reader) -> Value | Must:
    for must in Must:
        if reader.peek() == der.context(must.value):
            content = reader.inside(der.context(must.value), "rule")
            null = content.take(der.NULL, "nothing")
            content.end()
            if null.content:
                raise reader.fail("a NULL that holds something")
            return must
    return read_value(reader, "rule")


@dataclass(frozen=True)
class Certificate:
    """What is needed of a certificate, taken out of it at once: its parts are read when they are asked for."""

    key: RSAPublicKey
    hash: hashes.HashAlgorithm
    """Of its signature, and of what its key signs."""
    authority: bool
    subject: bytes
    issuer: bytes
    signed: bytes
    signature: bytes
    extensions: x509.Extensions


def read_certificate(data: bytes) -> Certificate:
    """Return a certificate; its signature is not looked at.

    Raises
    ------
    ManifestRefused
        It cannot be read, or its key is not RSA of 4096 bits with the exponent 65537.
    """
    _check_frame(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what cryptography would only warn of is refused
            parsed = x509.load_der_x509_certificate(data)
            key, hashing = parsed.public_key(), parsed.signature_hash_algorithm
            extensions = parsed.extensions
            subject, issuer = parsed.subject.public_bytes(), parsed.issuer.public_bytes()
            signed, signature = parsed.tbs_certificate_bytes, parsed.signature
    except _UNREADABLE as error:
        raise ManifestRefused(Fault.CHAIN, f"a certificate cannot be read: {error}") from None
    if not isinstance(key, RSAPublicKey) or key.key_size != KEY_BITS or key.public_numbers().e != EXPONENT:
        raise ManifestRefused(Fault.CHAIN, f"a certificate's key is not RSA of {KEY_BITS} bits")
    if not isinstance(hashing, _HASHES):
        raise ManifestRefused(Fault.CHAIN, "a certificate is signed with another hash than SHA-256, -384 or -512")
    basic = [one.value for one in extensions if isinstance(one.value, x509.BasicConstraints)]
    authority = any(one.ca for one in basic)
    return Certificate(key, hashing, authority, subject, issuer, signed, signature, extensions)


def _check_frame(data: bytes) -> None:
    """Raise `ManifestRefused` where what no signature covers is not as it has to be: algorithm and unused bits."""
    try:
        outside = Reader(data, "certificate")
        reader = outside.inside(der.SEQUENCE, "certificate")
        outside.end()
        signed = reader.inside(der.SEQUENCE, "content")
        algorithm = reader.take(der.SEQUENCE, "algorithm").raw
        signature = reader.take(der.BITS, "signature").content
        reader.end()
        signed.take(der.context(0), "version")
        signed.take(der.INTEGER, "serial number")
        inside = signed.take(der.SEQUENCE, "algorithm").raw
    except DerError as error:
        raise ManifestRefused(Fault.CHAIN, str(error)) from None
    if algorithm != inside or signature[:1] != b"\0":
        raise ManifestRefused(Fault.CHAIN, "a certificate names two algorithms, or its signature is no whole bytes")


def verify_chain(manifest: Manifest, root: bytes) -> Constraints:
    """Verify root, intermediate, leaf and the manifest's signature.

    Parameters
    ----------
    manifest : Manifest
        As read.
    root : bytes
        The chip's own root certificate, DER.

    Returns
    -------
    Constraints
        What the leaf may sign.

    Raises
    ------
    ManifestRefused
        ``CHAIN`` or ``SIGNATURE``.
    """
    try:
        intermediate_der, leaf_der = manifest.certificates
    except ValueError:
        raise ManifestRefused(
            Fault.CHAIN, f"{len(manifest.certificates)} certificates, where an intermediate one and a leaf belong"
        ) from None
    anchor, intermediate, leaf = map(read_certificate, (root, intermediate_der, leaf_der))
    _issued(intermediate, anchor)
    _issued(leaf, intermediate)
    if not intermediate.authority or leaf.authority:
        raise ManifestRefused(Fault.CHAIN, "the intermediate certificate must be an authority, the leaf must not")
    values = [one.value for one in leaf.extensions if one.oid == CONSTRAINTS]
    if len(values) != 1 or not isinstance(values[0], x509.UnrecognizedExtension):
        raise ManifestRefused(Fault.CHAIN, "the leaf does not say what it may sign")
    try:
        constraints = read_constraints(values[0].value)
    except DerError as error:
        raise ManifestRefused(Fault.CHAIN, f"the leaf's constraints: {error}") from None
    try:
        leaf.key.verify(manifest.signature, manifest.body, PKCS1v15(), leaf.hash)
    except InvalidSignature:
        raise ManifestRefused(Fault.SIGNATURE, "the manifest's signature is wrong") from None
    return constraints


def _issued(child: Certificate, parent: Certificate) -> None:
    if child.issuer != parent.subject:
        raise ManifestRefused(Fault.CHAIN, "a certificate names another issuer than the one above it")
    try:
        parent.key.verify(child.signature, child.signed, PKCS1v15(), child.hash)
    except InvalidSignature:
        raise ManifestRefused(Fault.CHAIN, "a certificate is not signed by the one above it") from None


def obey(constraints: Constraints, manifest: Properties, own: Properties) -> None:
    """Raise `ManifestRefused` (``CONSTRAINT``) where the leaf may not sign these properties.

    Parameters
    ----------
    constraints : Constraints
        The leaf's.
    manifest, own : mapping
        The manifest's properties, and those of the object that is to run.
    """
    for rules, properties, place in (
        (constraints.manifest, manifest, "manifest"),
        (constraints.objects, own, "object"),
    ):
        for name, rule in rules.items():
            if rule is Must.EXIST:
                good = name in properties
            elif rule is Must.NOT_EXIST:
                good = name not in properties
            else:
                good = same(properties.get(name), rule)
            if not good:
                raise ManifestRefused(Fault.CONSTRAINT, f"this leaf may not sign a {place} with such a {name}")
