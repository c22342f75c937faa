#!/usr/bin/env python3
"""C2SP FLOE (c2sp.org/FLOE) in Python, for known answers that no Go code made.

  floe.py generate > own.json     write the vectors (fixed key, IV and nonces)
  floe.py decrypt < CASES.json    decrypt cases of the same shape, and print
                                  their plaintexts as a JSON list of hex strings

Needs Python's cryptography package.
"""
import hashlib
import json
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

IV_LEN, NONCE_LEN, TAG_LEN, OVERHEAD = 32, 12, 16, 32


class Floe:
    def __init__(self, key, iv, aad, segment, rotation):
        self.iv, self.aad, self.segment, self.rotation = iv, aad, segment, rotation
        self.params = b"\0\0" + segment.to_bytes(4, "big") + IV_LEN.to_bytes(4, "big")
        self.header = self.params + iv + self.kdf(key, b"HEADER_TAG:", 32)
        self.message_key = self.kdf(key, b"MESSAGE_KEY:", 48)

    def kdf(self, key, purpose, n):
        info = self.params + self.iv + purpose + self.aad
        return HKDFExpand(algorithm=SHA384(), length=n, info=info).derive(key)

    def aead(self, position):
        masked = position >> self.rotation << self.rotation
        return AESGCM(self.kdf(self.message_key, b"DEK:" + masked.to_bytes(8, "big"), 32))

    def encrypt(self, nonce, plain, position, final):
        ad = position.to_bytes(8, "big") + (b"\1" if final else b"\0")
        body = nonce + self.aead(position).encrypt(nonce, plain, ad)
        length = 4 + len(body) if final else 0xFFFFFFFF
        return length.to_bytes(4, "big") + body

    def decrypt(self, enc, position, final):
        want = len(enc) if final else 0xFFFFFFFF
        assert int.from_bytes(enc[:4], "big") == want, "length field"
        ad = position.to_bytes(8, "big") + (b"\1" if final else b"\0")
        return self.aead(position).decrypt(enc[4:16], enc[16:], ad)


def make(name, size, segment=64, rotation=20, aad=b"sledge vectors"):
    """One case. Everything random is a hash of the case's name."""
    seed = lambda what: hashlib.sha256(f"{name} {what}".encode()).digest()
    key, iv = seed("key"), seed("iv")
    plain = hashlib.shake_256(name.encode()).digest(size)
    f = Floe(key, iv, aad, segment, rotation)
    full = segment - OVERHEAD
    count = max(1, -(-size // full))
    segments = [
        f.encrypt(seed(f"nonce {i}")[:NONCE_LEN], plain[i * full:(i + 1) * full], i, i == count - 1)
        for i in range(count)
    ]
    return {
        "name": name, "segmentSize": segment, "rotationBits": rotation,
        "key": key.hex(), "iv": iv.hex(), "aad": aad.hex(), "header": f.header.hex(),
        "plain": plain.hex(), "segments": [s.hex() for s in segments],
    }


def generate():
    mib = 1 << 20
    return [
        make("empty final segment", 0),
        make("one byte", 1),
        make("one byte short of full", 31),
        make("exactly one full final segment", 32),
        make("one byte over a full segment", 33),
        make("exact multiple", 160),
        make("many segments", 1000),
        make("rotation bits 2", 300, segment=40, rotation=2),
        make("rotation bits 0", 96, segment=48, rotation=0),
        make("one plain byte a segment", 5, segment=33),
        make("no associated data", 100, aad=b""),
        make("default parameters", 1000, segment=mib),
        make("default parameters, empty", 0, segment=mib),
    ]


def decrypt(cases):
    out = []
    for c in cases:
        header = bytes.fromhex(c["header"])
        f = Floe(bytes.fromhex(c["key"]), header[10:42], bytes.fromhex(c["aad"]), c["segmentSize"], c["rotationBits"])
        assert f.header == header, c["name"] + ": header"
        last = len(c["segments"]) - 1
        out.append(b"".join(
            f.decrypt(bytes.fromhex(s), i, i == last) for i, s in enumerate(c["segments"])
        ).hex())
    return out


if __name__ == "__main__":
    if sys.argv[1:] == ["generate"]:
        print(json.dumps(generate(), indent=1))
    elif sys.argv[1:] == ["decrypt"]:
        print(json.dumps(decrypt(json.load(sys.stdin))))
    else:
        sys.exit(__doc__)
