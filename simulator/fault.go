package simulator

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/importer/target"
)

// Fault is what may become of a request on the wire or in the store.
type Fault string

// The faults that code asks for by name; wireFaults has all. "After" means that the store
// has done what was asked.
const (
	TooSlow        Fault = "answer after the client's time"
	Refused        Fault = "connection refused"
	NoName         Fault = "name does not resolve"
	ResetAfter     Fault = "reset after" // a lost reply
	CutBody        Fault = "request cut off"
	Late           Fault = "request delivered late"
	CreateTwice    Fault = "Create delivered twice"
	CreateLate     Fault = "Create delivered late"
	NotImplemented Fault = "501 NotImplemented"
	SlowDown       Fault = "503 SlowDown"
	Unavailable    Fault = "503 with a page"
	Full           Fault = "507 InsufficientStorage"
	IncompleteBody Fault = "400 IncompleteBody"
	Denied         Fault = "403 AccessDenied"
	Expired        Fault = "403 ExpiredToken"
	UploadLost     Fault = "upload forgotten" // 404 from then on
	Conflict409    Fault = "409 on a conditional write"
	Exists412      Fault = "412, and the key is free"
	OKSpaceExists  Fault = "200 with white space and 412, and the key is free"
	FlippedIn      Fault = "bit flipped on the way there"
)

// Ending is what an import may come to when a fault has met one of its calls a few
// times. Nothing is wrong, lost or overwritten in any of them.
type Ending string

// The endings, the mildest first. A call that does not matter for the result, such
// as Abort, may always end milder; so may any call in front of a probe, which
// begins nothing.
const (
	Completes Ending = "completes"        // in the same start
	Names     Ending = "names the object" // as failed; the next start completes
	Halts     Ending = "halts"            // until the cause is gone; then it completes
	Leaves    Ending = "leaves an upload" // of which nobody was told: a lifecycle rule ends it
)

// WireFault is one kind of fault.
type WireFault struct {
	Name  Fault
	Calls []string      // that it can meet; nil is all
	Told  bool          // the client is told that something went wrong
	End   Ending        // the worst that may come of it
	Codes []target.Code // by which an ending other than Completes is named

	before early
	after  change
}

var (
	writes      = []string{callPut, callCreate, callPart, callComplete}
	payloads    = []string{callPut, callPart}
	conditional = []string{callPut, callComplete}
	ofUpload    = []string{callPart, callComplete, callListParts}
	withBody    = []string{callPut, callPart, callComplete}
	answered    = []string{callPut, callPart, callComplete, callHead}
	repeatable  = []string{callPut, callPart, callComplete, callAbort, callDelete}
	talks       = []string{callCreate, callComplete, callGet, callList, callListUploads, callListParts} // whose answers have bodies
)

// wireFaults is the table; docs/testing.md has it, too, and a test compares them.
var wireFaults = []WireFault{
	{Name: "slow answer", End: Completes, before: slow},
	{Name: "answer byte by byte", Calls: talks, End: Completes, after: trickle},
	{Name: TooSlow, Told: true, End: Completes, before: tooSlow},
	{Name: "HTTP/1.0, closed after the answer", End: Completes, after: http10},
	{Name: Refused, Told: true, End: Completes, before: breaks(errRefused)},
	{Name: NoName, Told: true, End: Completes, before: breaks(errNoName)},
	{Name: "TLS alert", Told: true, End: Completes, before: breaks(errAlert)},
	{Name: "reset before", Told: true, End: Completes, before: breaks(reset("write"))},
	{Name: ResetAfter, Told: true, End: Completes, after: replaces(breaks(reset("read")))},
	{Name: CutBody, Calls: withBody, Told: true, End: Completes, before: cutBody},
	{Name: "answer cut off in its headers", Told: true, End: Completes, after: replaces(breaks(ErrHeadersCut))},
	{Name: "answer cut off in its body", Calls: talks, Told: true, End: Completes, after: cutAnswer},
	{Name: "answer with a wrong length", Calls: talks, Told: true, End: Completes, after: wrongLength},
	{Name: "request delivered twice", Calls: repeatable, End: Completes, before: twice},
	{Name: Late, Calls: repeatable, Told: true, End: Completes, before: late},
	{Name: CreateTwice, Calls: []string{callCreate}, End: Leaves, before: twice},
	{Name: CreateLate, Calls: []string{callCreate}, Told: true, End: Leaves, before: late},

	{Name: "500 before", Told: true, End: Completes, before: says(500, "InternalError")},
	{Name: "500 after", Told: true, End: Completes, after: replaces(says(500, "InternalError"))},
	{Name: "500 with a page", Told: true, End: Completes, before: page(500)},
	{Name: "500 without a body", Told: true, End: Completes, before: empty(500)},
	{Name: NotImplemented, Told: true, End: Names, Codes: []target.Code{target.CodeRefused}, before: says(501, "NotImplemented")},
	{Name: "502 BadGateway", Told: true, End: Completes, before: says(502, "BadGateway")},
	{Name: "502 with a page of a proxy", Told: true, End: Completes, before: page(502)},
	{Name: SlowDown, Told: true, End: Completes, before: says(503, "SlowDown")},
	{Name: "503 with Retry-After", Told: true, End: Completes, before: retryAfter},
	{Name: Unavailable, Told: true, End: Completes, before: page(503)},
	{Name: "503 without a body", Told: true, End: Completes, before: empty(503)},
	{Name: "504 before", Told: true, End: Completes, before: says(504, "GatewayTimeout")},
	{Name: "504 with a page, after", Told: true, End: Completes, after: replaces(page(504))},
	{Name: Full, Told: true, End: Halts, Codes: []target.Code{target.CodeTargetFull}, before: says(507, "InsufficientStorage")},

	{Name: "301 PermanentRedirect", Told: true, End: Halts, Codes: []target.Code{target.CodeWrongRegion}, before: says(301, "PermanentRedirect")},
	{Name: "307 TemporaryRedirect", Told: true, End: Halts, Codes: []target.Code{target.CodeWrongRegion}, before: says(307, "TemporaryRedirect")},
	{Name: "400 RequestTimeout", Told: true, End: Completes, before: says(400, "RequestTimeout")},
	{Name: IncompleteBody, Calls: withBody, Told: true, End: Completes, before: says(400, "IncompleteBody")},
	{Name: Denied, Told: true, End: Halts, Codes: []target.Code{target.CodeAccessDenied}, before: says(403, "AccessDenied")},
	{Name: Expired, Told: true, End: Halts, Codes: []target.Code{target.CodeCredentialsExpired, target.CodeAccessDenied}, before: says(403, "ExpiredToken")},
	{Name: "403 RequestTimeTooSkewed", Told: true, End: Halts, Codes: []target.Code{target.CodeClockSkew, target.CodeAccessDenied}, before: says(403, "RequestTimeTooSkewed")},
	{Name: "403 SignatureDoesNotMatch", Told: true, End: Halts, Codes: []target.Code{target.CodeCredentialsRefused, target.CodeAccessDenied}, before: says(403, "SignatureDoesNotMatch")},
	{Name: "404 NoSuchUpload, and it is there", Calls: ofUpload, Told: true, End: Completes, before: says(404, "NoSuchUpload")},
	{Name: UploadLost, Calls: ofUpload, Told: true, End: Completes, before: uploadLost},
	{Name: "404 NoSuchKey of an upload that is there", Calls: ofUpload, Told: true, End: Completes, before: says(404, "NoSuchKey")},
	{Name: "400 InvalidPart, and it is there", Calls: []string{callComplete}, Told: true, End: Names, Codes: []target.Code{target.CodeRefused}, before: says(400, "InvalidPart")},
	{Name: "403 with a page", Told: true, End: Halts, Codes: []target.Code{target.CodeNotS3, target.CodeAccessDenied}, before: page(403)},
	{Name: "404, and it is there", Calls: []string{callHead, callGet}, Told: true, End: Completes, before: says(404, "NoSuchKey")},
	{Name: Conflict409, Calls: conditional, Told: true, End: Completes, before: says(409, "ConditionalRequestConflict")},
	{Name: Exists412, Calls: conditional, Told: true, End: Names, Codes: []target.Code{target.CodeNotShown}, before: says(412, "PreconditionFailed")},
	{Name: "429 TooManyRequests", Told: true, End: Completes, before: says(429, "TooManyRequests")},

	{Name: "200 with an error, before", Calls: writes, Told: true, End: Completes, before: says(200, "InternalError")},
	{Name: "200 with an error, after", Calls: writes, Told: true, End: Completes, after: replaces(says(200, "InternalError"))},
	{Name: "200 with nothing, before", Calls: writes, End: Completes, before: empty(200)},
	{Name: "200 after white space", Calls: []string{callComplete}, End: Completes, after: spaceFirst}, // that keeps the connection alive
	{Name: "200 with white space and an error, before", Calls: []string{callComplete}, Told: true, End: Completes, before: saysLate("InternalError")},
	{Name: OKSpaceExists, Calls: []string{callComplete}, Told: true, End: Completes, before: saysLate("PreconditionFailed")},

	{Name: "answer without ETag", Calls: answered, End: Completes, after: editETag("")},
	{Name: "wrong ETag", Calls: answered, End: Completes, after: editETag(`"0123456789abcdef0123456789abcdef"`)},
	{Name: "answer without checksum", Calls: answered, End: Completes, after: editChecksum("")},
	{Name: "wrong checksum", Calls: answered, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: editChecksum(strings.Repeat("A", 43) + "=")},
	{Name: "wrong size", Calls: []string{callHead}, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: wrongSize},
	{Name: FlippedIn, Calls: payloads, Told: true, End: Names, Codes: []target.Code{target.CodeDigestRefused}, before: flippedIn},
	{Name: "bit flipped on the way back", Calls: []string{callGet}, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: editContent(flip)},
	{Name: "content cut, and called whole", Calls: []string{callGet}, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: editContent(half)},
	{Name: "list without a part", Calls: []string{callListParts}, End: Completes, after: editContent(noPart)},
	{Name: "list with a wrong part size", Calls: []string{callListParts}, End: Completes, after: editContent(wrongPart)},
	{Name: "list in pages", Calls: []string{callListParts}, End: Completes, after: editContent(pagedParts)},
	{Name: "list with a part twice", Calls: []string{callListParts}, End: Completes, after: editContent(partTwice)},
	{Name: "list with a stranger's upload", Calls: []string{callListUploads}, End: Completes, after: editContent(stranger)},
}

// FaultTable is the table of all kinds.
func FaultTable() []WireFault { return slices.Clone(wireFaults) }

// WireFaults are the names of those that leave nothing behind.
func WireFaults() (all []Fault) {
	for _, f := range wireFaults {
		if f.End != Leaves {
			all = append(all, f.Name)
		}
	}
	return all
}

// kind finds a fault in the table; an unknown one does nothing.
func (f Fault) kind() WireFault {
	if i := slices.IndexFunc(wireFaults, func(k WireFault) bool { return k.Name == f }); i >= 0 {
		return wireFaults[i]
	}
	return WireFault{Name: f}
}

// Meets tells whether a fault can meet a call.
func (k WireFault) Meets(call string) bool { return k.Calls == nil || slices.Contains(k.Calls, call) }

// fits tells whether a fault can meet this request.
func (f Fault) fits(r *http.Request) bool {
	k := f.kind()
	if !k.Meets(CallOf(r)) {
		return false
	}
	switch f {
	case Conflict409, Exists412, OKSpaceExists:
		return r.Header.Get("If-None-Match") != ""
	case CutBody, FlippedIn:
		return r.ContentLength > 1
	}
	return true
}
