"""`spacegrey dust-check`: two logs of one machine, and what its cooling lost between them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
spacegrey dust-check march.csv november.csv
"""


def dust_check(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="The older log.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="The newer log.")],
    ambient: Annotated[
        str | None, typer.Option("--ambient", metavar="TEMP", help="The room of both, where you know it: 24C.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", metavar="TIME", help="Time between rows, for files that tell none: 5s.")
    ] = None,
    names: Annotated[
        Path | None, typer.Option("--names", metavar="F.toml", help="Rules of your own for columns: docs/calibrate.md.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Say what a machine's cooling lost between two logs.

    The older log is fitted; of the newer only the way from the sink into the air and the room may differ. Where the
    newer one does not fit that, the first way out of the chip is looked at: old paste.
    """
    from spacegrey.interfaces.cli.calibrate import ambient_option, print_judged
    from spacegrey.interfaces.cli.log import read_option
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.simulation.calibration.drift import INNER
    from spacegrey.simulation.calibration.drift import dust_check as check

    logs = [read_option(file, period, None, names) for file in (before, after)]
    drift, first = check(*logs, ambient_c=ambient_option(ambient))
    if as_json:
        write_json({
            "before": str(before), "after": str(after), "what": drift.what, "before_k_per_w": drift.before,
            "after_k_per_w": drift.after, "lost": drift.lost, "low": drift.low, "high": drift.high,
            "shown": drift.shown, "room_k": drift.room_k, "rmse_k": first.judged.rmse_k, "skill": first.judged.skill,
        })  # fmt: skip
        return
    typer.echo(f"{drift.words(before.name)}")
    if drift.what != INNER and ambient is None and not all("ambient_temp_c" in log for log in logs):
        typer.echo("rooms not known: taken to be within 4 °C of each other; tell them with --ambient")
        if drift.shown and drift.room_k is not None:
            how = f"{abs(drift.room_k):.1f} °C {'warmer' if drift.room_k > 0.0 else 'colder'}"
            typer.echo(f"a room {how} the second time would look the same")
    typer.echo(f"{drift.what}: {drift.before:.3g} K/W before, {drift.after:.3g} K/W after\n")
    typer.echo(f"the fit to {before.name}:")
    print_judged(first)
