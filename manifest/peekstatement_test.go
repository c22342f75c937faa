package manifest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/crypto"
)

// TestPeekStatement: who reads a statement without a key takes it by the same rules as who
// verifies it, so that a report shows nothing that an audit refuses, and all that it takes.
func TestPeekStatement(t *testing.T) {
	type predicate struct {
		Version  int      `json:"version"`
		Critical []string `json:"critical"`
		Run      string   `json:"run"`
	}
	payload := `{"_type":"https://in-toto.io/Statement/v1","subject":[],"predicateType":"` + PredicateReceipt + `","predicate":{"version":1,"critical":[],"run":"r"}}`
	for name, c := range map[string]struct {
		from, to string
		ok       bool
	}{
		"as it is":           {"", "", true},
		"a critical name":    {`"critical":[]`, `"critical":["run"]`, true},
		"unknown critical":   {`"critical":[]`, `"critical":["later"]`, false},
		"version 2":          {`"version":1`, `"version":2`, false},
		"no version":         {`"version":1,`, ``, false},
		"another type":       {`Statement/v1"`, `Statement/v2"`, false},
		"another predicate":  {PredicateReceipt, PredicateSeal, false},
		"a name twice":       {`"run":"r"`, `"run":"r","run":"s"`, false},
		"nested too deep":    {`"run":"r"`, `"run":"r","x":` + strings.Repeat("[", 31) + strings.Repeat("]", 31), false},
		"as deep as allowed": {`"run":"r"`, `"run":"r","x":` + strings.Repeat("[", 30) + strings.Repeat("]", 30), true},
	} {
		text := strings.Replace(payload, c.from, c.to, 1)
		if !json.Valid([]byte(text)) {
			t.Fatalf("%s: %s", name, text)
		}
		env, err := crypto.SignDSSE(PayloadType, []byte(text), deviceKey)
		must(t, err)
		var opened, peeked predicate
		_, _, theirs := OpenStatement(env, PredicateReceipt, &opened, pub(deviceKey))
		st, ids, err := PeekStatement(env, PredicateReceipt, &peeked)
		if (err == nil) != c.ok || (theirs == nil) != c.ok {
			t.Errorf("%s: %v, opened: %v", name, err, theirs)
		}
		if c.ok && (st == nil || len(ids) != 1 || peeked.Run != "r") {
			t.Errorf("%s: %+v by %v", name, peeked, ids)
		}
	}
	long := append([]byte(payload), bytes.Repeat([]byte(" "), MaxStatement)...)
	if _, _, err := PeekStatement(long, PredicateReceipt, new(predicate)); err == nil {
		t.Error("one that is too long is taken")
	}
}
