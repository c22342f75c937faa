package fields

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/testlimit"
)

// The fields that the tests know; odd numbers are critical.
var testSchema = Schema{1: true, 2: false, 3: true, 4: false, 5: true, 6: false, 7: true, 8: false}

// values is a message with one field of each type.
type values struct {
	num   uint64
	small uint64
	flag  bool
	time  time.Time
	blob  []byte
	fixed [4]byte
	list  [][]byte
	text  string
}

func (v *values) encode() []byte {
	w := NewWriter(nil)
	w.Uint(1, true, v.num)
	w.Uint(2, false, v.small)
	w.Flag(3, true, v.flag)
	w.Time(4, false, v.time)
	w.Blob(5, true, v.blob)
	if v.fixed != [4]byte{} {
		w.Blob(6, false, v.fixed[:])
	}
	w.List(7, true, v.list)
	w.Text(8, false, v.text)
	return w.Bytes()
}

func decode(b []byte) (*values, error) {
	v := &values{}
	err := Decode(b, testSchema, v.set)
	again := &values{}
	if aerr := testSchema.Table().Decode(b, again.set); fmt.Sprint(aerr) != fmt.Sprint(err) || !reflect.DeepEqual(again, v) {
		panic(fmt.Sprintf("by its table %+v, %v; by the schema %+v, %v", again, aerr, v, err))
	}
	return v, err
}

func (v *values) set(f Field) (err error) {
	switch f.Number {
	case 1:
		v.num, err = f.Uint()
	case 2:
		v.small, err = f.UintMax(1000)
	case 3:
		v.flag, err = f.Flag()
	case 4:
		v.time, err = f.Time()
	case 5:
		v.blob, err = f.Blob(-1)
	case 6:
		if err = f.Copy(v.fixed[:]); err == nil && v.fixed == [4]byte{} {
			err = ErrMalformed
		}
	case 7:
		err = f.Items(func(it []byte) error {
			v.list = append(v.list, append([]byte{}, it...))
			return nil
		})
	case 8:
		v.text = string(f.Value)
	}
	return err
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRoundTrip(t *testing.T) {
	for _, tc := range []struct {
		name string
		v    values
		want string // hex; "" is not compared
	}{
		{"empty", values{}, ""},
		{"one", values{num: 1}, "03 01 01"},
		{"255", values{num: 255}, "03 01 ff"},
		{"256", values{num: 256}, "03 02 0100"},
		{"largest", values{num: math.MaxUint64}, "03 08 ffffffffffffffff"},
		{"flag", values{flag: true}, "07 01 01"},
		{"epoch", values{time: time.Unix(0, 0)}, "08 0c 0000000000000000 00000000"},
		{"before 1970", values{time: time.Unix(-1, 999_999_999)}, "08 0c ffffffffffffffff 3b9ac9ff"},
		{"far off", values{time: time.Unix(1<<62, 1)}, "08 0c 4000000000000000 00000001"},
		{"list with an empty item", values{list: [][]byte{{}, []byte("ab"), {}}}, "0f 05 00 02 6162 00"},
		{"all", values{num: 7, small: 1000, flag: true, time: time.Unix(1_700_000_000, 5), blob: []byte("b"), fixed: [4]byte{0, 0, 0, 1}, list: [][]byte{bytes.Repeat([]byte("i"), 300)}, text: "text"}, ""},
	} {
		b := tc.v.encode()
		if tc.want != "" && !bytes.Equal(b, unhex(t, tc.want)) {
			t.Errorf("%s: encoded as %x, want %s", tc.name, b, tc.want)
		}
		got, err := decode(b)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if !bytes.Equal(got.encode(), b) || got.num != tc.v.num || !got.time.Equal(tc.v.time) || len(got.list) != len(tc.v.list) {
			t.Errorf("%s: read back as %+v", tc.name, got)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct{ name, hex string }{
		{"number twice", "03 01 01 03 01 01"},
		{"numbers descending", "04 01 01 03 01 01"},
		{"number zero", "01 01 01"},
		{"number zero, not critical", "00 01 01"},
		{"number over the limit", "82808001 01 01"}, // 2^20 + 1, not critical
		{"zero length", "03 00"},
		{"key only", "03"},
		{"length cut off", "03 80"},
		{"value cut off", "03 02 01"},
		{"length beyond the end", "0b ff 01 61"},
		{"length of 2^63", "0b 80808080808080808001 61"},
		{"key not minimal", "8300 01 01"},
		{"length not minimal", "03 8100 01"},
		{"key of 11 bytes", "8080808080808080808001 01 01"},
		{"key over 2^64", "ffffffffffffffffff02 01 01"},
		{"length of 11 bytes", "03 8080808080808080808001"},
		{"integer with a leading zero", "03 02 0001"},
		{"integer zero", "03 01 00"},
		{"integer of 9 bytes", "03 09 010000000000000000"},
		{"integer over its limit", "04 02 03e9"},
		{"flag of 2", "07 01 02"},
		{"flag of 0", "07 01 00"},
		{"flag of two bytes", "07 02 0001"},
		{"time of 11 bytes", "08 0b 00000000000000000000 00"},
		{"time of 13 bytes", "08 0d 0000000000000000 0000000000"},
		{"nanoseconds over the limit", "08 0c 0000000000000000 3b9aca00"},
		{"the zero time", "08 0c fffffff1886e0900 00000000"},
		{"fixed bytes too short", "0c 03 000001"},
		{"fixed bytes too long", "0c 05 0000000001"},
		{"list item cut off", "0f 02 0261"},
		{"list item's length not minimal", "0f 03 810061"},
		{"list item's length cut off", "0f 01 80"},
		{"critical bit missing", "02 01 01"},
		{"critical bit too many", "05 01 01"},
		{"rubbish after a good field", "03 01 01 ff"},
	} {
		_, err := decode(unhex(t, tc.hex))
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", tc.name, err)
		}
		if errors.Is(err, ErrUnknownCritical) {
			t.Errorf("%s: taken for an unknown critical field: %v", tc.name, err)
		}
	}
}

func TestUnknown(t *testing.T) {
	if _, err := decode(unhex(t, "03 01 01 13 01 01")); !errors.Is(err, ErrUnknownCritical) || errors.Is(err, ErrMalformed) {
		t.Errorf("unknown critical field: error %v", err)
	}
	v, err := decode(unhex(t, "03 01 07 12 03 616263 80808001 01 00")) // fields 9 and 2^20, the largest
	if err != nil || v.num != 7 {
		t.Errorf("unknown fields that are not critical: %+v, %v", v, err)
	}
	// An unknown field must be well formed all the same.
	for _, s := range []string{"12 00", "12 03 6162", "12 01 61 12 01 61"} {
		if _, err := decode(unhex(t, s)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", s, err)
		}
	}
}

// TestBlobCopies: what Blob returns does not alias the message.
func TestBlobCopies(t *testing.T) {
	b := (&values{blob: []byte("abcd")}).encode()
	v, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	clear(b)
	if string(v.blob) != "abcd" {
		t.Errorf("blob is %q after the message was overwritten", v.blob)
	}
}

func TestWriterPanics(t *testing.T) {
	for name, f := range map[string]func(w *Writer){
		"twice":      func(w *Writer) { w.Uint(3, true, 1) },
		"descending": func(w *Writer) { w.Text(2, true, "x") },
		"too large":  func(w *Writer) { w.Flag(1<<20+1, true, true) },
	} {
		w := &Writer{}
		w.Uint(3, true, 1)
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f(w)
		}()
	}
}

// TestLimits: a huge length costs nothing, and lists are bounded by their bytes.
func TestLimits(t *testing.T) {
	b := unhex(t, "0b ffffffffffffffff7f 61")
	if n := testing.AllocsPerRun(100, func() { decode(b) }); n > 20 {
		t.Errorf("%v allocations for a message of %d bytes", n, len(b))
	}
}

func FuzzFields(f *testing.F) {
	all := values{num: 7, small: 1000, flag: true, time: time.Unix(1_700_000_000, 5), blob: []byte("b"), fixed: [4]byte{0, 0, 0, 1}, list: [][]byte{{1}, {}}, text: "text"}
	f.Add(all.encode())
	f.Add([]byte{})
	f.Add(unhex(f, "0f 05 00 02 6162 00"))
	f.Add(unhex(f, "8300 01 01"))
	f.Add(unhex(f, "08 0c ffffffffffffffff 3b9ac9ff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		// What the Reader accepts is what a Writer of the same fields writes.
		r, w := NewReader(b), &Writer{}
		for {
			f, ok, err := r.Next()
			if err != nil {
				return
			}
			if !ok {
				break
			}
			w.Blob(f.Number, f.Critical, f.Value)
		}
		if !bytes.Equal(w.Bytes(), b) {
			t.Fatalf("accepted %x, written again %x", b, w.Bytes())
		}
		v, err := decode(b)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrUnknownCritical) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		// Typed values, too, if nothing unknown was skipped.
		again := v.encode()
		if !bytes.Equal(again, onlyKnown(b)) {
			t.Fatalf("accepted %x, values encoded again %x", b, again)
		}
	})
}

// onlyKnown drops unknown fields.
func onlyKnown(b []byte) []byte {
	r, w := NewReader(b), &Writer{}
	for {
		f, ok, _ := r.Next()
		if !ok {
			return w.Bytes()
		}
		if _, known := testSchema[f.Number]; known {
			w.Blob(f.Number, f.Critical, f.Value)
		}
	}
}
