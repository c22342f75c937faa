package importer

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestOutageBeforeSigning: the store is away for an hour when all is stored and nothing is
// signed yet. A run that may wait does so there, too.
func TestOutageBeforeSigning(t *testing.T) {
	for _, at := range []string{".signed", "last look"} {
		synctest.Test(t, func(t *testing.T) {
			s, f := mixed(), newFake(t)
			o := mirrored(nil, memDisk())
			o.HaltWait, o.Backoff, o.Retries = 24*time.Hour, 10*time.Millisecond, 3
			var gone time.Time
			signer := false
			f.hook = func(_ int, call, key string) (bool, error) {
				named := strings.HasSuffix(key, ".signed")
				if gone.IsZero() && (named && at == ".signed" || signer && !named) {
					gone = time.Now()
				}
				signer = signer || named
				if !gone.IsZero() && time.Since(gone) < time.Hour {
					return false, target.Unknown(target.NewError(target.CodeServerError, "", "status 500", nil))
				}
				return true, nil
			}
			if res := mustRun(t, s, f, o); !res.Complete || gone.IsZero() || time.Since(gone) < time.Hour {
				t.Errorf("%s: %+v", at, res)
			}
			f.check(t, s, "in/")
		})
	}
}
