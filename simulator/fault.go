package simulator

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/importer/target"
)

// Fault is what may become of a request on the wire or in the store.
type Fault string

// The faults. "After" means that the store has done what was asked.
const (
	Slow     Fault = "slow answer"
	Trickle  Fault = "answer byte by byte"
	TooSlow  Fault = "answer after the client's time"
	HTTP10   Fault = "HTTP/1.0, closed after the answer"
	Refused  Fault = "connection refused"
	NoName   Fault = "name does not resolve"
	TLSAlert Fault = "TLS alert"

	ResetBefore Fault = "reset before"
	ResetAfter  Fault = "reset after" // a lost reply
	CutBody     Fault = "request cut off"
	CutHeaders  Fault = "answer cut off in its headers"
	CutAnswer   Fault = "answer cut off in its body"
	WrongLength Fault = "answer with a wrong length"
	Twice       Fault = "request delivered twice"
	Late        Fault = "request delivered late"
	CreateTwice Fault = "Create delivered twice"
	CreateLate  Fault = "Create delivered late"

	ErrorBefore      Fault = "500 before"
	ErrorAfter       Fault = "500 after"
	ErrorPage        Fault = "500 with a page"
	ErrorEmpty       Fault = "500 without a body"
	NotImplemented   Fault = "501 NotImplemented"
	BadGateway       Fault = "502 BadGateway"
	Unreadable       Fault = "502 with a page of a proxy"
	SlowDown         Fault = "503 SlowDown"
	RetryAfter       Fault = "503 with Retry-After"
	Unavailable      Fault = "503 with a page"
	UnavailableEmpty Fault = "503 without a body"
	TimeoutBefore    Fault = "504 before"
	TimeoutAfter     Fault = "504 with a page, after"
	Full             Fault = "507 InsufficientStorage"

	Redirect       Fault = "301 PermanentRedirect"
	Elsewhere      Fault = "307 TemporaryRedirect"
	RequestTimeout Fault = "400 RequestTimeout"
	IncompleteBody Fault = "400 IncompleteBody"
	Denied         Fault = "403 AccessDenied"
	Expired        Fault = "403 ExpiredToken"
	Skewed         Fault = "403 RequestTimeTooSkewed"
	BadSignature   Fault = "403 SignatureDoesNotMatch"
	NoUpload       Fault = "404 NoSuchUpload, and it is there"
	UploadLost     Fault = "upload forgotten" // 404 from then on
	NoUploadKey    Fault = "404 NoSuchKey of an upload that is there"
	BadPart        Fault = "400 InvalidPart, and it is there"
	Forbidden      Fault = "403 with a page"
	NotThere       Fault = "404, and it is there"
	Conflict409    Fault = "409 on a conditional write"
	Exists412      Fault = "412, and the key is free"
	TooMany        Fault = "429 TooManyRequests"

	OKErrorBefore Fault = "200 with an error, before"
	OKErrorAfter  Fault = "200 with an error, after"
	OKEmpty       Fault = "200 with nothing, before"
	OKSpace       Fault = "200 after white space" // that keeps the connection alive
	OKSpaceError  Fault = "200 with white space and an error, before"
	OKSpaceExists Fault = "200 with white space and 412, and the key is free"

	NoETag        Fault = "answer without ETag"
	WrongETag     Fault = "wrong ETag"
	NoChecksum    Fault = "answer without checksum"
	WrongChecksum Fault = "wrong checksum"
	WrongSize     Fault = "wrong size"
	FlippedIn     Fault = "bit flipped on the way there"
	FlippedOut    Fault = "bit flipped on the way back"
	ShortContent  Fault = "content cut, and called whole"
	NoPart        Fault = "list without a part"
	WrongPart     Fault = "list with a wrong part size"
	PagedParts    Fault = "list in pages"
	PartTwice     Fault = "list with a part twice"
	Stranger      Fault = "list with a stranger's upload"
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
	{Name: Slow, End: Completes, before: slow},
	{Name: Trickle, Calls: talks, End: Completes, after: trickle},
	{Name: TooSlow, Told: true, End: Completes, before: tooSlow},
	{Name: HTTP10, End: Completes, after: http10},
	{Name: Refused, Told: true, End: Completes, before: breaks(errRefused)},
	{Name: NoName, Told: true, End: Completes, before: breaks(errNoName)},
	{Name: TLSAlert, Told: true, End: Completes, before: breaks(errAlert)},
	{Name: ResetBefore, Told: true, End: Completes, before: breaks(reset("write"))},
	{Name: ResetAfter, Told: true, End: Completes, after: replaces(breaks(reset("read")))},
	{Name: CutBody, Calls: withBody, Told: true, End: Completes, before: cutBody},
	{Name: CutHeaders, Told: true, End: Completes, after: replaces(breaks(ErrHeadersCut))},
	{Name: CutAnswer, Calls: talks, Told: true, End: Completes, after: cutAnswer},
	{Name: WrongLength, Calls: talks, Told: true, End: Completes, after: wrongLength},
	{Name: Twice, Calls: repeatable, End: Completes, before: twice},
	{Name: Late, Calls: repeatable, Told: true, End: Completes, before: late},
	{Name: CreateTwice, Calls: []string{callCreate}, End: Leaves, before: twice},
	{Name: CreateLate, Calls: []string{callCreate}, Told: true, End: Leaves, before: late},

	{Name: ErrorBefore, Told: true, End: Completes, before: says(500, "InternalError")},
	{Name: ErrorAfter, Told: true, End: Completes, after: replaces(says(500, "InternalError"))},
	{Name: ErrorPage, Told: true, End: Completes, before: page(500)},
	{Name: ErrorEmpty, Told: true, End: Completes, before: empty(500)},
	{Name: NotImplemented, Told: true, End: Names, Codes: []target.Code{target.CodeRefused}, before: says(501, "NotImplemented")},
	{Name: BadGateway, Told: true, End: Completes, before: says(502, "BadGateway")},
	{Name: Unreadable, Told: true, End: Completes, before: page(502)},
	{Name: SlowDown, Told: true, End: Completes, before: says(503, "SlowDown")},
	{Name: RetryAfter, Told: true, End: Completes, before: retryAfter},
	{Name: Unavailable, Told: true, End: Completes, before: page(503)},
	{Name: UnavailableEmpty, Told: true, End: Completes, before: empty(503)},
	{Name: TimeoutBefore, Told: true, End: Completes, before: says(504, "GatewayTimeout")},
	{Name: TimeoutAfter, Told: true, End: Completes, after: replaces(page(504))},
	{Name: Full, Told: true, End: Halts, Codes: []target.Code{target.CodeTargetFull}, before: says(507, "InsufficientStorage")},

	{Name: Redirect, Told: true, End: Halts, Codes: []target.Code{target.CodeWrongRegion}, before: says(301, "PermanentRedirect")},
	{Name: Elsewhere, Told: true, End: Halts, Codes: []target.Code{target.CodeWrongRegion}, before: says(307, "TemporaryRedirect")},
	{Name: RequestTimeout, Told: true, End: Completes, before: says(400, "RequestTimeout")},
	{Name: IncompleteBody, Calls: withBody, Told: true, End: Completes, before: says(400, "IncompleteBody")},
	{Name: Denied, Told: true, End: Halts, Codes: []target.Code{target.CodeAccessDenied}, before: says(403, "AccessDenied")},
	{Name: Expired, Told: true, End: Halts, Codes: []target.Code{target.CodeCredentialsExpired, target.CodeAccessDenied}, before: says(403, "ExpiredToken")},
	{Name: Skewed, Told: true, End: Halts, Codes: []target.Code{target.CodeClockSkew, target.CodeAccessDenied}, before: says(403, "RequestTimeTooSkewed")},
	{Name: BadSignature, Told: true, End: Halts, Codes: []target.Code{target.CodeCredentialsRefused, target.CodeAccessDenied}, before: says(403, "SignatureDoesNotMatch")},
	{Name: NoUpload, Calls: ofUpload, Told: true, End: Completes, before: says(404, "NoSuchUpload")},
	{Name: UploadLost, Calls: ofUpload, Told: true, End: Completes, before: uploadLost},
	{Name: NoUploadKey, Calls: ofUpload, Told: true, End: Completes, before: says(404, "NoSuchKey")},
	{Name: BadPart, Calls: []string{callComplete}, Told: true, End: Names, Codes: []target.Code{target.CodeRefused}, before: says(400, "InvalidPart")},
	{Name: Forbidden, Told: true, End: Halts, Codes: []target.Code{target.CodeNotS3, target.CodeAccessDenied}, before: page(403)},
	{Name: NotThere, Calls: []string{callHead, callGet}, Told: true, End: Completes, before: says(404, "NoSuchKey")},
	{Name: Conflict409, Calls: conditional, Told: true, End: Completes, before: says(409, "ConditionalRequestConflict")},
	{Name: Exists412, Calls: conditional, Told: true, End: Names, Codes: []target.Code{target.CodeNotShown}, before: says(412, "PreconditionFailed")},
	{Name: TooMany, Told: true, End: Completes, before: says(429, "TooManyRequests")},

	{Name: OKErrorBefore, Calls: writes, Told: true, End: Completes, before: says(200, "InternalError")},
	{Name: OKErrorAfter, Calls: writes, Told: true, End: Completes, after: replaces(says(200, "InternalError"))},
	{Name: OKEmpty, Calls: writes, End: Completes, before: empty(200)},
	{Name: OKSpace, Calls: []string{callComplete}, End: Completes, after: spaceFirst},
	{Name: OKSpaceError, Calls: []string{callComplete}, Told: true, End: Completes, before: saysLate("InternalError")},
	{Name: OKSpaceExists, Calls: []string{callComplete}, Told: true, End: Completes, before: saysLate("PreconditionFailed")},

	{Name: NoETag, Calls: answered, End: Completes, after: editETag("")},
	{Name: WrongETag, Calls: answered, End: Completes, after: editETag(`"0123456789abcdef0123456789abcdef"`)},
	{Name: NoChecksum, Calls: answered, End: Completes, after: editChecksum("")},
	{Name: WrongChecksum, Calls: answered, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: editChecksum(strings.Repeat("A", 43) + "=")},
	{Name: WrongSize, Calls: []string{callHead}, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: wrongSize},
	{Name: FlippedIn, Calls: payloads, Told: true, End: Names, Codes: []target.Code{target.CodeDigestRefused}, before: flippedIn},
	{Name: FlippedOut, Calls: []string{callGet}, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: editContent(flip)},
	{Name: ShortContent, Calls: []string{callGet}, End: Names, Codes: []target.Code{target.CodeStoredWrong, target.CodeConflict}, after: editContent(half)},
	{Name: NoPart, Calls: []string{callListParts}, End: Completes, after: editContent(noPart)},
	{Name: WrongPart, Calls: []string{callListParts}, End: Completes, after: editContent(wrongPart)},
	{Name: PagedParts, Calls: []string{callListParts}, End: Completes, after: editContent(pagedParts)},
	{Name: PartTwice, Calls: []string{callListParts}, End: Completes, after: editContent(partTwice)},
	{Name: Stranger, Calls: []string{callListUploads}, End: Completes, after: editContent(stranger)},
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
