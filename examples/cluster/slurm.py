"""Start a Dask cluster on Slurm and run a sweep on it: python slurm.py SWEEP.toml DIR [WORKERS].

Needs `pip install 'spacegrey[cluster]' dask-jobqueue` where Slurm's login node and its compute nodes see it.
"""

import subprocess
import sys

from dask_jobqueue import SLURMCluster


def main() -> int:
    """Ask Slurm for workers, and hand the sweep to them; the workers end with it."""
    sweep, out, *workers = sys.argv[1:]
    # A job has four cores as four threads: the kernel runs without the interpreter's lock.
    with SLURMCluster(cores=4, processes=1, memory="4GB", walltime="02:00:00") as cluster:
        cluster.scale(jobs=int(workers[0]) if workers else 8)
        address = cluster.scheduler_address
        command = ["spacegrey", "sweep", sweep, "--out", out, "--resume", "--cluster", address]
        return subprocess.run(command, check=False).returncode  # noqa: S603 - our own command


if __name__ == "__main__":
    sys.exit(main())
