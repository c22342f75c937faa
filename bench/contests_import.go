package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// imports is a sealed device, a server, and what the uploads of a set need.
type imports struct {
	b       *bench
	set     string
	medium  medium
	device  *device
	server  *server
	profile string // of the server, for sledge
	root    string // of the server's buckets; "" for the sink
	sums    string // digests for the bare uploader
	runs    int
}

// How sledge imports.
const (
	howImport = "sledge import, defaults, a new state folder and bucket each time"
	howLost2  = "the same without bays 1 and 5"
)

// importing compares uploads to a versitygw.
func (b *bench) importing(set string, m medium) *contest {
	i := &imports{b: b, set: set, medium: m, profile: "versitygw"}
	c := i.contest("import-"+set, "versitygw", b.startVersitygw)
	c.sides = []*side{
		i.side("import", nil, howImport, i.sledge),
		i.side("import-lost2", nil, howLost2, i.lost2),
		i.side("bare", nil, "our own uploader: the plain files and folders, digests known beforehand, the same headers, parts of 16 MiB, 16 objects and 4 parts at once; nothing is decrypted, nothing is asked", i.bare),
		i.side("bare-head", nil, "the same, and a HEAD after each object, as a client asks that does not trust the answer to its write", i.bareHead),
		i.side("s5cmd", []string{"s5cmd"}, "s5cmd --numworkers 16 cp --concurrency 4 --part-size 16", i.s5cmd),
		i.side("aws", []string{"aws"}, "aws s3 cp --recursive, 16 requests at once, parts of 16 MiB", i.aws),
		i.side("rclone", []string{"rclone"}, "rclone copy --transfers 16 --s3-upload-concurrency 4 --s3-chunk-size 16Mi --no-traverse", i.rclone),
	}
	c.fullOnly("bare-head", "aws", "rclone")
	return c
}

// importingMinio compares the same uploads to another server.
func (b *bench) importingMinio(set string, m medium) *contest {
	i := &imports{b: b, set: set, medium: m, profile: "minio"}
	c := i.contest("minio-"+set, "minio", b.startMinioDrive)
	server := "; the server is MinIO " + toolVersion("minio") + " with one drive, plain HTTP, no encryption of its own, otherwise defaults"
	c.sides = []*side{
		i.side("import", nil, howImport+", --profile minio"+server, i.sledge),
		i.side("bare", nil, "our own uploader, as above"+server, i.bare),
		i.side("bare-head", nil, "the same, and a HEAD after each object, as a client asks that does not trust the answer to its write", i.bareHead),
		i.side("s5cmd", []string{"s5cmd"}, "s5cmd, as above"+server, i.s5cmd),
	}
	c.fullOnly("import", "bare", "bare-head", "s5cmd")
	return c
}

// contest is one whose server keeps what it is sent, in a folder on the medium.
func (i *imports) contest(name, server string, start func(context.Context, string) (*server, error)) *contest {
	c := &contest{name: name, set: i.set, what: "import into " + server + " on loopback, buckets on " + where(i.medium), tmpfs: 1.6, needs: []string{server}}
	if i.medium == tmpfs {
		c.tmpfs = 4
	} else {
		c.disk = 3
	}
	c.open = func(ctx context.Context) error {
		return i.open(ctx, func() (err error) {
			if i.root, err = i.b.target(i.medium, "s3", i.b.sets[i.set]); err == nil {
				i.server, err = start(ctx, i.root)
			}
			return err
		})
	}
	c.close = i.close
	return c
}

// sinking compares uploads to a server that only reads: what the client costs.
func (b *bench) sinking(set string) *contest {
	i := &imports{b: b, set: set, profile: "versitygw"}
	c := &contest{name: "sink-" + set, set: set, what: "import into a server that only reads", tmpfs: 1.6}
	c.open = func(ctx context.Context) error {
		return i.open(ctx, func() (err error) {
			i.server, err = b.startSink(ctx)
			return err
		})
	}
	c.close = i.close
	c.sides = []*side{
		i.side("import", nil, howImport, i.sledge),
		i.side("import-lost2", nil, howLost2, i.lost2),
		i.side("import-crowd", nil, "the same with all disks, 1024 objects at once (--concurrency 1024)", i.crowd),
		i.side("bare", nil, "our own uploader, as above", i.bare),
	}
	if set == "large" {
		c.sides = append(c.sides, i.side("import-parts", nil, fmt.Sprintf("the same with parts of %d MiB, which the profile asks for (min_part)", b.largePart()/mib), i.largeParts))
	} else {
		c.fullOnly("import-lost2", "import-crowd")
	}
	return c
}

// largePart is half a file of LARGE.
func (b *bench) largePart() int64 {
	if b.opts.quick {
		return 64 * mib
	}
	return 512 * mib
}

func (i *imports) open(ctx context.Context, serve func() error) (err error) {
	set := i.b.sets[i.set]
	if i.device, _, err = i.b.sealedDevice(ctx, set); err != nil {
		return err
	}
	i.sums = filepath.Join(i.b.space.mem, "sums-"+i.set)
	if err := i.b.child(ctx, nil, "sums", "--source", set.dir, "--out", i.sums); err != nil {
		return err
	}
	return serve()
}

func (i *imports) close() (err error) {
	if i.server != nil {
		i.server.Stop()
	}
	if i.root != "" {
		err = i.b.space.retire(i.root)
	}
	if i.device != nil {
		err = errors.Join(err, i.device.remove())
	}
	return err
}

// side is an upload into a bucket of its own.
func (i *imports) side(name string, needs []string, how string, call func(bucket string) (command, error)) *side {
	return &side{name: name, needs: needs, how: how, run: func(ctx context.Context) (x sample, err error) {
		b, set := i.b, i.b.sets[i.set]
		if err := b.space.makeRoom(4*set.Bytes + 1<<30); err != nil {
			return x, err
		}
		i.runs++
		bucket := fmt.Sprintf("run-%04d-%s", i.runs, i.set)
		folder := ""
		if i.root != "" {
			folder = filepath.Join(i.root, bucket)
			if err := os.Mkdir(folder, 0o755); err != nil {
				return x, err
			}
		}
		c, err := call(bucket)
		if err != nil {
			return x, err
		}
		c.env = append(c.env, i.server.env()...)
		if err := b.ready(ctx, i.medium, set); err != nil {
			return x, err
		}
		before := i.server.cpu()
		u, err := b.procs.run(ctx, limit(set.Bytes, set.Files), c)
		if err != nil {
			return x, err
		}
		x = sample{usage: u, Bytes: set.Bytes, Files: set.Files, Server: i.server.cpu() - before}
		if folder != "" {
			err = b.space.retire(folder)
		}
		return x, err
	}}
}

func (i *imports) sledge(bucket string) (command, error) { return i.run(bucket, i.device.disks) }

// run imports from these disks.
func (i *imports) run(bucket, disks string, more ...string) (command, error) {
	state, err := i.b.space.fresh(tmpfs, "state")
	args := []string{"import", "run", "--state", state, "--endpoint", i.server.Endpoint, "--path-style", "--profile", i.profile, "--target", "s3://" + bucket + "/p/"}
	return i.device.centre(disks, append(args, more...)...), err
}

func (i *imports) lost2(bucket string) (command, error) { return i.run(bucket, i.device.without(1, 5)) }

func (i *imports) crowd(bucket string) (command, error) {
	return i.run(bucket, i.device.disks, "--concurrency", "1024")
}

// largeParts imports for a target that takes no small parts: each file is read
// once to hash them anew, and then sent in them.
func (i *imports) largeParts(bucket string) (command, error) {
	profiles := filepath.Join(i.b.space.mem, "profiles.json")
	text := fmt.Sprintf(`{"profiles": [{"name": "versitygw", "min_part": "%d MiB"}]}`, i.b.largePart()/mib)
	if err := os.WriteFile(profiles, []byte(text), 0o600); err != nil {
		return command{}, err
	}
	return i.run(bucket, i.device.disks, "--profiles", profiles)
}

func (i *imports) bare(bucket string) (command, error) {
	return command{args: []string{i.b.self, "upload", "--sums", i.sums, "--source", i.b.sets[i.set].dir, "--endpoint", i.server.Endpoint, "--bucket", bucket, "--prefix", "p/"}}, nil
}

func (i *imports) bareHead(bucket string) (command, error) {
	c, err := i.bare(bucket)
	c.args = append(c.args, "--head")
	return c, err
}

func (i *imports) source() string { return i.b.sets[i.set].dir }

func (i *imports) s5cmd(bucket string) (command, error) {
	return command{args: []string{findProgram("s5cmd"), "--endpoint-url", i.server.Endpoint, "--log", "error", "--numworkers", "16",
		"cp", "--concurrency", "4", "--part-size", "16", i.source() + "/", "s3://" + bucket + "/p/"}}, nil
}

func (i *imports) aws(bucket string) (command, error) {
	config := filepath.Join(i.b.space.mem, "aws-config")
	text := "[default]\nregion = us-east-1\ns3 =\n  max_concurrent_requests = 16\n  multipart_chunksize = 16MB\n  multipart_threshold = 16MB\n  addressing_style = path\n"
	err := os.WriteFile(config, []byte(text), 0o600)
	return command{args: []string{findProgram("aws"), "--endpoint-url", i.server.Endpoint, "s3", "cp", "--recursive", "--only-show-errors", i.source(), "s3://" + bucket + "/p/"},
		env: []string{"AWS_CONFIG_FILE=" + config}}, err
}

func (i *imports) rclone(bucket string) (command, error) {
	return command{args: []string{findProgram("rclone"), "--config", filepath.Join(i.b.space.mem, "none"), "copy", "--transfers", "16", "--checkers", "16", "--no-traverse",
		"--s3-upload-concurrency", "4", "--s3-chunk-size", "16Mi", i.source(), ":s3:" + bucket + "/p"},
		env: []string{"RCLONE_S3_PROVIDER=Other", "RCLONE_S3_ENDPOINT=" + i.server.Endpoint, "RCLONE_S3_ENV_AUTH=true", "RCLONE_S3_REGION=us-east-1", "RCLONE_S3_NO_CHECK_BUCKET=true"}}, nil
}
