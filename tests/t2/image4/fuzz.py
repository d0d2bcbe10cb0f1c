"""Fuzz the readers of what may come from anyone: ``python tests/t2/image4/fuzz.py -runs=1000000 [CORPUS]``.

The first byte picks the reader. A reader may refuse, and what it takes it must write again byte for byte; any other
exception is a finding. Needs atheris (``pip install atheris``), which the tests do not.
"""

import contextlib
import sys


def readers():
    """Return the readers, imported here so that atheris can follow their branches."""
    from spacegrey.t2.boot.recovery import read_chunklist
    from spacegrey.t2.boot.state import encode_state, read_state
    from spacegrey.t2.image4.certificates import encode_constraints, read_constraints
    from spacegrey.t2.image4.manifest import encode_body, encode_manifest, read_manifest
    from spacegrey.t2.image4.payload import encode_image, encode_payload, read_image, read_payload
    from spacegrey.t2.signer.exchange import encode_question, read_answer, read_question

    def same(left, right):
        if left != right:
            raise AssertionError("two encodings of one thing")

    def manifest(data):
        found = read_manifest(data)
        body = encode_body(found.properties, found.objects)
        same(encode_manifest(body, found.signature, found.certificates), data)

    def image(data):
        found = read_image(data)
        if found.generator is None:  # restore information holds more than is kept
            same(encode_image(found), data)

    def constraints(data):
        found = encode_constraints(read_constraints(data))
        same(encode_constraints(read_constraints(found)), found)

    return (
        manifest,
        lambda data: same(encode_payload(read_payload(data)), data),
        image,
        constraints,
        lambda data: encode_question(read_question(data)),
        lambda data: same(encode_state(read_state(data)), data),
        read_answer,
        read_chunklist,
    )


def main():
    import atheris

    with atheris.instrument_imports(include=["spacegrey.t2"]):
        from spacegrey.errors import Refusal
        from spacegrey.t2.image4.der import DerError

        found = readers()

    def one(data):
        if data:
            with contextlib.suppress(DerError, Refusal):
                found[data[0] % len(found)](data[1:])

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
