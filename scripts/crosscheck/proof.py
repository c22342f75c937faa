#!/usr/bin/env python3
"""proof.py PROOF --trust signer.pub [--plain FILE]: checks the proof of one file (7.6), with the job signer's public key alone."""
import argparse, hashlib, hmac, sys
import sledgefmt as f
from sledgefmt import Bad, need

EXTRA = f.schema("1c!:entry:bytes 2c!:record:bytes 3c!:salt:b32 4c:at:uint 5c:count:uint 6c:path:hashes 7c!:job:bytes")


def parse(data):
    """c2sp.org/tlog-proof"""
    need(len(data) <= 4 << 20, "proof too long")
    head, _, checkpoint = data.partition(b"\n\n")
    lines = head.decode().split("\n")
    need(len(lines) >= 3 and lines[0] == "c2sp.org/tlog-proof@v1" and lines[1].startswith("extra ") and lines[2].startswith("index "), "not a proof")
    index = int(lines[2][6:])
    path = [f.unbase64(x) for x in lines[3:]]
    need(lines[2] == f"index {index}" and index >= 0 and all(len(h) == 32 for h in path), "index or path malformed")
    extra = f.unbase64(lines[1][6:])
    need(extra and extra[0] == 1, "extra: unknown version")
    return f.fields(extra[1:], EXTRA), index, path, checkpoint


def check(data, trust, plain):
    x, index, path, checkpoint = parse(data)
    job = f.open_job(x["job"], trust)
    cp = f.Checkpoint(checkpoint, job)
    need(f.path_root(f.sha(b"\0", x["entry"]), index, cp.size, path) == cp.root, "the page entry is not in the log")
    kind, page = f.parse_entry(x["entry"])
    need(kind == "page" and page["kind"] == 0, "the entry is not that of a record page")
    commitment = hmac.digest(x["salt"], x["record"], "sha256")
    need(f.path_root(f.sha(b"\0", commitment), x["at"], x["count"], x["path"]) == page["root"], "the record is not in the page")
    r = f.fields(x["record"], f.RECORD)
    need(r["kind"] in (1, 4), "the record is not that of a file")
    print(f"{cp.origin}: page {page['number']}, record {x['at']}: {r['path'].decode(errors='backslashreplace')!r}, {r['size']} bytes,",
          f"SHA-256 {r['sha'].hex() if r['sha'] else 'not in the record (parts only)'}")
    if plain is None:
        return
    whole, crc, parts, size = hashlib.sha256(), f.Crc64(), [], 0
    with open(plain, "rb") as file:
        while part := file.read(r["part"] or 1 << 20):
            size += len(part)
            whole.update(part)
            crc.update(part)
            parts.append(f.sha(part))
    need(size == r["size"] and r["sha"] in (None, whole.digest()) and r["crc"] in (None, crc.digest()), "the plain file is another one")
    if r["part"]:
        form = f.fields(r["f15"], f.LIST_FORM)
        need(form["count"] == len(parts), "the plain file is another one (number of parts)")
        need(form["items"] == parts if form["root"] is None else form["root"] == f.root_over(parts), "the plain file is another one (parts)")
    need(r["sha"] or r["part"], "the record has no digest to compare with")
    print("the plain file is the one that was loaded")


def main():
    a = argparse.ArgumentParser()
    a.add_argument("proof")
    a.add_argument("--trust", required=True)
    a.add_argument("--plain")
    a = a.parse_args()
    try:
        with open(a.proof, "rb") as file:
            check(file.read(), f.read_trust(a.trust), a.plain)
    except Exception as e:
        print(f"refused: {e}" if isinstance(e, Bad) else f"refused: {e!r}")
        return 2
    return 0


sys.exit(main())
