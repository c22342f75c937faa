package extract

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// Why a name is not linked to a carrier. None of these reaches the report.
var (
	errNoCarrier = errors.New("the carrier is not there with this content")
	errNoLinks   = errors.New("no further link can be made to the carrier")
	errLater     = errors.New("its stand-in is not there yet")
)

// maxWaiting bounds the names that wait for their stand-in, and maxWaitingBytes what
// their records take.
const (
	maxWaiting      = 4096
	maxWaitingBytes = 16 << 20
)

// linker makes further names. A further name becomes a link to its carrier only if the
// carrier's content is the one that is recorded for the further name, too, and this run
// wrote it or compared it. Else the content is written, once a group where that can be.
type linker struct {
	made     *madeFiles
	standIns standIns
	locks    [64]sync.Mutex                       // by carrier: links to it are made one after another
	waiting  []*manifest.Record                   // guarded by the extractor's mu, and so is:
	bytes    int                                  // about what they take
	link     func(fd, dir int, name string) error // the system's
}

func newLinker() *linker {
	return &linker{made: newMadeFiles(maxMade), standIns: standIns{room: maxStandInBytes}, link: linkFile}
}

// group tells apart what one stand-in can serve.
func (l *linker) group(rec *manifest.Record) uint64 {
	var h maphash.Hash
	h.SetSeed(l.made.seed)
	hashUint(&h, l.made.content(rec))
	h.WriteString(rec.LinkTo)
	return h.Sum64()
}

// settle remembers a file that was given its name or compared, or that failed.
func (l *linker) settle(rec *manifest.Record, id fileID, err error) {
	if rec.LinkGroup == 0 {
		return
	}
	state := hasFailed
	if err == nil {
		l.made.add(rec.Path, l.made.content(rec), id)
		state = isThere
	}
	if rec.Kind == manifest.KindHardlink {
		l.standIns.settle(l.group(rec), rec.Path, state)
	}
}

// hardlink returns errLater if the name has to wait.
func (w *extractWorker) hardlink(ctx context.Context, rec *manifest.Record) error {
	group := w.links.group(rec)
	have, found := w.links.standIns.get(group)
	if !found {
		err := w.linkTo(ctx, rec, rec.LinkTo)
		if !errors.Is(err, errNoCarrier) {
			return w.orFile(ctx, rec, err)
		}
		var claimed bool
		have, found, claimed = w.links.standIns.claim(group, rec.Path)
		if claimed {
			err := w.file(ctx, rec)
			if err != nil {
				w.links.settle(rec, fileID{}, err)
			}
			return err
		}
	}
	switch {
	case found && have.state == isThere:
		return w.orFile(ctx, rec, w.linkTo(ctx, rec, have.path))
	case found && have.state == beingWritten:
		return w.later(ctx, rec)
	case !found:
		w.notice("there are too many hard links whose first name has another content: some names have a file of their own")
	}
	return w.file(ctx, rec)
}

// orFile writes the content where no link can be made.
func (w *extractWorker) orFile(ctx context.Context, rec *manifest.Record, err error) error {
	switch {
	case errors.Is(err, errNoLinks):
		w.notice("the folder's file system makes no hard links, or no more of them to a file: some names have a file of their own")
	case !errors.Is(err, errNoCarrier):
		return err
	}
	return w.file(ctx, rec)
}

// later keeps a name until its stand-in has been given its name.
func (w *extractWorker) later(ctx context.Context, rec *manifest.Record) error {
	w.mu.Lock()
	room := len(w.links.waiting) < maxWaiting && w.links.bytes < maxWaitingBytes
	if room {
		w.links.wait(rec)
	}
	w.mu.Unlock()
	if room {
		return errLater
	}
	w.flush()
	w.retryWaiting(ctx)
	if w.isWaiting(rec) {
		return w.file(ctx, rec)
	}
	return w.hardlink(ctx, rec)
}

func (w *extractWorker) isWaiting(rec *manifest.Record) bool {
	have, found := w.links.standIns.get(w.links.group(rec))
	return found && have.state == beingWritten
}

// retryWaiting makes the names that need not wait any more.
func (w *extractWorker) retryWaiting(ctx context.Context) {
	var still []*manifest.Record
	for _, rec := range w.takeWaiting() {
		if w.isWaiting(rec) {
			still = append(still, rec)
			continue
		}
		w.entry(ctx, rec)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, rec := range still {
		w.links.wait(rec)
	}
}

func (l *linker) wait(rec *manifest.Record) {
	l.waiting = append(l.waiting, rec)
	l.bytes += 32*len(rec.Parts) + 8*len(rec.UnitCRCs) + 48*len(rec.Extents) + len(rec.Path) + len(rec.LinkTo)
	for _, a := range rec.Xattrs {
		l.bytes += len(a.Name) + len(a.Value)
	}
}

func (x *extractor) takeWaiting() []*manifest.Record {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := x.links.waiting
	x.links.waiting, x.links.bytes = nil, 0
	return list
}

// linkTo makes rec's name a link to a file in the folder.
func (w *extractWorker) linkTo(ctx context.Context, rec *manifest.Record, carrier string) error {
	dir, name := splitPath(rec.Path)
	at, err := w.dir.make(dir)
	if err != nil {
		return err
	}
	linked, err := w.linkOnce(ctx, rec, carrier, at, name)
	w.dir.named = w.dir.named || err == nil && linked
	if err == nil && !linked {
		return w.file(ctx, rec) // the name is there: compare
	}
	return err
}

func (w *extractWorker) linkOnce(ctx context.Context, rec *manifest.Record, carrier string, at int, name string) (linked bool, err error) {
	l, content := w.links, w.links.made.content(rec)
	lock := &l.locks[maphash.String(l.made.seed, carrier)%uint64(len(l.locks))]
	lock.Lock()
	defer lock.Unlock()
	fd, id, err := w.carrier(ctx, rec, carrier, content)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	switch err := l.link(fd, at, name); err {
	case nil:
		if err := unix.Fstat(fd, &st); err == nil {
			l.made.move(carrier, content, id, idOf(&st))
		}
		w.look(metaPlace{fd: fd}, rec, attributes{w.o.Owner, true, true}) // all names have those of the first
		return true, nil
	case unix.EEXIST:
		err := unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if err == nil && uint64(st.Dev) == id.dev && st.Ino == id.ino {
			w.existing()
			return true, nil
		}
		return false, nil
	case unix.EMLINK, unix.EPERM, unix.EACCES, unix.ENOTSUP, unix.ENOSYS, unix.EXDEV, unix.EINVAL, unix.ENOENT:
		return false, fmt.Errorf("%w: %w", errNoLinks, err)
	default:
		return false, fmt.Errorf("link to %q: %w", carrier, err)
	}
}

// linkFile links an open file, whatever its name has become. That needs /proc.
func linkFile(fd, dir int, name string) error {
	return unix.Linkat(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", fd), dir, name, unix.AT_SYMLINK_FOLLOW)
}

// carrier opens the file under a carrier's name if its content is the one that rec
// records, and this run made it or compares it now.
func (w *extractWorker) carrier(ctx context.Context, rec *manifest.Record, carrier string, content uint64) (int, fileID, error) {
	dir, name := splitPath(carrier)
	at, err := w.from.find(dir)
	if err != nil {
		return -1, fileID{}, errNoCarrier
	}
	fd, err := unix.Openat(at, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fileID{}, errNoCarrier
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size != rec.Size {
		unix.Close(fd)
		return -1, fileID{}, errNoCarrier
	}
	id := idOf(&st)
	if w.links.made.has(carrier, content, id) {
		return fd, id, nil
	}
	if err := w.compareCarrier(ctx, rec, carrier, fd, id); err != nil {
		unix.Close(fd)
		return -1, fileID{}, err
	}
	w.links.made.add(carrier, content, id)
	return fd, id, nil
}

// compareCarrier is for a carrier that this run has not made, or does not remember.
func (w *extractWorker) compareCarrier(ctx context.Context, rec *manifest.Record, carrier string, fd int, id fileID) error {
	e, err := w.records.Lookup(ctx, carrier)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil || e.Record.Kind != manifest.KindFile && e.Record.Kind != manifest.KindHardlink || !sameData(e.Record, rec) {
		return errNoCarrier
	}
	in, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return errNoCarrier
	}
	defer unix.Close(in) // only read
	if err := w.tree.cold(in); err != nil {
		return err
	}
	same, err := w.holds(ctx, in, rec)
	var st unix.Stat_t
	if err == nil {
		err = unix.Fstat(in, &st)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil || !same || idOf(&st) != id:
		return errNoCarrier
	}
	return nil
}
