package simulator

import (
	"encoding/base64"
	"net/http"
	"strings"
)

const algorithmSHA256 = "SHA256"

// algorithmOf is the one that Create names. S3 has no SHA-256 over a whole object in
// parts (user guide, "Checking object integrity").
func algorithmOf(r *http.Request) (string, *refusal) {
	algorithm := r.Header.Get("X-Amz-Checksum-Algorithm")
	if kind := r.Header.Get("X-Amz-Checksum-Type"); algorithm == "" && kind != "" || algorithm == algorithmSHA256 && kind == "FULL_OBJECT" {
		return "", &refusal{http.StatusBadRequest, "InvalidRequest"}
	}
	return algorithm, nil
}

// sumOf is the algorithm of the checksum that comes with a request.
func sumOf(r *http.Request) string {
	for name := range r.Header {
		algorithm, ok := strings.CutPrefix(strings.ToUpper(name), "X-AMZ-CHECKSUM-")
		if ok && algorithm != "TYPE" && algorithm != "ALGORITHM" && algorithm != "MODE" {
			return algorithm
		}
	}
	return ""
}

// takes refuses a part whose checksum is not the one that Create named: "Checksum Type
// mismatch occurred".
func (u *upload) takes(r *http.Request) *refusal {
	if sum := sumOf(r); sum != u.algorithm {
		return &refusal{http.StatusBadRequest, "InvalidRequest"}
	}
	return nil
}

// completes refuses a Complete that does not speak of the checksums that Create named.
func (u *upload) completes(r *http.Request, named []completedPart) *refusal {
	for _, p := range named {
		if (p.ChecksumSHA256 != "") != (u.algorithm == algorithmSHA256) {
			return &refusal{http.StatusBadRequest, "InvalidRequest"}
		}
	}
	if kind := r.Header.Get("X-Amz-Checksum-Type"); kind == "COMPOSITE" && u.algorithm == "" || kind == "FULL_OBJECT" && u.algorithm == algorithmSHA256 {
		return &refusal{http.StatusBadRequest, "InvalidRequest"}
	}
	return nil
}

// rightSum tells whether Complete names the checksum that a part came with.
func (b *Bucket) rightSum(u *upload, named completedPart, have *part) bool {
	return u.algorithm != algorithmSHA256 || b.Traits.Unchecking || named.ChecksumSHA256 == base64.StdEncoding.EncodeToString(have.sum[:])
}
