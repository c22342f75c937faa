package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// peer is a program of others that does a part of what a load does: it writes a
// source to a folder. setUp is not measured.
type peer struct {
	needs  []string
	full   bool // not in a quick run
	parity bool // writes parity only
	how    string
	setUp  func(ctx context.Context, b *bench, dir string) error
	run    func(b *bench, dir string, set *dataset) []command
}

var peers = map[string]peer{
	"tar-age": {
		needs: []string{"tar", "age", "age-keygen"},
		how:   "tar --blocking-factor=512 | age -r RECIPIENT -o FILE, a pipe of 1 MiB between them; encrypts and authenticates; no parity, no manifest, no fsync",
		setUp: func(ctx context.Context, b *bench, dir string) error {
			_, err := b.run(ctx, command{args: []string{findProgram("age-keygen"), "-o", filepath.Join(dir, "identity")}})
			return err
		},
		run: func(b *bench, dir string, set *dataset) []command {
			return []command{
				{args: []string{findProgram("tar"), "--blocking-factor=512", "-C", set.source(), "-cf", "-", "."}},
				{args: []string{findProgram("age"), "-r", recipient(dir), "-o", filepath.Join(dir, "archive.age")}},
			}
		},
	},
	"restic": {
		needs: []string{"restic"},
		how:   "restic backup --no-scan --read-concurrency 4 --pack-size 64 --compression off --no-cache; its own check of what it has encrypted is left on",
		setUp: func(ctx context.Context, b *bench, dir string) error {
			return b.initRestic(ctx, dir)
		},
		run: func(_ *bench, dir string, set *dataset) []command { return []command{resticBackup(dir, set)} },
	},
	"kopia":       kopia("", "", "kopia snapshot create --parallel=4; its default cipher and splitter (AES256-GCM-HMAC-SHA256, DYNAMIC-4M-BUZHASH), no compression (its default), and for its default hash BLAKE2B-256-128 the faster BLAKE3-256"),
	"kopia-ecc":   kopia("", "37", "the same as kopia with --ecc=REED-SOLOMON-CRC32 --ecc-overhead-percent=37 (3/8, as 8+3)"),
	"kopia-fixed": kopia("FIXED-4M", "", "the same as kopia, but cut every 4 MiB (FIXED-4M): its fastest, but data that has moved within a file is stored again"),
	"rclone-crypt": {
		needs: []string{"rclone"}, full: true,
		how: "rclone copy to crypt over local, --transfers 4 --checkers 4, file names encrypted",
		run: func(_ *bench, dir string, set *dataset) []command {
			return []command{{args: []string{findProgram("rclone"), "--config", filepath.Join(dir, "none"), "copy", "--transfers", "4", "--checkers", "4", "--links", set.source(), ":crypt:"},
				env: []string{"RCLONE_CRYPT_REMOTE=" + filepath.Join(dir, "data"), "RCLONE_CRYPT_PASSWORD=" + obscured}}}
		},
	},
	"cp": {
		needs: []string{"cp"}, full: true,
		how: "cp -r --reflink=never: a plain copy",
		run: func(_ *bench, dir string, set *dataset) []command {
			return []command{{args: []string{findProgram("cp"), "-r", "--reflink=never", set.source(), filepath.Join(dir, "data")}}}
		},
	},
	"tar": {
		needs: []string{"tar"},
		how:   "tar into one file in memory: no encryption, no parity",
		run: func(_ *bench, dir string, set *dataset) []command {
			return []command{{args: []string{findProgram("tar"), "-C", set.source(), "-cf", filepath.Join(dir, "archive.tar"), "."}}}
		},
	},
	"restic-wide": {
		needs: []string{"restic"}, full: true,
		how:   "restic as above, but with --read-concurrency 64",
		setUp: func(ctx context.Context, b *bench, dir string) error { return b.initRestic(ctx, dir) },
		run: func(_ *bench, dir string, set *dataset) []command {
			return []command{restic(dir, "backup", "--quiet", "--no-scan", "--read-concurrency", "64", "--pack-size", "64", set.source())}
		},
	},
	"rclone-wide": {
		needs: []string{"rclone"}, full: true,
		how: fmt.Sprintf("rclone copy into a folder in memory, --transfers %d --checkers %d: a plain copy", rcloneWide, rcloneWide),
		run: func(_ *bench, dir string, set *dataset) []command {
			wide := fmt.Sprint(rcloneWide)
			return []command{{args: []string{findProgram("rclone"), "--config", filepath.Join(dir, "none"), "copy", "--transfers", wide, "--checkers", wide, "--links", set.source(), filepath.Join(dir, "data")}}}
		},
	},
	"par2": {
		needs: []string{"par2"}, full: true, parity: true,
		how: "par2 create -q -q -r37: parity of 3/8, no encryption; on a small sample, because it is slow",
		run: func(_ *bench, dir string, set *dataset) []command {
			return []command{{args: []string{findProgram("par2"), "create", "-q", "-q", "-r37", "-B", set.source(), filepath.Join(dir, "sample.par2"), filepath.Join(set.source(), "sample-000000")}}}
		},
	},
}

// rcloneWide is what rclone is fastest with, over a source with 1 ms a call; 32 to
// 512 differ little on two cores.
const rcloneWide = 128

// obscured is "benchmark" as rclone keeps passwords. It protects nothing.
const obscured = "5vMnO5J5prP9YjINlpEwl7ZKY_cUQBLS4Q"

const password = "benchmark"

func restic(dir string, args ...string) command {
	return command{args: append([]string{findProgram("restic"), "--no-cache", "--compression", "off", "--repo", filepath.Join(dir, "repository")}, args...),
		env: []string{"RESTIC_PASSWORD=" + password}}
}

func resticBackup(dir string, set *dataset) command {
	return restic(dir, "backup", "--quiet", "--no-scan", "--read-concurrency", "4", "--pack-size", "64", set.source())
}

// initRestic copies an empty repository, which is made once: finding the cost of
// its password takes seconds.
func (b *bench) initRestic(ctx context.Context, dir string) error {
	empty := filepath.Join(b.space.mem, "restic-empty")
	if _, err := os.Stat(empty); err != nil {
		if _, err := b.run(ctx, restic(empty, "init")); err != nil {
			return err
		}
	}
	return copyTree(ctx, empty, dir)
}

func kopia(splitter, ecc, how string) peer {
	call := func(dir string, args ...string) command {
		common := []string{findProgram("kopia"), "--config-file", filepath.Join(dir, "config"), "--log-dir", filepath.Join(dir, "log"), "--no-progress", "--no-use-keyring", "--file-log-level=error", "--no-auto-maintenance"}
		return command{args: append(common, args...), env: []string{"KOPIA_PASSWORD=" + password, "KOPIA_CHECK_FOR_UPDATES=false"}}
	}
	return peer{
		needs: []string{"kopia"}, full: splitter+ecc != "", how: how,
		setUp: func(ctx context.Context, b *bench, dir string) error {
			create := []string{"repository", "create", "filesystem", "--path", filepath.Join(dir, "repository"), "--cache-directory", filepath.Join(dir, "cache"),
				"--block-hash=BLAKE3-256", "--encryption=AES256-GCM-HMAC-SHA256"}
			if splitter != "" {
				create = append(create, "--object-splitter="+splitter)
			}
			if ecc != "" {
				create = append(create, "--ecc=REED-SOLOMON-CRC32", "--ecc-overhead-percent="+ecc)
			}
			if _, err := b.run(ctx, call(dir, create...)); err != nil {
				return err
			}
			_, err := b.run(ctx, call(dir, "policy", "set", "--global", "--compression=none"))
			return err
		},
		run: func(_ *bench, dir string, set *dataset) []command {
			return []command{call(dir, "snapshot", "create", "--parallel=4", set.source())}
		},
	}
}

// recipient is the public key in a file of age-keygen.
func recipient(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "identity"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, ok := strings.CutPrefix(line, "# public key: "); ok {
			return strings.TrimSpace(key)
		}
	}
	return ""
}

// check refuses a run that wrote less than it was given: a peer that failed
// quietly would look fast. Some leave out what the set has twice.
func (p *peer) check(dir string, set *dataset) error {
	written := treeSize(dir)
	if least := set.Bytes / 100 * p.least(); written < least {
		return fmt.Errorf("it wrote %d bytes, at least %d were expected", written, least)
	}
	return nil
}

// least is the smallest output that is believed, in percent of the set.
func (p *peer) least() int64 {
	if p.parity {
		return 30
	}
	return 80
}

// peerSide lets a peer write a set to a medium.
func (b *bench) peerSide(name, set string, m medium) *side {
	return b.peerOf(name, m, func() *dataset { return b.sets[set] })
}

// peerOf lets a peer write what is a set at the time of the run.
func (b *bench) peerOf(name string, m medium, source func() *dataset) *side {
	p, ok := peers[name]
	if !ok {
		panic(fmt.Sprintf("no peer %q", name))
	}
	return &side{name: name, needs: p.needs, full: p.full, how: p.how, run: func(ctx context.Context) (x sample, err error) {
		set := source()
		dir, err := b.target(m, name, set)
		if err != nil {
			return x, err
		}
		if p.setUp != nil {
			if err := p.setUp(ctx, b, dir); err != nil {
				return x, err
			}
		}
		if err := b.ready(ctx, m, set); err != nil {
			return x, err
		}
		u, err := b.procs.run(ctx, limit(set.Bytes, set.Files), p.run(b, dir, set)...)
		if err != nil {
			return x, err
		}
		if err := p.check(dir, set); err != nil {
			return x, err
		}
		return sample{usage: u, Bytes: set.Bytes, Files: set.Files}, b.space.retire(dir)
	}}
}
