package fsck

import (
	"errors"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

func TestAttributes(t *testing.T) {
	for text, want := range map[string]error{
		`{}`: nil, `{"attributes":{}}`: nil, `{"attributes":{"later":1}}`: nil,
		`{"attributes":{"content_type":"a/b","tags":{"a":"b"},"sse":"aws:kms","kms_key_id":"k","kms_context":{"a":"b"},"legal_hold":true}}`:                                        nil,
		`{"attributes":{"lock_mode":"GOVERNANCE","lock_until":"2030-01-01T00:00:00Z"}}`:                                                                                            nil,
		`{"attributes":{"sse":"aws:kms","bucket_key":true,"content_encoding":"gzip","content_disposition":"inline","content_language":"de","acl":"private","metadata":{"a":"b"}}}`: nil,
		`{"attributes":{"customer_key_md5":"AA=="}}`:                nil,
		`{"attributes":{"customer_key_md5":"AA==","sse":"AES256"}}`: wire.ErrMalformed,
		`{"attributes":{"bucket_key":true}}`:                        wire.ErrMalformed,
		`{"attributes":{"bucket_key":1}}`:                           wire.ErrMalformed,
		`{"attributes":{"metadata":[]}}`:                            wire.ErrMalformed,
		`{"attributes":[]}`:                                         wire.ErrMalformed,
		`{"attributes":{"tags":{"a":1}}}`:                           wire.ErrMalformed,
		`{"attributes":{"content_type":1}}`:                         wire.ErrMalformed,
		`{"attributes":{"sse":"x"}}`:                                ErrVersion,
		`{"attributes":{"lock_mode":"x"}}`:                          ErrVersion,
		`{"attributes":{"lock_mode":"GOVERNANCE"}}`:                 wire.ErrMalformed,
		`{"attributes":{"lock_until":"yesterday"}}`:                 wire.ErrMalformed,
		`{"attributes":{"kms_key_id":"k"}}`:                         wire.ErrMalformed,
		`{"attributes":{"sse":"AES256","kms_context":{}}}`:          wire.ErrMalformed,
		`{"attributes":{"tags":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":"","k":""}}}`: wire.ErrMalformed,
	} {
		o, err := wire.ParseObject([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseAttributes(o); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}
