package main

import (
	"context"
	"path/filepath"
	"strings"
	"time"
)

// contests are all of them, in the order in which they are run.
func (b *bench) contests() []*contest {
	return []*contest{
		b.loadLarge(tmpfs), b.loadLarge(disk), b.loadSmall(), b.loadMix(), b.loadAgain(), b.parity(),
		b.sealed(),
		b.importing("large", disk), b.importing("few", tmpfs), b.importing("mix", tmpfs),
		b.importingMinio("large", disk), b.importingMinio("few", tmpfs), b.importingMinio("mix", tmpfs),
		b.sinking("large"), b.sinking("few"), b.sinking("mix"), b.fleet(),
		b.slowSource("02ms", 200*time.Microsecond, "latent", "tardy"), b.slowSource("1ms", time.Millisecond, "latent", "tardy"), b.slowSource("5ms", 5*time.Millisecond, "tardy", "glance"),
		b.hardDisks("disks-hard", -1), b.hardDisks("disks-one-slow", 7), b.hardReads(),
		b.farStore("store-1ms", "few", 1), b.farStore("store-20ms", "few", 20), b.farStore("store-50ms", "few", 50), b.farStore("store-150ms", "few", 150),
		b.farStore("store-1ms-2000", "tardy", 1), b.farStore("store-20ms-2000", "tardy", 20), b.farStore("store-50ms-2000", "tardy", 50), b.farStore("store-150ms-2000", "tardy", 150),
		b.closingStore("store-50ms-closing", "few"), b.closingStore("store-50ms-closing-2000", "tardy"),
		b.farStore("store-20ms-large", "large", 20), b.farStore("store-50ms-large", "large", 50), b.farStore("store-150ms-large", "large", 150), b.narrowStore(),
	}
}

// unread leaves reading back to the seal, as the goals of loads do. What it costs is
// a row of its own.
const unread = "--no-read-back"

// loadSide is sledge's load of a set into a new device.
func (b *bench) loadSide(name, set, digest string, m medium, more ...string) *side {
	return &side{name: name, how: strings.Join(append([]string{"sledge load, 8+3, --file-digest " + digest}, more...), " ") + ", otherwise defaults; every pack and journal frame is fsynced", run: b.loadOf(m, digest, func() *dataset { return b.sets[set] }, more...)}
}

// loadOf loads what is a set at the time of the run.
func (b *bench) loadOf(m medium, digest string, source func() *dataset, more ...string) func(context.Context) (sample, error) {
	return func(ctx context.Context) (x sample, err error) {
		set := source()
		root, err := b.target(m, "disks", set)
		if err != nil {
			return x, err
		}
		d, err := b.newDevice(ctx, root, digest)
		if err != nil {
			return x, err
		}
		if err := b.ready(ctx, m, set); err != nil {
			return x, err
		}
		u, err := b.procs.run(ctx, limit(set.Bytes, set.Files), d.load(set, more...))
		if err != nil {
			return x, err
		}
		return sample{usage: u, Bytes: set.Bytes, Files: set.Files}, d.remove()
	}
}

func (b *bench) boundSide(name, pipeline string) *side {
	return &side{name: name, how: "computed from primitives measured in this round: " + pipeline, run: func(ctx context.Context) (sample, error) { return b.bounds.pipeline(pipeline)(ctx) }}
}

// bareBound is a primitive as the bound.
func (b *bench) bareBound(name, primitive string) *side {
	return &side{name: name, how: "the primitive " + primitive + " on two cores, measured in this round", run: func(ctx context.Context) (sample, error) { return b.bounds.single(primitive)(ctx) }}
}

func (b *bench) loadLarge(m medium) *contest {
	c := &contest{name: "load-large-" + string(m), set: "large", what: "load LARGE into " + where(m)}
	suffix := ""
	if m == disk {
		suffix = "-disk"
		c.disk = 2.5
	} else {
		c.tmpfs = 1.6
	}
	c.sides = []*side{
		b.boundSide("bound-parts", "parts"+suffix), b.loadSide("parts", "large", "parts", m, unread), b.loadSide("parts-read-back", "large", "parts", m),
		b.boundSide("bound-whole", "whole"+suffix), b.loadSide("whole", "large", "whole", m, unread),
		b.peerSide("tar-age", "large", m), b.peerSide("kopia", "large", m), b.peerSide("restic", "large", m),
	}
	if m == tmpfs {
		c.sides = append([]*side{b.boundSide("bound-parts-overwrite", "parts-overwrite"), b.boundSide("bound-whole-overwrite", "whole-overwrite")}, c.sides...)
		c.sides = append(c.sides, b.peerSide("kopia-ecc", "large", m), b.peerSide("kopia-fixed", "large", m), b.minioSide("large"), b.peerSide("rclone-crypt", "large", m), b.peerSide("cp", "large", m))
	} else {
		c.fullOnly("kopia", "restic")
	}
	return c
}

func where(m medium) string {
	if m == tmpfs {
		return "tmpfs"
	}
	return "the disk"
}

func (b *bench) loadSmall() *contest {
	return &contest{name: "load-small", set: "small", what: "load SMALL into tmpfs", tmpfs: 4, sides: []*side{
		b.bareBound("bound", "small-hash"), b.loadSide("load", "small", "whole", tmpfs, unread),
		b.peerSide("tar-age", "small", tmpfs), b.peerSide("restic", "small", tmpfs), b.peerSide("kopia", "small", tmpfs),
		b.peerSide("rclone-crypt", "small", tmpfs), b.peerSide("cp", "small", tmpfs),
	}}
}

func (b *bench) loadMix() *contest {
	return &contest{name: "load-mix", set: "mix", what: "load MIX into tmpfs", tmpfs: 1.6, sides: []*side{
		b.loadSide("load", "mix", "whole", tmpfs, unread),
		b.peerSide("tar-age", "mix", tmpfs), b.peerSide("kopia", "mix", tmpfs), b.peerSide("restic", "mix", tmpfs),
	}}
}

// loadAgain loads what is loaded already: nothing has changed.
func (b *bench) loadAgain() *contest {
	var d *device
	var repository string
	c := &contest{name: "again-small", set: "small", what: "load SMALL again, nothing changed", tmpfs: 4}
	again := func(run func() command) func(context.Context) (sample, error) {
		return func(ctx context.Context) (x sample, err error) {
			set := b.sets["small"]
			if err := b.ready(ctx, tmpfs, set); err != nil {
				return x, err
			}
			u, err := b.procs.run(ctx, limit(set.Bytes, set.Files), run())
			return sample{usage: u, Bytes: set.Bytes, Files: set.Files}, err
		}
	}
	c.sides = []*side{
		{name: "load", how: "sledge load a second time", run: again(func() command { return d.load(b.sets["small"]) })},
		{name: "restic", needs: []string{"restic"}, how: peers["restic"].how + "; a second time", run: again(func() command { return resticBackup(repository, b.sets["small"]) })},
	}
	c.open = func(ctx context.Context) error {
		set := b.sets["small"]
		root, err := b.target(tmpfs, "disks", set)
		if err != nil {
			return err
		}
		if d, err = b.newDevice(ctx, root, "whole"); err != nil {
			return err
		}
		if _, err := b.run(ctx, d.load(set)); err != nil {
			return err
		}
		if findProgram("restic") == "" {
			return nil
		}
		if repository, err = b.target(tmpfs, "restic", set); err != nil {
			return err
		}
		if err := peers["restic"].setUp(ctx, b, repository); err != nil {
			return err
		}
		_, err = b.run(ctx, resticBackup(repository, set))
		return err
	}
	c.close = func() error {
		if repository != "" {
			if err := b.space.retire(repository); err != nil {
				return err
			}
		}
		if d == nil { // none was made
			return nil
		}
		return d.remove()
	}
	return c
}

// parity sets the coding alone beside the tool that people know for it.
func (b *bench) parity() *contest {
	return &contest{name: "parity-sample", set: "sample", what: "protect one file", tmpfs: 2, sides: []*side{
		b.loadSide("load", "sample", "whole", tmpfs), b.peerSide("par2", "sample", tmpfs),
	}}
}

// minioSide uploads a set to a MinIO with the same protection: 8+3 and server-side
// encryption.
func (b *bench) minioSide(set string) *side {
	return &side{name: "minio", needs: []string{"minio", "s5cmd"}, full: true,
		how: "s5cmd cp --concurrency 8 --part-size 64 into MinIO on 11 folders, EC:3, server-side encryption of everything, plain HTTP on loopback",
		run: func(ctx context.Context) (x sample, err error) {
			set := b.sets[set]
			dir, err := b.target(tmpfs, "minio", set)
			if err != nil {
				return x, err
			}
			s, err := b.startMinio(ctx, dir)
			if err != nil {
				return x, err
			}
			defer s.Stop()
			if _, err := b.run(ctx, s.s5cmd("mb", "s3://bench")); err != nil {
				return x, err
			}
			if err := b.ready(ctx, tmpfs, set); err != nil {
				return x, err
			}
			before := s.cpu()
			u, err := b.procs.run(ctx, limit(set.Bytes, set.Files), s.s5cmd("cp", "--concurrency", "8", "--part-size", "64", set.dir+string(filepath.Separator), "s3://bench/"))
			if err != nil {
				return x, err
			}
			x = sample{usage: u, Bytes: set.Bytes, Files: set.Files, Server: s.cpu() - before}
			s.Stop()
			return x, b.space.retire(dir)
		}}
}
