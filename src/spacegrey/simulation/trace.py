"""What a run looked like over time: columns with names and units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from spacegrey.simulation.kernel.observe import LIMITS, TRACE_COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

# column -> (unit, meaning); the order is that of a saved file
COLUMNS: dict[str, tuple[str, str]] = {
    "time_s": ("s", "simulated time"),
    "phase": ("1", "number of the phase, counted through repeats"),
    "progress": ("1", "share of the phase that is done"),
    "cpu_clock_ghz": ("GHz", "clock of the busy cores"),
    "cpu_temp_c": ("degC", "processor junction"),
    "gpu_clock_ghz": ("GHz", "graphics clock"),
    "gpu_temp_c": ("degC", "graphics junction"),
    "fan_rpm": ("1/min", "fan speed"),
    "noise_dba": ("dBA", "sound pressure at the machine's stated distance"),
    "wall_power_w": ("W", "power from the wall"),
    "cpu_power_w": ("W", "processor package"),
    "gpu_power_w": ("W", "graphics chip and memory"),
    "cpu_busy": ("1", "share of time in which cores work or wait for memory"),
    "gpu_busy": ("1", "share of time in which graphics work"),
    "memory_gb_s": ("GB/s", "main memory traffic"),
    "storage_busy": ("1", "share of time in which the drive works"),
    "limit": ("1", "code of what limits the work: see the limits of the run"),
    "cpu_sink_temp_c": ("degC", "processor heat sink"),
    "gpu_sink_temp_c": ("degC", "graphics heat sink"),
    "gpu_memory_temp_c": ("degC", "graphics memory"),
    "storage_temp_c": ("degC", "drive"),
    "board_temp_c": ("degC", "logic board"),
    "exhaust_temp_c": ("degC", "air that leaves the machine"),
}


@dataclass(frozen=True)
class Trace:
    """Columns over time, ten rows for each simulated second.

    Attributes
    ----------
    columns : dict of str to float64, shape (rows,)
        Names and units as in `COLUMNS`.
    """

    columns: dict[str, NDArray[np.float64]]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """Return a column."""
        return self.columns[name]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.columns["time_s"])

    def limit_names(self) -> list[str]:
        """Return the name of what limited the work, row by row."""
        return [LIMITS[int(code)] for code in self.columns["limit"]]

    def to_arrow(self) -> pa.Table:
        """Return the trace as an Arrow table with the unit and meaning of each column in its schema."""
        import pyarrow as pa

        fields = [
            pa.field(
                name, pa.float64(), nullable=False, metadata={"unit": COLUMNS[name][0], "meaning": COLUMNS[name][1]}
            )
            for name in self.columns
        ]
        return pa.table([pa.array(values) for values in self.columns.values()], schema=pa.schema(fields))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:  # noqa: ANN401 - a capsule of C
        """Return the trace as an Arrow stream, which pandas, polars, DuckDB and others read as it is."""
        return cast("Any", self.to_arrow()).__arrow_c_stream__(requested_schema)


def from_rows(rows: NDArray[np.float64], ambient_c: float) -> Trace:
    """Return a trace from the rows that the kernel recorded: rises over the room and MHz become degC and GHz."""
    columns: dict[str, NDArray[np.float64]] = {}
    for number, (inside, name) in enumerate(zip(TRACE_COLUMNS, COLUMNS, strict=True)):
        values = np.ascontiguousarray(rows[:, number])
        if inside.endswith("_k"):
            values += ambient_c
        elif inside.endswith("_mhz"):
            values *= 1e-3
        columns[name] = values
    return Trace(columns)
