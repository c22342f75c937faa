package fsck

import "strings"

// sealSays notes what the device confessed when it was sealed. The disks are whole all
// the same: they are what was signed.
func (v *verifier) sealSays(raw []byte) error {
	e, err := parseEnvelope(raw)
	if err != nil {
		return err
	}
	s, err := e.statement(sealPredicate)
	if err != nil {
		return err
	}
	complete, readBack, shared, wrap := true, "", false, ""
	var degraded, unread uint64
	var filesystems []string
	for name, to := range map[string]any{
		"scan_complete": &complete, "degraded_packs": &degraded, "read_back": &readBack, "unread_packs": &unread,
		"shared_disks": &shared, "filesystems": &filesystems, "wrap_check": &wrap,
	} {
		if err := s.predicate.maybe(name, to); err != nil {
			return err
		}
	}
	if !complete {
		v.f.add(Note, "seal-incomplete", nowhere(), "keep the source: what is not in the manifest is not on these disks", "the device was sealed before its source had been loaded whole")
	}
	if degraded > 0 {
		v.f.add(Note, "seal-degraded", nowhere(), "", "the device was sealed with lost shards in %d of its packs", degraded)
	}
	if unread > 0 || readBack == "none" || readBack == "partly" {
		v.f.add(Note, "seal-unread", nowhere(), "", "the device was sealed while %d of its packs had not been read back from the disks", unread)
	}
	if wrap == "unchecked" {
		v.f.add(Note, "seal-unchecked", nowhere(), "", "the device was sealed before the data centre had confirmed that it can open the load key")
	}
	if shared {
		v.f.add(Note, "seal-shared", nowhere(), "", "bays that share a disk, or are plain folders, were allowed when the device was loaded: one failure may take several of them")
	}
	if len(filesystems) > 0 {
		v.f.add(Note, "seal-filesystems", nowhere(), "", "disks with these file systems were allowed when the device was loaded: %s", strings.Join(filesystems, ", "))
	}
	return nil
}
