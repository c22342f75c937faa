package manifest

import (
	"fmt"
	"testing"
)

// benchRecord is a small file as a load of today writes it.
func benchRecord(i int) *Record {
	r := fileRecord(fmt.Sprintf("folder-%04d/some-name-%06d.dat", i/100, i))
	r.Xattrs, r.LinkGroup = nil, 0
	return r
}

func BenchmarkRecordEncode(b *testing.B) {
	r := benchRecord(1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Encode(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecordDecode(b *testing.B) {
	raw := encode(b, benchRecord(1))[0]
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeRecord(raw); err != nil {
			b.Fatal(err)
		}
	}
}

// fullPage is the records of a page that can take no more.
func fullPage(b *testing.B) (records [][]byte, size int64) {
	b.Helper()
	var page PageBuilder
	for i := 0; ; i++ {
		raw := encode(b, benchRecord(i))[0]
		if !page.Fits(raw) {
			return records, size
		}
		page.Add(raw)
		records, size = append(records, raw), size+int64(len(raw))
	}
}

// BenchmarkPageEncrypt builds and encrypts full pages, with their proofs' tree.
func BenchmarkPageEncrypt(b *testing.B) {
	records, size := fullPage(b)
	keys := NewKeys(loadKey, testScope(b))
	b.SetBytes(size)
	b.ReportAllocs()
	var page PageBuilder
	for b.Loop() {
		for _, raw := range records {
			page.Add(raw)
		}
		if _, err := page.Encrypt(keys, ID{1}, &PageEntry{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(records)), "ns/record")
}

func BenchmarkPageOpen(b *testing.B) {
	records, size := fullPage(b)
	keys := NewKeys(loadKey, testScope(b))
	var page PageBuilder
	for _, raw := range records {
		page.Add(raw)
	}
	entry := &PageEntry{}
	enc, err := page.Encrypt(keys, ID{1}, entry)
	must(b, err)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenPage(keys, ID{1}, entry, enc); err != nil {
			b.Fatal(err)
		}
	}
}
