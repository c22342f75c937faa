package fsck

import (
	"encoding/base64"
	"encoding/json"
	"testing"
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

// TestJobChoices: values that this version does not know are refused, as is a job
// file that shows another signer. What is absent or null says nothing.
func TestJobChoices(t *testing.T) {
	d := makeDevice(t, smallPlan())
	good := map[string]map[string]any{
		"nothing":   {},
		"null":      {"policy": nil, "unlock": nil},
		"import":    {"direction": "import"},
		"all known": {"policy": map[string]any{"file_digest": "parts", "symlinks": "skip", "directories": "skip"}, "unlock": map[string]any{"kdf": map[string]any{"kind": "pbkdf2-hmac-sha256"}}},
	}
	bad := map[string]map[string]any{
		"signer":      {"signer": spkiText(d.deviceKey)},
		"direction":   {"direction": "export"},
		"file_digest": {"policy": map[string]any{"file_digest": "md5"}},
		"symlinks":    {"policy": map[string]any{"symlinks": "follow"}},
		"directories": {"policy": map[string]any{"directories": "maybe"}},
		"kdf":         {"unlock": map[string]any{"kdf": map[string]any{"kind": "scrypt"}}},
		"recipient":   {"recipients": []any{map[string]any{"kind": "rsa", "key_id": d.wrapName}}},
	}
	for _, trust := range []*Trust{nil, {Key: public(d.jobKey)}} {
		for name, change := range good {
			if _, err := openJob(d.jobWith(t, change), trust); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, change := range bad {
			if _, err := openJob(d.jobWith(t, change), trust); err == nil {
				t.Errorf("%s: taken", name)
			}
		}
	}
}
