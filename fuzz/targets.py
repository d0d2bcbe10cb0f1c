"""The targets by name, each a function of bytes; modules are imported when a target is chosen."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

import spacegrey
from spacegrey.jit import compiler

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
    "engine": ("fuzz.engine", "run_engine"),
    "boot-state": ("fuzz.boot", "run_state"),
    "smc": ("fuzz.smc", "run_smc"),
    "log": ("fuzz.logs", "run_any"),
    "log-powermetrics": ("fuzz.logs", "run_powermetrics"),
    "log-powermetrics-plist": ("fuzz.logs", "run_powermetrics_plist"),
    "log-turbostat": ("fuzz.logs", "run_turbostat"),
    "log-hwinfo": ("fuzz.logs", "run_hwinfo"),
    "log-power-gadget": ("fuzz.logs", "run_power_gadget"),
    "log-hardware-monitor": ("fuzz.logs", "run_hardware_monitor"),
    "log-energibridge": ("fuzz.logs", "run_energibridge"),
    "log-sensors": ("fuzz.logs", "run_sensors"),
    "log-sensors-json": ("fuzz.logs", "run_sensors_json"),
    "log-psutil": ("fuzz.logs", "run_psutil"),
    "log-recording": ("fuzz.logs", "run_recording"),
    "log-prometheus": ("fuzz.logs", "run_prometheus"),
    "log-prometheus-json": ("fuzz.logs", "run_prometheus_json"),
    "log-spacegrey": ("fuzz.logs", "run_spacegrey"),
    "log-parquet": ("fuzz.logs", "run_parquet"),
    "edid": ("fuzz.edid", "run_edid"),
}

INSTRUMENTED = (
    "spacegrey.t2", "spacegrey.virtual", "spacegrey.logs", "spacegrey.parts.display", "plistlib", "http.server",
)  # fmt: skip
"""What atheris counts branches of."""

_ROOT = Path(spacegrey.__file__).parent

_LOOP = re.compile(rb"^@(\w+_)?(kernel|law)\b", re.MULTILINE)

COMPILED = (
    "spacegrey.foreign",
    *(".".join(path.relative_to(_ROOT.parent).with_suffix("").parts)
      for path in sorted(_ROOT.rglob("*.py")) if _LOOP.search(path.read_bytes())),
)  # fmt: skip
"""Modules with compiled loops: the compiler takes no code that atheris has changed."""


def target(name: str) -> Callable[[bytes], None]:
    """Return a target, with the compiler loaded: in the middle of a run it would look like a leak."""
    compiler()
    module, function = TARGETS[name]
    found: Callable[[bytes], None] = getattr(importlib.import_module(module), function)
    return found
