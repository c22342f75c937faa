package importer

import (
	"testing"
)

// TestPartOfVanishedUpload: a part of an upload that the store does not know any more is sent
// once. The upload is begun anew at once, and costs none of the run's retries.
func TestPartOfVanishedUpload(t *testing.T) {
	for _, vanish := range []int{1, 3} { // so many uploads vanish
		s, f := mixed(), newFake(t)
		o := testOptions(t, memDisk())
		o.PartConcurrency, o.Retries = 1, 20
		uploads, parts, vanished := 0, 0, 0
		f.hook = func(_ int, call, key string) (bool, error) {
			if call == "create" && key == "in/big" {
				uploads++
			}
			if call != "part" || key != "in/big" {
				return true, nil
			}
			if parts++; len(f.uploads) > 0 && parts == 2 {
				clear(f.uploads)
			} else if vanished > 0 && vanished < vanish {
				clear(f.uploads)
			}
			if len(f.uploads) == 0 {
				vanished++
			}
			return true, nil
		}
		res := mustRun(t, s, f, o)
		if !res.Complete || vanished != vanish || res.Retries > 0 || uploads != vanish+1 {
			t.Errorf("%d uploads vanish: %d parts of one that is gone, %d retries, %d uploads: %+v", vanish, vanished, res.Retries, uploads, res)
		}
	}
}
