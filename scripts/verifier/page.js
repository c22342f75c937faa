"use strict";
// The page gives the program, which is sledge-verify as it is, a file system of what the reader has chosen: it can be read
// and nothing can be written, and nothing else is in it.
(() => {
const at = id => document.getElementById(id);
const failed = code => Object.assign(new Error(code), { code });

// Tree is a folder of what was chosen: names lead to files and to other trees.
class Tree {
	constructor() { this.names = new Map(); }
	put(path, file) {
		const parts = path.split("/"), last = parts.pop();
		let tree = this;
		for (const part of parts) {
			if (!(tree.names.get(part) instanceof Tree)) tree.names.set(part, new Tree());
			tree = tree.names.get(part);
		}
		tree.names.set(last, file);
	}
	find(path) {
		let found = this;
		for (const part of path.split("/")) {
			if (part === "" || part === ".") continue;
			if (!(found instanceof Tree)) throw failed("ENOTDIR");
			found = found.names.get(part);
			if (found === undefined) throw failed("ENOENT");
		}
		return found;
	}
}

const ahead = 1 << 20; // bytes that are read at once

// Descriptor reads a file piece by piece.
class Descriptor {
	constructor(node) { this.node = node; this.pos = 0; this.from = 0; this.piece = new Uint8Array(0); }
	async read(buffer, offset, length, position) {
		if (this.node instanceof Tree) throw failed("EISDIR");
		const start = position === null ? this.pos : position;
		if (start < this.from || start >= this.from + this.piece.length) {
			this.piece = new Uint8Array(await this.node.slice(start, start + Math.max(length, ahead)).arrayBuffer());
			this.from = start;
		}
		const part = this.piece.subarray(start - this.from, start - this.from + length);
		buffer.set(part, offset);
		if (position === null) this.pos += part.length;
		return part.length;
	}
}

// fileSystem is what Go's system calls are made of in a browser.
function fileSystem(root, out) {
	const open = new Map(), inodes = new Map();
	let next = 3;
	const stat = node => {
		if (!inodes.has(node)) inodes.set(node, inodes.size + 1);
		const folder = node instanceof Tree, ms = folder ? 0 : node.lastModified || 0;
		return { dev: 1, ino: inodes.get(node), mode: folder ? 0o40555 : 0o100444, nlink: 1, uid: 0, gid: 0, rdev: 0, size: folder ? 0 : node.size,
			blksize: 4096, blocks: 0, atimeMs: ms, mtimeMs: ms, ctimeMs: ms, isDirectory: () => folder };
	};
	const of = fd => { if (!open.has(fd)) throw failed("EBADF"); return open.get(fd); };
	const calls = {
		open: (path, flags) => {
			if (flags & ~0o200000) throw failed("EROFS");
			const node = root.find(path);
			if (flags & 0o200000 && !(node instanceof Tree)) throw failed("ENOTDIR");
			open.set(next, new Descriptor(node));
			return next++;
		},
		close: fd => { of(fd); open.delete(fd); },
		read: (fd, buffer, offset, length, position) => of(fd).read(buffer, offset, length, position),
		stat: path => stat(root.find(path)),
		lstat: path => stat(root.find(path)),
		fstat: fd => fd < 3 ? { ...stat(root), mode: 0o10600, isDirectory: () => false } : stat(of(fd).node),
		readdir: path => { const node = root.find(path); if (!(node instanceof Tree)) throw failed("ENOTDIR"); return [...node.names.keys()]; },
		readlink: () => { throw failed("EINVAL"); },
		write: (fd, buffer, offset, length) => out.add(fd, buffer.slice(offset, offset + length)),
		fsync: () => undefined,
	};
	for (const name of ["chmod", "chown", "fchmod", "fchown", "ftruncate", "lchown", "link", "mkdir", "rename", "rmdir", "symlink", "truncate", "unlink", "utimes"]) {
		calls[name] = () => { throw failed("EROFS"); };
	}
	const fs = { constants: { O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_EXCL: 0o200, O_TRUNC: 0o1000, O_APPEND: 0o2000, O_DIRECTORY: 0o200000 },
		writeSync: (fd, buffer) => out.add(fd, buffer) };
	for (const [name, call] of Object.entries(calls)) {
		fs[name] = (...args) => {
			const answer = args.pop();
			new Promise(resolve => resolve(call(...args))).then(value => answer(null, value), err => answer(err.code ? err : failed("EIO")));
		};
	}
	return fs;
}

// Output gathers what the program writes.
class Output {
	constructor() { this.pieces = { 1: [], 2: [] }; }
	add(fd, bytes) { this.pieces[fd].push(bytes.slice()); return bytes.length; }
	async text(fd) { return new Blob(this.pieces[fd]).text(); }
}

let compiled;

// program compiles the program in this page, once.
async function program() {
	if (!compiled) {
		const packed = Uint8Array.from(atob(at("program").textContent), c => c.charCodeAt(0));
		const plain = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
		compiled = await WebAssembly.compile(await new Response(plain).arrayBuffer());
	}
	return compiled;
}

// run does one command over the files, and gives its exit code and what it wrote.
async function run(root, args) {
	const out = new Output(), go = new Go();
	globalThis.fs = fileSystem(root, out);
	go.argv = ["sledge-verify", ...args];
	go.env = {};
	let code = 0;
	go.exit = c => { code = c; };
	await go.run(await WebAssembly.instantiate(await program(), go.importObject));
	for (const id of go._scheduledTimeouts.values()) clearTimeout(id); // nobody is there any more to be woken
	go._resume = () => {};
	return { code, out: await out.text(1), err: await out.text(2) };
}

let disks = []; // each a list of files

const one = id => at(id).files[0];

// folder puts the files of a folder into the tree, below a name. A browser gives them with the folder's own name before.
function folder(root, name, files) {
	root.put(name, new Tree());
	for (const f of files) root.put(name + "/" + f.webkitRelativePath.split("/").slice(1).join("/"), f);
}

// asked is the command for what was chosen, and the files for it.
function asked() {
	const root = new Tree(), what = at("what").value, args = [what];
	const give = (id, flag) => {
		if (!one(id)) return;
		const path = id + "/" + one(id).name; // two files may have one name
		root.put(path, one(id));
		args.push(...(flag ? [flag] : []), "/" + path);
	};
	const shown = id => !at(id).closest("[data-of]").hidden;
	if (what === "import") args.push("--offline");
	for (const id of ["proof", "statement", "marker"]) if (shown(id)) give(id);
	if (shown("receipts") && at("receipts").files.length) {
		folder(root, "receipts", at("receipts").files);
		args.push(...(what === "commit" ? ["--receipts"] : []), "/receipts");
	}
	if (at("fingerprint").value.trim()) args.push("--trust", at("fingerprint").value.trim());
	else give("trust", "--trust");
	if (shown("file")) give("file", "--file");
	if (shown("label")) {
		give("label", "--label");
		if (what === "import" && !one("label")) args.push("--no-label");
	}
	if (shown("disk")) disks.forEach((files, i) => {
		folder(root, "disk" + i, files);
		args.push("--disk", "/disk" + i);
	});
	return { root, args };
}

async function check() {
	at("check").disabled = true;
	at("answer").hidden = false;
	at("verdict").className = "";
	at("verdict").textContent = "Checking …";
	for (const id of ["code", "command", "text", "json"]) at(id).textContent = "";
	try {
		const { root, args } = asked();
		const text = await run(root, args), json = await run(root, [...args, "--json", "-q"]);
		at("command").textContent = ["sledge-verify", ...args].join(" ");
		at("text").textContent = text.out + text.err;
		at("json").textContent = json.out;
		at("code").textContent = text.code;
		const good = text.code === 0 && json.code === 0;
		at("verdict").className = good ? "good" : "bad";
		at("verdict").textContent = good ? "Checked, and proven" : "Not proven: " + JSON.parse(json.out).class;
	} catch (err) {
		at("verdict").className = "bad";
		at("verdict").textContent = "The check could not be made";
		at("code").textContent = "1";
		at("text").textContent = String(err);
	}
	at("check").disabled = false;
}

function choose() {
	for (const row of document.querySelectorAll("[data-of]")) row.hidden = !row.dataset.of.split(" ").includes(at("what").value);
}

function tellDisks() {
	const names = disks.map(files => files[0].webkitRelativePath.split("/")[0]);
	at("disks").textContent = names.length ? "Disks given: " + names.join(", ") : "No disk is given.";
}

at("what").addEventListener("change", choose);
at("disk").addEventListener("change", () => {
	if (at("disk").files.length) disks.push([...at("disk").files]);
	at("disk").value = "";
	tellDisks();
});
at("form").addEventListener("submit", event => { event.preventDefault(); check(); });
at("form").addEventListener("reset", () => { disks = []; at("answer").hidden = true; setTimeout(() => { choose(); tellDisks(); }); });
choose();
})();
