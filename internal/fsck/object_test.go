package fsck

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// TestOutcomeFits: only what a policy may leave out is no object.
func TestOutcomeFits(t *testing.T) {
	may := map[string][]uint64{
		"no-object":     {KindDirectory, KindSymlink, KindHardLink, KindContinuation},
		"skipped":       {KindSkipped},
		"stored":        {KindFile, KindDirectory, KindSymlink, KindHardLink},
		"already-there": {KindFile, KindDirectory, KindSymlink, KindHardLink},
		"failed":        {KindFile, KindDirectory, KindSymlink, KindHardLink},
		"conflict":      {KindFile, KindDirectory, KindSymlink, KindHardLink},
	}
	if len(may) != len(outcomes) {
		t.Fatalf("%d outcomes, %d tested", len(outcomes), len(may))
	}
	for outcome := range outcomes {
		for kind := uint64(KindFile); kind <= KindContinuation; kind++ {
			want := false
			for _, k := range may[outcome] {
				want = want || k == kind
			}
			l := &ObjectLine{Outcome: outcome, Record: &Record{Kind: kind}}
			if err := l.fits(); (err == nil) != want {
				t.Errorf("%s of kind %d: %v", outcome, kind, err)
			}
		}
	}
}

// stored is a line of an object with this SHA-256 of its content.
func stored(r *Record, sum string) *ObjectLine {
	return &ObjectLine{Outcome: "stored", Record: r, Size: r.Content(), SHA256: sum}
}

// sumOf is the SHA-256 of a text as stores give it.
func sumOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// compositeOf is that of one part.
func compositeOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return sumOf(string(sum[:])) + "-1"
}

// TestSumIsTheRecords: an object's SHA-256 is what its record gives, for folders and links, too,
// whoever says that he cut it.
func TestSumIsTheRecords(t *testing.T) {
	whole := sha256.Sum256([]byte("content"))
	file := &Record{Kind: KindFile, Size: 7, SHA256: whole[:]}
	records := map[string]*Record{"": {Kind: KindDirectory}, "a/b": {Kind: KindSymlink, Target: []byte("a/b")}, "content": file}
	for text, r := range records {
		for sum, ok := range map[string]bool{sumOf(text): true, compositeOf(text): true, "": false, sumOf("x"): false, compositeOf("x"): false, sumOf("x") + "-2": false, sumOf(text) + "-1": false, "AAAA": false} {
			if err := stored(r, sum).agrees(); (err == nil) != ok {
				t.Errorf("kind %d, %q: %v", r.Kind, sum, err)
			}
			l := stored(r, sum)
			l.PartsBy = "importer"
			if err := l.agrees(); err == nil && !ok && r != file {
				t.Errorf("kind %d, cut by the importer, %q: %v", r.Kind, sum, err)
			}
		}
	}
	l := stored(file, sumOf("x"))
	l.PartsBy = "importer"
	if l.agrees() == nil {
		t.Error("a whole that is not the record's")
	}
	l.SHA256 = sumOf("x") + "-3"
	if err := l.agrees(); err != nil {
		t.Errorf("parts of the importer's: %v", err)
	}
}

// TestKeyIsShort: a line's key has at most 4,096 bytes, as the importer's verifier demands.
func TestKeyIsShort(t *testing.T) {
	for n, ok := range map[int]bool{maxKeySize: true, maxKeySize + 1: false} {
		l := &ObjectLine{}
		if err := l.object(wire.Object{"key": fmt.Appendf(nil, "%q", strings.Repeat("k", n))}); (err == nil) != ok {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// TestContentSize: an object that no file is has the size that its record gives.
func TestContentSize(t *testing.T) {
	for _, test := range []struct {
		record Record
		size   uint64
	}{
		{Record{Kind: KindDirectory}, 0},
		{Record{Kind: KindSymlink, Target: []byte("a/b")}, 3},
		{Record{Kind: KindFile, Size: 7}, 7},
		{Record{Kind: KindHardLink, Size: 7, Target: []byte("a/b")}, 7},
	} {
		l := &ObjectLine{Outcome: "stored", Record: &test.record, Size: test.size, SHA256: sumOf(string(test.record.Target))}
		if test.record.Kind == KindFile || test.record.Kind == KindHardLink {
			whole := sha256.Sum256([]byte("content"))
			test.record.SHA256, l.SHA256 = whole[:], sumOf("content")
		}
		if err := l.agrees(); err != nil {
			t.Errorf("kind %d: %v", test.record.Kind, err)
		}
		if l.Size++; l.agrees() == nil {
			t.Errorf("kind %d: another size was taken", test.record.Kind)
		}
	}
}
