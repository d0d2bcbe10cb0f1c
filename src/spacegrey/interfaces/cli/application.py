"""The verbs put together, and what every one of them ends with: its exit status and, at most, one line of error.

Nothing here may import more than typer: `spacegrey --help` has 0.3 s.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from spacegrey import __version__
from spacegrey.interfaces.cli import (
    ask,
    calibrate,
    choose,
    compare,
    connect,
    diff,
    disk,
    dust_check,
    export,
    forecast,
    identify,
    log,
    machines,
    match,
    network,
    new,
    own,
    plot,
    quiet,
    quote,
    record,
    run,
    sensitivity,
    show,
    sweep,
    t2,
    upgrades,
    validate,
    workloads,
)
from spacegrey.interfaces.cli.help import Verb, Verbs

if TYPE_CHECKING:
    from types import ModuleType

# panel of the help -> its verbs, in the order of the help
PANELS = MappingProxyType({
    "simulate": (run, compare, forecast, quiet, sweep, ask, plot, sensitivity, validate),
    "decide": (quote, match, choose, own, upgrades, connect, network),
    "own": (new, disk, t2),
    "data": (machines, workloads, show, diff, export, identify, record, log, calibrate, dust_check),
})  # fmt: skip

HELP = (
    "A working iMac Pro (2017) in software, and a digital twin for workstations like it.\n\n"
    "A SELECTOR names a configured machine: a machine of the catalog or the path of your own TOML file, after a colon "
    "its options, and after a plus sign what is different about the room and the settings.\n\n"
    "Every command ends with status 0, with 1 when the answer is no, and with 2 when the input is wrong."
)

EXAMPLES = """
spacegrey machines imac-pro
spacegrey run cinebench-r15-loop --on imac-pro:18-core --report run.html
spacegrey run all-out --on imac-pro:18-core,vega-64+ambient=35C,fan=max
spacegrey compare xcode-eidolon --on imac-pro --on mac-studio-2022
"""

app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"spacegrey {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog=EXAMPLES, help=HELP)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Show the help where no verb is named."""
    del version
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def _register(panel: str, verb: ModuleType) -> None:
    function = verb.__name__.rpartition(".")[2]
    name = function.replace("_", "-")
    if hasattr(verb, "app"):  # a verb with subcommands
        app.add_typer(verb.app, name=name, cls=Verbs, rich_help_panel=panel, help=verb.HELP, epilog=verb.EXAMPLES)
        return
    app.command(name, cls=Verb, rich_help_panel=panel, epilog=verb.EXAMPLES)(getattr(verb, function))


for _panel, _verbs in PANELS.items():
    for _verb in _verbs:
        _register(_panel, _verb)


def _open_standard_files() -> None:
    """Open to nowhere what the caller closed: else a module file may become number 1 or 2, and be written on."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)  # takes the lowest number: this one
            os.set_inheritable(nowhere, True)
            setattr(sys, name, open(nowhere, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - for good


def main() -> None:
    """Run the command of this process."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader that has seen enough ends us as it ends any filter
    _open_standard_files()
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # looking for plugins costs a tenth of the 0.3 s
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without a sign for degrees is no reason to fail
    app(prog_name="spacegrey")
