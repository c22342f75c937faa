package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// TestRuleFlags: each flag makes the rule that a file would have, and a wrong value is
// refused before anything is opened or asked.
func TestRuleFlags(t *testing.T) {
	read := func(args ...string) (string, error) {
		var f ruleFlags
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		f.add(flags)
		if err := flags.Parse(args); err != nil {
			return "", err
		}
		rules, err := f.read()
		return string(rules.Canonical()), err
	}
	for args, want := range map[string]string{
		"": "",
		"--acl bucket-owner-full-control --metadata team=a=b --metadata site=x": `{"acl":"bucket-owner-full-control","metadata":{"site":"x","team":"a=b"}}`,
		"--content-encoding gzip --content-disposition inline":                  `{"content_encoding":"gzip","content_disposition":"inline"}`,
		"--content-language de --cache-control no-cache":                        `{"cache_control":"no-cache","content_language":"de"}`,
		"--sse aws:kms --kms-key-id k --bucket-key --tag a=":                    `{"sse":"aws:kms","kms_key_id":"k","tags":{"a":""},"bucket_key":true}`,
	} {
		if want != "" {
			want = `{"version":1,"objects":[` + want + `]}`
		}
		if got, err := read(strings.Fields(args)...); err != nil || got != want {
			t.Errorf("%s: %s, %v", args, got, err)
		}
	}
	for args, want := range map[string]string{
		"--acl bucket-owner-full": "must be one of private", "--metadata team": "must be KEY=VALUE", "--metadata a=1 --metadata a=2": "each key once",
		"--metadata mtime=1": "the import itself writes it", "--bucket-key": "needs sse aws:kms", "--content-encoding a,,b": "such as gzip",
		"--acl private --rules f": "--rules goes without",
	} {
		var usage *usageError
		if _, err := read(strings.Fields(args)...); !errors.As(err, &usage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
