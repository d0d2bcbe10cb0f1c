"""A plot of a sweep: a picture that opens, a page that draws, and a front that no run beats."""

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from spacegrey.interfaces import questions
from spacegrey.interfaces.scatter.points import points

WORK = """
[workload]
name = "odd"
stands_for = "a test"
status = "illustrative"

[[phase]]
name = "work"
processor = { float_gop = 10 }
assumed = { processor = "a test" }
"""


def test_a_picture_opens_and_shows_its_points(command, swept, tmp_path):
    out = tmp_path / "plot.png"
    result = command("plot", swept, "--x", "energy_wh", "--y", "duration_s", "--colour", "workload", "--out", out)
    assert result.exit_code == 0, result.output
    with Image.open(out) as image:
        image.load()
        assert image.size == (1200, 840)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 20)}
    assert len(colours) > 20, "more than a white sheet"


def test_words_and_numbers_can_colour_and_none(command, swept, tmp_path):
    for words in (["--colour", "limited_by"], ["--colour", "noise_dba_mean"], [], ["--front", "--more", "score"]):
        for kind in ("png", "html"):
            result = command("plot", swept, "--x", "energy_wh", "--y", "score", *words, "--out", tmp_path / f"p.{kind}")
            assert result.exit_code == 0, result.output


def test_a_page_holds_every_point_and_no_address(command, swept, tmp_path):
    out = tmp_path / "plot.html"
    command("plot", swept, "--x", "energy_wh", "--y", "duration_s", "--colour", "noise_dba_mean", "--out", out)
    text = out.read_text(encoding="utf-8")
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])
    table = pq.read_table(swept / "part-000000.parquet").to_pandas()
    assert data["x"] == pytest.approx(list(table.energy_wh), rel=1e-5)
    assert [data["machines"][one] for one in data["machine"]] == list(table.machine)
    assert not re.search(r"https?://", text)


def test_a_name_cannot_end_the_script_of_a_page(command, tmp_path):
    odd = tmp_path / "<" / "script><b>.toml"
    odd.parent.mkdir()
    odd.write_text(WORK, encoding="utf-8")
    file = tmp_path / "s.toml"
    file.write_text(f'title = "</script><b>"\nmachines = ["imac-pro"]\nworkloads = ["{odd}"]\n', encoding="utf-8")
    assert command("sweep", file, "--out", tmp_path / "out").exit_code == 0
    command("plot", tmp_path / "out", "--x", "row", "--y", "energy_wh", "--out", tmp_path / "p.html")
    text = (tmp_path / "p.html").read_text(encoding="utf-8")
    assert "script><b>" in text.replace("\\u003c", "<")
    assert "</script><b>" not in text
    assert text.count("</script>") == 2


@pytest.mark.parametrize(
    ("more", "less", "better"),
    [
        ([], [], ("less", "more")),
        (["energy_wh"], [], ("more", "more")),
        ([], ["score"], ("less", "less")),
        (["score"], ["energy_wh"], ("less", "more")),
    ],
)
def test_no_run_beats_one_on_the_front(swept, more, less, better):
    with questions.opened(swept) as sweep:
        shown = points(sweep, "energy_wh", "score", front=True, more=more, less=less)
    assert shown.better == better
    values = np.stack([shown.x, shown.y], axis=1) * [-1 if one == "more" else 1 for one in better]
    better = [((values <= one).all(axis=1) & (values < one).any(axis=1)).any() for one in values]
    beaten = np.array(better)
    assert not beaten[shown.front].any()
    left = {tuple(one) for one in values[~beaten].tolist()}
    assert left == {tuple(one) for one in values[shown.front].tolist()}, "and the front lacks none"


@pytest.mark.parametrize(
    ("column", "better"),
    [("duration_s", "less"), ("noise_dba_mean", "less"), ("wall_power_w_max", "less"), ("cpu_temp_c_max", "less"),
     ("peak_gpu_temp_c", "less"), ("cpu_clock_ghz_mean", "more"), ("gpu_clock_ghz_min", "more"), ("delivered", "more")],
)  # fmt: skip
def test_the_front_knows_which_end_of_a_result_is_better(swept, column, better):
    with questions.opened(swept) as sweep:
        shown = points(sweep, "energy_wh", column, front=True)
    assert shown.better == ("less", better)


def test_a_score_is_better_as_its_workload_says(command, tmp_path):
    file = tmp_path / "s.toml"
    file.write_text('machines = ["imac-pro:processor=*"]\nworkloads = ["cinebench-r15", "xcode-eidolon"]\n')
    assert command("sweep", file, "--out", tmp_path / "out").exit_code == 0
    words = ["plot", tmp_path / "out", "--x", "energy_wh", "--y", "score", "--front", "--out", tmp_path / "p.html"]
    for workload, better in (("cinebench-r15", "more"), ("xcode-eidolon", "less")):
        found = json.loads(command(*words, "--where", f"workload = '{workload}'", "--json").stdout)
        assert found["better"] == {"energy_wh": "less", "score": better}
        text = (tmp_path / "p.html").read_text(encoding="utf-8")
        assert f'"axes":["energy from the wall [Wh], less is better","score, {better} is better"]' in text
    mixed = command(*words)
    assert mixed.exit_code == 2
    assert "more is better in one workload, less in another: add --more score or --less score" in mixed.stderr


def test_too_many_points_are_thinned_but_for_the_front(swept):
    with questions.opened(swept) as sweep:
        everything = points(sweep, "energy_wh", "duration_s", front=True)
        thinned = points(sweep, "energy_wh", "duration_s", front=True, most=10)
    assert len(thinned.x) < len(everything.x) == everything.total == thinned.total == 30
    assert thinned.front.sum() == everything.front.sum() > 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--x", "energi_wh", "--y", "score"], "did you mean 'energy_wh'"),
        (["--x", "machine", "--y", "score"], "holds words"),
        (["--x", "energy_wh", "--y", "score", "--where", "nothing = 1"], '"nothing" not found'),
        (["--x", "energy_wh", "--y", "score", "--where", "row < 0"], "no run has both"),
        (["--x", "energy_wh", "--y", "score", "--out", "p.pdf"], ".png or .html"),
        (["--x", "energy_wh", "--y", "score", "--more", "score"], "add --front"),
        (["--x", "energy_wh", "--y", "score", "--less", "score"], "add --front"),
        (["--x", "energy_wh", "--y", "score", "--front", "--more", "row"], "one of these"),
        (["--x", "energy_wh", "--y", "score", "--front", "--more", "score", "--less", "score"], "name it once"),
        (["--x", "ambient_c", "--y", "score", "--front"], "add --more ambient_c or --less ambient_c"),
    ],
)
def test_a_wrong_plot_is_one_line(command, swept, words, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = command("plot", swept, *words)
    assert result.exit_code == 2
    assert says in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_short_name_is_the_column_with_its_unit(swept):
    with questions.opened(swept) as sweep:
        shown = points(sweep, "price", "duration", "noise", front=True, more=["price"])
    assert shown.names == ("price_usd", "duration_s", "noise_dba_mean")
    assert shown.better == ("more", "less")
