package fsck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/manifest"
)

// TestLinesAgree: the readers of objects.list take no line that the verifier refuses, and
// all that it takes.
func TestLinesAgree(t *testing.T) {
	d := makeDevice(t, smallPlan().changed(func(p *plan) { p.records = 4 }))
	list := d.receipts(t, func(line map[string]any) {
		line["attributes"] = map[string]any{"content_type": "text/plain", "tags": map[string]any{"a": "b"}, "sse": "aws:kms", "kms_key_id": "k", "kms_context": map[string]any{"a": "b"},
			"lock_mode": "GOVERNANCE", "lock_until": "2026-01-01T00:00:00Z", "legal_hold": true, "bucket_key": true, "metadata": map[string]any{"a": "b"}, "acl": "private"}
		line["version_id"], line["etag"], line["parts"], line["checksum_type"], line["hashed_by"], line["parts_by"] = "v", "e", 1, "FULL_OBJECT", "loader", "loader"
		line["error"], line["detail"] = "", "why"
		if line["key"] == nil {
			line["key"], line["size"] = "k", 3
		}
	}, nil)["objects.list"].Data
	line, _, _ := strings.Cut(string(list), "\n")
	salt, object, _ := strings.Cut(line, " ")
	tried, taken, told := 0, 0, 0
	try := func(what, b string) {
		ours, read := verifierLine([]byte(b)), readerLine([]byte(b))
		l, parsed := receipt.ParseLine([]byte(b))
		if parsed == nil {
			_, parsed = manifest.PeekHead(l.Record) // as who reads the list does
		}
		if tried++; ours == nil {
			taken++
		}
		if ((ours == nil) != (read == nil) || (ours == nil) != (parsed == nil)) && told < 60 {
			told++
			t.Errorf("%s: verifier: %v; report: %v; list: %v", what, ours, read, parsed)
		}
	}
	var all map[string]any
	if err := json.Unmarshal([]byte(object), &all); err != nil {
		t.Fatal(err)
	}
	write := func() string {
		raw, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %s\n", salt, raw)
	}
	eachJob(all, func(what string) {
		name := strings.Fields(strings.TrimPrefix(strings.TrimPrefix(what, "another case of "), "no "))[0]
		switch {
		case name == "page" || name == "index": // which the verifier alone needs
		case strings.HasSuffix(what, " -0"): // a signed number's zero
		case what == "size 9223372036854775807": // over what a report can add up
		case what == `record "AAB="`: // base64 that is not canonical, of no record either way
		default:
			try(what, write())
		}
	})
	for _, outcome := range []string{"stored", "already-there", "no-object", "skipped", "failed", "conflict", "lost", ""} {
		was := all["outcome"]
		all["outcome"] = outcome
		for _, without := range []string{"key", "proof", "verified", "outcome"} {
			other := all[without]
			delete(all, without)
			try(outcome+" without "+without, write())
			all[without] = other
		}
		try(outcome, write())
		all["outcome"] = was
	}
	for what, b := range map[string]string{
		"as it is":             line + "\n",
		"no end":               line,
		"capitals in the salt": strings.ToUpper(salt) + " " + object + "\n",
		"a short salt":         salt[:62] + " " + object + "\n",
		"no salt":              object + "\n",
		"two spaces":           salt + "  " + object + "\n",
		"a name twice":         salt + " " + strings.Replace(object, "{", `{"more":{"a":1,"a":2},`, 1) + "\n",
		"trailing":             line + "{}\n",
		"a carriage return":    line + "\r\n",
	} {
		try(what, b)
	}
	for _, b := range [][]byte{nil, []byte("\n"), bytes.Repeat([]byte("\n"), 2)} {
		if len(b) > 0 {
			try("an empty line", string(b))
		}
	}
	if taken == 0 {
		t.Error("no line is taken")
	}
	t.Logf("figure: %d lines, %d taken", tried, taken)
}
