"""`spacegrey sensitivity`: which assumed number matters most to an answer."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLES = """
spacegrey sensitivity cinebench-r15-loop --on imac-pro --of noise_dba_max
spacegrey sensitivity blender-cpu --on imac-pro --of energy_wh --samples 256
"""


LEAST = 0.005
"""A total share below this is noise of the draws."""

MOST_ROWS = 12


def sensitivity(
    workload: Annotated[
        str, typer.Argument(metavar="WORKLOAD", help="A workload of the library, or a TOML file of your own.")
    ],
    on: Annotated[str, typer.Option("--on", metavar="SELECTOR", help="The machine, its options and its room.")],
    of: Annotated[
        str, typer.Option("--of", metavar="QUANTITY", help="A quantity of a batch, such as energy_wh.")
    ] = "duration_s",
    samples: Annotated[
        int, typer.Option("--samples", metavar="N", help="A power of two: more of them, narrower intervals.")
    ] = 64,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON (keys: docs/json.md).")] = False,
) -> None:
    """Say which number without a source makes an answer unsure.

    Sobol indices of first and total order over every number that is assumed or fitted: measure the first in the list
    first.
    """
    from spacegrey.interfaces.cli.output import console, progress, say_when_compiling, table, write_json
    from spacegrey.interfaces.words import figures
    from spacegrey.machine.assembly import machine
    from spacegrey.simulation.uncertainty import sensitivity as shares_of
    from spacegrey.simulation.uncertainty import uncertain_numbers
    from spacegrey.workload.library import workload as workload_named

    built, asked = machine(on), workload_named(workload)
    say_when_compiling()
    runs, done = samples * (len(uncertain_numbers(built, asked)) + 2), 0
    with progress(f"{of} of {asked.id} on {built.id}") as update:

        def count(more: int) -> None:
            nonlocal done
            done += more
            update(min(done / runs, 1.0), f"{done} of {runs} runs")

        shares = shares_of(asked, built, of, samples, progress=count)
    if as_json:
        write_json({
            "machine": on,
            "workload": asked.id,
            "quantity": of,
            "samples": samples,
            "runs": runs,
            "shares": [
                {
                    "name": share.uncertain.name,
                    "value": share.uncertain.members[0].value,
                    "spread": share.uncertain.spread,
                    "spread_is": "added" if share.uncertain.additive else "share",
                    "ground": share.uncertain.members[0].ground,
                    "reason": share.uncertain.reason,
                    "first": share.first,
                    "total": share.total,
                    "total_low": share.total_low,
                    "total_high": share.total_high,
                }
                for share in shares
            ],
        })  # fmt: skip
        return
    out = console()
    telling = [share for share in shares if share.total >= LEAST]
    if not telling:
        out.print(f"{of} of {asked.id} on {built.id}: no number without a source matters to it")
        return
    shown = table(out, "number", ">value", ">alone", ">in all", ">95 %")
    for share in telling[:MOST_ROWS]:
        one = share.uncertain
        value = figures(one.members[0].value) if len(one.members) == 1 else f"{len(one.members)} values"
        interval = f"{share.total_low * 100:.0f}-{share.total_high:.0%}"
        shown.add_row(one.name, value, f"{max(share.first, 0.0):.0%}", f"{share.total:.0%}", interval)
    out.print(f"What makes {of} unsure, {asked.id} on {built.id} ({runs} runs):")
    out.print(shown)
    rest = len(shares) - len(telling[:MOST_ROWS])
    out.print(f"{rest} other numbers matter less; --json has all of them, with the reason of each")
