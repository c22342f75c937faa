package disks

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// HashList gives the lines of a pack's hash list (format.md 6.4), one a stripe:
//
//	SHA-256 of each data block (32·k) ‖ CRC64NVME of each parity block (8·m)
//
// It holds one window of lines. All were proven against the signed root once;
// of each window the subtree's hash is kept, so that every reload is proven too.
type hashList struct {
	p       *wire.PackEntry
	source  io.ReaderAt
	perWin  int64 // lines in a window, a power of two
	windows []tlog.Hash
	current int64
	buf     []byte
	hashes  []tlog.Hash
	closers []*disk.File
}

const windowSize = 1 << 20

var errListRoot = errors.New("does not fit the signed root")

func newHashList(p *wire.PackEntry, source io.ReaderAt) *hashList {
	perWin := int64(1)
	for perWin*2*int64(p.Geometry.LineLen()) <= windowSize {
		perWin *= 2
	}
	return &hashList{p: p, source: source, perWin: perWin, current: -1}
}

// prove reads the whole list once and compares its root.
func (l *hashList) prove() error {
	g := l.p.Geometry
	var total wire.TreeStack
	l.windows = l.windows[:0]
	for first := int64(0); first < g.Stripes(); first += l.perWin {
		if err := l.read(first / l.perWin); err != nil {
			return err
		}
		root := wire.RootOver(l.hashes)
		l.windows = append(l.windows, root)
		if int64(len(l.hashes)) == l.perWin {
			total.Push(root, l.perWin)
			continue
		}
		for _, h := range l.hashes {
			total.Push(h, 1)
		}
	}
	if total.Root() != l.p.Root {
		l.current = -1
		return errListRoot
	}
	return nil
}

func (l *hashList) read(window int64) error {
	g := l.p.Geometry
	lines := min(l.perWin, g.Stripes()-window*l.perWin)
	size := lines * int64(g.LineLen())
	if int64(cap(l.buf)) < size {
		l.buf = make([]byte, size)
	}
	l.buf, l.current = l.buf[:size], -1
	if n, err := l.source.ReadAt(l.buf, window*l.perWin*int64(g.LineLen())); n < len(l.buf) {
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	l.hashes = l.hashes[:0]
	for b := l.buf; len(b) > 0; b = b[g.LineLen():] {
		l.hashes = append(l.hashes, tlog.RecordHash(b[:g.LineLen()]))
	}
	l.current = window
	return nil
}

// line gives the line of a stripe; it is valid until the next call.
func (l *hashList) line(stripe int64) ([]byte, error) {
	window := stripe / l.perWin
	if window != l.current {
		if err := l.read(window); err != nil {
			return nil, err
		}
		if wire.RootOver(l.hashes) != l.windows[window] {
			l.current = -1
			return nil, fmt.Errorf("hash list changed while it was read: %w", errListRoot)
		}
	}
	n := l.p.Geometry.LineLen()
	at := int(stripe-window*l.perWin) * n
	return l.buf[at : at+n], nil
}

func (l *hashList) close() {
	for _, f := range l.closers {
		f.Close()
	}
}

// listFinder looks for a good hash list of one pack and names the bad copies.
type listFinder struct {
	v     *Check
	w     *worker
	p     *wire.PackEntry
	quiet bool
	open  []*disk.File
	list  *hashList
	raw   []*disk.File // copies 1 that are readable, good or not
	piece []*disk.File // by shard number, readable, good or not
	good  uint32       // pieces whose SHA-256 is right
}

// findList returns nil if no copy can be found or mended. The caller closes it.
func (w *worker) findList(p *wire.PackEntry, shards [][]shardCopy, quiet bool) *hashList {
	f := &listFinder{v: w.v, w: w, p: p, quiet: quiet, piece: make([]*disk.File, p.Geometry.Shards())}
	f.copies()
	f.pieces()
	if f.list != nil {
		f.comparePieces()
	} else {
		f.fromPieces()
	}
	if f.list == nil {
		f.mend(shards)
	}
	if f.list == nil {
		for _, o := range f.open {
			o.Close()
		}
		return nil
	}
	f.list.closers = f.open
	return f.list
}

func (f *listFinder) say(s findings.Severity, class string, at findings.Place, format string, args ...any) {
	if !f.quiet {
		f.v.f.Add(s, class, at, findings.HintRebuild, format, args...)
	}
}

// copies proves copy 1 on every disk; one is expected beside each shard.
func (f *listFinder) copies() {
	for _, d := range f.v.use {
		j := f.shardOf(d)
		o, err := disk.OpenFile(d.Fsys, disk.HashesName(f.p))
		if err != nil {
			if j >= 0 && f.p.NotWritten>>j&1 == 0 {
				f.say(findings.Repairable, "hashlist-copy1-bad", findings.InPack(f.p).On(d), "hash list: %v", err)
			}
			continue
		}
		f.open = append(f.open, o)
		f.raw = append(f.raw, o)
		l := newHashList(f.p, o)
		err = l.prove()
		f.v.bytes.Add(min(o.Size, f.p.Geometry.ListLen()))
		if err == nil && o.Size != f.p.Geometry.ListLen() {
			err = fmt.Errorf("%d bytes, not %d", o.Size, f.p.Geometry.ListLen())
		} else if err == nil && f.list == nil {
			f.list = l
		}
		if err != nil {
			f.say(findings.Repairable, "hashlist-copy1-bad", findings.InPack(f.p).On(d), "hash list: %v", err)
		}
	}
}

func (f *listFinder) shardOf(d *disk.Seen) int {
	for j, bay := range f.p.Bays {
		if int(bay) == d.Bay {
			return j
		}
	}
	return -1
}

// pieces checks the pieces of copy 2 against the signed hashes.
func (f *listFinder) pieces() {
	disks := make([]*disk.Seen, len(f.piece))
	for j := range f.piece {
		d, o := f.goodPiece(j)
		if o == nil {
			if f.p.NotWritten>>j&1 == 0 && !f.v.missing[f.p.Bays[j]] {
				f.say(findings.Repairable, "piece-missing", findings.InShard(f.p, j), "piece of the hash list is missing")
			}
			continue
		}
		f.piece[j], disks[j] = o, d
		if d.Bay != int(f.p.Bays[j]) {
			f.say(findings.Note, "piece-elsewhere", findings.InShard(f.p, j).On(d), "piece of the hash list lies on the disk of bay %d", d.Bay)
		}
	}
	if !f.quiet {
		f.v.together.see(f.p, "pieces of the hash list", disks)
	}
}

// goodPiece takes the first good copy of a piece, at home or elsewhere, and names the bad
// ones before it; if none is good, the first that is there.
func (f *listFinder) goodPiece(j int) (*disk.Seen, *disk.File) {
	name := disk.PieceName(f.p, j)
	copies := f.v.openCopies(int(f.p.Bays[j]), name)
	asked := len(copies)
	for i := 0; i < len(copies); i++ {
		f.open = append(f.open, copies[i].f)
		err := f.checkPiece(copies[i].f, j)
		if err == nil {
			f.good |= 1 << j
			f.openToo(copies[i+1:])
			return copies[i].d, copies[i].f
		}
		f.say(findings.Repairable, "piece-bad", findings.InShard(f.p, j).On(copies[i].d), "piece of the hash list: %v", err)
		if i+1 == asked {
			copies = append(copies, f.v.otherCopies(name, copies)...)
		}
	}
	if len(copies) == 0 {
		return nil, nil
	}
	return copies[0].d, copies[0].f
}

// openToo has files closed at the end that nobody asks.
func (f *listFinder) openToo(copies []shardCopy) {
	for _, c := range copies {
		f.open = append(f.open, c.f)
	}
}

func (f *listFinder) checkPiece(o *disk.File, j int) error {
	want := f.p.Geometry.PieceLen()
	if o.Size != want {
		return fmt.Errorf("%d bytes, not %d", o.Size, want)
	}
	h := sha256.New()
	buf := f.w.buffer(windowSize)
	for off := int64(0); off < want; off += windowSize {
		b := buf[:min(windowSize, want-off)]
		if err := o.ReadFull(b, off); err != nil {
			return err
		}
		h.Write(b)
	}
	f.v.bytes.Add(want)
	if [32]byte(h.Sum(nil)) != f.p.Pieces[j] {
		return errors.New("SHA-256 is not that of the log")
	}
	return nil
}

// fromPieces decodes copy 2 from any k good pieces.
func (f *listFinder) fromPieces() {
	inputs := firstBits(f.good, f.p.Geometry.K)
	if inputs == 0 {
		return
	}
	l := newHashList(f.p, &pieceReader{f: f, inputs: inputs})
	if err := l.prove(); err != nil {
		f.namePieces(err)
		return
	}
	f.list = l
}

func (f *listFinder) namePieces(err error) {
	f.say(findings.Warning, "piece-bad", findings.InPack(f.p), "pieces with the signed SHA-256 do not give the signed hash list: %v", err)
}

// comparePieces holds the good pieces against the list that another copy gave: the writer
// may have signed pieces of another list, which are of no use when they are needed.
func (f *listFinder) comparePieces() {
	if f.quiet || f.good == 0 {
		return
	}
	g := f.p.Geometry
	enc, err := f.w.decoder(g)
	if err != nil {
		return
	}
	const step = 64 << 10
	for off := int64(0); off < g.PieceLen(); off += step {
		n := min(step, g.PieceLen()-off)
		pieces := make([][]byte, g.Shards())
		for j := range pieces {
			pieces[j] = make([]byte, n)
			if j < g.K {
				if err := f.readList(pieces[j], int64(j)*g.PieceLen()+off); err != nil {
					f.namePieces(err)
					return
				}
			}
		}
		if g.M > 0 {
			if err := enc.Encode(pieces); err != nil {
				return
			}
		}
		for j, want := range pieces {
			got := make([]byte, n)
			if f.good>>j&1 == 1 && (f.piece[j].ReadFull(got, off) != nil || !bytes.Equal(got, want)) {
				f.namePieces(fmt.Errorf("piece %d differs", j))
				return
			}
		}
	}
}

// readList reads bytes of the list, followed by zeros.
func (f *listFinder) readList(b []byte, off int64) error {
	n := min(max(f.p.Geometry.ListLen()-off, 0), int64(len(b)))
	if m, err := f.list.source.ReadAt(b[:n], off); int64(m) < n {
		return err
	}
	return nil
}

// pieceReader reads the list as its coded pieces hold it.
type pieceReader struct {
	f      *listFinder
	inputs uint32
}

// ReadAt fills b from the data pieces, decoding those that are not inputs.
func (r *pieceReader) ReadAt(b []byte, off int64) (int, error) {
	g := r.f.p.Geometry
	done := 0
	for done < len(b) {
		at := off + int64(done)
		j, in := int(at/g.PieceLen()), at%g.PieceLen()
		n := int(min(int64(len(b)-done), g.PieceLen()-in))
		if err := r.readPiece(b[done:done+n], j, in); err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

func (r *pieceReader) readPiece(b []byte, j int, off int64) error {
	if r.inputs>>j&1 == 1 {
		return r.f.piece[j].ReadFull(b, off)
	}
	n := r.f.p.Geometry.Shards()
	shards := make([][]byte, n)
	for i := range n {
		if r.inputs>>i&1 == 0 {
			continue
		}
		shards[i] = make([]byte, len(b))
		if err := r.f.piece[i].ReadFull(shards[i], off); err != nil {
			return err
		}
	}
	shards[j] = b[:0:len(b)]
	required := make([]bool, n)
	required[j] = true
	enc, err := r.f.w.decoder(r.f.p.Geometry)
	if err != nil {
		return err
	}
	return enc.ReconstructSome(shards, required)
}

// firstBits keeps the lowest n bits that are set; 0 if there are fewer.
func firstBits(mask uint32, n int) (out uint32) {
	for j := 0; j < wire.MaxShards && n > 0; j++ {
		if mask>>j&1 == 1 {
			out |= 1 << j
			n--
		}
	}
	if n > 0 {
		return 0
	}
	return out
}
