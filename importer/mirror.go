package importer

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// JournalPrefix is the reserved prefix, below the target's own, of journals in the
// target.
const JournalPrefix = ".sledge-journal/"

// mirror keeps in the target what another host needs to go on with a run
// (Options.JournalInTarget), below .sledge-journal/RUN/DEVICE-GENERATION/:
//
//	leases/00000001           who holds the run; made on condition that it does not exist, and
//	                          written anew by each later start of that host
//	leases/00000001.signed    which end of the run its receipts are of; made once, before they are signed
//	header                    the options and the first start; made once, likewise
//	commit                    where the commit marker stands, before it is written
//	uploads/00000001-PLACE    an upload of the host with that lease: before its Create, then with its id
//	pages/PAGE                the outcomes of a page that is done
//
// Each is one frame under a key that whoever has the importer key can derive, with
// its name as additional data. The target's owner can read none, make none and move
// none, but can remove them, or put an earlier one back. So nothing here is believed:
//
//   - A lease is the next number; its number is the attempt's. Two hosts sign under one
//     name only if the target gave both the same lease, two copies of one state folder only
//     if it gave both the same .signed.
//   - A header is compared with the options, as that of a state folder.
//   - An upload is asked for by ListParts, and its parts have the manifest's digests.
//   - An outcome is a hint: the object is looked at by HEAD before it counts. What the
//     hint saves is sending it again, and reading it back again if it is unchanged.
type mirror struct {
	target target.Target
	calls  *request.Caller
	frames *crypto.FrameCipher
	prefix string        // of the journal, ending in a slash
	id     string        // of this host's state folder
	nonce  string        // of this start
	former []string      // those of starts before it
	number atomic.Uint64 // of our lease; the watcher looks while an attempt takes its next one
	trust  time.Duration
	own    target.Attributes         // of its objects
	plain  atomic.Bool               // a write has made no version: a delete without one removes
	seen   atomic.Pointer[time.Time] // when a look that found it ours began
	lost   atomic.Pointer[target.Error]

	canceled bool // our lease says that the run is given up
}

// Bounds of what is read back.
const (
	maxMirrorSmall = 64 << 10
	maxMirrorPage  = 4 << 20
	mirrorAtOnce   = 16 // objects
)

const (
	mirrorHeader  = "header"
	mirrorUploads = "uploads/"
	mirrorPages   = "pages/"
	mirrorLeases  = lease.Folder + "/"
)

// newMirror derives the key from the importer key's seed: every host that may sign
// this run's receipts has it, and nobody else. A journal that is moved to another
// bucket, prefix, run, device or manifest is not read.
func newMirror(r *run) (*mirror, error) {
	scope, cp, o := r.source.Scope(), r.source.Checkpoint(), r.opts
	whose, err := json.Marshal([]any{scope.Job, scope.Device, scope.Generation, cp.Size, cp.Root[:], o.Bucket, o.Prefix, o.RunID})
	if err != nil {
		return nil, err
	}
	id := crypto.SumSHA256(whose)
	return &mirror{
		target: r.target, calls: r.calls, trust: mirrorTrust, own: o.Rules.Own(), prefix: o.Prefix + journalName(scope, o.RunID),
		frames: crypto.NewFrameCipher(ed25519.PrivateKey(o.ImporterKey).Seed(), "import mirror", [16]byte(id[:16])),
	}, nil
}

// journalName is where a device's journal is below the prefix: devices of a job may
// be imported side by side, under one run id.
func journalName(scope manifest.Scope, runID string) string {
	return fmt.Sprintf("%s%s/%s-%d/", JournalPrefix, runID, scope.Device, scope.Generation)
}

// put stores one object in place of what was there, or on condition that nothing was.
func (m *mirror) put(ctx context.Context, name string, v any, ifAbsent bool) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	frame, _, err := m.frames.Encrypt(nil, text, 0, [16]byte{}, []byte(name))
	if err != nil {
		return err
	}
	what := request.Call{Name: request.PutObject, Key: m.prefix + name, Payload: int64(len(frame)), Aside: strings.HasPrefix(name, mirrorLeases), Inner: true}
	return m.calls.Briefly(m.own, func(own target.Attributes) error {
		return m.calls.Idempotent(ctx, what, func(ctx context.Context) error {
			b := content.NewBody(content.Inline(frame), 0, what.Payload).Watched(request.ClockOf(ctx))
			defer b.Detach()
			stored, err := m.target.Put(ctx, target.PutRequest{Key: what.Key, Body: b, Size: what.Payload, SHA256: crypto.SumSHA256(frame), Attributes: own, IfAbsent: ifAbsent})
			if err == nil {
				m.plain.Store(stored.VersionID == "")
			}
			return err
		})
	})
}

// asking is how often a read is tried: caller.idempotent, or caller.once for a look that
// may fail.
type asking func(context.Context, request.Call, func(context.Context) error) error

// get reads an object of at most so many bytes.
func (m *mirror) get(ctx context.Context, name string, limit int64, v any) error {
	return m.read(ctx, m.calls.Idempotent, name, limit, v)
}

// getWritten is get of an object that the target has by its answer to a write, or by its list:
// GET may find it late.
func (m *mirror) getWritten(ctx context.Context, name string, limit int64, v any) error {
	get := func() error { return m.get(ctx, name, limit, v) }
	err := get()
	if target.IsNotFound(err) {
		err = m.calls.ShownLate(ctx, err, get)
	}
	return err
}

func (m *mirror) read(ctx context.Context, ask asking, name string, limit int64, v any) error {
	var frame []byte
	free := strings.HasPrefix(name, mirrorLeases)
	err := ask(ctx, request.Call{Name: request.GetObject, Key: m.prefix + name, Payload: limit, Free: free}, func(ctx context.Context) error {
		body, err := request.Get(ctx, m.target, m.prefix+name, "")
		if err != nil {
			return err
		}
		defer body.Close() // read only
		if frame, err = io.ReadAll(io.LimitReader(body, limit+1)); err != nil {
			return target.Unknown(target.NewError(target.CodeConnectionLost, "", err.Error(), err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if int64(len(frame)) > limit {
		return m.bad(name, fmt.Errorf("over %d bytes", limit))
	}
	text, _, err := m.frames.Decrypt(nil, frame, 0, [16]byte{}, []byte(name))
	if err == nil {
		err = json.Unmarshal(text, v)
	}
	if err != nil {
		return m.bad(name, err)
	}
	return nil
}

func (m *mirror) bad(name string, err error) error {
	return target.NewError(target.CodeTargetJournal, m.prefix+name, err.Error(), err)
}

func (m *mirror) head(ctx context.Context, ask asking, name string) error {
	return ask(ctx, request.Call{Name: request.HeadObject, Key: m.prefix + name, Free: true}, func(ctx context.Context) error {
		_, err := m.target.Head(ctx, m.prefix+name)
		return err
	})
}

// each calls f for the names that begin with a text, in the order of the store.
func (m *mirror) each(ctx context.Context, begin string, f func(name string) error) error {
	if !m.target.Capabilities().List {
		return target.NewError(target.CodeRefused, "", "the target lists no keys, which a journal in it needs", nil)
	}
	after, turns := "", target.NewLoopGuard()
	for {
		var page []target.Listed
		var next string
		err := m.calls.Idempotent(ctx, request.Call{Name: request.ListObjectsV2, Key: m.prefix + begin}, func(ctx context.Context) (err error) {
			page, next, err = m.target.List(ctx, m.prefix+begin, after)
			return err
		})
		for _, l := range page {
			if err == nil {
				err = f(strings.TrimPrefix(l.Key, m.prefix))
			}
		}
		if err != nil || next == "" {
			return err
		}
		if turns.Closes(next) {
			return target.ListingStuck(m.prefix)
		}
		after = next
	}
}

// eachAtOnce calls f for the names that begin with a text, for several at once.
func (m *mirror) eachAtOnce(ctx context.Context, begin string, f func(ctx context.Context, name string) error) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	names := make(chan string)
	ends := make([]error, mirrorAtOnce)
	var workers sync.WaitGroup
	for i := range ends {
		workers.Go(func() {
			for name := range names {
				if err := f(ctx, name); err != nil && ends[i] == nil {
					ends[i] = err
					quit()
				}
			}
		})
	}
	err := m.each(ctx, begin, func(name string) error {
		select {
		case names <- name:
			return nil
		case <-ctx.Done():
			return request.ErrStopped
		}
	})
	close(names)
	workers.Wait()
	return request.First(append(ends, err))
}

// clear removes what begins with a text, but for names that stay. nil says that nothing else
// is there, by the list and by the looks at what it names.
func (m *mirror) clear(ctx context.Context, begin string, stays func(name string) bool) error {
	return m.eachAtOnce(ctx, begin, func(ctx context.Context, name string) error {
		if stays(name) {
			return nil
		}
		return m.removeListed(ctx, name)
	})
}

// hexNumber reads a number as the names of pages and uploads end in.
func hexNumber(text string) (n uint64, ok bool) {
	if len(text) != 16 {
		return 0, false
	}
	_, err := fmt.Sscanf(text, "%016x", &n)
	return n, err == nil && fmt.Sprintf("%016x", n) == text
}
