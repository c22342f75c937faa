package fsck

import (
	"errors"
	"testing"
)

func TestAttributes(t *testing.T) {
	for text, want := range map[string]error{
		`{}`: nil, `{"attributes":{}}`: nil, `{"attributes":{"later":1}}`: nil,
		`{"attributes":{"content_type":"a/b","tags":{"a":"b"},"sse":"aws:kms","kms_key_id":"k","kms_context":{"a":"b"},"legal_hold":true}}`:                                        nil,
		`{"attributes":{"lock_mode":"GOVERNANCE","lock_until":"2030-01-01T00:00:00Z"}}`:                                                                                            nil,
		`{"attributes":{"sse":"aws:kms","bucket_key":true,"content_encoding":"gzip","content_disposition":"inline","content_language":"de","acl":"private","metadata":{"a":"b"}}}`: nil,
		`{"attributes":{"customer_key_md5":"AA=="}}`:                nil,
		`{"attributes":{"customer_key_md5":"AA==","sse":"AES256"}}`: errMalformed,
		`{"attributes":{"bucket_key":true}}`:                        errMalformed,
		`{"attributes":{"bucket_key":1}}`:                           errMalformed,
		`{"attributes":{"metadata":[]}}`:                            errMalformed,
		`{"attributes":[]}`:                                         errMalformed,
		`{"attributes":{"tags":{"a":1}}}`:                           errMalformed,
		`{"attributes":{"content_type":1}}`:                         errMalformed,
		`{"attributes":{"sse":"x"}}`:                                ErrVersion,
		`{"attributes":{"lock_mode":"x"}}`:                          ErrVersion,
		`{"attributes":{"lock_mode":"GOVERNANCE"}}`:                 errMalformed,
		`{"attributes":{"lock_until":"yesterday"}}`:                 errMalformed,
		`{"attributes":{"kms_key_id":"k"}}`:                         errMalformed,
		`{"attributes":{"sse":"AES256","kms_context":{}}}`:          errMalformed,
		`{"attributes":{"tags":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":"","k":""}}}`: errMalformed,
	} {
		o, err := parseObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseAttributes(o); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}
