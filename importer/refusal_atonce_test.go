package importer

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// slowPut is a store that answers a write of one kind after its object was removed, or
// after a while.
type slowPut struct {
	*picky
	slow    func(target.PutRequest) bool
	began   chan struct{}
	removed chan struct{}
	once    sync.Once
}

func (s *slowPut) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	stored, err := s.picky.Put(ctx, in)
	if s.slow(in) {
		s.once.Do(func() {
			close(s.began)
			select {
			case <-s.removed:
			case <-time.After(300 * time.Millisecond):
			}
		})
	}
	return stored, err
}

func (s *slowPut) Delete(ctx context.Context, key, version string) error {
	err := s.picky.Delete(ctx, key, version)
	select {
	case <-s.began:
		select {
		case s.removed <- struct{}{}:
		default:
		}
	default:
	}
	return err
}

// TestRefusalOfKeyAndAttributesAtOnce: while the target is asked for another key, nobody
// removes the object that it is asked with.
func TestRefusalOfKeyAndAttributesAtOnce(t *testing.T) {
	s, f := many(40), newFake(t)
	store := &slowPut{picky: &picky{fakeTarget: f}, began: make(chan struct{}), removed: make(chan struct{}, 1)}
	var mu sync.Mutex
	denied := false
	store.slow = func(in target.PutRequest) bool {
		mu.Lock()
		defer mu.Unlock()
		return denied && strings.Contains(in.Key, probe.Prefix) && in.Metadata[plan.MetaEntry] == "put"
	}
	store.rule = func(kind, key string, a target.Attributes) error {
		switch key {
		case "in/f00":
			mu.Lock()
			defer mu.Unlock()
			denied = true
			return target.NewError(target.CodePolicyDenied, key, "", nil)
		case "in/f01":
			<-store.began
			return target.NewError(target.CodeRefused, key, "status 400: InvalidRequest", nil)
		}
		return nil
	}
	o := testOptions(t, memDisk())
	o.Rules = parseRules(t, `{"version":1,"objects":[{"tags":{"a":"b"}}]}`)
	res, err := Run(context.Background(), s, store, o)
	if !target.HasCode(err, target.CodePolicyDenied) || res.Unfinished != 1 || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || f.entries() != 39 {
		t.Errorf("%v, %d objects, %+v", err, f.entries(), res)
	}
}
