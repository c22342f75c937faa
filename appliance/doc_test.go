package appliance

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

const (
	formatDoc    = "../docs/format.md"
	exampleBegin = "<!-- worked example -->\n"
	exampleEnd   = "<!-- end of worked example -->\n"
)

// checkWorkedExample holds section 11 of docs/format.md against the sample
// device; TestSample runs it.
func checkWorkedExample(t *testing.T) {
	t.Helper()
	want := workedExample(t)
	doc, err := os.ReadFile(formatDoc)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok1 := strings.Cut(string(doc), exampleBegin)
	got, tail, ok2 := strings.Cut(rest, exampleEnd)
	if !ok1 || !ok2 {
		t.Fatal("docs/format.md has no worked example")
	}
	if *update {
		if err := os.WriteFile(formatDoc, []byte(head+exampleBegin+want+exampleEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("docs/format.md section 11 is not about the sample device; go test ./appliance -run Sample -update writes it anew.\nwant:\n%s", want)
	}
}

func workedExample(t *testing.T) string {
	t.Helper()
	var keys sampleKeys
	b, err := os.ReadFile(sampleDir + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	var disks []Disk
	for i := range 3 {
		fs, err := vfs.OS(fmt.Sprintf("%s/disk%d", sampleDir, i))
		if err != nil {
			t.Fatal(err)
		}
		disks = append(disks, Disk{Name: fmt.Sprintf("disk%d", i), FS: fs})
	}
	s, err := OpenSet(disks, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	k, _ := hex.DecodeString(keys.LoadKey)
	rd, err := s.Unlock(k)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	var w bytes.Buffer
	p, _ := s.Pack(0)
	ip, _ := s.IndexPack(0)
	fmt.Fprintf(&w, "```\nload key K      %x\njob id          %s\ndevice id       %s\ncheck           %x\nsalt key        %x\n", k, s.Scope.Job, s.Scope.Device,
		crypto.Derive(k, "check", nil, 16), crypto.Derive(k, "salt", nil, 32))
	fmt.Fprintf(&w, "pack id         %s\npack key        %x\npack AAD        %x\nindex-pack id   %s\npage key, 0     %x\n```\n\n", p.ID, manifest.NewKeys(k, s.Scope).PackKey(p.ID), s.Scope.PackAD(p.ID),
		ip.ID, crypto.Derive(k, "page", append(append([]byte(nil), ip.ID[:]...), make([]byte, 8)...), 32))
	fmt.Fprintf(&w, "The log has %d entries. Entry 0, *start*: version 1, kind 1, then fields (key = number × 2 + critical):\n\n```\n", s.Checkpoint().Size)
	entry, _ := s.Log().Entry(0)
	dump(t, &w, entry[:2], entry[2:])
	fmt.Fprintf(&w, "```\n\nEntry %d, the only *pack*:\n\n```\n", s.End.FirstPack)
	entry, _ = s.Log().Entry(s.End.FirstPack)
	dump(t, &w, entry[:2], entry[2:])
	l := pack.LayoutOf(p)
	code, _ := s.Disks().Code(p.Geometry)
	list, err := pack.HashList(s.Disks(), p, code)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&w, "```\n\nIts body of %d bytes makes %d stripes: F = %d full ones and a last one with blocks of %d bytes; a shard is %d bytes long. Line 0 of its hash list (two SHA-256, one CRC64NVME):\n\n```\n%x\n%x\n%x\n```\n\n",
		p.BodySize, l.Stripes(), l.Full(), l.BlockLen(l.Full()), l.ShardLen(), list[:32], list[32:64], list[64:72])
	e, err := rd.Lookup(context.Background(), "hello.txt")
	if err != nil {
		t.Fatal(err)
	}
	raw := e.Raw[0]
	fmt.Fprintf(&w, "The record of `hello.txt` is number %d of page %d:\n\n```\n", raw.Index, raw.Page)
	dump(t, &w, nil, raw.Bytes)
	c := manifest.Commitment(raw.Salt, raw.Bytes)
	page, _ := s.Page(raw.Page)
	fmt.Fprintf(&w, "```\n\n```\nsalt            %x\ncommitment      %x\nroot of page %d  %x\nlog root        %x\n```\n", raw.Salt, c, raw.Page, page.Root, s.Checkpoint().Root)
	return w.String()
}

// prefixLen is the length of a field's key and length.
func prefixLen(f fields.Field) int {
	key := uint64(f.Number) * 2
	if f.Critical {
		key++
	}
	return len(binary.AppendUvarint(nil, key)) + len(binary.AppendUvarint(nil, uint64(len(f.Value))))
}

// dump prints a field message, a field a line, long values cut.
func dump(t *testing.T, w *bytes.Buffer, head, message []byte) {
	t.Helper()
	if len(head) > 0 {
		fmt.Fprintf(w, "%x\n", head)
	}
	r := fields.NewReader(message)
	at := 0
	for {
		f, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		critical := ' '
		if f.Critical {
			critical = 'c'
		}
		next := at + prefixLen(f)
		prefix := message[at:next]
		value := hex.EncodeToString(f.Value)
		if len(value) > 80 {
			value = value[:72] + fmt.Sprintf("… (%d bytes)", len(f.Value))
		}
		fmt.Fprintf(w, "%-6x %s    field %d%c\n", prefix, value, f.Number, critical)
		at = next + len(f.Value)
	}
}
