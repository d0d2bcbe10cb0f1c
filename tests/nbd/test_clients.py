"""Real clients, each of which somebody else wrote."""

import json
import os
import random
import shutil
import subprocess
import textwrap

import pytest

from spacegrey.t2.storage.folder import open_store
from spacegrey.virtual.nbd.server import Address
from spacegrey.virtual.nbd.tls import read_keys

NBDSH = ("/usr/bin/python3", "-m", "nbd")
"""What the command nbdsh runs; it belongs to the system's Python, which need not be the first on the path."""

TOOLS = ("nbdinfo", "nbdcopy", "qemu-io", "qemu-img", "fio", "mkfs.ext4", "e2fsck", "psktool")


@pytest.fixture(autouse=True, scope="module")
def _tools():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if subprocess.run([*NBDSH, "--version"], capture_output=True, check=False).returncode:
        missing.append("nbdsh")
    if missing:
        text = f"these programs are missing: {', '.join(missing)} (tests/system-packages.sh installs them)"
        if os.environ.get("CI") == "true":
            pytest.fail(text)
        pytest.skip(text)


def _run(*words, status=0, **settings):
    done = subprocess.run(words, capture_output=True, check=False, encoding="utf-8", timeout=120, **settings)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


def test_nbdinfo_sees_what_is_offered(served):
    (found,) = json.loads(_run("nbdinfo", "--json", served().address.uri()))["exports"]
    assert found["export-size"] == 64 << 20
    assert found["contexts"] == ["base:allocation"]
    for can in ("can_flush", "can_fua", "can_trim", "can_zero", "can_fast_zero", "can_df", "can_multi_conn"):
        assert found[can], can
    assert not found["is_read_only"]


def test_nbdinfo_maps_data_and_holes(served):
    uri = served().address.uri()
    _run("qemu-io", "-f", "raw", uri, "-c", "write 1M 64k", "-c", "discard 1028k 8k")
    rows = [line.split()[:3] for line in _run("nbdinfo", "--map", uri).splitlines()]
    assert rows == [
        ["0", "1048576", "3"], ["1048576", "4096", "0"], ["1052672", "8192", "3"], ["1060864", "53248", "0"],
        ["1114112", str((64 << 20) - 1114112), "3"],
    ]  # fmt: skip


def test_qemu_io_reads_back_what_it_wrote(served):
    steps = [
        "write -P 0x5a 0 64k", "write -z 4k 4k", "write -zu 8k 4k", "discard 16k 16k", "flush",
        "write -f -P 7 100 1000",
        "read -P 0x5a 0 100", "read -P 7 100 1000", "read -P 0 4k 8k", "read -P 0 16k 16k", "read -P 0x5a 32k 32k",
        "aio_write -P 9 1M 1M", "aio_write -P 8 3M 333", "aio_flush", "read -P 9 1M 1M", "read -P 8 3M 333",
    ]  # fmt: skip
    shown = _run("qemu-io", "-f", "raw", served().address.uri(), *[word for step in steps for word in ("-c", step)])
    assert "Pattern verification failed" not in shown
    assert shown.count("wrote ") == 6


def test_nbdcopy_and_qemu_img_carry_an_image_both_ways(served, tmp_path):
    image, back, other = tmp_path / "image", tmp_path / "back", tmp_path / "other"
    data = bytearray(64 << 20)
    rng = random.Random(1)
    for start in range(0, len(data), 8 << 20):
        data[start + 12345 : start + 12345 + 300000] = rng.randbytes(300000)
    image.write_bytes(data)
    uri = served().address.uri()
    _run("nbdcopy", "--connections=4", str(image), uri)
    _run("nbdcopy", "--connections=4", uri, str(back))
    assert back.read_bytes() == data
    _run("qemu-img", "compare", "-f", "raw", "-F", "raw", str(image), uri)
    _run("qemu-img", "convert", "-f", "raw", "-O", "raw", uri, str(other))
    assert other.read_bytes() == data


def test_fio_verifies_what_it_wrote(served, tmp_path):
    words = [
        "fio", "--name=x", "--ioengine=nbd", f"--uri={served().address.uri()}", "--rw=randwrite",
        "--bsrange=512-64k", "--size=32m", "--iodepth=16", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1",
        "--fsync=64", "--output-format=json",
    ]  # fmt: skip
    shown = _run(*words, cwd=tmp_path)
    (job,) = json.loads(shown[shown.index("{") :])["jobs"]
    assert job["error"] == 0
    assert job["read"]["io_bytes"] == 32 << 20


def test_nbdsh_gets_the_protocols_errors(served):
    script = """
        import errno
        def fails(number, call, *words, **more):
            try:
                call(*words, **more)
            except nbd.Error as error:
                assert error.errnum == number, (error.errnum, number)
            else:
                raise AssertionError("it did not fail")
        h.set_strict_mode(0)
        size = h.get_size()
        fails(errno.EINVAL, h.pread, 512, size)
        fails(errno.ENOSPC, h.pwrite, b"x" * 512, size - 1)
        fails(errno.ENOSPC, h.zero, 512, size)
        fails(errno.EINVAL, h.trim, 512, size)
        fails(errno.EINVAL, h.pwrite, b"x", 0, 1 << 9)
        h.pwrite(b"hello", 3, nbd.CMD_FLAG_FUA)
        assert h.pread(5, 3) == b"hello"
        assert h.get_structured_replies_negotiated()
        h.shutdown()
    """
    _run(*NBDSH, "-u", served().address.uri(), "-c", textwrap.dedent(script))


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tls_with_a_shared_key(served, tmp_path, version):
    keys = tmp_path / "keys.psk"
    _run("psktool", "--username=alice", f"--pskfile={keys}")
    server = served(address=Address(port=0), keys=read_keys(keys))
    port = server.address.port
    config = tmp_path / "gnutls.conf"
    others = ["1.0", "1.1", "1.2", "1.3"]
    others.remove(version)
    config.write_text(
        "[overrides]\n" + "".join(f"disabled-version = tls{other}\n" for other in others), encoding="utf-8"
    )
    env = {**os.environ, "GNUTLS_SYSTEM_PRIORITY_FILE": str(config)}
    script = f"""
        h.set_tls(nbd.TLS_REQUIRE)
        h.set_tls_psk_file("{keys}")
        h.set_tls_username("alice")
        h.set_export_name("disk")
        h.connect_tcp("127.0.0.1", "{port}")
        h.pwrite(b"secret" * 20000, 77)
        assert h.pread(120000, 77) == b"secret" * 20000
        assert h.get_tls_negotiated()
    """
    _run(*NBDSH, "-c", textwrap.dedent(script), env=env)
    folder = tmp_path / "creds"
    folder.mkdir()
    shutil.copy(keys, folder / "keys.psk")
    words = ["qemu-img", "info", "--object", f"tls-creds-psk,id=tls0,dir={folder},endpoint=client,username=alice",
             "--image-opts", f"driver=nbd,host=127.0.0.1,port={port},export=disk,tls-creds=tls0"]  # fmt: skip
    assert "64 MiB" in _run(*words, env=env)


def test_tls_refuses_strangers_and_the_clear(served, tmp_path):
    keys, wrong = tmp_path / "keys.psk", tmp_path / "wrong.psk"
    for path in (keys, wrong):
        _run("psktool", "--username=alice", f"--pskfile={path}")
    _run("psktool", "--username=mallory", f"--pskfile={wrong}")
    port = served(address=Address(port=0), keys=read_keys(keys)).address.port
    for uri in (
        f"nbds://alice@127.0.0.1:{port}/disk?tls-psk-file={wrong}",
        f"nbds://mallory@127.0.0.1:{port}/disk?tls-psk-file={wrong}",
        f"nbd://127.0.0.1:{port}/disk",
    ):
        _run("nbdinfo", "--size", uri, status=1)
    assert _run("nbdinfo", "--size", f"nbds://alice@127.0.0.1:{port}/disk?tls-psk-file={keys}").strip() == str(64 << 20)


@pytest.mark.claims("T5")
def test_what_a_client_wrote_is_nowhere_in_the_module_files(served, folder, tmp_path):
    """A file system full of known text, on a disk without and behind the key."""
    image = tmp_path / "image"
    image.write_bytes(b"Spacegrey was here. " * 200_000)
    with image.open("r+b") as file:
        file.truncate(64 << 20)
    server = served()
    _run("nbdcopy", str(image), server.address.uri())
    server.store.flush()
    for number in (0, 1):
        content = (folder / f"module-{number}.flash").read_bytes()
        assert b"Spacegrey" not in content
        assert b"was here" not in content
        label, body = content[: 16 * 4096], content[16 * 4096 :]
        used = [body[at : at + 4096] for at in range(0, len(body), 4096) if any(body[at : at + 4096])]
        assert len(used) > 400
        # 4096 random bytes have about 256 * (1 - exp(-16)) = 256 different values; text has a few dozen.
        assert min(len(set(page)) for page in used) > 240
        assert set(label[4 * 4096 :]) == {0}


def test_a_file_system_checks_clean_after_a_kill(folder, tmp_path, key, key_file, program):
    """mkfs.ext4 on an image copied through the disk, the server killed, and everything flushed is there."""
    image, back = tmp_path / "image", tmp_path / "back"
    with image.open("wb") as file:
        file.truncate(64 << 20)
    _run("mkfs.ext4", "-q", str(image))
    server, uri = program(folder, key_file)
    _run("nbdcopy", "--flush", str(image), uri)
    server.kill()
    server.wait()
    with open_store(folder, key) as store:
        back.write_bytes(store.read(0, store.capacity))
        assert store.counters().unsafe_shutdowns == 1
    _run("e2fsck", "-fn", str(back))
    assert back.read_bytes() == image.read_bytes()
