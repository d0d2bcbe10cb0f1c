"""The open volumes: each key in the engine of this process, and the handles that are good until it ends."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.enclave.keys import wipe

if TYPE_CHECKING:
    from spacegrey.t2.enclave.channel import Channel
    from spacegrey.t2.storage.engine import XtsKey


@dataclass
class _Volume:
    key: bytearray  # empty once the engine has it
    handle: str = field(default_factory=lambda: secrets.token_hex(16))
    engine: XtsKey | None = None
    channels: set[Channel] = field(default_factory=set["Channel"])

    def __repr__(self) -> str:
        return "<volume>"


class Volumes:
    """Which volumes are open."""

    def __init__(self) -> None:
        self._open: dict[str, _Volume] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the open volumes."""
        return sorted(self._open)

    def connections(self) -> int:
        """Return how many threads of storage hold a channel."""
        with self._lock:
            return sum(len(volume.channels) for volume in self._open.values())

    def open(self, name: str, key: bytearray) -> None:
        """Take a volume's key, unless it is open already; the caller's copy is wiped with ours."""
        with self._lock:
            if name in self._open:
                wipe(key)
            else:
                self._open[name] = _Volume(key)

    def handle(self, name: str) -> str:
        """Return the name under which the storage may use a volume's key, until the volume is locked.

        Raises
        ------
        Refusal
            The volume is locked.
        """
        volume = self._open.get(name)
        if volume is None:
            raise Refusal(f"volume {name!r} is locked: unlock it with 'spacegrey t2 unlock DIR'")
        return volume.handle

    def channel(self, handle: str) -> Channel:
        """Make a channel to the engine.

        Raises
        ------
        Refusal
            No open volume has this handle.
        """
        from spacegrey.t2.enclave.channel import Channel  # not above: unlocking need not wait for the compiler
        from spacegrey.t2.storage.engine import XtsKey

        with self._lock:
            volume = next((one for one in self._open.values() if secrets.compare_digest(one.handle, handle)), None)
            if volume is None:
                raise Refusal("this handle is of an earlier start, or its volume was locked")
            if volume.engine is None:
                volume.engine = XtsKey(volume.key)
            made = Channel(volume.engine, lambda ended: self._ended(volume, ended))
            volume.channels.add(made)
            return made

    def _ended(self, volume: _Volume, channel: Channel) -> None:
        with self._lock:
            volume.channels.discard(channel)

    def lock(self, name: str | None = None) -> None:
        """Forget the keys of a volume, or of all; what is under way in the engine ends first."""
        with self._lock:
            gone = [self._open.pop(one) for one in list(self._open) if name in {None, one}]
            channels = [channel for volume in gone for channel in volume.channels]
        for channel in channels:
            channel.revoke()
        for volume in gone:
            wipe(volume.key)
            if volume.engine:
                volume.engine.wipe()
