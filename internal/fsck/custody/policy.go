package custody

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Policy says which cosignatures a checkpoint needs (c2sp.org/tlog-policy). Its log lines are
// not asked: who may sign a custody log, the log itself says.
type Policy struct {
	witnesses map[string]wire.Cosigner
	groups    map[string]group
	quorum    string
}

type group struct {
	members []string
	need    int
}

const maxPolicy = 64 << 10

// ParsePolicy reads a policy. A name is defined before it is used, so that there are no
// cycles, and is a member of one group at most; a key is one witness's.
func ParsePolicy(text []byte) (*Policy, error) {
	p := &Policy{witnesses: map[string]wire.Cosigner{}, groups: map[string]group{}}
	taken, keys := map[string]bool{}, map[string]bool{}
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("%w: policy of %d bytes", wire.ErrMalformed, len(text))
	}
	for i, line := range strings.Split(string(text), "\n") {
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if err := p.line(f, taken, keys); err != nil {
			return nil, fmt.Errorf("%w: policy, line %d: %v", wire.ErrMalformed, i+1, err)
		}
	}
	if p.quorum == "" {
		return nil, fmt.Errorf("%w: policy without a quorum", wire.ErrMalformed)
	}
	return p, nil
}

func (p *Policy) line(f []string, taken, keys map[string]bool) error {
	switch {
	case f[0] == "log" && (len(f) == 2 || len(f) == 3):
		return nil
	case f[0] == "witness" && (len(f) == 3 || len(f) == 4):
		c, err := wire.ParseCosigner(f[2])
		if err != nil {
			return err
		}
		if p.known(f[1]) || keys[string(c.Key)] {
			return fmt.Errorf("witness %s: its name or its key is there already", f[1])
		}
		p.witnesses[f[1]], keys[string(c.Key)] = c, true
		return nil
	case f[0] == "group" && len(f) >= 4:
		return p.addGroup(f[1], f[2], f[3:], taken)
	case f[0] == "quorum" && len(f) == 2 && p.quorum == "":
		if f[1] != "none" && !p.known(f[1]) {
			return fmt.Errorf("quorum %s is no witness and no group", f[1])
		}
		p.quorum = f[1]
		return nil
	}
	return fmt.Errorf("%q is no line of a policy", strings.Join(f, " "))
}

func (p *Policy) addGroup(name, need string, members []string, taken map[string]bool) error {
	if p.known(name) {
		return fmt.Errorf("group %s is there already", name)
	}
	for _, m := range members {
		if !p.known(m) || m == "none" || taken[m] {
			return fmt.Errorf("group %s: %s is not defined before it, or in a group already", name, m)
		}
		taken[m] = true
	}
	g := group{members, len(members)}
	switch need {
	case "all":
	case "any":
		g.need = 1
	default:
		n, err := strconv.Atoi(need)
		if err != nil || n < 1 || n > len(members) {
			return fmt.Errorf("group %s: %s of %d members", name, need, len(members))
		}
		g.need = n
	}
	p.groups[name] = g
	return nil
}

func (p *Policy) known(name string) bool {
	_, w := p.witnesses[name]
	_, g := p.groups[name]
	return w || g || name == "none"
}

// met tells whether a checkpoint has the cosignatures that the name asks for.
func (p *Policy) met(name string, note []byte) bool {
	if name == "none" {
		return true
	}
	if w, ok := p.witnesses[name]; ok {
		return cosignedBy(note, w)
	}
	n := 0
	for _, m := range p.groups[name].members {
		if p.met(m, note) {
			n++
		}
	}
	return n >= p.groups[name].need
}

// cosignedBy looks for a good cosignature of a cosigner under a checkpoint.
func cosignedBy(note []byte, c wire.Cosigner) bool {
	text, lines, found := strings.Cut(string(note), "\n\n")
	id := c.KeyID()
	for line := range strings.SplitSeq(lines, "\n") {
		sig, is := strings.CutPrefix(line, "— "+c.Name+" ")
		raw, err := wire.Unbase64(sig)
		if !found || !is || err != nil || len(raw) != 4+8+ed25519.SignatureSize || string(raw[:4]) != string(id[:]) {
			continue
		}
		seconds := binary.BigEndian.Uint64(raw[4:12])
		if seconds > 0 && seconds <= math.MaxInt64 && ed25519.Verify(c.Key, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", seconds, text), raw[12:]) {
			return true
		}
	}
	return false
}

// checkPolicy looks for a checkpoint of this log that the policy takes. One that was given
// counts like one that is kept: its cosignatures are what is asked.
func (v *verifier) checkPolicy() {
	p := v.in.Policy
	if p == nil {
		return
	}
	kept, err := notes(v.in.Folder)
	if err != nil {
		return // said already
	}
	largest := int64(0)
	for _, raw := range append(kept, v.in.Seen...) {
		note := checkpointIn(raw)
		cp, err := wire.ParseCheckpoint(note)
		if err == nil && cp.Origin == v.Origin && uint64(cp.Size) <= v.Size && v.roots[cp.Size] == cp.Root && p.met(p.quorum, note) {
			largest = max(largest, cp.Size)
		}
	}
	if largest == 0 {
		v.find(Differs, "12.5", "no checkpoint of this log has the cosignatures that the policy asks for (quorum %s)", p.quorum)
		return
	}
	v.find(Note, "12.5", "the policy is met by the checkpoint of size %d; the %d entries after it are not covered", largest, v.Size-uint64(largest))
}
