"""``python -m fuzz.large``: logs larger than a fuzzer's inputs, made to take the square of their size, or more.

Each is read in a process of its own, which is ended after `PATIENCE_S` or beyond `MOST_MIB`; a line of JSON says what
it took. Linux and macOS.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import time
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fuzz.scratch import scratch
from spacegrey.errors import InputError
from spacegrey.logs.read import read_log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_S = 20
"""Of the processor's time, for one; more is a hang. [s]"""

MOST_MIB = 4096
"""Of address space, so that a reader without bounds hurts nobody."""

_M = 1 << 20
_LINE = _M - 200
"""Just below the longest line that is read."""

_SAMPLE = b"*** Sampled system activity (x) (1000ms elapsed) ***\n"


def _many(form: bytes, count: int) -> bytes:
    return b"".join(form % number for number in range(count))


def logs() -> Iterator[tuple[str, str, bytes]]:
    """Yield a name, a format and a log that is none, or hardly one."""
    powers = _many(b'<!ENTITY a%d "', 1) + b"a" * 9 + b'">' + b"".join(
        b'<!ENTITY a%d "%s">' % (one, b"&a%d;" % (one - 1) * 9) for one in range(1, 12)
    )  # fmt: skip
    deep = b"[" * 950 + b"]" * 950
    huge = b"<integer>0x" + b"f" * _M + b"</integer>"
    yield "a mark of a sample over and over", "powermetrics", b"*** Sampled system activity (" * (_LINE // 29)
    yield "a name for each sample", "powermetrics", _many(_SAMPLE + b"cpu %d idle residency: 5%%\n", 15_000)
    yield "entities in entities", "powermetrics-plist", b"<!DOCTYPE a [" + powers + b"]><plist><dict/></plist>"
    yield "numbers of a million digits", "powermetrics-plist", (
        b"<plist><dict><key>elapsed_ns</key>" + huge + b"<key>hw_model</key>" + huge + b"</dict></plist>"
    )  # fmt: skip
    keys = _many(b"<key>%d</key><real>1</real>", 30_000)
    yield "a key of a million letters before others", "powermetrics-plist", (
        b"<plist><dict><key>" + b"k" * _M + b"</key><dict>" + keys + b"</dict></dict></plist>"
    )  # fmt: skip
    yield "a list in a list, and so on", "powermetrics-plist", b"<plist>" + b"<array>" * 100_000
    yield "nothing between zero bytes", "powermetrics-plist", b"<plist>" + b"\0a" * _M
    yield "half a million columns", "turbostat", b"Bzy_MHz " + b"a " * (_LINE // 2) + b"\n" + b"1 " * (_LINE // 2)
    yield "a head that is one field", "hwinfo", b'Date,Time,"' + b"x" * _LINE + b"\n1,2,3\n"
    yield "a head for each row", "hwinfo", _many(b"Date,Time,CPU Package [C],%d\n1.1.2024,1:00:00,50,1\n", 40_000)
    yield "half a million columns", "hwinfo", b"Date,Time," + b"a," * (_LINE // 2) + b"\n"
    yield "a head that is one field", "hardware-monitor", b",/lpc/" + b"/fan/1 " * (_LINE // 7) + b"\nTime,x\n"
    yield "many fans", "hardware-monitor", b",/lpc/a/fan/1" * 60_000 + b"\nTime" + b",CPU Fan" * 60_000 + b"\n"
    yield "a chip of a million letters", "sensors", b"c" * _LINE + b"\nAdapter: x\n" + _many(b"a%d: 1\n", 60_000)
    yield "a key of a million letters before others", "sensors-json", (
        b'{"' + b"k" * _M + b'": {' + _many(b'"%d":1,', 100_000) + b'"":1}}'
    )  # fmt: skip
    yield "a million keys", "sensors-json", b'{"c": {' + _many(b'"%d":1,', 1_000_000) + b'"":1}}'
    yield "a list in a list, and so on", "sensors-json", b"[" * (8 * _M)
    yield "a key of many letters before others", "psutil", (
        b'{"' + b"k" * (_M // 2) + b'": {' + _many(b'"%d":1,', 40_000) + b'"":1}}'
    )  # fmt: skip
    yield "a name for each row", "psutil", _many(b'{"fans.%d":900}\n', 15_000)
    yield (
        "many names in the first row",
        "psutil",
        b"{" + _many(b'"fans.%d":9,', 15_000) + b'"":1}\n' + b"{}\n" * 100_000,
    )
    yield "a label that is a deep list", "psutil", b'{"fans":[{"label":' + deep + b',"current":900}]}'
    yield "a label of a million letters", "prometheus", b"a{" + b"a" * _LINE + b"} 1\n"
    yield "a text of backslashes", "prometheus", b'a{x="' + b"\\" * _LINE + b"} 1\n"
    label = b'node_hwmon_sensor_label{chip="",sensor="",label="' + b"l" * _LINE + b'"} 1\n'
    yield "a label of a million letters for many", "prometheus", label + _many(b'x%d{chip="",sensor=""} 1\n', 19_000)
    yield "an error that is a deep list", "prometheus-json", b'{"status":"error","error":' + deep + b"}"
    yield "whole numbers beyond a float", "spacegrey", b'{"trace":{"time_s":[%b],"cpu_temp_c":[45]}}' % (b"9" * 400)
    held = io.BytesIO()
    same = np.full(10_000_000, 45.0)
    pq.write_table(pa.table({"time_s": same, "cpu_temp_c": same, "more": same}), held, compression="zstd")
    yield "ten million rows that are all the same", "spacegrey", held.getvalue()


def took(path: Path, format_: str) -> dict[str, object]:
    """Read a log in a process of its own; return its processor time, memory and answer. [s, MiB]."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MIB * _M, MOST_MIB * _M))
        signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
        begin, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            answer = f"{len(read_log(path, format_=format_))} rows"
        except InputError as refused:
            answer = f"refused: {refused}"
        except BaseException as error:  # noqa: BLE001 - what else a reader raises is what is looked for
            answer = f"raised {type(error).__name__}: {error}"
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        os.write(write, json.dumps([time.process_time() - begin, grown, answer[:3000]]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    seconds, grown, answer = json.loads(said) if said else (PATIENCE_S, MOST_MIB, "ended: time or memory without bound")
    return {"seconds": seconds, "mib": grown, "answer": answer}


def main() -> None:
    """Read every log, and print what it took."""
    path = scratch("large") / "log"
    for name, format_, data in logs():
        path.write_bytes(data)
        print(json.dumps({"name": name, "format": format_, "bytes": len(data), **took(path, format_)}), flush=True)


if __name__ == "__main__":
    main()
