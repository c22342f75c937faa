package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// Names are exact, as docs/format.md says: what is written otherwise is unknown and skipped,
// also where Unicode folds it onto a name of ours, and stands beside the name that it resembles.
func TestStatementNamesExact(t *testing.T) {
	head := `{"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "` + PredicateSeal + `", "PREDICATE": {"version": 1, "disks": 9}, "predicate": `
	for payload, want := range map[string]SealStatement{
		`{"version": 1, "disks": 3, "DISKS": 4}`:                              {Version: 1, Disks: 3},
		`{"version": 1, "DISKS": 4, "disks": 3}`:                              {Version: 1, Disks: 3},
		`{"version": 1, "di\u017fks": 4, "disks": 3, "dis\u212as": 5}`:        {Version: 1, Disks: 3},
		`{"version": 1, "disks": 3, "di\u017fks": 4}`:                         {Version: 1, Disks: 3},
		`{"version": 1, "Version": 2, "Critical": ["x"]}`:                     {Version: 1},
		`{"version": 1, "Sealed": 7, "sealed": "2026-11-30T00:00:00Z"}`:       {Version: 1, Sealed: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)},
		`{"version": 1, "other": {"a": 1, "A": 2, "big": 1e999}, "DISKS": 1}`: {Version: 1},
	} {
		env, err := crypto.SignDSSE(PayloadType, []byte(head+payload+"}"), deviceKey)
		must(t, err)
		var got SealStatement
		if _, _, err := OpenStatement(env, PredicateSeal, &got, pub(deviceKey)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", payload, got, err)
		}
	}
}

// What is decoded is what encoding/json decodes where all names are exact, and inside of
// lists and maps the names are exact, too.
func TestDecodeJSON(t *testing.T) {
	type inner struct {
		Name  string            `json:"name"`
		Texts map[string]string `json:"texts"`
		Raw   json.RawMessage   `json:"raw"`
		At    *time.Time        `json:"at"`
	}
	type outer struct {
		List []inner           `json:"list"`
		Map  map[string]*inner `json:"map"`
		Sum  []byte            `json:"sum"`
		Two  [2]inner
	}
	exact := `{"list":[{"name":"a","texts":{"k":"1"},"raw":{"NAME":2}},null],"map":{"NAME":{"name":"b"}},"sum":"AAE=","Two":[{"name":"c"}],"more":[1,{"x":null}]}`
	var want outer
	must(t, json.Unmarshal([]byte(exact), &want))
	for _, text := range []string{
		exact,
		`{"LIST":7,"list":[{"name":"a","Name":"z","texts":{"k":"1"},"Texts":{"k":"2"},"raw":{"NAME":2}},null],"map":{"NAME":{"NAME":"y","name":"b"}},"sum":"AAE=","Two":[{"name":"c","nAme":"x"}],"two":[]}`,
	} {
		var got outer
		if err := DecodeJSON([]byte(text), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{`{"list":[{"name":"a","name":"b"}]}`, `{"list":[{"name":"a","n\u0061me":"b"}]}`, `{"list":[],"a\"":1,"a\u0022":2}`, many(40, 39), many(40, 3), many(20, 0), `{"x":{"y":1,"y":1}}`, `{"list":7}`, `{"LIST":1,"list":7}`, `{"sum":"AAE="} {}`, `{"LIST":1} {}`, `{"LIST":1`, ``} {
		if err := DecodeJSON([]byte(text), new(outer)); err == nil {
			t.Errorf("%s was decoded", text)
		}
	}
}

// many is an object of so many names, in which one comes again.
func many(count, again int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, `"n%d":{"n%d":[",",{}]},`, i, i)
	}
	return fmt.Sprintf(`{%s"n%d":0}`, b.String(), again)
}

func TestManyNames(t *testing.T) {
	must(t, DecodeJSON([]byte(many(40, 40)), new(struct{})))
	must(t, DecodeJSON([]byte(`[`+many(33, 33)+`,`+many(3, 3)+`]`), new([]struct{})))
}
