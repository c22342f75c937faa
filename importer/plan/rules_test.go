package plan

import (
	"bytes"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func rulesOf(t testing.TB, text string) Rules {
	t.Helper()
	r, err := ParseRules([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

const everyRule = `{
  "version": 1,
  "keys": {"strip": "data/2024/", "add": "archive/", "unicode": "nfc"},
  "symlinks": "skip", "directories": "empty", "hardlinks": "skip",
  "objects": [
    {"match": "**/*.parquet", "min_size": 1, "max_size": 0, "content_type": "auto"},
    {"content_type": "text/plain; charset=utf-8", "cache_control": "no-cache", "storage_class": "STANDARD_IA",
     "sse": "aws:kms", "kms_key_id": "key", "kms_context": {"a": "b"}, "tags": {"team": "x y", "größe": "1"},
     "lock": {"mode": "GOVERNANCE", "until": "2099-01-02T03:04:05+02:00", "legal_hold": true}},
    {"lock": {"mode": "COMPLIANCE", "days": 30}}
  ]
}`

// TestRulesDigestStays: the digest of rules is in the journals and receipts of runs that
// began with an earlier version.
func TestRulesDigestStays(t *testing.T) {
	const want = `{"version":1,"keys":{"strip":"data/2024/","add":"archive/","unicode":"nfc"},"symlinks":"skip","directories":"empty","hardlinks":"skip","objects":[` +
		`{"match":"**/*.parquet","max_size":0,"content_type":"auto"},` +
		`{"content_type":"text/plain; charset=utf-8","cache_control":"no-cache","storage_class":"STANDARD_IA","sse":"aws:kms","kms_key_id":"key","kms_context":{"a":"b"},` +
		`"tags":{"größe":"1","team":"x y"},"lock":{"mode":"GOVERNANCE","until":"2099-01-02T01:04:05Z","legal_hold":true}},{"lock":{"mode":"COMPLIANCE","days":30}}]}`
	if text := rulesOf(t, strings.Replace(everyRule, `"min_size": 1, `, "", 1)).Canonical(); string(text) != want {
		t.Errorf("%s", text)
	}
}

func TestRulesCanonical(t *testing.T) {
	r := rulesOf(t, strings.Replace(everyRule, `"min_size": 1, `, "", 1))
	text := r.Canonical()
	again := rulesOf(t, string(text))
	if !bytes.Equal(again.Canonical(), text) || again.Digest() != r.Digest() || len(r.Digest()) != 64 {
		t.Errorf("%s\nread again: %s", text, again.Canonical())
	}
	if !bytes.Contains(text, []byte(`"2099-01-02T01:04:05Z"`)) || !bytes.Contains(text, []byte(`"max_size":0`)) {
		t.Errorf("canonical: %s", text)
	}
	if r := rulesOf(t, `{"version":1,"keys":{"unicode":"keep"}}`); r.Canonical() != nil || r.Digest() != "" {
		t.Errorf("rules that say nothing: %s", r.Canonical())
	}
}

func TestRulesRefused(t *testing.T) {
	object := func(s string) string { return `{"version":1,"objects":[` + s + `]}` }
	for text, want := range map[string]string{
		"":                                            "ends too early",
		"{}":                                          "version is missing",
		`[]`:                                          "no list",
		`{"version":2}`:                               "version 2, this software knows 1",
		`{"version":"1"}`:                             "line 1, column",
		`{"version":1} x`:                             "more follows",
		"{\"version\":1,\n\"x\":0}":                   `line 2, column 3: the file has no "x"; it knows directories, entries, hardlinks, keys, objects, symlinks, version`,
		"{\"version\":1,\n\n \"Keys\":{}}":            `line 3, column 7: the file has no "Keys"`,
		`{"version":1,"version":1}`:                   "stands twice",
		`{"version":1,"keys":null}`:                   "keys is null",
		`{"version":1,"keys":[]}`:                     "keys is no list",
		`{"version":1,"keys":{"strip":"a"}}`:          "keys.strip",
		`{"version":1,"keys":{"strip":"a/../"}}`:      "keys.strip",
		`{"version":1,"keys":{"add":"/a/"}}`:          "keys.add",
		`{"version":1,"keys":{"unicode":"nfd"}}`:      "must be one of keep, nfc",
		`{"version":1,"symlinks":"follow"}`:           "must be one of object, skip",
		`{"version":1,"hardlinks":"empty"}`:           "hardlinks",
		`{"version":1,"objects":{}}`:                  "objects is no list",
		"{\"version\":1,\n\"objects\":[{}\n,]}":       "line 3",
		object(`{}`):                                  "objects[0]: the rule sets nothing",
		object(`{"match":"a"}`):                       "sets nothing",
		object(`{"tag":{}}`):                          `objects[0] has no "tag"; it knows acl, bucket_key, cache_control`,
		object(`{"content_type":"text"}`):             "no media type",
		object(`{"content_type":"a/b\n"}`):            "content_type",
		object(`{"match":"[","content_type":"auto"}`): "[ without ]",
		object(`{"min_size":5,"max_size":4,"content_type":"auto"}`):    "no size is between",
		object(`{"min_size":1.5,"content_type":"auto"}`):               "min_size",
		object(`{"storage_class":"A B"}`):                              "space",
		object(`{"storage_class":"A\u00e9"}`):                          "printable ASCII",
		object(`{"cache_control":"a\r\nx-amz-acl: public-read"}`):      "printable ASCII",
		object(`{"sse":"DES"}`):                                        "must be one of AES256",
		object(`{"sse":"AES256","kms_key_id":"k"}`):                    "kms_key_id needs sse aws:kms",
		object(`{"kms_key_id":"k","storage_class":"A"}`):               "kms_key_id needs sse aws:kms",
		object(`{"sse":"aws:kms","kms_context":{}}`):                   "kms_context is empty",
		object(`{"sse":"aws:kms","kms_context":{"a":"b","a":"c"}}`):    "stands twice",
		object(`{"sse":"aws:kms","kms_context":{"a":1}}`):              "line 1",
		object(`{"content_encoding":"gzip deflate"}`):                  "such as gzip",
		object(`{"content_encoding":"gzip, aws-chunked"}`):             "such as gzip",
		object(`{"content_disposition":"attachment; filename"}`):       "such as inline",
		object(`{"content_disposition":"inline\r\nx: y"}`):             "such as inline",
		object(`{"content_language":"de,,en"}`):                        "such as de",
		object(`{"acl":"bucket-owner"}`):                               "acl \"bucket-owner\": must be one of private",
		object(`{"bucket_key":true,"sse":"AES256"}`):                   "bucket_key needs sse aws:kms",
		object(`{"bucket_key":true,"sse":"aws:kms:dsse"}`):             "bucket_key needs sse aws:kms",
		object(`{"bucket_key":true}`):                                  "bucket_key needs sse aws:kms",
		object(`{"metadata":{}}`):                                      "metadata is empty",
		object(`{"metadata":{"a":""}}`):                                "is empty",
		object(`{"metadata":{"Team":"a"}}`):                            "1 to 64 of a-z",
		object(`{"metadata":{"x-amz-meta-a":"b"}}`):                    "without x-amz-meta-",
		object(`{"metadata":{"mtime":"1"}}`):                           "the import itself writes it",
		object(`{"metadata":{"sledge-run":"1"}}`):                      "the import itself writes it",
		object(`{"metadata":{"file-owner":"1"}}`):                      "the import itself writes it",
		object(`{"metadata":{"a":"ü"}}`):                               "printable ASCII",
		object(`{"metadata":{"a":["b"]}}`):                             "line 1",
		object(`{"tags":{}}`):                                          "tags has 0",
		object(`{"tags":{"":"v"}}`):                                    "1 to 128",
		object(`{"tags":{"` + strings.Repeat("k", 129) + `":"v"}}`):    "1 to 128",
		object(`{"tags":{"k":"` + strings.Repeat("é", 257) + `"}}`):    "at most 256",
		object(`{"tags":{"AWS:x":"v"}}`):                               "reserved",
		object(`{"tags":{"k":"<"}}`):                                   "may hold",
		object(`{"lock":{}}`):                                          "neither mode nor legal_hold",
		object(`{"lock":{"mode":"GOVERNANCE"}}`):                       "one of until and days",
		object(`{"lock":{"days":1,"legal_hold":true}}`):                "one of until and days",
		object(`{"lock":{"mode":"X","days":1}}`):                       "GOVERNANCE or COMPLIANCE",
		object(`{"lock":{"mode":"GOVERNANCE","days":-1}}`):             "-1 days",
		object(`{"lock":{"mode":"GOVERNANCE","until":"tomorrow"}}`):    "until is no time",
		object(`{"lock":{"mode":"GOVERNANCE","until":5}}`):             "until is no time",
		object(`{"lock":{"mode":"GOVERNANCE","until":{}}}`):            "until is no time",
		"{\"version\":1,\"keys\":{\"add\":\"\xff/\"}}":                 "not UTF-8",
		`{"version":1,"objects":[` + strings.Repeat(`[`, 500) + `]}`:   "no list",
		object(strings.Repeat(`{"content_type":"auto"},`, 256) + `{}`): "at most 256",
		strings.Repeat(" ", MaxRules) + "{}":                           "at most",
	} {
		if _, err := ParseRules([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: %v, want %q", text, err, want)
		}
	}
	eleven := map[string]string{}
	for _, c := range "abcdefghijk" {
		eleven[string(c)] = ""
	}
	if err := (Rules{Version: 1, Objects: []ObjectRule{{Given: target.Given{Tags: eleven}}}}).Validate(); err == nil {
		t.Error("11 tags were accepted")
	}
}

func TestAttributes(t *testing.T) {
	rules := rulesOf(t, `{"version":1,"objects":[
		{"match":"**/*.bin","tags":{"first":"1"},"lock":{"legal_hold":true}},
		{"match":"/raw/**","content_type":"application/x-raw","max_size":10},
		{"match":"*.gz","min_size":11,"storage_class":"COLD","sse":"AES256"},
		{"content_type":"auto"},
		{"match":"d","content_type":"application/x-directory"},
		{"tags":{"all":"1"},"sse":"aws:kms","kms_key_id":"k","lock":{"mode":"GOVERNANCE","days":2}},
		{"content_type":"application/octet-stream"}]}`)
	p, err := New(Settings{Profile: profileNamed(t, "generic"), Rules: rules, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, manifest.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	lock := time.Date(2026, 1, 4, 3, 4, 5, 0, time.UTC)
	rest := target.Attributes{Given: target.Given{SSE: "aws:kms", KMSKeyID: "k", Tags: map[string]string{"all": "1"}}, LockMode: "GOVERNANCE", LockUntil: lock}
	with := func(change func(*target.Attributes)) target.Attributes {
		a := rest
		change(&a)
		return a
	}
	tests := []struct {
		kind manifest.Kind
		path string
		size int64
		want target.Attributes
	}{
		{manifest.KindFile, "a.TXT", 1, with(func(a *target.Attributes) { a.ContentType = "text/plain; charset=utf-8" })},
		{manifest.KindFile, "a.unknown", 1, with(func(a *target.Attributes) { a.ContentType = "application/octet-stream" })},
		{manifest.KindFile, "raw/x.csv", 10, with(func(a *target.Attributes) { a.ContentType = "application/x-raw" })},
		{manifest.KindFile, "raw/x.csv", 11, with(func(a *target.Attributes) { a.ContentType = "text/csv; charset=utf-8" })},
		{manifest.KindFile, "x/raw/a", 1, with(func(a *target.Attributes) { a.ContentType = "application/octet-stream" })},
		{manifest.KindHardlink, "x/a.gz", 11, with(func(a *target.Attributes) {
			a.ContentType, a.StorageClass, a.SSE, a.KMSKeyID = "application/gzip", "COLD", "AES256", ""
		})},
		{manifest.KindFile, "x/a.bin", 1, with(func(a *target.Attributes) {
			a.ContentType, a.Tags, a.LockMode, a.LockUntil, a.LegalHold = "application/octet-stream", map[string]string{"first": "1"}, "", time.Time{}, true
		})},
		{manifest.KindDir, "d", 0, with(func(a *target.Attributes) { a.ContentType = "application/x-directory" })},
		{manifest.KindSymlink, "l.txt", 3, with(func(a *target.Attributes) { a.ContentType = "application/octet-stream" })},
	}
	for _, test := range tests {
		got := p.Attributes(&manifest.Record{Kind: test.kind, Path: test.path}, test.size)
		if !maps.Equal(got.Tags, test.want.Tags) || !got.LockUntil.Equal(test.want.LockUntil) {
			t.Errorf("%s: %+v", test.path, got)
		}
		got.Tags, got.LockUntil, test.want.Tags, test.want.LockUntil = nil, time.Time{}, nil, time.Time{}
		if got.OrNil() == nil || got.ContentType != test.want.ContentType || got.StorageClass != test.want.StorageClass ||
			got.SSE != test.want.SSE || got.KMSKeyID != test.want.KMSKeyID || got.LockMode != test.want.LockMode || got.LegalHold != test.want.LegalHold {
			t.Errorf("%s %d: %+v, want %+v", test.path, test.size, got, test.want)
		}
	}
	if (target.Attributes{}).OrNil() != nil {
		t.Error("no attributes are not nil")
	}
}

// TestMediaTypes: the table is part of the rules' version 1.
func TestMediaTypes(t *testing.T) {
	for path, want := range map[string]string{"a.parquet": "application/vnd.apache.parquet", "x.y/a": "", ".csv": "", "a.": "", "a.tar.GZ": "application/gzip"} {
		if got := mediaType(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	for extension, kind := range mediaTypes {
		if o := (ObjectRule{Given: target.Given{ContentType: kind}}); o.validate() != nil || strings.ToLower(extension) != extension {
			t.Errorf("%q: %q", extension, kind)
		}
	}
}

// FuzzRules: any file costs bounded room, and one that is taken has one
// canonical text, which is taken again.
func FuzzRules(f *testing.F) {
	f.Add([]byte(everyRule))
	f.Add([]byte(strings.Replace(everyRule, `"min_size": 1, `, "", 1)))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"objects":[{"tags":{"a":"b"}},{"match":"{a,[b-c]}/**","lock":{"legal_hold":true}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		r, err := ParseRules(text)
		if err != nil {
			return
		}
		canonical := r.Canonical()
		if canonical == nil {
			return
		}
		again, err := ParseRules(canonical)
		if err != nil || !bytes.Equal(again.Canonical(), canonical) {
			t.Fatalf("%s\nread again: %s, %v", canonical, again.Canonical(), err)
		}
	})
}
