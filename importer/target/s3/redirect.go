package s3

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sledge-io/sledge/importer/target"
)

// Redirect is an answer that sends to another host. It is not followed: the other host's
// answer would be taken for the store's.
type Redirect struct {
	To  string // scheme and host; the rest of the URL holds the key
	Err error
}

func (r *Redirect) Error() string { return r.Err.Error() }
func (r *Redirect) Unwrap() error { return r.Err }

// redirected is the host that an answer sends to, "" if it sends nowhere.
func redirected(status int, header http.Header) string {
	to, err := url.Parse(header.Get("Location"))
	if status < 300 || status >= 400 || err != nil || to.Host == "" {
		return ""
	}
	return to.Scheme + "://" + to.Host
}

// sentTo names that host.
func sentTo(status int, header http.Header) string {
	if to := redirected(status, header); to != "" {
		return fmt.Sprintf(": it sends to %s, which was not followed", to)
	}
	return ""
}

// ofRedirect gives an error of code wrong-region the remedy of this answer: the region
// that the store names, or the host. Hosts of AWS are chosen by the region alone.
func ofRedirect(e *target.Error, status int, header http.Header) *target.Error {
	if e.Code != target.CodeWrongRegion {
		return e
	}
	to := redirected(status, header)
	switch region := header.Get("X-Amz-Bucket-Region"); {
	case region != "":
		e.Remedy = fmt.Sprintf("name the bucket's region (--region %s), then run the same command again", target.Clip(region))
	case to != "" && !strings.Contains(to, ".amazonaws.com"):
		e.Remedy = fmt.Sprintf("if %s is the store, name it (--endpoint %s); if it is not, look for what sends there: a rule of the store or of a proxy before it; then run the same command again", to, to)
		e.Err = &Redirect{To: to, Err: e.Err}
	}
	return e
}

// RemedyOneKey is the remedy where a key is sent to another host and other keys are not.
// The run has an endpoint by then, which only another run can change. "" is for errors of
// another kind.
func RemedyOneKey(e *target.Error) string {
	if r := (*Redirect)(nil); errors.As(e, &r) {
		return fmt.Sprintf("only this key is sent to %s, others are taken: look for what sends it there, a rule of the store or of a proxy before it, and run the same command again; "+
			"if %s is the store, name it (--endpoint %s) in an import with a new --run-id", r.To, r.To, r.To)
	}
	if e.Remedy == remedyBodySize { // of this object's size, not of its name
		return e.Remedy
	}
	return ""
}
