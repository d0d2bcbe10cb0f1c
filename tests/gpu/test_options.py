"""What the GPU's compiler is told: nothing that would let it change answers. Needs neither its packages nor a card.

The plain code agrees to 1e-9 because sums keep their order and a NaN is seen; fast arithmetic promises neither.
"""

from types import SimpleNamespace

import pytest
from numba import extending

from spacegrey import jit

HARMLESS = {"fastmath", "cache", "forceinline"}
"""Options that were looked at; a new one has to be added here, with a reason."""


@pytest.fixture
def told(monkeypatch):
    """Return the options of a law, of a choice and of a kernel as the GPU's compiler gets them."""
    seen = []

    def compiler(**options):
        seen.append(options)
        return lambda function: function

    def overload(_name, jit_options, target, **_others):
        if target == "cuda":
            seen.append(jit_options)
        return lambda chosen: chosen

    monkeypatch.setattr(jit, "device", lambda: SimpleNamespace(jit=compiler))
    jit.compiler()  # it has been told every other law
    monkeypatch.setattr(extending, "overload", overload)

    @jit.device_kernel
    def thread():
        pass

    jit.law(lambda x: x)
    jit.compiler()
    assert callable(thread())
    return seen


def test_laws_and_kernels_are_compiled_without_fast_arithmetic(told):
    assert len(told) == 2
    for options in told:
        assert options["fastmath"] is False
        assert set(options) <= HARMLESS


def test_the_processors_kernels_keep_order_and_nan():
    assert {"contract", "arcp", "nsz"} == jit.FASTMATH, "not reassoc, nnan or ninf: they change answers beyond 1e-9"
