package importer

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/targettest"
)

// TestAttributeTable: each field of Attributes is taken by exactly one attribute, with all
// that belongs to it, and each attribute has something that asks for it.
func TestAttributeTable(t *testing.T) {
	all := reflect.ValueOf(targettest.Everything())
	for _, field := range reflect.VisibleFields(all.Type()) {
		if field.Anonymous {
			continue
		}
		if all.FieldByIndex(field.Index).IsZero() {
			t.Fatalf("targettest.Everything() lacks %s", field.Name)
		}
		var by []string
		for _, one := range target.AttributeTable {
			if !reflect.ValueOf(one.Of(targettest.Everything())).FieldByIndex(field.Index).IsZero() {
				by = append(by, one.Name)
			}
		}
		if len(by) != 1 {
			t.Errorf("%s is taken by %v", field.Name, by)
		}
	}
	for _, one := range target.AttributeTable {
		alone := one.Of(targettest.Everything())
		if !one.Asked(&alone) || alone.Empty() || (target.Attributes{}).Over(alone).Text() != alone.Text() || alone.Over(targettest.Everything()).Text() != targettest.Everything().Text() {
			t.Errorf("%s: %s", one.Name, alone.Text())
		}
	}
	if a := targettest.Everything().Removable(); a.LockMode != "" || !a.LockUntil.IsZero() || a.LegalHold || a.ACL == "" {
		t.Errorf("removable: %s", a.Text())
	}
}

func TestDropped(t *testing.T) {
	asked := targettest.Everything()
	kept := keepsAll("", false, asked)
	kept.KMSKeyID, kept.Metadata = "arn:aws:kms:r:1:key/1-2", map[string]string{"team": "x", "mtime": "1"}
	if names := asked.Dropped(kept); names != nil {
		t.Errorf("nothing was dropped, but %v", names)
	}
	want := "bucket_key cache_control content_disposition content_encoding content_language content_type customer_key kms_key_id legal_hold lock metadata sse storage_class tags"
	if names := strings.Join(asked.Dropped(target.Shown{}), " "); names != want {
		t.Errorf("all were dropped: %s", names)
	}
	if names := asked.Dropped(target.Shown{Metadata: map[string]string{"team": "y"}}); !slices.Contains(names, "metadata") {
		t.Errorf("metadata of another value: %v", names)
	}
	for name, test := range map[string]struct {
		asked target.Given
		shown target.Shown
	}{
		"nothing asked":    {target.Given{}, kept},
		"standard":         {target.Given{StorageClass: "STANDARD"}, target.Shown{}},
		"alias":            {target.Given{SSE: "aws:kms", KMSKeyID: "alias/x"}, target.Shown{SSE: "aws:kms", KMSKeyID: "arn:aws:kms:r:1:key/1-2"}},
		"MinIO's key":      {target.Given{SSE: "aws:kms", KMSKeyID: "k1"}, target.Shown{SSE: "aws:kms", KMSKeyID: "arn:aws:kms:k1"}},
		"case of the type": {target.Given{ContentType: "text/HTML"}, target.Shown{ContentType: "text/html"}},
		"an ACL":           {target.Given{ACL: "private"}, target.Shown{}},
	} {
		if names := (target.Attributes{Given: test.asked}).Dropped(test.shown); names != nil {
			t.Errorf("%s: %v", name, names)
		}
	}
	for _, name := range strings.Fields(want) {
		if got := slices.Contains([]string{"customer_key", "kms_key_id", "legal_hold", "lock", "sse"}, name); got != target.Protecting(name) {
			t.Errorf("%s protects: %v", name, !got)
		}
	}
}

// TestOwnAttributesDemanded: what a policy may demand, and nothing that opens what the import
// writes for itself, or keeps it from being removed.
func TestOwnAttributesDemanded(t *testing.T) {
	given := targettest.Everything().Given
	own := plan.Rules{Objects: []plan.ObjectRule{{Given: given, Lock: &plan.LockRule{LegalHold: true}}}}.Own()
	if want := (target.Attributes{Given: target.Given{SSE: "aws:kms", KMSKeyID: "1-2", KMSContext: given.KMSContext, BucketKey: true, Tags: given.Tags}}); own.Text() != want.Text() {
		t.Errorf("%s", own.Text())
	}
	given.ACL = "bucket-owner-full-control"
	if own := (plan.Rules{Objects: []plan.ObjectRule{{Given: given}}}).Own(); own.ACL != given.ACL {
		t.Errorf("%s", own.Text())
	}
}

// TestGivenMetadata: metadata of the rules may not take the room of what describes the
// files: it is refused before anything is sent, and with the most that is allowed nothing
// is left out. The plan counts what gets it.
func TestGivenMetadata(t *testing.T) {
	with := func(n int) Options {
		o := testOptions(t, memDisk())
		o.Profile = "aws"
		value := strings.Repeat("v", 600)
		given := target.Given{Metadata: map[string]string{"a": value, "b": value, "c": strings.Repeat("v", n-1203)}}
		o.Rules = plan.Rules{Version: 1, Objects: []plan.ObjectRule{{Given: given}}}
		return o
	}
	if _, err := Run(t.Context(), mixed(), newFake(t), with(2048-512+1)); err == nil || !strings.Contains(err.Error(), "metadata of 1537 bytes: the target takes 1536") {
		t.Errorf("%v", err)
	}
	s, f, o := mixed(), newFake(t), with(2048-512)
	f.shows = keepsAll
	o.RunID = strings.Repeat("r", 64)
	for _, e := range s.entries {
		e.Record.UID, e.Record.GID = 1<<32-1, 1<<32-1
	}
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Errorf("%+v", res)
	}
	for key, object := range f.objects {
		if ours(key) && (object.metadata["gid"] == "" || len(object.asked.Metadata) != 3) {
			t.Errorf("%q: %v", key, object.metadata)
		}
	}
	o.DryRun, o.StateDir = true, nil
	res, err := Run(t.Context(), s, newFake(t), o)
	if err != nil || res.Planned.Given["metadata"] != res.Planned.Objects || len(res.Planned.Given) != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

// TestRulesAreOfTheRun: a run that began without rules does not go on with some, nor the
// other way round.
func TestRulesAreOfTheRun(t *testing.T) {
	some := plan.Rules{Version: 1, Objects: []plan.ObjectRule{{Given: target.Given{ACL: "private"}}}}
	for _, rules := range [][2]plan.Rules{{{}, some}, {some, {}}} {
		s, f, o := mixed(), newFake(t), testOptions(t, memDisk())
		o.Rules = rules[0]
		mustRun(t, s, f, o)
		o.Rules = rules[1]
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) || !strings.Contains(err.Error(), "none") {
			t.Errorf("%v", err)
		}
	}
}
