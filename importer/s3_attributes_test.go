package importer

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sledge-io/sledge/importer/target"
)

// TestWritesGiveTheSame: whatever PutObject gives to an object, CreateMultipartUpload
// gives, and each field of Attributes changes what is sent.
func TestWritesGiveTheSame(t *testing.T) {
	to := &S3{bucket: "b"}
	put := reflect.ValueOf(to.putInput("k", everything(), map[string]string{"mtime": "1"})).Elem()
	create := reflect.ValueOf(to.createInput("k", everything(), map[string]string{"mtime": "1"})).Elem()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[s3.PutObjectInput]()) {
		if !field.IsExported() || put.FieldByIndex(field.Index).IsZero() {
			continue
		}
		if other := create.FieldByName(field.Name); !other.IsValid() || !reflect.DeepEqual(put.FieldByIndex(field.Index).Interface(), other.Interface()) {
			t.Errorf("%s: CreateMultipartUpload has another one", field.Name)
		}
	}
	for _, one := range target.AttributeTable {
		if sent := *to.putInput("k", one.Of(everything()), nil); one.Name != "customer_key" && reflect.DeepEqual(sent, *to.putInput("k", target.Attributes{}, nil)) {
			t.Errorf("%s: nothing is sent", one.Name)
		}
	}
	if got := to.putInput("k", everything(), map[string]string{"mtime": "1"}).Metadata; got["team"] != "x" || got["mtime"] != "1" || len(everything().Metadata) != 1 {
		t.Errorf("metadata %v", got)
	}
}
