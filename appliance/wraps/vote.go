package wraps

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// Vote counts on how many disks each wrap lies that the job could have asked for.
// Whether one is of this device's key can only its recipient tell, and of a wrap to
// recovery not even the device shows. So where a recipient has more than the job asks
// for, those count that most disks have.
type Vote struct {
	c     *Job
	files map[string][]byte
	disks map[string]int // by name: how many have it
}

func NewVote(c *Job) *Vote {
	return &Vote{c, map[string][]byte{}, map[string]int{}}
}

// Add takes a disk's wraps and returns the names of those that count.
func (v *Vote) Add(wraps map[string][]byte) (names []string) {
	for name, file := range wraps {
		if v.c.forWhom(name, file) != "" {
			v.files[name] = file
			v.disks[name]++
			names = append(names, name)
		}
	}
	return names
}

// Chosen are the wraps that the job asks for. The error is ErrCorrupt where some are
// missing, and where as many disks have one as another: then both are chosen.
func (v *Vote) Chosen() (map[string][]byte, error) {
	whose := map[string][]string{}
	for name, file := range v.files {
		whom := v.c.forWhom(name, file)
		whose[whom] = append(whose[whom], name)
	}
	out := map[string][]byte{}
	var errs []error
	asked := v.c.wrapsAsked()
	for _, whom := range slices.Sorted(maps.Keys(asked)) {
		names, n := whose[whom], asked[whom]
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(v.disks[b], v.disks[a]), strings.Compare(a, b))
		})
		if len(names) < n {
			errs = append(errs, fmt.Errorf("%w: %d of the wraps to %s are missing", manifest.ErrCorrupt, n-len(names), whom))
		}
		for i, name := range names {
			if i >= n && v.disks[name] < v.disks[names[n-1]] {
				break
			}
			if i == n {
				errs = append(errs, fmt.Errorf("%w: as many disks have one wrap to %s as another, %s and %s: move the wrong one away", manifest.ErrCorrupt, whom, names[n-1], name))
			}
			out[name] = v.files[name]
		}
	}
	return out, errors.Join(errs...)
}

// faults says what is wrong with a disk that has these of the wraps; nil for nothing.
func (v *Vote) faults(disk string, has []string, chosen map[string][]byte) error {
	var errs []error
	good := map[string]int{}
	slices.Sort(has)
	for _, name := range has {
		if chosen[name] == nil {
			errs = append(errs, fmt.Errorf("disk %s: the wrap %s is not the one that most disks have", disk, name))
			continue
		}
		good[v.c.forWhom(name, v.files[name])]++
	}
	asked := v.c.wrapsAsked()
	for _, whom := range slices.Sorted(maps.Keys(asked)) {
		if good[whom] < asked[whom] {
			errs = append(errs, fmt.Errorf("disk %s: no good copy of the wrap to %s", disk, whom))
		}
	}
	return errors.Join(errs...)
}

const (
	toRecovery = "recovery"
	ageMagic   = "age-encryption.org/" // all age files begin with it
)

// wrapsAsked is how many wraps the job asks for, by whom they are for.
func (c *Job) wrapsAsked() map[string]int {
	asked := map[string]int{}
	for _, r := range c.Job.Recipients {
		switch crypto.WrapKind(r.Kind) {
		case crypto.WrapSite:
			asked["site "+r.KeyID]++
		case crypto.WrapAge:
			asked[toRecovery] = 1 // one file to all of them
		}
	}
	return asked
}

// forWhom is to whom of the job a file of the wraps' folder could be; "" for nobody.
func (c *Job) forWhom(name string, file []byte) string {
	if strings.HasSuffix(name, ".age") {
		if bytes.HasPrefix(file, []byte(ageMagic)) && c.wrapsAsked()[toRecovery] > 0 {
			return toRecovery
		}
		return ""
	}
	if id, ok := c.SiteOf(file); ok {
		return "site " + hex.EncodeToString(id[:])
	}
	return ""
}
