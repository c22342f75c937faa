#!/usr/bin/env python3
"""read.py DISK... (--key HEX | --site-key HEX) [--trust signer.pub] (--list | --cat PATH | --extract DIR): reads a sealed device."""
import argparse, functools, hmac, json, os, shutil, stat, sys, tempfile
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
import sledgefmt as f
from sledgefmt import Bad, need, schema, sha, struct

PLAIN, UNIT = f.SEGMENT - 32, 16 << 20
EXTENT = schema("1c:device:reserved 2c:offset:uint 3c:length:uint 4c:pack:uint 5c:at:uint 6c:stored:reserved 7c:coding:reserved 8c:hole:flag")
LINE = schema("1c:page:uint 2c!:path:bytes 3c:kind:uint 4:count:uint 5:n:uint")
TOTALS = schema(" ".join(f"{i}:t{i}:uint" for i in range(1, 10)))
FILE, DIRECTORY, SYMLINK, LINK, SKIPPED, MORE = 1, 2, 3, 4, 5, 6


def unseal(key, box, ad):
    try:
        return AESGCM(key).decrypt(box[:12], box[12:], ad)
    except InvalidTag:
        raise Bad("authentication failed: a wrong key, or not what was sealed")


class Floe:
    """4.2"""

    def __init__(self, key, aad, header):
        params = struct.pack(">BBII", 0, 0, f.SEGMENT, 32)
        need(len(header) == 74 and header[:10] == params, "FLOE: header")
        self.info = lambda purpose: params + header[10:42] + purpose + aad
        self.kdf = lambda k, purpose, n: HKDFExpand(hashes.SHA384(), n, self.info(purpose)).derive(k)
        need(hmac.compare_digest(self.kdf(key, b"HEADER_TAG:", 32), header[42:]), "FLOE: header tag: another key")
        self.message = self.kdf(key, b"MESSAGE_KEY:", 48)

    def segment(self, i, data, last):
        need(len(data) >= 32 and int.from_bytes(data[:4], "big") == (len(data) if last else 0xFFFFFFFF), "FLOE: segment length")
        key = self.kdf(self.message, b"DEK:" + struct.pack(">Q", i & ~0xFFFFF), 32)
        return unseal(key, data[4:], struct.pack(">QB", i, last))


class Reader:
    def __init__(self, dev, key, site_key):
        self.dev = dev
        self.K = key or self.unwrap(site_key)
        for w in dev.of["wrap"]:
            need(self.derive("check", b"", 16) == w["check"], "the key is not this device's (check)")
        self.packs = dev.packs()
        self.floes = [Floe(self.derive("pack", p.e["id"], 32), b"sledge/1 pack\0" + dev.bind + p.e["id"], p.e["header"])
                      for p in self.packs if "header" in p.e]
        self.plain_segment = functools.lru_cache(4)(self.plain_segment)
        self.records = list(self.read_manifest())

    def derive(self, purpose, context, n):
        return HKDF(hashes.SHA256(), n, b"", b"sledge/1 " + purpose.encode() + b"\0" + context).derive(self.K)

    def unwrap(self, seed):
        x = f.hashlib.shake_256(seed).digest(96)     # not in format.md: draft-connolly-cfrg-xwing-kem
        key = hpke.MLKEM768X25519PrivateKey(MLKEM768PrivateKey.from_seed_bytes(x[:64]), X25519PrivateKey.from_private_bytes(x[64:]))
        for w in self.dev.of["wrap"]:
            for d in self.dev.copies(f"wraps/{w['sha'].hex()}.wrap", 65536):
                if sha(d) != w["sha"] or d[:2] != b"\1\1":
                    continue
                suite = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
                try:
                    return suite.decrypt(f.fields(d[2:], f.WRAP)["body"], key, info=b"sledge/1 wrap\0hpke-mlkem768-x25519\0" + self.dev.bind)
                except Exception:
                    pass
        raise Bad("no wrap opens with this site key")

    def read_manifest(self):
        """7.3, 7.4, 7.5: all entries of the manifest in order, continuations joined; all commitments and totals checked."""
        dev, salt_key, before, open_entry = self.dev, self.derive("salt", b"", 32), None, None
        t = dict.fromkeys(TOTALS[i][0] for i in TOTALS)
        t.update({x: 0 for x in t})
        for ix in dev.of["index"]:
            pack = self.packs[len(dev.of["pack"]) + ix["number"]]
            box = unseal(self.derive("first path", ix["id"], 32), ix["box"], b"sledge/1 first path\0" + dev.bind + ix["id"])
            lines = []
            for page in dev.of["page"][ix["first"]:ix["first"] + ix["count"]]:
                at = ix["id"] + struct.pack(">Q", page["number"])
                text = pack.body(page["offset"], page["length"])
                need(sha(text) == page["sha"], f"page {page['number']}: another ciphertext than signed")
                plain = Floe(self.derive("page", at, 32), b"sledge/1 page\0" + dev.bind + at, text[:74]).segment(0, text[74:], True)
                records = self.split_page(plain, page)
                root = f.root_over(hmac.digest(hmac.digest(salt_key, at + struct.pack(">I", i), "sha256"), r, "sha256") for i, r in enumerate(records))
                need(root == page["root"], f"page {page['number']}: commitments")
                if page["kind"] == 1:
                    need([f.fields(r, LINE) for r in records] == lines, f"page {page['number']}: not the directory of its index pack")
                    continue
                for i, raw in enumerate(records):
                    need(len(raw) <= 65536, "record: length")
                    r = f.fields(raw, f.RECORD)
                    order = (r["path"] + (b"/" if r["kind"] == DIRECTORY else b""), r["n"])
                    need(before is None or before < order, f"records out of order at {order}")
                    need((r["n"] > 0) == (r["kind"] == MORE), "continuation number")
                    before = order
                    if not lines:
                        cut = order[0][:1024]
                        need(box == struct.pack(">H", len(cut)) + cut.ljust(1024, b"\0"), "first path box")
                    if i == 0:
                        lines.append({"page": page["number"], "path": r["path"], "kind": r["kind"], "count": len(records), "n": r["n"]})
                    t["t1"] += 1
                    if r["kind"] == MORE:
                        self.add_items(open_entry, r)
                        continue
                    if open_entry:
                        yield self.finish(open_entry)
                    open_entry = self.begin(r, order[0])
                    t[f"t{r['kind'] + 1}"] += 1
                    t["t7"] += r["size"] if r["kind"] in (FILE, SYMLINK, LINK) else 0
        if open_entry:
            yield self.finish(open_entry)
        box = unseal(self.derive("totals", b"", 32), dev.of["end"][0]["box"], b"sledge/1 totals\0" + dev.bind)
        n = int.from_bytes(box[:2], "big")
        need(n <= 254 and not any(box[2 + n:]), "totals: padding")
        self.totals = f.fields(box[2:2 + n], TOTALS)
        need(all(self.totals[f"t{i}"] == t[f"t{i}"] for i in range(1, 8)), f"totals: signed {self.totals}, found {t}")

    def split_page(self, plain, page):
        need(len(plain) % 65536 == 0 and plain[0] == 1 and plain[1] == page["kind"], f"page {page['number']}: version or kind")
        count, at, out = int.from_bytes(plain[2:4], "big"), 4, []
        need(1 <= count <= 1024, "page: record count")
        for _ in range(count):
            n = int.from_bytes(plain[at:at + 4], "big")
            need(at + 4 + n <= len(plain), "page: record cut off")
            out.append(plain[at + 4:at + 4 + n])
            at += 4 + n
        need(len(plain) - at < 65536 and not any(plain[at:]), "page: padding")
        return out

    def begin(self, r, order):
        path = r["path"]
        need(r["kind"] in range(1, 6) and len(path) <= 4096 and b"\0" not in path, "record: kind or path")
        need(all(c not in (b"", b".", b"..") for c in path.split(b"/")), f"record: path {path}")
        r["order"], r["lists"] = order, {}
        for x in (15, 16, 17, 18):
            v = f.fields(r[f"f{x}"], f.LIST_FORM) if r[f"f{x}"] else {"count": 0, "root": None, "items": []}
            need(bool(v["items"]) == (v["root"] is None) or v["count"] == 0, f"{path}: list form of field {x}")
            v["inline"] = bool(v["items"])
            r["lists"][x] = v
        r["last"] = (0, 0)
        return r

    def add_items(self, r, more):
        need(r and more["path"] == r["order"], "continuation of another entry")
        v = r["lists"].get(more["field"])
        need(v and not v["inline"] and v["root"] and more["at"] == len(v["items"]) and more["items"], "continuation: place")
        need((more["n"], more["field"]) >= (r["last"][0] + 1, r["last"][1]) and more["n"] == r["last"][0] + 1, "continuation: number")
        v["items"] += more["items"]
        r["last"] = (more["n"], more["field"])

    def finish(self, r):
        for x, v in r["lists"].items():
            need(len(v["items"]) == v["count"] and all(len(i) <= 60000 for i in v["items"]), f"{r['path']}: field {x}: number of items")
            need(v["root"] is None or f.root_over(v["items"]) == v["root"], f"{r['path']}: field {x}: root")
        names = []
        for item in r["lists"][18]["items"]:
            n, at = f.uvarint(item, 0)
            names.append(item[at:at + n])
        need(names == sorted(set(names)), "extended attributes: order")
        r["extents"], at = [f.fields(x, EXTENT) for x in r["lists"][17]["items"]], 0
        for x in r["extents"]:
            need(x["offset"] == at and x["length"] > 0 and (not x["hole"] or x["pack"] == x["at"] == 0), f"{r['path']}: extents")
            at += x["length"]
        if r["kind"] in (FILE, LINK):
            size, big = r["size"], r["size"] > UNIT
            part = UNIT * max(1, f.ceil_div(size, UNIT * 10000)) if big else 0
            need(at == size and r["part"] == part, f"{r['path']}: extents or part size")
            need(r["lists"][15]["count"] == (f.ceil_div(size, part) if big else 0), f"{r['path']}: number of parts")
            need(r["lists"][16]["count"] == (f.ceil_div(size, UNIT) if big else 0), f"{r['path']}: number of CRC units")
            need(r["sha"] or big and self.dev.job["policy"]["file_digest"] != "whole", f"{r['path']}: no SHA-256")
        return r

    def plain_segment(self, pack, i):
        p = self.packs[pack]
        last = i == p.e["segments"] - 1
        return self.floes[pack].segment(i, p.body(i * f.SEGMENT, p.B - i * f.SEGMENT if last else f.SEGMENT), last)

    def content(self, r):
        for x in r["extents"]:
            at, left = x["at"], x["length"]
            need(x["hole"] or x["pack"] < len(self.floes), "extent: no such pack")
            need(x["hole"] or at + left <= self.packs[x["pack"]].B - 32 * self.packs[x["pack"]].e["segments"], "extent: beyond its pack")
            while left:
                n = min(left, PLAIN - at % PLAIN)
                yield bytes(n) if x["hole"] else self.plain_segment(x["pack"], at // PLAIN)[at % PLAIN:at % PLAIN + n]
                at, left = at + n, left - n

    def write(self, r, out):
        """Writes the content to out and checks every digest that the record has."""
        whole, crc, parts, units, at = f.hashlib.sha256(), f.Crc64(), [], [], 0
        step = r["part"] or r["size"] or 1
        for data in self.content(r):
            out.write(data)
            whole.update(data)
            crc.update(data)
            while data:
                if at % step == 0:
                    parts.append(f.hashlib.sha256())
                if at % UNIT == 0:
                    units.append(f.Crc64())
                piece = data[:min(step - at % step, UNIT - at % UNIT)]
                parts[-1].update(piece)
                units[-1].update(piece)
                at, data = at + len(piece), data[len(piece):]
        need(r["sha"] in (None, whole.digest()) and r["crc"] in (None, crc.digest()), f"{r['path']}: SHA-256 or CRC of the content")
        if r["part"]:
            need([p.digest() for p in parts] == r["lists"][15]["items"], f"{r['path']}: SHA-256 of a part")
            need([u.digest() for u in units] == r["lists"][16]["items"], f"{r['path']}: CRC of a unit")

    def extract(self, folder):
        folder = os.fsencode(folder)
        os.makedirs(folder, exist_ok=True)
        need(not os.listdir(folder), "--extract: the folder is not empty")
        by_path, attributes = {r["path"]: r for r in self.records}, []
        # Directories and files first, names that could lead elsewhere (symlinks) last.
        for r in sorted(self.records, key=lambda r: (DIRECTORY, FILE, LINK, SYMLINK, SKIPPED).index(r["kind"])):
            path = os.path.join(folder, r["path"])
            os.makedirs(path if r["kind"] == DIRECTORY else os.path.dirname(path), exist_ok=True)
            if r["kind"] == FILE:
                try:
                    with open(path, "xb") as out:
                        self.write(r, out)
                except BaseException:
                    os.unlink(path)     # never leave content behind that was not proven
                    raise
            elif r["kind"] == LINK:
                first = by_path[r["link"]]
                need(first["kind"] == FILE and first["extents"] == r["extents"], f"{r['path']}: hard link")
                self.write(r, open(os.devnull, "wb"))
                os.link(os.path.join(folder, r["link"]), path)
            elif r["kind"] == SYMLINK:
                os.symlink(r["target"], path)
            if r["kind"] in (DIRECTORY, FILE):
                attributes.append((path, r))
        for path, r in reversed(attributes):
            os.chmod(path, r["mode"] & 0o777)
            if r["mtime"]:
                os.utime(path, ns=(r["mtime"][0] * 10**9 + r["mtime"][1],) * 2)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("disk", nargs="+")
    a.add_argument("--trust")
    who, what = a.add_mutually_exclusive_group(required=True), a.add_mutually_exclusive_group(required=True)
    who.add_argument("--key", type=bytes.fromhex)
    who.add_argument("--site-key", type=bytes.fromhex)
    what.add_argument("--list", action="store_true")
    what.add_argument("--cat")
    what.add_argument("--extract")
    a = a.parse_args()
    try:
        reader = Reader(f.Device(a.disk, a.trust and f.read_trust(a.trust)), a.key, a.site_key)
        if a.list:
            for r in reader.records:
                kind = ("file", "directory", "symlink", "hard link", "skipped")[r["kind"] - 1]
                older = f"\tolder version: {r['remark']}" if r["remark"] else ""
                print(f"{kind}\t{stat.filemode(r['mode'])[1:]}\t{r['size']}\t{(r['sha'] or b'').hex() or '-'}\t{json.dumps(os.fsdecode(r['order']))}{older}")
        elif a.cat:
            found = [r for r in reader.records if r["path"] == os.fsencode(a.cat) and r["kind"] in (FILE, LINK)]
            need(found, "--cat: no such file")
            with tempfile.TemporaryFile() as t:      # nothing is given out before its digests are checked
                reader.write(found[0], t)
                t.seek(0)
                shutil.copyfileobj(t, sys.stdout.buffer)
        else:
            reader.extract(a.extract)
    except Exception as e:
        print(f"refused: {e}" if isinstance(e, Bad) else f"refused: {e!r}", file=sys.stderr)
        return 2
    return 0


sys.exit(main())
