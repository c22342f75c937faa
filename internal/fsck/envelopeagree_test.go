package fsck

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// TestEnvelopesAgree: verifier and reader take the same envelopes for signed.
func TestEnvelopesAgree(t *testing.T) {
	d := makeDevice(t, smallPlan())
	key := public(d.jobKey)
	tried, taken, told := 0, 0, 0
	try := func(what, b string) {
		e, ours := wire.ParseEnvelope([]byte(b))
		if ours == nil {
			ours = e.Verify(key)
		}
		_, _, theirs := crypto.OpenDSSE([]byte(b), wire.PayloadType, key)
		if tried++; ours == nil {
			taken++
		}
		if (ours == nil) != (theirs == nil) && told < 20 {
			told++
			t.Errorf("%s: verifier: %v; reader: %v", what, ours, theirs)
		}
	}
	var all map[string]any
	if err := json.Unmarshal(d.job, &all); err != nil {
		t.Fatal(err)
	}
	eachJob(all, func(what string) {
		raw, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		try(what, string(raw))
	})
	whole := string(d.job)
	payload := all["payload"].(string)
	sig := all["signatures"].([]any)[0].(map[string]any)["sig"].(string)
	for what, b := range map[string]string{
		"as it is":                   whole,
		"spaces":                     " \n" + whole + "\t\n",
		"trailing":                   whole + "{}",
		"a list":                     "[" + whole + "]",
		"nothing":                    "",
		"a name twice":               strings.Replace(whole, "{", `{"payload":"",`, 1),
		"a name twice in a stranger": strings.Replace(whole, "{", `{"more":{"a":1,"a":2},`, 1),
		"a name twice in a list":     strings.Replace(whole, "{", `{"more":[{"a":1,"a":2}],`, 1),
		"one name in two objects":    strings.Replace(whole, "{", `{"more":[{"a":1},{"a":{"a":2}}],`, 1),
		"a sig twice":                strings.Replace(whole, `"sig":`, `"sig":"","sig":`, 1),
		"an escaped name":            strings.Replace(whole, `"sig":`, `"s\u0069g":`, 1),
		"an escaped name twice":      strings.Replace(whole, `"sig":`, `"s\u0069g":"","sig":`, 1),
		"no padding":                 strings.Replace(whole, payload, strings.TrimRight(payload, "="), 1),
		"URL alphabet":               strings.Replace(whole, sig, base64.URLEncoding.EncodeToString(make([]byte, 64)), 1),
		"a line's end in base64":     strings.Replace(whole, payload, payload[:4]+`\n`+payload[4:], 1),
		"another signature first":    strings.Replace(whole, `"signatures":[`, `"signatures":[{"sig":"AAAA"},`, 1),
		"a list as a signature":      strings.Replace(whole, `"signatures":[`, `"signatures":[[],`, 1),
		"bytes that are not UTF-8":   strings.Replace(whole, "{", "{\"more\":\"\xff\",", 1),
		"a name of such bytes twice": strings.Replace(whole, "{", "{\"\xff\":1,\"\xfe\":2,", 1),
	} {
		try(what, b)
	}
	if taken == 0 {
		t.Error("no envelope is taken")
	}
	t.Logf("figure: %d envelopes, %d taken", tried, taken)
}
