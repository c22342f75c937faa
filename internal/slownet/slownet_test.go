package slownet

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"time"
)

// echo answers with what it was sent.
func echo(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil && r.Method != http.MethodHead {
			_, _ = w.Write(body)
		}
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func start(t *testing.T, o Options) *Proxy {
	t.Helper()
	p, err := Start(t.Context(), "127.0.0.1:0", echo(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// asker asks through a proxy, and says whether the connection was an old one.
func asker(t *testing.T, p *Proxy) func(method, body string) (answer string, reused bool, err error) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return func(method, body string) (answer string, reused bool, err error) {
		trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { reused = i.Reused }}
		ctx, cancel := context.WithTimeout(httptrace.WithClientTrace(t.Context(), trace), 30*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, "http://"+p.Address()+"/"+strings.ToLower(method), strings.NewReader(body))
		if err != nil {
			return "", false, err
		}
		res, err := transport.RoundTrip(r)
		if err != nil {
			return "", reused, err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return string(text), reused, err
	}
}

// TestRoundTrip takes two round trips for the first request of a connection, one
// of which opens it, and one for the next.
func TestRoundTrip(t *testing.T) {
	const trip = 40 * time.Millisecond
	var mu sync.Mutex
	var lines []string
	p := start(t, Options{RoundTrip: trip, OnTurn: func(_ int, line string) {
		mu.Lock()
		lines = append(lines, line)
		mu.Unlock()
	}})
	ask := asker(t, p)
	for i, trips := range []time.Duration{2, 1} {
		began := time.Now()
		answer, _, err := ask("PUT", "text")
		if err != nil || answer != "text" {
			t.Fatalf("%q, %v", answer, err)
		}
		if took := time.Since(began); took < trips*trip {
			t.Errorf("request %d took %v", i, took)
		}
	}
	if s := p.Stats(); s.Connections != 1 || s.Most != 1 || s.Turns != 2 || s.Up == 0 || s.Down == 0 {
		t.Errorf("%+v", s)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(lines) != 2 || lines[0] != "PUT /put HTTP/1.1" {
		t.Errorf("%q", lines)
	}
}

// TestRate holds a connection, but not two at once, to its bandwidth.
func TestRate(t *testing.T) {
	p := start(t, Options{})
	p.SetRate(4 << 20)
	ask, body := asker(t, p), strings.Repeat("x", 200<<10)
	began := time.Now()
	if answer, _, err := ask("PUT", body); err != nil || answer != body {
		t.Fatalf("%d bytes, %v", len(answer), err)
	}
	if took := time.Since(began); took < 90*time.Millisecond {
		t.Errorf("200 KiB went both ways at 4 MiB/s in %v", took)
	}
}

// TestWindow takes more than a window in one message, and all of it arrives.
func TestWindow(t *testing.T) {
	p := start(t, Options{RoundTrip: 4 * time.Millisecond})
	body := string(bytes.Repeat([]byte("0123456789"), Window/10+7))
	if answer, _, err := asker(t, p)("PUT", body); err != nil || answer != body {
		t.Errorf("%d bytes of %d, %v", len(answer), len(body), err)
	}
}

// TestCloseEach tells the client that the connection is closed: none is used twice,
// and none breaks.
func TestCloseEach(t *testing.T) {
	p := start(t, Options{CloseEach: true})
	ask := asker(t, p)
	for _, method := range []string{"PUT", "HEAD", "PUT"} {
		answer, reused, err := ask(method, "text")
		if err != nil || reused || method == "PUT" && answer != "text" {
			t.Errorf("%s: %q, reused %v, %v", method, answer, reused, err)
		}
	}
	if s := p.Stats(); s.Connections != 3 {
		t.Errorf("%+v", s)
	}
}

// TestCut breaks every second connection.
func TestCut(t *testing.T) {
	p := start(t, Options{CutEvery: 2, CutAfter: 1000})
	for i := range 4 {
		_, _, err := asker(t, p)("PUT", strings.Repeat("x", 5000))
		if cut := i%2 == 1; cut != (err != nil) {
			t.Errorf("connection %d: %v", i+1, err)
		}
	}
	if s := p.Stats(); s.Cut != 2 {
		t.Errorf("%+v", s)
	}
}

// TestEnds closes connections that wait, with the context and with the server.
func TestEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := Start(ctx, "127.0.0.1:0", echo(t), Options{RoundTrip: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	answer := make(chan error, 1)
	go func() {
		_, _, err := asker(t, p)("PUT", "text")
		answer <- err
	}()
	for p.Stats().Up == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-answer; err == nil {
		t.Error("an answer came from an hour away")
	}
	p.Close()
	if s := p.Stats(); s.Open != 0 {
		t.Errorf("%+v", s)
	}
	refused, err := Start(t.Context(), "127.0.0.1:0", "127.0.0.1:1", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer refused.Close()
	if _, _, err := asker(t, refused)("PUT", "text"); err == nil {
		t.Error("an answer came from nobody")
	}
}
