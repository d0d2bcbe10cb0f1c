"""`spacegrey workloads`: the library, or one workload with its phases."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import spacegrey

if TYPE_CHECKING:
    from spacegrey.workload.library import Workload

EXAMPLES = """
spacegrey workloads
spacegrey workloads cinebench-r15-loop
spacegrey workloads my-job.toml --json
"""


def workloads(
    name: Annotated[
        str, typer.Argument(metavar="NAME", show_default=False, help="Show this workload, or a TOML file of your own.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """List the workloads of the library, or show one.

    One workload shows what it stands for, its score and its phases.
    """
    from spacegrey.interfaces.cli.output import write_json

    if not name:
        if as_json:
            write_json(heads())
        else:
            _list()
        return
    from spacegrey.workload.library import workload

    found = workload(name)
    if as_json:
        write_json(_as_json(found))
    else:
        _print(found)


def heads() -> list[dict[str, Any]]:
    """Return the head data of every workload of the library, read with tomllib alone."""
    folder = Path(spacegrey.__file__).parent / "catalog" / "workloads"
    found: list[dict[str, Any]] = []
    for path in sorted(folder.glob("*.toml"), key=lambda path: path.stem):
        head = tomllib.loads(path.read_text(encoding="utf-8"))["workload"]
        score = head.get("score")
        found.append(
            {
                "id": path.stem,
                "name": head["name"],
                "stands_for": head["stands_for"],
                "status": head["status"],
                "unit": score["unit"] if score else None,
            }
        )
    return found


def _list() -> None:
    from spacegrey.interfaces.cli.output import console, table

    out = console()
    shown = table(out, "|id", "|score", "stands for")
    for head in heads():
        shown.add_row(head["id"], head["unit"] or "-", head["stands_for"])
    out.print(shown)
    out.print("\nPhases of one workload: spacegrey workloads ID")


def _phases(found: Workload) -> list[dict[str, Any]]:
    return [
        phase.model_dump(mode="json", exclude_defaults=True, exclude={"source", "assumed"}) for phase in found.phases
    ]


def _as_json(found: Workload) -> dict[str, Any]:
    spec = found.spec
    return {
        "id": found.id,
        "name": spec.name,
        "stands_for": spec.stands_for,
        "status": spec.status,
        "repeat": spec.repeat,
        "score": spec.score.model_dump(mode="json", exclude={"source", "assumed"}) if spec.score else None,
        "recorded": spec.recorded.model_dump(mode="json", exclude={"source", "assumed"}) if spec.recorded else None,
        "phases": _phases(found),
        "sources": sorted({key for sheet in (spec, *found.phases) for key in sheet.source.values()}),
    }


def _print(found: Workload) -> None:
    from rich.text import Text

    from spacegrey.interfaces.cli.output import console, flat, table
    from spacegrey.interfaces.words import STATUS, duration

    out, spec = console(), found.spec
    out.print(Text(spec.name, style="bold"))
    out.print(f"stands for: {spec.stands_for}")
    out.print(f"model: {spec.status}: {STATUS[spec.status]}")
    out.print(
        f"score: {spec.score.unit}, {spec.score.better} is better"
        if spec.score
        else "score: none; see the time it takes"
    )
    if spec.repeat > 1:
        out.print(f"repeated {spec.repeat} times")
    if spec.recorded:
        kept = spec.recorded
        ended = f", exit status {kept.exit_status}" if kept.exit_status else ""
        out.print(
            f"recorded: {kept.command}\n{duration(kept.duration_s)} on {kept.cores} core"
            f"{'s' if kept.cores > 1 else ''} of {kept.host} ({kept.processor}){ended}; alone {duration(kept.alone_s)}"
        )
        out.print(f"confidence: {'; '.join([kept.confidence, *kept.doubts])}")
        for words in kept.unseen:
            out.print(f"not seen: {words}")
    out.print()
    shown = table(out, "phase", "demand", ">value")
    for phase in _phases(found):
        name = phase.pop("name")
        for key, value in flat(phase).items():
            shown.add_row(
                name,
                key,
                f"{value:g}" if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value),
            )
            name = ""
    out.print(shown)
