package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// TestWrongRuleFlags: who gave a flag is told of that flag, and not of a file of rules that
// he does not have.
func TestWrongRuleFlags(t *testing.T) {
	for line, want := range map[string]string{
		"--storage-class|STANDARD IA":         `--storage-class "STANDARD IA": has a space; it is one word of the store, such as STANDARD, INTELLIGENT_TIERING, STANDARD_IA`,
		"--storage-class|STÄNDARD":            `--storage-class "STÄNDARD": must be printable`,
		"--content-type|text":                 `--content-type "text": is no`,
		"--cache-control|ä":                   `--cache-control "ä": must be`,
		"--content-encoding|a,,b":             `--content-encoding "a,,b": must`,
		"--content-disposition|;":             `--content-disposition ";": must`,
		"--content-language|_":                `--content-language "_": must`,
		"--metadata|mtime=1":                  `--metadata "mtime": the import itself`,
		"--metadata|a=ä":                      `--metadata a="ä": must be printable`,
		"--sse|AES":                           `--sse "AES": must be one of`,
		"--kms-key-id|k":                      `--kms-key-id needs sse aws:kms`,
		"--bucket-key":                        `--bucket-key needs sse aws:kms`,
		"--acl|all":                           `--acl "all": must be one of`,
		"--tag|aws:a=b":                       `--tag "aws:a": aws: is reserved`,
		"--strip|a":                           `--strip: `,
		"--add-prefix|a":                      `--add-prefix: `,
		"--unicode|nfd":                       `--unicode: `,
		"--storage-class|GLACIER|--read-back": `--storage-class GLACIER: such objects cannot be read back`,
		"--sse|AES256|--sse-c-key":            `--sse AES256: goes without a key of the customer's (--sse-c-key)`,
		"--metadata|a=" + strings.Repeat("x", 1000) + "|--metadata|b=" + strings.Repeat("x", 1000): `--metadata of 2002 bytes: the target takes`,
	} {
		var f ruleFlags
		var readBack, customer bool
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		f.add(flags)
		flags.BoolVar(&readBack, "read-back", false, "")
		flags.BoolVar(&customer, "sse-c-key", false, "")
		if err := flags.Parse(strings.Split(line, "|")); err != nil {
			t.Fatal(err)
		}
		rules, err := f.read()
		if err == nil { // only with other options
			o := importer.Options{Config: s3.Config{Bucket: "bucket"}, Prefix: "p/", Rules: rules, ReadBack: readBack, RunID: "run-1"}
			if customer {
				o.CustomerKey, _ = target.ReadCustomerKey([]byte(strings.Repeat("k", 32)))
			}
			o.Symlinks, o.Directories = entry.PolicyObject, entry.PolicyObject
			err = o.Validate()
		} else if usage := (*usageError)(nil); !errors.As(err, &usage) {
			t.Errorf("%s: %v is no usage error", line, err)
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "objects[") {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}

// TestFlagsOfAttributes: the flag that a remedy names for an attribute is one of import run.
func TestFlagsOfAttributes(t *testing.T) {
	run, _, err := (&app{}).root().Find([]string{"import", "run"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range target.AttributeTable {
		for _, check := range a.Checks {
			if flag := plan.FlagOf(check.Name); flag != "" && run.Flags().Lookup(flag[2:]) == nil {
				t.Errorf("%s: import run has no %s", check.Name, flag)
			}
		}
	}
}
