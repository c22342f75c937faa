package importer

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/s3test"
	"github.com/sledge-io/sledge/internal/slownet"
)

// TestCutWay: a way that resets one of ten connections, to a store that closes each, costs at most a
// retry for each that was cut, and no object.
func TestCutWay(t *testing.T) {
	server := s3test.Start(t)
	way, err := slownet.Start(t.Context(), "127.0.0.1:0", strings.TrimPrefix(server.Endpoint, "http://"), slownet.Options{CloseEach: true, CutEvery: 10, CutAfter: 200})
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	s := mixed()
	for i := range 100 {
		s.file(fmt.Sprintf("many/%03d", i), pattern(byte(i), 1000+i))
	}
	o := s3Options(t, server, memDisk())
	o.Endpoint, o.Prefix, o.Backoff = "http://"+way.Address(), "in/", time.Millisecond
	to := newS3(t, o)
	res := mustRun(t, s, to, o)
	stats := way.Stats()
	if !res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != 108 || res.LeftUploads != 0 {
		t.Errorf("%+v", res)
	}
	if stats.Cut < 5 || res.Retries > int64(stats.Cut) {
		t.Errorf("%d retries after %d of %d connections were cut", res.Retries, stats.Cut, stats.Connections)
	}
	o.Endpoint = server.Endpoint
	compareS3(t, newS3(t, o), s)
}
