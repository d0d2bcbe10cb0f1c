"""SIGKILL at random moments: whatever was being done, the next start finds the state before it or after it.

Each round is a process of its own that switches the chip on, works on it, and says what was answered; it is killed
somewhere in between. `SPACEGREY_KILLS` sets how many rounds.
"""

import os
import random
import signal
import time

import pytest

from spacegrey.errors import Refusal

ROUNDS = int(os.environ.get("SPACEGREY_KILLS", "12"))


def _killed(chip, work, answers, part, took=0.02):
    """Run ``work(on, say)`` on a chip in a process that is killed, and return what it had said, line by line.

    The kill comes so many answers after the start, and then a part of the time that the last one took.
    """
    assert chip.on is None
    said, says = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - another process
        try:
            os.close(said)
            work(chip.start(), lambda text: os.write(says, text.encode() + b"\n"))
        finally:
            os._exit(0)
    os.close(says)
    heard, began = b"", time.monotonic()
    for _ in range(answers):
        heard += os.read(said, 4096)
        took, began = time.monotonic() - began, time.monotonic()
    time.sleep(part * took)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(said, "rb") as file:
        return (heard + file.read()).decode().splitlines()


def _rounds(seed=11):
    """Yield when to kill: after none to two answers, and somewhere in the next one."""
    draw = random.Random(seed)
    for _ in range(ROUNDS):
        yield draw.randint(0, 2), draw.uniform(0.0, 1.3)


def _opens(chip, password, user=None):
    try:
        chip.on.unlock(password, user)
    except Refusal:
        with pytest.raises(Refusal, match=r"wrong password|FileVault is on"):
            chip.on.unlock(password, user)
        return False
    return True


def test_a_kill_while_the_password_changes_leaves_the_last_answered_or_the_one_under_way(locked):
    locked.on.unlock(b"right")
    key, number, heard = locked.volume_key(), 0, 0

    def change(on, say):
        old = b"%d" % number if number else b"right"
        for new in range(number + 1, number + 1000):
            on.set_password(old, b"%d" % new)
            say(str(new))
            old = b"%d" % new

    for answers, part in _rounds():
        locked.cut()
        said = _killed(locked, change, answers, part)
        heard += len(said)
        last = int(said[-1]) if said else number
        locked.start()
        number = next((one for one in (last, last + 1) if _opens(locked, b"%d" % one if one else b"right")), -1)
        assert number >= 0, "neither opens"
        assert locked.volume_key() == key
        assert len(list(locked.disk.iterdir())) == 1, "nothing half is left"
    assert heard > ROUNDS / 3, "kills come after answers too"


def test_a_kill_while_attempts_are_made_loses_none_that_was_answered(locked):
    locked.cut()
    total = 0

    def guess(on, say):
        while True:
            with pytest.raises(Refusal):
                on.unlock(b"guess")
            say("wrong")

    for answers, part in _rounds():
        if total >= 4:  # before a delay
            locked.start().unlock(b"right")
            locked.cut()
            total = 0
        said = _killed(locked, guess, answers, part)
        found = locked.start().status()["attempts"]["failed"]
        locked.cut()
        assert found >= min(total + len(said), 5), (found, total, said)
        total = found
        if total >= 5:
            locked.start()
            locked.clock.now += 3600.0
            locked.on.tick()
            locked.on.unlock(b"right")
            locked.cut()
            total = 0


def test_a_kill_while_filevault_turns_leaves_it_on_or_off_and_one_way_in(chip):
    chip.on.set_password(None, b"right")
    key, on_now, seen = chip.volume_key(), False, set()

    def turn(on, say):
        state = on_now
        while True:
            state = not state
            text = on.set_filevault(on=state, password=b"right")
            say(text or "off")

    for answers, part in _rounds():
        chip.cut()
        said = _killed(chip, turn, answers, part)
        chip.start()
        answered = said[-1] != "off" if said else on_now
        on_now = chip.on.filevault
        under_way = on_now != answered
        seen.add(on_now)
        assert _opens(chip, None) is not on_now, "without a password it opens where FileVault is off, and only there"
        if not on_now:
            assert chip.on.status()["recovery_key"] is False
        elif said and said[-1] != "off" and not under_way:
            chip.restart().unlock_with_recovery_key(said[-1])
            assert chip.volume_key() == key
        chip.restart().unlock(b"right")
        assert chip.volume_key() == key
    assert seen == {False, True}


def test_a_kill_while_everything_is_erased_leaves_all_or_nothing(chip):
    chip.on.set_password(None, b"right")
    chip.on.set_filevault(on=True, password=b"right")
    chip.on.unlock(b"right")
    key, seen = chip.volume_key(), set()
    chip.cut()
    files, anchor = chip.files(), chip.anchor.path.read_bytes()

    def erase(on, say):
        on.obliterate()
        say("erased")

    began = time.monotonic()
    assert _killed(chip, erase, 1, 0.0) == ["erased"]
    took = time.monotonic() - began
    for _, part in _rounds():
        for path in chip.disk.iterdir():
            path.unlink()
        chip.put_back(files)
        chip.anchor.path.write_bytes(anchor)
        said = _killed(chip, erase, 0, part, took)
        chip.start()
        if chip.on.status()["volumes"]:
            assert not said, "it was answered"
            chip.on.unlock(b"right")
            assert chip.volume_key() == key
            seen.add("whole")
        else:
            assert chip.on.status()["users"] == []
            with pytest.raises(Refusal, match="there is no volume"):
                chip.on.unlock(b"right")
            seen.add("erased")
        chip.cut()
    assert seen == {"whole", "erased"}


def test_a_kill_while_users_come_and_go_leaves_each_whole_or_not_there(locked):
    users = set()

    def change(on, say):
        here = set(users)
        while True:
            for name in ("anna", "bert"):
                if name in here:
                    on.remove_user(name, b"right")
                else:
                    on.add_user(name, name.encode(), b"right", admin=False)
                here ^= {name}
                say(" ".join(sorted(here)))

    for answers, part in _rounds():
        locked.cut()
        said = _killed(locked, change, answers, part)
        answered = set(said[-1].split()) if said else users
        users = set(locked.start().status()["users"]) - {"admin"}
        assert len(users ^ answered) <= 1, "at most the one under way"
        for name in users:
            locked.restart().unlock(name.encode(), name)
        locked.restart()
