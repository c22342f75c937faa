package request

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// refusing is an error if so.
func refusing(err error, yes bool) error {
	if yes {
		return err
	}
	return nil
}

// quick are settings of calls that are not tried again.
func quick() Settings {
	return Settings{Requests: 4, Backoff: time.Microsecond, CallTimeout: time.Minute, RetryBudget: 100, Now: time.Now}
}

// brieflyPut makes own writes as a bucket answers them: by key and by the attributes.
func brieflyPut(c *Caller, answer func(key string, a target.Attributes) error, key string) (last target.Attributes, err error) {
	err = c.Briefly(target.Attributes{}, func(a target.Attributes) error {
		last = a
		return answer(key, a)
	})
	return last, err
}

// TestRetentionOfOneKey: what one key is refused for takes the short retention from no other
// write, and what is told of it is true.
func TestRetentionOfOneKey(t *testing.T) {
	for _, code := range []target.Code{target.CodeAccessDenied, target.CodePolicyDenied, target.CodeRefused} {
		told := 0
		c := New(quick(), nil)
		c.brief.retention, c.brief.tell = target.Retention{Mode: "COMPLIANCE", Days: 0, Years: 7, Lock: true}, func(*target.Error) { told++ }
		answer := func(key string, a target.Attributes) error {
			return refusing(target.NewError(code, key, "not this key", nil), key == "denied")
		}
		for range 3 {
			if _, err := brieflyPut(c, answer, "denied"); !target.HasCode(err, code) {
				t.Errorf("%s: %v", code, err)
			}
		}
		a, err := brieflyPut(c, answer, "other")
		if err != nil || a.LockMode == "" || a.LockUntil.After(time.Now().Add(2*time.Minute)) || told > 0 {
			t.Errorf("%s: %v, then until %v, told %d times", code, err, a.LockUntil, told)
		}
	}
}

// TestRetentionRefusedTogether: two writes that are refused side by side skip no term.
func TestRetentionRefusedTogether(t *testing.T) {
	c := New(quick(), nil)
	told := 0
	c.brief.retention, c.brief.tell = target.Retention{Mode: "COMPLIANCE", Days: 0, Years: 7, Lock: true}, func(*target.Error) { told++ }
	var both, writes sync.WaitGroup
	both.Add(2)
	for range 2 {
		writes.Go(func() {
			first := true
			a, err := brieflyPut(c, func(key string, a target.Attributes) error {
				if first { // both are under way with the first term
					first = false
					both.Done()
					both.Wait()
				}
				return refusing(target.NewError(target.CodeRefused, key, "must be in the future", nil), a.LockUntil.Before(time.Now().Add(10*time.Minute)))
			}, "key")
			if left := time.Until(a.LockUntil); err != nil || left > 21*time.Minute || left < 19*time.Minute {
				t.Errorf("%v, %v left", err, left)
			}
		})
	}
	writes.Wait()
	if _, ok := c.brief.kept(); !ok || told > 0 || strings.Contains(c.brief.String(), "not known") {
		t.Errorf("kept %v, told %d times", ok, told)
	}
}
