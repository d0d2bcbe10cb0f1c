"""The AES engine gives what the standards' vectors and another implementation give, and never its key."""

import copy
import csv
import gc
import pickle
import threading
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.t2.storage.engine import PAGE, XtsKey

NIST = [
    line
    for line in (Path(__file__).parent / "nist-xts-aes128.csv").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]


def _encrypted(key, page, plaintext):
    room = bytearray(plaintext)
    XtsKey(key).encrypt(page, room)
    return room


def _reference(key, page, plaintext):
    return Cipher(algorithms.AES(key), modes.XTS(page.to_bytes(16, "little"))).encryptor().update(plaintext)


def test_nist_vectors():
    """A shorter data unit of whole blocks is the beginning of a longer one: XTS treats each block by its place."""
    rows = list(csv.DictReader(NIST))
    assert len(rows) == 300
    for row in rows:
        plaintext = bytes.fromhex(row["plaintext"])
        found = _encrypted(bytes.fromhex(row["key"]), int(row["number"]), plaintext + bytes(PAGE - len(plaintext)))
        assert found[: len(plaintext)].hex() == row["ciphertext"], row["count"]


def test_ieee_1619_vectors():
    """IEEE Std 1619-2007, Annex B, vectors 2, 4 and 5; the last has the one before as plaintext."""
    key = bytes.fromhex("2718281828459045235360287471352631415926535897932384626433832795")
    assert _encrypted(b"\x11" * 16 + b"\x22" * 16, 0x3333333333, b"\x44" * PAGE)[:32].hex() == (
        "c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0"
    )
    fourth = _encrypted(key, 0, bytes(range(256)) * 16)[:512]
    assert fourth[:32].hex() == "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"
    assert fourth[-16:].hex() == "0a282df920147beabe421ee5319d0568"
    fifth = _encrypted(key, 1, fourth * 8)[:512]
    assert fifth[:32].hex() == "264d3ca8512194fec312c8c9891f279fefdd608d0c027b60483a3fa811d65ee5"


@given(
    key=st.binary(min_size=32, max_size=32).filter(lambda key: key[:16] != key[16:]),
    page=st.integers(0, (1 << 62) - 3),
    seed=st.integers(0, 1000),
)
def test_equals_another_implementation_page_by_page(key, page, seed):
    plaintext = np.random.default_rng(seed).bytes(3 * PAGE)
    expected = b"".join(_reference(key, page + k, plaintext[k * PAGE : (k + 1) * PAGE]) for k in range(3))
    assert _encrypted(key, page, plaintext) == expected
    room = bytearray(expected)
    XtsKey(key).decrypt(page, room)
    assert room == plaintext


@pytest.mark.parametrize("key", [bytes(31), bytes(33), bytes(64), b"", b"A" * 32, b"0123456789abcdef" * 2])
def test_keys_of_a_wrong_length_or_with_equal_halves_are_refused(key):
    with pytest.raises(ValueError, match="key"):
        XtsKey(key)


@pytest.mark.parametrize("length", [1, 512, PAGE - 1, PAGE + 1])
def test_only_whole_pages(length):
    with pytest.raises(ValueError, match="whole pages"):
        XtsKey(bytes(range(32))).encrypt(0, bytearray(length))


def test_what_can_only_be_read_is_not_written_into():
    page = bytes(PAGE)
    for call in (XtsKey(bytes(range(32))).encrypt, XtsKey(bytes(range(32))).decrypt):
        with pytest.raises(ValueError, match="can only be read"):
            call(0, page)
    assert page == bytes(PAGE)


@pytest.mark.claims("T2")
def test_the_key_is_in_no_repr_and_no_copy_and_its_source_is_zeroed():
    secret = bytearray(b"a key that no text ever shows :-)"[:32])
    kept = bytes(secret)
    key = XtsKey(secret)
    assert secret == bytes(32)
    gc.collect()
    for text in (repr(key), str(key), f"{key!r}", repr(vars(key))):
        assert kept[:8].decode() not in text
        assert kept.hex()[:16] not in text
    for leak in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="does not leave"):
            leak(key)


def test_pages_from_anywhere_are_decrypted_in_one_call():
    key, pages = XtsKey(bytes(range(32))), [9, 2, 1 << 40]
    texts = [bytes([k]) * PAGE for k in range(3)]
    room = bytearray(
        b"".join(_reference(bytes(range(32)), page, text) for page, text in zip(pages, texts, strict=True))
    )
    key.decrypt_each(np.array(pages), room)
    assert room == b"".join(texts)
    with pytest.raises(ValueError, match="pages"):
        key.decrypt_each(np.array([1, 2]), room)


def test_a_wiped_key_works_no_more():
    key = XtsKey(bytes(range(32)))
    key.encrypt(0, bytearray(PAGE))
    key.wipe()
    for call in (key.encrypt, key.decrypt):
        with pytest.raises(ValueError, match="wiped"):
            call(0, bytearray(PAGE))
    assert repr(key) == "<XtsKey, wiped>"


def test_many_threads_get_their_own_answers():
    key, wrong = XtsKey(bytes(range(32))), []
    expected = [_reference(bytes(range(32)), page, bytes([page]) * PAGE) for page in range(8)]

    def work(page):
        for _ in range(300):
            room = bytearray([page]) * PAGE
            key.encrypt(page, room)
            if room != expected[page]:
                wrong.append(page)

    threads = [threading.Thread(target=work, args=(page,)) for page in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
