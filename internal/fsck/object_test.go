package fsck

import "testing"

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
		l := &ObjectLine{Outcome: "stored", Record: &test.record, Size: test.size}
		if err := l.agrees(); err != nil {
			t.Errorf("kind %d: %v", test.record.Kind, err)
		}
		if l.Size++; l.agrees() == nil {
			t.Errorf("kind %d: another size was taken", test.record.Kind)
		}
	}
}
