package e2e

import (
	"net/http"
	"testing"

	"github.com/sledge-io/sledge/internal/s3test"
)

// TestOutageLongerThanRetries: the store is away for longer than all retries of a request,
// half-way through an import: nobody listens, or everything is answered 503. The run halts,
// gives up no object, and goes on by itself when the store is back.
func TestOutageLongerThanRetries(t *testing.T) {
	t.Parallel()
	src := makeTree(t, 10, 20, 1<<20)
	for name, outage := range map[string]func(*testing.T, *s3test.Server, *storefront) (over func()){
		"nobody listens": func(t *testing.T, server *s3test.Server, _ *storefront) func() {
			server.Kill()
			return func() {
				if err := server.Restart(); err != nil {
					t.Fatal(err)
				}
			}
		},
		"503": func(_ *testing.T, _ *s3test.Server, front *storefront) func() {
			front.close(true)
			return func() { front.close(false) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := s3test.Start(t)
			w := newWorld(t, options{geometry: "2+1", disks: 3, server: server, job: []string{"--fips"}})
			w.sealed(src)
			front := startStorefront(t, server.Endpoint, server.AccessKey)
			held := front.after(5, writes)
			run := w.start(w.importArgs("--endpoint", front.URL, "--concurrency", "2", "--retries", "1")...)
			run.comesTo(t, held.reached)
			over := outage(t, server, front)
			held.open()
			run.halts(t, `"code":"`)
			over()
			run.completes(t)
			w.compareObjects(src)
		})
	}
}

// close has every request answered as by a store that is being mended, until it is undone.
func (f *storefront) close(yes bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = yes
}

// isClosed answers a request of a closed store.
func (f *storefront) isClosed(r *http.Request) *http.Response {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		return nil
	}
	return refuse(r, http.StatusServiceUnavailable, "ServiceUnavailable", "The store is being mended.")
}
