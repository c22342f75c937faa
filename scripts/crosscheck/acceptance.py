#!/usr/bin/env python3
"""acceptance.py FILE RECEIPTS... --trust signer.pub: checks an acceptance (8.3) against receipts folders (10), without disks."""
import argparse, base64, hmac, json, os, sys
import sledgefmt as f
from sledgefmt import Bad, need

f.KNOWN["receipt"] = []
f.KNOWN["acceptance"] = "version critical job job_serial job_sha256 job_file devices absent accepted note software".split()

OBJECT = ["stored", "already-there", "failed", "conflict"]
OUTCOMES = {1: OBJECT, 2: OBJECT + ["no-object"], 3: OBJECT + ["no-object"], 4: OBJECT + ["no-object"], 5: ["skipped"], 6: ["no-object"]}
KINDS, POLICIES = {2: "directory", 3: "symlink", 4: "hard link"}, {2: "directories", 3: "symlinks"}


def open_acceptance(data, trust):
    raw = base64.b64decode(json.loads(base64.b64decode(json.loads(data)["payload"]))["predicate"]["job_file"], validate=True)
    job = f.open_job(raw, trust)
    keys = [f.public_key(base64.b64decode(k)) for k in job["roles"]["acceptor"]]
    for key in keys:
        try:
            p, subjects = f.open_dsse(data, key, "acceptance")
            break
        except Bad:
            continue
    else:
        raise Bad("no acceptor of the job signed it")
    need((p["job"], p["job_serial"], p["job_sha256"]) == (job["job"], job["serial"], f.sha(raw).hex()), "of another job file")
    want = {"job.dsse": p["job_sha256"]} | {"receipts/" + d["device"]: d["receipt_sha256"] for d in p["devices"]}
    need({s["name"]: s["digest"]["sha256"] for s in subjects} == want and len(subjects) == len(want), "subjects")
    named = [d["device"] for d in p["devices"]] + p["absent"]
    need(sorted(named) == sorted(d["id"] for d in job["devices"]), "the devices are not those of the job")
    return p, job


def receipts(folder, p, job):
    """The list against the accepted root, and what it does not prove against what was waived."""
    with open(os.path.join(folder, "log/checkpoint"), "rb") as file:
        checkpoint = file.read()
    origin, size, root = checkpoint.decode().split("\n")[:3]
    device, generation, run = origin.split("/")[2], int(origin.split("/")[3]), origin.split("/", 5)[5]
    d = next((d for d in p["devices"] if d["device"] == device and d["generation"] == generation), None)
    need(d, f"{folder}: device {device} was not accepted")
    need((int(size), root, f.sha(checkpoint).hex(), run) == (d["receipt_size"], d["receipt_root"], d["receipt_sha256"], d["run"]), f"{folder}: not the accepted receipts")
    need(signed(checkpoint, origin, job["roles"]["importer"]), f"{folder}: no importer of the job signed the checkpoint")
    leaves, open_, outcomes, left = [], {}, {}, {}
    with open(os.path.join(folder, "objects.list"), "rb") as file:
        for n, line in enumerate(file):
            commitment = hmac.digest(bytes.fromhex(line[:64].decode()), line[65:].removesuffix(b"\n"), "sha256")
            leaves.append(f.sha(b"\0", b"\1\x10\x03\x20", commitment))  # version 1, kind 16, field 1 c of 32 bytes
            x = json.loads(line[65:])
            kind = f.fields(base64.b64decode(x["record"], validate=True), f.RECORD)["kind"]
            need(x["outcome"] in OUTCOMES[kind], f"{folder}: line {n}: outcome {x['outcome']} of a record of kind {kind}")
            outcomes[x["outcome"]] = outcomes.get(x["outcome"], 0) + 1
            if x["outcome"] == "no-object" and kind in KINDS and job["policy"].get(POLICIES.get(kind)) != "skip":
                left[KINDS[kind]] = left.get(KINDS[kind], 0) + 1
            if x["outcome"] in ("failed", "conflict", "skipped"):
                open_.setdefault((x["outcome"], x.get("error", "")), []).append(n)
    need(len(leaves) == d["receipt_size"] and base64.b64encode(f.tree_root(leaves)).decode() == d["receipt_root"], f"{folder}: the list is not what the receipts commit to")
    waived = {(w["outcome"], w.get("error", "")): w["lines"] for w in d["waived"]}
    need(len(waived) == len(d["waived"]) and waived == open_, f"{folder}: what is waived is not what is unproven")
    need(outcomes == d["outcomes"], f"{folder}: counts")
    total = total_of(folder, job)
    if "left_out" in d:
        need((left, total.get("rules", "")) == (d["left_out"], d.get("rules", "")), f"{folder}: what rules left out is not what was waived")
    need((total["target"], total.get("endpoint", "")) == (d["target"], d["endpoint"]), f"{folder}: another target than the accepted one")
    if d["target"] != job["target"]["url"].rstrip("/") + "/":
        print(f"{folder}: the objects are in {d['target']}, which the job does not name")
    print(f"{folder}: device {device}, run {run}: {d['receipt_size']} receipts, {sum(map(len, waived.values()))} waived")


def total_of(folder, job):
    with open(os.path.join(folder, "total.dsse"), "rb") as file:
        data = file.read()
    for key in job["roles"]["importer"]:
        try:
            return f.open_dsse(data, f.public_key(base64.b64decode(key)), "receipt")[0]
        except Bad:
            continue
    raise Bad("no importer of the job signed the total")


def signed(checkpoint, origin, keys):
    text, _, sigs = checkpoint.decode().rpartition("\n\n")
    lines = [s.split(" ") for s in sigs.splitlines()]
    return any(f.valid(f.public_key(base64.b64decode(k)), base64.b64decode(value)[4:], text.encode() + b"\n")
               for k in keys for _, name, value in lines if name == origin)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("file")
    a.add_argument("receipts", nargs="*")
    a.add_argument("--trust", required=True)
    a = a.parse_args()
    try:
        with open(a.file, "rb") as file:
            p, job = open_acceptance(file.read(), f.read_trust(a.trust))
        for folder in a.receipts:
            receipts(folder, p, job)
    except Exception as e:
        print(f"refused: {e}" if isinstance(e, Bad) else f"refused: {e!r}")
        return 2
    return 0


sys.exit(main())
