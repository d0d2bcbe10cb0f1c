"""Power cuts between any two calls, and old copies of any mix of files."""

import itertools
import shutil
from dataclasses import dataclass, replace

import pytest

from spacegrey.errors import Refusal
from spacegrey.t2.boot.chain import Start, boot
from spacegrey.t2.boot.firmware import install
from spacegrey.t2.boot.personalise import personalise
from spacegrey.t2.boot.policy import SecureBoot
from spacegrey.t2.boot.repair import restore
from spacegrey.t2.boot.results import Outcome
from spacegrey.t2.boot.state import StateFile
from spacegrey.t2.boot.volumes import manifest_name
from spacegrey.t2.files import HostFiles


@dataclass(frozen=True)
class Event:
    kind: str
    name: str = ""
    other: object = None


class Recorder(HostFiles):
    """Keeps every call that changes the folder."""

    def __init__(self, folder, events):
        super().__init__(folder)
        self.events = events

    def write(self, name, content):
        self.events.append(Event("write", name, content))
        super().write(name, content)

    def sync(self, name):
        self.events.append(Event("sync", name))
        super().sync(name)

    def rename(self, old, new):
        self.events.append(Event("rename", old, new))
        super().rename(old, new)

    def unlink(self, name):
        self.events.append(Event("unlink", name))
        super().unlink(name)

    def sync_folder(self):
        self.events.append(Event("sync-folder"))
        super().sync_folder()


@dataclass
class Disk:
    """What is durable: contents by number, numbers by name."""

    contents: dict
    names: dict


def crash_states(before, events):  # noqa: C901 - one walk along the events
    """Yield (events done, files): every prefix, with any subset of names changed since the last sync of the folder.

    A file that was written and not synced is there whole, in half, or empty.
    """
    for count in range(len(events) + 1):
        contents = {number: [data] for number, data in enumerate(before.values())}
        names = {name: number for number, name in enumerate(before)}
        now, loose, live = len(contents), [], dict(names)
        for event in events[:count]:
            if event.kind == "write":
                contents[now] = [event.other, event.other[: len(event.other) // 2], b""]
                loose.append((event.name, now))
                live[event.name] = now
                now += 1
            elif event.kind == "sync":
                contents[live[event.name]] = contents[live[event.name]][:1]
            elif event.kind == "rename":
                number = live.pop(event.name)
                live[event.other] = number
                loose += [(event.name, None), (event.other, number)]
            elif event.kind == "unlink":
                live.pop(event.name, None)
                loose.append((event.name, None))
            elif event.kind == "sync-folder":
                names, loose = dict(live), []
        for kept in itertools.product((True, False), repeat=len(loose)):
            there = dict(names)
            for (name, number), keep in zip(loose, kept, strict=True):
                if keep:
                    there[name] = number
            there = {name: number for name, number in there.items() if number is not None}
            choices = [[(name, data) for data in contents[number]] for name, number in there.items()]
            for files in itertools.product(*choices):
                yield count, dict(files)


def read_all(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def write_all(folder, files):
    for path in folder.iterdir():
        if path.is_file():
            path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


class LoggedLocker:
    """The enclave: durable before it answers, and on the same time line as the files."""

    def __init__(self, locker, events):
        self.locker, self.events = locker, events

    def bind(self, name, digest):
        self.events.append(Event("bind", name, digest))
        self.locker.bind(name, digest)

    def bound(self, name):
        return self.locker.bound(name)


def recorded(world):
    """Return the machine with its calls recorded, the list of them, and what was there before."""
    events = []
    files = Recorder(world.folder, events)
    state = StateFile(files, LoggedLocker(world.locker, events))
    return replace(world.machine, files=files, state=state), events, read_all(world.folder), dict(world.locker.kept)


def play(world, before, events, kept):
    """Put the machine into each crash state in turn, and yield how many events were done."""
    seen = set()
    for count, files in crash_states(before, events):
        bound = dict(kept)
        for event in events[:count]:
            if event.kind == "bind":
                bound[event.name] = event.other
        key = (tuple(sorted(files.items())), tuple(sorted(bound.items())))
        if hash(key) in seen:
            continue
        seen.add(hash(key))
        write_all(world.folder, files)
        world.locker.kept = bound
        yield count


def test_the_recorder_sees_what_an_unsafe_write_loses():
    """The method finds a fault: a rename before the sync can leave half a file under the good name."""
    events = [Event("write", "a.new", b"newer"), Event("rename", "a.new", "a"), Event("sync-folder")]
    assert any(files.get("a") == b"ne" for _, files in crash_states({"a": b"old"}, events))
    events.insert(1, Event("sync", "a.new"))
    assert {files.get("a") for _, files in crash_states({"a": b"old"}, events)} == {b"old", b"newer"}


def test_a_cut_during_an_update_leaves_the_old_firmware_or_the_new(world):
    machine, events, before, kept = recorded(world)
    install(machine, machine.state.load(), "bridge-2")
    builds = []
    for _ in play(world, before, events, kept):
        builds.append(world.machine.state.load().build)
        result = boot(world.machine)
        assert (result.outcome, result.code) == (Outcome.MACOS, None)
    assert set(builds) == {"bridge-1", "bridge-2"}
    assert len(builds) >= 40


def test_a_cut_during_a_change_of_policy_leaves_the_old_one_or_the_new(world):
    machine, events, before, kept = recorded(world)
    machine.state.save(replace(machine.state.load(), secure_boot=SecureBoot.NONE))
    found = [world.machine.state.load().secure_boot for _ in play(world, before, events, kept)]
    assert set(found) == {SecureBoot.FULL, SecureBoot.NONE}
    assert found[-1] is SecureBoot.NONE


def test_a_cut_during_a_restore_leaves_data_or_a_machine_that_waits_for_another(world):
    boot(world.machine, Start("dfu"))
    machine, events, before, kept = recorded(world)

    class Marked:
        def pair(self):
            return world.modules.pair()

        def erase(self):
            beside = {"BaseSystem.dmg.new", "BaseSystem.chunklist.new", "BaseSystem.chunklist.j137ap.im4m.new"}
            there = read_all(world.folder / "system")
            assert {name: there[name] for name in set(there) - beside} == installed, "nothing goes before the keys do"
            events.append(Event("erase"))
            return world.modules.erase()

    installed = read_all(world.folder / "system")
    restore(replace(machine, flash=Marked()), "bridge-2")
    emptied = read_all(world.folder / "system")
    assert "boot.efi" in set(installed) - set(emptied)
    erased_at = next(number for number, event in enumerate(events) if event.kind == "erase")
    seen = set()
    for count in play(world, before, events, kept):
        write_all(world.folder / "system", installed if count <= erased_at else emptied)
        result = boot(world.machine)
        if count > erased_at:
            assert result.code in {"restore-unfinished", "not-activated"}, count
        else:
            assert result.code in {None, "restore-unfinished"}, count
        seen.add(result.code)
    assert seen == {None, "restore-unfinished", "not-activated"}


def test_a_cut_while_a_ticket_is_laid_down_never_starts_what_was_not_verified(world, external):
    world.machine.state.save(replace(world.machine.state.load(), external_boot=True))
    events = []
    folder = external.files._folder  # noqa: SLF001 - the test's own disk
    before = read_all(folder)
    personalise(world.machine, replace(external, files=Recorder(folder, events)))
    world.network.up = False
    seen = set()
    for _, files in crash_states(before, events):
        write_all(folder, files)
        result = boot(world.machine, Start(disk=external))
        assert result.code in {None, "network"}
        if result.outcome is Outcome.MACOS:
            assert all(entry.verdict == "verified" for entry in result.entries)
        seen.add(result.outcome)
    assert seen == {Outcome.MACOS, Outcome.ASSISTANT}
    assert (folder / manifest_name("boot.efi", "j137", world.machine.chip.ecid)).exists()


def test_no_mix_of_old_files_brings_an_old_policy_or_an_old_firmware_back(world):
    """Every mix of two moments' files: what starts has the latest policy and firmware, or nothing starts."""
    weak = replace(world.machine.state.load(), secure_boot=SecureBoot.NONE, external_boot=True)
    world.machine.state.save(weak)
    old = read_all(world.folder)
    latest = install(world.machine, world.machine.state.load(), "bridge-2")
    latest = replace(latest, secure_boot=SecureBoot.FULL, external_boot=False)
    world.machine.state.save(latest)
    new = read_all(world.folder)
    changed = [name for name in old.keys() | new.keys() if old.get(name) != new.get(name)]
    assert len(changed) >= 5
    started = 0
    for which in itertools.product((old, new), repeat=len(changed)):
        files = {**new, **{name: moment.get(name) for name, moment in zip(changed, which, strict=True)}}
        write_all(world.folder, {name: data for name, data in files.items() if data is not None})
        try:
            result = boot(world.machine)
        except Refusal as error:
            assert "put back or changed" in str(error)  # noqa: PT017 - one of two good ends
            continue
        state = world.machine.state.load()
        assert (state.secure_boot, state.external_boot, state.build) == (SecureBoot.FULL, False, "bridge-2")
        assert result.outcome in {Outcome.MACOS, Outcome.DFU, Outcome.T2_RECOVERY, Outcome.RECOVERY}
        started += result.outcome is Outcome.MACOS
        world.machine.state.save(latest)
        new["state.json"] = (world.folder / "state.json").read_bytes()
    assert started >= 1


def test_without_an_enclave_an_old_state_is_not_noticed_and_the_page_says_so(world):
    """The limit that docs/secure-boot.md names."""
    from spacegrey.t2.boot.state import Unanchored

    alone = StateFile(HostFiles(world.folder), Unanchored())
    old = (world.folder / "state.json").read_bytes()
    alone.save(replace(alone.load(), external_boot=True))
    (world.folder / "state.json").write_bytes(old)
    assert alone.load().external_boot is False


@pytest.mark.parametrize("where", ["write", "sync", "rename"])
def test_a_full_disk_leaves_the_old_state_and_one_clear_line(world, monkeypatch, where):
    def fail(*_):
        raise OSError(28, "No space left on device")

    before = world.machine.state.load()
    monkeypatch.setattr(HostFiles, where, fail)
    with pytest.raises(Refusal, match="cannot be written: no space left on device"):
        world.machine.state.save(replace(before, external_boot=True))
    monkeypatch.undo()
    assert world.machine.state.load() == before
    assert not list(world.folder.glob("*.new"))
    shutil.rmtree(world.folder)
