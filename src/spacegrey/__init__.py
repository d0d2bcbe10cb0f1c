"""Spacegrey: a working iMac Pro (2017) in software, and a digital twin for workstations like it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacegrey.simulation.run import Run

__version__ = "0.1.0"
__all__ = ["run"]


def run(workload: str, on: str = "imac-pro", plan: str | None = None) -> Run:
    """Run a workload on a machine, both by the names that the command line takes.

    Parameters
    ----------
    workload : str
        A workload of the library, or the path of a TOML file.
    on : str
        A selector, such as ``"imac-pro:18-core,vega-64+ambient=35C"``.
    plan : str, optional
        Path of a plan of what is plugged in; its storage and network do the work.

    Returns
    -------
    Run
        Result, limits, verdict and trace.

    Raises
    ------
    InputError
        A name is unknown or a file does not hold.
    Refusal
        The machine cannot do the work.

    Examples
    --------
    >>> import spacegrey
    >>> spacegrey.run("memory-latency", on="imac-pro:18-core").score.unit
    'ns'
    """
    # Imported late: the command line's help must not wait for the compiler.
    from spacegrey.machine.assembly import machine
    from spacegrey.simulation.run import simulate
    from spacegrey.workload.library import workload as read

    built = machine(on)
    if plan is not None:
        from pathlib import Path

        from spacegrey.connections.plan import read_plan
        from spacegrey.connections.plugged import plugged

        built = plugged(read_plan(Path(plan)), built)
    return simulate(read(workload), built)
