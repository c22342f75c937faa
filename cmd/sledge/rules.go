package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/files"
)

// ruleFlags are the rules of an import: a file, or one rule over everything.
type ruleFlags struct {
	file                      string
	given                     target.Given
	tags, metadata            []string // KEY=VALUE
	strip, addPrefix, unicode string
}

func (f *ruleFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "rules", "", "file of rules for keys, storage class, encryption, tags, locks, links and folders (JSON)")
	flags.StringVar(&f.given.StorageClass, "storage-class", "", "storage class of all objects")
	flags.StringVar(&f.given.ContentType, "content-type", "", "media type of all objects, or auto: by extension")
	flags.StringVar(&f.given.CacheControl, "cache-control", "", "Cache-Control of all objects, such as max-age=3600")
	flags.StringVar(&f.given.ContentEncoding, "content-encoding", "", "how all files are encoded, such as gzip")
	flags.StringVar(&f.given.ContentDisposition, "content-disposition", "", "such as attachment")
	flags.StringVar(&f.given.ContentLanguage, "content-language", "", "language of all objects, such as de")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "KEY=VALUE of user metadata (x-amz-meta-KEY) for all objects; may be repeated")
	f.demandable(flags, "all objects")
	flags.StringVar(&f.strip, "strip", "", "folder to take off the front of paths, ending in a slash")
	flags.StringVar(&f.addPrefix, "add-prefix", "", "folder to put in front of what is left, ending in a slash")
	flags.StringVar(&f.unicode, "unicode", "", "keep (default) or nfc: composed keys")
}

// demandable defines those of what a bucket may demand of every object.
func (f *ruleFlags) demandable(flags *pflag.FlagSet, whose string) {
	flags.StringVar(&f.given.SSE, "sse", "", "encryption of "+whose+" by the store: AES256, aws:kms, aws:kms:dsse")
	flags.StringVar(&f.given.KMSKeyID, "kms-key-id", "", "the KMS key for --sse aws:kms")
	flags.BoolVar(&f.given.BucketKey, "bucket-key", false, "with --sse aws:kms: an S3 bucket key, for fewer calls of KMS")
	flags.StringVar(&f.given.ACL, "acl", "", "canned ACL of "+whose+", such as bucket-owner-full-control")
	flags.StringArrayVar(&f.tags, "tag", nil, "KEY=VALUE for "+whose+"; may be repeated")
}

// addDemanded defines those, and the file that may say them, too.
func (f *ruleFlags) addDemanded(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "rules", "", "file of the import's rules, whose encryption, ACL and tags the probe's objects get")
	f.demandable(flags, "the import's objects")
}

// read makes the rules. A file and flags together would leave open which wins.
func (f *ruleFlags) read() (plan.Rules, error) {
	short, err := f.short()
	if err != nil || f.file == "" {
		return short, err
	}
	if short.Canonical() != nil {
		return short, usagef("--rules goes without the flags that make rules, such as --storage-class, --sse, --tag, --metadata and --strip: say it in the file")
	}
	text, err := files.Read(f.file, plan.MaxRules)
	if err != nil {
		return short, err
	}
	rules, err := plan.ParseRules(text)
	if err != nil {
		return rules, hint(&usageError{Err: fmt.Errorf("%s: %w", f.file, err)}, "docs/import.md, \"Rules\", has an example and every name")
	}
	return rules, nil
}

// short makes rules out of flags.
func (f *ruleFlags) short() (plan.Rules, error) {
	rule := plan.ObjectRule{Given: f.given}
	var err error
	if rule.Tags, err = pairs("--tag", f.tags); err != nil {
		return plan.Rules{}, err
	}
	if rule.Metadata, err = pairs("--metadata", f.metadata); err != nil {
		return plan.Rules{}, err
	}
	rules := plan.Rules{Version: 1, Keys: plan.KeyRules{Strip: f.strip, Add: f.addPrefix, Unicode: f.unicode}}
	if !rule.Given.None() {
		rules.Objects = []plan.ObjectRule{rule}
	}
	if rules, err = plan.RulesOfFlags(rules); err != nil {
		return rules, &usageError{Err: err}
	}
	return rules, nil
}

// pairs reads KEY=VALUE, each key once.
func pairs(flag string, all []string) (map[string]string, error) {
	var got map[string]string
	for _, pair := range all {
		key, value, ok := strings.Cut(pair, "=")
		if _, twice := got[key]; !ok || twice {
			return nil, usagef("%s %q: must be KEY=VALUE, each key once", flag, pair)
		}
		if got == nil {
			got = map[string]string{}
		}
		got[key] = value
	}
	return got, nil
}
