"""Payloads, images and manifests, read by ourselves and by others."""

import hashlib

import pyimg4
import pytest
from asn1crypto import x509 as other_x509
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.t2.image4 import der
from spacegrey.t2.image4.der import DerError
from spacegrey.t2.image4.manifest import encode_body, encode_manifest, read_manifest
from spacegrey.t2.image4.payload import (
    Image,
    Payload,
    WrappedKey,
    encode_image,
    encode_payload,
    encode_restore,
    nonce_hash,
    read_image,
    read_payload,
)

NAMES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=4, max_size=4)
VALUES = st.one_of(
    st.booleans(),
    st.integers(0, 2**64 - 1),
    st.binary(max_size=60),
    st.text(st.characters(max_codepoint=0x7F), max_size=10),
)
PROPERTIES = st.dictionaries(NAMES, VALUES, max_size=8)
KEYS = st.sampled_from([(), (1,), (2,), (1, 2)]).map(
    lambda kinds: tuple(WrappedKey(kind, bytes(16), bytes([kind]) * 32) for kind in kinds)
)
PAYLOADS = st.builds(
    Payload,
    NAMES,
    st.text(st.characters(max_codepoint=0x7F), max_size=20),
    st.binary(max_size=500),
    KEYS,
    st.one_of(st.none(), st.integers(0, 2**40)),
    PROPERTIES,
)


@given(PAYLOADS)
def test_payloads_go_around(payload):
    assert read_payload(encode_payload(payload)) == payload


@given(
    NAMES,
    st.text(st.characters(max_codepoint=0x7F, min_codepoint=0x20), min_size=1, max_size=20),
    st.binary(max_size=99),
)
def test_pyimg4_reads_our_payloads(kind, description, data):
    found = pyimg4.IM4P(encode_payload(Payload(kind, description, data)))
    assert (found.fourcc, found.description, found.payload.data) == (kind, description, data)


@given(PROPERTIES, st.dictionaries(NAMES.filter(lambda name: name != "MANP"), PROPERTIES, max_size=4))
def test_manifests_go_around(properties, objects):
    body = encode_body(properties, objects)
    found = read_manifest(encode_manifest(body, b"signature", []))
    assert (found.properties, found.objects, found.body) == (properties, objects, body)
    assert found.signature == b"signature"


def test_pyimg4_reads_our_manifest(sign, chip):
    image = encode_payload(Payload("ibot", "1.0", b"code"))
    nonce = nonce_hash(bytes(range(8)))
    found = pyimg4.IM4M(sign(image, "firmware", "ibot", BNCH=nonce))
    assert (found.ecid, found.chip_id, found.board_id, found.apnonce) == (chip.ecid, chip.chip, chip.board, nonce)
    assert [one.fourcc for one in found.images] == ["ibot"]
    assert found.images[0].digest == hashlib.sha384(image).digest()


def test_pyimg4_reads_our_image(sign):
    payload = encode_payload(Payload("ibot", "1.0", b"code"))
    manifest = sign(payload, "firmware", "ibot")
    found = pyimg4.IMG4(encode_image(Image(payload, manifest, bytes(range(8)))))
    assert found.im4p.output() == payload
    assert found.im4m.output() == manifest
    assert found.im4r.boot_nonce in {bytes(range(8)), bytes(range(8))[::-1]}


def test_we_read_an_image_that_pyimg4_wrote(sign):
    payload = pyimg4.IM4P(fourcc="krnl", description="theirs", payload=b"code" * 50)
    manifest = pyimg4.IM4M(sign(payload.output(), "firmware", "krnl"))
    found = read_image(pyimg4.IMG4(im4p=payload, im4m=manifest).output())
    assert read_payload(found.payload) == Payload("krnl", "theirs", b"code" * 50)
    assert found.manifest == manifest.output()


def test_asn1crypto_reads_our_certificates(authority):
    for raw in (authority.root, authority.intermediate, *authority.leaves.values()):
        assert other_x509.Certificate.load(raw, strict=True).public_key.bit_size == 4096


def test_images_go_around(sign):
    payload = encode_payload(Payload("ibot", "1.0", b"code"))
    for image in (
        Image(payload),
        Image(payload, sign(payload)),
        Image(payload, sign(payload), bytes(8)),
        Image(payload, None, bytes(8)),
    ):
        assert read_image(encode_image(image)) == image


def test_a_nonce_is_that_of_the_published_generator():
    """The generator that restore tools document, with the nonce that devices answer for it."""
    assert (
        nonce_hash(bytes.fromhex("1111111111111111")).hex()
        == "27325c8258be46e69d9ee57fa9a8fbc28b873df434e5e702a8b27999551138ae"
    )


def test_a_generator_has_eight_bytes():
    with pytest.raises(DerError, match="8 bytes"):
        encode_restore(bytes(7))


def _set(*elements):
    return der.encode(der.SET, b"".join(elements))


BORD, CHIP = der.named("BORD", der.integer(1)), der.named("CHIP", der.integer(2))
EMPTY = der.named("MANP", _set())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (_set(der.named("MANB", _set(der.named("MANP", _set(CHIP, BORD))))), "out of order"),
        (_set(der.named("MANB", _set(der.named("MANP", _set(BORD, BORD))))), "twice"),
        (_set(der.named("MANB", _set(EMPTY, EMPTY))), "twice"),
        (_set(der.named("MANB", _set(der.named("ibot", _set()), EMPTY))), "out of order"),
        (_set(der.named("MANB", _set(der.named("ibot", _set())))), "no properties of the manifest"),
        (_set(der.named("MANX", _set(EMPTY))), "a body named MANX"),
        (_set(der.named("MANB", _set(EMPTY)), EMPTY), "bytes too many"),
        (_set(der.named("MANB", _set(EMPTY), der.integer(1))), "bytes too many"),
        (_set(der.named("MANB", _set(der.named("MANP", _set(der.named("BORD", der.sequence())))))), "of no type"),
        (_set(der.named("MANB", _set(der.named("MANP", _set(der.named("BORD")))))), "of no type"),
        (_set(der.named("MANB", _set(der.named("MANP", _set(der.integer(1)))))), "no property here"),
        (_set(der.named("MANB", der.sequence(EMPTY))), "no objects here"),
    ],
)
def test_a_body_that_is_not_the_one_encoding_is_refused(body, why):
    with pytest.raises(DerError, match=why):
        read_manifest(encode_manifest(body, b"", []))


def test_a_manifest_has_a_bound():
    with pytest.raises(DerError, match="more than"):
        read_manifest(bytes(2 << 20))


def test_a_third_certificate_is_refused(authority):
    body = encode_body({}, {})
    with pytest.raises(DerError, match="more than 2"):
        read_manifest(encode_manifest(body, b"", [authority.root] * 3))


@pytest.mark.parametrize("at", range(0, 60, 3))
def test_a_payload_cut_short_is_refused(at):
    whole = encode_payload(Payload("ibot", "1.0", b"code" * 10))
    assert at < len(whole)
    with pytest.raises(DerError):
        read_payload(whole[:at])


def _many(count):
    return [f"{number:04d}" for number in range(count)]


def test_a_set_of_properties_and_a_manifest_have_bounds():
    """Work is bounded before a signature has said that it is worth doing."""
    most = encode_body(dict.fromkeys(_many(256), 1), {})
    assert len(read_manifest(encode_manifest(most, b"", [])).properties) == 256
    with pytest.raises(DerError, match="beyond 256"):
        read_manifest(encode_manifest(encode_body(dict.fromkeys(_many(257), 1), {}), b"", []))
    objects = encode_body({}, {name: {} for name in _many(512)})
    assert len(read_manifest(encode_manifest(objects, b"", [])).objects) == 512
    with pytest.raises(DerError, match="beyond 512"):
        read_manifest(encode_manifest(encode_body({}, {name: {} for name in _many(513)}), b"", []))


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ((der.ia5("IM4N"), der.integer(0)), "magic is not IM4M"),
        ((der.ia5("IM4M"), der.integer(1)), "version that is not 0"),
        ((der.octets(b"IM4M"), der.integer(0)), "no the magic here"),
    ],
)
def test_another_magic_or_version_is_no_manifest(parts, why):
    rest = (encode_body({}, {}), der.octets(b""), der.sequence())
    assert read_manifest(der.sequence(der.ia5("IM4M"), der.integer(0), *rest)).properties == {}
    with pytest.raises(DerError, match=why):
        read_manifest(der.sequence(*parts, *rest))


@pytest.mark.parametrize("how", ["BER length", "BER integer", "BER truth", "indefinite"])
def test_what_asn1crypto_takes_and_der_does_not_is_refused_here(how):
    """A reader that is laxer sees another manifest in the same bytes: here there is one reading, or none."""
    from asn1crypto import core

    good = der.integer(5)
    loose = {
        "BER length": b"\x02\x81\x01\x05",
        "BER integer": b"\x02\x02\x00\x05",
        "BER truth": b"\x01\x01\x01",
        "indefinite": b"\x24\x80\x04\x01\x05\x00\x00",
    }[how]
    kind = {"BER truth": core.Boolean, "indefinite": core.OctetString}.get(how, core.Integer)
    assert kind.load(loose, strict=True).native in {5, True, b"\x05"}
    body = der.set_of([der.named("MANB", der.set_of([der.named("MANP", der.set_of([der.named("BORD", good)]))]))])
    assert read_manifest(encode_manifest(body, b"", [])).properties == {"BORD": 5}
    changed = der.set_of([der.named("MANB", der.set_of([der.named("MANP", der.set_of([der.named("BORD", loose)]))]))])
    with pytest.raises(DerError):
        read_manifest(encode_manifest(changed, b"", []))


def test_asn1crypto_reads_our_manifest_element_by_element(sign, chip):
    """An independent reader finds the same properties, by the private tags that it knows nothing of."""
    from asn1crypto import core, parser

    def inside(raw):
        at, found = 0, []
        while at < len(raw):
            kind, _, tag, header, content, trailer = parser.parse(raw[at:], strict=False)
            found.append((kind, tag, content))
            at += len(header) + len(content) + len(trailer)
        return found

    manifest = sign(b"image", "firmware", "ibot", BNCH=bytes(32))
    parts = inside(inside(manifest)[0][2])
    assert [content for _, tag, content in parts[:2]] == [b"IM4M", b"\0"]
    manb = inside(inside(inside(parts[2][2])[0][2])[0][2])
    assert manb[0][2] == b"MANB"
    seen = {}
    for kind, tag, content in inside(manb[1][2]):
        assert kind == 3  # private
        name, properties = inside(inside(content)[0][2])
        assert tag == int.from_bytes(name[2], "big")
        for own_kind, own_tag, own in inside(properties[2]):
            own_name, value = inside(inside(own)[0][2])
            assert (own_kind, own_tag) == (3, int.from_bytes(own_name[2], "big"))
            seen[name[2].decode(), own_name[2].decode()] = value[1:]
    ecid = core.Integer.load(der.encode(der.INTEGER, seen["MANP", "ECID"][1])).native
    assert ecid == chip.ecid
    assert seen["ibot", "DGST"][1] == hashlib.sha384(b"image").digest()
    assert {key for name, key in seen if name == "MANP"} == {
        "BORD", "CHIP", "SDOM", "CEPO", "CPRO", "CSEC", "ECID", "BNCH",
    }  # fmt: skip


def test_the_image_of_version_1_is_read_and_runs(authority, chip):
    """A golden file: what the first release signed runs for ever on the chip that it was signed for."""
    from pathlib import Path

    from spacegrey.t2.image4.verify import Kind, verify

    image = read_image((Path(__file__).parent / "ibot-1.img4").read_bytes())
    nonce = nonce_hash(image.generator)
    assert verify(image.manifest, image.payload, "ibot", chip, authority.root, Kind.FIRMWARE, nonce)
    assert read_payload(image.payload).data == b"iBoot of bridge-1, a model\n"


def test_the_leaves_constraints_are_under_apples_number(authority):
    """OID 1.2.840.113635.100.6.1.15, as asn1crypto reads it; the ones above have none."""
    own = "1.2.840.113635.100.6.1.15"
    for raw, count in (
        (authority.root, 0),
        (authority.intermediate, 0),
        *((one, 1) for one in authority.leaves.values()),
    ):
        extensions = other_x509.Certificate.load(raw)["tbs_certificate"]["extensions"]
        assert sum(one["extn_id"].dotted == own for one in extensions) == count
