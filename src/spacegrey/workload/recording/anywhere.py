"""The processes of a job where there is no Linux: what psutil tells everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil

from spacegrey.workload.recording.processes import Seen


@dataclass
class TreeAnywhere:
    """A process and what came from it, without the states of threads.

    Attributes
    ----------
    root : int
        The job's first process.
    missing : list of str
        What this system does not tell.
    """

    root: int
    missing: list[str] = field(
        default_factory=lambda: [
            "which threads wait: this system tells only processor time, so waiting counts as waiting for nothing"
        ]
    )
    _cpu_s: dict[int, float] = field(default_factory=dict[int, float])

    def look(self) -> Seen:
        """Look at every process of the job once; processes that end between two looks are missed."""
        memory_b, threads, reads, writes, longest_s, before = 0, 0, 0, 0, 0.0, sum(self._cpu_s.values())
        members: list[psutil.Process] = []
        try:
            first = psutil.Process(self.root)
            members = [first, *first.children(recursive=True)]
        except psutil.Error:
            pass
        for one in members:
            try:
                with one.oneshot():
                    times = one.cpu_times()
                    spent_s = times.user + times.system
                    longest_s = max(longest_s, spent_s - self._cpu_s.get(one.pid, 0.0))
                    self._cpu_s[one.pid] = spent_s
                    threads += one.num_threads()
                    memory_b += one.memory_info().rss
                    if hasattr(one, "io_counters"):
                        moved = one.io_counters()
                        reads, writes = reads + moved.read_bytes, writes + moved.write_bytes
            except (psutil.Error, OSError):
                continue
        cpu_s = sum(self._cpu_s.values())
        return Seen(
            cpu_s, cpu_s, longest_s, round((cpu_s - before) * 10.0), 0, threads, len(members), memory_b, reads, writes,
            cpu_s,
        )  # fmt: skip

    def alive(self) -> bool:
        """Tell whether the first process still runs."""
        try:
            return psutil.Process(self.root).status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def left(self) -> list[int]:
        """Return the processes beside the first one that have not ended."""
        return [pid for pid in self._cpu_s if pid != self.root and psutil.pid_exists(pid)]
