"""The Linux kernel's ext4, with its journal, on a served disk that is cut off; e2fsck has the last word.

The kernel writes through a loop device on nbdfuse's file. That needs root and FUSE; where they are missing these tests
are skipped, and `test_clients.py` still checks a file system that nbdcopy wrote. Everything is mounted in a name space
of the script's own, so that nothing stays when it ends.
"""

import hashlib
import os
import random
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from spacegrey.t2.storage.crashes import crash_states
from spacegrey.t2.storage.folder import module_file, open_store
from spacegrey.t2.storage.layers import Recorder

TOOLS = ("unshare", "nbdfuse", "mount", "mkfs.ext4", "e2fsck", "debugfs")


@pytest.fixture(autouse=True, scope="module")
def _tools():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        text = f"these programs are missing: {', '.join(missing)} (tests/system-packages.sh installs them)"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)
    if not os.access("/dev/fuse", os.W_OK) or not os.access("/dev/loop-control", os.W_OK):
        pytest.skip("needs root, FUSE and loop devices")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("mounting is not allowed here")


MOUNTED = """
    set -e
    mkdir -p "$here/fuse" "$here/mnt"
    nbdfuse "$here/fuse/disk" --unix "$socket" &
    for _ in $(seq 100); do [ -e "$here/fuse/disk" ] && break; sleep 0.05; done
    {make}
    mount -o loop "$here/fuse/disk" "$here/mnt"
    cd "$here/mnt"
    set +e
    {work}
    cd /
    umount -l "$here/mnt"
    umount -l "$here/fuse"
    wait
"""

ENDLESS = """
    k=0
    while k=$((k+1)); do
        mkdir -p d$((k % 7)) || break
        head -c $((k % 40 * 1000 + 10)) /dev/urandom > d$((k % 7))/f$k || break
        sum=$(sha256sum < d$((k % 7))/f$k) || break
        sync d$((k % 7))/f$k d$((k % 7)) || break
        echo "d$((k % 7))/f$k ${sum%% *}"
        [ $((k % 5)) = 0 ] && { mv d$((k % 7))/f$k d0/g$k && sync d0 d$((k % 7)) && echo "d0/g$k ${sum%% *}"; }
    done
"""

BOUNDED = """
    for k in 1 2 3 4 5 6; do
        head -c $((k * 3000)) /dev/urandom > f$k; sync f$k
        [ $k = 3 ] && rm f1 && sync .
        [ $k = 4 ] && mv f2 g2 && sync .
    done
"""


def _script(here, socket, *, make, work, **settings):
    text = textwrap.dedent(MOUNTED).format(make=make, work=textwrap.dedent(work))
    return subprocess.Popen(
        ["unshare", "-m", "bash", "-c", text], env={**os.environ, "here": str(here), "socket": str(socket)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", **settings,
    )  # fmt: skip


def _checked(image):
    """Let e2fsck replay the journal, as at every start of a computer, and see that all is in order then.

    With -p it ends with 4 or more where anything is wrong beyond what the journal, or the summary that ext4 itself
    brings up to date only at times, accounts for.
    """
    first = subprocess.run(["e2fsck", "-fp", str(image)], capture_output=True, check=False, encoding="utf-8")
    assert first.returncode in {0, 1}, first.stdout + first.stderr
    second = subprocess.run(["e2fsck", "-fn", str(image)], capture_output=True, check=False, encoding="utf-8")
    assert second.returncode == 0, second.stdout


def _content(image, name):
    return subprocess.run(["debugfs", "-R", f"cat {name}", str(image)], capture_output=True, check=True).stdout


@pytest.mark.slow
@pytest.mark.claims("I4")
def test_ext4_loses_nothing_that_it_had_synced_when_the_server_is_killed(folder, key, key_file, program, tmp_path):
    rng, kept = random.Random(2), {}
    for turn in range(3):
        server, uri = program(folder, key_file)
        writer = _script(
            tmp_path, Path(uri.partition("?socket=")[2]), make="mkfs.ext4 -q -F $here/fuse/disk" if not turn else ":",
            work=ENDLESS.replace("k=0", f"k={turn * 10000}"),
        )  # fmt: skip
        lines = [writer.stdout.readline() for _ in range(rng.randrange(10, 40))]
        server.kill()
        server.wait()
        rest, said = writer.communicate(timeout=60)
        kept.update(line.split() for line in (*lines, *rest.splitlines()) if len(line.split()) == 2)
        image = tmp_path / "image"
        with open_store(folder, key) as store:
            assert store.counters().unsafe_shutdowns == turn + 1, said
            image.write_bytes(store.read(0, store.capacity))
        _checked(image)
        moved = {name.replace("g", "f").split("/")[1] for name in kept if "/g" in name}
        for name, digest in kept.items():
            if name.split("/")[1] in moved:
                continue
            found = _content(image, name) or _content(image, f"d0/g{name.split('f')[-1]}")
            assert hashlib.sha256(found).hexdigest() == digest, name
        image.unlink()
    assert len(kept) > 30


@pytest.mark.slow
@pytest.mark.claims("I4")
def test_ext4_is_whole_in_the_states_that_a_cut_can_leave(served, folder, key, tmp_path):
    """A few files made, renamed and removed; e2fsck looks at forty of the states after which power may be cut."""
    events = []
    server = served(wrap=lambda number, module: Recorder(module, number, events))
    done = _script(tmp_path, server.address.path, make="mkfs.ext4 -q -F $here/fuse/disk; sync", work=":")
    assert done.wait(60) == 0, done.communicate()
    done.communicate()
    server.store.flush()
    events.clear()
    before = [module_file(folder, number).read_bytes() for number in (0, 1)]
    done = _script(tmp_path, server.address.path, make=":", work=BOUNDED)
    said = done.communicate(timeout=60)
    assert done.returncode == 0, said
    recorded = list(events)
    assert sum(event.kind == "sync" for event in recorded) > 20
    rng, looked = random.Random(4), 0
    states = tmp_path / "states"
    shutil.copytree(folder, states, ignore=shutil.ignore_patterns("*.flash"))
    chosen = set(rng.sample(range(len(recorded)), min(40, len(recorded))))
    for count, images in crash_states(before, recorded, rng, 1, chosen):
        if count not in chosen:
            continue
        chosen.discard(count)
        for number, image in enumerate(images):
            module_file(states, number).write_bytes(image)
        with open_store(states, key, read_only=True) as store:
            (tmp_path / "image").write_bytes(store.read(0, store.capacity))
        _checked(tmp_path / "image")
        looked += 1
    shutil.rmtree(states)
    (tmp_path / "image").unlink()
    assert looked >= 30
