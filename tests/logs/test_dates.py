"""A date whose order of day and month nobody tells is read so that the log goes on."""

import pytest

from spacegrey.logs.read import read_log

DAY_S = 86_400.0


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (["3/5/2024", "3/6/2024"], [0, 1]),  # America: else a step of a month
        (["5/3/2024", "6/3/2024"], [0, 1]),  # Britain
        (["3/31/2024", "4/1/2024"], [0, 1]),  # America: else the log would run backwards
        (["31/3/2024", "1/4/2024"], [0, 1]),
        (["12/31/2024", "1/1/2025"], [0, 1]),
        (["31.12.2024", "1.1.2025"], [0, 1]),
        (["3/5/2024", "3/5/2024"], [0, 0]),
        (["2/28/2024", "2/29/2024", "3/1/2024"], [0, 1, 2]),
        (["2/3/2024", "3/3/2024", "4/3/2024"], [0, 1, 2]),
    ],
)
def test_the_day_after_is_a_day_later(tmp_path, dates, days):
    path = tmp_path / "log"
    rows = [f"{date},12:00:0{row},{45 + row}" for row, date in enumerate(dates)]
    path.write_text("\n".join(["Date,Time,CPU Package [C]", *rows]), encoding="utf-8")
    log = read_log(path)
    assert log["time_s"].tolist() == [day * DAY_S + row for row, day in enumerate(days)]
    assert not log.warnings
