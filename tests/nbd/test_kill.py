"""The server is killed again and again while a client writes; what was flushed is always there."""

import contextlib
import random
import subprocess
import threading
import time

import pytest

from spacegrey.t2.storage.folder import open_store

PAGE = 4096
PAGES = 512
SCRIPT = """
import random, struct
rng = random.Random(ROUND)
turn = ROUND * 1000000
while True:
    for _ in range(rng.randrange(1, 30)):
        turn += 1
        page = rng.randrange(512)
        print("w", page, turn, flush=True)
        h.pwrite(struct.pack("<QQ", page, turn) * 256, page * 4096)
        print("d", page, turn, flush=True)
    print("f", flush=True)
    h.flush()
    print("F", flush=True)
"""


@pytest.mark.slow
def test_kill_and_look(folder, key, key_file, program):
    safe, maybe = dict.fromkeys(range(PAGES), 0), {page: set() for page in range(PAGES)}
    rng, flushes = random.Random(7), 0
    for round_ in range(1, 5):
        server, uri = program(folder, key_file)
        client = subprocess.Popen(
            ["/usr/bin/python3", "-m", "nbd", "-u", uri, "-c", SCRIPT.replace("ROUND", str(round_))],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        lines = []
        reader = threading.Thread(target=lambda out=client.stdout, kept=lines: kept.extend(out))
        reader.start()
        end = time.monotonic() + 30
        while "F\n" not in lines and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.6)
        server.kill()
        server.wait()
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.wait(timeout=10)
        client.kill()
        client.wait()
        reader.join()
        client.stdout.close()
        answered = {}
        for line in lines:
            word, *rest = line.split()
            if word == "w":
                maybe[int(rest[0])].add(int(rest[1]))
            elif word == "d":
                answered[int(rest[0])] = int(rest[1])
            elif word == "f":
                asked = dict(answered)
            else:
                flushes += 1
                for page, turn in asked.items():
                    safe[page] = turn
                    maybe[page] = {other for other in maybe[page] if other > turn}
        with open_store(folder, key) as store:
            assert store.counters().unsafe_shutdowns == round_
            for page in range(PAGES):
                content = store.read(page * PAGE, PAGE)
                own, turn = int.from_bytes(content[:8], "little"), int.from_bytes(content[8:16], "little")
                assert content == content[:16] * 256, "a page in parts"
                assert own in {page, 0}
                assert turn == safe[page] or turn in maybe[page], f"page {page}: {turn}, flushed was {safe[page]}"
                safe[page], maybe[page] = turn, set()
    assert flushes > 20
