"""The numbers of the NBD protocol: fixed newstyle negotiation, simple and structured replies.

References
----------
Network Block Device project, "The NBD protocol", doc/proto.md, commit 89ba7b5,
https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

from __future__ import annotations

import errno
import struct
from types import MappingProxyType

GREETING = b"NBDMAGICIHAVEOPT"
OPTION_MAGIC = 0x49484156454F5054
OPTION_REPLY_MAGIC = 0x3E889045565A9
REQUEST_MAGIC = 0x25609513
SIMPLE_REPLY_MAGIC = 0x67446698
STRUCTURED_REPLY_MAGIC = 0x668E33EF

# handshake flags, of server and client
FIXED_NEWSTYLE, NO_ZEROES = 1, 2

# options
EXPORT_NAME, ABORT, LIST, STARTTLS, INFO, GO, STRUCTURED_REPLY, LIST_META_CONTEXT, SET_META_CONTEXT = (
    1, 2, 3, 5, 6, 7, 8, 9, 10,
)  # fmt: skip

# replies to options
REP_ACK, REP_SERVER, REP_INFO, REP_META_CONTEXT = 1, 2, 3, 4
ERROR = 1 << 31
REP_ERR_UNSUP, REP_ERR_POLICY, REP_ERR_INVALID = ERROR + 1, ERROR + 2, ERROR + 3
REP_ERR_TLS_REQD, REP_ERR_UNKNOWN, REP_ERR_TOO_BIG = ERROR + 5, ERROR + 6, ERROR + 9
INFO_EXPORT, INFO_NAME, INFO_DESCRIPTION, INFO_BLOCK_SIZE = 0, 1, 2, 3

# transmission flags of an export
HAS_FLAGS, READ_ONLY, SEND_FLUSH, SEND_FUA = 1, 1 << 1, 1 << 2, 1 << 3
SEND_TRIM, SEND_WRITE_ZEROES, SEND_DF, CAN_MULTI_CONN = 1 << 5, 1 << 6, 1 << 7, 1 << 8
SEND_CACHE, SEND_FAST_ZERO = 1 << 10, 1 << 11

# commands and their flags
READ, WRITE, DISC, FLUSH, TRIM, CACHE, WRITE_ZEROES, BLOCK_STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO = 1, 1 << 1, 1 << 2, 1 << 3, 1 << 4

ALLOWED_FLAGS = MappingProxyType(
    {
        READ: FUA | DF,
        WRITE: FUA,
        FLUSH: FUA,
        TRIM: FUA,
        CACHE: FUA,
        WRITE_ZEROES: FUA | NO_HOLE | FAST_ZERO,
        BLOCK_STATUS: FUA | REQ_ONE,
    }
)
"""Commands that this server knows, each with the flags that it may carry."""

# structured replies
CHUNK_DONE = 1
CHUNK_NONE, CHUNK_OFFSET_DATA, CHUNK_OFFSET_HOLE, CHUNK_BLOCK_STATUS = 0, 1, 2, 5
CHUNK_ERROR, CHUNK_ERROR_OFFSET = (1 << 15) + 1, (1 << 15) + 2
STATE_HOLE, STATE_ZERO = 1, 2
BASE_ALLOCATION = b"base:allocation"
CONTEXT_ID = 1

OPTION = struct.Struct(">QII")  # magic, option, length
OPTION_REPLY = struct.Struct(">QIII")  # magic, option, type, length
REQUEST = struct.Struct(">IHHQQI")  # magic, flags, command, cookie, offset, length
SIMPLE_REPLY = struct.Struct(">IIQ")  # magic, error, cookie
CHUNK = struct.Struct(">IHHQI")  # magic, flags, type, cookie, length

MAX_PAYLOAD = 32 << 20
"""Bytes of the longest read or write."""

MAX_OPTION = 16384
"""Bytes of the longest option that is looked at; the rest of a longer one is read and refused."""

MAX_NAME = 4096
"""Bytes of the longest string."""

_ON_THE_WIRE = {
    errno.EPERM: 1, errno.EIO: 5, errno.ENOMEM: 12, errno.EINVAL: 22, errno.ENOSPC: 28,
    errno.EOVERFLOW: 75, errno.EOPNOTSUPP: 95, errno.ENOTSUP: 95, errno.ESHUTDOWN: 108,
    errno.EDQUOT: 28, errno.EFBIG: 28, errno.EROFS: 1,
}  # fmt: skip


def wire_error(error: BaseException) -> int:
    """Return the protocol's number for an error: EIO for everything that it does not know.

    Examples
    --------
    >>> wire_error(OSError(errno.ENOSPC, "full")), wire_error(OSError(errno.ENOENT, "gone")), wire_error(MemoryError())
    (28, 5, 12)
    """
    if isinstance(error, MemoryError):
        return 12
    return _ON_THE_WIRE.get(error.errno or errno.EIO, 5) if isinstance(error, OSError) else 5
