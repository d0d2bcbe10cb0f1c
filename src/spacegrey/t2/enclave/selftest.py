"""What the enclave tests each time it is switched on, before it takes a message: the five of the Security Target.

A test that fails keeps the chip from starting. Each vector says where it comes from.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import os
from collections import Counter
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, XTS

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.drbg import CtrDrbg

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MODULUS = int(
    "986c45bb99cfe0df3bffcf8e9649299bd19116f82c384ecb139139b9b7de595053f87005efe3e393994861a7867c8cdbf611f4195c5b67"
    "92cd1c0693538e94de962719ed2426d7510ce77ad5a2a681c345bfb0e36d264d52ca35ee2be3c7d07ef58de2e37dfe0d71e2e96d8240df"
    "dc5d0a482dbe047b88a75fb306656a7bb63a51894eaab7789e924bf0cafcf7a729836b803807cd018eaf8ee69488e224b0a18cc1f5a6c0"
    "637aebd8b516969e56f7fecdf27fdf2bd05efc20f1ba468e8ff8b7e88d4ea156be1a1fa998875d6c92cf203801f1cd4c4df4d5ba20b761"
    "ddb128596c2ff4b373101158d5398eb01cc39a75c39cd8bf04084e6ad7e0edcfaa698934b5ae6987779385894c2aa0d410b8b0cb50e498"
    "cf4c57c4d3fa80384082a931b0959092a18050c67fe916812bca0f7e1b06fc248a8bc695dc66c4178255a718bbf27b62e7aa681e9cf393"
    "e8d940ff2626fadd5f7614c96961689b906b8a910e56f57ce0baa52a055328cd7797b2c891afcc429965804dcdb46f666279e7635f0208"
    "f97604f2929097c64882f8463c4b0a87f07b115d42d2e6927b003f310048b8a512c79bce15f7d5d33c30005846ea966e516df2b4b13f3e"
    "2fda08016afaaa4b14216a59792a49d6a8f2e33a1c557912a382a39b7716a84892d8f95bf3490a8b0f5f4c5e8ded0d9be023d7b3c895e1"
    "781dfcab9028756aa71cb346dbd3f8eeef",
    16,
)
_SIGNATURE = bytes.fromhex(
    "14f11844fb28b79e8407560fca93a13b3214d8cff3af315a202fa145bc16bbdb9e8d898f5468d5ee79dae630cfb1ec156f025cad17f32f"
    "0f83e43edb4e58f6a2e85e0a3e476b71d84fd5ad9f7effd2ff92e29f928bcfc74c057608c7848cedc5dcb038084e85576b69ae79b92399"
    "15d1761261c87ec07ecd15a3290ac281d4596d05e612fbae041b7f5be73138609b3d41d8c12f24394b2ccbd7d2a057d396db1b7ecd6127"
    "787ffdfeae9851b7026dd6e344ad18bb68e1363591a749c2769e7488f2c2eb29b9d6e2ab18ba442ae7563afb7c60f0699f041b24d5c09f"
    "a3ce2ecac0b36cc83d602911e42b63eb95eddc4bb23e1933c1c3970bbb67ec11bba21ed10c570b484105ee2fd3ddd97ab5eed25a1ebd88"
    "e27550aa17dbb26b966fef546234fdd1e2d8e74082e7eba56e6cfe9b085d33869ca4e5f74c8cc54456a75c05406eee9d4921894e5dad5c"
    "7dc5f96ac3b8ccda8dfd6d668768ed00e7782693de39de66695ffb986513ebb8d1d64551fc877a219f74ad40aaff22ab89d5b4cc083294"
    "74ba7384493e8d2113f9e3cf1afa217c78785498a110a9947e38993603afe3ca04daf41768d67cd92ec86e0f3f023c78a0cb90e5811063"
    "3f564b8521e71d2ab498b8948311e282bbacd216d4e1b7ee758ae16d3a89dfdb0d62dcea043358a2ad2bf8ed82c320cc7469d280716fc4"
    "a1c131673680ef37d72949acc7501eb145"
)


def drbg_256() -> bool:
    """Compare with NIST CAVP CTR_DRBG, AES-256 without derivation function, COUNT = 0 (2015); look at the source too.

    The first 64 bytes are thrown away, as that test does.
    """
    generator = CtrDrbg(
        bytes.fromhex(
            "df5d73faa468649edda33b5cca79b0b05600419ccb7a879ddfec9db32ee494e5531b51de16a30f769262474c73bec010"
        )
    )
    generator.generate(64)
    known = (
        "d1c07cd95af8a7f11012c84ce48bb8cb87189e99d40fccb1771c619bdf82ab22"
        "80b1dc2f2581f39164f7ac0c510494b3a43c41b7db17514c87b107ae793e01c5"
    )
    return generator.generate(64).hex() == known and random_numbers()


def random_numbers(draw: Callable[[int], bytes] = os.urandom) -> bool:
    """Look at 1024 random bytes for a source that has stuck or leans to one value.

    Notes
    -----
    Repetition count and adaptive proportion of NIST SP 800-90B (2018), 4.4, for 8 bits of entropy a byte and a false
    alarm in 2^30 and 2^40: at most 4 equal bytes in a row, at most 20 of one value in 512. It is the operating
    system's source that is looked at: what the generator makes of it looks random even where it is not.
    """
    drawn = draw(1024)
    row = longest = 1
    for before, byte in itertools.pairwise(drawn):
        row = row + 1 if byte == before else 1
        longest = max(longest, row)
    most = max(Counter(half).most_common(1)[0][1] for half in (drawn[:512], drawn[512:]))
    return len(drawn) == 1024 and longest <= 4 and most <= 20  # noqa: PLR2004 - the limits of the Notes


def hmac_sha_256() -> bool:
    """Compare with test case 1 of RFC 4231 (2005)."""
    found = hmac.new(b"\x0b" * 20, b"Hi There", hashlib.sha256).hexdigest()
    return found == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"


def cbc_256() -> bool:
    """Compare with NIST CAVP AESVS GFSbox for CBC-256, COUNT = 0 (CBCGFSbox256.rsp, 2011)."""
    engine = Cipher(AES(bytes(32)), CBC(bytes(16))).encryptor()
    return engine.update(bytes.fromhex("014730f80ac625fe84f026c60bfd547d")).hex() == "5c9d844ed46f9885085e5d6a4f94c7d7"


def xts_128() -> bool:
    """Compare with NIST CAVP XTSGenAES128, COUNT = 1 (2011)."""
    key = bytes.fromhex("a1b90cba3f06ac353b2c343876081762090923026e91771815f29dab01932f2f")
    tweak = bytes.fromhex("4faef7117cda59c66e4b92013e768ad5")
    engine = Cipher(AES(key), XTS(tweak)).encryptor()
    return engine.update(bytes.fromhex("ebabce95b14d3c8d6fb350390790311c")).hex() == "778ae8b43cb98d5a825081d5be471c63"


def rsa_4096_sha_256() -> bool:
    """Verify a signature that OpenSSL 3 made for this test, PKCS #1 v1.5, and refuse it for another text."""
    key = RSAPublicNumbers(65537, _MODULUS).public_key()
    key.verify(_SIGNATURE, b"Spacegrey power-on self-test", PKCS1v15(), hashes.SHA256())
    try:
        key.verify(_SIGNATURE, b"Spacegrey power-on self-tesu", PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return True
    return False


TESTS: Mapping[str, Callable[[], bool]] = {
    "CTR_DRBG with AES-256": drbg_256,
    "HMAC-SHA-256": hmac_sha_256,
    "AES-CBC-256": cbc_256,
    "AES-XTS-128": xts_128,
    "RSA-4096 with SHA-256": rsa_4096_sha_256,
}


def power_on(tests: Mapping[str, Callable[[], bool]] = TESTS) -> list[str]:
    """Run every test and return their names.

    Raises
    ------
    Refusal
        One failed: the chip does not start.
    """
    for name, test in tests.items():
        try:
            passed = test()
        except Exception:  # noqa: BLE001 - in whatever way a broken primitive fails, the chip stays off
            passed = False
        if not passed:
            raise Refusal(f"the enclave's self-test of {name} failed: it does not start")
    return list(tests)
