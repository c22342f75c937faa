package s3

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/s3test"
)

// closer is a store that answers each request with 200 and closes the connection then.
type closer struct {
	net.Listener
	says, keeps bool            // says that it closes; keeps its connections
	errors      bool            // keeps all but those of errors, of which each second answer is one
	ctx         context.Context // of the test
	accepted    atomic.Int64
	mu          sync.Mutex
	open, most  int
}

func newCloser(t *testing.T, says, keeps, errors bool) *closer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &closer{Listener: l, says: says, keeps: keeps, errors: errors, ctx: t.Context()}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.accepted.Add(1)
			c.note(1)
			all.Go(func() { defer c.note(-1); defer conn.Close(); c.serve(conn) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return c
}

func (c *closer) note(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open += n
	c.most = max(c.most, c.open)
}

func (c *closer) serve(conn net.Conn) {
	defer context.AfterFunc(c.ctx, func() { conn.Close() })()
	in := bufio.NewReader(conn)
	for n := 0; ; n++ {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		end := ""
		if c.says {
			end = "Connection: close\r\n"
		}
		if c.errors && n%2 == 1 {
			_, _ = io.WriteString(conn, "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			return
		}
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\nETag: \"0\"\r\nContent-Length: 0\r\n"+end+"\r\n")
		if err != nil || !c.keeps {
			return
		}
	}
}

// TestStoreThatCloses: a store that closes each connection, with a word or without, is recognised;
// connections are then opened ahead, within the bound. One that keeps them gets none ahead.
func TestStoreThatCloses(t *testing.T) {
	s3test.CleanAWS(t)
	const requests, workers, each = 24, 8, 60
	for name, c := range map[string]*closer{"header": newCloser(t, true, false, false), "FIN": newCloser(t, false, false, false),
		"keeps": newCloser(t, false, true, false), "keeps but after errors": newCloser(t, false, true, true)} {
		t.Run(name, func(t *testing.T) {
			to, err := Open(t.Context(), Config{Bucket: "bucket", Endpoint: "http://" + c.Addr().String(), PathStyle: true, Profile: "generic", Requests: requests,
				Credentials: &Credentials{AccessKey: "a", SecretKey: "secretsecret"}})
			if err != nil {
				t.Fatal(err)
			}
			carrier := carrierOf(t, to)
			var failed atomic.Int64
			var all sync.WaitGroup
			for range workers {
				all.Go(func() {
					for range each {
						if _, err := to.Put(t.Context(), target.PutRequest{Key: "k", Body: emptyBody{}}); err != nil {
							failed.Add(1)
						}
					}
				})
			}
			all.Wait()
			if got := carrier.closing.each(); got == c.keeps {
				t.Errorf("recognised as closing: %v", got)
			}
			// Before it is recognised, a connection that is being closed without a word may be taken again.
			if n := failed.Load(); !c.errors && (n > 2*closingMemory || name != "FIN" && n > 0) {
				t.Errorf("%d requests have failed", n)
			}
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.most > requests {
				t.Errorf("%d connections at once, bound %d", c.most, requests)
			}
			if n := c.accepted.Load(); c.keeps && !c.errors && n > 2*workers {
				t.Errorf("%d connections to a store that keeps them, for %d workers", n, workers)
			}
		})
	}
}

// emptyBody is content without bytes.
type emptyBody struct{}

func (emptyBody) Read([]byte) (int, error)       { return 0, io.EOF }
func (emptyBody) Seek(int64, int) (int64, error) { return 0, nil }

func carrierOf(t *testing.T, b *Bucket) oneEach {
	t.Helper()
	client, ok := b.api().Options().HTTPClient.(*http.Client)
	if !ok {
		t.Fatalf("%T", b.api().Options().HTTPClient)
	}
	return client.Transport.(answerCap).RoundTripper.(bucketHost).RoundTripper.(oneEach)
}

// slowDial opens a connection in a second of time that does not pass.
type slowDial struct {
	mu             sync.Mutex
	at, most, made int
	ended          int
}

func (d *slowDial) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	d.mu.Lock()
	d.at++
	d.most = max(d.most, d.at)
	d.mu.Unlock()
	defer func() { d.mu.Lock(); d.at--; d.mu.Unlock() }()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made++
	return &idleConn{d: d}, nil
}

func (d *slowDial) living() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.made - d.ended
}

// idleConn answers one read.
type idleConn struct {
	net.Conn
	d *slowDial
}

func (c *idleConn) Read(p []byte) (int, error) { return 1, nil }
func (c *idleConn) Close() error {
	c.d.mu.Lock()
	defer c.d.mu.Unlock()
	c.d.ended++
	return nil
}

// TestHandshakesBeside: with a store that closes each connection, handshakes run beside one another
// and beside the requests, the bound holds, and what nobody uses is closed.
func TestHandshakesBeside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most, workers = 24, 10
		d := &slowDial{}
		s := newSpares(d.dial, &closing{}, most)
		for range closingFirst {
			s.closing.request()
			s.closing.end()
		}
		began, peak := time.Now(), atomic.Int64{}
		var all sync.WaitGroup
		for range workers {
			all.Go(func() {
				for range 20 {
					conn, err := s.DialContext(t.Context(), "tcp", "store:80")
					if err != nil {
						t.Error(err)
						return
					}
					peak.Store(max(peak.Load(), int64(d.living())))
					_, _ = conn.Read(nil)
					time.Sleep(time.Second) // the answer is as far as the handshake
					_ = conn.Close()
				}
			})
		}
		all.Wait()
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("20 requests of a second each took %v: 40 s is a handshake before each", took)
		}
		time.Sleep(2 * spareLife)
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.most < workers || d.most > most || peak.Load() > most {
			t.Errorf("%d handshakes at once, %d connections: want %d to %d", d.most, peak.Load(), workers, most)
		}
		if n := d.made - d.ended; n != 0 || s.open != 0 || s.count != 0 || len(s.opening) != 0 {
			t.Errorf("%d connections are left: %d used, %d ready, %d opening", n, s.open, s.count, len(s.opening))
		}
	})
}

// TestBoundIsForWhoWaits: connections that are opened ahead give way to those that somebody waits for.
func TestBoundIsForWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 8
		d := &slowDial{}
		s := newSpares(d.dial, &closing{}, most)
		for range closingFirst {
			s.closing.request()
			s.closing.end()
		}
		var all sync.WaitGroup
		for range most {
			all.Go(func() {
				conn, err := s.DialContext(t.Context(), "tcp", "store:80")
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				time.Sleep(100 * time.Millisecond)
			})
		}
		time.Sleep(500 * time.Millisecond)
		d.mu.Lock()
		at := d.at
		d.mu.Unlock()
		if at > most {
			t.Errorf("%d handshakes at once, the bound is %d", at, most)
		}
		all.Wait()
		time.Sleep(2 * spareLife)
		if n := d.living(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

// TestClosingForgets: connections that end for another reason make no store one that closes each, and
// one that was is asked again.
func TestClosingForgets(t *testing.T) {
	now := time.Now()
	c := &closing{now: func() time.Time { return now }}
	for i := range 1000 {
		c.request()
		if i%10 == 0 {
			c.end()
		}
	}
	if c.each() {
		t.Error("a tenth of the connections was cut")
	}
	for range 2 * closingMemory {
		c.request()
		c.end()
	}
	if !c.each() {
		t.Error("not recognised")
	}
	now = now.Add(closingHolds)
	if c.each() {
		t.Error("never asked again")
	}
}
