package s3

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/sledge-io/sledge/importer/target"
)

// checkAccessPoint refuses a way to address buckets that access points do not have.
func (o Config) checkAccessPoint() error {
	profile, err := o.TargetProfile()
	if target.IsARN(o.Bucket) && (o.PathStyle || err == nil && profile.PathStyle) {
		return fmt.Errorf("target %s: an access point cannot be addressed in the path: leave out --path-style, and take a profile without path_style, such as aws", o.Bucket)
	}
	return nil
}

// noSocket does so for a connection that could not be begun. The resolver keeps no more
// than the text of its error.
func noSocket(key string, err error) *target.Error {
	for _, own := range [...]error{syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, own) || strings.Contains(err.Error(), own.Error()) {
			return target.NewError(target.CodeProcessLimit, key, withoutKey(lastCause(err), key), err)
		}
	}
	return nil
}
