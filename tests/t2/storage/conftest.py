"""A disk small enough to be crashed a thousand times, and its key."""

import shutil

import pytest

from spacegrey.t2.storage.engine import XtsKey
from spacegrey.t2.storage.folder import create_store, open_store
from spacegrey.t2.storage.geometry import flash

KEY = bytes(range(32))
SMALL = flash().model_copy(update={"stripe_kib": 16})
CAPACITY = 1 << 20


@pytest.fixture(scope="session")
def key():
    return XtsKey(KEY)


@pytest.fixture(scope="session")
def _blank(tmp_path_factory, key):
    """Return the folders of an empty disk without and with tags."""
    made = {}
    for integrity in (False, True):
        made[integrity] = tmp_path_factory.mktemp("blank")
        create_store(made[integrity], key, CAPACITY, sheet=SMALL, integrity=integrity)
    return made


@pytest.fixture
def disk(tmp_path, _blank):
    """Return a function that puts an empty disk of 1 MiB into a new folder."""
    made = 0

    def make(*, integrity=False):
        nonlocal made
        made += 1
        return shutil.copytree(_blank[integrity], tmp_path / f"disk-{made}")

    return make


@pytest.fixture
def opened(disk, key):
    """Return an open empty disk."""
    with open_store(disk(), key) as store:
        yield store
