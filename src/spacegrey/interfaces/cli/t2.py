"""`spacegrey t2`: the security chip of a machine's folder."""

from __future__ import annotations

from enum import StrEnum
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from spacegrey.errors import InputError
from spacegrey.interfaces.cli import t2_boot, t2_repair, t2_signer, t2_smc
from spacegrey.interfaces.cli.help import Verb, Verbs
from spacegrey.interfaces.cli.passwords import Secrets
from spacegrey.interfaces.cli.t2_arguments import AsJson, Dir, Fd, Switch, Yes, passphrase, sure

if TYPE_CHECKING:
    from pathlib import Path

    from spacegrey.t2.enclave.client import EnclaveClient
    from spacegrey.virtual.instance import Instance

EXAMPLES = """
spacegrey t2 status my-mac
spacegrey t2 erase my-mac --yes
spacegrey t2 smc TC0c --dir my-mac
spacegrey t2 lock my-mac
"""

HELP = (
    "Look at and use the security chip of a virtual machine.\n\n"
    "Its enclave is a process of its own, which `unlock` starts and `lock` ends. Passwords come from a prompt, from "
    "--password-fd or from $SPACEGREY_PASSWORD (a new one: $SPACEGREY_NEW_PASSWORD), never from an argument. "
    "Every subcommand takes --json (keys: docs/json.md)."
)

User = Annotated[str | None, typer.Option("--user", help="Whose password it is (default: the first user's).")]

app = typer.Typer(cls=Verbs, add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})


class Where(StrEnum):
    """Where a password is given."""

    LOGIN = "login"
    RECOVERY = "recovery"


class UserChange(StrEnum):
    """What to do with a user."""

    ADD = "add"
    REMOVE = "remove"


class Start(StrEnum):
    """How the chip is started."""

    NORMAL = "normal"
    DFU = "dfu"


def _instance(folder: Path) -> Instance:
    from spacegrey.virtual.instance import open_instance

    return open_instance(folder)


def _started(instance: Instance, secrets: Secrets, mode: Start) -> EnclaveClient:
    """Return a line to the chip, which is switched on if it was off, and started anew if it is in another mode."""
    from spacegrey.errors import Refusal

    client, own = instance.reached(passphrase=passphrase(instance, secrets), mode=str(mode))
    if own:
        return client
    if mode is Start.DFU and client.ask("status")["connections"]:
        raise Refusal(f"{instance.folder}: the disk is in use; end 'disk serve' first, a start in DFU mode cuts it off")
    client.ask("start", mode=str(mode))
    return client


def _password(secrets: Secrets) -> bytes:
    return secrets.ask("password", "SPACEGREY_PASSWORD")


def _say(client: EnclaveClient, text: str, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, write_json

    if as_json:
        write_json(client.ask("status"))
    else:
        console().print(text, soft_wrap=True)  # a command that is copied from there is on one line


def status(folder: Dir, as_json: AsJson = False) -> None:
    """Show what the chip says of itself."""
    from spacegrey.interfaces.cli.output import console, table, write_json
    from spacegrey.t2.enclave.attempts import span
    from spacegrey.t2.enclave.client import is_on
    from spacegrey.t2.enclave.uid import protection_of

    instance = _instance(folder)
    kept = str(protection_of(instance.chip))
    if not is_on(instance.chip):
        found: dict[str, Any] = {"on": False, "uid": kept}
    else:
        found = instance.connect().ask("status")
    if as_json:
        write_json(found)
        return
    out = console()
    shown = table(out, "chip", "")
    shown.add_row("number", instance.file.ecid)
    shown.add_row("its key", {"file": "in the folder", "passphrase": "under a passphrase"}.get(kept, "in the key ring"))
    if not found["on"]:
        shown.add_row("state", "off: spacegrey t2 unlock switches it on")
        out.print(shown)
        return
    tries = found["attempts"]
    wait = f", the next in {span(tries['wait_s'])}" if tries["wait_s"] else ""
    state = {"normal": "normal mode", "dfu": "DFU mode: no password opens the disk"}.get(found["mode"], "disabled")
    shown.add_row("state", f"on, {state}, {len(found['self_tests'])} self-tests passed")
    if found["disabled"]:
        shown.add_row("disabled", found["disabled"])
    shown.add_row(
        "memory", "locked: never swapped" if found["memory_locked"] else "may be swapped: it cannot be locked"
    )
    lasts = "until the command ends that switched the chip on" if found["held"] else "until 't2 lock'"
    used = ", in use" if found["connections"] else ""
    shown.add_row("disk", f"unlocked {lasts}{used}" if found["unlocked"] else "locked")
    shown.add_row("FileVault", "on" if found["filevault"] else "off")
    users = [f"{name} (administrator)" if name in found["administrators"] else name for name in found["users"]]
    shown.add_row("users", ", ".join(users) or "none: no password is set")
    shown.add_row("recovery key", "set" if found["recovery_key"] else "none")
    shown.add_row("attempts", f"{tries['failed']} failed, {tries['left']} left (table {tries['table']}){wait}")
    out.print(shown)


def unlock(
    folder: Dir,
    user: User = None,
    place: Annotated[Where, typer.Option("--place", help="Where the password is given.")] = Where.LOGIN,
    recovery_key: Annotated[bool, typer.Option("--recovery-key", help="Unlock with the recovery key.")] = False,
    start: Annotated[Start, typer.Option("--start", help="How the chip is to be started.")] = Start.NORMAL,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Switch the chip on and unlock the disk, until `lock`.

    A chip that is on in another mode is started anew. Ends with status 1 where it is refused.
    """
    secrets = Secrets(password_fd)
    instance = _instance(folder)
    client = _started(instance, secrets, start)
    if recovery_key:
        text = secrets.ask("recovery key", "SPACEGREY_RECOVERY_KEY")
        client.ask("unlock", recovery_key=text.decode(errors="replace"))
    elif client.ask("status")["filevault"]:
        client.ask("unlock", password=_password(secrets), user=user, place=str(place))
    else:
        client.ask("unlock")
    lasts = f"until you lock it: spacegrey t2 lock {quote(str(folder))}"
    if client.ask("status")["held"]:
        lasts = "until the command ends that switched the chip on"
    _say(client, f"{folder}: unlocked, {lasts}", as_json)


def lock(
    folder: Dir,
    now: Annotated[bool, typer.Option("--now", help="Even while the disk is served: clients get errors.")] = False,
    as_json: AsJson = False,
) -> None:
    """Switch the chip off: it forgets every key."""
    from spacegrey.errors import Refusal
    from spacegrey.interfaces.cli.output import write_json
    from spacegrey.t2.enclave.client import is_on

    instance = _instance(folder)
    if is_on(instance.chip):
        client = instance.connect()
        if client.ask("status")["connections"] and not now:
            raise Refusal(f"{folder}: the disk is in use; end 'disk serve' first, or take the power away with --now")
        client.switch_off()
    if as_json:
        write_json({"on": False})
    else:
        typer.echo(f"{folder}: off")


def passwd(folder: Dir, user: User = None, password_fd: Fd = None, as_json: AsJson = False) -> None:
    """Set or change a password; no block of the disk changes."""
    secrets = Secrets(password_fd)
    instance = _instance(folder)
    with instance.powered(passphrase=passphrase(instance, secrets)) as client:
        old = _password(secrets) if client.ask("status")["users"] else None
        new = secrets.ask("new password", "SPACEGREY_NEW_PASSWORD", twice=True)
        client.ask("password", old=old, new=new, user=user)
        _say(client, f"{folder}: the password is {'changed' if old else 'set'}", as_json)


def user(
    change: Annotated[UserChange, typer.Argument(metavar="add|remove", help="Which of them.")],
    folder: Dir,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The user.")],
    admin: Annotated[bool, typer.Option("--admin", help="add: an administrator.")] = False,
    by: Annotated[
        str | None, typer.Option("--by", metavar="USER", help="The administrator who does it (default: the first).")
    ] = None,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Add a user who can unlock the disk, or remove one.

    An administrator's password is asked for first, then the new user's.
    """
    from spacegrey.errors import Refusal

    secrets = Secrets(password_fd)
    instance = _instance(folder)
    if admin and change is UserChange.REMOVE:
        raise InputError("--admin belongs to add")
    with instance.powered(passphrase=passphrase(instance, secrets)) as client:
        administrators = client.ask("status")["administrators"]
        if not administrators:
            raise Refusal(
                f"no password is set; make the first user: spacegrey t2 passwd {quote(str(folder))} --user NAME"
            )
        held = secrets.ask(f"password of {by or administrators[0]}", "SPACEGREY_PASSWORD")
        if change is UserChange.ADD:
            new = secrets.ask(f"password of {name}", "SPACEGREY_NEW_PASSWORD", twice=True)
            client.ask("add-user", name=name, new=new, password=held, user=by, admin=admin)
        else:
            client.ask("remove-user", name=name, password=held, user=by)
        done = "can unlock the disk" if change is UserChange.ADD else "is removed; that password opens nothing any more"
        _say(client, f"{folder}: {name} {done}", as_json)


def recovery_key(folder: Dir, user: User = None, password_fd: Fd = None, as_json: AsJson = False) -> None:
    """Make a new recovery key, which is shown once."""
    secrets = Secrets(password_fd)
    instance = _instance(folder)
    with instance.powered(passphrase=passphrase(instance, secrets)) as client:
        _show_key(client.ask("recovery-key", password=_password(secrets), user=user), as_json)


def _show_key(key: str | None, as_json: bool) -> None:
    from spacegrey.interfaces.cli.output import console, write_json

    if as_json:
        write_json({"filevault": key is not None, "recovery_key": key})
    elif key is None:
        console().print("FileVault is off: the disk opens without a password, on this machine only")
    else:
        console().print(f"recovery key: {key}\nIt is shown this once; the chip keeps only its SHA-256.")


def filevault(
    switch: Annotated[Switch, typer.Argument(metavar="on|off", help="Which of them.")],
    folder: Dir,
    user: User = None,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Turn FileVault on or off, at once.

    Nothing is encrypted anew: keys are wrapped anew, and the old wrapping is dead.
    """
    secrets = Secrets(password_fd)
    instance = _instance(folder)
    with instance.powered(passphrase=passphrase(instance, secrets)) as client:
        said = client.ask("filevault", on=switch is Switch.ON, password=_password(secrets), user=user)
        _show_key(said, as_json)


def erase(
    folder: Dir,
    yes: Yes = False,
    volume: Annotated[str | None, typer.Option("--volume", help="Only this volume's key.")] = None,
    password_fd: Fd = None,
    as_json: AsJson = False,
) -> None:
    """Destroy the keys of the disk, for good.

    No password is asked for: it is what a lost machine is told from afar, too.
    """
    secrets = Secrets(password_fd)
    instance = _instance(folder)
    sure(folder, yes)
    with instance.powered(passphrase=passphrase(instance, secrets)) as client:
        if volume:
            client.ask("delete-volume", volume=volume)
        else:
            client.ask("obliterate")
        _say(client, f"{folder}: erased; for an empty disk: spacegrey t2 restore {quote(str(folder))}", as_json)


def adopt(folder: Dir, password_fd: Fd = None, as_json: AsJson = False) -> None:
    """Take a machine from another computer as it is.

    This computer cannot tell whether its state is the latest; from here on it remembers.
    """
    from spacegrey.interfaces.cli.output import console, write_json

    secrets = Secrets(password_fd)
    instance = _instance(folder)
    instance.switch_on(passphrase=passphrase(instance, secrets), adopt=True).switch_off()
    if as_json:
        write_json({"on": False, "adopted": True})
    else:
        console().print(f"{folder}: adopted; older states of it are refused on this computer from here on")


SUBCOMMANDS = {
    "status": (status, "spacegrey t2 status my-mac"),
    "unlock": (unlock, "spacegrey t2 unlock my-mac"),
    "lock": (lock, "spacegrey t2 lock my-mac"),
    "passwd": (passwd, "spacegrey t2 passwd my-mac"),
    "user": (user, "spacegrey t2 user add my-mac anna"),
    "recovery-key": (recovery_key, "spacegrey t2 recovery-key my-mac"),
    "filevault": (filevault, "spacegrey t2 filevault on my-mac"),
    "erase": (erase, "spacegrey t2 erase my-mac --yes"),
    "adopt": (adopt, "spacegrey t2 adopt my-mac"),
}

for _name, (_function, _example) in SUBCOMMANDS.items():
    app.command(_name, cls=Verb, rich_help_panel="chip", epilog=_example)(_function)
for _name, (_function, _example) in t2_smc.SUBCOMMANDS.items():
    app.command(_name, cls=Verb, rich_help_panel="system manager", epilog=_example)(_function)
for _name, (_function, _example) in (t2_boot.SUBCOMMANDS | t2_repair.SUBCOMMANDS | t2_signer.SUBCOMMANDS).items():
    app.command(_name, cls=Verb, rich_help_panel="start", epilog=_example)(_function)
