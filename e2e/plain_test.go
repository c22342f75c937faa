package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/s3test"
)

// plain looks into a store without any of the program's code, and without the SDK.
type plain struct{ server *s3test.Server }

func hmacOf(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// encoded is RFC 3986's percent-encoding, as signatures want it.
func encoded(s string, slash bool) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	if slash {
		s = strings.ReplaceAll(s, "%2F", "/")
	}
	return s
}

// ask makes one signed request (Signature Version 4).
func (p plain) ask(method, key string, query map[string]string, body []byte) ([]byte, error) {
	return p.askWith(nil, method, key, query, body)
}

// askWith is ask with headers of S3's own, which are signed.
func (p plain) askWith(header map[string]string, method, key string, query map[string]string, body []byte) ([]byte, error) {
	path := "/" + p.server.Bucket + "/" + encoded(key, true)
	if key == "" {
		path = "/" + p.server.Bucket
	}
	var pairs []string
	for name, value := range query {
		pairs = append(pairs, encoded(name, false)+"="+encoded(value, false))
	}
	slices.Sort(pairs)
	r, err := http.NewRequest(method, p.server.Endpoint+path+"?"+strings.Join(pairs, "&"), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	p.sign(r, path, strings.Join(pairs, "&"), body)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: status %d: %s", method, key, answer.StatusCode, text)
	}
	return text, err
}

func (p plain) sign(r *http.Request, path, query string, body []byte) {
	now, sum := time.Now().UTC(), sha256.Sum256(body)
	day, at, payload := now.Format("20060102"), now.Format("20060102T150405Z"), hex.EncodeToString(sum[:])
	scope := day + "/" + p.server.Region + "/s3/aws4_request"
	r.Header.Set("X-Amz-Content-Sha256", payload)
	r.Header.Set("X-Amz-Date", at)
	names, lines := []string{"host"}, []string{r.Method, path, query, "host:" + r.URL.Host}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		names = append(names, strings.ToLower(name))
		lines = append(lines, strings.ToLower(name)+":"+r.Header.Get(name))
	}
	signed := strings.Join(names, ";")
	canonical := sha256.Sum256([]byte(strings.Join(append(lines, "", signed, payload), "\n")))
	key := []byte("AWS4" + p.server.SecretKey)
	for _, step := range []string{day, p.server.Region, "s3", "aws4_request"} {
		key = hmacOf(key, step)
	}
	signature := hmacOf(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hex.EncodeToString(canonical[:]))
	r.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", p.server.AccessKey, scope, signed, signature))
}

// keys lists a prefix; the lane's fit on one page.
func (p plain) keys(prefix string) (keys []string, err error) {
	text, err := p.ask(http.MethodGet, "", map[string]string{"list-type": "2", "prefix": prefix}, nil)
	var in struct{ Contents []struct{ Key string } }
	if err == nil {
		err = xml.Unmarshal(text, &in)
	}
	for _, c := range in.Contents {
		keys = append(keys, c.Key)
	}
	return keys, err
}

// uploads lists the unfinished ones of a key, which is all that MinIO tells.
func (p plain) uploads(key string) (ids []string, err error) {
	text, err := p.ask(http.MethodGet, "", map[string]string{"uploads": "", "prefix": key}, nil)
	var in struct {
		Upload []struct{ Key, UploadId string }
	}
	if err == nil {
		err = xml.Unmarshal(text, &in)
	}
	for _, u := range in.Upload {
		if u.Key == key {
			ids = append(ids, u.UploadId)
		}
	}
	return ids, err
}

// begin plants somebody else's upload.
func (p plain) begin(key string) (id string, err error) {
	text, err := p.ask(http.MethodPost, key, map[string]string{"uploads": ""}, nil)
	var in struct{ UploadId string }
	if err == nil {
		err = xml.Unmarshal(text, &in)
	}
	return in.UploadId, err
}

// clear removes a run's objects and uploads.
func (p plain) clear(keys []string) {
	for _, key := range keys {
		ids, _ := p.uploads(key)
		for _, id := range ids {
			p.ask(http.MethodDelete, key, map[string]string{"uploadId": id}, nil)
		}
		p.ask(http.MethodDelete, key, nil, nil)
	}
}
