"""What the tests of plans share: a plan out of text, and the answer for a machine."""

import pytest

from spacegrey.connections.arrange import connect
from spacegrey.connections.plan import read_plan
from spacegrey.machine.assembly import machine


@pytest.fixture
def plan(tmp_path):
    """Read a plan out of text."""

    def read(text):
        path = tmp_path / "plan.toml"
        path.write_text(text, encoding="utf-8")
        return read_plan(path)

    return read


@pytest.fixture
def ask(plan):
    """Ask the planner about a plan out of text, or about models that are called d0, d1 and so on."""

    def answer(what, on="imac-pro"):
        if not isinstance(what, str):
            what = "\n".join(f'[[device]]\nname = "d{n}"\nmodel = "{model}"' for n, model in enumerate(what))
        return connect(plan(what), machine(on))

    return answer
