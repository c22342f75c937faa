package fsck

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// jobWith is the device's job file with other values in its predicate, signed again.
func (d *testDevice) jobWith(t *testing.T, change map[string]any) []byte {
	t.Helper()
	var envelope struct {
		Payload string `json:"payload"`
	}
	var statement map[string]any
	if err := json.Unmarshal(d.job, &envelope); err != nil {
		t.Fatal(err)
	}
	payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &statement); err != nil {
		t.Fatal(err)
	}
	for name, value := range change {
		statement["predicate"].(map[string]any)[name] = value
	}
	return dsse(t, d.jobKey, statement)
}

// TestJobChoices: values that this version does not know are refused, as are those over
// the format's limits and a job file that shows another signer.
func TestJobChoices(t *testing.T) {
	d := makeDevice(t, smallPlan())
	policy := func(name string, value any) map[string]any {
		p := map[string]any{"file_digest": "whole", "symlinks": "object", "directories": "object", "pack_size": 4096, "pack_seconds": 3600}
		p[name] = value
		return map[string]any{"policy": p}
	}
	unlock := func(verifier int, kdf map[string]any) map[string]any {
		return map[string]any{"unlock": map[string]any{"verifier": make([]byte, verifier), "kdf": kdf}}
	}
	argon := map[string]any{"kind": "argon2id", "salt": make([]byte, 64), "time": 1, "memory_kib": 1 << 20, "threads": 16}
	good := map[string]map[string]any{
		"nothing": {}, "digests of parts": policy("file_digest", "parts"), "symlinks": policy("symlinks", "skip"), "directories": policy("directories", "skip"),
		"argon2id": unlock(32, argon), "no site's name": {"site": nil},
	}
	bad := map[string]map[string]any{
		"signer":       {"signer": spkiText(d.deviceKey)},
		"no signer":    {"signer": nil},
		"direction":    {"direction": "export"},
		"no direction": {"direction": nil},
		"file_digest":  policy("file_digest", "md5"),
		"symlinks":     policy("symlinks", "follow"),
		"directories":  policy("directories", "maybe"),
		"pack size":    policy("pack_size", 64<<30+1),
		"pack seconds": policy("pack_seconds", 0),
		"kdf":          unlock(32, map[string]any{"kind": "scrypt"}),
		"verifier":     unlock(31, argon),
		"salt":         unlock(32, map[string]any{"kind": "argon2id", "salt": make([]byte, 15), "time": 1, "memory_kib": 1 << 20, "threads": 16}),
		"iterations":   unlock(32, map[string]any{"kind": "pbkdf2-hmac-sha256", "salt": make([]byte, 16), "iterations": 99_999}),
		"both kinds":   unlock(32, map[string]any{"kind": "pbkdf2-hmac-sha256", "salt": make([]byte, 16), "iterations": 100_000, "time": 1}),
		"no unlock":    {"unlock": nil},
		"recipient":    {"recipients": []any{map[string]any{"kind": "rsa", "key_id": d.wrapName}}},
		"key id":       {"recipients": []any{map[string]any{"kind": "hpke-mlkem768-x25519", "public_key": make([]byte, 1216), "key_id": d.wrapName}}},
		"short key":    {"recipients": []any{siteRecipient(make([]byte, 1215))}},
		"long key":     {"recipients": []any{siteRecipient(make([]byte, 1217))}},
		"no site":      {"recipients": []any{map[string]any{"kind": "age", "recipient": "x", "key_id": wire.Sha256Hex([]byte("x"))}}},
		"roles":        {"roles": map[string]any{"importer": slices.Repeat([]string{spkiText(d.jobKey)}, 65)}},
		"expiry":       {"expires": "tomorrow"},
		"serial":       {"serial": 0},
	}
	for _, trust := range []*Trust{nil, {Key: public(d.jobKey)}} {
		for name, change := range good {
			if _, err := wire.OpenJob(d.jobWith(t, change), trust); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, change := range bad {
			if _, err := wire.OpenJob(d.jobWith(t, change), trust); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
	}
}
