package importer

import (
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestEndpointOfRun: a run has the endpoint of its client in its identity, and one that was
// recorded with a slash at its end is the same.
func TestEndpointOfRun(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	at := func(endpoint string) target.Target { return located{f, endpoint} }
	o := testOptions(t, disk)
	mustRun(t, s, at("https://a.example.org/"), o)
	if res := mustRun(t, s, at("https://a.example.org"), o); !res.Earlier {
		t.Errorf("%+v", res)
	}
	if _, err := Run(t.Context(), s, at("https://b.example.org"), o); !target.HasCode(err, target.CodeStateMismatch) {
		t.Errorf("at another store: %v", err)
	}
}

// located is a target that says where it is.
type located struct {
	*fakeTarget
	endpoint string
}

func (l located) Capabilities() target.Capabilities {
	c := l.fakeTarget.Capabilities()
	c.Endpoint = true
	return c
}

func (l located) Endpoint() string { return l.endpoint }
