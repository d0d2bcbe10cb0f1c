"""Spacegrey: a working iMac Pro (2017) in software, and a digital twin for workstations like it.

From Python everything starts at these names::

    import spacegrey

    spacegrey.Machine.of("imac-pro:18-core+ambient=30C")  # a machine, by its selector
    spacegrey.Workload.of("blender-cpu")  # work: of the library, a file, or a dataframe
    spacegrey.Log.of("hwinfo.csv")  # a log: of a file, or a dataframe
    spacegrey.run("blender-cpu", on="imac-pro")  # a Run
    spacegrey.record("make -j8")  # a job of yours as a workload
    spacegrey.fit("hwinfo.csv", on="imac-pro")  # a machine fitted to its log
    spacegrey.sweep(machines="imac-pro:*", workloads="blender-cpu")
    spacegrey.choose("blender-cpu", budget=8000)  # which machine to take, and why
    spacegrey.own("imac-pro", years=4)  # what it costs

Every one of them shows itself in a notebook, has ``plot()``, and is a dataframe to pandas, polars and DuckDB where it
holds rows. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from spacegrey.errors import InputError, Refusal, SpacegreyError
    from spacegrey.interfaces.python.choosing import Chosen, choose
    from spacegrey.interfaces.python.owning import Owned, own
    from spacegrey.logs.log import Log
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.drift import Drift
    from spacegrey.simulation.calibration.fit import Fit
    from spacegrey.simulation.quietest import Quietest
    from spacegrey.simulation.recorded import record
    from spacegrey.simulation.run import Run
    from spacegrey.simulation.runfile import SavedRun
    from spacegrey.simulation.settling import Forecast
    from spacegrey.simulation.sweep.results import Sweep, sweep
    from spacegrey.workload.library import Workload

__version__ = "0.1.0"
__all__ = [
    "Chosen",
    "Drift",
    "Fit",
    "Forecast",
    "InputError",
    "Log",
    "Machine",
    "Owned",
    "Quietest",
    "Refusal",
    "Run",
    "SavedRun",
    "SpacegreyError",
    "Sweep",
    "Workload",
    "choose",
    "dust_check",
    "fit",
    "forecast",
    "own",
    "quiet",
    "record",
    "run",
    "sweep",
]

_HOMES = {
    "Chosen": "interfaces.python.choosing",
    "Drift": "simulation.calibration.drift",
    "Fit": "simulation.calibration.fit",
    "Forecast": "simulation.settling",
    "InputError": "errors",
    "Log": "logs.log",
    "Machine": "machine.assembly",
    "Owned": "interfaces.python.owning",
    "Quietest": "simulation.quietest",
    "Refusal": "errors",
    "Run": "simulation.run",
    "SavedRun": "simulation.runfile",
    "SpacegreyError": "errors",
    "Sweep": "simulation.sweep.results",
    "Workload": "workload.library",
    "choose": "interfaces.python.choosing",
    "own": "interfaces.python.owning",
    "record": "simulation.recorded",
    "sweep": "simulation.sweep.results",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever is asked for
    """Import what a name stands for when it is first used: the command line's help must not wait for the compiler."""
    from importlib import import_module

    if name in _HOMES:
        return getattr(import_module(f"spacegrey.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'spacegrey' has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names that a user needs."""
    return [*__all__, "__version__"]


def run(workload: object, on: str | Path | Machine = "imac-pro", plan: str | Path | None = None) -> Run:
    """Run a workload on a machine.

    Parameters
    ----------
    workload : str, Path, dataframe or Workload
        As `Workload.of` takes it: a name of the library, the path of a TOML file, a dataframe of phases.
    on : str, Path or Machine
        A selector, such as ``"imac-pro:18-core,vega-64+ambient=35C"``, or a machine.
    plan : str or Path, optional
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
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.run import simulate
    from spacegrey.workload.library import Workload

    built = Machine.of(on)
    if plan is not None:
        from pathlib import Path

        from spacegrey.connections.plan import read_plan
        from spacegrey.connections.plugged import plugged

        built = plugged(read_plan(Path(plan)), built)
    return simulate(Workload.of(workload), built)


def fit(log: object, on: str | Path | Machine = "", *, ambient: str | float | None = None) -> Fit:
    """Fit a machine to a log of it.

    Parameters
    ----------
    log : str, Path, dataframe or Log
        As `Log.of` takes it: at least two minutes with processor temperature, a power, and a step in both.
    on : str, Path or Machine, optional
        The machine that it is a log of; without it there are numbers and errors, and no ``machine``.
    ambient : str or float, optional
        The room, where it is known and not logged, such as ``"24C"``. [degC]

    Returns
    -------
    Fit
        ``numbers`` with bands, errors on held-out minutes in ``judged``, ``machine``, ``write()``, ``plot()``.

    Raises
    ------
    InputError
        The log cannot be read, or is of another machine.
    Refusal
        It holds no step, or lacks what a fit needs.

    Examples
    --------
    >>> import spacegrey
    >>> spacegrey.fit({"time_s": [0, 1], "cpu_temp_c": [40, 41], "cpu_power_w": [10, 90]})
    Traceback (most recent call last):
    spacegrey.errors.Refusal: dataframe: 2 rows with power and temperature over 1 s: a fit needs 30 rows over 120 s
    """
    from dataclasses import replace

    from spacegrey.errors import InputError
    from spacegrey.logs.log import Log
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.calibration.file import check_machine
    from spacegrey.simulation.calibration.fit import fit as fit_log

    room, read, selector = _room(ambient), Log.of(log), ""
    if on:
        built = Machine.of(on)
        check_machine(read, built)
        selector = built.selector
        if built.file is None or not built.file.document.path.is_file():
            raise InputError(f"fit: {selector} has no file that a fit could extend: write it, and name that file")
    return replace(fit_log(read, ambient_c=room), on=selector)


def dust_check(before: object, after: object, *, ambient: str | float | None = None) -> Drift:
    """Say what a machine's cooling lost between two logs of it.

    Parameters
    ----------
    before, after : str, Path, dataframe or Log
        The older log and the newer one, as `Log.of` takes them.
    ambient : str or float, optional
        The room of both, where it is known, such as ``"24C"``. [degC]

    Returns
    -------
    Drift
        ``lost`` with its band, ``shown`` if the logs show a change at all, ``words("March")`` as a sentence.

    Raises
    ------
    InputError
        A log cannot be read.
    Refusal
        A log cannot be fitted, or the two are of two machines or hold different columns.

    Examples
    --------
    >>> import spacegrey
    >>> spacegrey.dust_check("march.csv", "november.csv")
    Traceback (most recent call last):
    spacegrey.errors.InputError: march.csv: no such file
    """
    from spacegrey.logs.log import Log
    from spacegrey.simulation.calibration.drift import dust_check as check

    room = _room(ambient)
    return check(Log.of(before), Log.of(after), ambient_c=room)[0]


def _room(ambient: str | float | None) -> float | None:
    """Return a room's temperature as a selector would have it. [degC]."""
    if ambient is None:
        return None
    from spacegrey.machine.selector import parse_what_if

    return parse_what_if("ambient", ambient if isinstance(ambient, str) else f"{ambient}C", "ambient")


def forecast(workload: object, on: str | Path | Machine = "imac-pro") -> Forecast:
    """Repeat a workload for hours, and say where temperatures, fans and clocks settle, and when.

    Parameters
    ----------
    workload, on
        As `run` takes them.

    Returns
    -------
    Forecast
        ``settled`` by quantity, ``after_s``, and the long ``run``.

    Raises
    ------
    InputError
        A name is unknown or a file does not hold.
    Refusal
        The machine cannot do the work.

    Examples
    --------
    >>> import spacegrey
    >>> spacegrey.forecast("all-out", on="imac-pro").settled["cpu_temp_c"].level > 80
    True
    """
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.settling import forecast as settle
    from spacegrey.workload.library import Workload

    return settle(Workload.of(workload), Machine.of(on))


def quiet(workload: object, on: str | Path | Machine = "imac-pro", *, keep: str | float = 0.95) -> Quietest:
    """Find the quietest fan curve that keeps a share of the speed.

    Parameters
    ----------
    workload, on
        As `run` takes them.
    keep : str or float
        Share of the speed, above 0 to 1: ``0.95`` or ``"95%"``.

    Returns
    -------
    Quietest
        The machine's own way beside the ``best`` curve; ``machine.at(f"fan={found.best.curve}")`` uses it.

    Raises
    ------
    InputError
        A name is unknown, the machine has no fan, or ``keep`` is no share.
    Refusal
        The machine cannot do the work, or no curve is quieter.

    Examples
    --------
    >>> import spacegrey
    >>> found = spacegrey.quiet("cinebench-r15-loop", on="imac-pro", keep="95%")
    >>> found.best.noise_dba < found.own.noise_dba and found.best.speed >= 0.95
    True
    """
    from spacegrey.machine.assembly import Machine
    from spacegrey.simulation.quietest import quietest
    from spacegrey.units import parse_quantity
    from spacegrey.workload.library import Workload

    share = parse_quantity(str(keep), "share", "keep")
    return quietest(Workload.of(workload), Machine.of(on), share)
