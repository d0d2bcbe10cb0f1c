"""A served disk, and a client that says exactly what a test wants."""

import socket
import struct

import pytest

from spacegrey.t2.storage.engine import XtsKey
from spacegrey.t2.storage.folder import create_store, open_store
from spacegrey.virtual.nbd import protocol as p
from spacegrey.virtual.nbd.exports import Export
from spacegrey.virtual.nbd.server import Address, Server

SIZE = 64 << 20


@pytest.fixture(scope="session")
def key():
    return XtsKey(bytes(range(32)))


@pytest.fixture
def folder(tmp_path, key):
    """Return the folder of a new disk: made, not copied, because a copy of a sparse file is not sparse."""
    create_store(tmp_path / "disk", key, SIZE)
    return tmp_path / "disk"


@pytest.fixture
def store(folder, key):
    """Return the disk without a server."""
    made = open_store(folder, key)
    yield made
    made.close()


@pytest.fixture
def served(folder, key, tmp_path):
    """Return a function that serves the disk and returns the server; `wrap` as in open_store."""
    running = []

    def serve(*, read_only=False, address=None, keys=None, wrap=None):
        store = open_store(folder, key, read_only=read_only, wrap=wrap)
        server = Server([Export("disk", store, "a test")], address or Address(tmp_path / "s"), keys)
        server.store = store
        running.append((server, server.start(), store))
        return server

    yield serve
    for server, thread, store in running:
        server.stop()
        thread.join()
        store.close()


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "disk.key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    return path


@pytest.fixture
def program(serving):
    """Return a function that serves a folder with its key in a process of its own: that, and the address."""
    return lambda folder, key_file, *more: serving(folder, "--key-file", key_file, *more)


class Client:
    """A client of few words: raw options and requests."""

    def __init__(self, address, *, flags=p.FIXED_NEWSTYLE | p.NO_ZEROES):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(str(address.path))
        assert self.take(18) == p.GREETING + struct.pack(">H", p.FIXED_NEWSTYLE | p.NO_ZEROES)
        self.socket.sendall(struct.pack(">I", flags))
        self.cookie = 0

    def take(self, length):
        got = b""
        while len(got) < length:
            more = self.socket.recv(length - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def ended(self):
        """Tell whether the server has hung up."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def option(self, number, data=b""):
        """Send an option and return its replies: (type, data) up to the last one."""
        self.socket.sendall(p.OPTION.pack(p.OPTION_MAGIC, number, len(data)) + data)
        replies = []
        while True:
            magic, echoed, kind, length = p.OPTION_REPLY.unpack(self.take(p.OPTION_REPLY.size))
            assert (magic, echoed) == (p.OPTION_REPLY_MAGIC, number)
            replies.append((kind, self.take(length)))
            if kind == p.REP_ACK or kind & p.ERROR:
                return replies

    def go(self, name=b"disk", *, structured=False, allocation=False):
        if structured or allocation:
            assert self.option(p.STRUCTURED_REPLY)[-1][0] == p.REP_ACK
        if allocation:
            query = struct.pack(">I", len(name)) + name + struct.pack(">II", 1, 15) + p.BASE_ALLOCATION
            assert self.option(p.SET_META_CONTEXT, query)[0][0] == p.REP_META_CONTEXT
        replies = self.option(p.GO, struct.pack(">I", len(name)) + name + struct.pack(">H", 0))
        assert replies[-1][0] == p.REP_ACK, replies
        return self

    def send(self, command, offset=0, length=0, *, flags=0, data=b"", magic=p.REQUEST_MAGIC):
        self.cookie += 1
        self.socket.sendall(p.REQUEST.pack(magic, flags, command, self.cookie, offset, length) + data)
        return self.cookie

    def simple(self, length=0):
        """Return (error, cookie, data) of a simple reply."""
        magic, error, cookie = p.SIMPLE_REPLY.unpack(self.take(16))
        assert magic == p.SIMPLE_REPLY_MAGIC
        return error, cookie, self.take(length) if not error else b""

    def ask(self, command, offset=0, length=0, *, flags=0, data=b"", back=0):
        """Send one request and return its error and its data."""
        cookie = self.send(command, offset, length, flags=flags, data=data)
        error, echoed, found = self.simple(back)
        assert echoed == cookie
        return error, found

    def chunks(self, command, offset=0, length=0, *, flags=0):
        """Send one request and return the chunks of its structured reply: (type, flags, payload)."""
        wanted, found = self.send(command, offset, length, flags=flags), []
        while True:
            magic, marks, kind, cookie, size = p.CHUNK.unpack(self.take(p.CHUNK.size))
            assert (magic, cookie) == (p.STRUCTURED_REPLY_MAGIC, wanted)
            found.append((kind, marks, self.take(size)))
            if marks & p.CHUNK_DONE:
                return found


@pytest.fixture
def client(served):
    """Return a function that connects to a newly served disk."""
    clients = []

    def connect(server=None, **settings):
        made = Client((server or served()).address, **settings)
        clients.append(made)
        return made

    yield connect
    for made in clients:
        made.socket.close()
