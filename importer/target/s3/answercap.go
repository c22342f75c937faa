package s3

import (
	"fmt"
	"io"
	"net/http"

	"github.com/sledge-io/sledge/importer/target"
)

// The most that is read of an answer. Whoever answers in the store's place chooses its
// length, and the SDK reads all of it. A page of a list has at most 1,000 keys of 1,024
// bytes, three times that where they are escaped, and as much for each one's owner.
const (
	maxErrorAnswer = 1 << 20
	maxAnswer      = 16 << 20
)

// answerCap bounds all answers but the content of objects.
type answerCap struct{ http.RoundTripper }

func (c answerCap) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := c.RoundTripper.RoundTrip(r)
	if err != nil || answer.Body == nil {
		return answer, err
	}
	switch {
	case answer.StatusCode >= 300:
		answer.Body = &cappedBody{answer.Body, maxErrorAnswer, maxErrorAnswer}
	case !readsObject(r):
		answer.Body = &cappedBody{answer.Body, maxAnswer, maxAnswer}
	}
	return answer, nil
}

// readsObject tells GetObject, whose body is read as a stream: the SDK names each
// operation that has no parameter of its own.
func readsObject(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Query().Get("x-id") == "GetObject"
}

// cappedBody gives an error where an answer goes on. What was asked for may be done.
type cappedBody struct {
	io.ReadCloser
	left, most int64
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n = int(b.left)
		err = target.Unknown(target.NewError(target.CodeServerError, "", fmt.Sprintf("the answer is longer than %d MiB", b.most>>20), nil))
	}
	b.left -= int64(n)
	return n, err
}
