"""`spacegrey machines --edid`: the panel's EDID in a file, as a real decoder reads it."""

import json

import pytest
from typer.testing import CliRunner

from spacegrey.interfaces.cli.application import app
from spacegrey.parts.display.edid import read_edid_file
from spacegrey.parts.display.panel_edid import panel_edid


def command(*words):
    return CliRunner().invoke(app, ["machines", *map(str, words)])


@pytest.mark.claims("X1")
@pytest.mark.parametrize(
    ("tile", "said"), [(None, "5120x2880"), (0, "Tile location: 0, 0"), (1, "Tile location: 1, 0")]
)
def test_the_file_is_one_that_a_real_decoder_accepts(tmp_path, panel, decode, tile, said):
    path = tmp_path / "panel.bin"
    result = command("imac-pro", "--edid", path, *([] if tile is None else ["--tile", tile]))
    assert result.exit_code == 0, result.output
    assert "saved: " in result.stdout
    assert path.read_bytes() == panel_edid(panel, tile)
    text = decode(path.read_bytes(), "--check")
    assert "EDID conformity: PASS" in text
    assert "Warnings" not in text
    assert said in decode(path.read_bytes())


@pytest.mark.claims("X1")
def test_json_holds_the_same_bytes(tmp_path):
    path = tmp_path / "panel.bin"
    found = json.loads(command("imac-pro", "--edid", path, "--json").stdout)
    assert bytes.fromhex(found["edid"]) == path.read_bytes()
    assert (found["machine"], found["tile"], found["out"]) == ("imac-pro", None, str(path))
    assert read_edid_file(path).native == (5120, 2880)


def test_who_reads_real_dumps_knows_both_halves_as_the_machine_s_own_panel(tmp_path):
    for tile in (0, 1):
        command("imac-pro", "--edid", tmp_path / f"half-{tile}.bin", "--tile", tile)
    found = json.loads(CliRunner().invoke(app, ["identify", str(tmp_path), "--json"]).stdout)
    assert found["devices"] == []
    assert found["left_out"] == [f"half-{tile}.bin: iMac is the machine's own panel" for tile in (0, 1)]


@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        (["--edid", "x.bin"], 2, "--edid needs a machine"),
        (["imac-pro", "--tile", "0"], 2, "--tile goes with --edid"),
        (["imac-pro", "--edid", "x.bin", "--tile", "2"], 2, "no tile 2; choose from: 0, 1"),
        (["mac-mini-2018", "--edid", "x.bin"], 1, "Mac mini (2018) has no built-in panel"),
        (["imac-5k-2019", "--edid", "x.bin"], 1, "its data sheet lacks edid_maker"),
        (["imac-pro", "--edid", "nowhere/x.bin"], 2, "nowhere"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path, monkeypatch, words, status, line):
    monkeypatch.chdir(tmp_path)
    result = command(*words)
    assert result.exit_code == status
    assert line in result.stderr
    assert not list(tmp_path.iterdir())
