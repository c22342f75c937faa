package e2e

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/internal/s3test"
)

// hostClock is the clock of a run's host: up to ten minutes off, and jumping. A store
// refuses what is fifteen off, but it looks at what the client signs.
type hostClock struct {
	mu    sync.Mutex
	dice  *rand.Rand
	off   time.Duration
	left  int // looks until it jumps
	given map[time.Time]bool
}

func newHostClock(seed uint64) *hostClock {
	return &hostClock{dice: rand.New(rand.NewPCG(seed, 0x636c6f63))}
}

// start forgets what was told before a start.
func (c *hostClock) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.given = map[time.Time]bool{}
}

// Now tells the time.
func (c *hostClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left < 0 {
		c.left, c.off = c.dice.IntN(2000), time.Duration(c.dice.IntN(1201)-600)*time.Second
	}
	now := time.Now().UTC().Round(0).Add(c.off)
	c.given[now] = true
	return now
}

// told tells whether this start was given this time.
func (c *hostClock) told(at time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.given[at.UTC()]
}

// versionedStore makes a bucket with versions beside a store's own.
func versionedStore(t *testing.T, s store) store {
	server := &s3test.Server{Endpoint: s.server.Endpoint, Region: s.server.Region, Bucket: "versioned", AccessKey: s.server.AccessKey, SecretKey: s.server.SecretKey}
	p := plain{server}
	p.must(t, http.MethodPut, "", nil, "")
	p.must(t, http.MethodPut, "", map[string]string{"versioning": ""}, `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Enabled</Status></VersioningConfiguration>`)
	return store{s.name, server}
}

// checkVersions: of a complete run each object has one version, and what the importer
// kept for itself has none, not even a hidden one.
func (f *faultRun) checkVersions() {
	all, err := f.look.versions(f.prefix)
	if err != nil {
		f.found("list versions: %v", err)
	}
	counts := map[string]int{}
	for _, v := range all {
		counts[v.Key]++
	}
	for key, n := range counts {
		_, ours := f.want[key]
		own := strings.Contains(key, probe.Prefix) || strings.Contains(key, importer.JournalPrefix)
		switch {
		case own && !f.ownExcused(key):
			f.found("%d versions of %q are left, and nobody said so", n, key)
		case ours && n > 1:
			f.found("%q has %d versions", key, n)
		}
	}
}
