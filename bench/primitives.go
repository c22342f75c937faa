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
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/reedsolomon"
	"github.com/minio/crc64nvme"
	sha256simd "github.com/minio/sha256-simd"
	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/crypto"
)

// primitive is one thing that the machine can do, on its own, at its best: with
// buffers that are reused and fit the cache.
type primitive struct {
	name, what string
	unit       string // of the rate: MB/s or files/s
	start      func(p *place, worker int) (step func() (done float64, err error), end func(), err error)
	whole      func(p *place) (rate, cpuPerGB float64, err error) // instead of start: all files at once
}

// place is where the primitives find their files.
type place struct {
	large, small, tmpfs, disk string
	seconds                   float64
	bytes                     int64 // to write to the disk

	aside [cores]time.Duration // what each worker did between its steps' work, such as tidying up
}

const pieceSize = 256 << 10

var primitiveTable = []primitive{
	{name: "read", what: "read from page cache, 256 KiB", start: func(p *place, w int) (func() (float64, error), func(), error) { return startRead(p.large, w) }},
	{name: "tmpfs-read", what: "read from tmpfs, 256 KiB", start: startTmpfsRead},
	{name: "sha256-std", what: "SHA-256, crypto/sha256, 256 KiB", start: hashing(func(b []byte) { sha256.Sum256(b) })},
	{name: "sha256-simd", what: "SHA-256, sha256-simd", start: hashing(func(b []byte) { sha256simd.Sum256(b) })},
	{name: "sha256-own", what: "SHA-256, as sledge takes it", start: hashing(func(b []byte) { crypto.SumSHA256(b) })},
	{name: "sha256-pair", what: "SHA-256, sledge's two streams in turn", start: startPair},
	{name: "sha256-avx512", what: "SHA-256, AVX-512 server of sha256-simd, 16 streams a core", start: startAvx512},
	{name: "gcm-seal", what: "AES-256-GCM encrypt, 1 MiB", start: startSeal},
	{name: "gcm-open", what: "AES-256-GCM decrypt, 1 MiB", start: startOpen},
	{name: "rs-encode", what: "Reed–Solomon 8+3 encode, 1 MiB blocks, per data byte", start: startEncode},
	{name: "rs-decode", what: "Reed–Solomon 8+3, 2 data blocks made again, per data byte", start: startDecode},
	{name: "crc64nvme", what: "CRC64NVME, 256 KiB", start: hashing(func(b []byte) { crc64nvme.Checksum(b) })},
	{name: "tmpfs-write", what: "write into tmpfs, 1 MiB, 11 files written over", start: startOverwrite},
	{name: "tmpfs-fresh", what: "write into tmpfs, 1 MiB, 11 new files in memory used before", start: startFresh},
	{name: "disk-direct", what: "direct writes to the disk, 11 new files, 3 in flight on each, fsync", whole: func(p *place) (float64, float64, error) { return writeDisk(p, true) }},
	{name: "disk-buffered", what: "buffered writes to the disk, the same", whole: func(p *place) (float64, float64, error) { return writeDisk(p, false) }},
	{name: "small-read", what: "open, fstat, read, close of 4 KiB files", unit: "files/s", start: func(p *place, w int) (func() (float64, error), func(), error) { return startSmall(p.small, w, false) }},
	{name: "small-hash", what: "the same and SHA-256", unit: "files/s", start: func(p *place, w int) (func() (float64, error), func(), error) { return startSmall(p.small, w, true) }},
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

// runPrimitives is the child that measures.
func runPrimitives(_ context.Context, args []string, out io.Writer) error {
	var p place
	flags := flag.NewFlagSet("primitives", flag.ContinueOnError)
	names := flags.String("names", "", "")
	cores := flags.Int("cores", 1, "")
	flags.StringVar(&p.large, "large", "", "")
	flags.StringVar(&p.small, "small", "", "")
	flags.StringVar(&p.tmpfs, "tmpfs", "", "")
	flags.StringVar(&p.disk, "disk", "", "")
	flags.Float64Var(&p.seconds, "seconds", 0.25, "")
	flags.Int64Var(&p.bytes, "bytes", 256*mib, "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	r := primitiveResult{rates{}, rates{}}
	for name := range strings.SplitSeq(*names, ",") {
		prim, ok := primitiveByName(name)
		if !ok {
			return fmt.Errorf("primitive %q is not known", name)
		}
		var err error
		if prim.whole != nil {
			r.Rates[name], r.CPUPerGB[name], err = prim.whole(&p)
		} else {
			r.Rates[name], err = prim.measure(&p, *cores)
		}
		if errors.Is(err, errNotHere) {
			delete(r.Rates, name)
		} else if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return json.NewEncoder(out).Encode(r)
}

var errNotHere = errors.New("not on this machine")

// measure lets workers repeat their steps for the time given, after a warm-up of
// a tenth of it.
func (prim *primitive) measure(p *place, workers int) (float64, error) {
	type worker struct {
		step func() (float64, error)
		end  func()
	}
	var all []worker
	defer func() {
		for _, w := range all {
			w.end()
		}
	}()
	for i := range workers {
		step, end, err := prim.start(p, i)
		if err != nil {
			return 0, err
		}
		all = append(all, worker{step, end})
	}
	var wg sync.WaitGroup
	rate, errs := make([]float64, workers), make([]error, workers)
	span := time.Duration(p.seconds * float64(time.Second))
	for i, w := range all {
		wg.Go(func() {
			if _, errs[i] = steps(w.step, span/10, &p.aside[i]); errs[i] == nil {
				rate[i], errs[i] = steps(w.step, span, &p.aside[i])
			}
		})
	}
	wg.Wait()
	total := 0.0
	for _, r := range rate {
		total += r
	}
	if prim.unit == "" {
		total /= 1e6
	}
	return total, errors.Join(errs...)
}

// steps repeats a step for about a time and returns what it did a second.
func steps(step func() (float64, error), span time.Duration, aside *time.Duration) (rate float64, err error) {
	done := 0.0
	*aside = 0
	for began := time.Now(); ; {
		n, err := step()
		if err != nil {
			return 0, err
		}
		done += n
		if took := time.Since(began) - *aside; took >= span {
			return done / took.Seconds(), nil
		}
	}
}

func noEnd() {}

func hashing(f func([]byte)) func(*place, int) (func() (float64, error), func(), error) {
	return func(*place, int) (func() (float64, error), func(), error) {
		buf := make([]byte, pieceSize)
		for i := range buf {
			buf[i] = byte(i * 7)
		}
		return func() (float64, error) { f(buf); return pieceSize, nil }, noEnd, nil
	}
}

func startPair(*place, int) (func() (float64, error), func(), error) {
	a, b := make([]byte, pieceSize), make([]byte, pieceSize)
	return func() (float64, error) {
		crypto.SumSHA256Pair(a, b)
		return 2 * pieceSize, nil
	}, noEnd, nil
}

// startAvx512 keeps 16 streams of a shared server busy for each core.
var avx512 = sync.OnceValue(sha256simd.NewAvx512Server)

func startAvx512(*place, int) (func() (float64, error), func(), error) {
	if !strings.Contains(field("/proc/cpuinfo", "flags"), "avx512bw") {
		return nil, nil, errNotHere
	}
	const streams = 16
	buf := make([]byte, pieceSize)
	server := avx512()
	return func() (float64, error) {
		var wg sync.WaitGroup
		for range streams {
			wg.Go(func() {
				h := sha256simd.NewAvx512(server)
				h.Write(buf)
				h.Sum(nil)
			})
		}
		wg.Wait()
		return streams * pieceSize, nil
	}, noEnd, nil
}

func newGCM() (cipher.AEAD, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func startSeal(*place, int) (func() (float64, error), func(), error) {
	gcm, err := newGCM()
	if err != nil {
		return nil, nil, err
	}
	plain, enc, nonce := make([]byte, mib), make([]byte, 0, mib+64), make([]byte, gcm.NonceSize())
	return func() (float64, error) {
		gcm.Seal(enc, nonce, plain, nil)
		return mib, nil
	}, noEnd, nil
}

func startOpen(*place, int) (func() (float64, error), func(), error) {
	gcm, err := newGCM()
	if err != nil {
		return nil, nil, err
	}
	plain, nonce := make([]byte, 0, mib), make([]byte, gcm.NonceSize())
	enc := gcm.Seal(nil, nonce, make([]byte, mib), nil)
	return func() (float64, error) {
		_, err := gcm.Open(plain, nonce, enc, nil)
		return mib, err
	}, noEnd, nil
}

func stripe() (reedsolomon.Encoder, [][]byte, error) {
	rs, err := reedsolomon.New(8, 3, reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, nil, err
	}
	blocks := reedsolomon.AllocAligned(11, mib)
	for i, b := range blocks {
		for j := range b {
			b[j] = byte(i * j)
		}
	}
	return rs, blocks, rs.Encode(blocks)
}

func startEncode(*place, int) (func() (float64, error), func(), error) {
	rs, blocks, err := stripe()
	return func() (float64, error) { return 8 * mib, rs.Encode(blocks) }, noEnd, err
}

func startDecode(*place, int) (func() (float64, error), func(), error) {
	rs, blocks, err := stripe()
	return func() (float64, error) {
		blocks[1], blocks[5] = blocks[1][:0], blocks[5][:0]
		return 8 * mib, rs.ReconstructData(blocks)
	}, noEnd, err
}

// startRead reads the largest file of a folder over and over.
func startRead(dir string, worker int) (func() (float64, error), func(), error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	if len(entries) == 0 {
		return nil, nil, fmt.Errorf("nothing in %s", dir)
	}
	f, err := os.Open(filepath.Join(dir, entries[worker%len(entries)].Name()))
	if err != nil {
		return nil, nil, err
	}
	buf, at := make([]byte, pieceSize), int64(0)
	return func() (float64, error) {
		n, err := f.ReadAt(buf, at)
		at += int64(n)
		if err == io.EOF {
			at, err = 0, nil
		}
		return float64(n), err
	}, func() { f.Close() }, nil
}

func startTmpfsRead(p *place, worker int) (func() (float64, error), func(), error) {
	dir, err := os.MkdirTemp(p.tmpfs, "read-")
	if err != nil {
		return nil, nil, err
	}
	err = os.WriteFile(filepath.Join(dir, "file"), make([]byte, 64*mib), 0o600)
	if err != nil {
		return nil, nil, errors.Join(err, os.RemoveAll(dir))
	}
	step, end, err := startRead(dir, worker)
	return step, func() { end(); os.RemoveAll(dir) }, err
}

const (
	writeFiles = 11
	writeSpan  = 16 * mib // of each file
)

// startOverwrite writes 1 MiB to each of 11 files in turn, whose pages are there
// already.
func startOverwrite(p *place, _ int) (func() (float64, error), func(), error) {
	dir, err := os.MkdirTemp(p.tmpfs, "write-")
	if err != nil {
		return nil, nil, err
	}
	var files []*os.File
	end := func() {
		for _, f := range files {
			f.Close()
		}
		os.RemoveAll(dir)
	}
	buf := make([]byte, mib)
	for i := range writeFiles {
		f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			end()
			return nil, nil, err
		}
		files = append(files, f)
		for at := int64(0); at < writeSpan; at += mib {
			if _, err := f.WriteAt(buf, at); err != nil {
				end()
				return nil, nil, err
			}
		}
	}
	at := int64(0)
	return func() (float64, error) {
		for _, f := range files {
			if _, err := f.WriteAt(buf, at); err != nil {
				return 0, err
			}
		}
		at = (at + mib) % writeSpan
		return writeFiles * mib, nil
	}, end, nil
}

// startFresh writes 11 new files, whose pages have to be found first. The files
// are removed outside the time.
func startFresh(p *place, worker int) (func() (float64, error), func(), error) {
	dir, err := os.MkdirTemp(p.tmpfs, "fresh-")
	if err != nil {
		return nil, nil, err
	}
	buf := make([]byte, mib)
	return func() (float64, error) {
		for i := range writeFiles {
			f, err := os.Create(filepath.Join(dir, fmt.Sprint(i)))
			if err != nil {
				return 0, err
			}
			for at := int64(0); at < 4*mib && err == nil; at += mib {
				_, err = f.WriteAt(buf, at)
			}
			if err = errors.Join(err, f.Close()); err != nil {
				return 0, err
			}
		}
		began := time.Now()
		defer func() { p.aside[worker] += time.Since(began) }()
		for i := range writeFiles {
			if err := os.Remove(filepath.Join(dir, fmt.Sprint(i))); err != nil {
				return 0, err
			}
		}
		return writeFiles * 4 * mib, nil
	}, func() { os.RemoveAll(dir) }, nil
}

// startSmall opens the files of every second folder through the folder itself.
func startSmall(dir string, worker int, hash bool) (func() (float64, error), func(), error) {
	type folder struct {
		fd    int
		names []string
	}
	var folders []folder
	end := func() {
		for _, f := range folders {
			unix.Close(f.fd)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, nil, err
	}
	for i, e := range entries {
		if i%2 != worker%2 || !e.IsDir() || len(folders) == 500 {
			continue
		}
		f := folder{}
		sub := filepath.Join(dir, e.Name())
		if f.fd, err = unix.Open(sub, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); err != nil {
			end()
			return nil, nil, err
		}
		files, err := os.ReadDir(sub)
		if err != nil {
			end()
			return nil, nil, err
		}
		for _, file := range files {
			if file.Type() == fs.FileMode(0) {
				f.names = append(f.names, file.Name())
			}
		}
		folders = append(folders, f)
	}
	if len(folders) == 0 {
		return nil, nil, fmt.Errorf("no folders in %s", dir)
	}
	buf, next := make([]byte, 8192), 0
	return func() (float64, error) {
		f := folders[next]
		next = (next + 1) % len(folders)
		for _, name := range f.names {
			n, err := readSmall(f.fd, name, buf)
			if err != nil {
				return 0, err
			}
			if hash {
				sha256.Sum256(buf[:n])
			}
		}
		return float64(len(f.names)), nil
	}, end, nil
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
