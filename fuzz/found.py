"""What a target raises where a reader did not crash, but said something wrong."""

from __future__ import annotations


class Wrong(AssertionError):  # noqa: N818 - a verdict
    """A reader returned what it must not return."""


def expect(good: bool, what: str) -> None:  # noqa: FBT001 - the condition
    """Raise `Wrong` where a condition does not hold."""
    if not good:
        raise Wrong(what)
