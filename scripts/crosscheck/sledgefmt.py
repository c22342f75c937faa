"""The sledge on-disk format, written from docs/format.md alone (section numbers are that file's). No key is needed here."""
import base64, hashlib, itertools, json, os, struct
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key, load_pem_public_key

CLEAN, REPAIRABLE, LOST = 0, 1, 2
SEGMENT = 1 << 20


class Bad(Exception):
    """What was read is refused."""


def need(condition, text):
    if not condition:
        raise Bad(text)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def ceil_div(a, b):
    return -(-a // b)


def ceil4k(n):
    return (n + 4095) & ~4095


# 1: CRC64NVME
CRC_TABLE = []
for _x in range(256):
    for _ in range(8):
        _x = _x >> 1 ^ (0x9A6C9329AC4BC9B5 if _x & 1 else 0)
    CRC_TABLE.append(_x)


class Crc64:
    def __init__(self):
        self.c = 0xFFFFFFFFFFFFFFFF

    def update(self, data):
        c, table = self.c, CRC_TABLE
        for byte in data:
            c = table[(c ^ byte) & 255] ^ c >> 8
        self.c = c
        return self

    def digest(self):
        return struct.pack(">Q", self.c ^ 0xFFFFFFFFFFFFFFFF)


def crc64(data):
    return Crc64().update(data).digest()


# 1: trees of RFC 6962
def tree_root(leaf_hashes):
    level = list(leaf_hashes)
    if not level:
        return sha(b"")
    while len(level) > 1:
        pairs = [sha(b"\1", level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) & ~1:]
    return level[0]


def root_over(items):
    return tree_root(sha(b"\0", item) for item in items)


def path_root(leaf_hash, index, size, path):
    """The root that an inclusion path leads to (RFC 9162 section 2.1.3.2 is the algorithm for RFC 6962's paths)."""
    need(0 <= index < size, "inclusion path: index beyond the tree")
    r, last = leaf_hash, size - 1
    for p in path:
        need(last > 0, "inclusion path: too long")
        if index & 1 or index == last:
            r = sha(b"\1", p, r)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            r = sha(b"\1", r, p)
        index, last = index >> 1, last >> 1
    need(last == 0, "inclusion path: too short")
    return r


# 1.1: field messages
def uvarint(data, at):
    value = shift = 0
    for n in range(10):
        need(at < len(data), "uvarint cut off")
        byte, at = data[at], at + 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            need((byte or n == 0) and value < 1 << 64, "uvarint not canonical")
            return value, at
    raise Bad("uvarint too long")


def chunks(data):
    """A list."""
    at, out = 0, []
    while at < len(data):
        n, at = uvarint(data, at)
        need(at + n <= len(data), "list item cut off")
        out.append(data[at:at + n])
        at += n
    return out


def schema(text):
    """"number[c][!]:name:type" words; ! = refuse a message without it."""
    out = {}
    for word in text.split():
        number, name, kind = word.split(":")
        out[int(number.rstrip("c!"))] = (name, kind, "c" in number, "!" in number)
    return out


def value_of(kind, v):
    if kind in ("uint", "flag"):
        need(len(v) <= 8 and v[0] != 0, "uint not canonical")
        n = int.from_bytes(v, "big")
        need(kind == "uint" or n == 1, "flag not 1")
        return n
    if kind == "int":
        need(len(v) == 12 and int.from_bytes(v[8:], "big") < 10**9, "time malformed")
        return struct.unpack(">qI", v)
    if kind == "hashes":
        need(len(v) % 32 == 0, "hashes of a wrong length")
        return [v[i:i + 32] for i in range(0, len(v), 32)]
    if kind == "list":
        return chunks(v)
    if kind == "text":
        try:
            return v.decode()
        except UnicodeDecodeError:
            raise Bad("text is not UTF-8")
    need(kind == "bytes" or len(v) == int(kind[1:]), "bytes of a wrong length")
    return v


DEFAULT = {"uint": 0, "flag": 0, "int": None, "hashes": [], "list": [], "text": "", "bytes": b""}


def fields(data, sch):
    out = {name: DEFAULT.get(kind) for name, kind, _, _ in sch.values()}
    at, before, seen = 0, 0, set()
    while at < len(data):
        key, at = uvarint(data, at)
        size, at = uvarint(data, at)
        need(at + size <= len(data), "field cut off")
        number, critical, v = key >> 1, key & 1, data[at:at + size]
        at += size
        need(before < number <= 1 << 20, "field order")
        before = number
        if number not in sch:
            need(not critical, f"unknown critical field {number}")
            continue
        name, kind, crit, _ = sch[number]
        need(bool(critical) == crit, f"field {number}: wrong critical bit")
        need(size > 0, f"field {number}: empty")
        need(kind != "reserved" or not critical, f"field {number} is reserved")
        out[name] = v if kind == "reserved" else value_of(kind, v)
        seen.add(number)
    for number, (name, _, _, must) in sch.items():
        need(not must or number in seen, f"field {number} ({name}) is missing")
    return out


HEADER = schema("1c!:job:b16 2c!:device:b16 3c:generation:uint 4c:bay:uint 5c!:disk:b16 6c:n:uint 7:time:int")
WRAP = schema("1c!:job:b16 2c!:device:b16 3c:generation:uint 4:key_id:b32 5c!:body:bytes")
PACK = ("1c:number:uint 2c!:id:b16 4c:k:uint 5c:m:uint 6c:b:uint 7c:matrix:uint 8c:B:uint 10c!:map:bytes 11c!:root:b32"
        " 12c!:pieces:hashes 13:missing:bytes ")
ENTRY = {1: ("start", schema("1c!:job:b16 2c!:device:b16 3c:generation:uint 4c:serial:uint 5c!:job_sha:b32 6c:n:uint 7:time:int 8:pos:uint")),
         2: ("wrap", schema("1c:kind:uint 2c!:sha:b32 3c:key_ids:hashes 4c!:check:b16 5c:generation:uint")),
         3: ("event", schema("1:time:int 2c!:what:text 3:details:text 4:bay:uint")),
         4: ("pack", schema(PACK + "3c!:header:b74 9c:segments:uint")),
         5: ("page", schema("1c:number:uint 2c:index:uint 3c:offset:uint 4c:length:uint 5c!:sha:b32 6c!:root:b32 7c:kind:uint")),
         6: ("index", schema(PACK + "14c:first:uint 15c:count:uint 16c!:box:b1054")),
         7: ("end", schema("1c:packs:uint 2c:pages:uint 3c:indexes:uint 4c:pack_at:uint 5c:page_at:uint 6c:index_at:uint 7c:bytes:uint 8c!:box:b284"))}
LIST_FORM = schema("1c:count:uint 2:root:b32 3:items:list")
RECORD = schema("1c:kind:uint 2c!:path:bytes 3c:size:uint 4:mode:uint 5:uid:uint 6:gid:uint 7:user:text 8:group:text 9:mtime:int 10:ctime:int"
                " 11:sha:b32 12:crc:b8 13c:part:uint 14c:parts:reserved 15:f15:bytes 16:f16:bytes 17c:f17:bytes 18:f18:bytes 19c:target:bytes"
                " 20:group_of_links:uint 21c:link:bytes 22c:reason:text 23:details:text 24c:n:uint 25c:field:uint 26c:at:uint 27c:items:list"
                " 28c:supersedes:reserved 29:version:reserved 30c:pieces:reserved 31:deleted:reserved 32:attributes:reserved"
                " 33:digests:reserved 34:allocated:uint 35:remark:text 36:remark_details:text")
EVENTS = "load-started load-resumed disk-failed disk-rebuilt disk-absent pack-degraded note".split()


def parse_entry(data):
    need(2 < len(data) <= 4096, "log entry: length")
    need(data[0] == 1, f"log entry: unknown version {data[0]}")
    need(data[1] in ENTRY, f"log entry: unknown kind {data[1]}")
    return ENTRY[data[1]][0], fields(data[2:], ENTRY[data[1]][1])


# 6.3: the field and the matrix
EXP = [1]
while len(EXP) < 510:
    EXP.append(EXP[-1] << 1 ^ (0x11D if EXP[-1] & 128 else 0))
LOG = {EXP[i]: i for i in range(255)}


def mul(a, b):
    return EXP[LOG[a] + LOG[b]] if a and b else 0


TIMES = [bytes(mul(c, x) for x in range(256)) for c in range(256)]


def mat_mul(a, b):
    def dot(row, column):
        r = 0
        for x, y in zip(row, column):
            r ^= mul(x, y)
        return r
    return [[dot(row, column) for column in zip(*b)] for row in a]


def mat_inv(a):
    n = len(a)
    w = [list(row) + [int(i == j) for j in range(n)] for i, row in enumerate(a)]
    for c in range(n):
        p = next(r for r in range(c, n) if w[r][c])
        w[c], w[p] = w[p], w[c]
        f = EXP[255 - LOG[w[c][c]]]
        w[c] = [mul(f, x) for x in w[c]]
        for r in range(n):
            if r != c and w[r][c]:
                f = w[r][c]
                w[r] = [x ^ mul(f, y) for x, y in zip(w[r], w[c])]
    return [row[n:] for row in w]


def coding_matrix(k, m):
    v = [[EXP[LOG[r] * c % 255] if r else int(c == 0) for c in range(k)] for r in range(k + m)]
    return mat_mul(v, mat_inv(v[:k]))


def combine(row, blocks):
    out = 0
    for c, block in zip(row, blocks):
        out ^= int.from_bytes(block.translate(TIMES[c]), "big")
    return out.to_bytes(len(blocks[0]), "big")


def encode(matrix, data):
    return [combine(row, data) for row in matrix[len(data):]]


def decode(matrix, k, have):
    """The k data blocks from k blocks {index: block}."""
    at = sorted(have)
    inverse = mat_inv([matrix[i] for i in at])
    return [have[i] if i in have else combine(inverse[i], [have[j] for j in at]) for i in range(k)]


# 8: DSSE; 3: the job file
def public_key(der):
    return load_der_public_key(der)


def spki(key):
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def read_trust(path):
    with open(path, "rb") as f:
        return load_pem_public_key(f.read())


def valid(key, signature, message):
    try:
        key.verify(signature, message)
        return True
    except InvalidSignature:
        return False


def unbase64(text):
    """8: there is one base64 of every value, so nobody can change a signed file's bytes and keep its meaning."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Bad("base64 malformed")
    need(base64.b64encode(data).decode() == text, "base64 not canonical")
    return data


def no_twins(pairs):
    need(len(dict(pairs)) == len(pairs), "a JSON name occurs twice")
    return dict(pairs)


def open_dsse(data, key, kind):
    """The predicate and the subjects of a statement; key None = the signature is not checked."""
    try:
        need(len(data) <= 1 << 20, "statement too long")
        env = json.loads(data, object_pairs_hook=no_twins)
        payload, sigs = unbase64(env["payload"]), [unbase64(s["sig"]) for s in env["signatures"]]
        ptype = env["payloadType"].encode()
        pae = b"DSSEv1 %d %s %d %s" % (len(ptype), ptype, len(payload), payload)
        need(key is None or any(valid(key, sig, pae) for sig in sigs), "no valid signature")
        need(ptype == b"application/vnd.in-toto+json", "payload type")
        st = json.loads(payload, object_pairs_hook=no_twins)
        p = st["predicate"]
        need(st["_type"] == "https://in-toto.io/Statement/v1", "not a Statement v1")
        need(st["predicateType"] == f"https://github.com/sledge-io/sledge/statement/{kind}/v1", "predicate type")
        need(p["version"] == 1, f"unknown version {p['version']}")
        need(not set(p["critical"]) - set(p) and all(c in KNOWN[kind] for c in p["critical"]), "unknown critical name")
        return p, st["subject"]
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise Bad(f"malformed: {e!r}")


KNOWN = {"job": "version critical signer job serial created expires direction site devices geometry recipients unlock target roles policy".split(),
         "seal": ("version critical job device generation job_serial job_sha256 log_size log_root disks absent_bays degraded_packs wrap_check"
                  " device_key recovery scan_complete sealed software shared_disks filesystems").split()}


def open_job(data, trust):
    job, subjects = open_dsse(data, trust, "job")
    try:
        names = {s["name"]: s["digest"]["sha256"] for s in subjects}
        need(trust is None or unbase64(job["signer"]) == spki(trust), "job file: its signer is another key")
        for d in job["devices"]:
            der = unbase64(d["public_key"])
            need(d["id"] == sha(der).hex()[:32], "job file: a device id is not its key's")
            need(names.get("device/" + d["id"]) == sha(der).hex(), "job file: a device is not a subject")
    except (ValueError, KeyError, TypeError) as e:
        raise Bad(f"job file malformed: {e!r}")
    return job


# 5.1: the checkpoint
class Checkpoint:
    def __init__(self, data, job):
        """Finds the device key in the job file and checks its signature."""
        try:
            need(len(data) <= 65536, "checkpoint too long")
            text, _, sigs = data.decode().rpartition("\n\n")
            lines = text.split("\n")
            need(len(lines) == 3 and sigs.endswith("\n"), "checkpoint: not three lines and signatures")
            self.origin, self.text = lines[0], text.encode() + b"\n"
            self.size, self.root = int(lines[1]), unbase64(lines[2])
            need(str(self.size) == lines[1] and len(self.root) == 32, "checkpoint: size or root malformed")
            name, self.job, self.device, generation = self.origin.split("/")
            self.generation = int(generation)
            need(name == "sledge" and str(self.generation) == generation and self.generation > 0, "checkpoint: origin")
            need(self.job == job["job"], "checkpoint: of another job")
            keys = [unbase64(d["public_key"]) for d in job["devices"] if d["id"] == self.device]
            need(len(keys) == 1, "checkpoint: the job file does not list the device")
            self.key = public_key(keys[0])
            raw = self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            key_id = sha(self.origin.encode(), b"\n\1", raw)[:4]
            self.signed = None
            for line in sigs[:-1].split("\n"):
                dash, signer, value = line.split(" ")
                loose = base64.b64decode(value, validate=True)     # lines of others are left alone
                need(dash == "\u2014", "checkpoint: signature line")
                if signer == self.origin and loose[:4] == key_id:
                    need(valid(self.key, unbase64(value)[4:], self.text), "checkpoint: signature wrong")
                    self.signed = self.text + b"\n" + line.encode() + b"\n"
            need(self.signed, "checkpoint: not signed by the device key")
        except (ValueError, TypeError, KeyError) as e:
            raise Bad(f"checkpoint malformed: {e!r}")


def tile_name(level, n, width):
    parts = [f"{n % 1000:03}"]
    while n >= 1000:
        n //= 1000
        parts.insert(0, f"x{n % 1000:03}")
    return f"log/tile/{level}/" + "/".join(parts) + (f".p/{width}" if width < 256 else "")


def tiles_of(leaf_hashes):
    """{path: content} of every hash tile of the log."""
    out, level, hashes = {}, 0, leaf_hashes
    while hashes:
        for n in range(ceil_div(len(hashes), 256)):
            tile = hashes[n * 256:n * 256 + 256]
            out[tile_name(level, n, len(tile))] = b"".join(tile)
        hashes = [tree_root(hashes[i:i + 256]) for i in range(0, len(hashes) - 255, 256)]
        level += 1
    return out


def split_bundle(data, count):
    out, at = [], 0
    for _ in range(count):
        need(at + 2 <= len(data), "entry bundle cut off")
        n = int.from_bytes(data[at:at + 2], "big")
        need(at + 2 + n <= len(data), "entry bundle cut off")
        out.append(data[at + 2:at + 2 + n])
        at += 2 + n
    need(at == len(data), "entry bundle: bytes left over")
    return out


class Device:
    """A sealed device: job file, checkpoint, log. Opening it raises Bad if no copy of one of these is right."""

    def __init__(self, folders, trust=None):
        self.folders, self.findings = [os.path.join(f, "sledge") for f in folders], []
        job_copies = self.copies("job.dsse", 1 << 20)
        self.job_file, self.job = self.first("job.dsse", job_copies, lambda d: open_job(d, trust))
        cps = self.copies("log/checkpoint", 65536)
        self.checkpoint_file, self.cp = self.first("log/checkpoint", cps, lambda d: Checkpoint(d, self.job))
        for data in cps:
            try:
                other = Checkpoint(data, self.job)
                need(other.text == self.cp.text, "two valid checkpoints that differ: disks of two devices or generations, or a forked log")
            except Bad as e:
                if "two valid" in str(e):
                    raise
        self.ids = (bytes.fromhex(self.cp.job), bytes.fromhex(self.cp.device))
        self.bind = b"".join(self.ids) + struct.pack(">I", self.cp.generation)
        self.expected = {"job.dsse": self.job_file}     # what is to be the same on every disk
        self.read_log()
        self.check_log()
        self.headers = [self.read_header(f) for f in self.folders]

    def find(self, level, text):
        self.findings.append((level, text))

    def copies(self, name, limit):
        """{content: the numbers of the disks that hold it}"""
        out = {}
        for i, folder in enumerate(self.folders):
            try:
                with open(os.path.join(folder, name), "rb") as f:
                    out.setdefault(f.read(limit + 1), []).append(i)
            except OSError:
                pass
        return out

    def first(self, name, copies, check):
        why = "no copy"
        for data in copies:
            try:
                return data, check(data)
            except Bad as e:
                why = e
        raise Bad(f"{name}: {why}")

    def read_log(self):
        size, choices, tried = self.cp.size, [], Bad("log: no choice of entry bundles gives the signed root")
        for n in range(ceil_div(size, 256)):
            count = min(256, size - 256 * n)
            name, good = tile_name("entries", n, count), []
            tile = self.copies(tile_name(0, n, count), 8192)
            for data in self.copies(name, 256 * 4098):
                try:
                    entries = split_bundle(data, count)
                    hashes = [sha(b"\0", e) for e in entries]
                    good.append((b"".join(hashes) not in tile, name, data, entries, hashes))
                except Bad:
                    pass
            choices.append(sorted(good, key=lambda g: g[0]))
        for choice in itertools.islice(itertools.product(*choices), 1000):
            hashes = [h for c in choice for h in c[4]]
            if tree_root(hashes) == self.cp.root:
                self.raw = [e for c in choice for e in c[3]]
                self.leaf_hashes = hashes
                self.expected.update({c[1]: c[2] for c in choice})
                self.expected.update(tiles_of(hashes))
                return
        raise tried

    def check_log(self):
        """5.2: order, numbers and limits of the entries."""
        order = ["start", "wrap", "event", "pack", "page", "index", "end"]
        of = self.of = {kind: [] for kind in order}
        at = {}
        last = 0
        for i, raw in enumerate(self.raw):
            kind, e = parse_entry(raw)
            need(order.index(kind) >= last, f"log position {i}: {kind} out of order")
            last = order.index(kind)
            if kind in ("pack", "page", "index"):
                need(e["number"] == len(of[kind]), f"log position {i}: number")
            at.setdefault(kind, i)
            of[kind].append(e)
        need(len(of["start"]) == 1 and len(of["end"]) == 1, "log: not one start and one end")
        start, end, geometry = of["start"][0], of["end"][0], self.job["geometry"]
        need((start["job"], start["device"]) == self.ids and start["generation"] == self.cp.generation, "start entry: of another device")
        need(start["job_sha"] == sha(self.job_file) and start["serial"] == self.job["serial"], "start entry: another job file")
        self.n = start["n"]
        need(1 <= self.n <= 64 and self.n == geometry["disks"], "start entry: number of bays")
        for w in of["wrap"]:
            need(w["kind"] in (1, 2) and w["generation"] == self.cp.generation, "wrap entry")
            need(w["check"] == of["wrap"][0]["check"], "wrap entries disagree about the check")
        for e in of["event"]:
            need(e["what"] in EVENTS and len(e["details"].encode()) <= 1024 and e["bay"] <= self.n, "event entry")
        for e in of["pack"] + of["index"]:
            k, m, b, B = e["k"], e["m"], e["b"], e["B"]
            name = "pack entry " + e["id"].hex()
            need(k >= 1 and k + m <= min(32, self.n) and (m or geometry["allow_no_parity"] is True), name + ": k, m")
            need(4096 <= b <= 1 << 24 and b & (b - 1) == 0 and e["matrix"] == 1 and 1 <= B <= 1 << 40, name + ": limits")
            need(len(set(e["map"])) == len(e["map"]) == k + m and max(e["map"]) < self.n, name + ": bay map")
            need(len(e["pieces"]) == k + m, name + ": pieces")
            need(list(e["missing"]) == sorted(set(e["missing"])) and all(j < k + m for j in e["missing"]) and len(e["missing"]) <= m, name + ": missing shards")
            if "segments" in e:
                need(1 <= e["segments"] <= 1 << 20 and (e["segments"] - 1) * SEGMENT + 32 <= B <= e["segments"] * SEGMENT, name + ": segments")
            if (k, m, b) != (geometry["k"], geometry["m"], geometry["block_size"]):
                self.find(CLEAN, name + f": {k}+{m}, blocks of {b}: not the job file's geometry")
        need(len({e["id"] for e in of["pack"] + of["index"]}) == len(of["pack"] + of["index"]), "two packs of one id")
        page = 0
        for number, e in enumerate(of["index"]):
            need(e["first"] == page and 2 <= e["count"] <= 1024, f"index entry {number}: its pages")
            offset = stop = 0
            for p in of["page"][page:page + e["count"]]:
                page += 1
                need(p["index"] == number and p["offset"] == offset and p["kind"] == int(page == e["first"] + e["count"]), "page entry: place or kind")
                need(p["length"] > 106 and (p["length"] - 106) % 65536 == 0 and p["length"] - 106 <= 983040, "page entry: length")
                stop = offset + p["length"]
                offset = ceil4k(stop)
            need(page == e["first"] + e["count"] and stop == e["B"], f"index entry {number}: its pages do not fill its body")
        need(page == len(of["page"]), "pages that no index pack holds")
        counts = [len(of[kind]) for kind in ("pack", "page", "index")]
        need([end["packs"], end["pages"], end["indexes"]] == counts, "end entry: counts")
        first = 1 + len(of["wrap"]) + len(of["event"])
        need([end["pack_at"], end["page_at"], end["index_at"]] == [first, first + counts[0], first + counts[0] + counts[1]], "end entry: positions")
        need(end["bytes"] == sum(e["B"] for e in of["pack"]), "end entry: sum of body lengths")

    def read_header(self, folder):
        try:
            with open(os.path.join(folder, "disk.header"), "rb") as f:
                d = f.read(4097)
            need(len(d) == 4096 and d[:8] == b"SLEDGEDK" and d[8] == 1, "magic, version or length")
            n = int.from_bytes(d[9:11], "big")
            need(crc64(d[:4088]) == d[4088:] and 11 + n <= 4088 and not any(d[11 + n:4088]), "CRC or padding")
            h = fields(d[11:11 + n], HEADER)
            need((h["job"], h["device"], h["generation"], h["n"]) == (*self.ids, self.cp.generation, self.n) and h["bay"] < self.n, "of another device")
            return h
        except (OSError, Bad) as e:
            self.find(REPAIRABLE, f"{folder}: disk.header: {e}")
            return None

    def packs(self):
        return [Pack(self, e) for e in self.of["pack"] + self.of["index"]]


class Pack:
    """6: stripes of one pack, each proven against the signed hash list before anything uses it."""

    def __init__(self, device, entry):
        self.device, self.e, self.id, self.findings = device, entry, entry["id"].hex(), {}
        self.k, self.m, self.b, self.B = (entry[x] for x in ("k", "m", "b", "B"))
        self.full = (self.B - 1) // (self.k * self.b)
        self.last = min(self.b, ceil4k(ceil_div(self.B - self.full * self.k * self.b, self.k)))
        self.shard_size = self.full * self.b + self.last
        self.line = 32 * self.k + 8 * self.m
        self.matrix, self.cached = coding_matrix(self.k, self.m), (None, None)
        self.files = [self.candidates(j) for j in range(self.k + self.m)]
        self.lines = self.hash_list()

    def name(self, what):
        return f"packs/{self.id[:2]}/{self.id}.{what}"

    def note(self, level, text):
        self.findings[level, text] = self.findings.get((level, text), 0) + 1

    def candidates(self, j):
        """Every disk's file of shard j, the one in its signed bay first."""
        out = []
        for i, folder in enumerate(self.device.folders):
            path = os.path.join(folder, self.name(f"{j:02}.shard"))
            if os.path.isfile(path):
                h = self.device.headers[i]
                home = h is not None and h["bay"] == self.e["map"][j]
                if h is not None and not home:
                    self.note(REPAIRABLE, f"shard {j:02} lies on bay {h['bay']}, signed is bay {self.e['map'][j]}")
                if os.path.getsize(path) != self.shard_size:
                    self.note(REPAIRABLE, f"shard {j:02} has {os.path.getsize(path)} bytes, not {self.shard_size}")
                out.append((not home, path))
        if not out:
            self.note(REPAIRABLE, f"shard {j:02} is absent" + (" (so the log says)" if j in self.e["missing"] else ""))
        return [path for _, path in sorted(out, key=lambda c: c[0])]

    def blocks(self, j, stripe):
        size = self.b if stripe < self.full else self.last
        for path in self.files[j]:
            try:
                with open(path, "rb") as f:
                    f.seek(stripe * self.b)
                    block = f.read(size)
            except OSError:
                continue        # a disk's read error costs a block, not the whole check
            if len(block) == size:
                yield block

    def hash_list(self):
        """6.4: the first copy 1 whose root matches; else k proven pieces; else mended."""
        size, e, found = (self.full + 1) * self.line, self.e, None
        cut = lambda h: [h[i:i + self.line] for i in range(0, size, self.line)]
        copies, wrong = self.device.copies(self.name("hashes"), size), []
        for data, disks in copies.items():
            if len(data) == size and root_over(cut(data)) == e["root"]:
                found = cut(data)
            else:
                self.note(REPAIRABLE, f"hash list: {len(disks)} wrong copies")
                wrong.append(data)
        here = {i for i, h in enumerate(self.device.headers) if h and h["bay"] in e["map"]}     # only these disks have a copy
        absent = len(here - {i for disks in copies.values() for i in disks})
        if absent:
            self.note(REPAIRABLE, f"hash list: {absent} absent copies")
        length, pieces = ceil_div(size, self.k), {}
        systematic = bytearray(length * self.k)
        for j, digest in enumerate(e["pieces"]):
            at_hand = self.device.copies(self.name(f"{j:02}.piece"), length)
            pieces.update({j: d for d in at_hand if sha(d) == digest})
            if j not in pieces:
                self.note(REPAIRABLE, f"piece {j:02} is absent or wrong")
            for d in at_hand if j < self.k else ():
                systematic[j * length:(j + 1) * length] = pieces.get(j, d)[:length].ljust(length, b"\0")
        if found is None and len(pieces) >= self.k:
            h = b"".join(decode(self.matrix, self.k, dict(itertools.islice(pieces.items(), self.k))))
            need(root_over(cut(h)) == e["root"] and not any(h[size:]), f"pack {self.id}: signed pieces are not the hash list")
            found = cut(h)
        if found is None:
            found = self.mend([cut(d.ljust(size, b"\0")) for d in wrong + [bytes(systematic)]])
        if found is None:
            self.note(LOST, "hash list lost: no block can be proven")
        return found

    def mend(self, lists):
        for prefer_block in (False, True):
            out = []
            for s in range(self.full + 1):
                line = b""
                for j in range(self.k + self.m):
                    at, n = (32 * j, 32) if j < self.k else (32 * self.k + 8 * (j - self.k), 8)
                    values = [lst[s][at:at + n] for lst in lists]
                    stored = [sha(x) if j < self.k else crc64(x) for x in self.blocks(j, s)]
                    line += next((v for v in stored if v in values or prefer_block), values[0])
                out.append(line)
            if root_over(out) == self.e["root"]:
                self.note(REPAIRABLE, "hash list mended from the stored blocks")
                return out
        return None

    def stripe(self, s):
        """The proven data blocks of a stripe, or None. Notes what is damaged."""
        if self.cached[0] == s:
            return self.cached[1]
        data = self.cached[1] if self.lines is None else self.prove(s)
        self.cached = (s, data)
        return data

    def prove(self, s):
        k, m, line = self.k, self.m, self.lines[s]
        want = [line[32 * i:32 * i + 32] for i in range(k)]
        crcs = [line[32 * k + 8 * i:][:8] for i in range(m)]
        good = {i: x for i in range(k) for x in self.blocks(i, s) if sha(x) == want[i]}
        parity = {k + i: list(self.blocks(k + i, s)) for i in range(m)}
        for i in range(k):
            if i not in good and self.files[i]:
                self.note(REPAIRABLE, f"shard {i:02}: damaged data block")
        data = [good[i] for i in range(k)] if len(good) == k else self.recover(good, parity, want, crcs)
        if data is None:
            self.note(LOST, "stripe lost or not decided")
            return None
        for j, block in enumerate(encode(self.matrix, data), k):
            if crc64(block) != crcs[j - k]:
                self.note(LOST, f"the signed CRC of parity block {j:02} is not that of the encoded data")
            if self.files[j] and block not in parity[j]:
                self.note(REPAIRABLE, f"shard {j:02}: damaged parity block")
        if s == self.full and any(b"".join(data)[self.B - s * k * self.b:]):
            self.note(LOST, "padding is not zero")
        return data

    def recover(self, good, parity, want, crcs):
        """Data blocks that match their hashes, from other choices of parity blocks, those with a right CRC first."""
        usable = sorted((crc64(x) != crcs[j - self.k], j, x) for j, found in parity.items() for x in found)
        for choice in itertools.islice(itertools.combinations(usable, self.k - len(good)), 1000):
            have = {**good, **{j: x for _, j, x in choice}}
            if len(have) == self.k:
                data = decode(self.matrix, self.k, have)
                if [sha(x) for x in data] == want:
                    return data
        return None

    def body(self, offset, length):
        """Proven bytes of the body; Bad if they are lost."""
        need(0 <= offset and offset + length <= self.B, "beyond a pack's body")
        out, width = [], self.k * self.b
        while length:
            s, skip = divmod(offset, width)
            data = self.stripe(s)
            need(data is not None, f"pack {self.id}: stripe {s} is lost")
            part = b"".join(data)[skip:min(skip + length, width)]
            out.append(part)
            offset, length = offset + len(part), length - len(part)
        return b"".join(out)
