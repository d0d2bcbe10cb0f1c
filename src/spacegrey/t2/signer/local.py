"""The signer in this process, for a factory that has it at hand: the server's decisions, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spacegrey.errors import Refusal
from spacegrey.t2.signer.allowed import read_allowed
from spacegrey.t2.signer.authority import open_authority
from spacegrey.t2.signer.exchange import SignerRefused, Status
from spacegrey.t2.signer.server import build_file
from spacegrey.t2.signer.signer import activation, ticket

if TYPE_CHECKING:
    from pathlib import Path

    from spacegrey.t2.image4.verify import Chip
    from spacegrey.t2.signer.authority import Authority
    from spacegrey.t2.signer.exchange import Question


class LocalService:
    """A signer's folder, asked directly.

    Parameters
    ----------
    folder : Path
        The signer's.
    authority : Authority, optional
        The folder's, where it is open already.

    Raises
    ------
    InputError
        There is no signer.
    """

    def __init__(self, folder: Path, authority: Authority | None = None) -> None:
        self._folder = folder
        self._authority = authority or open_authority(folder)

    @property
    def root(self) -> bytes:
        """The root certificate, for the Boot ROM of machines made here."""
        return self._authority.root

    def ticket(self, question: Question) -> bytes:
        """Return the ticket that answers a question; raises `SignerRefused`."""
        return ticket(question, read_allowed(self._folder), self._authority)

    def activation(self, chip: Chip, nonce: bytes) -> tuple[bytes, bytes]:
        """Return an activation record and its manifest; raises `SignerRefused`."""
        return activation(chip, nonce, read_allowed(self._folder), self._authority)

    def fetch(self, build: str, name: str, chunk: int | None = None) -> bytes:
        """Return a file of a build, or one chunk of it; raises `SignerRefused`."""
        found = build_file(self._folder, build, name, chunk)
        if found is None:
            raise SignerRefused(Status.UNKNOWN_BUILD, f"There is nothing called {build}/{name}")
        return found

    def files(self, build: str) -> list[str]:
        """Return the names of a build's files.

        Raises
        ------
        Refusal
            There is no such build.
        """
        try:
            return sorted(path.name for path in (self._folder / "builds" / build).iterdir())
        except OSError:
            raise Refusal(f"the signer has no build {build!r}") from None
