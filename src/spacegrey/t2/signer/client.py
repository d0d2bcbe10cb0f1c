"""Asking a signing server. Nothing that it says is believed: a ticket counts when the chip has verified it."""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from spacegrey.errors import Refusal
from spacegrey.t2.signer.exchange import (
    LARGEST,
    LARGEST_FILE,
    Question,
    SignerRefused,
    Status,
    encode_question,
    read_answer,
)

if TYPE_CHECKING:
    from spacegrey.t2.image4.verify import Chip

_SIGNING = "/TSS/controller?action=2"
_ACTIVATING = "/deviceservices/deviceActivation"


class Unreachable(Refusal):
    """There is no way to the signing server."""


@dataclass(frozen=True)
class SigningService:
    """A signing server at an address.

    Attributes
    ----------
    url : str or None
        ``http://127.0.0.1:PORT``; None where the machine has no network.
    tries : int
        How often an exchange that fails on the way is made again; libtatsu makes it 15 times.
    patience_s : float
        For each of them.
    """

    url: str | None
    tries: int = 3
    patience_s: float = 5.0

    def ticket(self, question: Question) -> bytes:
        """Return the ticket that answers a question.

        Raises
        ------
        Unreachable
            There is no network, or no server.
        SignerRefused
            The server does not sign.
        """
        return read_answer(self._post(_SIGNING, encode_question(question)))

    def activation(self, chip: Chip, nonce: bytes) -> tuple[bytes, bytes]:
        """Return an activation record and its manifest.

        Raises
        ------
        Unreachable
            There is no network, or no server.
        SignerRefused
            The server does not activate this machine.
        """
        asked = {
            "ecid": chip.ecid,
            "chip": chip.chip,
            "board": chip.board,
            "security_domain": chip.security_domain,
            "nonce": base64.b64encode(nonce).decode(),
        }
        answer = self._post(_ACTIVATING, json.dumps(asked).encode())
        if answer.startswith(b"STATUS="):
            read_answer(answer)
        try:
            found = cast("dict[str, Any]", json.loads(answer))
            record, manifest = (base64.b64decode(found[name], validate=True) for name in ("record", "manifest"))
        except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
            raise SignerRefused(Status.MALFORMED, "what came is no activation") from None
        return record, manifest

    def fetch(self, build: str, name: str, chunk: int | None = None) -> bytes:
        """Return a file of a build, or one chunk of it.

        Raises
        ------
        Unreachable
            There is no network, or no server.
        SignerRefused
            The server has no such file.
        """
        which = "" if chunk is None else f"?chunk={chunk}"
        return self._ask(f"/builds/{quote(build, safe='')}/{quote(name, safe='')}{which}", None)

    def _post(self, path: str, content: bytes) -> bytes:
        return self._ask(path, content, {"Content-Type": 'text/xml; charset="utf-8"'})

    def _ask(self, path: str, content: bytes | None, headers: dict[str, str] | None = None) -> bytes:
        if self.url is None:
            raise Unreachable("no network: the signing server cannot be asked")
        if not self.url.lower().startswith("http://"):
            raise Unreachable(f"{self.url} is no http address")
        asked = urllib.request.Request(  # noqa: S310 - the address was checked
            self.url + path, content, headers or {}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        why = ""
        for _ in range(self.tries):
            try:
                with opener.open(asked, timeout=self.patience_s) as answer:
                    return answer.read(LARGEST if content is not None else LARGEST_FILE)
            except urllib.error.HTTPError as error:
                if error.code == HTTPStatus.NOT_FOUND:
                    error.close()
                    raise SignerRefused(Status.UNKNOWN_BUILD, f"There is nothing at {path}") from None
                why = f"it answers {error.code}"
                error.close()
            except (OSError, http.client.HTTPException, ValueError) as error:
                reason: object = getattr(error, "reason", error)
                why = str(getattr(reason, "strerror", None) or reason).lower()
        raise Unreachable(f"the signing server at {self.url} cannot be reached: {why}")
