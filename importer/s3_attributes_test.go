package importer

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// TestWritesGiveTheSame: whatever PutObject gives to an object, CreateMultipartUpload
// gives, and each field of Attributes changes what is sent.
func TestWritesGiveTheSame(t *testing.T) {
	target := &S3{bucket: "b"}
	put := reflect.ValueOf(target.putInput("k", everything(), map[string]string{"mtime": "1"})).Elem()
	create := reflect.ValueOf(target.createInput("k", everything(), map[string]string{"mtime": "1"})).Elem()
	for _, field := range reflect.VisibleFields(reflect.TypeFor[s3.PutObjectInput]()) {
		if !field.IsExported() || put.FieldByIndex(field.Index).IsZero() {
			continue
		}
		if other := create.FieldByName(field.Name); !other.IsValid() || !reflect.DeepEqual(put.FieldByIndex(field.Index).Interface(), other.Interface()) {
			t.Errorf("%s: CreateMultipartUpload has another one", field.Name)
		}
	}
	for _, one := range attributes {
		if sent := *target.putInput("k", one.of(everything()), nil); one.name != "customer_key" && reflect.DeepEqual(sent, *target.putInput("k", Attributes{}, nil)) {
			t.Errorf("%s: nothing is sent", one.name)
		}
	}
	if got := target.putInput("k", everything(), map[string]string{"mtime": "1"}).Metadata; got["team"] != "x" || got["mtime"] != "1" || len(everything().Metadata) != 1 {
		t.Errorf("metadata %v", got)
	}
}
