"""The handshake: what is asked is answered as the protocol says, and nothing puts the two out of step."""

import struct

import pytest

from spacegrey.virtual.nbd import protocol as p


def _info(name, *asked):
    return struct.pack(">I", len(name)) + name + struct.pack(f">H{len(asked)}H", len(asked), *asked)


def test_list_names_the_export(client):
    replies = client().option(p.LIST)
    assert replies == [(p.REP_SERVER, struct.pack(">I", 4) + b"disk"), (p.REP_ACK, b"")]


@pytest.mark.parametrize("option", [p.INFO, p.GO])
def test_info_and_go_tell_size_flags_and_block_sizes(client, option):
    replies = client().option(option, _info(b"disk", p.INFO_NAME, p.INFO_DESCRIPTION, p.INFO_BLOCK_SIZE, 77))
    assert [kind for kind, _ in replies] == [p.REP_INFO] * 4 + [p.REP_ACK]
    found = {struct.unpack(">H", data[:2])[0]: data[2:] for kind, data in replies if kind == p.REP_INFO}
    size, flags = struct.unpack(">QH", found[p.INFO_EXPORT])
    assert size == 64 << 20
    assert flags & p.HAS_FLAGS
    assert flags & (p.SEND_FLUSH | p.SEND_FUA | p.SEND_TRIM | p.SEND_WRITE_ZEROES | p.CAN_MULTI_CONN)
    assert not flags & p.READ_ONLY
    assert found[p.INFO_NAME] == b"disk"
    assert found[p.INFO_DESCRIPTION] == b"a test"
    assert struct.unpack(">III", found[p.INFO_BLOCK_SIZE]) == (1, 4096, 32 << 20)


def test_an_empty_name_is_the_only_export_and_another_is_unknown(client):
    made = client()
    assert made.option(p.INFO, _info(b""))[-1][0] == p.REP_ACK
    assert made.option(p.INFO, _info(b"other"))[-1][0] == p.REP_ERR_UNKNOWN
    assert made.option(p.INFO, _info(b"\xff\xfe"))[-1][0] == p.REP_ERR_UNKNOWN


@pytest.mark.parametrize(
    ("option", "data"),
    [
        (p.LIST, b"x"), (p.STRUCTURED_REPLY, b"x"), (p.INFO, b""), (p.INFO, b"\0\0\0\4di"),
        (p.GO, _info(b"disk") + b"x"),
        (p.INFO, struct.pack(">I", 0xFFFFFFFF) + b"disk" + struct.pack(">H", 0)), (p.INFO, _info(b"disk")[:-1]),
        (p.SET_META_CONTEXT, struct.pack(">I", 4) + b"disk" + struct.pack(">I", 0)),  # before structured replies
        (p.LIST_META_CONTEXT, b"\0\0"),
        (p.LIST_META_CONTEXT, struct.pack(">I", 4) + b"disk" + struct.pack(">I", 0xFFFFFFFF)),
    ],
)  # fmt: skip
def test_a_malformed_option_is_invalid_and_the_next_is_answered(client, option, data):
    made = client()
    assert made.option(option, data)[-1][0] == p.REP_ERR_INVALID
    assert made.option(p.LIST)[-1][0] == p.REP_ACK


@pytest.mark.parametrize("length", [0, 1, 100, p.MAX_OPTION, p.MAX_OPTION + 1, 1 << 20])
def test_an_unknown_or_too_long_option_leaves_the_two_in_step(client, length):
    made = client()
    wanted = p.REP_ERR_TOO_BIG if length > p.MAX_OPTION else p.REP_ERR_UNSUP
    assert made.option(4242, bytes(length))[-1][0] == wanted
    assert made.option(p.LIST)[-1][0] == p.REP_ACK


def test_abort_is_acknowledged_and_ends(client):
    made = client()
    assert made.option(p.ABORT) == [(p.REP_ACK, b"")]
    assert made.ended()


def test_the_old_way_of_choosing_an_export(client):
    made = client(flags=p.FIXED_NEWSTYLE)
    made.socket.sendall(p.OPTION.pack(p.OPTION_MAGIC, p.EXPORT_NAME, 4) + b"disk")
    size, _flags = struct.unpack(">QH", made.take(10))
    assert size == 64 << 20
    assert made.take(124) == bytes(124)
    assert made.ask(p.READ, 0, 512, back=512) == (0, bytes(512))


@pytest.mark.parametrize("flags", [0, 1 << 5, p.FIXED_NEWSTYLE | 1 << 31])
def test_client_flags_that_are_unknown_end_it(client, flags):
    assert client(flags=flags).ended()


def test_a_wrong_magic_ends_it(client):
    made = client()
    made.socket.sendall(p.OPTION.pack(1, p.LIST, 0))
    assert made.ended()


def test_contexts_are_listed_and_set(client):
    made = client()
    made.option(p.STRUCTURED_REPLY)

    def ask(option, *queries):
        data = struct.pack(">I", 4) + b"disk" + struct.pack(">I", len(queries))
        return made.option(option, data + b"".join(struct.pack(">I", len(query)) + query for query in queries))

    name = p.BASE_ALLOCATION
    assert ask(p.LIST_META_CONTEXT)[0] == (p.REP_META_CONTEXT, bytes(4) + name)
    assert ask(p.LIST_META_CONTEXT, b"base:")[0][1][4:] == name
    assert ask(p.LIST_META_CONTEXT, b"other:x") == [(p.REP_ACK, b"")]
    assert ask(p.SET_META_CONTEXT, b"other:x", name)[0][1] == struct.pack(">I", p.CONTEXT_ID) + name


def test_tls_is_refused_where_there_is_none(client):
    made = client()
    assert made.option(p.STARTTLS)[-1][0] == p.REP_ERR_POLICY
    assert made.option(p.LIST)[-1][0] == p.REP_ACK
