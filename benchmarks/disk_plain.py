"""The disk's own path without a cipher, served: what encryption is compared with.

Run as ``python -m benchmarks.disk_plain FOLDER SOCKET``; it prints a line once it listens.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from pathlib import Path

from spacegrey.t2.storage.folder import create_store, open_store
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.server import Address, Server


class NoEncryption:
    """A key handle that copies: everything else of the path stays as it is. For this benchmark only."""

    def encrypt(self, _page, source, target):
        if source is not target:
            target[:] = source

    def decrypt(self, page, source, target):
        self.encrypt(page, source, target)

    def decrypt_each(self, _pages, _target):
        pass

    def tag(self, _page, ciphertext):
        return hashlib.blake2b(ciphertext, digest_size=16).digest()


def main():
    folder, path = Path(sys.argv[1]), Path(sys.argv[2])
    create_store(folder, NoEncryption(), 4_000_000_000)
    server = Server([Export("disk", open_store(folder, NoEncryption()))], Address(path))
    server.start()
    print("listening", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
