"""A sweep on a real Dask cluster of processes: one is killed in mid-sweep, and every row is there exactly once."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
import yaml
from distributed import Client
from typer.testing import CliRunner

from spacegrey.errors import InputError
from spacegrey.interfaces.cli.application import app
from spacegrey.simulation.sweep import cluster

ROWS = 6000
SWEEP = f"""
title = "a room that warms up"
machines = ["imac-pro", "imac-5k-2017"]
workloads = ["cinebench-r15-loop"]
sampling = "latin-hypercube"
samples = {ROWS // 2}
seed = 5

[vary]
ambient = {{ from = "15C", to = "35C" }}
"""
EXAMPLES = Path(__file__).parents[2] / "examples" / "cluster"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def started(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


@pytest.fixture(scope="module")
def dask():
    """Return the address of a scheduler with three workers, each a process of its own without a nanny."""
    address = f"tcp://127.0.0.1:{free_port()}"
    port = address.rpartition(":")[2]
    processes = [started("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")]
    time.sleep(1.0)
    processes += [
        started("distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
                "--host", "127.0.0.1", "--name", str(number))
        for number in range(3)
    ]  # fmt: skip
    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(3, timeout=60)
    yield address
    for process in processes:
        process.kill()
        process.wait()


def test_a_worker_that_is_killed_loses_no_row_and_doubles_none(dask, tmp_path, monkeypatch):
    (tmp_path / "s.toml").write_text(SWEEP, encoding="utf-8")
    out = tmp_path / "runs"
    monkeypatch.setattr(
        "spacegrey.simulation.sweep.estimate.CHUNK_S", 0.05
    )  # chunks enough to be in the middle of them
    with Client(dask, timeout=60, set_as_default=False) as client:
        victims = client.run(os.getpid)
    real, seen = cluster.chunks, []

    def watched(client, made, bounds):
        for done in real(client, made, bounds):
            seen.append(done)
            if len(seen) == 2:
                os.kill(next(iter(victims.values())), signal.SIGKILL)
            yield done

    monkeypatch.setattr(cluster, "chunks", watched)
    done = CliRunner().invoke(app, ["sweep", str(tmp_path / "s.toml"), "--out", str(out), "--cluster", dask, "--json"])
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout)
    assert answer["run"]["given_up"] == []
    assert len(seen) > 6
    with Client(dask, timeout=60, set_as_default=False) as client:
        assert len(client.scheduler_info()["workers"]) == 2
    rows = duckdb.read_parquet(f"{out}/part-*.parquet").project("row, energy_wh").order("row").fetchnumpy()
    assert list(rows["row"]) == list(range(ROWS))
    local = CliRunner().invoke(app, ["sweep", str(tmp_path / "s.toml"), "--out", str(tmp_path / "here")])
    assert local.exit_code == 0, local.output
    here = duckdb.read_parquet(f"{tmp_path}/here/part-*.parquet").project("row, energy_wh").order("row").fetchnumpy()
    assert rows["energy_wh"] == pytest.approx(here["energy_wh"], rel=1e-12)


def test_a_chunk_that_fails_is_named_and_the_others_go_on(dask, monkeypatch):
    def fails(_made, start, _stop, _threads):
        if start == 10:
            raise RuntimeError("this one")
        return start

    monkeypatch.setattr(cluster, "run_chunk", fails)
    monkeypatch.setattr(cluster, "DEATHS", 0)
    import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    with Client(dask, timeout=60, set_as_default=False) as client:
        done = dict(cluster.chunks(client, "a plan", [(0, 10), (10, 20), (20, 30)]))
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    assert done == {0: 0, 1: "RuntimeError: this one", 2: 20}


@pytest.mark.parametrize(
    ("address", "said"),
    [("10.0.0.1:8786", "begins with tcp://"), ("tcp://127.0.0.1:{free}", "no scheduler answers")],
)
def test_a_cluster_that_is_not_there_is_one_line_and_leaves_nothing(address, said, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 1)
    (tmp_path / "s.toml").write_text(SWEEP, encoding="utf-8")
    arguments = ["sweep", str(tmp_path / "s.toml"), "--out", str(tmp_path / "runs"), "--cluster"]
    done = CliRunner().invoke(app, [*arguments, address.format(free=free_port())])
    assert done.exit_code == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


def test_a_worker_of_another_version_is_refused(dask, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "99.0")
    with (
        pytest.raises(InputError, match=r"worker tcp://\S+ has spacegrey .*, and here is 99\.0"),
        cluster.connected(dask),
    ):
        pass


def test_a_million_machines_are_some_hundred_tasks():
    # a second of work on one core is at least 5,000 machines of a minute, so 10^6 of them are at most 200 chunks
    from spacegrey.simulation.sweep.estimate import MOST_CHUNK
    from spacegrey.simulation.sweep.partitions import Record, bounds, partitions

    record = Record(2, "", "", 10**6, 5000, "", "", "")
    assert partitions(record) == 200
    assert bounds(record, 199) == (995_000, 10**6)
    assert MOST_CHUNK > 5000


def test_the_files_for_kubernetes_and_slurm_hold():
    made = yaml.safe_load((EXAMPLES / "kubernetes.yaml").read_text(encoding="utf-8"))
    assert made["kind"] == "DaskCluster"
    for role in ("scheduler", "worker"):
        command, verb, *_ = made["spec"][role]["spec"]["containers"][0]["args"]
        asked = [Path(sys.executable).parent / command, verb, "--version"]
        assert subprocess.run(asked, check=False, capture_output=True).returncode == 0, asked
    compile((EXAMPLES / "slurm.py").read_text(encoding="utf-8"), "slurm.py", "exec")


def test_a_chunk_that_was_lost_after_it_was_done_is_waited_for(monkeypatch):
    """Its worker died between the news and the fetching: the scheduler does it again, and there is no error to tell."""
    import distributed

    class Lost:
        key, status = "one", "lost"

        def exception(self):
            return None

        def result(self):
            return "rows"

        def release(self):
            pass

    class Scheduler:
        loop = None

        def nthreads(self):
            return {"worker": 1}

        def scatter(self, made, **_how):
            return made

        def submit(self, *_words, **_how):
            return Lost()

    monkeypatch.setattr(distributed, "as_completed", lambda futures, **_how: futures)
    assert list(cluster.chunks(Scheduler(), None, [(0, 10)])) == [(0, "rows")]
