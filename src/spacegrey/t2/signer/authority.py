"""Who may sign: a root, an intermediate certificate, and two leaves that can sign one kind of manifest each.

The keys of root and intermediate certificate are thrown away when the leaves are made, so a folder that is stolen can
sign what its leaves may, and nothing can ever widen that.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

from spacegrey.errors import InputError, Refusal, unknown
from spacegrey.t2.image4.certificates import CONSTRAINTS, EXPONENT, KEY_BITS, Constraints, Must, encode_constraints
from spacegrey.t2.image4.manifest import encode_body, encode_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from spacegrey.t2.image4.properties import Properties

FORMAT = 1
NAME = "authority.json"
"""Says what the folder is; written last, so a folder without it is no authority."""

HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384()}
"""Of signatures: the Security Target names the first, what runs on T2 Macs uses the second."""

# From a date in the past, without an end: a chip that boots has no clock to trust.
_FROM = dt.datetime(2017, 12, 14, tzinfo=dt.UTC)
_UNTIL = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


class Leaf(StrEnum):
    """A leaf key, named after what it signs."""

    PERSONALISED = "personalised"
    GLOBAL = "global"


MAY_SIGN = {
    Leaf.PERSONALISED: Constraints({"ECID": Must.EXIST, "xugs": Must.NOT_EXIST}, {"DGST": Must.EXIST}),
    Leaf.GLOBAL: Constraints({"ECID": Must.NOT_EXIST, "xugs": 1}, {"DGST": Must.EXIST}),
}
"""What stands in the leaves' certificates."""


@dataclass(frozen=True)
class Authority:
    """An authority that was opened: certificates, and the two keys."""

    root: bytes = field(repr=False)
    intermediate: bytes = field(repr=False)
    leaves: Mapping[Leaf, bytes] = field(repr=False)
    keys: Mapping[Leaf, RSAPrivateKey] = field(repr=False)

    def sign(self, leaf: Leaf, properties: Properties, objects: Mapping[str, Properties]) -> bytes:
        """Return a signed manifest; whether it is one that the leaf may sign shows when it is verified.

        Raises
        ------
        DerError
            A property cannot be written.
        """
        body = encode_body(properties, objects)
        chosen = x509.load_der_x509_certificate(self.leaves[leaf]).signature_hash_algorithm or hashes.SHA384()
        signature = self.keys[leaf].sign(body, PKCS1v15(), chosen)
        return encode_manifest(body, signature, [self.intermediate, self.leaves[leaf]])


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Spacegrey, a model"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _certificate(
    subject: str,
    key: RSAPrivateKey,
    issuer: str,
    by: RSAPrivateKey,
    hashing: hashes.HashAlgorithm,
    constraints: Constraints | None = None,
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=constraints is None, path_length=None), critical=True)
    )
    if constraints is not None:
        own = x509.UnrecognizedExtension(CONSTRAINTS, encode_constraints(constraints))
        builder = builder.add_extension(own, critical=True)
    signed = builder.sign(by, cast("hashes.SHA256", hashing))
    return signed.public_bytes(serialization.Encoding.DER)


def new_authority(hashing: str = "sha384", make_key: Callable[[], RSAPrivateKey] | None = None) -> Authority:
    """Return a new authority; four keys of 4096 bits take some seconds.

    Parameters
    ----------
    hashing : str
        ``"sha256"`` or ``"sha384"``.
    make_key : callable, optional
        Makes a key; for tests that have theirs already.

    Raises
    ------
    InputError
        The hash is another one.
    """
    if hashing not in HASHES:
        raise unknown("hash", hashing, HASHES)
    chosen = HASHES[hashing]
    make = make_key or (lambda: generate_private_key(EXPONENT, KEY_BITS))
    top, middle, ends = "Secure Boot Root CA", "Secure Boot Certification Authority", {leaf: make() for leaf in Leaf}
    root_key, middle_key = make(), make()
    leaves = {
        leaf: _certificate(f"Secure Boot {leaf.capitalize()}", key, middle, middle_key, chosen, MAY_SIGN[leaf])
        for leaf, key in ends.items()
    }
    return Authority(
        _certificate(top, root_key, top, root_key, chosen),
        _certificate(middle, middle_key, top, root_key, chosen),
        leaves,
        ends,
    )


def save_authority(authority: Authority, folder: Path) -> None:
    """Write an authority into a new folder that only its owner can read.

    Raises
    ------
    InputError
        There is something already, or it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700)
        _write(folder / "root.der", authority.root)
        _write(folder / "intermediate.der", authority.intermediate)
        for leaf in Leaf:
            _write(folder / f"{leaf}.der", authority.leaves[leaf])
            _write(
                folder / f"{leaf}.key",
                authority.keys[leaf].private_bytes(
                    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                ),
            )
        _write(folder / NAME, json.dumps({"format": FORMAT}).encode() + b"\n")
    except FileExistsError:
        raise InputError(f"{folder}: there is something already") from None
    except OSError as error:
        raise InputError(f"{folder}: {(error.strerror or 'cannot be written').lower()}") from None


def _write(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)


def open_authority(folder: Path) -> Authority:
    """Return the authority in a folder.

    Raises
    ------
    InputError
        There is none.
    Refusal
        It is of a newer version, or damaged.
    """
    try:
        found: object = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no signer here ({NAME} is missing); 't2 signer create' makes one") from None
    except (OSError, ValueError, RecursionError):
        raise Refusal(f"{folder / NAME} cannot be read") from None
    version = cast("dict[str, object]", found).get("format") if isinstance(found, dict) else None
    if found != {"format": FORMAT} or type(version) is not int:
        if type(version) is int and version > FORMAT:
            raise Refusal(
                f"{folder / NAME} is of format {version}, and this program knows {FORMAT}: a newer one wrote it"
            )
        raise Refusal(f"{folder / NAME} is damaged")
    try:
        keys = {leaf: _key(folder / f"{leaf}.key") for leaf in Leaf}
        leaves = {leaf: (folder / f"{leaf}.der").read_bytes() for leaf in Leaf}
        root, intermediate = ((folder / f"{name}.der").read_bytes() for name in ("root", "intermediate"))
    except OSError as error:
        raise Refusal(f"{folder}: {(error.strerror or 'cannot be read').lower()}: {error.filename}") from None
    return Authority(root, intermediate, leaves, keys)


def _key(path: Path) -> RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        raise Refusal(f"{path} holds no key") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size != KEY_BITS:
        raise Refusal(f"{path} holds no RSA key of {KEY_BITS} bits")
    return key
