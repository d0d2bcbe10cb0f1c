"""Old files put back, in any mixture, and power cut at any call: never more attempts, an old key or an old policy."""

import itertools
import random

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.enclave import Enclave
from spacegrey.t2.enclave.kept import manufacture
from spacegrey.t2.enclave.keys import Mode, Uid
from spacegrey.t2.enclave.locker import LOCKER_BYTES, Locker
from spacegrey.t2.enclave.process import _load_or_erase
from spacegrey.t2.storage.crashes import crash_states
from spacegrey.t2.storage.layers import Event, Recorder
from spacegrey.t2.storage.modules import ModuleFile


def _history(chip):
    """Return snapshots of a chip's life, oldest first, and what was right after each."""
    snapshots = []

    def keep(says):
        chip.cut()
        snapshots.append((says, chip.files()))
        chip.start()

    chip.on.kept.bind("policy", "full")
    keep("no password")
    chip.on.set_password(None, b"first")
    chip.on.set_filevault(on=True, password=b"first")
    keep("first password")
    chip.on.set_password(b"first", b"second")
    chip.on.kept.bind("policy", "none")
    keep("second password")
    chip.on.lock()
    for _ in range(3):
        with pytest.raises(Refusal):
            chip.on.unlock(b"guess")
    chip.cut()
    return snapshots, chip.files()


def _mixtures(snapshots, now):
    """Return every choice of an old or today's version for each file, but today's of all."""
    versions = [files for _, files in snapshots] + [now]
    lockers = [next(v for k, v in files.items() if k.name == "locker") for files in versions]
    bags = [{k: v for k, v in files.items() if k.name != "locker"} for files in versions]
    name = next(k for k in now if k.name == "locker")
    for locker, chosen in itertools.product(range(len(lockers)), itertools.product((False, True), repeat=len(bags))):
        put = {name: lockers[locker]}
        for bag, is_there in zip(bags, chosen, strict=True):
            if is_there:
                put |= bag
        if put != now:
            yield locker == len(lockers) - 1, put


def _erase(chip):
    chip.start().obliterate()


def _restore(chip):
    locker = Locker(ModuleFile(chip.locker_file), Uid(chip.uid), chip.anchor.advance)
    _load_or_erase(locker, chip.anchor)
    manufacture(Uid(chip.uid), locker, chip.disk, chip.profile, lambda name: name == "policy")
    locker.close()


@pytest.mark.claims("T2")
@pytest.mark.parametrize("then", [None, _erase, _restore])
def test_no_mixture_of_old_files_gives_attempts_an_old_key_or_an_old_policy(chip, then):
    snapshots, now = _history(chip)
    if then:
        snapshots.append(("before it was erased", now))
        then(chip)
        chip.cut()
        now = chip.files()
    tried = opened = 0
    for todays_locker, files in _mixtures(snapshots, now):
        for path in chip.disk.glob("keybag-*.json"):
            path.unlink()
        chip.put_back(files)
        anchored = chip.anchor.path.read_bytes()
        tried += 1
        try:
            chip.start()
        except Refusal:
            continue
        opened += 1
        assert todays_locker, "an old locker was taken"
        assert chip.on.status()["attempts"]["failed"] == (0 if then else 3)
        assert chip.on.status()["volumes"] == ([] if then else ["data"])
        assert chip.on.kept.bound("policy") == "none"
        for password in (None, b"first", *([b"second"] if then else [])):
            with pytest.raises(Refusal):
                chip.on.unlock(password)
        chip.cut()
        chip.anchor.path.write_bytes(anchored)
    assert tried > 60
    assert opened > 0, "today's own files among others are taken"


def test_a_folder_put_back_whole_with_this_computer_s_memory_of_it_is_not_noticed(locked):
    """The limit that the threat model states: software alone has no counter that cannot be set back."""
    files, anchor = (locked.cut(), locked.files())[1], locked.anchor.path.read_bytes()
    locked.start()
    for _ in range(3):
        with pytest.raises(Refusal):
            locked.on.unlock(b"guess")
    locked.cut()
    for path in locked.disk.glob("keybag-*.json"):
        path.unlink()
    locked.put_back(files)
    with pytest.raises(Refusal, match="put back"):
        locked.start()
    locked.anchor.path.write_bytes(anchor)
    assert locked.start().status()["attempts"]["failed"] == 0


def test_a_machine_from_elsewhere_must_be_adopted_and_an_old_one_cannot(chip):
    chip.cut()
    old = chip.files()
    chip.start().set_password(None, b"right")
    chip.cut()
    chip.anchor.path.unlink()
    with pytest.raises(Refusal, match="has not seen this machine before"):
        chip.start()
    chip.start(adopt=True)
    chip.cut()
    chip.start()
    chip.cut()
    chip.put_back(old)
    with pytest.raises(Refusal, match="put back"):
        chip.start()


@pytest.mark.parametrize("damaged", [False, True])
def test_a_restore_where_nobody_knows_how_new_the_chip_is_kills_its_old_states_too(chip, damaged):
    for number in range(5):
        chip.on.kept.bind("policy", str(number))
    chip.cut()
    old = chip.files()
    chip.anchor.path.unlink()
    if damaged:
        chip.locker_file.write_bytes(bytes(LOCKER_BYTES))
    _restore(chip)
    assert chip.start().status()["volumes"] == []
    chip.cut()
    chip.put_back(old)
    with pytest.raises(Refusal, match="put back"):
        chip.start()


def test_a_damaged_anchor_is_not_taken_for_none(chip):
    chip.cut()
    chip.anchor.path.write_text("{}")
    with pytest.raises(Refusal, match="damaged"):
        chip.start()


# power cuts


def _recorded(chip, act):
    """Return the locker's bytes before an act, the calls that it made, and the keybags and anchors there then were."""
    chip.cut()
    before = chip.locker_file.read_bytes()
    events, disk = [], {}
    chip.wrap = lambda device: Recorder(device, 0, events)
    chip.start()
    events.clear()
    before = chip.locker_file.read_bytes()
    disk = dict(chip.files())
    anchor = chip.anchor.path.read_bytes()
    try:
        act(chip.on, events)
    finally:
        chip.wrap = lambda device: device
    chip.cut()
    return before, events, {**disk, **chip.files()}, anchor


def _states(chip, act):
    """Yield the acts that had been answered, and the chip started from each state that a cut may leave."""
    before, events, files, anchor = _recorded(chip, act)
    bags = {name: content for name, content in files.items() if name.name != "locker"}
    for count, (image,) in crash_states([before], events, random.Random(7), 6):
        answered = [event.mark for event in events[:count] if event.kind == "mark"]
        for path in chip.disk.glob("keybag-*.json"):
            path.unlink()
        chip.put_back(bags)
        chip.locker_file.write_bytes(image)
        # The computer's own memory of it is behind: it is written after the locker, before the answer.
        chip.anchor.path.write_bytes(anchor)
        yield answered, chip.start()
        chip.cut()


def test_a_cut_while_the_password_is_changed_leaves_the_old_or_the_new_one(locked):
    def act(on, events):
        on.set_password(b"right", b"left")
        events.append(Event("mark", mark="changed"))

    seen = set()
    for answered, on in _states(locked, act):
        for password in (b"right", b"left"):
            try:
                on.unlock(password)
            except Refusal:
                continue
            seen.add(password)
            assert password == b"left" or not answered
            break
        else:
            pytest.fail("neither password opens")
    assert seen == {b"right", b"left"}


def test_a_cut_while_attempts_are_made_forgets_none_that_was_answered(locked):
    def act(on, events):
        for _ in range(3):
            with pytest.raises(Refusal):
                on.unlock(b"guess")
            events.append(Event("mark", mark="failed"))

    counts = set()
    for answered, on in _states(locked, act):
        failed = on.status()["attempts"]["failed"]
        assert failed >= len(answered)
        counts.add(failed)
    assert counts == {0, 1, 2, 3}


def test_after_an_answered_erasure_no_state_opens(chip):
    def act(on, events):
        on.obliterate()
        events.append(Event("mark", mark="erased"))

    seen = set()
    for answered, on in _states(chip, act):
        try:
            on.unlock(None)
        except Refusal:
            assert on.kept.content["media"] == {}
            seen.add("erased")
        else:
            assert not answered
            seen.add("open")
    assert seen == {"erased", "open"}


def test_after_an_answered_deletion_no_state_opens_the_volume_and_every_one_opens_the_other(chip):
    chip.on.add_volume("scratch")

    def act(on, events):
        on.delete_volume("data")
        events.append(Event("mark", mark="deleted"))

    seen = set()
    for answered, on in _states(chip, act):
        on.unlock(None)
        opened = on.volumes.names()
        assert opened == ["scratch"] or (not answered and opened == ["data", "scratch"])
        assert ("data" in on.kept.content["media"]) == ("data" in opened)
        seen.add(len(opened))
    assert seen == {1, 2}


def test_a_cut_in_a_restore_leaves_the_old_state_or_the_new_one_and_what_is_bound(chip):
    chip.on.kept.bind("policy", "none")

    def act(on, events):
        manufacture(Uid(chip.uid), on.kept.locker, chip.disk, "2022", lambda name: name == "policy")
        events.append(Event("mark", mark="restored"))

    seen = set()
    for answered, on in _states(chip, act):
        assert on.kept.bound("policy") == "none"
        whole = on.status()["volumes"] == ["data"]
        assert not (whole and answered)
        seen.add(whole)
    assert seen == {True, False}


def test_a_cut_in_a_restore_of_a_chip_that_was_just_made_leaves_one_that_starts(tmp_path, chip_in):
    chip = chip_in(tmp_path / "new").make()
    chip.start()

    def act(on, _events):
        manufacture(Uid(chip.uid), on.kept.locker, chip.disk, "2022")

    assert sum(1 for _ in _states(chip, act)) > 3


def test_the_old_slot_holds_nothing_after_a_change(chip):
    chip.on.set_password(None, b"right")
    chip.cut()
    raw = chip.locker_file.read_bytes()
    slots = [raw[: LOCKER_BYTES // 2], raw[LOCKER_BYTES // 2 :]]
    assert sorted(any(slot) for slot in slots) == [False, True]


def test_a_locker_of_another_version_is_refused(chip):
    chip.cut()
    raw = bytearray(chip.locker_file.read_bytes())
    for start in (0, LOCKER_BYTES // 2):
        if raw[start]:
            raw[start + 8 : start + 12] = (2).to_bytes(4, "big")
    chip.locker_file.write_bytes(raw)
    with pytest.raises(Refusal, match="format 2; this version of Spacegrey reads 1"):
        chip.start()


def test_the_chip_of_version_1_still_opens(tmp_path, chip_in):
    """The golden files: a chip that this version's first state made, with its password."""
    import shutil
    from pathlib import Path

    golden = Path(__file__).parent / "golden-1"
    chip = chip_in(shutil.copytree(golden, tmp_path / "chip"))
    device = ModuleFile(chip.locker_file)
    locker = Locker(device, Uid(chip.uid), chip.anchor.advance)
    locker.load(lambda *_state: None)
    chip.on = Enclave(Uid(chip.uid), locker, chip.disk, Mode.NORMAL, chip.clock)
    chip.on.unlock(b"golden password")
    assert chip.volume_key().hex() == (golden / "volume-key.hex").read_text().strip()
