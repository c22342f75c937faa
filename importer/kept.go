package importer

import (
	"encoding/json"
	"strings"
	"sync"
)

// keptAttributes learns from HEAD whether the target keeps what the rules ask for.
// One object of each set of attributes is looked at; what one of them lacks is
// said once, and noted at every object that was seen without it.
type keptAttributes struct {
	mu     sync.Mutex
	seen   map[string]bool // canonical texts of sets
	lacked map[string]bool // names
}

// looked tells whether an object with these attributes was looked at.
func (k *keptAttributes) looked(a Attributes) bool {
	if a.none() {
		return true
	}
	text, _ := json.Marshal(a) // of plain fields: cannot fail
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen[string(text)]
}

// look takes what HEAD showed, and returns what was dropped and what of it is news.
func (k *keptAttributes) look(a Attributes, s Shown) (dropped, news []string) {
	if a.none() {
		return nil, nil
	}
	text, _ := json.Marshal(a)
	dropped = a.Dropped(s)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.seen == nil {
		k.seen, k.lacked = map[string]bool{}, map[string]bool{}
	}
	if len(k.seen) < maxKeptSets {
		k.seen[string(text)] = true
	}
	for _, name := range dropped {
		if !k.lacked[name] {
			k.lacked[name] = true
			news = append(news, name)
		}
	}
	return dropped, news
}

// maxKeptSets bounds the memory: locks until a moment of each object's own would
// make a set an object. Sets beyond it are looked at each time.
const maxKeptSets = 10000

// keeps notes in an outcome what the target dropped.
func (r *run) keeps(a *Action, obj Object, rec *record) {
	dropped, news := r.kept.look(a.Attributes, obj.Shown)
	for _, name := range news {
		r.problem(newError(CodeAttributeDropped, a.Path, name+"; further objects without it are noted in the receipts only", nil))
	}
	if len(dropped) > 0 {
		rec.Detail = strings.TrimPrefix(rec.Detail+"; not shown by the target: "+strings.Join(dropped, ", "), "; ")
	}
}
