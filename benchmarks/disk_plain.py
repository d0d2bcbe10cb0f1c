"""The disk's own path without a cipher, served: what encryption is compared with.

Run as ``python -m benchmarks.disk_plain FOLDER SOCKET``; it prints a line once it listens.
"""

from __future__ import annotations

import hashlib
import mmap
import sys
import threading
from pathlib import Path

from spacegrey.t2.storage.folder import create_store, open_store
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.server import Address, Server


class NoEncryption:
    """A key handle that leaves the pages as they are: everything else of the path is the same."""

    def encrypt(self, _page, _memory):
        pass

    def decrypt(self, _page, _memory):
        pass

    def decrypt_each(self, _pages, _memory):
        pass

    def room(self, length, *, busy=False):  # noqa: ARG002 - as the protocol has it
        return memoryview(mmap.mmap(-1, length))

    def tag(self, _page, ciphertext):
        return hashlib.blake2b(ciphertext, digest_size=16).digest()


def main():
    folder, path = Path(sys.argv[1]), Path(sys.argv[2])
    create_store(folder, NoEncryption(), 1_000_000_000_000)
    server = Server([Export("disk", open_store(folder, NoEncryption()))], Address(path))
    server.start()
    print("listening", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
