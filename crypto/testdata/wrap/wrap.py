#!/usr/bin/env python3
"""The wraps, the unlock code and its KDF in Python, for known answers that no
Go code made.

  wrap.py generate > own.json   write the vectors (the HPKE body is random and
                                changes each time; everything else is fixed)
  wrap.py cross < CASE.json     open {"seed","info","body"} and print
                                {"k", "body"}: K, and K wrapped again to the same key

Needs Python's cryptography package, 48 or later for HPKE.
"""
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric import mlkem, x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def site_key(seed):
    """X-Wing: SHAKE256(seed) is ML-KEM's 64-byte seed, then the X25519 key."""
    expanded = hashlib.shake_256(seed).digest(96)
    return MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[64:]),
    )


def derive(secret, purpose, context, n):
    info = b"sledge/1 " + purpose.encode() + b"\0" + context
    return HKDF(algorithm=SHA256(), length=n, salt=b"", info=info).derive(secret)


def binding(kind, job, device, generation):
    return b"sledge/1 wrap\0" + kind.encode() + b"\0" + job + device + generation.to_bytes(4, "big")


def check_symbol(symbols):
    """The symbol that makes the sum of symbol i times alpha^i, i = 0...25, zero in
    GF(32): found by trying all 32, with log tables."""
    powers, v = [], 1
    for _ in range(31):
        powers.append(v)
        v <<= 1
        if v & 32:
            v ^= 0b100101
    for check in range(32):
        total = 0
        for i, s in enumerate(symbols + [check]):
            if s:
                total ^= powers[(powers.index(s) + i) % 31]
        if total == 0:
            return check


def printed_code(symbols):
    text = "".join(ALPHABET[s] for s in symbols)
    groups = [text[i:i + 5] for i in range(0, 25, 5)]
    return text, "-".join(groups + [ALPHABET[check_symbol(symbols)]])


def generate():
    job, device, generation = bytes(range(16)), bytes(range(16, 32)), 1
    k = hashlib.sha256(b"load key").digest()
    seed = hashlib.sha256(b"site key").digest()
    salt = hashlib.sha256(b"salt").digest()[:16]
    frame_id = bytes(range(32, 48))
    text, code = printed_code([b & 31 for b in hashlib.sha256(b"code").digest()[:25]])
    pbkdf2 = hashlib.pbkdf2_hmac("sha256", text.encode(), salt, 100_000, 32)
    argon2 = Argon2id(salt=salt, length=32, iterations=1, lanes=2, memory_cost=8 << 10).derive(text.encode())
    code_nonce = hashlib.sha256(b"code nonce").digest()[:12]
    code_body = code_nonce + AESGCM(derive(pbkdf2, "unlock wrap", b"", 32)).encrypt(
        code_nonce, k, binding("unlock-aes256gcm", job, device, generation))
    frame_nonce = hashlib.sha256(b"frame nonce").digest()[:12]
    previous = bytes(range(48, 64))
    frame_aad = b"sledge/1 frame\0" + frame_id + (7).to_bytes(8, "big") + previous + b"ad"
    frame = frame_nonce + AESGCM(derive(k, "journal", frame_id, 32)).encrypt(frame_nonce, b"a journal record", frame_aad)
    key = site_key(seed)
    public = key.public_key()
    return {
        "job": job.hex(), "device": device.hex(), "generation": generation, "k": k.hex(),
        "keyCheck": derive(k, "check", b"", 16).hex(),
        "code": code, "salt": salt.hex(),
        "pbkdf2Root": pbkdf2.hex(), "argon2idRoot": argon2.hex(),
        "verifier": derive(pbkdf2, "unlock verifier", b"", 32).hex(),
        "codeBody": code_body.hex(),
        "frameID": frame_id.hex(), "framePrevious": previous.hex(), "frame": frame.hex(),
        "siteSeed": seed.hex(),
        "siteBody": SUITE.encrypt(k, public, info=binding("hpke-mlkem768-x25519", job, device, generation)).hex(),
    }


def cross(case):
    key = site_key(bytes.fromhex(case["seed"]))
    info = bytes.fromhex(case["info"])
    k = SUITE.decrypt(bytes.fromhex(case["body"]), key, info=info)
    return {"k": k.hex(), "body": SUITE.encrypt(k, key.public_key(), info=info).hex()}


if __name__ == "__main__":
    if sys.argv[1:] == ["generate"]:
        print(json.dumps(generate(), indent=1))
    elif sys.argv[1:] == ["cross"]:
        print(json.dumps(cross(json.load(sys.stdin))))
    else:
        sys.exit(__doc__)
