"""Draws the pictures of rivals.md and choose.md with the tool itself. Run it from anywhere; it needs matplotlib."""  # noqa: INP001

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
RIVALS = "imac-pro,mac-pro-2013,imac-5k-2017,imac-5k-2020,mac-pro-2019,macbook-air-m1"

PICTURES = {
    "rivals-xcode": ["xcode-eidolon", "--among", RIVALS],
    "rivals-blender": ["blender-cpu", "--among", RIVALS, "--budget", "8000"],
    "rivals-ml": ["ml-fp16", "--among", RIVALS, "--budget", "8000"],
    "choose-2018": ["blender-cpu", "final-cut-4k", "--budget", "8000", "--on", "2018-06-01", "--must", "display"],
}


def main() -> None:
    """Run `spacegrey choose` once for each picture."""
    for name, words in PICTURES.items():
        path = FOLDER / f"{name}.png"
        command = [str(Path(sys.executable).with_name("spacegrey")), "choose", *words, "--plot", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - the project's own command
        sys.stdout.write(f"wrote {path.name}\n")


if __name__ == "__main__":
    main()
