package main

import "fmt"

// mustBeProven refuses what writes to the target, or signs, where nobody says who may sign
// the job file: the disks that are there would name the target and the files by themselves.
// A plan writes nothing, and ends with its own word about the origin.
func (f *importFlags) mustBeProven() error {
	if f.dry && !f.measure || f.trust != "" || f.site != "" {
		return nil
	}
	return hint(fmt.Errorf("%w: anyone's disks would say what is written, and where; nothing was written or signed", errUnproven),
		"give the job signer's public key, which you have by another channel: --trust signer.pub, or the site's folder: --site DIR; sledge import plan looks without either, and writes nothing")
}
