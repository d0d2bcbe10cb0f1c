"""What the chip does for whoever knows the password, and what for whoever does not."""

import hashlib
import json

import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.enclave.attempts import Place
from spacegrey.t2.enclave.keys import Mode

WRONG = b"wrong"


def _fail(chip, times, place=Place.LOGIN, *, wait=True):
    for _ in range(times):
        if wait:
            chip.clock.now += 3600.0
        with pytest.raises(Refusal, match="wrong password"):
            chip.on.unlock(WRONG, place=place)


def test_without_filevault_the_disk_opens_without_a_password(chip):
    key = chip.volume_key()
    chip.restart().unlock(None)
    assert chip.volume_key() == key
    assert chip.on.status()["logged_in"] is None


def test_with_filevault_only_the_password_opens_it(locked):
    with pytest.raises(Refusal, match="FileVault is on"):
        locked.on.unlock(None)
    with pytest.raises(Refusal, match="wrong password: 1 failed in a row, 29 left"):
        locked.on.unlock(WRONG)
    assert locked.on.volumes.names() == []
    locked.on.unlock(b"right")
    assert locked.on.volumes.names() == ["data"]
    assert locked.on.status()["logged_in"] == "admin"


def test_filevault_changes_no_volume_key(chip):
    key = chip.volume_key()
    chip.on.set_password(None, b"right")
    chip.on.set_filevault(on=True, password=b"right")
    chip.restart().unlock(b"right")
    assert chip.volume_key() == key
    chip.on.set_filevault(on=False, password=b"right")
    chip.restart().unlock(None)
    assert chip.volume_key() == key


def test_filevault_on_kills_the_blob_that_needed_no_password(chip):
    before = chip.files()
    chip.on.set_password(None, b"right")
    chip.on.set_filevault(on=True, password=b"right")
    chip.cut()
    bag = next(content for name, content in before.items() if name.name.startswith("keybag"))
    newest = max(chip.disk.glob("keybag-*.json"))
    newest.write_bytes(bag)
    with pytest.raises(Refusal, match="not what this chip wrote last"):
        chip.start()
    # Even with its entry put into today's keybag and its seal made right, it opens nothing: the nonce is gone.
    from spacegrey.t2.enclave.keybag import Keybag, write_keybag
    from spacegrey.t2.enclave.keys import Uid
    from spacegrey.t2.enclave.locker import Locker
    from spacegrey.t2.storage.modules import ModuleFile

    device = ModuleFile(chip.locker_file)
    locker = Locker(device, Uid(chip.uid), chip.anchor.advance)
    locker.load(chip.anchor.check)
    old = json.loads(bag)
    old.pop("mac")
    forged = Keybag.model_validate(old).model_copy(update={"generation": locker.content["generation"]})
    write_keybag(chip.disk, forged, Uid(chip.uid), bytes.fromhex(locker.content["nonce"]))
    device.close()
    with pytest.raises(Refusal):
        chip.start().unlock(None)


def test_a_changed_password_is_the_only_one_and_the_volume_key_stays(locked):
    locked.on.unlock(b"right")
    key = locked.volume_key()
    locked.on.set_password(b"right", b"left")
    locked.restart()
    with pytest.raises(Refusal, match="wrong password"):
        locked.on.unlock(b"right")
    locked.on.unlock(b"left")
    assert locked.volume_key() == key


def test_a_password_is_not_changed_without_the_old_one(locked):
    with pytest.raises(Refusal, match="give it too"):
        locked.on.set_password(None, b"mine")
    with pytest.raises(Refusal, match="wrong password"):
        locked.on.set_password(WRONG, b"mine")
    locked.restart().unlock(b"right")


@pytest.mark.parametrize(("password", "says"), [(b"", "empty"), (b"x" * 256, "256 bytes")])
def test_a_password_has_1_to_255_bytes_of_any_value(chip, password, says):
    with pytest.raises(InputError, match=says):
        chip.on.set_password(None, password)
    longest = bytes(range(1, 256))
    chip.on.set_password(None, longest)
    chip.on.set_filevault(on=True, password=longest)
    chip.restart().unlock(longest)


def test_an_unknown_user_costs_no_attempt(locked):
    with pytest.raises(Refusal, match="no user 'guest'; users: admin"):
        locked.on.unlock(b"right", user="guest")
    assert locked.on.status()["attempts"]["failed"] == 0


# recovery key


def test_the_recovery_key_opens_the_disk_and_only_its_hash_is_kept(locked):
    text = locked.recovery_key
    assert len(text.replace("-", "")) == 28
    plain = text.replace("-", "").encode()
    locked.on.unlock_with_recovery_key(text.lower())
    assert locked.on.volumes.names() == ["data"]
    assert locked.content()["recovery_sha256"] == hashlib.sha256(plain).hexdigest()
    for content in locked.files().values():
        assert plain not in content
    assert text not in json.dumps(locked.content())


def test_a_new_recovery_key_kills_the_one_before(locked):
    new = locked.on.new_recovery_key(b"right")
    locked.restart()
    with pytest.raises(Refusal, match="wrong recovery key: 1 failed in a row"):
        locked.on.unlock_with_recovery_key(locked.recovery_key)
    locked.on.unlock_with_recovery_key(new)


def test_what_is_no_recovery_key_costs_no_attempt(locked):
    with pytest.raises(Refusal, match="28 letters and digits"):
        locked.on.unlock_with_recovery_key("ABCD")
    assert locked.on.status()["attempts"]["failed"] == 0


# attempts


def test_delays_follow_the_table_of_2022(locked):
    said = []
    for failed in range(1, 11):
        with pytest.raises(Refusal, match="wrong password"):
            locked.on.unlock(WRONG)
        said.append(locked.on.status()["attempts"]["wait_s"])
        assert locked.on.status()["attempts"]["failed"] == failed
        locked.clock.now += said[-1]
    assert said == [0, 0, 0, 0, 60, 300, 900, 900, 3600, 3600]
    with pytest.raises(Refusal, match="no further attempt here"):
        locked.on.unlock(b"right")


def test_in_a_delay_even_the_right_password_is_refused_and_not_counted(locked):
    _fail(locked, 5, wait=False)
    locked.clock.now += 59.0
    with pytest.raises(Refusal, match="try again in 1 s"):
        locked.on.unlock(b"right")
    assert locked.on.status()["attempts"]["failed"] == 5
    locked.clock.now += 1.0
    locked.on.unlock(b"right")
    assert locked.on.status()["attempts"]["failed"] == 0


def test_a_restart_in_a_delay_starts_it_again(locked):
    _fail(locked, 5, wait=False)
    locked.clock.now += 50.0
    locked.restart()
    assert locked.on.status()["attempts"]["wait_s"] == 60.0
    locked.clock.now += 60.0
    locked.on.tick()
    locked.restart()
    assert locked.on.status()["attempts"]["wait_s"] == 0.0, "it was waited out"


def test_while_a_user_is_logged_in_nothing_is_counted(locked):
    locked.on.unlock(b"right")
    for _ in range(50):
        with pytest.raises(Refusal, match="not counted"):
            locked.on.authenticate(WRONG)
    assert locked.on.authenticate(b"right") == "admin"
    assert locked.restart().status()["attempts"]["failed"] == 0
    _fail(locked, 1)
    assert locked.on.status()["attempts"]["failed"] == 1, "limits are back after a restart"


def test_ten_failures_in_a_row_need_a_power_cycle(tmp_path, chip_in):
    chip = chip_in(tmp_path / "old", profile="2018").make()
    chip.start().add_volume("data")
    chip.on.set_password(None, b"right")
    chip.on.set_filevault(on=True, password=b"right")
    chip.restart()
    _fail(chip, 10)
    with pytest.raises(Refusal, match="switch the machine off and on"):
        chip.on.unlock(b"right")
    chip.restart().unlock(b"right")


def test_recovery_gives_ten_more_and_the_recovery_key_ten_more_and_then_the_keys_are_gone(locked):
    def attempt(place):
        if place is Place.MECHANISM:
            locked.on.unlock_with_recovery_key("A" * 28)
        else:
            locked.on.unlock(WRONG, place=place)

    def fail(times, place):
        for _ in range(times):
            locked.clock.now += 3600.0
            locked.on.tick()
            locked.restart()
            with pytest.raises(Refusal, match=f"wrong {place.secret}"):
                attempt(place)

    fail(10, Place.LOGIN)
    locked.clock.now += 3600.0
    with pytest.raises(Refusal, match="go on in recovery"):
        locked.on.unlock(WRONG)
    fail(10, Place.RECOVERY)
    locked.clock.now += 3600.0
    locked.on.tick()
    locked.restart()
    with pytest.raises(Refusal, match="go on with the recovery key"):
        locked.on.unlock(WRONG, place=Place.RECOVERY)
    fail(9, Place.MECHANISM)
    locked.clock.now += 3600.0
    locked.on.tick()
    locked.restart()
    with pytest.raises(Refusal, match="that was the last attempt: the media keys are destroyed"):
        locked.on.unlock_with_recovery_key("A" * 28)
    locked.clock.now += 3600.0
    for _ in range(2):
        with pytest.raises(Refusal, match="no attempts are left"):
            locked.on.unlock(b"right")
        locked.restart()
    assert locked.content()["media"] == {}


def test_the_attempts_for_the_recovery_key_are_not_for_passwords(locked):
    """Whoever takes over a process outside the enclave names any place; the last attempts stay the recovery key's."""
    for ask in (locked.on.unlock, locked.on.authenticate):
        with pytest.raises(InputError, match="a password is given at login or in recovery"):
            ask(b"right", place=Place.MECHANISM)
    assert locked.on.status()["attempts"]["failed"] == 0


def test_a_cut_between_count_and_check_gives_no_attempt_for_nothing(locked, monkeypatch):
    def cut(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("spacegrey.t2.enclave.keys.entangle", cut)
    with pytest.raises(KeyboardInterrupt):
        locked.on.unlock(b"right")
    monkeypatch.undo()
    assert locked.restart().status()["attempts"]["failed"] == 1


# DFU, other chips


@pytest.mark.claims("T2")
def test_in_dfu_mode_the_right_password_opens_nothing(locked):
    locked.restart(Mode.DFU)
    with pytest.raises(Refusal, match=r"wrong password.*in DFU mode, where no password opens the disk"):
        locked.on.unlock(b"right")
    locked.restart().unlock(b"right")


def test_in_dfu_mode_a_disk_without_filevault_does_not_open_either(chip):
    chip.restart(Mode.DFU)
    with pytest.raises(Refusal, match="DFU"):
        chip.on.unlock(None)


def test_another_chip_opens_nothing(locked):
    locked.cut()
    locked.uid = bytes(32)
    with pytest.raises(Refusal, match="another chip's, or damaged"):
        locked.start()


# erasing


def test_after_erasing_no_state_opens(locked):
    before = locked.files()
    locked.on.obliterate()
    locked.cut()
    assert locked.start().status()["volumes"] == []
    with pytest.raises(Refusal, match="there is no volume"):
        locked.on.unlock(b"right")
    locked.cut()
    locked.put_back(before)
    with pytest.raises(Refusal, match="was put back"):
        locked.start()


def test_a_deleted_volume_is_gone_and_the_others_stay(chip):
    chip.on.add_volume("scratch")
    chip.on.delete_volume("data")
    chip.restart().unlock(None)
    assert chip.on.volumes.names() == ["scratch"]
    with pytest.raises(InputError, match="no volume 'data'; volumes: scratch"):
        chip.on.delete_volume("data")


def test_what_was_bound_is_kept(chip):
    chip.on.kept.bind("policy", "abc")
    assert chip.restart().kept.bound("policy") == "abc"
    assert chip.on.kept.bound("nothing") is None


def test_a_failing_memory_stops_the_chip_and_changes_nothing(chip, monkeypatch):
    chip.on.set_password(None, b"right")

    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spacegrey.t2.storage.modules.ModuleFile.write", full)
    with pytest.raises(Refusal, match="cannot be written: No space left"):
        chip.on.set_filevault(on=True, password=b"right")
    monkeypatch.undo()
    with pytest.raises(Refusal, match="failed before"):
        chip.on.kept.bind("a", "b")
    assert chip.restart().filevault is False
    chip.on.unlock(None)
