package appliance

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// ExtractOptions say what is extracted and how.
type ExtractOptions struct {
	Prefix   string // only paths that begin with it
	Owner    bool   // restore owner and group (needs the rights)
	Workers  int
	Progress func(entries uint64, bytes int64)
}

// ExtractReport is what an extraction did. An entry that fails never stops the others.
type ExtractReport struct {
	Entries  uint64   `json:"entries"`
	Bytes    int64    `json:"bytes"`
	Existing uint64   `json:"existing"` // there already with the same content
	Skipped  uint64   `json:"skipped"`  // records of entries that were never loaded
	Failed   uint64   `json:"failed"`
	Lost     uint64   `json:"lost"`       // of the failed: their bytes cannot be restored
	InTheWay uint64   `json:"in_the_way"` // of the failed: something else has the name
	Failures []string `json:"failures"`
	Warnings []string `json:"warnings"`
	Partial  bool     `json:"partial"` // the source had not been loaded whole when it was sealed
	Repaired uint64   `json:"repaired_blocks"`
}

// ErrInTheWay: the folder has other content under an entry's name.
var ErrInTheWay = errors.New("something else is there already")

// ErrSomeFailed: some entries could not be extracted; the report names them.
var ErrSomeFailed = errors.New("some entries failed")

// Extract writes the manifest's entries below a folder: files with holes, mode,
// times and extended attributes, links linked again. Nothing is overwritten: a
// file that is there is compared, and a different one is a failure of that entry.
// Nothing leaves the folder, whatever the names or links say. A repeated call
// goes on.
func (r *Reader) Extract(ctx context.Context, folder string, o ExtractOptions) (*ExtractReport, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	x := &extractor{r: r, root: root, base: folder, o: o, report: &ExtractReport{}}
	err = x.run(ctx)
	x.report.Entries, x.report.Bytes = x.entries.Load(), x.bytes.Load()
	x.report.Repaired, _ = r.RepairedBlocks()
	x.report.Partial = r.totals.ScanEntries > r.totals.Entries()
	if err == nil && x.pages > 0 {
		err = fmt.Errorf("%w: %w: %d pages of the manifest with the names in them", ErrSomeFailed, ErrLost, x.pages)
	}
	if err == nil && x.report.Failed > 0 {
		err = x.failure()
	}
	return x.report, err
}

// failure is the error of the whole by the gravest of its entries'.
func (x *extractor) failure() error {
	r := x.report
	err := fmt.Errorf("%w: %d of %d", ErrSomeFailed, r.Failed, r.Failed+r.Entries)
	switch {
	case r.Lost > 0:
		return fmt.Errorf("%w: %d entries cannot be restored: %w", ErrLost, r.Lost, err)
	case r.InTheWay == r.Failed:
		return fmt.Errorf("%w: %w", ErrInTheWay, err)
	}
	return err
}

type extractor struct {
	r       *Reader
	root    *os.Root
	base    string
	o       ExtractOptions
	report  *ExtractReport
	pages   int // lost ones
	mu      sync.Mutex
	entries atomic.Uint64
	bytes   atomic.Int64
	dirs    []*manifest.Record // metadata is set when their content is there

	pending      []written // guarded by mu
	pendingBytes int64
}

// maxDirs bounds the folders whose times are restored at the end; of more the
// first ones are done early and may show the time of extraction.
const maxDirs = 100000

func (x *extractor) fail(path string, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.report.Failed++
	switch {
	case errors.Is(err, ErrLost):
		x.report.Lost++
	case errors.Is(err, fs.ErrExist):
		x.report.InTheWay++
	}
	if len(x.report.Failures) < maxSkipped {
		x.report.Failures = append(x.report.Failures, fmt.Sprintf("%q: %v", path, err))
	}
}

func (x *extractor) warn(text string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.report.Warnings) < 100 {
		x.report.Warnings = append(x.report.Warnings, text)
	}
}

// run makes folders and files first, then hard links, whose first names are all
// there by then.
func (x *extractor) run(ctx context.Context) error {
	for _, links := range []bool{false, true} {
		err := x.pass(ctx, links)
		if nerr := x.name(x.pending); err == nil {
			err = nerr
		}
		x.pending, x.pendingBytes = nil, 0
		if err != nil {
			return err
		}
	}
	for i := len(x.dirs) - 1; i >= 0; i-- {
		x.meta(x.dirs[i])
	}
	return x.sync()
}

func (x *extractor) pass(ctx context.Context, links bool) error {
	work := make(chan *manifest.Record, 64)
	var wg sync.WaitGroup
	for range max(1, x.o.Workers) {
		wg.Go(func() {
			for rec := range work {
				if err := x.one(ctx, rec); err != nil {
					x.fail(rec.Path, err)
					continue
				}
				n := x.entries.Add(1)
				if x.o.Progress != nil && n%64 == 0 {
					x.o.Progress(n, x.bytes.Load())
				}
			}
		})
	}
	lost := func(page uint64, err error) error {
		if !links {
			x.pages++
			x.fail(fmt.Sprintf("page %d of the manifest", page), fmt.Errorf("its entries are lost, and their names: %w", err))
		}
		return nil
	}
	err := x.r.list(ctx, x.o.Prefix, lost, func(e Entry) error {
		rec := e.Record
		switch {
		case rec.Kind == manifest.KindSkipped:
			if !links {
				x.report.Skipped++
			}
		case (rec.Kind == manifest.KindHardlink) != links:
		case rec.Kind == manifest.KindDir:
			x.dir(rec)
		default:
			select {
			case work <- rec:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	close(work)
	wg.Wait()
	return err
}

func (x *extractor) dir(rec *manifest.Record) {
	if err := x.parents(rec.Path + "/x"); err != nil {
		x.fail(rec.Path, err)
		return
	}
	x.entries.Add(1)
	x.dirs = append(x.dirs, rec)
	if len(x.dirs) > maxDirs {
		x.meta(x.dirs[0])
		x.dirs = x.dirs[1:]
	}
}

// parents makes the folders above a path.
func (x *extractor) parents(path string) error {
	dir := filepath.Dir(filepath.FromSlash(path))
	if dir == "." {
		return nil
	}
	return x.root.MkdirAll(dir, 0o777)
}

func (x *extractor) one(ctx context.Context, rec *manifest.Record) error {
	if err := x.parents(rec.Path); err != nil {
		return err
	}
	switch rec.Kind {
	case manifest.KindSymlink:
		return x.symlink(rec)
	case manifest.KindHardlink:
		return x.hardlink(ctx, rec)
	}
	return x.file(ctx, rec)
}

func (x *extractor) symlink(rec *manifest.Record) error {
	name := filepath.FromSlash(rec.Path)
	if have, err := x.root.Readlink(name); err == nil && have == rec.Target {
		x.existing()
		return nil
	}
	if err := x.root.Symlink(rec.Target, name); err != nil {
		return err
	}
	x.linkMeta(rec)
	return nil
}

func (x *extractor) existing() {
	x.mu.Lock()
	x.report.Existing++
	x.mu.Unlock()
}

func (x *extractor) hardlink(ctx context.Context, rec *manifest.Record) error {
	first, name := filepath.FromSlash(rec.LinkTo), filepath.FromSlash(rec.Path)
	a, err := x.root.Lstat(first)
	if err != nil {
		return x.file(ctx, rec) // its first name was not extracted
	}
	if b, err := x.root.Lstat(name); err == nil && os.SameFile(a, b) {
		x.existing()
		return nil
	}
	return x.root.Link(first, name)
}

// file writes to a temporary name and links it to the right one when every byte
// is there and the digest fits.
func (x *extractor) file(ctx context.Context, rec *manifest.Record) error {
	name := filepath.FromSlash(rec.Path)
	if st, err := x.root.Lstat(name); err == nil {
		return x.compare(ctx, rec, name, st)
	}
	sum := crypto.SumSHA256([]byte(rec.Path))
	temp := filepath.Join(filepath.Dir(name), ".sledge-"+hex.EncodeToString(sum[:8])+".part")
	f, err := x.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	err = x.copy(ctx, rec, f)
	if err == nil {
		err = x.fileMeta(f, rec)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		x.root.Remove(temp)
		return err
	}
	return x.publish(written{rec, temp, name})
}

// written is a file that is whole under its temporary name.
type written struct {
	rec        *manifest.Record
	temp, name string
}

const (
	publishFiles = 512
	publishBytes = 256 << 20
)

// publish gathers written files: one sync of the file system serves many small
// ones, and only then do they get their names.
func (x *extractor) publish(w written) error {
	x.mu.Lock()
	x.pending = append(x.pending, w)
	x.pendingBytes += w.rec.Size
	var full []written
	if len(x.pending) >= publishFiles || x.pendingBytes >= publishBytes {
		full, x.pending, x.pendingBytes = x.pending, nil, 0
	}
	x.mu.Unlock()
	return x.name(full)
}

func (x *extractor) name(files []written) error {
	if len(files) == 0 {
		return nil
	}
	if err := x.sync(); err != nil {
		return err
	}
	for _, w := range files {
		err := x.root.Link(w.temp, w.name)
		if rerr := x.root.Remove(w.temp); err == nil {
			err = rerr
		}
		if err != nil {
			x.entries.Add(^uint64(0))
			x.fail(w.rec.Path, err)
		}
	}
	return nil
}

// sync makes everything below the folder durable.
func (x *extractor) sync() error {
	d, err := x.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync of %s: %w", x.base, err)
	}
	return nil
}

// compare settles a name that is there: same content is success.
func (x *extractor) compare(ctx context.Context, rec *manifest.Record, name string, st fs.FileInfo) error {
	if !st.Mode().IsRegular() || st.Size() != rec.Size {
		return fmt.Errorf("something else is there already: %w", fs.ErrExist)
	}
	f, err := x.root.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	d := newDigest(rec.Size, rec.SHA256 != nil)
	if _, err := io.CopyBuffer(d, io.LimitReader(f, rec.Size), make([]byte, readChunk)); err != nil {
		return err
	}
	if err := sameDigest(d, rec); err != nil {
		return fmt.Errorf("a file with other content is there already: %w", fs.ErrExist)
	}
	x.existing()
	return nil
}

// copy writes the content, with its holes, and compares the digest on the way.
func (x *extractor) copy(ctx context.Context, rec *manifest.Record, f *os.File) error {
	c, err := x.r.Open(ctx, rec)
	if err != nil {
		return err
	}
	defer c.Close()
	d := newDigest(rec.Size, rec.SHA256 != nil)
	buf := make([]byte, readChunk)
	for _, e := range rec.Extents {
		for at := e.Offset; at < e.Offset+e.Length; {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			part := buf[:min(int64(len(buf)), e.Offset+e.Length-at)]
			if _, err := c.ReadAt(part, at); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			d.Write(part)
			if !e.Hole {
				if _, err := f.WriteAt(part, at); err != nil {
					return err
				}
			}
			at += int64(len(part))
			x.bytes.Add(int64(len(part)))
		}
	}
	if err := f.Truncate(rec.Size); err != nil {
		return err
	}
	return sameDigest(d, rec)
}

func sameDigest(d *digest, rec *manifest.Record) error {
	var got manifest.Record
	d.fill(&got)
	same := got.CRC == rec.CRC || !rec.HasCRC
	if rec.SHA256 != nil {
		same = same && string(got.SHA256) == string(rec.SHA256)
	}
	if len(rec.Parts) > 0 {
		same = same && manifest.RootOver(got.Parts) == manifest.RootOver(rec.Parts)
	}
	if !same {
		return fmt.Errorf("%w: content does not have the recorded digest", manifest.ErrCorrupt)
	}
	return nil
}

func (x *extractor) fileMeta(f *os.File, rec *manifest.Record) error {
	fd := int(f.Fd())
	for _, a := range rec.Xattrs {
		if err := unix.Fsetxattr(fd, a.Name, a.Value, 0); err != nil {
			x.warn(fmt.Sprintf("%q: extended attribute %q: %v", rec.Path, a.Name, err))
		}
	}
	if x.o.Owner {
		if err := f.Chown(int(rec.UID), int(rec.GID)); err != nil {
			x.warn(fmt.Sprintf("%q: owner: %v", rec.Path, err))
		}
	}
	if err := unix.Fchmod(fd, x.mode(rec)); err != nil {
		return err
	}
	tv := times(rec.Mtime)
	return unix.UtimesNanoAt(fd, "", tv[:], unix.AT_EMPTY_PATH)
}

// mode leaves out set-id bits unless the owner is restored, too.
func (x *extractor) mode(rec *manifest.Record) uint32 {
	if !x.o.Owner {
		return rec.Mode &^ 06000
	}
	return rec.Mode
}

func times(t time.Time) [2]unix.Timespec {
	ts := unix.Timespec{Sec: t.Unix(), Nsec: int64(t.Nanosecond())} // UnixNano ends in 2262
	return [2]unix.Timespec{ts, ts}
}

func (x *extractor) linkMeta(rec *manifest.Record) {
	dir, base := filepath.Split(filepath.FromSlash(rec.Path))
	d, err := x.root.Open(filepath.Clean("./" + dir))
	if err != nil {
		return
	}
	defer d.Close()
	tv := times(rec.Mtime)
	if err := unix.UtimesNanoAt(int(d.Fd()), base, tv[:], unix.AT_SYMLINK_NOFOLLOW); err != nil {
		x.warn(fmt.Sprintf("%q: time: %v", rec.Path, err))
	}
	if x.o.Owner {
		if err := unix.Fchownat(int(d.Fd()), base, int(rec.UID), int(rec.GID), unix.AT_SYMLINK_NOFOLLOW); err != nil {
			x.warn(fmt.Sprintf("%q: owner: %v", rec.Path, err))
		}
	}
}

// meta restores a folder's metadata.
func (x *extractor) meta(rec *manifest.Record) {
	f, err := x.root.OpenFile(filepath.FromSlash(rec.Path), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		x.warn(fmt.Sprintf("%q: %v", rec.Path, err))
		return
	}
	defer f.Close()
	if err := x.fileMeta(f, rec); err != nil {
		x.warn(fmt.Sprintf("%q: %v", rec.Path, err))
	}
}

// Cat writes an entry's content, or a symbolic link's target, to w.
func (r *Reader) Cat(ctx context.Context, w io.Writer, path string) error {
	e, err := r.Lookup(ctx, path)
	if err != nil {
		return err
	}
	rec := e.Record
	if rec.Kind == manifest.KindSymlink {
		_, err := io.WriteString(w, rec.Target)
		return err
	}
	c, err := r.Open(ctx, rec)
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.CopyBuffer(w, &contentReader{ctx: ctx, c: c}, make([]byte, readChunk))
	return err
}

type contentReader struct {
	ctx context.Context
	c   *Content
	off int64
}

func (c *contentReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.c.ReadAt(p, c.off)
	c.off += int64(n)
	if n > 0 {
		return n, nil
	}
	return 0, err
}

// ExportPack writes a pack as one FLOE ciphertext, header first, for other
// implementations to decrypt; it needs no key.
func (s *Set) ExportPack(ctx context.Context, n uint64, w io.Writer) error {
	p, err := s.Pack(n)
	if err != nil {
		return err
	}
	pr, err := newPackReader(s.set, p, &repairs{})
	if err != nil {
		return err
	}
	defer pr.close()
	if _, err := w.Write(p.Header); err != nil {
		return err
	}
	buf := make([]byte, 1<<20)
	for off := int64(0); off < p.BodySize; {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		part := buf[:min(int64(len(buf)), p.BodySize-off)]
		if err := pr.readProven(part, off); err != nil {
			return err
		}
		if _, err := w.Write(part); err != nil {
			return err
		}
		off += int64(len(part))
	}
	return nil
}

// PackKey is the FLOE key of a pack, for exporting it to another implementation.
func (r *Reader) PackKey(n uint64) (key, ad []byte, err error) {
	p, err := r.Pack(n)
	if err != nil {
		return nil, nil, err
	}
	return r.keys.PackKey(p.ID), r.Scope.PackAD(p.ID), nil
}
