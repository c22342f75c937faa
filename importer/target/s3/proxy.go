package s3

import (
	"context"
	"net/http"
	"net/url"
)

// proxyAnswer names the status by which a proxy refuses a tunnel. The transport keeps no
// more of it than the proxy's own words, which differ from proxy to proxy.
func proxyAnswer(_ context.Context, _ *url.URL, asked *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return proxyError(answer.StatusCode, "CONNECT "+asked.Host, "", nil)
}
