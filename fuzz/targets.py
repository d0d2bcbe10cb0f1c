"""The targets by name, each a function of bytes; modules are imported when a target is chosen."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TARGETS = {
    "der": ("fuzz.image4", "run_der"),
    "manifest": ("fuzz.image4", "run_manifest"),
    "certificate": ("fuzz.image4", "run_certificate"),
    "request": ("fuzz.signing", "run_request"),
    "http": ("fuzz.signing", "run_http"),
    "negotiation": ("fuzz.nbd", "run_negotiation"),
    "transmission": ("fuzz.nbd", "run_transmission"),
    "module": ("fuzz.storage", "run_module"),
    "map": ("fuzz.storage", "run_map"),
    "enclave": ("fuzz.enclave", "run_enclave"),
    "boot-state": ("fuzz.boot", "run_state"),
}

INSTRUMENTED = ("spacegrey.t2", "spacegrey.virtual.nbd", "plistlib", "http.server")
"""What atheris counts branches of."""

COMPILED = ("spacegrey.t2.storage.mapping", "spacegrey.t2.storage.engine", "spacegrey.t2.storage.verify")
"""Modules with compiled loops: the compiler takes no code that atheris has changed."""


def target(name: str) -> Callable[[bytes], None]:
    """Return a target."""
    module, function = TARGETS[name]
    found: Callable[[bytes], None] = getattr(importlib.import_module(module), function)
    return found
