#!/usr/bin/env python3
"""verify.py DISK... --trust signer.pub [--label label.txt]: checks a sealed device without a key. Exit 0 clean, 1 repairable, 2 lost or refused."""
import argparse, os, sys
import sledgefmt as f
from sledgefmt import Bad, LOST, REPAIRABLE, need


def check_wraps(dev):
    for w in dev.of["wrap"]:
        name = f"wraps/{w['sha'].hex()}." + ("wrap" if w["kind"] == 1 else "age")
        good = [d for d in dev.copies(name, 65536) if f.sha(d) == w["sha"]]
        if not good:
            dev.find(LOST, f"{name}: no right copy")
            continue
        dev.expected[name] = good[0]
        if w["kind"] == 1:
            d = good[0]
            need(len(d) <= 65536 and d[0] == 1 and d[1] == 1, f"{name}: version or kind")
            v = f.fields(d[2:], f.WRAP)
            need((v["job"], v["device"]) == dev.ids and v["generation"] == dev.cp.generation, f"{name}: of another device")
            need(len(v["body"]) == 1168 and w["key_ids"] == [v["key_id"]], f"{name}: body or key id")


def check_seal(dev):
    name = "statements/seal.dsse"
    if not dev.copies(name, 1 << 20):
        return dev.find(REPAIRABLE, f"{name}: missing; the signed checkpoint still says that the device is sealed")
    data, (p, subjects) = dev.first(name, dev.copies(name, 1 << 20), lambda d: f.open_dsse(d, dev.cp.key, "seal"))
    dev.expected[name] = data
    want = {"job": dev.cp.job, "device": dev.cp.device, "generation": dev.cp.generation, "job_serial": dev.job["serial"],
            "job_sha256": f.sha(dev.job_file).hex(), "log_size": dev.cp.size, "disks": dev.n,
            "log_root": f.base64.b64encode(dev.cp.root).decode(), "degraded_packs": sum(1 for e in dev.of["pack"] if e["missing"])}
    for key, value in want.items():
        need(p.get(key) == value, f"seal: {key} is {p.get(key)!r}, the log says {value!r}")
    need({"name": "checkpoint", "digest": {"sha256": f.sha(dev.cp.signed).hex()}} in subjects, "seal: of another checkpoint")
    for bay in p["absent_bays"]:
        dev.find(REPAIRABLE, f"bay {bay} was absent at seal")


def check_label(dev, path):
    with open(path, "rb") as file:
        head, _, note = file.read().replace(b"\r\n", b"\n").partition(b"\n\n")
    want = [b"sledge label 1"] + [b"%s %s" % (n.encode(), str(v).encode()) for n, v in (
        ("job", dev.cp.job), ("device", dev.cp.device), ("generation", dev.cp.generation), ("disks", dev.n),
        ("job-serial", dev.job["serial"]), ("job-sha256", f.sha(dev.job_file).hex()))]
    need(head.split(b"\n") == want, "label: not this device's")
    need(f.Checkpoint(note, dev.job).text == dev.cp.text, "label: another checkpoint")


def check_same(dev):
    """Files that are the same on every disk, and files that nobody expects."""
    packs = {p: None for e in dev.of["pack"] + dev.of["index"] for i in [e["id"].hex()]
             for p in [f"packs/{i[:2]}/{i}.hashes"] + [f"packs/{i[:2]}/{i}.{j:02}.{x}" for j in range(e["k"] + e["m"]) for x in ("shard", "piece")]}
    for folder in dev.folders:
        for name, data in dev.expected.items():
            try:
                with open(os.path.join(folder, name), "rb") as file:
                    if file.read(len(data) + 1) != data:
                        dev.find(REPAIRABLE, f"{folder}/{name}: damaged")
            except OSError:
                dev.find(REPAIRABLE, f"{folder}/{name}: absent")
        try:
            f.Checkpoint(open(os.path.join(folder, "log/checkpoint"), "rb").read(65537), dev.job)
        except (OSError, Bad) as e:
            dev.find(REPAIRABLE, f"{folder}/log/checkpoint: {e}")
        for top, _, names in os.walk(folder):
            for name in names:
                name = os.path.relpath(os.path.join(top, name), folder)
                if name not in dev.expected and name not in packs and name not in ("disk.header", "log/checkpoint") and not name.startswith("tmp/"):
                    dev.find(0, f"{folder}/{name}: not a file of a sealed device")


def check_packs(dev):
    for pack in dev.packs():
        if pack.lines is not None:
            for s in range(pack.full + 1):
                pack.stripe(s)
        if "first" in pack.e and pack.lines is not None:
            try:
                stop = 0
                for p in dev.of["page"][pack.e["first"]:pack.e["first"] + pack.e["count"]]:
                    need(f.sha(pack.body(p["offset"], p["length"])) == p["sha"], f"page {p['number']}: another ciphertext than signed")
                    need(not any(pack.body(stop, p["offset"] - stop)), f"page {p['number']}: bytes before it")
                    stop = p["offset"] + p["length"]
            except Bad as e:
                pack.note(LOST, str(e))
        for (level, text), times in pack.findings.items():
            dev.find(level, f"pack {pack.id}: {text}" + (f" (in {times} stripes)" if times > 1 else ""))


def main():
    a = argparse.ArgumentParser()
    a.add_argument("disk", nargs="+")
    a.add_argument("--trust", required=True)
    a.add_argument("--label")
    a = a.parse_args()
    try:
        dev = f.Device(a.disk, f.read_trust(a.trust))
        here = [h["bay"] for h in dev.headers if h]
        for bay in range(dev.n):
            if here.count(bay) != 1:
                dev.find(REPAIRABLE, f"bay {bay}: {here.count(bay)} disks")
        check_wraps(dev)
        check_seal(dev)
        if a.label:
            check_label(dev, a.label)
        check_same(dev)
        check_packs(dev)
    except Exception as e:      # whatever it is that cannot be read: never exit status 0 or 1
        print(f"refused: {e!r}" if not isinstance(e, Bad) else f"refused: {e}")
        return LOST
    for level, text in dev.findings:
        print(["note", "repairable", "LOST"][level] + ": " + text)
    worst = max([0] + [level for level, _ in dev.findings])
    print(f"{dev.cp.origin}: {dev.cp.size} entries, {len(dev.of['pack'])} packs, {len(dev.of['page'])} pages:", ["clean", "repairable", "lost"][worst])
    return worst


sys.exit(main())
