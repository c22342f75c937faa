package disks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const hintPaper = "destroy the paper with the unlock code, and those disks: who has both can open the device"

// sealSays notes what the device confessed when it was sealed. The disks are whole all
// the same: they are what was signed.
func (v *Check) sealSays(raw []byte) error {
	e, err := wire.ParseEnvelope(raw)
	if err != nil {
		return err
	}
	s, err := e.Statement(wire.SealPredicate)
	if err != nil {
		return err
	}
	complete, readBack, shared, wrap := true, "", false, ""
	var degraded, unread uint64
	var filesystems, notErased []string
	var absent, replaced, left []int
	for name, to := range map[string]any{
		"scan_complete": &complete, "degraded_packs": &degraded, "read_back": &readBack, "unread_packs": &unread,
		"shared_disks": &shared, "filesystems": &filesystems, "not_erased": &notErased,
		"absent_bays": &absent, "replaced_bays": &replaced, "left_bays": &left,
		"wrap_check": &wrap,
	} {
		if err := s.Predicate.Maybe(name, to); err != nil {
			return err
		}
	}
	if !complete {
		v.f.Add(findings.Note, "seal-incomplete", findings.Nowhere(), "keep the source: what is not in the manifest is not on these disks", "the device was sealed before its source had been loaded whole")
	}
	if degraded > 0 {
		v.f.Add(findings.Note, "seal-degraded", findings.Nowhere(), "", "the device was sealed with lost shards in %d of its packs", degraded)
	}
	if unread > 0 || readBack == "none" || readBack == "partly" {
		v.f.Add(findings.Note, "seal-unread", findings.Nowhere(), "", "the device was sealed while %d of its packs had not been read back from the disks", unread)
	}
	if wrap == "unchecked" {
		v.f.Add(findings.Note, "seal-unchecked", findings.Nowhere(), "", "the device was sealed before the data centre had confirmed that it can open the load key")
	}
	if shared {
		v.f.Add(findings.Note, "seal-shared", findings.Nowhere(), "", "bays that share a disk, or are plain folders, were allowed when the device was loaded: one failure may take several of them")
	}
	if len(filesystems) > 0 {
		v.f.Add(findings.Note, "seal-filesystems", findings.Nowhere(), "", "disks with these file systems were allowed when the device was loaded: %s", strings.Join(filesystems, ", "))
	}
	if len(absent) > 0 {
		v.f.Add(findings.Note, "seal-absent", findings.Nowhere(), hintPaper, "bays whose disk was absent at the seal, so that its copy of the unlock wrap lives on: %s", bayNumbers(absent))
	}
	if len(replaced) > 0 {
		v.f.Add(findings.Note, "seal-replaced", findings.Nowhere(), hintPaper, "bays whose first disk was replaced before the seal, so that its copy of the unlock wrap lives on: %s", bayNumbers(replaced))
	}
	if len(left) > 0 {
		v.f.Add(findings.Note, "seal-left", findings.Nowhere(), hintPaper, "bays whose disk was not there, or had been replaced, when the seal was finished, so that its copy of the unlock wrap lives on: %s", bayNumbers(left))
	}
	if len(notErased) > 0 {
		v.f.Add(findings.Note, "seal-not-erased", findings.Nowhere(), hintPaper, "the unlock wrap was overwritten on file systems that may keep what was there, and the unlock code would open it: %s", strings.Join(notErased, ", "))
	}
	return nil
}

func bayNumbers(bays []int) string {
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(slices.Sorted(slices.Values(bays)))), ", "), "[]")
}
