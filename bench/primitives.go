package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/klauspost/reedsolomon"
	"github.com/minio/crc64nvme"
	sha256simd "github.com/minio/sha256-simd"
	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/crypto"
)

// primitive is one thing that the machine can do, on its own, at its best: with
// buffers that are reused and fit the cache. It is a Go benchmark whose bytes are
// those of an operation, or its files.
type primitive struct {
	name, what string
	unit       string // of the rate: MB/s or files/s
	run        func(b *testing.B, p *place)
}

// place is where the primitives find their files.
type place struct {
	large, small, tmpfs, disk string
	bytes                     int64 // to write to the disk

	failed sync.Once
	err    error // the first; testing.Benchmark tells none
}

const pieceSize = 256 << 10

var primitiveTable = []primitive{
	{name: "read", what: "read from page cache, 256 KiB", run: func(b *testing.B, p *place) { benchRead(b, p, p.large) }},
	{name: "tmpfs-read", what: "read from tmpfs, 256 KiB", run: benchTmpfsRead},
	{name: "sha256-std", what: "SHA-256, crypto/sha256, 256 KiB", run: hashing(func(b []byte) { sha256.Sum256(b) })},
	{name: "sha256-simd", what: "SHA-256, sha256-simd", run: hashing(func(b []byte) { sha256simd.Sum256(b) })},
	{name: "sha256-own", what: "SHA-256, as sledge takes it", run: hashing(func(b []byte) { crypto.SumSHA256(b) })},
	{name: "sha256-pair", what: "SHA-256, sledge's two streams in turn", run: hashing(func(b []byte) { crypto.SumSHA256Pair(b[:len(b)/2], b[len(b)/2:]) })},
	{name: "sha256-avx512", what: "SHA-256, AVX-512 server of sha256-simd, 16 streams a core", run: benchAvx512},
	{name: "gcm-seal", what: "AES-256-GCM encrypt, 1 MiB", run: benchSeal},
	{name: "gcm-open", what: "AES-256-GCM decrypt, 1 MiB", run: benchOpen},
	{name: "rs-encode", what: "Reed–Solomon 8+3 encode, 1 MiB blocks, per data byte", run: coding(reedsolomon.Encoder.Encode)},
	{name: "rs-decode", what: "Reed–Solomon 8+3, 2 data blocks made again, per data byte", run: coding(func(rs reedsolomon.Encoder, blocks [][]byte) error {
		blocks[1], blocks[5] = blocks[1][:0], blocks[5][:0]
		return rs.ReconstructData(blocks)
	})},
	{name: "crc64nvme", what: "CRC64NVME, 256 KiB", run: hashing(func(b []byte) { crc64nvme.Checksum(b) })},
	{name: "tmpfs-write", what: "write into tmpfs, 1 MiB, 11 files written over", run: benchOverwrite},
	{name: "tmpfs-fresh", what: "write into tmpfs, 1 MiB, 11 new files in memory used before", run: benchFresh},
	{name: "disk-direct", what: "direct writes to the disk, 11 new files, 3 in flight on each, fsync", run: func(b *testing.B, p *place) { benchDisk(b, p, unix.O_DIRECT) }},
	{name: "disk-buffered", what: "buffered writes to the disk, the same", run: func(b *testing.B, p *place) { benchDisk(b, p, 0) }},
	{name: "small-read", what: "open, fstat, read, close of 4 KiB files", unit: "files/s", run: func(b *testing.B, p *place) { benchSmall(b, p, func([]byte) {}) }},
	{name: "small-hash", what: "the same and SHA-256", unit: "files/s", run: func(b *testing.B, p *place) { benchSmall(b, p, func(b []byte) { sha256.Sum256(b) }) }},
}

func primitiveByName(name string) (primitive, bool) {
	i := slices.IndexFunc(primitiveTable, func(p primitive) bool { return p.name == name })
	if i < 0 {
		return primitive{}, false
	}
	return primitiveTable[i], true
}

// rates are MB/s (or files/s) of primitives by name.
type rates map[string]float64

// primitiveResult is what the child tells.
type primitiveResult struct {
	Rates    rates `json:"rates"`
	CPUPerGB rates `json:"cpu_s_per_gb"` // of those that wait for a disk
}

// runPrimitives is the child that measures, each on as many cores as it is told.
func runPrimitives(_ context.Context, args []string, out io.Writer) error {
	var p place
	testing.Init()
	flags := flag.NewFlagSet("primitives", flag.ContinueOnError)
	names := flags.String("names", "", "")
	cores := flags.Int("cores", 1, "")
	span := flags.String("span", "0.25s", "")
	flags.StringVar(&p.large, "large", "", "")
	flags.StringVar(&p.small, "small", "", "")
	flags.StringVar(&p.tmpfs, "tmpfs", "", "")
	flags.StringVar(&p.disk, "disk", "", "")
	flags.Int64Var(&p.bytes, "bytes", 256*mib, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := flag.Set("test.benchtime", *span); err != nil {
		return err
	}
	runtime.GOMAXPROCS(*cores)
	r := primitiveResult{rates{}, rates{}}
	for name := range strings.SplitSeq(*names, ",") {
		prim, ok := primitiveByName(name)
		if !ok {
			return fmt.Errorf("primitive %q is not known", name)
		}
		res := testing.Benchmark(func(b *testing.B) { prim.run(b, &p) })
		if p.err != nil {
			return fmt.Errorf("%s: %w", name, p.err)
		}
		if res.N == 0 {
			continue // not on this machine
		}
		r.Rates[name] = float64(res.Bytes) * float64(res.N) / res.T.Seconds()
		if prim.unit == "" {
			r.Rates[name] /= 1e6
		}
		if cpu, ok := res.Extra[cpuPerGB]; ok {
			r.CPUPerGB[name] = cpu
		}
	}
	return json.NewEncoder(out).Encode(r)
}

const cpuPerGB = "cpu-s/GB"

// check ends a benchmark whose setting up, or one of whose goroutines, has failed.
func (p *place) check(b *testing.B, errs ...error) {
	if err := errors.Join(errs...); err != nil {
		p.failed.Do(func() { p.err = err })
		b.FailNow()
	}
}

// folder makes one that goes with the benchmark.
func (p *place) folder(b *testing.B, in string) string {
	dir, err := os.MkdirTemp(in, "primitive-")
	p.check(b, err)
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// each lets every core repeat a step of its own, which does so much.
func (p *place) each(b *testing.B, done int64, start func(core int) (step func() error)) {
	steps := make([]func() error, runtime.GOMAXPROCS(0))
	for core := range steps {
		steps[core] = start(core)
	}
	var next atomic.Int32
	b.SetBytes(done)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		step := steps[next.Add(1)-1]
		for pb.Next() {
			if err := step(); err != nil {
				p.failed.Do(func() { p.err = err })
				return
			}
		}
	})
	b.StopTimer()
}

func hashing(f func([]byte)) func(*testing.B, *place) {
	return func(b *testing.B, p *place) {
		p.each(b, pieceSize, func(int) func() error {
			buf := make([]byte, pieceSize)
			return func() error { f(buf); return nil }
		})
	}
}

var avx512 = sync.OnceValue(sha256simd.NewAvx512Server)

// benchAvx512 keeps 16 streams of a shared server busy for each core.
func benchAvx512(b *testing.B, p *place) {
	if !strings.Contains(field("/proc/cpuinfo", "flags"), "avx512bw") {
		b.SkipNow()
	}
	const streams = 16
	p.each(b, streams*pieceSize, func(int) func() error {
		buf := make([]byte, pieceSize)
		return func() error {
			var wg sync.WaitGroup
			for range streams {
				wg.Go(func() {
					h := sha256simd.NewAvx512(avx512())
					h.Write(buf)
					h.Sum(nil)
				})
			}
			wg.Wait()
			return nil
		}
	})
}

func newGCM() cipher.AEAD {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		panic(err) // of a key that is 32 bytes long
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

func benchSeal(b *testing.B, p *place) {
	gcm := newGCM()
	p.each(b, mib, func(int) func() error {
		plain, enc, nonce := make([]byte, mib), make([]byte, 0, mib+64), make([]byte, gcm.NonceSize())
		return func() error { gcm.Seal(enc, nonce, plain, nil); return nil }
	})
}

func benchOpen(b *testing.B, p *place) {
	gcm := newGCM()
	p.each(b, mib, func(int) func() error {
		plain, nonce := make([]byte, 0, mib), make([]byte, gcm.NonceSize())
		enc := gcm.Seal(nil, nonce, make([]byte, mib), nil)
		return func() error { _, err := gcm.Open(plain, nonce, enc, nil); return err }
	})
}

// coding repeats a step on a stripe of 8+3.
func coding(step func(reedsolomon.Encoder, [][]byte) error) func(*testing.B, *place) {
	return func(b *testing.B, p *place) {
		p.each(b, 8*mib, func(int) func() error {
			rs, err := reedsolomon.New(8, 3, reedsolomon.WithMaxGoroutines(1))
			p.check(b, err)
			blocks := reedsolomon.AllocAligned(11, mib)
			p.check(b, rs.Encode(blocks))
			return func() error { return step(rs, blocks) }
		})
	}
}

// benchRead reads a file of a folder over and over, each core its own.
func benchRead(b *testing.B, p *place, dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	p.check(b, err)
	if len(files) == 0 {
		p.check(b, fmt.Errorf("nothing in %s", dir))
	}
	p.each(b, pieceSize, func(core int) func() error {
		f := p.open(b, files[core%len(files)], os.O_RDONLY)
		info, err := f.Stat()
		p.check(b, err)
		buf, at := make([]byte, pieceSize), int64(0)
		return func() error {
			_, err := f.ReadAt(buf, at)
			at = (at + pieceSize) % (info.Size() / pieceSize * pieceSize)
			return err
		}
	})
}

// open opens a file until the benchmark ends.
func (p *place) open(b *testing.B, name string, flags int) *os.File {
	f, err := os.OpenFile(name, flags, 0o600)
	p.check(b, err)
	b.Cleanup(func() { f.Close() })
	return f
}

func benchTmpfsRead(b *testing.B, p *place) {
	dir := p.folder(b, p.tmpfs)
	p.check(b, os.WriteFile(filepath.Join(dir, "file"), make([]byte, 64*mib), 0o600))
	benchRead(b, p, dir)
}

const (
	writeFiles = 11
	writeSpan  = 16 * mib // of each file
)

// benchOverwrite writes 1 MiB to each of 11 files in turn, whose pages are there
// already.
func benchOverwrite(b *testing.B, p *place) {
	p.each(b, writeFiles*mib, func(int) func() error {
		dir, buf, at := p.folder(b, p.tmpfs), make([]byte, mib), int64(0)
		var files [writeFiles]*os.File
		for i := range files {
			files[i] = p.open(b, filepath.Join(dir, fmt.Sprint(i)), os.O_CREATE|os.O_WRONLY)
		}
		step := func() error {
			for _, f := range files {
				if _, err := f.WriteAt(buf, at); err != nil {
					return err
				}
			}
			at = (at + mib) % writeSpan
			return nil
		}
		for range writeSpan / mib {
			p.check(b, step())
		}
		return step
	})
}

// benchFresh writes 11 new files on each core, whose pages have to be found first.
// The files are removed outside the time.
func benchFresh(b *testing.B, p *place) {
	const size = 4 * mib
	buf, errs := make([]byte, mib), make([]error, runtime.GOMAXPROCS(0))
	b.SetBytes(int64(len(errs)) * writeFiles * size)
	for range b.N {
		b.StopTimer()
		dir := p.folder(b, p.tmpfs)
		b.StartTimer()
		var wg sync.WaitGroup
		for core := range errs {
			wg.Go(func() {
				for i := 0; i < writeFiles && errs[core] == nil; i++ {
					errs[core] = writeFresh(filepath.Join(dir, fmt.Sprint(core, "-", i)), size, buf)
				}
			})
		}
		wg.Wait()
		b.StopTimer()
		p.check(b, append(errs, os.RemoveAll(dir))...)
		b.StartTimer()
	}
}

func writeFresh(name string, size int64, buf []byte) error {
	f, err := os.Create(name)
	for at := int64(0); at < size && err == nil; at += int64(len(buf)) {
		_, err = f.WriteAt(buf, at)
	}
	return errors.Join(err, f.Close())
}

// benchSmall opens the files of every second folder through the folder itself.
func benchSmall(b *testing.B, p *place, f func([]byte)) {
	folders, err := filepath.Glob(filepath.Join(p.small, "*"))
	p.check(b, err)
	if len(folders) < runtime.GOMAXPROCS(0) {
		p.check(b, fmt.Errorf("too few folders in %s", p.small))
	}
	type file struct {
		folder int
		name   string
	}
	p.each(b, 1, func(core int) func() error {
		var files []file
		for i := core; i < min(len(folders), 1000); i += 2 {
			folder := p.open(b, folders[i], os.O_RDONLY)
			names, err := folder.Readdirnames(-1)
			p.check(b, err)
			for _, name := range names {
				files = append(files, file{int(folder.Fd()), name})
			}
		}
		buf, next := make([]byte, 8192), 0
		return func() error {
			n, err := readSmall(files[next].folder, files[next].name, buf)
			f(buf[:n])
			next = (next + 1) % len(files)
			return err
		}
	})
}

func readSmall(folder int, name string, buf []byte) (int, error) {
	fd, err := unix.Openat(folder, name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	n := 0
	if err == nil {
		n, err = unix.Read(fd, buf)
	}
	return n, errors.Join(err, unix.Close(fd))
}
