package importer

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
)

func testCustomerKey(t *testing.T, first byte) (key *target.CustomerKey, raw []byte) {
	t.Helper()
	raw = bytes.Repeat([]byte{first, 0x3e, 'x', 0xfb}, 8)
	key, err := target.ReadCustomerKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key, raw
}

func TestReadCustomerKey(t *testing.T) {
	want, raw := testCustomerKey(t, 1)
	for name, file := range map[string]string{
		"base64": base64.StdEncoding.EncodeToString(raw), "a line of base64": base64.StdEncoding.EncodeToString(raw) + "\r\n",
		"hexadecimal": hex.EncodeToString(raw), "a line of hexadecimal": strings.ToUpper(hex.EncodeToString(raw)) + "\n",
	} {
		if got, err := target.ReadCustomerKey([]byte(file)); err != nil || *got != *want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	for _, bad := range []string{"", "secret", string(raw) + "\n", string(raw[:31]), base64.StdEncoding.EncodeToString(raw[:31]), hex.EncodeToString(raw)[2:], strings.Repeat("z", 64)} {
		if _, err := target.ReadCustomerKey([]byte(bad)); err == nil || !strings.Contains(err.Error(), "32 bytes") || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	o := Options{Config: s3.Config{CustomerKey: want}}
	inJSON, _ := json.Marshal(want)
	for _, text := range []string{fmt.Sprint(want), fmt.Sprintf("%v", o), fmt.Sprintf("%+v", o), fmt.Sprintf("%#v", want), fmt.Sprintf("%x %q %s", want, want, want), string(inJSON)} {
		if strings.Contains(text, want.Text) || strings.Contains(text, hex.EncodeToString([]byte(want.Text))) {
			t.Errorf("%s shows the key", text)
		}
	}
}

// TestCustomerKeyGoes: every request that reads or writes an object has the key, and no
// other one.
func TestCustomerKeyGoes(t *testing.T) {
	key, raw := testCustomerKey(t, 1)
	wire := &recorder{}
	o := testOptions(t, nil)
	o.Transport, o.Credentials, o.Endpoint, o.PathStyle, o.CustomerKey = wire, &s3.Credentials{AccessKey: "test", SecretKey: "testtest"}, "https://store.test", true, key
	to, ctx := newS3(t, o), context.Background()
	one := []byte("x")
	calls := []struct {
		name string
		has  bool
		call func()
	}{
		{"PutObject", true, func() {
			to.Put(ctx, target.PutRequest{Key: "k", Body: bytes.NewReader(one), Size: 1, SHA256: crypto.SumSHA256(one)})
		}},
		{"a probe's PutObject", true, func() { to.PutAs(ctx, target.PutAs{Key: "k", Content: one}) }},
		{"CreateMultipartUpload", true, func() { to.CreateUpload(ctx, target.CreateRequest{Key: "k"}) }},
		{"a probe's CreateMultipartUpload", true, func() { to.CreateCRC(ctx, "k", target.Attributes{}) }},
		{"UploadPart", true, func() {
			to.UploadPart(ctx, target.PartRequest{Key: "k", UploadID: "u", Number: 1, Body: bytes.NewReader(one), Size: 1, SHA256: crypto.SumSHA256(one)})
		}},
		{"CompleteMultipartUpload", true, func() {
			to.CompleteUpload(ctx, target.CompleteRequest{Key: "k", UploadID: "u", Parts: []target.Part{{Number: 1, ETag: "e"}}, Size: 1})
		}},
		{"a probe's last requests", true, func() { to.FinishCRC(ctx, "k", "u", one, "AAAAAAAAAAA=", "AAAAAAAAAAA=") }},
		{"ListParts", true, func() { to.ListParts(ctx, "k", "u", func(target.Part) error { return nil }) }},
		{"HeadObject", true, func() { to.Head(ctx, "k") }},
		{"GetObject", true, func() { to.Get(ctx, "k", "") }},
		{"GetObjectAttributes", true, func() { to.Attributes(ctx, "k") }},
		{"DeleteObject", false, func() { to.Delete(ctx, "k", "") }},
		{"AbortMultipartUpload", false, func() { to.AbortUpload(ctx, "k", "u") }},
		{"ListObjectsV2", false, func() { to.ListSome(ctx, "k") }},
		{"ListMultipartUploads", false, func() { to.ListUploads(ctx, "k", func(target.Upload) error { return nil }) }},
	}
	const header = "X-Amz-Server-Side-Encryption-Customer-"
	for _, test := range calls {
		wire.header = http.Header{}
		test.call()
		got := [3]string{wire.header.Get(header + "Algorithm"), wire.header.Get(header + "Key"), wire.header.Get(header + "Key-Md5")}
		want := [3]string{"AES256", base64.StdEncoding.EncodeToString(raw), key.MD5()}
		if !test.has {
			want = [3]string{}
		}
		if wire.header.Get("Authorization") == "" || got != want {
			t.Errorf("%s: %q", test.name, got)
		}
	}
}

// TestCustomerKeyOfRun: the key belongs to the run by its MD5, is nowhere in the state
// folder and the receipts, and an object that the store does not show under it fails.
func TestCustomerKeyOfRun(t *testing.T) {
	key, raw := testCustomerKey(t, 1)
	another, _ := testCustomerKey(t, 2)
	s, f, disk := mixed(), newFake(t), memDisk()
	f.shows = keepsAll
	o := testOptions(t, disk)
	o.CustomerKey, o.JournalInTarget = key, false
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Fatalf("%+v", res)
	}
	for _, line := range readLines(t, disk, "receipts/objects.list") {
		if line.Outcome == entry.OutcomeStored && line.Attributes.CustomerKeyMD5 != key.MD5() {
			t.Errorf("%s: %+v", line.Key, line.Attributes)
		}
	}
	for _, other := range []*target.CustomerKey{another, nil} {
		o.CustomerKey = other
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) || strings.Contains(err.Error(), key.Text) {
			t.Errorf("with %v: %v", other, err)
		}
	}
	files := 0
	walkDisk(t, disk, ".", func(name string, content []byte) {
		files++
		for _, secret := range []string{string(raw), key.Text, hex.EncodeToString(raw)} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds the key", name)
			}
		}
	})
	if files < 4 {
		t.Errorf("%d files were looked at", files)
	}

	// A run that began without one does not go on with one.
	disk, f = memDisk(), newFake(t)
	o.StateDir, o.CustomerKey = disk, nil
	mustRun(t, s, f, o)
	o.CustomerKey = key
	if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) || !strings.Contains(err.Error(), "CustomerKey was none") {
		t.Errorf("begun without a key: %v", err)
	}

	f = newFake(t)
	f.shows = func(key string, by bool, a target.Attributes) target.Shown {
		shown := keepsAll(key, by, a)
		shown.CustomerKeyMD5 = another.MD5()
		return shown
	}
	o.StateDir = memDisk()
	res, err := Run(t.Context(), s, f, o)
	if err != nil || res.Tally.Outcomes[entry.OutcomeFailed] != 8 {
		t.Errorf("another key is shown: %+v, %v", res, err)
	}
}

// TestCustomerKeyRefused: what cannot go together is refused before anything is sent.
func TestCustomerKeyRefused(t *testing.T) {
	key, _ := testCustomerKey(t, 1)
	for want, set := range map[string]func(*Options){
		"http:// would show it": func(o *Options) { o.Endpoint = "http://store.test" },
		"goes without a key":    func(o *Options) { o.Rules = parseRules(t, `{"version":1,"objects":[{"sse":"AES256"}]}`) },
	} {
		f := newFake(t)
		o := testOptions(t, memDisk())
		o.CustomerKey = key
		set(&o)
		if _, err := Run(t.Context(), mixed(), f, o); err == nil || !strings.Contains(err.Error(), want) || len(f.objects) > 0 {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// walkDisk calls f for each file below a folder.
func walkDisk(t *testing.T, disk vfs.FS, folder string, f func(name string, content []byte)) {
	t.Helper()
	entries, err := disk.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if folder != "." {
			name = folder + "/" + name
		}
		if e.IsDir() {
			walkDisk(t, disk, name, f)
			continue
		}
		content, err := vfs.ReadFile(disk, name, 64<<20)
		if err != nil {
			t.Fatal(err)
		}
		f(name, content)
	}
}
