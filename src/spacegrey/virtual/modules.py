"""Opening a machine up: a flash module is taken out of its slot, or exchanged for another one."""

from __future__ import annotations

import errno
from shlex import quote
from typing import TYPE_CHECKING

from spacegrey.errors import InputError, Refusal
from spacegrey.t2.storage.folder import module_file, open_modules, paired
from spacegrey.t2.storage.modules import ModuleFile

if TYPE_CHECKING:
    from pathlib import Path


def pull(folder: Path, module: int, to: Path) -> str | None:
    """Take a module out of its slot.

    Parameters
    ----------
    folder : Path
        The machine's folder.
    module : int
        Its slot, from 0.
    to : Path
        Where it goes; nothing may be there.

    Returns
    -------
    str or None
        Why the machine does not open its disk now.

    Raises
    ------
    InputError
        There is no such slot, it is empty, or ``to`` cannot be used.
    Refusal
        The disk is in use.
    """
    slot = _slot(folder, module)
    if to.exists() or not to.parent.is_dir():
        raise InputError(f"{to}: there is a file already, or no such folder")
    ModuleFile(slot).close()  # refuses one in use: the machine must be off
    _move(slot, to)
    return refusal(folder)


def swap(folder: Path, module: int, file: Path) -> str | None:
    """Exchange the module in a slot, if there is one, for the one in a file; arguments and errors as `pull`'s."""
    slot = _slot(folder, module, empty=True)
    if not file.is_file():
        raise InputError(f"{file}: no module there")
    if slot.exists() and file.samefile(slot):
        raise InputError(f"{file}: the module that is in slot {module} already")
    ModuleFile(file).close()
    aside = slot.with_suffix(".pulled")
    if aside.exists():
        was = f"it is the module that was in slot {module}; move it to where it belongs"
        todo = was if slot.exists() else f"put it back: mv {quote(str(aside))} {quote(str(slot))}"
        raise InputError(f"{aside}: left by an exchange that was cut short; {todo}")
    if file.stat().st_dev != folder.stat().st_dev:
        raise InputError(f"{file}: on another file system; copy it beside {folder} first (cp --sparse=always)")
    file = file.resolve()  # the module, not a name for it
    if not slot.exists():
        _move(file, slot)
        return refusal(folder)
    ModuleFile(slot).close()
    _move(slot, aside)
    try:
        _move(file, slot)
    except InputError:
        _move(aside, slot)
        raise
    try:
        _move(aside, file)
    except InputError:
        _move(slot, file)
        _move(aside, slot)
        raise
    return refusal(folder)


def _move(source: Path, target: Path) -> None:
    """Rename: a copy would write out terabytes of what is sparse."""
    try:
        source.rename(target)
    except OSError as error:
        hint = "it is on another file system" if error.errno == errno.EXDEV else (error.strerror or "failed").lower()
        raise InputError(f"{source} cannot be moved to {target}: {hint}") from None


def refusal(folder: Path) -> str | None:
    """Return why a machine refuses the modules that it finds, None where it takes them."""
    try:
        modules, _ = open_modules(folder, read_only=True)
    except Refusal as error:
        return str(error)
    for module in modules:
        module.close()
    return None


def _slot(folder: Path, module: int, *, empty: bool = False) -> Path:
    _, serials = paired(folder)
    slot = module_file(folder, module)
    if not 0 <= module < len(serials):
        raise InputError(f"--module {module}: choose from: {', '.join(map(str, range(len(serials))))}")
    if not empty and not slot.exists():
        raise InputError(f"slot {module} is empty: {slot} is missing")
    return slot
