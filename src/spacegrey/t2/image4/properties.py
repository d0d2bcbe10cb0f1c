"""Properties: the names and values that a manifest is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from spacegrey.t2.image4 import der

if TYPE_CHECKING:
    from spacegrey.t2.image4.der import Reader

Value: TypeAlias = bool | int | bytes | str
Properties: TypeAlias = Mapping[str, Value]

_MOST = 256  # properties in a set: a bound on work, far beyond any manifest seen


def encode_value(value: Value) -> bytes:
    """Return a property's value: a truth value, a number, bytes or ASCII.

    Examples
    --------
    >>> encode_value(True).hex(), encode_value(1).hex(), encode_value(b"ab").hex(), encode_value("ab").hex()
    ('0101ff', '020101', '04026162', '16026162')
    """
    if isinstance(value, bool):
        return der.boolean(value)
    if isinstance(value, int):
        return der.integer(value)
    return der.octets(value) if isinstance(value, bytes) else der.ia5(value)


def encode_properties(properties: Properties) -> bytes:
    """Return properties as a DER set.

    Raises
    ------
    DerError
        A name or a value cannot be written.
    """
    return der.set_of([der.named(name, encode_value(value)) for name, value in properties.items()])


def read_value(reader: Reader, what: str) -> Value:
    """Take a property's value.

    Raises
    ------
    DerError
        It is of another type.
    """
    tag = reader.peek()
    if tag == der.BOOLEAN:
        return reader.boolean(what)
    if tag == der.INTEGER:
        return reader.integer(what)
    if tag == der.OCTETS:
        return reader.octets(what)
    if tag == der.IA5:
        return reader.ia5(what)
    raise reader.fail(f"{what} is of no type that a property has")


def read_properties(reader: Reader, what: str) -> dict[str, Value]:
    """Take a set of properties; its names rise, so that none stands twice.

    Raises
    ------
    DerError
        It is no such set.
    """
    content = reader.inside(der.SET, f"properties of {what}")
    found: dict[str, Value] = {}
    last = ""
    while content.more:
        name, inside = content.named("property")
        if name <= last or len(found) == _MOST:
            raise content.fail(f"property {name} stands twice, out of order or beyond {_MOST}")
        found[name] = read_value(inside, f"property {name}")
        inside.end()
        last = name
    return found


def same(left: Value | None, right: Value | None) -> bool:
    """Return whether two values are equal and of one type: the number 1 is not the truth value.

    Examples
    --------
    >>> same(1, 1), same(1, True)
    (True, False)
    """
    return type(left) is type(right) and left == right
