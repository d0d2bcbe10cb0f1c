"""From an empty folder to a machine that starts, is refused, opened up, and restored: the commands, a real enclave."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli import app
from spacegrey.t2.signer.server import Signer

PASSWORD, WRONG = {"SPACEGREY_PASSWORD": "secret"}, {"SPACEGREY_PASSWORD": "wrong"}
NEW, NEW_FIRMWARE = {"SPACEGREY_NEW_PASSWORD": "secret"}, {"SPACEGREY_NEW_FIRMWARE_PASSWORD": "start"}
FETCH = "import os, urllib.request as u; print(u.urlopen(os.environ['url'] + '/builds/mine/build').read())"


class Shell:
    """The command line in a folder of its own, with its own memory outside the machines' folders."""

    def __init__(self, folder):
        self.folder = folder
        self.said = ""

    def __call__(self, *words, code=0, **environment):
        settings = {"XDG_STATE_HOME": str(self.folder / "state"), **environment}
        result = CliRunner().invoke(app, list(map(str, words)), prog_name="spacegrey", env=settings)
        assert result.exit_code == code, (words, result.output)
        self.said = result.output
        return result.output

    def json(self, *words, **how):
        self(*words, "--json", **how)
        return json.loads(self.said[self.said.index("{") :])


def _copy(source, target):
    """Copy modules as what they are, mostly holes: plain copies of two machines are terabytes."""
    subprocess.run(["cp", "--archive", "--sparse=always", source, target], check=True)


@pytest.fixture(scope="module")
def _machines(tmp_path_factory, _signer):
    """Return a folder with two machines of one signer."""
    folder = tmp_path_factory.mktemp("machines")
    shell = Shell(folder)
    for name in ("one", "two"):
        shell("new", folder / name, "--as", "imac-pro")
        shell("t2", "provision", folder / name, "--signer", _signer)
    return folder


@pytest.fixture
def shell(_machines, tmp_path):
    _copy(_machines, tmp_path / "lab")
    return Shell(tmp_path / "lab")


@pytest.fixture
def one(shell):
    return shell.folder / "one"


@pytest.fixture
def url(signer, authority):
    running = Signer(authority, signer, 0, lambda _: None)
    thread = threading.Thread(target=running.serve)
    thread.start()
    yield running.url
    running.stop()
    thread.join()
    running.close()


def test_a_new_machine_starts_without_a_network(shell, one):
    found = shell.json("t2", "boot", one)
    assert (found["outcome"], found["code"], found["asked_network"]) == ("macos", None, False)
    assert [entry["verdict"] for entry in found["log"]] == ["verified"] * 6


@pytest.mark.claims("T3")
def test_the_policy_changes_from_recovery_with_an_administrators_password_only(shell, one):
    shell("t2", "boot", one)
    shell("t2", "policy", one, "--secure-boot", "none", code=1, **PASSWORD)
    assert "[not-in-recovery]" in shell.said
    shell("t2", "boot", one, "--hold", "cmd-r")
    shell("t2", "policy", one, "--secure-boot", "none", code=1, **PASSWORD)
    assert "[no-administrator]" in shell.said
    shell("t2", "passwd", one, **NEW)
    shell("t2", "boot", one, "--hold", "cmd-r")
    shell("t2", "policy", one, "--secure-boot", "none", code=1, **WRONG)
    assert "[wrong-credential]" in shell.said
    assert shell.json("t2", "policy", one)["secure_boot"] == "full"
    found = shell.json("t2", "policy", one, "--secure-boot", "medium", "--external-boot", "allow",
                       **PASSWORD)  # fmt: skip
    assert (found["secure_boot"], found["external_boot"]) == ("medium", True)
    assert shell.json("t2", "boot", one)["outcome"] == "macos"


@pytest.mark.claims("T3")
def test_the_firmware_password_gates_keys(shell, one, signer):
    shell("t2", "boot", one)
    held = {"SPACEGREY_FIRMWARE_PASSWORD": "start"}
    shell("t2", "firmware-password", "set", one, **NEW_FIRMWARE)
    assert shell.json("t2", "boot", one, "--hold", "option", code=1)["code"] == "firmware-password-needed"
    shell("t2", "boot", one, "--hold", "option", code=1)
    assert shell.said.endswith("give it with --firmware-password\n")
    found = shell.json("t2", "boot", one, "--hold", "option", "--firmware-password", **held)
    assert found["outcome"] == "startup-manager"
    assert shell.json("t2", "boot", one, "--hold", "t")["code"] == "key-ignored"
    shell("t2", "firmware-password", "mode-full", one, **held)
    assert shell.json("t2", "boot", one, code=1)["code"] == "firmware-password-needed"
    (asked,) = shell("t2", "firmware-password", "request-reset", one).splitlines()  # as one copies it from there
    file = shell.folder / "reset.im4m"
    shell("t2", "signer", "reset-file", signer, "--request", asked, "--out", file)
    assert shell.json("t2", "firmware-password", "reset", one, "--file", file)["firmware_password"] is None
    assert shell.json("t2", "boot", one)["outcome"] == "macos"


def test_a_passphrase_is_asked_for_only_where_the_chip_is_off(shell, signer):
    folder, said = shell.folder / "three", {"SPACEGREY_PASSPHRASE": "open sesame"}
    shell("new", folder, "--as", "imac-pro", "--uid", "passphrase", **said)
    assert "'spacegrey t2 unlock DIR' asks for it" in shell("disk", "serve", folder, "--run", "true", code=1)
    assert "the passphrase is asked for" in shell("t2", "provision", folder, "--signer", signer, code=2)
    shell("t2", "unlock", folder, **said)
    shell("t2", "provision", folder, "--signer", signer)
    shell("t2", "boot", folder)
    shell("t2", "lock", folder)


@pytest.mark.claims("R2")
def test_swapped_modules_start_nothing_until_a_restore(shell, one, url):
    two = shell.folder / "two"
    module = two / "ssd" / "module-0.flash"
    (one / "ssd" / "module-0.flash").rename(shell.folder / "mine")
    module.rename(one / "ssd" / "module-0.flash")
    found = shell.json("t2", "boot", one, code=1)
    assert (found["outcome"], found["code"]) == ("t2-recovery", "modules")
    assert "another machine" in found["reason"]
    shell("t2", "revive", one, "--network", url)
    assert shell.json("t2", "boot", one, code=1)["code"] == "modules"
    shell("t2", "restore", one, "--yes", code=1)
    assert "no network" in shell.said
    shell("t2", "restore", one, "--yes", "--network", url)
    assert shell.json("t2", "boot", one, code=1)["code"] == "not-activated"
    assert "not activated" in shell("t2", "install", one, "--network", url, code=1)
    shell("t2", "activate", one, "--network", url)
    assert shell.json("t2", "boot", one, code=1)["code"] == "no-system"
    assert "from recoveryOS" in shell("t2", "install", one, "--network", url, code=1)
    shell("t2", "boot", one, "--hold", "cmd-r")
    assert "no network" in shell("t2", "install", one, code=1)
    shell("t2", "install", one, "--network", url, "--system", "macos-2")
    assert shell.json("t2", "boot", one)["outcome"] == "macos"


@pytest.mark.claims("R2")
def test_both_modules_with_the_pairing_file_start_nothing_either(shell, one):
    """The whole disk of another machine, its own papers included: the enclave knows its pair."""
    for name in ("module-0.flash", "module-1.flash", "pairing.json"):
        (one / "ssd" / name).unlink()
        _copy(shell.folder / "two" / "ssd" / name, one / "ssd")
    assert shell.json("t2", "boot", one, code=1)["code"] == "modules"


def test_a_state_that_was_put_back_starts_nothing(shell, one):
    shell("t2", "passwd", one, **NEW)
    shell("t2", "boot", one, "--hold", "cmd-r")
    shell("t2", "policy", one, "--secure-boot", "none", **PASSWORD)
    weak = (one / "t2" / "boot" / "state.json").read_bytes()
    shell("t2", "policy", one, "--secure-boot", "full", **PASSWORD)
    (one / "t2" / "boot" / "state.json").write_bytes(weak)
    shell("t2", "boot", one, code=1)
    assert "put back or changed" in shell.said


def test_an_external_disk_needs_the_policy_and_the_network_once(shell, one, signer, url):
    disk = shutil.copytree(signer / "builds" / "macos-2", shell.folder / "disk")
    found = shell.json("t2", "boot", one, "--disk", disk, "--network", url, code=1)
    assert found["code"] == "external-boot-disallowed"
    shell("t2", "passwd", one, **NEW)
    shell("t2", "boot", one, "--hold", "cmd-r")
    shell("t2", "policy", one, "--external-boot", "allow", **PASSWORD)
    found = shell.json("t2", "boot", one, "--disk", disk, code=1)
    assert (found["code"], found["outcome"]) == ("network", "boot-recovery-assistant")
    assert shell.json("t2", "boot", one, "--disk", disk, "--network", url)["outcome"] == "macos"
    assert shell.json("t2", "boot", one, "--disk", disk)["outcome"] == "macos"


def test_windows_starts_once_boot_camp_let_it_in_and_only_under_microsofts_authority(shell, one):
    """The loaders of these tests are signed under stand-ins, which the real machine's list does not hold."""
    loaders = Path(__file__).parent / "windows"
    assert shell.json("t2", "boot", one, "--windows", code=1)["code"] == "windows-authority-not-enabled"
    shell("t2", "boot-camp", "on", one, code=1, **PASSWORD)
    assert "[not-in-macos]" in shell.said
    shell("t2", "passwd", one, **NEW)
    shell("t2", "boot", one)
    shell("t2", "boot-camp", "on", one, code=1, **WRONG)
    assert "[wrong-credential]" in shell.said
    assert shell.json("t2", "policy", one)["windows"] is False
    found = shell.json("t2", "boot-camp", "on", one, "--loader", loaders / "third-party.efi", **PASSWORD)
    assert found["windows"] is True
    found = shell.json("t2", "boot", one, "--windows", code=1)
    assert (found["code"], found["outcome"]) == ("uefi/windows-authority", "boot-recovery-assistant")
    assert "'A stand-in for third-party'" in found["reason"]
    shell("t2", "boot", one)
    shell("t2", "boot-camp", "off", one, **PASSWORD)
    assert shell.json("t2", "boot", one, "--windows", code=1)["code"] == "windows-authority-not-enabled"


def test_a_signer_is_made_serves_and_signs_no_longer(tmp_path):
    shell, signer = Shell(tmp_path), tmp_path / "signer"
    found = shell.json("t2", "signer", "create", signer)
    assert [build["build"] for build in found["builds"]] == ["bridge-1", "macos-1", "internet-recovery"]
    system = tmp_path / "system"
    system.mkdir()
    (system / "boot.efi").write_bytes(b"my loader")
    shell("t2", "signer", "add-system", signer, "--build", "mine", "--from", system, code=2)
    assert "no immutablekernel there" in shell.said
    (system / "immutablekernel").write_bytes(b"my kernel")
    shell("t2", "signer", "add-system", signer, "--build", "mine", "--from", system)
    shell("t2", "signer", "add-firmware", signer, "--build", "bridge-2")
    found = shell.json("t2", "signer", "stop", signer, "--build", "bridge-2")
    assert [build["signing"] for build in found["builds"]] == [True, True, True, True, False]
    shell("t2", "signer", "list", signer, "--build", "x", code=2)
    assert "does not take --build" in shell.said
    shell("t2", "signer", "stop", signer, code=2)
    shell("t2", "signer", "list", tmp_path / "nowhere", code=2)
    program = Path(sys.executable).with_name("spacegrey")
    fetch = f'{sys.executable} -c "{FETCH}"'
    served = subprocess.run(
        [program, "t2", "signer", "serve", signer, "--run", fetch], capture_output=True, check=True, env=os.environ
    )
    assert served.stdout == b"b'mine'\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("boot", "nowhere"), "no machine here"),
        (("boot", "one", "--hold", "cmd-q"), "unknown key 'cmd-q'"),
        (("boot", "one", "--disk", "nowhere"), "no such folder"),
        (("provision", "one", "--signer", "nowhere"), "the firmware is installed already"),
        (("firmware-password", "reset", "one"), "--file belongs to reset"),
        (("boot", "one", "--windows", "--disk", "two"), "choose one"),
        (("boot-camp", "off", "one", "--loader", "x"), "--loader belongs to on"),
        (("boot-camp", "on", "one", "--loader", "nowhere"), "nowhere: no such file"),
        (("boot-camp", "maybe", "one"), "on"),
        (("signer", "reset-file", "one", "--request", "x", "--out", "y"), "not what"),
        (("signer", "serve", "one", "--port", "99999"), "--port"),
        (("activate", "one", "--network", "http://["), "--network 'http://[': no http address"),
        (("activate", "one", "--network", "127.0.0.1:8080"), "no http address, such as http://127.0.0.1:8080"),
        (("revive", "one", "--network", "http://127.0.0.1:99999"), "no http address"),
        (("boot", "one", "--network", "ftp://127.0.0.1"), "no http address"),
        (("restore", "one", "--yes", "--network", ""), "no http address"),
    ],
)
def test_wrong_input_is_one_clear_line(shell, monkeypatch, words, said):
    monkeypatch.chdir(shell.folder)
    shell("t2", *words, code=2)
    assert said in shell.said
    assert len(shell.said.strip().splitlines()) == 1


def test_a_machine_without_firmware_says_what_to_do(tmp_path):
    shell = Shell(tmp_path)
    shell("new", tmp_path / "bare", "--as", "imac-pro")
    shell("t2", "boot", tmp_path / "bare", code=2)
    assert "t2 provision" in shell.said
