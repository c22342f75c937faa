package simulator

import (
	"net/http"
	"strings"
)

// The S3 calls that an import makes, by S3's names.
const (
	callPut         = "PutObject"
	callCreate      = "CreateMultipartUpload"
	callPart        = "UploadPart"
	callComplete    = "CompleteMultipartUpload"
	callHead        = "HeadObject"
	callGet         = "GetObject"
	callListUploads = "ListMultipartUploads"
	callListParts   = "ListParts"
	callAbort       = "AbortMultipartUpload"
	callDelete      = "DeleteObject"

	callList = "ListObjectsV2" // of a run with a journal in the target, and of verify
)

// Calls are those of every import.
func Calls() []string {
	return []string{callPut, callCreate, callPart, callComplete, callHead, callGet, callListUploads, callListParts, callAbort, callDelete}
}

// CallOf names the S3 call that a request is.
func CallOf(r *http.Request) string {
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPut && q.Has("partNumber"):
		return callPart
	case r.Method == http.MethodPut:
		return callPut
	case r.Method == http.MethodPost && q.Has("uploads"):
		return callCreate
	case r.Method == http.MethodPost:
		return callComplete
	case r.Method == http.MethodHead:
		return callHead
	case r.Method == http.MethodGet && q.Has("uploads"):
		return callListUploads
	case r.Method == http.MethodGet && q.Has("uploadId"):
		return callListParts
	case r.Method == http.MethodGet && q.Get("list-type") == "2":
		return callList
	case r.Method == http.MethodGet:
		return callGet
	case q.Has("uploadId"):
		return callAbort
	}
	return callDelete
}

// keyOf is the key of a request, or the prefix that a list asks for.
func keyOf(r *http.Request) string {
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if key == "" {
		return r.URL.Query().Get("prefix")
	}
	return key
}
