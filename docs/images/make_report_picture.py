"""Draws report.png, the README's picture: the upper part of a run's page. Run it from anywhere; it needs Chromium."""  # noqa: INP001

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from spacegrey.interfaces.report.page import page
from spacegrey.interfaces.shown import from_run
from spacegrey.machine.assembly import machine
from spacegrey.simulation.run import simulate
from spacegrey.workload.library import workload

WIDTH = 1280
PICTURE = Path(__file__).with_name("report.png")


def main(workload_name: str = "cinebench-r15-loop", selector: str = "imac-pro") -> None:
    """Run, lay the page out at the README's width, and keep what is above the tables."""
    html = page(from_run(simulate(workload(workload_name), machine(selector))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_text(html, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": WIDTH, "height": 900}, color_scheme="light")
        view.goto(path.as_uri())
        view.wait_for_selector("#band canvas")
        box = view.locator("#band").bounding_box()
        height = round(box["y"] + box["height"] + 24) if box else 900
        view.screenshot(path=PICTURE, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
