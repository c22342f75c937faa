package fsck

import (
	"bytes"
	"errors"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// TestRecordRemark: fields 35 and 36, and others that this verifier does not know.
func TestRecordRemark(t *testing.T) {
	record := func(more func(e *enc)) []byte {
		var e enc
		e.uint(1, KindDirectory)
		e.bytes(2, []byte("a"))
		more(&e)
		return e
	}
	r, err := ParseRecord(record(func(e *enc) {
		e.put(35, false, []byte("unreadable"))
		e.put(36, false, []byte("input/output error"))
		e.put(40, false, []byte("of another day"))
	}))
	if err != nil || r.Remark != "unreadable" || r.Details != "input/output error" || r.Skipped != "" {
		t.Errorf("%+v, %v", r, err)
	}
	for what, bad := range map[string]struct {
		b    []byte
		want error
	}{
		"critical remark":        {record(func(e *enc) { e.bytes(35, []byte("changed")) }), wire.ErrMalformed},
		"reason of 65 bytes":     {record(func(e *enc) { e.put(35, false, bytes.Repeat([]byte("x"), 65)) }), wire.ErrMalformed},
		"critical unknown field": {record(func(e *enc) { e.bytes(41, []byte("x")) }), ErrVersion},
	} {
		if _, err := ParseRecord(bad.b); !errors.Is(err, bad.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var e enc
	e.uint(1, KindSkipped)
	e.bytes(2, []byte("a"))
	e.bytes(22, []byte("vanished"))
	e.put(23, false, []byte("gone"))
	if r, err := ParseRecord(e); err != nil || r.Skipped != "vanished" || r.Details != "gone" {
		t.Errorf("%+v, %v", r, err)
	}
}
