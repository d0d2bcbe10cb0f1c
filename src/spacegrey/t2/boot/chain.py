"""A start, stage by stage: each verifies the next, and where one fails the machine goes to a place that is safe.

References
----------
Apple T2 Security Chip Overview (October 2018), pages 8 to 11. Apple Platform Security (May 2022), boot process for an
Intel-based Mac. acidanthera, OpenCorePkg, for names and bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.boot.authenticode import WindowsRefused, verify_loader
from spacegrey.t2.boot.boot_keys import Action, Locked, boot_key
from spacegrey.t2.boot.firmware import slot_file, verify_image
from spacegrey.t2.boot.firmware_password import FirmwarePasswordWrong, Mode
from spacegrey.t2.boot.log import Entry
from spacegrey.t2.boot.personalise import personalise
from spacegrey.t2.boot.policy import SecureBoot, Session, Source, Where
from spacegrey.t2.boot.recovery import check_local, check_network
from spacegrey.t2.boot.results import OTHER_FAILURE, BootResult, Outcome, Stop, failure_byte
from spacegrey.t2.boot.volumes import (
    KERNEL,
    LOADER,
    OTHER_LOADER,
    SIGNED,
    WINDOWS_LOADER,
    System,
    Volume,
    manifest_name,
)
from spacegrey.t2.image4.faults import Fault, ManifestRefused
from spacegrey.t2.image4.verify import Kind, verify
from spacegrey.t2.signer.client import Unreachable
from spacegrey.t2.signer.exchange import SignerRefused

if TYPE_CHECKING:
    from spacegrey.t2.boot.boot_keys import BootKey
    from spacegrey.t2.boot.machine import Machine
    from spacegrey.t2.boot.state import BootState

# component -> the stage that verifies it, and where the machine goes when it is bad
_FIRMWARE = (
    ("ibot", "boot-rom", Outcome.DFU),
    ("sepi", "sep-rom", None),
    ("krnl", "iboot", Outcome.T2_RECOVERY),
    ("mefi", "bridge-os", Outcome.T2_RECOVERY),
)

EFI_PROGRAM = "pe"
"""What the log calls a loader that is not Apple's and has no type of Image4."""

_PERSONALISABLE = {Fault.NO_MANIFEST, Fault.ECID, Fault.ECID_MISSING}
"""Refusals that a ticket of one's own cures; bytes that are not those that were signed stay refused."""


@dataclass(frozen=True)
class Start:
    """How the machine is switched on.

    Attributes
    ----------
    key : str
        A key of `boot_keys`, held.
    password : bytes or None
        What is typed where the firmware asks.
    disk : Volume or None
        Another volume than the internal one, chosen in Startup Disk.
    """

    key: str = "none"
    password: bytes | None = field(default=None, repr=False)
    disk: Volume | None = None


@dataclass
class _Run:
    """One start: what it has done so far."""

    machine: Machine
    state: BootState
    start: Start
    entries: list[Entry] = field(default_factory=list[Entry])
    asked: bool = False
    ignored: bool = False

    def end(self, outcome: Outcome, code: str | None = None, reason: str | None = None, failure: int = 0) -> BootResult:
        if code is None and self.ignored:
            code, reason = Stop.KEY_IGNORED, "the key held is ignored"
        return BootResult(outcome, code, reason, failure, self.asked, self.entries)

    def measure(self, stage: str, object_type: str, digest: bytes, verdict: str) -> None:
        self.entries.append(Entry(stage, object_type, digest, verdict))


def boot(machine: Machine, start: Start | None = None) -> BootResult:
    """Start the machine.

    What it ends in is kept as its session, and the reason of a failure for Boot Recovery Assistant.

    Parameters
    ----------
    machine : Machine
        Switched off, or to be started anew.
    start : Start
        Keys, password, disk; by default nothing is held and the internal disk starts.

    Returns
    -------
    BootResult

    Raises
    ------
    InputError
        There is no such key, or no boot state.
    Refusal
        The boot state is damaged or an old copy.
    """
    chosen = start or Start()
    key = boot_key(chosen.key)
    run = _Run(machine, machine.state.load(), chosen)
    result = _firmware(run, key) or _choose(run, key)
    session = _session(run, result)
    failed = None if result.code == Stop.KEY_IGNORED else result.code
    waits = result.outcome in {Outcome.DFU, Outcome.T2_RECOVERY}
    machine.state.save(replace(run.state, session=session, reason=failed, failure=result.failure, dfu=waits))
    return result


def _firmware(run: _Run, key: BootKey) -> BootResult | None:  # noqa: PLR0911 - one line for each place it can end in
    """Start the T2 itself; return where it ended unless it went well."""
    state = run.state
    if state.restoring:
        return run.end(Outcome.DFU, Stop.RESTORE_UNFINISHED, "a restore began and did not end: restore again")
    if key.action is Action.DFU:
        return run.end(Outcome.DFU, Stop.FORCED_DFU, "the Boot ROM was told to wait in DFU mode")
    enclave = True
    for object_type, stage, fallback in _FIRMWARE:
        data = run.machine.files.found(slot_file(state.slot, object_type))
        try:
            verified, _ = verify_image(run.machine, data, object_type, state.firmware_nonce)
        except ManifestRefused as refused:
            run.measure(stage, object_type, hashlib.sha384(data or b"").digest(), refused.fault)
            if fallback is not None:
                return run.end(fallback, f"{stage}/{refused.fault}", str(refused), OTHER_FAILURE)
            enclave = False
            continue
        run.measure(stage, object_type, verified.digest, "verified")
    try:
        pair = run.machine.flash.pair()
    except Refusal as error:
        return run.end(Outcome.T2_RECOVERY, Stop.MODULES, str(error), OTHER_FAILURE)
    if pair != state.pair:
        return run.end(
            Outcome.T2_RECOVERY,
            Stop.MODULES,
            "these modules were not set up with this T2: a restore takes them, and erases them",
            OTHER_FAILURE,
        )
    if not enclave:
        return _recovery(
            run, run.machine.internal, Stop.ENCLAVE_DISABLED, "sepOS is bad: the enclave is off until reset"
        )
    return None


def _choose(run: _Run, key: BootKey) -> BootResult:  # noqa: PLR0911 - one line for each thing that can start
    """Go where keys, firmware password and activation say."""
    state, machine = run.state, run.machine
    works = not key.never and not (key.only_without_security and state.secure_boot is not SecureBoot.NONE)
    if state.firmware_password is not None and key.locked is Locked.IGNORED:
        works = False
    action = key.action if works else Action.SYSTEM
    run.ignored = not works
    refused = _ask(run, key, action)
    if refused is not None:
        return refused
    if not state.activated and action in {Action.SYSTEM, Action.VERBOSE, Action.SAFE, Action.SINGLE_USER}:
        return _recovery(run, machine.internal, Stop.NOT_ACTIVATED, "this machine is not activated")
    if action is Action.STARTUP_MANAGER and run.start.disk is None:
        return run.end(Outcome.STARTUP_MANAGER)
    if action is Action.TARGET_DISK:
        return run.end(Outcome.TARGET_DISK)
    if action is Action.RECOVERY:
        return _recovery(run, run.start.disk or machine.internal)
    if action in {Action.INTERNET_RECOVERY, Action.INTERNET_DIAGNOSTICS}:
        return _internet(run, Outcome.RECOVERY if action is Action.INTERNET_RECOVERY else Outcome.DIAGNOSTICS)
    if action is Action.DIAGNOSTICS:
        return _recovery(run, machine.internal, outcome=Outcome.DIAGNOSTICS)
    kinds = {Action.VERBOSE: Outcome.VERBOSE, Action.SAFE: Outcome.SAFE, Action.SINGLE_USER: Outcome.SINGLE_USER}
    return _system(run, run.start.disk or machine.internal, kinds.get(action, Outcome.MACOS))


def _ask(run: _Run, key: BootKey, action: Action) -> BootResult | None:
    """Ask for the firmware password where its mode says so; return the prompt while it is not given."""
    held = run.state.firmware_password
    leaves = action is not Action.SYSTEM or run.start.disk is not None
    if held is None or not (held.mode is Mode.FULL or (leaves and key.locked is Locked.ASKS)):
        return None
    if run.start.password is None:
        return run.end(Outcome.PASSWORD, Stop.PASSWORD_NEEDED, "the firmware asks for its password")
    try:
        held.check(run.start.password)
    except FirmwarePasswordWrong as error:
        return run.end(Outcome.PASSWORD, Stop.PASSWORD_WRONG, str(error))
    return None


def _assistant(run: _Run, code: str, reason: str, failure: int = OTHER_FAILURE) -> BootResult:
    """Go to recoveryOS, whose Boot Recovery Assistant says why."""
    return run.end(Outcome.ASSISTANT, code, reason, failure)


def _system(run: _Run, volume: Volume, wanted: Outcome) -> BootResult:
    """Start what is installed on a volume, as far as the policies let it."""
    policy = run.state.secure_boot
    if volume.external and not run.state.external_boot:
        return _assistant(run, Stop.EXTERNAL, f"{volume.name}: starting from external disks is not allowed")
    if volume.system is not System.MACOS:
        return _other_system(run, volume)
    if policy is not SecureBoot.NONE and volume.form != "apfs":
        return _assistant(run, Stop.NOT_APFS, f"{volume.name} is {volume.form}; secure boot needs APFS")
    for file, stage in ((LOADER, "uefi"), (KERNEL, "boot-efi")):
        image = volume.files.found(file)
        if image is None:
            hint = "" if volume.external else "; 't2 install' in recoveryOS installs a system"
            return _assistant(run, Stop.NO_SYSTEM, f"{volume.name} has no {file}{hint}")
        failed = _verify(run, volume, file, image, stage)
        if failed is not None:
            return failed
    return run.end(wanted)


def _other_system(run: _Run, volume: Volume) -> BootResult:
    """Start what is not Apple's: at Full and Medium Security under the authority of Windows, once let in."""
    name = WINDOWS_LOADER if volume.system is System.WINDOWS else OTHER_LOADER
    image = volume.files.found(name)
    if run.state.secure_boot is SecureBoot.NONE:
        if image is not None:
            run.measure("uefi", EFI_PROGRAM, hashlib.sha384(image).digest(), "not checked")
        return run.end(Outcome.OTHER)
    if not run.state.windows:
        if volume.system is System.WINDOWS:
            return _assistant(run, Stop.WINDOWS, f"{volume.name}: Boot Camp Assistant has not let Windows in")
        return _assistant(run, Stop.NOT_APPLE, f"{volume.name}: Apple did not sign what is there")
    if image is None:
        return _assistant(run, Stop.NO_SYSTEM, f"{volume.name} has no {name}")
    digest = hashlib.sha384(image).digest()
    try:
        verify_loader(image, run.machine.sheet.windows_authority)
    except WindowsRefused as refused:
        run.measure("uefi", EFI_PROGRAM, digest, refused.fault)
        return _assistant(run, f"uefi/{refused.fault}", f"{volume.name}: {refused}")
    run.measure("uefi", EFI_PROGRAM, digest, "verified")
    return run.end(Outcome.OTHER)


def _verify(run: _Run, volume: Volume, file: str, image: bytes, stage: str) -> BootResult | None:
    """Verify the buffer that will run; ask the signing server once where a ticket is all that lacks."""
    policy, machine = run.state.secure_boot, run.machine
    digest, object_type = hashlib.sha384(image).digest(), SIGNED[file]
    if policy is SecureBoot.NONE:
        run.measure(stage, object_type, digest, "not checked")
        return None
    full = policy is SecureBoot.FULL
    name = manifest_name(file, machine.sheet.model, machine.chip.ecid if full else None)
    kind = Kind.FULL if full else Kind.MEDIUM
    try:
        verify(volume.files.found(name), image, object_type, machine.chip, machine.root, kind)
    except ManifestRefused as refused:
        run.measure(stage, object_type, digest, refused.fault)
        if full and refused.fault in _PERSONALISABLE and not run.asked:
            return _personalised(run, volume, file, image, stage, refused)
        byte = failure_byte(refused.fault, full=full)
        return _assistant(run, f"{stage}/{refused.fault}", str(refused), byte)
    run.measure(stage, object_type, digest, "verified")
    return None


def _personalised(
    run: _Run, volume: Volume, file: str, image: bytes, stage: str, refused: ManifestRefused
) -> BootResult | None:
    """Let Boot Recovery Assistant fetch a ticket for this machine, and look once more."""
    run.asked = True
    byte = failure_byte(refused.fault, full=True)
    try:
        personalise(run.machine, volume)
    except Unreachable as error:
        return _assistant(run, Stop.NETWORK, f"{volume.name} has to be verified for this machine first: {error}", byte)
    except SignerRefused as error:
        return _assistant(run, Stop.NOT_SIGNED, f"{volume.name}: {error}", byte)
    except ManifestRefused as error:
        return _assistant(run, f"{stage}/{error.fault}", str(error), byte)
    return _verify(run, volume, file, image, stage)


def _recovery(
    run: _Run,
    volume: Volume,
    code: str | None = None,
    reason: str | None = None,
    outcome: Outcome = Outcome.RECOVERY,
) -> BootResult:
    """Start a volume's recoveryOS, or the diagnostics beside it; where it is bad, the network's."""
    if volume.external and not run.state.external_boot:
        return _assistant(run, Stop.EXTERNAL, f"{volume.name}: starting from external disks is not allowed")
    found = check_local(run.machine, volume)
    run.measure("uefi", "rcls", found.digest, found.verdict)
    if found.refused is not None:
        return _internet(run, outcome, code, reason)
    return run.end(outcome, code, reason)


def _internet(run: _Run, outcome: Outcome, code: str | None = None, reason: str | None = None) -> BootResult:
    """Start what the network hands out, once every chunk is right."""
    run.asked = True
    try:
        found = check_network(run.machine)
    except Unreachable as error:
        return _assistant(run, Stop.NETWORK, str(error))
    except SignerRefused as error:
        return _assistant(run, Stop.NETWORK, f"the network has no recoveryOS: {error}")
    run.measure("uefi", "rcls", found.digest, found.verdict)
    if found.refused is not None:
        return _assistant(run, Stop.RECOVERY_DAMAGED, str(found.refused))
    return run.end(outcome, code, reason)


def _session(run: _Run, result: BootResult) -> Session:
    """Return what runs now."""
    wheres = {
        Outcome.MACOS: Where.MACOS,
        Outcome.VERBOSE: Where.MACOS,
        Outcome.SAFE: Where.MACOS,
        Outcome.RECOVERY: Where.RECOVERY_OS,
        Outcome.OTHER: Where.OTHER,
        Outcome.SINGLE_USER: Where.OTHER,
    }
    volume = run.start.disk or run.machine.internal
    source = Source.EXTERNAL if volume.external else Source.INTERNAL
    if result.outcome is Outcome.RECOVERY and run.asked:
        source = Source.INTERNET
    return Session(wheres.get(result.outcome, Where.OFF), source, volume.form, volume.administrators)
