"""Real jobs of a few seconds: ``python jobs.py KIND``; each limited by one thing, and one by several in turn."""

import hashlib
import os
import sys
import tempfile
import threading

import numpy as np


def together(work):
    threads = [threading.Thread(target=work) for _ in range(2)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def compute(rounds):
    together(lambda: [hashlib.pbkdf2_hmac("sha256", b"key", b"salt", 300_000) for _ in range(rounds)])


def memory(rounds):
    def copy():
        # Twice the caches and not more: memory that is touched first costs a virtual machine now more and now less.
        there, here = np.ones(8_000_000), np.empty(8_000_000)
        for _ in range(rounds):
            np.copyto(here, there)

    together(copy)


def disk(rounds):
    block = os.urandom(2**20)
    with tempfile.NamedTemporaryFile() as file:
        for _ in range(rounds):
            file.seek(0)
            for _ in range(64):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())


def serial(steps):
    total = 0
    for step in range(steps):
        total += step * step % 7
    return total


def mixed():
    serial(20_000_000)
    compute(12)
    disk(30)
    memory(80)


JOBS = {
    "compute": lambda: compute(25),
    "memory": lambda: memory(600),
    "disk": lambda: disk(90),
    "mixed": mixed,
    "long-compute": lambda: compute(400),
    "long-memory": lambda: memory(4000),
    "serial": lambda: serial(30_000_000),
    "alternating": lambda: [compute(3), serial(20_000_000), compute(6)],
}

if __name__ == "__main__":
    JOBS[sys.argv[1]]()
