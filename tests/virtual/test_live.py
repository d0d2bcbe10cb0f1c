"""A machine that runs: its sensors say what it is now, and what is written reaches it while it runs."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from spacegrey.errors import InputError, Refusal
from spacegrey.machine.assembly import machine
from spacegrey.simulation.stepping import Stepped
from spacegrey.t2 import smc
from spacegrey.virtual import live, management
from spacegrey.virtual.instance import FORMAT, Instance, InstanceFile
from spacegrey.virtual.line import SOCKET, ask, checked, key_bytes
from spacegrey.virtual.live import Manager, serve
from spacegrey.virtual.management import measured, started
from spacegrey.workload.library import workload

LOOP = "cinebench-r15-loop"
READABLE = [name for name, key in smc.smc_keys().items() if key.refused is None]


class Clock:
    """Time that passes when a test says so. [s]."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def instance(tmp_path):
    file = InstanceFile(format=FORMAT, selector="imac-pro", ecid=f"0x{7:016X}", attempts="2022", made_by="0")
    return Instance(tmp_path, file)


@pytest.fixture
def manager(instance, clock):
    return Manager(instance, started(instance, LOOP), clock)


def value(manager, key):
    answer = manager.answer({"do": "read", "keys": [key]})
    assert answer["ok"], answer
    return smc.shown(key, bytes.fromhex(answer["bytes"][key]))


@pytest.mark.claims("T1")
def test_a_key_reads_what_the_machine_is_at_that_moment(manager, clock, run_of):
    trace = run_of(LOOP, "imac-pro").trace
    seen = []
    for at in (1, 20, 60, 200):
        clock.now = 1000.0 + at
        row = int((trace["time_s"] <= at + 0.05).sum()) - 1
        seen.append(value(manager, "TC0c"))
        assert seen[-1] == pytest.approx(trace["cpu_temp_c"][row], abs=1 / 512)
        assert value(manager, "PCPR") == pytest.approx(trace["cpu_power_w"][row], rel=1e-6)
        assert value(manager, "F0Ac") == pytest.approx(trace["fan_rpm"][row], rel=1e-6)
        assert value(manager, "TH0a") == pytest.approx(trace["storage_temp_c"][row], abs=1 / 512)
    assert len(set(seen)) == len(seen)


@pytest.mark.claims("T1")
def test_a_fan_s_target_reaches_the_cooling_while_the_machine_runs_and_goes_again(manager, clock, instance):
    left_alone = Manager(instance, started(instance, LOOP), clock)
    clock.now += 60.0
    before = value(manager, "F0Ac")
    assert value(left_alone, "TC0c") == value(manager, "TC0c")
    assert manager.answer({"do": "write", "key": "F0Tg", "value": 2500.0})["ok"]
    clock.now += 5.0
    assert value(manager, "F0Ac") == before, "its mode is automatic yet"
    assert manager.answer({"do": "write", "key": "F0Md", "value": 1})["ok"]
    speeds = []
    for _ in range(60):
        clock.now += 1.0
        speeds.append(value(manager, "F0Ac"))
    assert before < speeds[0] < 2500.0, "it follows at its own rate"
    assert np.all(np.diff(speeds) >= 0.0)
    assert speeds[-1] == pytest.approx(2500.0)
    assert (value(manager, "F0Md"), value(manager, "F1Tg")) == (1, 2500.0)
    assert value(manager, "TC0c") < value(left_alone, "TC0c") - 5.0
    assert json.loads((instance.folder / "smc.json").read_text())["held"] is True
    manager.answer({"do": "write", "key": "F0Md", "value": 0})
    clock.now += 30.0
    assert value(manager, "F0Ac") < 2500.0


def test_a_machine_without_a_target_is_not_held_by_its_mode_alone(manager, clock):
    manager.answer({"do": "write", "key": "F0Md", "value": 1})
    clock.now += 5.0
    assert (value(manager, "F0Md"), value(manager, "F0Ac")) == (0, 1100.0)


def test_the_same_questions_at_the_same_times_have_the_same_answers(instance, clock):
    def played():
        clock.now = 0.0
        one = Manager(instance, started(instance, LOOP), clock)
        found = []
        for at in (3.0, 3.4, 17.0, 90.0):
            clock.now = at
            found.append(one.answer({"do": "read", "keys": READABLE}))
        return found

    first = played()
    assert first == played()
    assert first[0] == first[1], "the controller looks once a second"


def test_when_its_work_is_done_it_idles(instance, clock):
    one = Manager(instance, started(instance, "cinebench-r15"), clock, speed=100.0)
    clock.now += 0.2
    busy = value(one, "PCPR")
    assert one.answer({"do": "now"})["ended_s"] is None
    clock.now += 40.0
    assert value(one, "PCPR") < busy / 3
    now = one.answer({"do": "now"})
    assert now["ended_s"] == pytest.approx(27.6, abs=0.2)
    assert now["seconds"] == 4020


def test_a_machine_that_is_stepped_in_pieces_is_where_one_is_that_was_stepped_at_once():
    whole, pieces = (Stepped(machine("imac-pro"), workload(LOOP)) for _ in range(2))
    whole.step(400)  # beyond the end of the work
    for _ in range(80):
        pieces.step(5)
    assert whole.seconds == pieces.seconds == 400
    assert whole.ended_s == pieces.ended_s
    assert whole.state() == pieces.state()


def test_the_end_of_a_work_is_the_end_of_its_run(instance, run_of):
    trace = run_of("cinebench-r15", "imac-pro").trace
    found = measured(instance, "cinebench-r15")
    assert found["cpu_junction_c"] == pytest.approx(trace["cpu_temp_c"][-1], abs=2.0), "within its last second"
    running = started(instance, "cinebench-r15")
    running.finish()
    assert running.ended_s == run_of("cinebench-r15", "imac-pro").duration_s


@pytest.mark.parametrize("selector", ["imac-pro", "imac-pro:18-core,vega-64", "imac-pro+ambient=31C,fan=max"])
def test_what_the_supply_delivers_is_what_its_loads_take(selector):
    """Its loss, added again, is what comes from the wall; and no load is forgotten."""
    from spacegrey.parts.power.laws import supply_loss_w

    one = Stepped(machine(selector), workload(LOOP))
    one.step(30)
    state, supply = one.state(), one.machine.supply
    out = state["system_power_w"]
    lost = supply_loss_w(out, supply.standing_loss_w, supply.proportional_loss, supply.resistive_loss_per_w)
    assert out + lost == pytest.approx(state["wall_power_w"], rel=1e-9)
    assert out > state["cpu_power_w"] + state["gpu_power_w"] + state["memory_power_w"] + supply.board_w


# a message that is wrong, and what the answer says
WRONG = [
    ({"do": "read", "keys": ["XXXX"]}, "refusal", 0x84, "no SMC key 'XXXX'"),
    ({"do": "read", "keys": "TC0c"}, "input", None, "a list"),
    ({"do": "read", "keys": [1]}, "input", None, "a list"),
    ({"do": "read", "keys": ["x" * 60000]}, "refusal", 0x84, "no SMC key 'xxxxxxxx...'"),
    ({"do": "write", "key": "F0Tg", "value": 10**400}, "input", None, "no such number"),
    ({"do": "write", "key": "F0Tg", "value": float("nan")}, "input", None, "no such number"),
    ({"do": "info", "key": "XXXX"}, "refusal", 0x84, "no SMC key"),
    ({"do": "info"}, "input", None, "four signs"),
    ({"do": "at", "index": 1000}, "refusal", 0xB8, "number 1000"),
    ({"do": "at", "index": "1"}, "refusal", 0xB8, "number -1"),
    ({"do": "write", "key": "TC0c", "value": 1.0}, "refusal", 0x86, "reading only"),
    ({"do": "write", "key": "F0Tg", "value": 9000.0}, "input", None, "1100 to 2500"),
    ({"do": "write", "key": "F0Tg", "value": True}, "input", None, "write a number"),
    ({"do": "write", "key": "F0Tg", "value": "x"}, "input", None, "write a number"),
    ({"do": "dance", "key": "F0Tg"}, "input", None, "what can be done"),
    ({}, "input", None, "four signs"),
]


@pytest.mark.parametrize(("message", "kind", "status", "said"), WRONG)
def test_a_wrong_message_is_answered_with_a_status_or_one_line(manager, message, kind, status, said):
    answer = manager.answer(message)
    assert (answer["ok"], answer["kind"], answer["status"]) == (False, kind, status)
    assert said in answer["text"]
    assert "\n" not in answer["text"]


def test_a_machine_whose_folder_is_full_says_so_and_goes_on(manager, monkeypatch):
    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(management, "write_whole", full)
    answer = manager.answer({"do": "write", "key": "F0Tg", "value": 2000.0})
    assert (answer["ok"], answer["kind"]) == (False, "refusal")
    assert answer["text"].endswith(": no space left on device")
    assert manager.answer({"do": "now"})["ok"]


# an answer of something else than this program, and what is said
STRANGE = [
    ({}, Refusal, "no such answer"),
    ({"bytes": ["TC0c"]}, Refusal, "no such answer"),
    ({"bytes": {"TC0c": 1}}, Refusal, "no such answer"),
    ({"bytes": {"TC0c": "zz"}}, Refusal, "no such answer"),
    ({"bytes": {"TC0c": "00"}}, Refusal, "another version"),
    ({"ok": False, "status": 1, "text": "no"}, Refusal, "no"),
    ({"ok": False, "status": "x", "kind": "input", "text": "no"}, InputError, "no"),
]


@pytest.mark.parametrize(("answer", "kind", "said"), STRANGE)
def test_an_answer_that_is_none_is_one_line(answer, kind, said):
    with pytest.raises(kind, match=said):
        key_bytes(checked({"ok": True, **answer}), ["TC0c"])


def test_fans_that_a_changed_file_holds_where_they_cannot_turn_are_refused(instance, manager):
    for target in ("9000", "1e400", "-1", "NaN", "9" * 400):
        (instance.folder / "smc.json").write_text('{"format": 1, "held": true, "target_rpm": %s}' % target)  # noqa: UP031 - braces
        answer = manager.answer({"do": "read", "keys": ["F0Tg"]})
        assert not answer["ok"]
        assert "cannot turn" in answer["text"]


def test_a_key_says_its_type_and_its_place(manager):
    assert manager.answer({"do": "info", "key": "F0Tg"}) == {
        "ok": True, "length": 4, "type": "flt ", "attributes": 0xD4,
    }  # fmt: skip
    assert manager.answer({"do": "at", "index": 0}) == {"ok": True, "key": "#KEY"}


@pytest.mark.parametrize("speed", [0.0, -1.0, 1001.0, float("nan"), float("inf")])
def test_a_speed_out_of_range_is_refused(instance, clock, speed):
    with pytest.raises(InputError, match="at most 1000"):
        Manager(instance, started(instance), clock, speed)


@pytest.fixture
def served(instance, manager):
    """Run the machine in a thread of the test."""
    stop, ready = threading.Event(), threading.Event()
    thread = threading.Thread(target=serve, args=(instance, manager, stop.is_set, ready.set))
    thread.start()
    assert ready.wait(10.0)
    yield manager
    stop.set()
    thread.join()


def test_over_its_socket_it_answers_as_it_does_itself(served, instance, clock):
    clock.now += 10.0
    found = ask(instance, do="read", keys=["TC0c", "F0Ac"])
    assert found["bytes"]["F0Ac"] == "00808944"
    assert smc.decode("sp78", bytes.fromhex(found["bytes"]["TC0c"])) == value(served, "TC0c")
    with pytest.raises(smc.SmcRefused, match=r"no SMC key 'XXXX' here.*\[SMC status 0x84\]$") as refused:
        ask(instance, do="info", key="XXXX")
    assert refused.value.status is smc.Status.NOT_FOUND
    with pytest.raises(InputError, match="1100 to 2500"):
        ask(instance, do="write", key="F0Tg", value=1.0)
    assert (instance.folder / SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_client_that_speaks_nonsense_or_leaves_does_not_stop_it(served, instance):
    for said in (b"", b"\xff\xff\xff\xff", b"\x00\x00\x00\x05[1,2]", b"\x00\x00\x00\x02{}"):
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(instance.folder / SOCKET))
            line.sendall(said)
    assert ask(instance, do="now")["seconds"] == served.running.seconds


@pytest.mark.usefixtures("served")
def test_a_client_that_dawdles_does_not_hold_the_machine(instance, monkeypatch):
    monkeypatch.setattr(live, "_PATIENCE_S", 0.3)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(instance.folder / SOCKET))
        line.send(b"\0\0\xff\xff")
        stop = threading.Event()

        def drip():
            while not stop.wait(0.1):
                try:
                    line.send(b"\0")
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            begin = time.monotonic()
            assert ask(instance, do="now") is not None
            assert time.monotonic() - begin < 5.0
        finally:
            stop.set()
            thread.join()


@pytest.mark.usefixtures("served")
def test_a_machine_runs_once(instance, clock):
    with pytest.raises(Refusal, match="runs already"):
        serve(instance, Manager(instance, started(instance), clock), lambda: True, lambda: None)
    assert ask(instance, do="now") is not None


def test_a_socket_of_one_that_was_killed_is_no_machine(instance, clock):
    (instance.folder / SOCKET).touch()
    assert ask(instance, do="now") is None
    serve(instance, Manager(instance, started(instance), clock), lambda: True, lambda: None)
    assert not (instance.folder / SOCKET).exists()


LOOKING = """
import json, subprocess, sys, time
program, folder = sys.argv[1:]
def smc(*words):
    done = subprocess.run([program, "t2", "smc", *words, "--dir", folder, "--json"], capture_output=True, text=True)
    return json.loads(done.stdout)[0]["value"] if done.returncode == 0 else done.stderr
seen = [smc("TC0c"), smc("F0Tg", "--set", "2500"), smc("F0Md", "--set", "1")]
time.sleep(1.0)
print(json.dumps([*seen, smc("F0Ac"), smc("XXXX"), smc("TC0c", "--at", "3")]))
"""


@pytest.mark.claims("T1")
def test_the_commands_a_process_that_runs_and_another_that_asks(tmp_path):
    program = Path(sys.executable).with_name("spacegrey")
    folder = tmp_path / "mac"
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    subprocess.run([program, "new", folder, "--as", "imac-pro"], check=True, env=environment, capture_output=True)
    script = tmp_path / "look.py"
    script.write_text(LOOKING)
    done = subprocess.run(
        [program, "t2", "live", folder, "--work", LOOP, "--speed", "60",
         "--run", f"{sys.executable} {script} {program} {folder}"],
        check=True, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    first, target, mode, speed, missing, late = json.loads(done.stdout)
    assert first > 30.0
    assert (target, mode, speed) == (2500.0, 1, pytest.approx(2500.0))
    assert "SMC status 0x84" in missing
    assert "belong to one that does not" in late
    assert not (folder / SOCKET).exists()
