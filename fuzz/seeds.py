"""``python -m fuzz.seeds`` makes the corpus anew: inputs that the project's own writers make.

What a run found and was mended is not made here: it stands beside, named ``found-...``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import plistlib
import struct
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fuzz.boot import PLAIN, RICH
from fuzz.enclave import NONCE, UID
from fuzz.image4 import AUTHORITY, CHIP, CORPUS, IMAGE
from fuzz.log_seeds import seeds as _logs
from spacegrey.t2.boot.state import OLDEST, encode_state
from spacegrey.t2.enclave.keybag import Entry, Keybag, _mac, seal
from spacegrey.t2.enclave.messages import packed
from spacegrey.t2.image4 import payload as i
from spacegrey.t2.image4.certificates import encode_constraints
from spacegrey.t2.signer.allowed import Allowed, Build
from spacegrey.t2.signer.authority import MAY_SIGN, Leaf, open_authority
from spacegrey.t2.signer.exchange import Question, SignerRefused, encode_answer, encode_question, encode_refusal
from spacegrey.t2.storage.geometry import flash, plan
from spacegrey.t2.storage.labels import Counters
from spacegrey.virtual.nbd import protocol as p

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spacegrey.t2.image4.properties import Value

Seeds = "Iterator[tuple[str, str, bytes]]"


def _image4() -> Seeds:
    authority = open_authority(AUTHORITY)
    own = {"DGST": hashlib.sha384(IMAGE).digest(), "EPRO": True, "ESEC": True}
    common: dict[str, Value] = {"BORD": CHIP.board, "CHIP": CHIP.chip, "SDOM": 1, "CEPO": 2}
    mac, chip = {"mpro": True, "msec": True}, {"CPRO": True, "CSEC": True}
    personal: dict[str, Value] = {"ECID": CHIP.ecid, "BNCH": bytes(32)}
    signed = {
        "signed-full": (Leaf.PERSONALISED, common | mac | personal, {"efib": own}),
        "signed-medium": (Leaf.GLOBAL, common | mac | {"xugs": 1}, {"efib": own}),
        "signed-firmware": (Leaf.PERSONALISED, common | chip | personal, {"ibot": own, "sepi": own}),
    }
    manifests = {name: authority.sign(*parts) for name, parts in signed.items()}
    for name, manifest in manifests.items():
        yield "manifest", name, manifest
    for name in ("root", "intermediate", "personalised", "global"):
        yield "certificate", name, (AUTHORITY / f"{name}.der").read_bytes()
    plain = i.Payload("krnl", "1.0", IMAGE)
    keys = (i.WrappedKey(1, bytes(16), bytes(32)), i.WrappedKey(2, bytes(16), bytes(32)))
    rich = i.Payload("ibot", "a version", IMAGE[:20], keys, 4096, {"DPRO": True, "numb": 7, "text": "a", "byte": b"b"})
    yield "der", "payload", i.encode_payload(plain)
    yield "der", "payload-rich", i.encode_payload(rich)
    yield "der", "restore", i.encode_restore(bytes(range(8)))
    small = authority.sign(Leaf.GLOBAL, {"xugs": 1}, {})
    yield "der", "image", i.encode_image(i.Image(i.encode_payload(rich), small, bytes(range(8))))
    yield "der", "image-plain", i.encode_image(i.Image(i.encode_payload(plain)))
    for leaf in Leaf:
        yield "der", f"constraints-{leaf}", encode_constraints(MAY_SIGN[leaf])


def _signing() -> Seeds:
    digest = hashlib.sha384(IMAGE).digest()
    question = encode_question(Question(CHIP, bytes(32), "21A1", {"iBoot": digest, "SEP": digest}))
    plain = plistlib.loads(question)
    plain["@UUID"] = "00000000-0000-4000-8000-000000000000"
    question = plistlib.dumps(plain)
    chip = {"ecid": 1, "chip": 2, "board": 3, "security_domain": 1, "nonce": base64.b64encode(bytes(32)).decode()}
    build = Build("21A1", 0x8012, 0x0A, {"ibot": digest.hex()}, firmware=True)
    listed = {"format": 1, **asdict(Allowed((build,), machines=(1, 2), locked=(3,)))}
    yield "request", "question", b"\0" + question
    yield "request", "answer", b"\1" + encode_answer(b"a ticket")
    yield "request", "refusal", b"\1" + encode_refusal(SignerRefused(94, "This device isn't eligible"))
    yield "request", "activation", b"\2" + json.dumps(chip).encode()
    yield "request", "list", b"\3" + json.dumps(listed).encode()
    bomb = b'<!DOCTYPE a [<!ENTITY a "a"><!ENTITY b "&a;&a;">]><plist><dict><key>&b;</key><true/></dict></plist>'
    yield "request", "entities", b"\0" + bomb
    yield (
        "request",
        "kinds",
        b"\0<plist><dict><key>a</key><array><date>2017-12-14T00:00:00Z</date><real>1.5</real>\
<integer>0x10</integer><data>QQ==</data><false/></array></dict></plist>",
    )
    for name, path, content in (
        ("sign", "/TSS/controller?action=2", question),
        ("activate", "/deviceservices/deviceActivation", json.dumps(chip).encode()),
    ):
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(content)}\r\n\r\n"
        yield "http", name, head.encode() + content
    for name, path in (("file", "/builds/21A1/iBoot"), ("chunk", "/builds/21A1/iBoot?chunk=1"),
                       ("beside", "/builds/21A1/%2e%2e%2f%2e%2e%2fsecret"), ("up", "/builds/../secret")):  # fmt: skip
        yield "http", name, f"GET {path} HTTP/1.0\r\n\r\n".encode()


def _option(number: int, data: bytes = b"") -> bytes:
    return p.OPTION.pack(p.OPTION_MAGIC, number, len(data)) + data


def _text(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


def _nbd() -> Seeds:
    hello = struct.pack(">I", p.FIXED_NEWSTYLE | p.NO_ZEROES)
    go = _text(b"data") + struct.pack(">HHHH", 3, p.INFO_NAME, p.INFO_DESCRIPTION, p.INFO_BLOCK_SIZE)
    contexts = _text(b"data") + struct.pack(">I", 1) + _text(p.BASE_ALLOCATION)
    structured = _option(p.STRUCTURED_REPLY)
    yield "negotiation", "go", b"\0" + hello + structured + _option(p.SET_META_CONTEXT, contexts) + _option(p.GO, go)
    listing = _option(p.LIST) + _option(p.INFO, go) + _option(p.LIST_META_CONTEXT, contexts) + _option(p.ABORT)
    yield "negotiation", "list", b"\4" + hello + listing
    yield "negotiation", "export-name", b"\1" + struct.pack(">I", 1) + _option(p.EXPORT_NAME, b"")
    secret = _option(p.LIST) + _option(p.STARTTLS) + _option(p.GO, go)
    yield "negotiation", "tls", b"\2" + hello + secret
    long = _option(p.LIST, bytes(p.MAX_OPTION + 1)[:8000]) + _option(99, b"?")
    yield "negotiation", "unknown", b"\0" + hello + _option(99, b"?") + long

    def request(command: int, offset: int = 0, length: int = 4096, flags: int = 0, body: bytes = b"") -> bytes:
        return p.REQUEST.pack(p.REQUEST_MAGIC, flags, command, 0, offset, length) + body

    page = bytes(range(256)) * 16
    end = request(p.DISC, 0, 0)
    ours = [request(p.WRITE, 0, 4096, 0, page), request(p.READ, 0), request(p.READ, 4096), request(p.READ, 0, 81920)]
    yield "transmission", "pages", b"\0" + b"".join(ours) + end
    yield "transmission", "structured", b"\3" + b"".join(ours) + request(p.BLOCK_STATUS, 0, 81920) + end
    odd = [request(p.WRITE, 500, 100, p.FUA, page[:100]), request(p.WRITE_ZEROES, 510, 20, p.NO_HOLE),
           request(p.TRIM, 4096, 8192), request(p.FLUSH, 0, 0), request(p.READ, 490, 200)]  # fmt: skip
    yield "transmission", "odd", b"\1" + b"".join(odd) + end
    yield "transmission", "read-only", b"\7" + b"".join(odd) + request(p.BLOCK_STATUS, 0, 512, p.REQ_ONE) + end
    bad = [request(p.READ, 81920 + 512, 1), request(p.WRITE, 81920, 513, 0, page[:513]), request(99, 0, 0),
           request(p.READ, 0, 64 << 20), request(p.CACHE, 0, 4096), request(p.BLOCK_STATUS, 0, 0)]  # fmt: skip
    yield "transmission", "refused", b"\0" + b"".join(bad) + end
    yield "transmission", "pieces", b"\x11" + b"".join(odd + ours[1:3]) + end
    yield "transmission", "no-request", b"\0" + request(p.READ, 0) + bytes(28)


def _storage() -> Seeds:
    layout = plan(8 << 20, flash())
    label = {"format": 1, "pair": "00" * 16, "module": 0, "serial": "SG0000000000", "key_check": "00" * 32}
    content = json.dumps(label | {"geometry": layout.as_label()}, sort_keys=True).encode() + b"\n"
    health = json.dumps(asdict(replace(Counters(), sequence=2, pages_read=5, seconds_on=1.5)), sort_keys=True).encode()
    yield "module", "label", b"\0" + content
    yield "module", "label-unsealed", b"\1SPACEGREY FLASH MODULE\n" + content
    yield "module", "health", b"\2" + health
    yield "module", "health-unsealed", b"\3SPACEGREY FLASH HEALTH\n" + health
    yield "module", "pairing", b"\4" + json.dumps({"format": 1, "pair": "00" * 16, "serials": ["SG0", "SG1"]}).encode()
    yield "module", "key", b"\5" + bytes(range(32))
    entries = bytes([2]) + struct.pack("<HIHI", 3, 300, 5, 301)
    extents = b"\1" + struct.pack("<HHB", 7, 400, 3) + b"\1" + struct.pack("<HHB", 3, 0, 1)
    record = bytes([2, 1]) + extents + struct.pack("<II", 3, 9) + b"\1\1"
    slot = bytes([1, 1, 1]) + struct.pack("<I", 0) + entries + struct.pack("<II", 2, 5) + b"\1"
    yield "map", "checkpoints", b"\x0f" + slot + b"\0" + bytes([2]) + slot[1:] + b"\0"
    yield "map", "journal", b"\x0f" + slot + b"\2" + record + record + bytes([0, 0, 0, 1]) + b"\0"
    yield "map", "unsealed", b"\0" + slot + bytes(32)
    yield "map", "damaged", b"\x0c" + slot + bytes(16) + b"\1" + record


def _enclave() -> Seeds:
    yield "enclave", "uid", b"\0" + json.dumps({"format": 1, "protection": "file", "uid": "11" * 32}).encode()
    wrapped = {"format": 1, "protection": "passphrase", "salt": "00" * 16, "wrapped": "00" * 40}
    yield "enclave", "uid-passphrase", b"\0" + json.dumps(wrapped).encode()
    yield "enclave", "uid-keyring", b"\0" + json.dumps({"format": 1, "protection": "keyring", "name": "x"}).encode()
    yield "enclave", "anchor", b"\1" + json.dumps({"format": 1, "sequence": 3, "digest": "00" * 32}).encode()
    entries = [Entry(kind="uid", wrapped=seal(UID, NONCE, bytes(40)))]
    bag = Keybag(generation=1, entries=entries, volumes={"data": "00" * 48}).model_dump()
    code = _mac(UID, NONCE, json.dumps(bag, sort_keys=True))
    yield "enclave", "keybag", b"\2" + json.dumps(bag | {"mac": code}, sort_keys=True).encode()
    yield "enclave", "keybag-sealed", b"\3" + json.dumps(bag, sort_keys=True).encode()
    entries = [{name: value for name, value in entry.items() if name != "admin"} for entry in bag["entries"]]
    oldest = json.dumps(bag | {"format": 1, "entries": entries}, sort_keys=True)
    yield "enclave", "keybag-oldest", b"\3" + oldest.encode()
    head = struct.pack(">8sIQ12sI", b"SGLOCKER", 1, 1, bytes(12), 2 + 16)
    slot = head + AESGCM(UID.derive("locker")).encrypt(bytes(12), b"{}", head)
    yield "enclave", "locker", b"\4" + struct.pack(">H", len(slot)) + slot + slot
    yield (
        "enclave",
        "locker-short",
        b"\4" + struct.pack(">H", len(slot)) + struct.pack(">8sIQ12sI", b"SGLOCKER", 1, 2, bytes(12), 3),
    )
    talk = packed({"do": "status"}) + packed({"do": "unlock", "password": "00"})
    yield "enclave", "messages", b"\5" + talk


def _engine() -> Seeds:
    """Yield messages: how many, and for each what, number, place, count, and whether numbers of pages follow."""
    each = b"".join(bytes([what, 7, what, 1, 1]) for what in range(4))
    yield "engine", "one-of-each", bytes([4]) + each
    numbers = struct.pack("<8q", *range(8))
    yield "engine", "numbers", bytes([2, 2, 0, 0, 3, 0]) + numbers + bytes([0, 1, 1, 2, 1])
    yield "engine", "outside", bytes([3]) + bytes([0, 1, 9, 1, 1]) + bytes([1, 1, 7, 4, 1]) + bytes([2, 1, 1, 0, 1])
    far = [b"\xff" + struct.pack("<q", value) for value in (1 << 62, -(1 << 63), (1 << 63) - 4096)]
    yield "engine", "far", bytes([2, 0]) + b"".join(far) + bytes([1, 1]) + far[2] + far[0] + far[1] + b"\1"


def _boot() -> Seeds:
    for name, state in (("plain", PLAIN), ("password", RICH)):
        yield "boot-state", name, b"\0" + encode_state(state)
        yield "boot-state", f"{name}-oldest", b"\0" + encode_state(state, OLDEST)
    # form, version, changes; then the file of each name, and which of them is bound
    given = {
        "as-it-was": (0, 1, 0, 1, 2, 1),
        "put-back": (1, 1, 0, 1, 2, 2),
        "next": (1, 0, 0, 2, 1, 1),
        "changed": (1, 1, 2, 1, 2, 130, 9, 1, 0, 0),
        "unbound": (1, 1, 1, 12, 14, 1, 0, 0),
    }
    for name, made in given.items():
        yield "boot-state", name, b"\1" + bytes(made)


def _smc() -> Seeds:
    messages = {
        "now": {"do": "now"},
        "read": {"do": "read", "keys": ["TC0c", "F0Ac", "RPlt", "#KEY"]},
        "unknown": {"do": "read", "keys": ["XXXX", "\u001b[31m", "x" * 100]},
        "info": {"do": "info", "key": "F0Tg"},
        "at": {"do": "at", "index": 7},
        "target": {"do": "write", "key": "F0Tg", "value": 2500.0},
        "mode": {"do": "write", "key": "F1Md", "value": 1},
    }
    for name, said in messages.items():
        yield "smc", name, b"\0" + packed(said)[4:]
    yield "smc", "socket", b"\1" + packed(messages["read"])
    told = {"#KEY": "00000072", "TC0c": "4f76", "F0Tg": "00401c45", "RPlt": b"j137".ljust(8, b"\0").hex()}
    yield "smc", "answer", b"\2" + packed({"ok": True, "bytes": told})[4:]
    no = {"ok": False, "kind": "refusal", "status": 0x84, "text": "no SMC key 'XXXX' here"}
    yield "smc", "refusal", b"\2" + packed(no)[4:]
    yield "smc", "kept", b"\3" + json.dumps({"format": 1, "held": True, "target_rpm": 2500.0}).encode()
    yield "smc", "kept-none", b"\3" + json.dumps({"format": 1, "held": False, "target_rpm": None}).encode()


def _deep() -> Seeds:
    """Yield what overflows a reader that calls itself."""
    for target, heads in (("request", b"\2\3"), ("module", b"\0\2\4"), ("enclave", b"\0\1\2\3\5")):
        for head in heads:
            length = struct.pack(">I", 5000) if (target, head) == ("enclave", 5) else b""
            yield target, f"deep-{head}", bytes([head]) + length + b"[" * 5000
    for head in range(4):
        length = struct.pack(">I", 5000) if head == 1 else b""
        yield "smc", f"deep-{head}", bytes([head]) + length + b"[" * 5000
    yield "boot-state", "deep", b"\0" + b"[" * 5000
    yield "request", "deep-0", b"\0<plist>" + b"<array>" * 1000
    yield "der", "deep", b"\x30\x80" * 1000


def main() -> None:
    """Write every seed."""
    for make in (_image4, _signing, _nbd, _storage, _enclave, _engine, _boot, _smc, _logs, _deep):
        for target, name, data in cast("Iterator[tuple[str, str, bytes]]", make()):
            path = CORPUS / target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


if __name__ == "__main__":
    main()
