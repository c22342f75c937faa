package fields

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

type every struct {
	number uint32
	flag   bool
	text   string
	time   time.Time
	blob   []byte
	array  [4]byte
}

func (e *every) form() Form {
	return Form{Uint(1, true, &e.number, 1000), Flag(2, true, &e.flag), Text(3, false, &e.text), Time(4, false, &e.time),
		Blob(5, true, &e.blob, 3), Array(6, true, e.array[:])}
}

func written(e every) []byte {
	w := NewWriter(nil)
	e.form().Write(w)
	return w.Bytes()
}

func TestForm(t *testing.T) {
	for _, e := range []every{{}, {1000, true, "text", time.Unix(1, 2).UTC(), []byte("abc"), [4]byte{1}}} {
		var got every
		if err := got.form().Read(written(e)); err != nil || !reflect.DeepEqual(got, e) {
			t.Errorf("%+v: %v", got, err)
		}
	}
	long := every{number: 1001}
	if err := long.form().Read(written(long)); !errors.Is(err, ErrMalformed) {
		t.Errorf("over the limit: %v", err)
	}
	wrong := every{blob: []byte("abcd")}
	if err := wrong.form().Read(written(wrong)); !errors.Is(err, ErrMalformed) {
		t.Errorf("of another length: %v", err)
	}
	less := func(e *every) Form { return e.form().Without(2, 3) }
	for e, want := range map[*every]error{{flag: true}: ErrUnknownCritical, {text: "later"}: nil} {
		var got every
		if err := less(&got).Read(written(*e)); !errors.Is(err, want) || got.text != "" {
			t.Errorf("a field that must not be there: %+v, %v", got, err)
		}
	}
}
