"""The disk of a machine whose key is in its enclave: tags, a lock, and the server killed again and again."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from spacegrey.t2.storage.device import Damaged
from spacegrey.t2.storage.engine import PAGE
from spacegrey.t2.storage.folder import module_file
from spacegrey.t2.storage.health import health
from spacegrey.t2.storage.verify import verify
from spacegrey.virtual.instance import open_disk, restore
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.server import Address, Server

PROGRAM = Path(sys.executable).with_name("spacegrey")


def _flip(machine, store, page):
    """Change one bit of a page's ciphertext, in the module's file."""
    layout, place = store.label.geometry, store.translation.place(page)
    row, inside = divmod(place, layout.stripe_pages)
    with module_file(machine.disk, row % 2).open("r+b") as file:
        at = (16 + row // 2 * layout.stripe_pages + inside) * PAGE
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_with_integrity_a_changed_page_is_an_error_and_without_it_garbage(machines):
    for integrity in (True, False):
        machine = machines(f"machine-{integrity}", integrity=integrity)
        with machine.powered() as client:
            with open_disk(machine, client) as store:
                assert store.label.geometry.integrity == integrity
                store.write(0, b"a" * 3 * PAGE)
                store.flush()
                _flip(machine, store, 1)
                if integrity:
                    with pytest.raises(Damaged):
                        store.read(PAGE, PAGE)
                else:
                    assert store.read(PAGE, PAGE)[16:] == b"a" * (PAGE - 16)
                assert store.read(0, PAGE) == b"a" * PAGE
            with open_disk(machine, client, read_only=True) as store:
                assert verify(store, lambda _share: None).bad == ([PAGE] if integrity else [])


def test_a_restore_keeps_to_integrity(machines):
    machine = machines(integrity=True)
    restore(machine)
    with machine.powered() as client, open_disk(machine, client) as store:
        assert store.label.geometry.integrity


def test_a_lock_is_no_fault_of_the_flash(machine):
    """Writing to a locked disk fails, and costs the disk neither a block nor its health."""
    with machine.powered() as client:
        client.ask("password", new=b"one")
        client.ask("filevault", on=True, password=b"one")
        client.ask("unlock", password=b"one")
        store = open_disk(machine, client)
        store.write(0, b"a" * PAGE)
        store.flush()
        client.ask("lock")
        for page in range(20):
            with pytest.raises(OSError, match="the volume is locked"):
                store.write(page * PAGE, b"b" * PAGE)
        found = store.counters()
        assert (found.blocks_lost, found.media_errors) == (0, 0)
        assert not health(found, store.label.geometry).warnings
        with pytest.raises(OSError, match="locked"):
            store.read(0, PAGE)
        assert store.counters().media_errors == 0


def test_a_disk_that_is_locked_while_it_is_served_is_not_exported_any_more(machine, tmp_path):
    """Who is there gets errors; who comes then is told so, and not cut off at the first request."""

    def asked(*words):
        return subprocess.run(["nbdinfo", *words, uri], capture_output=True, text=True, check=False)

    with machine.powered() as client, open_disk(machine, client) as store:
        server = Server([Export("disk", store)], Address(tmp_path / "s"))
        thread, uri = server.start(), server.address.uri("disk")
        try:
            assert asked("--size").stdout == f"{store.capacity}\n"
            assert [one["export-name"] for one in json.loads(asked("--list", "--json").stdout)["exports"]] == ["disk"]
            client.ask("lock")
            late = asked("--size")
            assert (late.returncode, late.stdout) == (1, "")
            assert "no export named 'disk'" in late.stderr
            assert json.loads(asked("--list", "--json").stdout)["exports"] == []
        finally:
            server.stop()
            thread.join()


# killed


OFTEN = """
import sys
from spacegrey.t2.storage import store
store.KEEP_S = 0.05
from spacegrey.interfaces.cli.application import main
sys.argv[0] = "spacegrey"
main()
"""


def _health_of(machine):
    words = [PROGRAM, "disk", "health", machine.folder, "--json"]
    return json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


def test_what_a_killed_server_counted_is_kept(machine):
    """Without a flush of the client's: the counters are written beside its requests, and the cut is counted."""
    before = _health_of(machine)
    server = [sys.executable, "-c", OFTEN, "disk", "serve", machine.folder]
    write = 'nbdcopy --no-extents x.img "$uri"; sleep 0.5; kill -9 $PPID'
    (machine.folder / "x.img").write_bytes(os.urandom(4 << 20))
    done = subprocess.run([*server, "--run", write], cwd=machine.folder, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    found = _health_of(machine)
    assert not found["closed_in_order"]
    assert found["data_units_written"] - before["data_units_written"] == 9  # 4 MiB in units of 512,000 bytes
    with machine.powered() as enclave, open_disk(machine, enclave) as store:
        assert store.counters().unsafe_shutdowns == before["unsafe_shutdowns"] + 1
        assert store.counters().pages_written == 1024


def _enclave(machine):
    """Return the process numbers of a machine's enclave."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if str(machine.chip).encode() in words and int(entry.parent.name) != os.getpid():
            found.append(int(entry.parent.name))
    return found


def _fio(uri, folder, *more):
    return subprocess.run(
        ["fio", "--name=x", "--ioengine=nbd", f"--uri={uri}", "--rw=randwrite", "--bs=4k", "--size=16m", "--iodepth=8",
         "--verify=crc32c", "--verify_fatal=1", "--fsync=32", "--output-format=json", "--randseed=7", *more],
        cwd=folder, capture_output=True, check=False, encoding="utf-8", timeout=120,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["server", "enclave", "both"])
def test_fio_verifies_after_server_or_enclave_were_killed(machine, serving, tmp_path, victim):
    """What fio had flushed when the machine was killed is there when it is on again, block by block by its checksum.

    Before the kill fio writes the whole area once and flushes it, so that every block has a checksum; then it writes
    again until the kill. Every block must be one that fio wrote, whole and in its own place.
    """
    if not shutil.which("fio"):
        pytest.skip("fio is missing (tests/system-packages.sh installs it)")
    rng = random.Random(3)
    for _turn in range(2):
        server, uri = serving(machine.folder)
        done = _fio(uri, tmp_path, "--do_verify=0", "--end_fsync=1")
        assert done.returncode == 0, done.stdout + done.stderr
        writer = threading.Thread(
            target=_fio, args=(uri, tmp_path, "--do_verify=0", "--time_based", "--runtime=20"), daemon=True
        )
        writer.start()
        time.sleep(0.3 + rng.random() * 0.4)
        if victim != "server":
            (enclave,) = _enclave(machine)
            os.kill(enclave, signal.SIGKILL)
        if victim != "enclave":
            server.kill()
        else:
            time.sleep(0.2)
            server.terminate()
        server.wait()
        writer.join(60)
        assert not writer.is_alive()
        if victim == "server":
            end = time.monotonic() + 10.0
            while _enclave(machine) and time.monotonic() < end:  # it sees its starter go, and goes too
                time.sleep(0.01)
            assert not _enclave(machine)
        server, uri = serving(machine.folder)
        done = _fio(uri, tmp_path, "--verify_only")
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        (job,) = json.loads(done.stdout[done.stdout.index("{") :])["jobs"]
        assert job["error"] == 0
        assert job["read"]["io_bytes"] == 16 << 20
        server.terminate()
        assert server.wait() == 0
    with machine.powered() as client, open_disk(machine, client, read_only=True) as store:
        # A server that lost its enclave may have had nothing left to make durable, and ends in order.
        assert store.counters().unsafe_shutdowns == 2 or victim == "enclave"
        assert store.counters().media_errors == 0
