"""What a container or a control group leaves of the computer: Linux's cgroups, both versions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GROUPS, OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
UNLIMITED_GIB = 2.0**30
"""Version 1 writes a huge number where there is no limit. [GiB]"""


@dataclass(frozen=True)
class Limits:
    """The tightest limits on a process's way up to the root; None: there is none.

    Attributes
    ----------
    cores : float or None
        Processor time for each second. [1]
    memory_gib : float or None
        [GiB]
    """

    cores: float | None = None
    memory_gib: float | None = None

    def of_cores(self, usable: int) -> int:
        """Return how many of the usable cores the limit leaves, at least one."""
        return usable if self.cores is None else max(1, min(usable, round(self.cores)))


def limits(groups: Path = GROUPS, own: Path = OWN) -> Limits:
    """Return the limits of this process.

    Parameters
    ----------
    groups : Path
        Where the control groups are mounted.
    own : Path
        What says in which of them the process is.

    Examples
    --------
    >>> limits(Path("/nowhere"), Path("/nowhere"))
    Limits(cores=None, memory_gib=None)
    """
    cores: list[float] = []
    memory_gib: list[float] = []
    for folder in _folders(groups, own):
        quota, _, period = _text(folder / "cpu.max").partition(" ")
        cores += _ratio(quota, period)
        cores += _ratio(_text(folder / "cpu.cfs_quota_us"), _text(folder / "cpu.cfs_period_us"))
        for name in ("memory.max", "memory.limit_in_bytes"):
            memory_gib += [gib for gib in _ratio(_text(folder / name), str(2**30)) if gib < UNLIMITED_GIB]
    return Limits(min(cores, default=None), min(memory_gib, default=None))


def _folders(groups: Path, own: Path) -> list[Path]:
    """Return the folders of the process's groups and of those above: in version 2, and for cpu and memory in 1."""
    found: list[Path] = []
    for line in _text(own).splitlines():
        _, _, rest = line.partition(":")
        kinds, _, path = rest.partition(":")
        roots = [groups] if not kinds else [groups / kinds, *(groups / kind for kind in kinds.split(","))]
        if kinds and not {"cpu", "memory"} & set(kinds.split(",")):
            continue
        parts = [part for part in path.split("/") if part not in {"", "..", "."}]
        for root in roots:
            # In a container the path may be the one outside: its own group is then the root.
            found += [root.joinpath(*parts[:depth]) for depth in range(len(parts) + 1)]
    return found


def _ratio(above: str, below: str) -> list[float]:
    with suppress(ValueError, ZeroDivisionError):
        value = float(above) / float(below)
        return [value] if value > 0.0 else []
    return []


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
