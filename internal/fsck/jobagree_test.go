package fsck

import (
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
	"github.com/sledge-io/sledge/manifest"
)

// jobValues are what the names of a job file are told instead, at the limits and beyond.
var jobValues = []any{
	json.RawMessage("0"), json.RawMessage("1"), json.RawMessage("-1"), json.RawMessage("1.0"), json.RawMessage("1e3"),
	json.RawMessage("9223372036854775807"), json.RawMessage("9223372036854775808"), json.RawMessage("18446744073709551616"), json.RawMessage("-0"),
	16, 17, 32, 64, 65, 3600, 3601, 4095, 4096, 8191, 8192, 99_999, 100_000, 10_000_000, 10_000_001, 1 << 20, 1<<20 + 1, 1 << 24, 1 << 25, 64 << 30, 64<<30 + 1,
	"", "x", "AAAA", "AAB=", "import", "argon2id", "pbkdf2-hmac-sha256", "whole", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00", "2026-01-01", "s3://bucket/", "file:///x",
	make([]byte, 15), make([]byte, 16), make([]byte, 64), make([]byte, 65), strings.Repeat("ab", 16), strings.Repeat("AB", 16), strings.Repeat("0", 32),
	true, false, nil, []any{}, []any{nil}, map[string]any{}, map[string]any{"x": 1},
}

// eachJob gives a job file's predicate with one name at a time left out, told anew, or more.
func eachJob(base any, give func(what string)) {
	switch v := base.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			was := v[name]
			delete(v, name)
			give("no " + name)
			v[strings.ToUpper(name)] = was
			give("another case of " + name)
			delete(v, strings.ToUpper(name))
			for _, other := range jobValues {
				text, _ := json.Marshal(other)
				if like, _ := json.Marshal(was); len(text) > 2 && text[0] != like[0] && (text[0] == '"' || like[0] == '"' || like[0] == '{' || like[0] == '[') {
					continue // of another type: the short ones show it
				}
				v[name] = other
				give(name + " " + string(text))
			}
			v[name] = was
			eachJob(was, give)
		}
	case []any:
		for i := range v {
			was := v[i]
			v[i] = nil
			give("null in a list")
			v[i] = 5
			give("a number in a list")
			v[i] = was
			eachJob(was, give)
		}
	}
}

// predicateOf is the predicate of a signed statement as JSON has it.
func predicateOf(t *testing.T, raw []byte) (all map[string]any) {
	t.Helper()
	e, err := wire.ParseEnvelope(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(e.Payload, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestJobsAgree: verifier and reader take the same job files.
func TestJobsAgree(t *testing.T) {
	d := makeDevice(t, smallPlan().changed(func(p *plan) { p.ageFile = ageHead }))
	tried, taken, told := 0, 0, 0
	for i, kdf := range []map[string]any{
		{"kind": "pbkdf2-hmac-sha256", "salt": make([]byte, 16), "iterations": 100_000},
		{"kind": "argon2id", "salt": make([]byte, 16), "time": 3, "memory_kib": 65536, "threads": 2},
	} {
		all := predicateOf(t, d.job)
		p := all["predicate"].(map[string]any)
		p["unlock"].(map[string]any)["kdf"] = kdf
		p["policy"].(map[string]any)["classic_recovery"] = true
		p["devices"].([]any)[0].(map[string]any)["protection"] = "none"
		spki := p["signer"] // any key: the roles of erasure are held to no others
		p["roles"].(map[string]any)["eraser"], p["roles"].(map[string]any)["validator"] = []any{spki}, []any{spki}
		p["policy"].(map[string]any)["hold"] = "case 7"
		p["roles"].(map[string]any)["custodian"] = []any{
			map[string]any{"vkey": custodianKey(t, "alice.example", 1), "name": "Alice", "organisation": "Carriers"},
			map[string]any{"vkey": custodianKey(t, "bob.example", 2), "name": "Bob", "organisation": ""},
		}
		try := func(what string) {
			raw := dsse(t, d.jobKey, all)
			_, ours := wire.OpenJob(raw, &Trust{Key: public(d.jobKey)})
			_, theirs := manifest.OpenJob(raw, d.jobKey.Public().(ed25519.PublicKey))
			if tried++; ours == nil {
				taken++
			}
			if (ours == nil) != (theirs == nil) && told < 30 {
				told++
				t.Errorf("%s: verifier: %v; reader: %v", what, ours, theirs)
			}
		}
		try("nothing")
		if i == 0 {
			eachJob(all, try)
		} else {
			eachJob(p["unlock"], try)
		}
		for name, n := range map[string]int{"recipients": wire.MaxRecipients, "devices": wire.MaxDevices} {
			list := p[name].([]any)
			for _, n := range []int{n, n + 1} {
				p[name] = append(slices.Clone(list), slices.Repeat(list[:1], n-len(list))...)
				try(name)
			}
			p[name] = list
		}
		for n := 1215; n <= 1217; n++ {
			list := p["recipients"].([]any)
			p["recipients"] = []any{siteRecipient(make([]byte, n))}
			try("a site key of another length")
			p["recipients"] = list
		}
		p["site"] = strings.Repeat("x", wire.MaxJobSize)
		try("a file of more than 1 MiB")
		p["site"] = "Example"
		roles := p["roles"].(map[string]any)
		for name, keys := range maps.Clone(roles) {
			for _, n := range []int{wire.MaxRoleKeys, wire.MaxRoleKeys + 1} {
				roles[name] = slices.Repeat(keys.([]any)[:1], n)
				try(name)
			}
			roles[name] = keys
		}
	}
	if taken == 0 {
		t.Error("no job file is taken")
	}
	t.Logf("figure: %d job files, %d taken", tried, taken)
}

// custodianKey is the verifier key of a cosigner whose key is made of a number.
func custodianKey(t *testing.T, name string, seed byte) string {
	t.Helper()
	key := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed)).Public().(ed25519.PublicKey)
	k, err := manifest.NewCosignerKey(name, key)
	if err != nil {
		t.Fatal(err)
	}
	return k.String()
}

// TestCustodiansAgree: verifier and reader refuse the same custodians.
func TestCustodiansAgree(t *testing.T) {
	d := makeDevice(t, smallPlan())
	all := predicateOf(t, d.job)
	roles := all["predicate"].(map[string]any)["roles"].(map[string]any)
	own := func(name string, key ed25519.PrivateKey) string {
		k, err := manifest.NewCosignerKey(name, key.Public().(ed25519.PublicKey))
		if err != nil {
			t.Fatal(err)
		}
		return k.String()
	}
	one := func(vkey, name string) any { return map[string]any{"vkey": vkey, "name": name, "organisation": "x"} }
	a, b := custodianKey(t, "a.example", 1), custodianKey(t, "b.example", 2)
	for what, c := range map[string]struct {
		list []any
		good bool
	}{
		"two":                     {[]any{one(a, "A"), one(b, "B")}, true},
		"none":                    {[]any{}, true},
		"nobody":                  {[]any{one("none", "A")}, false},
		"one twice":               {[]any{one(a, "A"), one(a, "A")}, false},
		"a key under two names":   {[]any{one(a, "A"), one(custodianKey(t, "c.example", 1), "C")}, false},
		"a name with two keys":    {[]any{one(a, "A"), one(custodianKey(t, "a.example", 3), "C")}, false},
		"the signer's key":        {[]any{one(own("s.example", d.jobKey), "S")}, false},
		"the device's key":        {[]any{one(own("d.example", d.deviceKey), "D")}, false},
		"a control character":     {[]any{one(a, "A\x1b[2J")}, false},
		"no name":                 {[]any{one(a, "")}, false},
		"a long name":             {[]any{one(a, strings.Repeat("x", 257))}, false},
		"another hash in the key": {[]any{one(strings.Replace(a, "+", "+0", 1), "A")}, false},
		"a space in the key":      {[]any{one(strings.Replace(a, "a.ex", "a ex", 1), "A")}, false},
		"a log's key":             {[]any{one("a.example+00000000+AQ==", "A")}, false},
		"65":                      {slices.Repeat([]any{one(a, "A")}, 65), false},
	} {
		roles["custodian"] = c.list
		raw := dsse(t, d.jobKey, all)
		_, ours := wire.OpenJob(raw, &Trust{Key: public(d.jobKey)})
		_, theirs := manifest.OpenJob(raw, d.jobKey.Public().(ed25519.PublicKey))
		if (ours == nil) != c.good || (theirs == nil) != c.good {
			t.Errorf("%s: verifier: %v; reader: %v", what, ours, theirs)
		}
	}
}
