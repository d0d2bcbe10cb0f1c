"""``make fit``: fit every fitted number anew and write ``catalog/fits``.

Two fits, each on physics that the other does not touch: the iMac Pro's cooling on the published thermal test, then the
rates and sizes of all designs and benchmarks on all published speeds.
"""

from __future__ import annotations

import sys
from typing import Any

import tomli_w

from spacegrey import fits
from spacegrey.simulation.runfile import write_whole
from spacegrey.simulation.validation import thermal_fit, throughput_fit

HEAD = "# Written by `make fit`: do not edit. Which numbers were fitted, on what, and how well they do there.\n\n"
DIGITS = 5


def main(names: list[str]) -> None:
    """Run the fits named (``thermal``, ``throughput``; both if none is) and write their files."""
    if not names or "thermal" in names:
        values, report = thermal_fit.fit()
        cooling: dict[str, Any] = {}
        for (group, key), value in values.items():
            cooling.setdefault(group, {})[key] = value
        _write(
            "thermal",
            {
                "fit": {
                    "parameters": len(values),
                    "rows": len(report),
                    "method": "differential evolution on the misfit of the published thermal test, seed 2017",
                    "targets": [
                        {"name": name, "published": value, "fitted": _short(got)} for name, value, got in report
                    ],
                },
                "values": {"cooling/imac-pro": cooling},
            },
        )
        fits.records.cache_clear()
    if not names or "throughput" in names:
        fitted = throughput_fit.fit()
        _write(
            "throughput",
            {
                "fit": {
                    "parameters": fitted.parameters,
                    "rows": fitted.rows,
                    "method": (
                        "least squares on the relative errors of all published speeds over the scatter expected "
                        "of each, soft L1 loss, clocks from the simulation"
                    ),
                    "mean_absolute_percent": _short(fitted.mean_absolute_percent),
                    "by_workload_percent": {name: _short(value) for name, value in fitted.by_workload.items()},
                },
                "values": {
                    owner: {key: _short(value) for key, value in pairs.items()}
                    for owner, pairs in fitted.values.items()
                },
            },
        )


def _write(name: str, data: dict[str, Any]) -> None:
    path = fits.FOLDER / f"{name}.toml"
    write_whole(path, lambda beside: beside.write_text(HEAD + tomli_w.dumps(data), encoding="utf-8"))
    sys.stdout.write(f"{path}: {data['fit']['parameters']} parameters on {data['fit']['rows']} rows\n")


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


if __name__ == "__main__":
    main(sys.argv[1:])
