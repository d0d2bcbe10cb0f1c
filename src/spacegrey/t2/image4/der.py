"""Strict DER: one encoding for each value, and an error for every other one.

What BER allows and DER does not is refused: lengths and numbers longer than they need be, indefinite lengths, truth
that is not FF, sets out of order. Two readers can then never see different things in the same bytes.

References
----------
ITU-T X.690 (02/2021), 8 and 10: Basic and Distinguished Encoding Rules.
"""

from __future__ import annotations

from dataclasses import dataclass

UNIVERSAL, CONTEXT, PRIVATE = 0, 2, 3
"""Classes of a tag."""

_HIGH = 31  # tag numbers from here on follow the first byte
_LONG = 128  # lengths from here on follow the first byte
_LENGTH_BYTES = 4
_TAG_BITS = 32
_INTEGER_BYTES = 9  # 64 bits and a leading zero
_FOURCC = 4
_PRINTABLE = range(0x20, 0x7F)


class DerError(ValueError):
    """These bytes are not the one encoding that DER allows; the text says where and why."""


@dataclass(frozen=True, slots=True)
class Tag:
    """What an element is: its class, whether it is made of elements, its number."""

    kind: int
    constructed: bool
    number: int


BOOLEAN = Tag(UNIVERSAL, False, 1)  # noqa: FBT003 - a tag's three fields in their order
INTEGER = Tag(UNIVERSAL, False, 2)  # noqa: FBT003
BITS = Tag(UNIVERSAL, False, 3)  # noqa: FBT003
OCTETS = Tag(UNIVERSAL, False, 4)  # noqa: FBT003
NULL = Tag(UNIVERSAL, False, 5)  # noqa: FBT003
IA5 = Tag(UNIVERSAL, False, 22)  # noqa: FBT003
SEQUENCE = Tag(UNIVERSAL, True, 16)  # noqa: FBT003
SET = Tag(UNIVERSAL, True, 17)  # noqa: FBT003


@dataclass(frozen=True, slots=True)
class Element:
    """A tag and what it holds; ``raw`` is all of its bytes."""

    tag: Tag
    content: bytes
    raw: bytes


def context(number: int) -> Tag:
    """Return the tag ``[number]``, made of elements."""
    return Tag(CONTEXT, True, number)  # noqa: FBT003


def private(name: str) -> Tag:
    """Return the private tag of a four-character name: its number is the name, read as a 32-bit number.

    Raises
    ------
    DerError
        The name is not four printable ASCII characters.

    Examples
    --------
    >>> encode(private("ECID"), b"").hex()
    'ff84aa8d924400'
    """
    return Tag(PRIVATE, True, int.from_bytes(fourcc_bytes(name), "big"))  # noqa: FBT003


def fourcc_bytes(name: str) -> bytes:
    """Return a four-character name as bytes.

    Raises
    ------
    DerError
        It is not four printable ASCII characters.
    """
    if len(name) != _FOURCC or any(ord(sign) not in _PRINTABLE for sign in name):
        raise DerError(f"{name!r} is no name of four characters")
    return name.encode("ascii")


def fourcc(number: int) -> str:
    """Return the four-character name of a tag's number.

    Raises
    ------
    DerError
        The number is no such name.

    Examples
    --------
    >>> fourcc(0x45434944)
    'ECID'
    """
    raw = number.to_bytes(_FOURCC, "big")
    if any(byte not in _PRINTABLE for byte in raw):
        raise DerError(f"tag {number:#x} is no name of four characters")
    return raw.decode("ascii")


def encode(tag: Tag, content: bytes) -> bytes:
    r"""Return an element.

    Raises
    ------
    DerError
        The content is of 4 GiB or more.

    Examples
    --------
    >>> encode(SEQUENCE, b"\x01" * 200).hex()[:8]
    '3081c801'
    """
    return _identifier(tag) + _length(len(content)) + content


def _identifier(tag: Tag) -> bytes:
    first = tag.kind << 6 | tag.constructed << 5
    if tag.number < _HIGH:
        return bytes([first | tag.number])
    septets = [tag.number & 0x7F]
    rest = tag.number >> 7
    while rest:
        septets.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes([first | _HIGH, *reversed(septets)])


def _length(count: int) -> bytes:
    if count < _LONG:
        return bytes([count])
    size = (count.bit_length() + 7) // 8
    if size > _LENGTH_BYTES:
        raise DerError("an element of 4 GiB or more")
    return bytes([_LONG | size]) + count.to_bytes(size, "big")


def integer(value: int) -> bytes:
    """Return a number from 0 to 2^64 - 1.

    Raises
    ------
    DerError
        It is out of that range.

    Examples
    --------
    >>> integer(128).hex()
    '02020080'
    """
    if not 0 <= value < 1 << 64:
        raise DerError(f"{value} is negative or beyond 64 bits")
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def boolean(value: bool) -> bytes:  # noqa: FBT001 - it is the value
    """Return a truth value.

    Examples
    --------
    >>> boolean(True).hex()
    '0101ff'
    """
    return encode(BOOLEAN, b"\xff" if value else b"\x00")


def octets(value: bytes) -> bytes:
    """Return a string of bytes."""
    return encode(OCTETS, value)


def ia5(value: str) -> bytes:
    """Return a string of ASCII characters.

    Raises
    ------
    DerError
        It holds others.
    """
    if not value.isascii():
        raise DerError(f"{value!r} is not ASCII")
    return encode(IA5, value.encode("ascii"))


def sequence(*elements: bytes) -> bytes:
    """Return elements in their order."""
    return encode(SEQUENCE, b"".join(elements))


def set_of(elements: list[bytes]) -> bytes:
    """Return elements as a set: in the order that DER wants, each once.

    Raises
    ------
    DerError
        One stands twice.
    """
    if len(set(elements)) < len(elements):
        raise DerError("an element stands twice in a set")
    return encode(SET, b"".join(sorted(elements)))


class Reader:
    """Takes elements from bytes, one after the other.

    Parameters
    ----------
    data : bytes
        Elements, whole.
    place : str
        What they are, for the text of an error.
    """

    def __init__(self, data: bytes, place: str) -> None:
        self._data = data
        self._at = 0
        self._place = place

    def fail(self, why: str) -> DerError:
        """Return the error that says where this reader stands."""
        return DerError(f"{self._place}, byte {self._at}: {why}")

    @property
    def more(self) -> bool:
        """Whether there is another element."""
        return self._at < len(self._data)

    def end(self) -> None:
        """Raise `DerError` where bytes follow."""
        if self.more:
            raise self.fail(f"{len(self._data) - self._at} bytes too many")

    def peek(self) -> Tag | None:
        """Return the next element's tag without taking it; None at the end.

        Raises
        ------
        DerError
            It is not in its one encoding.
        """
        return self._tag(self._at)[0] if self.more else None

    def next(self) -> Element:
        """Take the next element, whatever it is.

        Raises
        ------
        DerError
            There is none, it is cut short, or its tag or length is not in its one encoding.
        """
        tag, at = self._tag(self._at)
        size, at = self._size(at)
        if size > len(self._data) - at:
            raise self.fail(f"{size} bytes are announced, {len(self._data) - at} are there")
        start, self._at = self._at, at + size
        return Element(tag, self._data[at : at + size], self._data[start : at + size])

    def _byte(self, at: int) -> int:
        if at >= len(self._data):
            raise self.fail("cut short")
        return self._data[at]

    def _tag(self, at: int) -> tuple[Tag, int]:
        first = self._byte(at)
        at += 1
        number = first & _HIGH
        if number == _HIGH:
            number = 0
            while True:
                byte = self._byte(at)
                at += 1
                if not number and byte == _LONG:
                    raise self.fail("a tag longer than it need be")
                number = number << 7 | byte & 0x7F
                if number >= 1 << _TAG_BITS:
                    raise self.fail("a tag beyond 32 bits")
                if byte < _LONG:
                    break
            if number < _HIGH:
                raise self.fail("a tag longer than it need be")
        return Tag(first >> 6, bool(first & 0x20), number), at

    def _size(self, at: int) -> tuple[int, int]:
        first = self._byte(at)
        at += 1
        if first < _LONG:
            return first, at
        count = first - _LONG
        if not count:
            raise self.fail("an indefinite length")
        if count > _LENGTH_BYTES:
            raise self.fail(f"a length of {count} bytes")
        size = 0
        for _ in range(count):
            size = size << 8 | self._byte(at)
            at += 1
        if size < _LONG or size >> 8 * (count - 1) == 0:
            raise self.fail("a length longer than it need be")
        return size, at

    def take(self, tag: Tag, what: str) -> Element:
        """Take the next element, which must have this tag.

        Raises
        ------
        DerError
            It has another, or is not in its one encoding.
        """
        found = self.peek()
        if found != tag:
            raise self.fail(f"no {what} here")
        return self.next()

    def inside(self, tag: Tag, what: str) -> Reader:
        """Take the next element, which must have this tag, and return a reader of what it holds."""
        return Reader(self.take(tag, what).content, what)

    def integer(self, what: str) -> int:
        """Take a number from 0 to 2^64 - 1.

        Raises
        ------
        DerError
            It is none, negative, too large, or longer than it need be.
        """
        content = self.take(INTEGER, what).content
        if not content or content[0] & 0x80:
            raise self.fail(f"{what} is empty or negative")
        if len(content) > 1 and not content[0] and not content[1] & 0x80:
            raise self.fail(f"{what} is longer than it need be")
        if len(content) > _INTEGER_BYTES or (len(content) == _INTEGER_BYTES and content[0]):
            raise self.fail(f"{what} is beyond 64 bits")
        return int.from_bytes(content, "big")

    def boolean(self, what: str) -> bool:
        """Take a truth value: 00 or FF, nothing else."""
        content = self.take(BOOLEAN, what).content
        if content not in {b"\x00", b"\xff"}:
            raise self.fail(f"{what} is neither 00 nor FF")
        return content == b"\xff"

    def octets(self, what: str) -> bytes:
        """Take a string of bytes."""
        return self.take(OCTETS, what).content

    def ia5(self, what: str) -> str:
        """Take a string of ASCII characters."""
        content = self.take(IA5, what).content
        if not content.isascii():
            raise self.fail(f"{what} is not ASCII")
        return content.decode("ascii")

    def named(self, what: str) -> tuple[str, Reader]:
        """Take ``[PRIVATE name] SEQUENCE { IA5 name, ... }``: its name, and a reader of what follows the name.

        Raises
        ------
        DerError
            The two names differ, or it is no such element.
        """
        found = self.peek()
        if found is None or found.kind != PRIVATE or not found.constructed:
            raise self.fail(f"no {what} here")
        name = fourcc(found.number)
        outer = self.inside(found, f"{what} {name}")
        content = outer.inside(SEQUENCE, f"{what} {name}")
        outer.end()
        if content.ia5("the name") != name:
            raise self.fail(f"{what} {name} has another name inside")
        return name, content


def named(name: str, *elements: bytes) -> bytes:
    """Return ``[PRIVATE name] SEQUENCE { IA5 name, elements }``."""
    return encode(private(name), sequence(ia5(name), *elements))
