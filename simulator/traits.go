package simulator

import (
	"slices"
	"strings"
	"time"
)

// Traits are what a store does otherwise than S3, or what S3 does only sometimes. The
// zero value is S3 at its plainest.
type Traits struct {
	Unchecking    bool // checksums are kept, not compared
	DropsChecksum bool // none is told, by HEAD or in answers
	Silent        bool // answers to writes tell none; HEAD does
	Dashless      bool // composite ones come without "-N"
	NoConditions  bool // If-None-Match is not looked at

	// WrongBytes: of one object in so many other bytes are kept than were sent; 0 is
	// none. HEAD lies about them: it tells the checksum that was sent.
	WrongBytes int

	Versioned bool // every write makes a version, a DELETE without a version a marker

	// SlowComplete: Complete takes its time, and other requests are answered meanwhile.
	// The object is there before its answer or with it. The answer is 200 and white
	// space before anything was done, so that errors come in its body.
	SlowComplete bool

	RepeatedComplete200 bool // a Complete that is repeated is answered as the first one was
	NoListBucket        bool // without s3:ListBucket: a missing key is answered 403, and a list
	Page                int  // the most that a list has in a page; 0 is S3's own

	Renames bool // a backslash in a key becomes a slash, in writes and in reads

	Locks bool // the bucket has object lock

	// DropsTags and DropsLock name the calls whose objects lack tags or locks that were
	// asked for.
	DropsTags, DropsLock []string

	// HeadLags: HEAD shows up to so many times what was there before the last write.
	HeadLags int

	Lies412 Lie // about keys that are free

	// Clock is how far the store's clock is from its neighbours', at a call.
	Clock func(call int) time.Duration
}

// Lie is how a store lies by 412 PreconditionFailed.
type Lie string

// The lies: of one object in three.
const (
	Takes412  Lie = "412, and the key stays free"
	Stores412 Lie = "412, and the object was stored"
)

func (t Traits) String() string {
	var all []string
	for name, on := range map[string]bool{
		"unchecking": t.Unchecking, "drops checksums": t.DropsChecksum, "silent": t.Silent, "dashless": t.Dashless,
		"no conditions": t.NoConditions, "wrong bytes": t.WrongBytes > 0, "versions": t.Versioned, "slow Complete": t.SlowComplete,
		"repeated Complete": t.RepeatedComplete200, "no ListBucket": t.NoListBucket, "small pages": t.Page > 0, "renames": t.Renames,
		"drops tags of " + strings.Join(t.DropsTags, " and "):  len(t.DropsTags) > 0,
		"drops locks of " + strings.Join(t.DropsLock, " and "): len(t.DropsLock) > 0,
		"HEAD lags": t.HeadLags > 0, string(t.Lies412): t.Lies412 != "", "another clock": t.Clock != nil,
	} {
		if on {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// page is the most that a list has in a page.
func (b *Bucket) page(most int) int {
	if b.Traits.Page > 0 {
		return min(most, b.Traits.Page)
	}
	return most
}

// lies tells whether the store lies so about a key.
func (b *Bucket) lies(key string, how Lie) bool {
	return b.Traits.Lies412 == how && !b.free(key) && hash(b.Seed, key, "412")%3 == 0
}

// renamed is the name under which a store keeps a key that has a backslash.
func renamed(key string) string { return strings.ReplaceAll(key, `\`, "/") }
