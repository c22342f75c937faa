package e2e

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/s3test"
)

// TestEndpointOfEnvironment: the endpoint that AWS_ENDPOINT_URL_S3 names is part of a run. The
// same command where it names another store is refused, with a slash at its end it goes on.
func TestEndpointOfEnvironment(t *testing.T) {
	server := s3test.Start(t)
	w := newWorld(t, options{geometry: "2+1", disks: 3, server: server, job: []string{"--fips"}})
	src := w.mkdir("src")
	write(t, src+"/a", "a")
	w.sealed(src)
	args := append([]string{"import", "run", "--state", w.path("state"), "--path-style", "--halt-wait", "0"}, w.centre()...)
	env := w.env
	at := func(endpoint string) { w.env = append(env[:len(env):len(env)], "AWS_ENDPOINT_URL_S3="+endpoint) }
	at(server.Endpoint)
	w.must(args...)
	at("http://127.0.0.1:9")
	w.refused(t, exitTarget, "state-mismatch Endpoint "+server.Endpoint, args...)
	at(server.Endpoint + "/")
	if r := w.must(args...); !strings.Contains(r.stdout, "there is nothing to do") {
		t.Error(r)
	}
}
