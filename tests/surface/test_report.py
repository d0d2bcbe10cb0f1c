"""The page of a run: one file that needs nothing else, drawn by a real browser without a complaint."""

import json
import re
import shutil
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from spacegrey.interfaces.report.page import COLOURS
from spacegrey.interfaces.report.plots import MOST_POINTS, PLOTS, measured_lines, segments, thinned, thinned_time
from spacegrey.simulation.kernel.observe import LIMITS
from spacegrey.simulation.runfile import load
from spacegrey.simulation.trace import Trace

FIGURES = [*PLOTS, "band"]


@pytest.fixture(scope="session")
def page_file(command, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    result = command("run", "cinebench-r15-loop", "--on", "imac-pro", "--report", path)
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Open a page without a network; what it asks for and complains about is kept on it."""
    contexts = []

    def opened(path, width=1280, *, dark=False):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("dialog", lambda dialog: (page.complaints.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#band canvas")
        return page

    yield opened
    for context in contexts:
        context.close()


class _Elements(HTMLParser):
    """Collects elements and the text of scripts and styles."""

    def __init__(self):
        super().__init__()
        self.found, self.inside, self.text = [], "", {}

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, _):
        self.inside = ""

    def handle_data(self, data):
        if self.inside in {"style", "script"}:
            self.text.setdefault(self.inside, []).append(data)


def _elements(path):
    parser = _Elements()
    parser.feed(path.read_text(encoding="utf-8"))
    return parser


def _data(path):
    found = re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)
    return json.loads(found[1])


def test_page_needs_no_other_file(page_file):
    elements = _elements(page_file)
    assert [tag for tag, _ in elements.found].count("script") == 3
    for tag, attributes in elements.found:
        assert tag not in {"link", "iframe", "img", "object", "embed", "base"}
        assert "src" not in attributes
    for style in elements.text["style"]:
        assert "url(" not in style
        assert "@import" not in style


def test_browser_opens_it_without_a_complaint_or_a_request(open_page, page_file):
    page = open_page(page_file)
    assert page.complaints == []
    assert page.requests == [page_file.as_uri()]


@pytest.mark.parametrize("width", [1280, 390])
def test_plots_are_drawn_with_a_visible_size(open_page, page_file, width):
    page = open_page(page_file, width)
    for name in FIGURES:
        canvas = page.locator(f"#{name} canvas")
        assert canvas.count() == 1
        box = canvas.bounding_box()
        assert box["width"] > 0.85 * width - 60
        assert box["height"] >= 60
        inked = canvas.evaluate(
            "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
            ".filter((value, i) => i % 4 === 3 && value > 0).length"
        )
        assert inked > 1000, f"{name} is empty"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_series_leaves_its_colour_on_its_plot(open_page, page_file):
    page = open_page(page_file)
    pixels = page.evaluate(
        """() => {
          const canvas = document.querySelector('#power canvas');
          return [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data];
        }"""
    )
    seen = np.array(pixels).reshape(-1, 4)
    seen = seen[seen[:, 3] > 128]
    for name, colour in {"wall": (60, 67, 75), "processor": (11, 98, 168), "graphics": (194, 80, 10)}.items():
        close = (np.abs(seen[:, :3] - colour) <= 3).all(axis=1)
        assert close.sum() > 300, name


def test_cursor_moves_on_all_plots_at_once(open_page, page_file):
    page = open_page(page_file)
    page.hover("#clock .u-over", position={"x": 300, "y": 40})
    times = {page.inner_text(f"#{name} .u-series:first-child .u-value") for name in PLOTS}
    assert len(times) == 1
    assert re.fullmatch(r"\d:\d\d\.\d", times.pop())
    assert float(page.inner_text("#temperature .u-series:nth-child(2) .u-value")) > 30


def test_zoom_moves_all_plots_and_comes_back(open_page, page_file):
    page = open_page(page_file)

    def pictures():
        return [page.locator(f"#{name} canvas").evaluate("c => c.toDataURL()") for name in FIGURES]

    whole = pictures()
    button = page.locator("#whole")
    assert not button.is_visible()
    page.locator("#fan").scroll_into_view_if_needed()
    box = page.locator("#fan .u-over").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 400, box["y"] + 30, steps=4)
    page.mouse.up()
    button.wait_for(state="visible")
    page.mouse.move(5, 5)
    assert all(before != after for before, after in zip(whole, pictures(), strict=True))
    button.click()
    page.mouse.move(5, 5)
    page.wait_for_function("document.getElementById('whole').hidden")
    assert pictures() == whole
    assert page.complaints == []


def test_dark_and_light(open_page, page_file):
    def paper(dark):
        page = open_page(page_file, dark=dark)
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert paper(dark=False) == "rgb(255, 255, 255)"
    assert paper(dark=True) == "rgb(20, 23, 26)"


def test_what_users_name_is_text_and_never_code(command, open_page, short, tmp_path):
    name = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\"'&</script>$title"
    path = tmp_path / "a<b>&'c.html"
    workload = short(name, phase="</script><script>alert(3)</script>")
    odd = workload.rename(tmp_path / "<i>it's.toml")
    result = command("run", odd, "--on", "imac-pro", "--report", path)
    assert result.exit_code == 0, result.output
    page = open_page(path)
    assert page.inner_text("h1") == name
    assert "<i>it" in page.inner_text(".room code")
    assert page.complaints == []
    assert page.locator("img, i:not([data-code]):not(.measured i)").count() == 0


def test_published_measurements_are_drawn_and_listed(page_file, open_page):
    measured = _data(page_file)["measured"]
    assert {"column": "cpu_clock_ghz", "value": 3.6, "what": "dip", "id": "M0004"} in measured
    page = open_page(page_file)
    assert "measured on the real machine" in page.inner_text(".toolbar").lower()
    listed = page.locator("section", has_text="Measured on the real machine").last.inner_text()
    assert all(line["id"] in listed for line in measured)


def test_page_tells_result_sources_status_and_inputs(open_page, page_file):
    page = open_page(page_file)
    text = page.inner_text("body")
    for words in (
        "calibrated",
        "Limited by",
        "spacegrey run cinebench-r15-loop --on imac-pro",
        "points",
        "Technical Specifications",
    ):
        assert words in text, words
    page.locator("summary", has_text="microarchitecture").click()
    assert page.get_by_text("voltage_curve").is_visible()


def test_every_limit_has_a_colour_of_its_own():
    assert len(COLOURS) == len(set(COLOURS)) == len(LIMITS)


def test_long_run_keeps_its_extremes_in_few_points(command, tmp_path):
    path, kept = tmp_path / "long.html", tmp_path / "long.parquet"
    command("run", "all-out", "--on", "imac-pro:18-core,vega-64", "--report", path, "--save", kept)
    data, trace = _data(path), load(kept).trace
    assert len(trace) > 3 * MOST_POINTS
    assert len(data["time"]) <= MOST_POINTS
    for names in PLOTS.values():
        for name in names:
            drawn = np.atleast_1d(data["columns"][name])
            assert drawn.size in {1, len(data["time"])}
            assert drawn.min() == pytest.approx(trace[name].min(), abs=0.051)
            assert drawn.max() == pytest.approx(trace[name].max(), abs=0.051)
    assert path.stat().st_size < 700_000


def test_thinned_series_and_times_belong_together():
    time = np.arange(100_003) * 0.1
    values = np.sin(time)
    values[54_321] = 9.0
    few, times = thinned(values), thinned_time(time)
    assert len(few) == len(times) <= MOST_POINTS
    assert few.max() == 9.0
    assert times[int(few.argmax())] == pytest.approx(5432.1, abs=2 * 1000.03 * 10 / MOST_POINTS)
    assert (np.diff(times) > 0).all()


def test_segments_are_the_times_of_the_limits(saved):
    run = load(saved)
    found = segments(run.trace)
    assert found[0][0] == 0.0
    assert all(before[1] == after[0] and before[2] != after[2] for before, after in pairwise(found))
    for limit in run.record["limits"]:
        seconds = sum(end - start for start, end, code in found if LIMITS[code] == limit["name"])
        assert seconds / run.record["duration_s"] == pytest.approx(limit["share"], abs=0.01)


def test_segments_of_a_limit_that_flickers_stay_few():
    rows = 50_000
    columns = {"time_s": np.arange(rows) * 0.1, "limit": np.arange(rows) % 7 * 1.0}
    assert len(segments(Trace(columns))) <= MOST_POINTS


@pytest.mark.parametrize(
    ("quantity", "unit", "value", "drawn"),
    [
        ("summary.gpu_clock_ghz.end", "MHz", 1250.0, 1.25),
        ("trace.exhaust_temp_c.max", "degC", 47.0, 47.0),
        ("summary.wall_power_w.mean", "W", 182.0, 182.0),
        ("summary.wall_power_w.mean", "BTU/h", 620.0, None),
        ("score", "points", 1682.0, None),
        ("cycle.release_c", "degC", 92.0, 92.0),
    ],
)
def test_measurements_are_drawn_in_the_plot_s_unit(quantity, unit, value, drawn):
    lines = measured_lines([{"id": "M1", "quantity": quantity, "unit": unit, "measured": value}])
    assert [line["value"] for line in lines] == ([] if drawn is None else [pytest.approx(drawn)])
