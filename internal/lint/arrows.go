package lint

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Patterns below: "x" is the package or file x, "x/..." is x and all below it,
// "..." is everything, and a file pattern may hold a * (see path.Match). Paths
// of ours are below the module root, others are whole import paths. A package
// may always import its own subtree, the standard library, and, if there is no
// arrow for it, anything that no gate closes.
//
// Arrows are about what is shipped: test files are exempt, except from gates
// that say so. A new package gets a line here in the change that adds it.

// An Arrow lists everything that a package may import.
type Arrow struct {
	From   string
	Ours   []string // packages of this module
	Others []string // other modules
	Why    string   // what the ban on everything else protects
}

var (
	none     []string
	anything = []string{"..."}
)

var arrows = []Arrow{
	{"crypto/...", none,
		[]string{"golang.org/x/crypto/...", "golang.org/x/mod/...", "filippo.io/age/...", "github.com/minio/sha256-simd/...", "github.com/klauspost/cpuid/..."},
		"whoever audits the cryptography must be able to read it alone"},
	{"manifest/...", []string{"crypto/...", "internal/fields/...", "internal/flight/..."},
		[]string{"golang.org/x/crypto/...", "golang.org/x/mod/..."},
		"the format is pure: it parses and encodes bytes, it opens no file and no network"},
	{"internal/fields/...", none, none,
		"an encoding knows nothing of what it carries"},
	{"internal/flight/...", none, none,
		"waiting for one another knows nothing of what is waited for"},
	{"internal/vfs/...", none, []string{"golang.org/x/sys/..."},
		"all disk access rests on vfs, so it rests on nothing but the system"},
	{"internal/durable/...", []string{"internal/vfs/..."}, none,
		"durable files are made of vfs calls only, so that crash tests see every one"},
	{"internal/erasure/...", none,
		[]string{"github.com/klauspost/reedsolomon/...", "github.com/minio/crc64nvme/..."},
		"the code is arithmetic over blocks; disks and formats are its callers'"},
	{"internal/fsck/...", none,
		[]string{"golang.org/x/mod/...", "github.com/klauspost/reedsolomon/..."},
		"the verifier is written from docs/format.md; an import of ours would share the writer's mistakes"},
	{"appliance/...", []string{"crypto/...", "manifest/...", "internal/durable/...", "internal/erasure/...", "internal/extsort/...", "internal/fields/...", "internal/flight/...", "internal/fsck/...", "internal/vfs/..."}, anything,
		"the device knows nothing of where it is imported, who runs it, or that it may be simulated"},
	{"appliance/disk", []string{"manifest/...", "internal/vfs/...", "internal/durable/...", "internal/erasure/...", "internal/fields/..."}, none,
		"a disk's files, bays and faults: no frames, no packs, no key"},
	{"appliance/frames", []string{"crypto/...", "manifest/...", "appliance/disk", "internal/vfs/...", "internal/durable/...", "internal/erasure/..."}, []string{"github.com/minio/crc64nvme/..."},
		"a frame is bytes that m+1 disks have alike; what it says is a device's"},
	{"appliance/pack", []string{"crypto/...", "manifest/...", "appliance/disk", "internal/vfs/...", "internal/durable/...", "internal/erasure/..."}, none,
		"a pack is blocks on disks; which packs a device has is said by its journal and its log"},
	{"appliance/read", []string{"crypto/...", "manifest/...", "appliance/disk", "appliance/pack", "internal/vfs/...", "internal/flight/...", "internal/fsck/..."}, none,
		"a sealed device is read without anything that could load or change one"},
	{"appliance/zeros", []string{"crypto/...", "manifest/...", "internal/erasure/..."}, none,
		"digests of holes are arithmetic"},
	{"appliance/extract", []string{"crypto/...", "manifest/...", "appliance/disk", "appliance/read", "appliance/zeros", "internal/vfs/...", "internal/erasure/...", "internal/extsort/..."}, []string{"golang.org/x/sys/...", "github.com/minio/crc64nvme/..."},
		"what is extracted is what the reader proved; how it was loaded is nothing to it"},
	{"appliance/catalog", []string{"manifest/...", "internal/fields/..."}, none,
		"which look counts is decided without a disk"},
	{"appliance/seal", []string{"crypto/...", "manifest/...", "appliance/catalog", "appliance/disk", "appliance/frames", "appliance/journal", "appliance/pack", "appliance/read", "appliance/rebuild", "appliance/words", "appliance/wraps", "internal/durable/...", "internal/erasure/...", "internal/extsort/...", "internal/vfs/..."}, none,
		"what is sealed is what is on the disks: an open device is asked through an interface, and no load"},
	{"appliance/filter", none, none,
		"what is left out is decided by names and figures: no file is opened for it"},
	{"appliance/known", []string{"manifest/...", "appliance/catalog", "appliance/scan"}, none,
		"what a scan is compared with is decided without a disk"},
	{"appliance/wraps", []string{"crypto/...", "manifest/...", "appliance/disk", "internal/vfs/..."}, none,
		"which wraps count is said by the job and the disks"},
	{"appliance/tail", []string{"manifest/...", "appliance/disk", "appliance/frames", "appliance/pack", "internal/vfs/..."}, none,
		"whether a frame counts is decided without a key"},
	{"appliance/rebuild", []string{"manifest/...", "appliance/disk", "appliance/frames", "appliance/journal", "appliance/pack", "appliance/read", "appliance/tail", "appliance/words", "appliance/wraps", "internal/vfs/...", "internal/durable/..."}, none,
		"a disk is made again from what the others hold: no key, and no device at work"},
	{"appliance/words", none, []string{"golang.org/x/sys/..."},
		"texts know nothing of what they tell of"},
	{"appliance/pace", none, none,
		"how many calls are in flight is decided without making one"},
	{"appliance/fetch", []string{"manifest/...", "appliance/pace", "appliance/scan"}, none,
		"what is read ahead is a source's: no device, no disk"},
	{"appliance/scan", []string{"crypto/...", "manifest/...", "appliance/catalog", "appliance/disk", "appliance/filter", "appliance/pace", "appliance/words", "internal/vfs/...", "internal/extsort/...", "internal/fields/..."}, []string{"golang.org/x/sys/...", "golang.org/x/text/..."},
		"a source is walked and read without a device: what that has of it is asked through an interface"},
	{"appliance/journal", []string{"crypto/...", "manifest/...", "appliance/frames", "internal/fields/..."}, none,
		"what a frame says is encoded without a disk"},
	{"appliance/ingest", []string{"crypto/...", "manifest/...", "appliance/journal", "appliance/pack", "appliance/staging", "appliance/zeros", "internal/erasure/...", "internal/fields/..."}, []string{"github.com/minio/crc64nvme/..."},
		"bytes become packs and records whatever they come from: no source, no disk, and no list of one"},
	{"appliance/ingest/ingesttest", []string{"manifest/...", "appliance/ingest"}, none,
		"tests of whoever gives entries to a sink speak of one by it"},
	{"appliance/staging", []string{"manifest/...", "appliance/journal"}, none,
		"what is staged is kept in memory, and said by the journal: it commits nothing"},
	{"importer/...", []string{"crypto/...", "manifest/...", "internal/vfs/...", "internal/durable/...", "internal/extsort/...", "internal/sample"}, anything,
		"it verifies what the appliance wrote and reads through the Source it declares"},
	{"importer/target/s3", []string{"crypto/...", "importer/target", "internal/vfs/..."}, anything,
		"the adapter makes requests; what they are for is its caller's"},
	{"importer/target/targettest", []string{"importer/target"}, none,
		"tests of every layer speak of targets by it"},
	{"importer/target", []string{"crypto/...", "manifest/...", "internal/vfs/..."}, none,
		"what a bucket must do, and the words for what goes wrong: no part of the import, and no SDK"},
	{"importer/entry", []string{"importer/target", "manifest/..."}, none,
		"what an import reads, and the words for what becomes of it: no part of the import"},
	{"importer/receipt", []string{"importer/entry", "importer/target", "internal/sample", "manifest/..."}, none,
		"what receipts say is the same for whoever reads them: no part of the import"},
	{"importer/content", []string{"crypto/...", "importer/entry", "importer/target", "manifest/..."},
		[]string{"github.com/minio/crc64nvme/..."},
		"parts, their hashes and their payload are the same whoever sends them"},
	{"importer/plan", []string{"crypto/...", "importer/content", "importer/entry", "importer/target", "internal/extsort/...", "manifest/..."},
		[]string{"golang.org/x/text/..."},
		"a plan is pure: the same entry and the same rules give the same object on every host"},
	{"importer/journal", []string{"internal/vfs/...", "internal/durable/..."}, []string{"github.com/klauspost/compress/..."},
		"what a run remembers is kept without knowing what it says"},
	{"importer/request", []string{"importer/target"}, []string{"golang.org/x/time/..."},
		"a call is made the same way whatever it is for"},
	{"firmware/...", []string{"crypto/...", "internal/vfs/...", "internal/durable/..."}, anything,
		"device states are enforced from outside the data path and must not depend on it"},
	{"internal/bridge/...", []string{"appliance/...", "importer/...", "manifest/...", "crypto/..."}, none,
		"the device and the import meet here, and only here"},
	{"internal/importreport/...", []string{"crypto/...", "manifest/...", "importer/...", "internal/terminal"}, none,
		"a report reads what an import left in its folder; it asks no disk and no store"},
	{"internal/site/...", []string{"crypto/...", "manifest/...", "internal/vfs/...", "internal/durable/..."}, anything,
		"the data centre's keys need no device and no store"},
	{"internal/daemon/...", none, none,
		"tests of every layer start servers by it"},
	{"internal/s3test/...", []string{"internal/daemon/..."}, none,
		"a server of the tests is nobody's of ours"},
	{"internal/cephtest/...", []string{"internal/daemon/..."}, none,
		"a cluster of the tests is nobody's of ours"},
	{"internal/sumlist/sumtest", none, none,
		"tests of the list and of the command use it"},
	{"internal/advice/...", none, none,
		"an error's hints belong to whoever makes it, whatever it is of"},
	{"internal/verdict/...", []string{"internal/fsck/...", "internal/terminal/..."}, none,
		"what a verdict means does not depend on who asked for it"},
	{"internal/acceptance/...", []string{"crypto/...", "manifest/...", "internal/fsck/...", "internal/verdict/...", "internal/delivery", "internal/files/...", "internal/vfs/...", "internal/advice/...", "internal/terminal/..."}, none,
		"what is accepted is what the verifier has proven; keys, disks and the site are its caller's"},
	{"internal/audit/inventory/...", []string{"importer/target"}, []string{"github.com/parquet-go/parquet-go/..."},
		"a listing in files knows nothing of what it is compared with"},
	{"internal/audit", []string{"internal/audit/inventory", "crypto/...", "manifest/...", "importer/entry", "importer/receipt", "importer/request", "importer/target", "internal/extsort/...", "internal/fsck/...", "internal/verdict/...", "internal/sample", "internal/delivery", "internal/files/...", "internal/vfs/...", "internal/advice/...", "internal/terminal/..."}, none,
		"a store is held against receipts by whoever may read it: no device, no key, no run, and nothing that uploads"},
	{"internal/delivery", []string{"crypto/...", "manifest/...", "internal/files/...", "internal/advice/..."}, none,
		"what belongs together is said by names and signatures of the format; opening a device is its caller's"},
	{"internal/delivery/union", []string{"crypto/...", "importer/content", "importer/entry", "importer/receipt", "importer/target", "internal/extsort/...", "internal/vfs/...", "manifest/..."}, none,
		"what imports come to together is said by their lists and their plans: no part of a run"},
	{"internal/files/...", []string{"internal/vfs/...", "internal/terminal/..."}, []string{"golang.org/x/sys/..."},
		"the operator's own files are no part of a device, an import or a site"},
	{"internal/keyfile/...", []string{"crypto/...", "internal/advice/...", "internal/terminal/..."}, none,
		"what a file of keys holds does not depend on what it opens"},
	{"internal/metrics/...", []string{"crypto/...", "manifest/...", "importer/...", "internal/advice/..."}, []string{"github.com/prometheus/client_golang/..."},
		"metrics are told, and ask nobody"},
	{"internal/prompt/...", none, []string{"golang.org/x/sys/..."},
		"a question on a terminal knows nothing of what is asked for"},
	{"internal/sample", none, none,
		"what a sample proves is arithmetic, whoever draws it"},
	{"internal/sumlist/...", []string{"crypto/...", "manifest/...", "internal/fsck", "internal/terminal/..."}, none,
		"a list says what was signed; what opens a device or receipts is its caller's"},
	{"internal/statefolder/...", []string{"crypto/...", "manifest/...", "importer/...", "internal/importreport", "internal/vfs/...", "internal/verdict", "internal/advice/...", "internal/terminal/..."}, []string{"golang.org/x/sys/..."},
		"who looks at a run, or steers it, goes by its folder alone: no key, no disk, no store"},
	{"internal/progress/...", []string{"importer/...", "internal/terminal/..."}, []string{"github.com/schollz/progressbar/..."},
		"who shows how far a work is knows nothing of the work"},
	{"internal/terminal/...", none, []string{"golang.org/x/text/..."},
		"texts for a terminal know nothing of what they tell of"},
	{"internal/testheap/...", none, none,
		"tests of every layer run by it"},
	{"internal/extsort/...", []string{"internal/vfs/...", "internal/durable/..."}, none,
		"sorting knows nothing of what it sorts"},
	{"internal/liar/...", []string{"crypto/...", "manifest/...", "internal/erasure/...", "internal/fields/..."}, none,
		"a lie is written from the format, and not by the loader that it accuses"},
	{"internal/lint/...", none, none,
		"rules of the tree must not fail to build with it"},
	{"internal/pause/...", none, []string{"golang.org/x/sys/..."},
		"waiting knows nothing of what is waited for"},
	{"internal/slowfs/...", []string{"internal/pause"}, []string{"github.com/hanwen/go-fuse/v2/...", "golang.org/x/sys/..."},
		"a slow file system stands for other people's: it shares nothing with what reads it"},
	{"internal/slownet/...", []string{"internal/pause"}, none,
		"a long way to a store knows nothing of who goes it"},
	{"internal/testlimit/...", none, none,
		"tests of every layer run by it"},
	{"internal/demo/treecmp", none, none,
		"a comparison of folders must not share a mistake with what wrote one"},
	{"scripts/...", []string{"internal/lint"}, none,
		"tools of the tree must not fail to build with it"},
	{"simulator/...", []string{"crypto/...", "manifest/...", "appliance/...", "importer/...", "firmware/...", "internal/..."}, anything,
		"it drives packages, not the command"},
}

// A Reader is a package that verifies or parses: it must not reach what writes,
// directly or through other packages of ours.
type Reader struct {
	From string
	Not  []string
	Why  string
}

var readers = []Reader{
	{"internal/fsck/...", []string{"..."},
		"what verifies never imports what writes: fsck shares no code with anything of ours"},
	{"importer/...", []string{"appliance/...", "firmware/...", "simulator/...", "internal/bridge/..."},
		"what verifies never imports what writes: a mistake of the loader must not be believed by the import"},
	{"internal/acceptance/...", []string{"appliance/...", "importer/...", "firmware/...", "internal/bridge/..."},
		"what verifies never imports what writes or uploads: an acceptance rests on the verifier alone"},
	{"internal/audit/...", []string{"appliance/...", "firmware/...", "internal/bridge/...", "importer", "importer/content", "importer/plan", "importer/target/s3", "internal/importreport/...", "internal/statefolder/..."},
		"what verifies never imports what writes or uploads: an audit opens no device and is no part of an import"},
	{"manifest/...", []string{"appliance/...", "importer/..."},
		"what verifies never imports what writes: proofs are checked without disks or stores"},
	{"crypto/...", []string{"..."},
		"what verifies never imports what writes: signatures and tags are checked by themselves"},
	{"appliance/...", []string{"importer/...", "firmware/...", "simulator/...", "cmd/...", "e2e/...", "internal/demo/...", "internal/bridge/..."},
		"the device is below the import, the device states and every machine that drives it"},
}

// A Gate names the only files that may import something.
type Gate struct {
	Import string
	From   []string // file patterns
	Tests  bool     // test files need to be in From, too
	Why    string
}

var gates = []Gate{
	{"github.com/aws/...", []string{"importer/target/s3/*.go", "importer/manager.go"}, true,
		"the SDK stays behind our own small interface, in importer/target/s3; its upload manager cuts a run's objects"},
	{"cmd/...", []string{"cmd/..."}, true,
		"commands are ends: what two of them need belongs into a package"},
	{"simulator/...", []string{"simulator/...", "cmd/...", "internal/demo/...", "e2e/..."}, false,
		"what is shipped never depends on a simulation; only tests, cmd, the demo and e2e do"},
}

// Arrows checks the tree against the tables above.
func Arrows(tree *Tree) []string {
	return check(tree, arrows, readers, gates)
}

func check(tree *Tree, arrows []Arrow, readers []Reader, gates []Gate) []string {
	var findings []string
	for _, file := range tree.Files {
		for _, imported := range file.Imports {
			if why := refused(tree, file, imported, arrows, gates); why != "" {
				findings = append(findings, fmt.Sprintf("%s: may not import %s: %s", file.Path, imported, why))
			}
		}
	}
	return append(findings, reached(tree, readers)...)
}

// refused returns the reason why the file may not import this, or "".
func refused(tree *Tree, file File, imported string, arrows []Arrow, gates []Gate) string {
	local, ours := tree.local(imported)
	name := imported
	if ours {
		name = local
	}
	for _, gate := range gates {
		isGated := matches(gate.Import, name) && ours == dotless(gate.Import)
		if isGated && (gate.Tests || !file.Test()) && !matchesAny(gate.From, file.Path) {
			return gate.Why
		}
	}
	if file.Test() || !ours && dotless(imported) {
		return ""
	}
	for _, arrow := range arrows {
		if !matches(arrow.From, file.Dir()) {
			continue
		}
		if ours && !matches(arrow.From, local) && !matchesAny(arrow.Ours, local) {
			return arrow.Why
		}
		if !ours && !matchesAny(arrow.Others, imported) {
			return arrow.Why
		}
	}
	return ""
}

// reached follows the imports of every reader and reports the shortest way to
// each package that it must not reach.
func reached(tree *Tree, readers []Reader) []string {
	next := tree.graph()
	var findings []string
	for _, reader := range readers {
		for _, start := range sortedKeys(next) {
			if !matches(reader.From, start) {
				continue
			}
			for _, trail := range trails(next, start) {
				end := trail[len(trail)-1]
				if !matches(reader.From, end) && matchesAny(reader.Not, end) {
					findings = append(findings, fmt.Sprintf("%s: may not reach %s: %s", start, strings.Join(trail[1:], " → "), reader.Why))
				}
			}
		}
	}
	return findings
}

// trails returns the shortest way from start to every package it reaches.
func trails(next map[string][]string, start string) [][]string {
	seen := map[string]bool{start: true}
	queue := [][]string{{start}}
	for i := 0; i < len(queue); i++ {
		last := queue[i][len(queue[i])-1]
		for _, pkg := range next[last] {
			if !seen[pkg] {
				seen[pkg] = true
				queue = append(queue, append(slices.Clone(queue[i]), pkg))
			}
		}
	}
	return queue[1:]
}

// graph maps each package of ours to those it imports outside tests.
func (t *Tree) graph() map[string][]string {
	next := map[string][]string{}
	for _, file := range t.Files {
		if file.Test() {
			continue
		}
		next[file.Dir()] = append(next[file.Dir()], none...)
		for _, imported := range file.Imports {
			if local, ours := t.local(imported); ours && !slices.Contains(next[file.Dir()], local) {
				next[file.Dir()] = append(next[file.Dir()], local)
			}
		}
	}
	return next
}

// local returns the path below the module root of an import of ours.
func (t *Tree) local(imported string) (string, bool) {
	if imported == t.Module {
		return ".", true
	}
	return strings.CutPrefix(imported, t.Module+"/")
}

// dotless tells paths below our root, and the standard library's, from those
// of other modules, whose first element is a host.
func dotless(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return !strings.Contains(first, ".")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	prefix, below := strings.CutSuffix(pattern, "...")
	if !below {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return true
	}
	for dir := name; dir != "." && dir != "/"; dir = path.Dir(dir) {
		if ok, err := path.Match(prefix, dir); ok && err == nil {
			return true
		}
	}
	return false
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
