"""Whatever stands in a file: a log or one clear line, never a traceback, and no memory without bound."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacegrey.errors import InputError, SpacegreyError
from spacegrey.logs import gather
from spacegrey.logs.names import FORMATS
from spacegrey.logs.read import read_log

CHANGES = st.lists(
    st.tuples(st.floats(0, 1), st.one_of(st.binary(max_size=12), st.sampled_from([b"\0", b",,", b"NaN", b"1e999"])),
              st.integers(0, 60)),
    min_size=1, max_size=6,
)  # fmt: skip


def _read(path, **settings):
    try:
        log = read_log(path, **settings)
    except InputError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is right
        return
    steps = np.diff(log["time_s"])
    assert np.isfinite(log["time_s"]).all()
    assert (steps > 0).all()
    for name, values in log.columns.items():
        assert len(values) == len(log), name
        assert not np.isinf(values).any(), name


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=CHANGES, cut=st.floats(0, 1))
def test_any_change_to_a_log_ends_in_a_log_or_a_line(made, each, changes, cut):
    path = made(each)
    content = path.read_bytes()
    for place, put, drop in changes:
        at = int(place * len(content))
        content = content[:at] + put + content[at + drop :]
    path.write_bytes(content[: max(int(cut * len(content)), 1)] if cut < 0.7 else content)
    _read(path)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    content=st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)),
    name=st.sampled_from(list(FORMATS)),
)
def test_any_bytes_read_as_any_format_end_in_a_line(tmp_path, content, name):
    path = tmp_path / "log"
    path.write_bytes(content)
    _read(path, format_=name)
    _read(path)


def test_nested_json_ends_in_a_line(tmp_path):
    path = tmp_path / "log"
    path.write_text("[" * 100_000)
    with pytest.raises(SpacegreyError):
        read_log(path)
    path.write_text('{"a":' * 100_000)
    with pytest.raises(SpacegreyError):
        read_log(path, format_="psutil")


def test_more_rows_than_a_log_has_are_refused(made, monkeypatch):
    monkeypatch.setattr(gather, "MOST_ROWS", 50)
    with pytest.raises(InputError, match="too long: at most 50 rows"):
        read_log(made("turbostat"))


def test_memory_grows_with_the_columns_that_are_known_only(tmp_path):
    peaks = []
    for unknown in (1, 200):
        path = tmp_path / "log"
        head = ",".join(["time_s", "cpu_temp_c", *(f"unknown{one}" for one in range(unknown))])
        row = ",".join(["50.0", *["1234567.891"] * unknown])
        path.write_text("\n".join([head, *(f"{second},{row}" for second in range(2000))]))
        tracemalloc.start()
        assert len(read_log(path)) == 2000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # the file is 80 times larger
    assert all(other < one + 2_000_000 for one, other in pairwise(peaks))
