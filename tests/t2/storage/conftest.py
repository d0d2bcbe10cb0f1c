"""A disk small enough to be crashed a thousand times, and its key."""

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


@pytest.fixture
def disk(tmp_path, key):
    """Return a function that makes an empty disk of 1 MiB in a new folder."""
    made = 0

    def make(*, integrity=False):
        nonlocal made
        made += 1
        create_store(tmp_path / f"disk-{made}", key, CAPACITY, sheet=SMALL, integrity=integrity)
        return tmp_path / f"disk-{made}"

    return make


@pytest.fixture
def opened(disk, key):
    """Return an open empty disk."""
    with open_store(disk(), key) as store:
        yield store
