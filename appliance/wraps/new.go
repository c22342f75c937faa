package wraps

import (
	"fmt"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// New wraps the key to every recipient of the job, by file name.
func (c *Job) New(k []byte) (map[string][]byte, error) {
	wraps := map[string][]byte{}
	var ages []string
	for _, r := range c.Job.Recipients {
		switch crypto.WrapKind(r.Kind) {
		case crypto.WrapSite:
			body, err := crypto.WrapToSite(r.PublicKey, k, c.Scope.Binding())
			if err != nil {
				return nil, err
			}
			id := crypto.SiteKeyID(r.PublicKey)
			b := (&manifest.Wrap{Kind: manifest.WrapHPKE, Scope: c.Scope, KeyID: id[:], Body: body}).Encode()
			wraps[fmt.Sprintf("%x.wrap", crypto.SumSHA256(b))] = b
		case crypto.WrapAge:
			ages = append(ages, r.Recipient)
		}
	}
	if len(ages) > 0 {
		var opts []crypto.AgeOption
		if c.Job.Policy.ClassicRecovery {
			opts = append(opts, crypto.AllowClassic)
		}
		b, err := crypto.WrapToAge(ages, k, c.Scope.Binding(), opts...)
		if err != nil {
			return nil, err
		}
		wraps[fmt.Sprintf("%x.age", crypto.SumSHA256(b))] = b
	}
	return wraps, nil
}
