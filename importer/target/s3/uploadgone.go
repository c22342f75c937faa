package s3

import (
	"errors"

	"github.com/aws/smithy-go"

	"github.com/sledge-io/sledge/importer/target"
)

// uploadError turns the SDK error of a call about an upload into ours. Such a call names
// no object: a key that is not found (Ceph's words), or a part (of Complete), means that
// the upload, or what was sent of it, is no more.
func uploadError(err error, key string) error {
	ours := s3Error(err, key)
	var said smithy.APIError
	noKey := errors.As(err, &said) && said.ErrorCode() == "NoSuchKey" // a bare 404 may be a proxy's
	if noKey && target.HasCode(ours, target.CodeNotFound) || target.HasCode(ours, target.CodePartGone) {
		return target.NewError(target.CodeUploadGone, key, target.AsError(ours).Cause, ours)
	}
	return ours
}

// PartGone reports whether the store did not know a part that it had taken. One that says
// so again and again will not take the whole.
func PartGone(err error) bool {
	e := (*target.Error)(nil)
	return errors.As(err, &e) && e.Err != nil && target.HasCode(e.Err, target.CodePartGone)
}
