package simulator

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// change is what becomes of an answer of the store on its way back.
type change = func(*http.Request, *http.Response) (*http.Response, error)

// replaces drops an answer for what early gives in its place.
func replaces(by early) change {
	return func(r *http.Request, answer *http.Response) (*http.Response, error) {
		answer.Body.Close()
		return by(nil, r, nil)
	}
}

func http10(_ *http.Request, answer *http.Response) (*http.Response, error) {
	answer.Proto, answer.ProtoMinor, answer.Close = "HTTP/1.0", 0, true
	answer.Header.Set("Connection", "close")
	return answer, nil
}

// broken is a body whose connection broke.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// rebody replaces an answer's body. What it says of its length is left as it is
// for HEAD, whose body is none.
func rebody(answer *http.Response, f func(text []byte) io.Reader) (*http.Response, error) {
	text, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil {
		return nil, err
	}
	answer.Body = io.NopCloser(f(text))
	return answer, nil
}

func cutAnswer(_ *http.Request, answer *http.Response) (*http.Response, error) {
	return rebody(answer, func(text []byte) io.Reader {
		return io.MultiReader(bytes.NewReader(text[:len(text)/2]), broken{})
	})
}

// spaceFirst puts white space before an answer whose length nobody knows yet.
func spaceFirst(_ *http.Request, answer *http.Response) (*http.Response, error) {
	if answer.StatusCode != http.StatusOK {
		return answer, nil
	}
	return rebody(answer, func(text []byte) io.Reader {
		answer.ContentLength = -1
		answer.Header.Del("Content-Length")
		if declared := bytes.IndexByte(text, '>') + 1; bytes.HasPrefix(text, []byte("<?xml")) {
			return io.MultiReader(bytes.NewReader(text[:declared]), strings.NewReader(space), bytes.NewReader(text[declared:]))
		}
		return io.MultiReader(strings.NewReader(space), bytes.NewReader(text))
	})
}

// wrongLength announces more than comes.
func wrongLength(_ *http.Request, answer *http.Response) (*http.Response, error) {
	return rebody(answer, func(text []byte) io.Reader {
		answer.ContentLength = int64(len(text)) + 7
		answer.Header.Set("Content-Length", strconv.Itoa(len(text)+7))
		return io.MultiReader(bytes.NewReader(text), broken{})
	})
}

// trickling gives a byte at a time, and the rest after enough of them.
type trickling struct {
	r    io.Reader
	left int
}

func (t *trickling) Read(p []byte) (int, error) {
	if t.left == 0 || len(p) == 0 {
		return t.r.Read(p)
	}
	t.left--
	time.Sleep(100 * time.Microsecond)
	return t.r.Read(p[:1])
}

func trickle(_ *http.Request, answer *http.Response) (*http.Response, error) {
	return rebody(answer, func(text []byte) io.Reader { return &trickling{bytes.NewReader(text), 64} })
}

// editContent changes the body of a good answer, and its length with it.
func editContent(f func(r *http.Request, text []byte) []byte) change {
	return func(r *http.Request, answer *http.Response) (*http.Response, error) {
		if answer.StatusCode != http.StatusOK || r.Method == http.MethodHead {
			return answer, nil
		}
		return rebody(answer, func(text []byte) io.Reader {
			text = f(r, text)
			answer.ContentLength = int64(len(text))
			answer.Header.Set("Content-Length", strconv.Itoa(len(text)))
			return bytes.NewReader(text)
		})
	}
}

var (
	etagElement     = regexp.MustCompile(`<ETag>[^<]*</ETag>`)
	checksumElement = regexp.MustCompile(`<ChecksumSHA256>[^<]*</ChecksumSHA256>`)
	partElement     = regexp.MustCompile(`(?s)<Part>.*?</Part>`)
	sizeElement     = regexp.MustCompile(`<Size>(\d+)</Size>`)
	truncated       = regexp.MustCompile(`<IsTruncated>\w*</IsTruncated>|<NextPartNumberMarker>\d*</NextPartNumberMarker>`)
)

// editField gives a header and an element another value; "" takes them away.
func editField(header, element, value string, pattern *regexp.Regexp) change {
	put := ""
	if value != "" {
		put = "<" + element + ">" + strings.ReplaceAll(value, `"`, "&#34;") + "</" + element + ">"
	}
	inBody := editContent(func(_ *http.Request, text []byte) []byte { return pattern.ReplaceAllLiteral(text, []byte(put)) })
	return func(r *http.Request, answer *http.Response) (*http.Response, error) {
		if answer.StatusCode != http.StatusOK {
			return answer, nil
		}
		if answer.Header.Del(header); value != "" {
			answer.Header.Set(header, value)
		}
		return inBody(r, answer)
	}
}

func editETag(value string) change { return editField("Etag", "ETag", value, etagElement) }

func editChecksum(value string) change {
	return editField(checksumHeader, "ChecksumSHA256", value, checksumElement)
}

// wrongSize is HEAD's alone: its length is what it says of the object.
func wrongSize(_ *http.Request, answer *http.Response) (*http.Response, error) {
	if answer.StatusCode == http.StatusOK {
		answer.ContentLength++
		answer.Header.Set("Content-Length", strconv.FormatInt(answer.ContentLength, 10))
	}
	return answer, nil
}

func flip(_ *http.Request, text []byte) []byte {
	if len(text) > 0 {
		text[len(text)/2] ^= 1
	}
	return text
}

func half(_ *http.Request, text []byte) []byte { return text[:len(text)/2] }

func noPart(_ *http.Request, text []byte) []byte {
	if at := partElement.FindIndex(text); at != nil {
		return append(text[:at[0]:at[0]], text[at[1]:]...)
	}
	return text
}

func wrongPart(_ *http.Request, text []byte) []byte {
	return sizeElement.ReplaceAll(text, []byte("<Size>${1}1</Size>"))
}

func partTwice(_ *http.Request, text []byte) []byte {
	return partElement.ReplaceAll(text, []byte("$0$0"))
}

// pagedParts says that more parts follow the first one.
func pagedParts(_ *http.Request, text []byte) []byte {
	at := partElement.FindIndex(text)
	if at == nil {
		return text
	}
	rest := partElement.ReplaceAll(text[at[1]:], nil)
	paged := append(truncated.ReplaceAll(text[:at[1]], nil), truncated.ReplaceAll(rest, nil)...)
	return bytes.Replace(paged, []byte("</ListPartsResult>"), []byte("<IsTruncated>true</IsTruncated><NextPartNumberMarker>1</NextPartNumberMarker></ListPartsResult>"), 1)
}

// stranger adds an upload of somebody else for the same key.
func stranger(r *http.Request, text []byte) []byte {
	upload := fmt.Sprintf("<Upload><Key>%s</Key><UploadId>not-ours</UploadId><Initiator><ID>%s</ID></Initiator><Initiated>%s</Initiated></Upload></ListMultipartUploadsResult>",
		r.URL.Query().Get("prefix"), otherID, time.Now().UTC().Format(time.RFC3339))
	return bytes.Replace(text, []byte("</ListMultipartUploadsResult>"), []byte(upload), 1)
}
