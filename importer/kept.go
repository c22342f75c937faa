package importer

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// keptAttributes learns from HEAD whether the target keeps what the rules ask for.
// Objects are looked at until one of each set of attributes, and of each kind of write,
// was seen with all of them: stores have kept attributes of PUT and dropped those of
// CreateMultipartUpload. What lacks is said once for each kind, and noted at every
// object that was seen without it.
type keptAttributes struct {
	mu     sync.Mutex
	seen   map[string]bool // kind of write and canonical text of sets that were kept
	lacked map[string]bool // kind of write and name
}

// keptSet names a set of attributes as one kind of write asks for it.
func keptSet(write string, a target.Attributes) string {
	text, _ := json.Marshal(a) // of plain fields: cannot fail
	return write + " " + string(text)
}

// looked reports whether the target is known to keep these attributes.
func (k *keptAttributes) looked(write string, a target.Attributes) bool {
	if a.Empty() {
		return true
	}
	set := keptSet(write, a)
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen[set]
}

// look takes what HEAD showed, and returns what was dropped and what of it is news.
func (k *keptAttributes) look(write string, a target.Attributes, s target.Shown) (dropped, news []string) {
	if a.Empty() {
		return nil, nil
	}
	set := keptSet(write, a)
	dropped = a.Dropped(s)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen, k.lacked = map[string]bool{}, map[string]bool{}
	}
	switch {
	case len(dropped) > 0:
		delete(k.seen, set)
	case len(k.seen) < maxKeptSets:
		k.seen[set] = true
	}
	for _, name := range dropped {
		if !k.lacked[write+name] {
			k.lacked[write+name] = true
			news = append(news, name)
		}
	}
	return dropped, news
}

// maxKeptSets bounds the memory: locks until a moment of each object's own would
// make a set an object. Sets beyond it are looked at each time.
const maxKeptSets = 10000

// wrote reports whether an object is what this transfer's own write was answered with,
// whatever the target keeps of its metadata.
func (t *transfer) wrote(obj target.Object) bool {
	return t.stored.ETag != "" && t.stored.ETag == obj.ETag && t.stored.VersionID == obj.VersionID
}

// keepsMetadata reports whether the target keeps the metadata of the write that stores an
// object.
func (r *run) keepsMetadata(a *plan.Action) bool {
	return r.probe.KeepsMetadata && !(r.probe.DropsPartsMetadata && r.writeOf(a) == request.CreateMultipartUpload)
}

// mayBeOurs tells an object that has to be looked at for a lock or an encryption although
// it does not say whose it is: the target keeps no metadata of such a write.
func (r *run) mayBeOurs(a *plan.Action, obj target.Object) bool {
	return a.Attributes.Protects() && !r.keepsMetadata(a) && obj.Metadata[plan.MetaRun] == ""
}

// writeOf is the kind of write that stores an object.
func (r *run) writeOf(a *plan.Action) string {
	if a.Kind == plan.ActionMultipart || r.opts.DeferComplete > 0 && a.Size > 0 {
		return request.CreateMultipartUpload
	}
	return request.PutObject
}

// keeps notes in an outcome what the target dropped. A lock or an encryption that the
// target does not show is an error of the object.
func (r *run) keeps(a *plan.Action, obj target.Object, rec *record) error {
	write := r.writeOf(a)
	dropped, news := r.kept.look(write, a.Attributes, obj.Shown)
	var grave []string
	for _, name := range dropped {
		if target.Protecting(name) {
			grave = append(grave, name)
		}
	}
	for _, name := range news {
		if !slices.Contains(grave, name) {
			r.problem(target.NewError(target.CodeAttributeDropped, a.Path, fmt.Sprintf("%s, by %s; further objects without it are noted in the receipts only", name, write), nil))
		}
	}
	if len(grave) > 0 {
		return target.NewError(target.CodeAttributeMissing, a.Path, fmt.Sprintf("%s, by %s", strings.Join(grave, ", "), write), nil)
	}
	if len(dropped) > 0 {
		rec.Detail = strings.TrimPrefix(rec.Detail+"; not shown by the target: "+strings.Join(dropped, ", "), "; ")
	}
	return nil
}
