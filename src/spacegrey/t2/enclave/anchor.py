"""What this computer remembers of a chip outside its folder: the latest state of its locker.

The T2 has no counter that cannot be set back, and neither has a folder of files. So the number and the digest of the
latest state are kept a second time, under the user's own state folder: putting an old copy of the machine's folder back
is noticed, as long as that file is not put back with it.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spacegrey.errors import Refusal
from spacegrey.t2.files import checked, read_json

FORMAT = 1


def state_folder() -> Path:
    """Return where this user's programs keep their state (XDG Base Directory Specification).

    A path that is not absolute does not count, as the specification has it: from another folder it would be another
    one, and what is remembered there would be forgotten.

    Raises
    ------
    Refusal
        There is no such place.
    """
    base = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not base.is_absolute():
        try:
            home = Path.home()
        except RuntimeError:  # neither HOME nor an entry of this user's
            home = Path()
        base = home / ".local" / "state"
    if not base.is_absolute():
        raise Refusal(
            "no place to remember this machine's latest state: $HOME is no absolute path; set it, or $XDG_STATE_HOME"
        )
    return base / "spacegrey" / "t2"


@dataclass(frozen=True)
class Anchor:
    """The remembered state of one chip.

    Attributes
    ----------
    path : Path
        The file.
    """

    path: Path

    def remembered(self) -> tuple[int, str] | None:
        """Return sequence and digest; None where nothing is remembered.

        Raises
        ------
        Refusal
            The file is damaged or of another version.
        """
        try:
            content = read_json(self.path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise Refusal(f"{self.path} cannot be read: it says how new this machine's state is") from None
        checked(content, self.path, FORMAT)
        sequence, digest = content.get("sequence"), content.get("digest")
        if type(sequence) is not int or not isinstance(digest, str):
            raise Refusal(f"{self.path} is damaged: it says how new this machine's state is")
        return sequence, digest

    def check(self, sequence: int, digest: str) -> None:
        """See that a locker is not older than what is remembered.

        Raises
        ------
        Refusal
            It is, or it is another one with the same number, or nothing is remembered.
        """
        known = self.remembered()
        if known is None:
            raise Refusal(
                "this computer has not seen this machine before, so it cannot tell whether its state is the latest: "
                "if you brought it here yourself, say so with 'spacegrey t2 adopt DIR'"
            )
        if sequence < known[0] or (sequence == known[0] and digest != known[1]):
            raise Refusal(
                f"the enclave's memory was put back: it is state {sequence}, "
                f"and this computer has seen state {known[0]}"
            )

    def advance(self, sequence: int, digest: str) -> None:
        """Remember a state durably.

        Raises
        ------
        OSError
            It cannot be written.
        """
        if self.remembered() == (sequence, digest):
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        beside = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(json.dumps({"format": FORMAT, "sequence": sequence, "digest": digest}) + "\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.path)
        finally:
            beside.unlink(missing_ok=True)
        sync_folder(self.path.parent)


def sync_folder(folder: Path) -> None:
    """Make a folder's names durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
