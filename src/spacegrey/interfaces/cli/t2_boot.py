"""Subcommands of `spacegrey t2` about what starts: boot, policy, Boot Camp, firmware password."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegrey.errors import InputError
from spacegrey.interfaces.cli.passwords import Secrets
from spacegrey.interfaces.cli.t2_arguments import AsJson, Dir, Fd, Network, Switch, checked_network, passphrase

if TYPE_CHECKING:
    from collections.abc import Generator

    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.boot.results import BootResult
    from spacegrey.t2.boot.state import BootState
    from spacegrey.virtual.starting import Enclave

LARGEST_LOADER = 64 << 20


class Level(StrEnum):
    """Policies of secure boot."""

    FULL = "full"
    MEDIUM = "medium"
    NONE = "none"


class Permission(StrEnum):
    """Whether external disks may start."""

    ALLOW = "allow"
    DISALLOW = "disallow"


class Form(StrEnum):
    """File systems of an external disk."""

    APFS = "apfs"
    HFS = "hfs+"


class Change(StrEnum):
    """What to do with the firmware password."""

    SHOW = "show"
    SET = "set"
    MODE_COMMAND = "mode-command"
    MODE_FULL = "mode-full"
    REMOVE = "remove"
    FORBID_RESET = "forbid-reset"
    REQUEST_RESET = "request-reset"
    RESET = "reset"


@contextmanager
def opened(
    folder: Path, secrets: Secrets, url: str | None = None, *, repair: bool = False
) -> Generator[tuple[Machine, Enclave]]:
    """Yield a machine and its enclave, which is switched on for as long as this takes: for a repair in any state."""
    from spacegrey.virtual.instance import open_instance
    from spacegrey.virtual.starting import open_boot, settle

    checked_network(url)
    instance = open_instance(folder)
    phrase = passphrase(instance, secrets)
    with instance.powered(passphrase=phrase, repair=repair or None) as client:
        try:
            yield open_boot(instance, client, url, phrase)
        finally:
            settle(client)


def _state(state: BootState) -> dict[str, Any]:
    password = state.firmware_password
    return {
        "secure_boot": state.secure_boot.word,
        "external_boot": state.external_boot,
        "windows": state.windows,
        "firmware_password": password and str(password.mode),
        "firmware_reset": None if password is None else password.resettable,
        "firmware": state.build,
        "activated": state.activated,
        "waiting_for_repair": state.dfu,
        "last_failure": state.reason,
        "failure_byte": state.failure,
        "running": str(state.session.where),
    }


def show(state: BootState, as_json: bool) -> None:
    """Print what the T2 remembers of policy and start."""
    from spacegrey.interfaces.cli.output import console, table, write_json

    facts = _state(state)
    if as_json:
        write_json(facts)
        return
    out = console()
    shown = table(out, "start", "")
    shown.add_row("secure boot", {"full": "Full", "medium": "Medium", "none": "No Security"}[facts["secure_boot"]])
    shown.add_row("external disks", "allowed" if state.external_boot else "not allowed")
    shown.add_row("Windows", "allowed" if state.windows else "not allowed")
    asked = {None: "none", "command": "asked for when keys are held", "full": "asked for at every start"}
    shown.add_row("firmware password", asked[facts["firmware_password"]])
    shown.add_row("firmware", state.build + (", waits for a repair" if state.dfu else ""))
    shown.add_row("activated", "yes" if state.activated else "no")
    shown.add_row("running", str(state.session.where))
    if state.reason:
        shown.add_row("last failure", f"{state.reason} (byte {state.failure:#04x})")
    out.print(shown)


def boot(
    folder: Dir,
    hold: Annotated[str, typer.Option("--hold", metavar="KEY", help="A key that is held, such as cmd-r.")] = "none",
    disk: Annotated[
        Path | None, typer.Option("--disk", metavar="FOLDER", help="Start from this external disk.")
    ] = None,
    form: Annotated[Form, typer.Option("--disk-format", help="File system of that disk.")] = Form.APFS,
    windows: Annotated[bool, typer.Option("--windows", help="Start Boot Camp's partition.")] = False,
    network: Network = None,
    firmware_password: Annotated[
        bool, typer.Option("--firmware-password", help="Give the firmware password where it is asked for.")
    ] = False,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Start the machine; show what was measured.

    Stage by stage, each verifying the next. Ends with status 1 where it does not get to where it should.
    """
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.t2.boot.chain import Start
    from spacegrey.t2.boot.chain import boot as start
    from spacegrey.t2.boot.results import Stop
    from spacegrey.virtual.starting import check_idle, external_volume

    if windows and disk:
        raise InputError("--windows and --disk name two places to start from: choose one")
    secrets = Secrets(password_fd)
    typed = secrets.ask("firmware password", "SPACEGREY_FIRMWARE_PASSWORD") if firmware_password else None
    volume = external_volume(disk, str(form)) if disk else None
    with opened(folder, secrets, network) as (machine, enclave):
        check_idle(enclave)
        result = start(machine, Start(hold, typed, machine.windows if windows else volume))
    if as_json:
        write_json(result.as_dict())
    else:
        _show_result(result)
    if result.code is not None and result.code not in {Stop.KEY_IGNORED, Stop.FORCED_DFU}:
        raise typer.Exit(1)


def _show_result(result: BootResult) -> None:
    from spacegrey.interfaces.cli.output import console, table
    from spacegrey.t2.boot.log import register
    from spacegrey.t2.boot.results import Stop

    out = console()
    shown = table(out, "|stage", "|object", "|sha-384", "verdict")
    for entry in result.entries:
        shown.add_row(entry.stage, entry.object_type, f"{entry.digest.hex()[:16]}…", entry.verdict)
    if result.entries:
        out.print(shown)
        out.print(f"register {register(result.entries).hex()[:32]}…")
    out.print(f"in {result.outcome}" + (f": {result.reason}" if result.reason else ""))
    if result.code:
        out.print(f"code {result.code}, byte {result.failure:#04x}")
    if result.code == Stop.PASSWORD_NEEDED:
        out.print("give it with --firmware-password")


def policy(
    folder: Dir,
    secure_boot: Annotated[Level | None, typer.Option("--secure-boot", help="What the Intel side may run.")] = None,
    external_boot: Annotated[Permission | None, typer.Option("--external-boot", help="External disks.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="The administrator (default: the first user).")] = None,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Show the policies, or change them: from recoveryOS only.

    A change needs an administrator's password. `t2 boot DIR --hold cmd-r` starts recoveryOS.
    """
    from spacegrey.t2.boot.policy import SecureBoot, check_session
    from spacegrey.t2.boot.utility import set_policy

    secrets = Secrets(password_fd)
    with opened(folder, secrets) as (machine, enclave):
        state = machine.state.load()
        if secure_boot or external_boot:
            check_session(state.session)  # before a password is asked for in vain
            state = set_policy(
                machine,
                enclave,
                secrets.ask("password", "SPACEGREY_PASSWORD"),
                user,
                secure_boot=SecureBoot[secure_boot.name] if secure_boot else None,
                external_boot=external_boot is Permission.ALLOW if external_boot else None,
            )
        show(state, as_json)


def boot_camp(
    change: Annotated[Switch, typer.Argument(metavar="on|off", help="Let Windows in, or out again.")],
    folder: Dir,
    loader: Annotated[
        Path | None,
        typer.Option("--loader", metavar="FILE", help="Install this bootmgfw.efi on Boot Camp's partition."),
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="The administrator (default: the first user).")] = None,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Let Windows start, or no longer.

    At Full and Medium Security it starts if Microsoft signed it as Windows. The switch is turned in macOS, with an
    administrator's password. `t2 boot DIR --windows` starts it.
    """
    from spacegrey.t2.boot.factory import install_windows
    from spacegrey.t2.boot.policy import check_macos
    from spacegrey.t2.boot.utility import set_windows

    if loader and change is Switch.OFF:
        raise InputError("--loader belongs to on")
    program = _read(loader, LARGEST_LOADER) if loader else None
    secrets = Secrets(password_fd)
    with opened(folder, secrets) as (machine, enclave):
        check_macos(machine.state.load().session)  # before a password is asked for in vain
        password = secrets.ask("password", "SPACEGREY_PASSWORD")
        state = set_windows(machine, enclave, password, user, allowed=change is Switch.ON)
        if program is not None:
            install_windows(machine, program)
        show(state, as_json)


def firmware_password(
    change: Annotated[
        Change,
        typer.Argument(
            metavar="WHAT",
            help="show; set; mode-command: ask when keys are held; mode-full: ask at every start; remove; "
            "forbid-reset: for good; request-reset: show what the signer needs; reset: with its --file.",
        ),
    ],
    folder: Dir,
    file: Annotated[Path | None, typer.Option("--file", help="reset: what the signer made.")] = None,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Set, change or reset the firmware password.

    It is set in macOS or recoveryOS. It locks choices at start; it encrypts nothing.
    """
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.t2.boot import utility
    from spacegrey.t2.boot.firmware_password import Mode

    if (file is not None) != (change is Change.RESET):
        raise InputError("--file belongs to reset, and reset needs it")
    secrets = Secrets(password_fd)

    def held() -> bytes:
        return secrets.ask("firmware password", "SPACEGREY_FIRMWARE_PASSWORD")

    with opened(folder, secrets) as (machine, _):
        state = machine.state.load()
        if change is Change.REQUEST_RESET:
            asked = utility.reset_request(machine)
            write_json({"request": asked}) if as_json else typer.echo(asked)  # on one line, to be copied from there
            return
        if change is Change.SET:
            old = held() if state.firmware_password else None
            new = secrets.ask("new firmware password", "SPACEGREY_NEW_FIRMWARE_PASSWORD", twice=True)
            state = utility.set_firmware_password(machine, old, new)
        elif change in {Change.MODE_COMMAND, Change.MODE_FULL}:
            state = utility.set_firmware_mode(machine, held(), Mode(change.removeprefix("mode-")))
        elif change is Change.REMOVE:
            state = utility.remove_firmware_password(machine, held())
        elif change is Change.FORBID_RESET:
            state = utility.forbid_firmware_reset(machine, held())
        elif file is not None:
            state = utility.reset_firmware_password(machine, _read(file))
        show(state, as_json)


def _read(path: Path, most: int = 1 << 21) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    if len(content) > most:
        raise InputError(f"{path}: more than {most} bytes")
    return content


SUBCOMMANDS = {
    "boot": (boot, "spacegrey t2 boot my-mac --hold cmd-r"),
    "policy": (policy, "spacegrey t2 policy my-mac --secure-boot medium"),
    "boot-camp": (boot_camp, "spacegrey t2 boot-camp on my-mac --loader bootmgfw.efi"),
    "firmware-password": (firmware_password, "spacegrey t2 firmware-password set my-mac"),
}
