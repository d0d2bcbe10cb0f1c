"""What a chip keeps over restarts: its locker and the disk's keybag as one state, the old one or the new one.

Every change goes through `Kept.commit`: first the keybag of the next generation, then the locker that names it. What
is answered afterwards is durable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.attempts import attempts
from spacegrey.t2.enclave.drbg import draw
from spacegrey.t2.enclave.keybag import Keybag, Unwritten, read_keybag, remove_others, resealed, write_keybag
from spacegrey.t2.enclave.locker import NONCE_BYTES, blank

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from spacegrey.t2.enclave.keys import Uid
    from spacegrey.t2.enclave.locker import Content, Locker
    from spacegrey.t2.enclave.wrapping import Wrapped


def manufacture(
    uid: Uid, locker: Locker, disk: Path, profile: str, keeps: Callable[[str], bool] = lambda _name: False
) -> None:
    """Give a chip its first state, or a new one: no volume, no password, FileVault off.

    Parameters
    ----------
    uid, locker
        The chip. A locker that is loaded changes at once: a cut leaves the old state or this one.
    disk : Path
        Folder of the disk.
    profile : str
        The table of attempts.
    keeps : callable
        Which of the digests that a loaded locker binds stay bound.
    """
    attempts(profile)
    before = locker.content
    bound = {name: digest for name, digest in before.get("bound", {}).items() if keeps(name)}
    content: Content = {**blank(profile), "generation": before.get("generation", 0) + 1, "bound": bound}
    write_keybag(disk, Keybag(generation=content["generation"]), uid, bytes.fromhex(content["nonce"]))
    locker.commit(content)


class Kept:
    """The state of a chip that is on.

    Parameters
    ----------
    uid : Uid
        The chip's.
    locker : Locker
        Loaded, or new.
    disk : Path
        Folder of the disk, where the keybag lies.

    Attributes
    ----------
    keybag : Keybag
        The wrapped keys; changed by `change` only.

    Raises
    ------
    Refusal
        The keybag is missing, or not the one that this chip wrote last.
    """

    def __init__(self, uid: Uid, locker: Locker, disk: Path) -> None:
        self.uid, self.locker, self.disk = uid, locker, disk
        if locker.held:
            self.keybag = Keybag(generation=1)
            return
        self.keybag = read_keybag(disk, locker.content["generation"], uid, self.nonce)
        remove_others(disk, self.keybag.generation)

    @property
    def content(self) -> Content:
        """The locker's."""
        return self.locker.content

    @property
    def nonce(self) -> bytes:
        """The anti-replay nonce of the day."""
        return bytes.fromhex(self.locker.content["nonce"])

    def replace(self, made: Wrapped, drop: str = "", **locked: Any) -> None:  # noqa: ANN401 - JSON
        """Put a wrapped class key in the place of the one of its kind and user; drop another kind."""
        self.change(lambda bag, nonce: bag.replaced(made.sealed(self.uid, nonce), drop), **locked)

    def change(self, change: Callable[[Keybag, bytes], Keybag], **locked: Any) -> None:  # noqa: ANN401 - JSON
        """Make a change to the keybag, under a new nonce, and to the locker's content."""
        nonce = draw(NONCE_BYTES)
        self.commit(resealed(self.keybag, self.uid, self.nonce, nonce, lambda bag: change(bag, nonce)), nonce, **locked)

    def commit(self, bag: Keybag, nonce: bytes, **locked: Any) -> None:  # noqa: ANN401 - JSON
        """Make a keybag, its nonce and what else changes in the locker the only state.

        Raises
        ------
        Refusal
            It cannot be written.
        """
        write_keybag(self.disk, bag, self.uid, nonce)
        self._name(bag, nonce, **locked)

    def _name(self, bag: Keybag, nonce: bytes, **locked: Any) -> None:  # noqa: ANN401 - JSON
        """Have the locker name a keybag; those of before are dead, and go."""
        self.locker.commit({**self.content, "generation": bag.generation, "nonce": nonce.hex(), **locked})
        self.keybag = bag
        remove_others(self.disk, bag.generation)

    def empty(self, **locked: Any) -> None:  # noqa: ANN401 - JSON
        """Make a keybag without any key the only one, even where this computer's disk has no room for it.

        What counts is that the locker names no other: that destroys them all, and needs no room. The new one may then
        have the room of the one before.

        Raises
        ------
        Refusal
            The locker cannot be written, and it is as before; or the keys are destroyed, and their empty bag is not
            written: a restore is needed before the chip starts again.
        """
        bag, nonce = Keybag(generation=self.keybag.generation + 1), draw(NONCE_BYTES)
        try:
            self.commit(bag, nonce, **locked)
        except Unwritten:
            self._name(bag, nonce, **locked)
            try:
                write_keybag(self.disk, bag, self.uid, nonce)
            except Unwritten as error:
                raise Refusal(
                    f"every key of the disk is destroyed, but {error}: once there is room, "
                    "'spacegrey t2 restore DIR' makes an empty disk"
                ) from None

    def bind(self, name: str, digest: str) -> None:
        """Keep the digest of a file of the boot policy, so that an old copy of it is noticed."""
        self.locker.commit({**self.content, "bound": {**self.content["bound"], name: digest}})

    def bound(self, name: str) -> str | None:
        """Return the digest that was bound last."""
        found: str | None = self.content["bound"].get(name)
        return found

    def __repr__(self) -> str:
        return "<Kept>"
