package s3

import "net/http"

// bySize has connections of their own for large payloads: their buffers are large, and a far
// store is sent hundreds of small objects at once, each by a connection that has its buffers
// as long as it is kept.
type bySize struct{ small, large http.RoundTripper }

// smallBody is the largest payload that goes by the connections for small ones.
const smallBody = 64 << 10

func (b bySize) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.ContentLength > smallBody {
		return b.large.RoundTrip(r)
	}
	return b.small.RoundTrip(r)
}

// largeBuffers let a payload go out by few calls.
func largeBuffers(t *http.Transport) { t.WriteBufferSize, t.ReadBufferSize = 256<<10, 64<<10 }
