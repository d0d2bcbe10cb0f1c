"""One test for each fault of the host under a served disk: a clean number, a server that goes on, and no lost promise.

The library's side, with every call failing once, is in `tests/t2/storage/test_faults.py`.
"""

# ruff: noqa: SLF001 - a cut closes the files under an open disk

import errno
import json
import os
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from spacegrey.t2.storage.folder import open_store
from spacegrey.t2.storage.layers import Fault
from spacegrey.virtual.nbd import protocol as p

PAGE = 4096
KEPT = 32
"""Pages that are written and flushed before the fault."""


@pytest.fixture
def faulty(served, client, folder, key):
    """Return a served disk with promises to keep, its client, and the calls that fail: name to number."""

    class Faulty:
        def __init__(self):
            self.fails = {}
            self.server = served(
                wrap=lambda _number, module: Fault(module, lambda call, *_place: self.fails.get(call, 0))
            )
            self.made = client(self.server).go()
            for page in range(KEPT):
                assert self.write(page, b"k") == 0
            assert self.ask(p.FLUSH) == 0

        def ask(self, command, offset=0, length=0, **more):
            return self.made.ask(command, offset, length, **more)[0]

        def write(self, page, letter, **more):
            return self.ask(p.WRITE, page * PAGE, PAGE, data=letter * PAGE, **more)

        def goes_on(self):
            """Tell that another client is served, and that what was kept can be read."""
            other = client(self.server).go(structured=True)
            ((kind, _, payload),) = other.chunks(p.READ, 8 * PAGE, (KEPT - 8) * PAGE, flags=p.DF)
            return kind == p.CHUNK_OFFSET_DATA and payload[8:] == b"k" * (KEPT - 8) * PAGE

        def cut_and_open(self):
            """End the server without a word, and open the disk again on a sound flash."""
            self.server.stop()
            self.server.store._closed = True
            for module in self.server.store._modules:
                module.close()
            with open_store(folder, key) as store:
                assert store.read(8 * PAGE, (KEPT - 8) * PAGE) == b"k" * (KEPT - 8) * PAGE
                return store.read(0, 8 * PAGE)

    return Faulty()


def test_a_read_that_fails_is_eio(faulty, client):
    faulty.fails["read"] = errno.EIO
    assert faulty.ask(p.READ, 0, PAGE) == errno.EIO
    assert faulty.ask(p.READ, 100, 50) == errno.EIO
    assert faulty.ask(p.WRITE, 100, 3, data=b"abc") == errno.EIO, "the rest of the page cannot be read"
    other = client(faulty.server).go(structured=True)
    ((kind, flags, payload),) = other.chunks(p.READ, 0, 64 * PAGE)
    assert (kind, flags, struct.unpack(">IH", payload)) == (p.CHUNK_ERROR, p.CHUNK_DONE, (errno.EIO, 0))
    assert faulty.ask(p.READ, 40 * PAGE, PAGE, back=PAGE) == 0, "a page without data needs no flash"
    faulty.fails.clear()
    assert faulty.goes_on()
    assert faulty.cut_and_open() == b"k" * 8 * PAGE


def test_of_many_reads_only_that_of_the_bad_page_fails(served, client):
    """Reads that came together are done together; one bad page among them is one error."""
    bad = {0: set(), 1: set()}
    server = served(
        wrap=lambda number, module: Fault(
            module, lambda call, offset, _length: errno.EIO if call == "read" and offset in bad[number] else 0
        )
    )
    made = client(server).go()
    for page in range(16):
        made.ask(p.WRITE, page * PAGE, PAGE, data=bytes([page]) * PAGE)
    made.ask(p.FLUSH)
    layout, place = server.store.label.geometry, server.store.translation.place(5)
    row, inside = divmod(place, layout.stripe_pages)
    bad[row % 2].add((16 + row // 2 * layout.stripe_pages + inside) * PAGE)
    made.socket.sendall(
        b"".join(p.REQUEST.pack(p.REQUEST_MAGIC, 0, p.READ, page, page * PAGE, PAGE) for page in range(16))
    )
    for page in range(16):
        error, cookie, data = made.simple(PAGE)
        assert (error, cookie) == (errno.EIO if page == 5 else 0, page)
        assert page == 5 or data == bytes([page]) * PAGE


def test_a_write_that_fails_is_eio_and_the_old_content_stays(faulty):
    faulty.fails["write"] = errno.EIO
    assert faulty.write(0, b"n", flags=p.FUA) == errno.EIO
    assert faulty.ask(p.WRITE, PAGE + 7, 3, data=b"new") == errno.EIO
    assert faulty.ask(p.WRITE_ZEROES, PAGE + 7, 100) == errno.EIO
    assert faulty.ask(p.WRITE, 0, 8 * PAGE, data=b"n" * 8 * PAGE) == errno.EIO
    assert faulty.made.ask(p.READ, 0, 2 * PAGE, back=2 * PAGE) == (0, b"k" * 2 * PAGE)
    assert faulty.goes_on()
    faulty.fails.clear()
    assert faulty.write(2, b"n", flags=p.FUA) == 0
    assert faulty.cut_and_open() == b"k" * 2 * PAGE + b"n" * PAGE + b"k" * 5 * PAGE


def test_a_page_that_was_taken_and_cannot_be_written_stays_in_memory(faulty, client):
    """The error comes with the flush, or with the next write, which is not taken; no read is wrong meanwhile."""
    new = b"n" * PAGE
    faulty.fails["write"] = errno.EIO
    assert faulty.write(0, b"n") == 0
    end = time.monotonic() + 10
    while not faulty.server.store.counters().blocks_lost and time.monotonic() < end:
        time.sleep(0.01)  # the client says nothing: now it is tried
    for _ in range(3):
        assert faulty.made.ask(p.READ, 0, 2 * PAGE, back=2 * PAGE) == (0, new + b"k" * PAGE)
        time.sleep(0.01)
    lost = faulty.server.store.counters().blocks_lost
    assert lost == 1, "the flash is not tried again before it is asked to keep something"
    assert faulty.ask(p.FLUSH) == errno.EIO
    assert faulty.write(1, b"n") == errno.EIO, "no more is taken than what waits already"
    assert faulty.ask(p.TRIM, PAGE, PAGE) == 0, "giving back needs no room"
    other = client(faulty.server).go()
    assert other.ask(p.READ, 0, 3 * PAGE, back=3 * PAGE) == (0, new + bytes(PAGE) + b"k" * PAGE)
    assert faulty.goes_on()
    faulty.fails.clear()
    assert other.ask(p.FLUSH)[0] == 0, "it counts for what the other client wrote"
    assert faulty.cut_and_open() == new + bytes(PAGE) + b"k" * 6 * PAGE


def test_a_trim_lets_go_of_what_waits(faulty):
    faulty.fails["write"] = errno.ENOSPC
    assert faulty.write(0, b"n") == 0
    assert faulty.ask(p.FLUSH) == errno.ENOSPC
    assert faulty.ask(p.TRIM, 0, PAGE) == 0
    assert faulty.made.ask(p.READ, 0, 2 * PAGE, back=2 * PAGE) == (0, bytes(PAGE) + b"k" * PAGE)
    faulty.fails.clear()
    assert faulty.write(1, b"n") == 0
    assert faulty.ask(p.FLUSH) == 0
    assert faulty.cut_and_open() == bytes(PAGE) + b"n" * PAGE + b"k" * 6 * PAGE


@pytest.mark.parametrize("ends", ["flush", "write", "trim"])
def test_a_sync_that_fails_is_eio_for_good(faulty, ends):
    """What the host's cache lost is not known, so nothing more is taken; reading goes on, and opening again helps."""
    assert faulty.write(0, b"n") == 0
    faulty.fails["sync"] = errno.EIO
    assert {
        "flush": lambda: faulty.ask(p.FLUSH),
        "write": lambda: faulty.write(1, b"n", flags=p.FUA),
        "trim": lambda: faulty.ask(p.TRIM, PAGE, PAGE, flags=p.FUA),
    }[ends]() == errno.EIO
    faulty.fails.clear()
    assert faulty.ask(p.FLUSH) == errno.EIO
    assert faulty.write(2, b"n") == errno.EIO
    assert faulty.ask(p.TRIM, 2 * PAGE, PAGE) == errno.EIO
    assert faulty.goes_on()
    found = faulty.cut_and_open()
    assert found[:PAGE] in {b"k" * PAGE, b"n" * PAGE}
    assert found[2 * PAGE :] == b"k" * 6 * PAGE


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_host_is_enospc_until_there_is_room(faulty, number):
    """Neither what was written before nor what a flush could not yet keep is lost."""
    assert faulty.write(0, b"n") == 0
    faulty.fails["write"] = number
    assert faulty.write(1, b"n", flags=p.FUA) == errno.ENOSPC
    assert faulty.ask(p.FLUSH) == errno.ENOSPC, "the journal has no room"
    assert faulty.ask(p.TRIM, 2 * PAGE, PAGE, flags=p.FUA) == errno.ENOSPC
    assert faulty.made.ask(p.READ, 0, PAGE, back=PAGE) == (0, b"n" * PAGE)
    assert faulty.goes_on()
    faulty.fails.clear()
    assert faulty.write(3, b"n") == 0
    assert faulty.ask(p.FLUSH) == 0
    assert faulty.cut_and_open() == b"n" * PAGE + b"k" * PAGE + bytes(PAGE) + b"n" * PAGE + b"k" * 4 * PAGE


def test_a_medium_that_turned_read_only_is_eperm(faulty):
    faulty.fails["write"] = errno.EROFS
    assert faulty.write(0, b"n", flags=p.FUA) == errno.EPERM
    assert faulty.ask(p.WRITE_ZEROES, 7, 100) == errno.EPERM
    assert faulty.made.ask(p.READ, 0, PAGE, back=PAGE) == (0, b"k" * PAGE)
    assert faulty.goes_on()
    assert faulty.cut_and_open() == b"k" * 8 * PAGE


def test_no_memory_is_enomem(faulty):
    """The host's number, and Python's own error."""
    faulty.fails["write"] = errno.ENOMEM
    assert faulty.write(0, b"n", flags=p.FUA) == errno.ENOMEM
    assert faulty.ask(p.FLUSH) == 0, "nothing changed since the last one"
    faulty.fails.clear()
    assert faulty.write(0, b"n") == 0
    faulty.fails["write"] = errno.ENOMEM
    assert faulty.ask(p.FLUSH) == errno.ENOMEM
    faulty.fails.clear()
    assert faulty.goes_on()
    assert faulty.ask(p.FLUSH) == 0
    assert faulty.cut_and_open() == b"n" * PAGE + b"k" * 7 * PAGE


# real ones, each in a process of its own

CHILD = """
import os, resource, socket, struct, sys
from pathlib import Path
from spacegrey.t2.storage.engine import XtsKey
from spacegrey.t2.storage.folder import open_store
from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.server import Address, Server

folder, PAGE = Path(sys.argv[1]), 4096
store = open_store(folder, XtsKey(bytes(range(32))))
server = Server([Export("disk", store)], Address(folder / "s"))
server.start()

def take(line, length):
    got = bytearray()
    while len(got) < length:
        more = line.recv(min(length - len(got), 1 << 20))
        assert more, "the server hung up"
        got += more
    return bytes(got)

def connect():
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(60)
    line.connect(str(folder / "s"))
    take(line, 18)
    line.sendall(struct.pack(">I", 3) + p.OPTION.pack(p.OPTION_MAGIC, 1, 4) + b"disk")
    take(line, 10)
    return line

def ask(line, command, offset=0, length=0, data=b"", flags=0):
    line.sendall(p.REQUEST.pack(p.REQUEST_MAGIC, flags, command, 1, offset, length) + data)
    error = p.SIMPLE_REPLY.unpack(take(line, 16))[1]
    return error, take(line, length) if command == p.READ and not error else b""

def write(line, page, letter):
    return ask(line, p.WRITE, page * PAGE, PAGE, letter * PAGE)[0]

line = connect()
"""


def _child(script, *words, enter=()):
    """Run a script behind `CHILD` and return what it printed last, from JSON."""
    source = CHILD + textwrap.dedent(script)
    done = subprocess.run(
        [*enter, sys.executable, "-c", source, *map(str, words)],
        capture_output=True, check=False, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_real_limit_of_a_files_size(folder, key):
    """RLIMIT_FSIZE below the journal, then below the data; with the limit gone, all that was answered is kept."""
    found = _child(
        """
        import json
        for page in range(8):
            assert write(line, page, b"k") == 0
        assert ask(line, p.FLUSH)[0] == 0
        size = (folder / "module-0.flash").stat().st_size
        numbers = []
        for limit in (size // 2, 4 * PAGE):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            first = write(line, 8, b"n")
            second = ask(line, p.FLUSH)[0]
            numbers.append([first, second, ask(connect(), p.READ, 0, 8 * PAGE)[1] == b"k" * 8 * PAGE])
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        numbers.append([write(line, 9, b"n"), ask(line, p.FLUSH)[0], True])
        print(json.dumps(numbers), flush=True)
        os._exit(0)
        """,
        folder,
    )
    assert found == [[0, errno.ENOSPC, True], [0, errno.ENOSPC, True], [0, 0, True]], "taken, but not kept"
    with open_store(folder, key) as store:
        assert store.read(0, 10 * PAGE) == b"k" * 8 * PAGE + b"n" * 2 * PAGE


def _may_mount():
    return not subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode


def test_a_real_full_file_system(tmp_path, folder, key):
    """A file system of 6 MiB in memory under a disk of 64 MiB: full, emptied a little by a trim, and used further."""
    if not _may_mount():
        pytest.skip("mounting needs root")
    space = tmp_path / "space"
    space.mkdir()
    back = tmp_path / "back"
    enter = [
        "unshare", "-m", "sh", "-c",
        f'mount -t tmpfs -o size=6m none {space} && cp -r --sparse=always {folder}/. {space} && exec "$@"', "sh",
    ]  # fmt: skip
    found = _child(
        """
        import json, shutil
        flushed, numbers = 0, []
        for page in range(4096):
            number = write(line, page, bytes([page % 250 + 1]))
            number = number or ask(line, p.FLUSH)[0]
            if number:
                numbers.append(number)
                break
            flushed += 1
        good = ask(connect(), p.READ, 0, flushed * PAGE)[1] == b"".join(
            bytes([page % 250 + 1]) * PAGE for page in range(flushed))
        numbers.append([write(line, 5000, b"x"), write(line, 5001, b"x")])
        for number in (0, 1):
            shutil.copy(folder / f"module-{number}.flash", sys.argv[2])
        shutil.copy(folder / "pairing.json", sys.argv[2])
        print(json.dumps([flushed, numbers, good]), flush=True)
        os._exit(0)
        """,
        space, _made(back), enter=enter,
    )  # fmt: skip
    flushed, numbers, good = found
    assert good
    assert flushed > 100
    assert numbers == [errno.ENOSPC, [errno.ENOSPC, errno.ENOSPC]]
    with open_store(back, key) as store:
        assert all(store.read(page * PAGE, PAGE) == bytes([page % 250 + 1]) * PAGE for page in range(flushed))


def _made(path):
    path.mkdir()
    return path


def test_a_real_lack_of_memory(folder, key):
    """RLIMIT_AS: a long request that needs room of its own gets ENOMEM, a new client none, and small ones go on."""
    found = _child(
        """
        import json
        for page in range(8):
            assert write(line, page, b"k") == 0
        assert ask(line, p.FLUSH)[0] == 0
        used = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE
        resource.setrlimit(resource.RLIMIT_AS, (used + (3 << 20), resource.RLIM_INFINITY))
        numbers = [ask(line, p.READ, 1, 32 << 20)[0], ask(line, p.READ, 0, PAGE) == (0, b"k" * PAGE)]
        try:
            connect()
            numbers.append("connected")
        except (AssertionError, OSError):
            numbers.append("refused")
        numbers += [write(line, 8, b"n"), ask(line, p.FLUSH)[0]]
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        numbers.append(ask(connect(), p.READ, 1, 32 << 20)[0])
        print(json.dumps(numbers), flush=True)
        os._exit(0)
        """,
        folder,
    )
    assert found == [errno.ENOMEM, True, "refused", 0, 0, 0]
    with open_store(folder, key) as store:
        assert store.read(0, 9 * PAGE) == b"k" * 8 * PAGE + b"n" * PAGE


def test_a_real_read_only_folder(folder, key, key_file, tmp_path):
    """It is served with --read-only and refused without, in one line that says so."""
    with open_store(folder, key) as store:
        store.write(0, b"k" * PAGE)
    program = Path(sys.executable).with_name("spacegrey")
    if os.getuid() and not _may_mount():
        enter = ["sh", "-c", f'chmod -w {folder} {folder}/* && exec "$@"', "sh"]
    elif _may_mount():
        enter = ["unshare", "-m", "sh", "-c", f'mount --bind -o ro {folder} {folder} && exec "$@"', "sh"]
    else:
        pytest.skip("root may write everywhere, and may not mount")
    common = ["disk", "serve", str(folder), "--key-file", str(key_file), "--socket", str(tmp_path / "ro")]

    def run(*words):
        return subprocess.run(
            [*enter, program, *common, *words], capture_output=True, check=False, encoding="utf-8", timeout=60
        )

    refused = run("--run", "true")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "read-only file system" in refused.stderr or "permission denied" in refused.stderr
    script = "import nbd; h = nbd.NBD(); h.connect_uri('$uri'); print(h.is_read_only(), h.pread(3, 0).decode())"
    done = run("--read-only", "--run", f'/usr/bin/python3 -c "{script}"')
    assert (done.returncode, done.stdout) == (0, "True kkk\n"), done.stderr


def test_a_real_lack_of_file_handles(folder):
    """RLIMIT_NOFILE: a client that cannot be let in waits, and is served when there is room; the others go on."""
    found = _child(
        """
        import json, time
        first, spare, waiting = (socket.socket(socket.AF_UNIX) for _ in range(3))
        first.connect(str(folder / "s"))
        take(first, 8)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096))
        held = []
        try:
            while True:
                held.append(os.dup(0))
        except OSError:
            pass
        spare.connect(str(folder / "s"))  # gets the handle that accept took before it began to wait, if it had begun
        waiting.connect(str(folder / "s"))
        time.sleep(0.2)
        numbers = [write(line, 0, b"k"), ask(line, p.FLUSH)[0]]
        resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
        waiting.settimeout(10)
        numbers.append(take(waiting, 8) == b"NBDMAGIC")
        print(json.dumps(numbers), flush=True)
        os._exit(0)
        """,
        folder,
    )
    assert found == [0, 0, True]
