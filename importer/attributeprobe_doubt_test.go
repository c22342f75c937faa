package importer

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// TestAttributeRefusedInDoubt: an error that is no refusal, in the middle of the
// examination of one, leaves the examination to the next object that is refused.
func TestAttributeRefusedInDoubt(t *testing.T) {
	for _, code := range []target.Code{target.CodeThrottled, target.CodeConnectionLost, target.CodeCredentialsExpired} {
		for at := 1; at <= 4; at++ {
			t.Run(fmt.Sprintf("%s of call %d", code, at), func(t *testing.T) {
				s := many(40)
				p := &picky{fakeTarget: newFake(t)}
				var mu sync.Mutex
				examined, calls := false, 0
				p.rule = func(kind, key string, a target.Attributes) error {
					mu.Lock()
					defer mu.Unlock()
					if strings.Contains(key, probe.Prefix) && examined {
						if calls++; calls == at {
							return target.NewError(code, key, "", nil)
						}
					}
					if kind != request.CreateMultipartUpload || a.StorageClass == "" {
						return nil
					}
					examined = examined || ours(key)
					return target.NewError(target.CodeRefused, key, "status 501: NotImplemented", nil)
				}
				o := testOptions(t, memDisk())
				o.DeferComplete, o.Retries = 1000, -1
				o.Rules = parseRules(t, `{"version":1,"objects":[{"storage_class":"COLD","content_type":"text/x"}]}`)
				_, err := Run(context.Background(), s, p, o)
				if !target.HasCode(err, target.CodeAttributeRefused) || !strings.HasPrefix(target.AsError(err).Cause, "storage_class: ") || p.sent > 10 {
					t.Errorf("%v after %d objects", err, p.sent)
				}
			})
		}
	}
}
