"""A workload in a notebook: its phases and what each asks for, as a table and as bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from spacegrey.errors import Refusal
from spacegrey.notebook import COOL, bar, card, folded, number, table
from spacegrey.picture import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from spacegrey.notebook import Markup
    from spacegrey.workload.library import Workload
    from spacegrey.workload.spec import Phase

MOST_PHASES = 30
"""So many phases are shown."""


def amounts(phase: Phase) -> dict[str, float]:
    """Return what a phase asks for, by amount and unit, in one number for each kind of part.

    Examples
    --------
    >>> from spacegrey.workload.library import workload
    >>> list(amounts(workload("xcode-eidolon").phases[1]))
    ['10⁹ operations', 'seconds at its own pace']
    """
    asked, card_, drive = phase.processor, phase.graphics, phase.storage
    frames = phase.pace.hz * phase.pace.seconds if phase.pace else 1.0
    found = {
        "10⁹ operations": asked.gop * frames,
        "GFLOP": (asked.scalar_gflop + asked.fp64_gflop) * frames,
        "GB through memory": asked.stream_gb * frames,
        "10⁹ random reads of memory": asked.chase_g * frames,
        "TFLOP of graphics": (card_.tflop + card_.half_tflop) * frames,
        "Mpixel of video": (phase.media.decode_mpixel + phase.media.encode_mpixel) * frames if phase.media else 0.0,
        "GB from and to the drive": (drive.read_gb + drive.write_gb + drive.random_reads * drive.block_kib * 1.024e-6)
        * frames,
        "GB over the network": phase.network.gb * frames if phase.network else 0.0,
        "seconds at its own pace": phase.pace.seconds if phase.pace else 0.0,
    }
    return {name: value for name, value in found.items() if value > 0.0}


def workload_html(workload: Workload) -> str:
    """Return a workload as a notebook shows it."""
    phases = workload.phases[:MOST_PHASES]
    every = [amounts(phase) for phase in phases]
    kinds = [name for name in _kinds(every) if sum(name in one for one in every)]
    most = {name: max(one.get(name, 0.0) for one in every) for name in kinds}
    rows: list[list[str | Markup]] = []
    for phase, one in zip(phases, every, strict=True):
        cells: list[str | Markup] = [phase.name]
        for name in kinds:
            cells += [number(one[name]), bar(one[name] / most[name])] if name in one else ["", ""]
        rows.append(cells)
    heads = ["phase", *(head for name in kinds for head in (f">{name}", ""))]
    left = len(workload.phases) - len(phases)
    score = workload.spec.score
    repeat = f"; {workload.spec.repeat} times" if workload.spec.repeat > 1 else ""
    says = f"; score in {score.unit}, {score.better} is better" if score else ""
    return card(
        workload.name,
        f"{workload.id}: {workload.spec.stands_for}{repeat}{says}; {workload.spec.status}",
        table(heads, rows if not left else [*rows, [f"and {left} more", *[""] * (len(heads) - 1)]]),
        folded("what each asks for", table(["", ""], [[phase.name, asked(phase)] for phase in phases])),
    )


def _kinds(every: list[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for one in every for name in one))


def asked(phase: Phase) -> str:
    """Return what a phase sets beside its name, as its file says it."""
    tables = phase.model_dump(mode="json", exclude_defaults=True, exclude={"name", "source", "assumed"})
    words: list[str] = []
    for part, value in tables.items():
        inner: dict[str, Any] = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        inside = ", ".join(f"{key} {_short(one)}" for key, one in inner.items() if key not in {"source", "assumed"})
        words.append(f"{part}: {inside}" if inside else f"{part} {_short(cast('object', value))}")
    return "; ".join(words)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def draw_workload(workload: Workload) -> Figure:
    """Return what each phase asks for, a panel for each kind of amount.

    Raises
    ------
    Refusal
        No phase asks for an amount.
    InputError
        Matplotlib is not installed.
    """
    phases = workload.phases[:MOST_PHASES]
    every = [amounts(phase) for phase in phases]
    kinds = _kinds(every)
    if not kinds:
        raise Refusal(f"{workload.id}: no phase asks for an amount: nothing to draw")
    made, axes = panels(1, len(kinds), width=2.2 + 2.0 * len(kinds), height=1.1 + 0.28 * len(phases))
    made.suptitle(workload.name, fontsize=10)
    names = [phase.name for phase in phases]
    for place, (axis, kind) in enumerate(zip(axes, kinds, strict=True)):
        axis.barh(range(len(names)), [one.get(kind, 0.0) for one in every], color=COOL)
        axis.set_yticks(range(len(names)), names if place == 0 else [""] * len(names), fontsize=8)
        axis.invert_yaxis()
        axis.set_title(kind, fontsize=8)
        axis.tick_params(axis="x", labelsize=7)
    return made
