package fsck

import (
	"crypto/sha256"
	"encoding/base64"
	"testing"
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

// TestContentSize: an object that no file is has the size and the digest that its record gives.
func TestContentSize(t *testing.T) {
	content := sha256.Sum256([]byte("content"))
	for _, test := range []struct {
		record  Record
		size    uint64
		content string
	}{
		{Record{Kind: KindDirectory}, 0, ""},
		{Record{Kind: KindSymlink, Target: []byte("a/b")}, 3, "a/b"},
		{Record{Kind: KindFile, Size: 7, SHA256: content[:]}, 7, "content"},
		{Record{Kind: KindHardLink, Size: 7, Target: []byte("a/b"), SHA256: content[:]}, 7, "content"},
	} {
		sum := sha256.Sum256([]byte(test.content))
		l := &ObjectLine{Outcome: "stored", Record: &test.record, Size: test.size, SHA256: base64.StdEncoding.EncodeToString(sum[:])}
		if err := l.agrees(); err != nil {
			t.Errorf("kind %d: %v", test.record.Kind, err)
		}
		if l.Size++; l.agrees() == nil {
			t.Errorf("kind %d: another size was taken", test.record.Kind)
		}
		for _, other := range []string{"", base64.StdEncoding.EncodeToString(make([]byte, 32))} {
			if l.Size, l.SHA256 = test.size, other; l.agrees() == nil {
				t.Errorf("kind %d: the digest %q was taken", test.record.Kind, other)
			}
		}
	}
}
