package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/s3test"
)

const (
	dayDoc   = "../docs/import.md"
	dayBegin = "<!-- an operator's day -->\n"
	dayEnd   = "<!-- end of an operator's day -->\n"

	taken = "2026/maps/007.png" // a key that somebody else has
)

// day is an operator's day: two devices of a job, a store with its own mind, and a
// process that hangs.
type day struct {
	*transcript
	w      *world
	server *s3test.Server
	front  *storefront
	a, b   string // the devices' folders in the state folder
}

// TestOperatorsDay (make day) lives the day that docs/import.md shows, with the
// real program and a real store, and holds the document against what was printed.
func TestOperatorsDay(t *testing.T) {
	if _, err := s3test.Binary(); err != nil {
		t.Skip(err)
	}
	t.Parallel() // it waits most of the time
	d := newDay(t)
	d.provision()
	d.field()
	d.arrive()
	d.look()
	first := d.throttle()
	d.renew(first)
	d.takeOver()
	d.mend()
	d.thaw(first)
	d.report()
	d.audit()
	d.accept()
	d.compare(dayDoc, dayBegin, dayEnd)
}

func newDay(t *testing.T) *day {
	server, err := s3test.New(t.TempDir(), "archive")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Kill)
	shm, err := os.MkdirTemp("/dev/shm", "sledge-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	w := &world{t: t, dir: t.TempDir(), server: server}
	w.env = append(cleanEnv(), "XDG_RUNTIME_DIR="+shm, "AWS_SHARED_CREDENTIALS_FILE=credentials", "TZ=UTC")
	d := &day{transcript: newTranscript(t, w), w: w, server: server}
	d.front = startStorefront(t, server.Endpoint, server.AccessKey)
	d.vars["S3"] = d.front.URL
	d.rename(w.dir, "/srv/day") // where absolute paths are shown
	d.credentials("credentials", server.AccessKey)
	d.credentials("credentials.new", afternoonKey)
	d.sources()
	return d
}

// credentials writes a shared file of the AWS SDK.
func (d *day) credentials(name, key string) {
	d.write(name, fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", key, d.server.SecretKey))
}

// afternoonKey is the access key that the store knows after the first has expired.
const afternoonKey = "sledge-afternoon"

// expire has the store forget the key of the morning. No request may be under way in it.
func (d *day) expire() {
	d.w.t.Helper()
	d.front.expire(afternoonKey)
	d.server.Kill()
	d.server.AccessKey = afternoonKey
	if err := d.server.Restart(); err != nil {
		d.w.t.Fatal(err)
	}
}

func (d *day) write(name string, data []byte) {
	d.w.t.Helper()
	d.w.mkdir(filepath.Dir(name))
	if err := os.WriteFile(d.w.path(name), data, 0o600); err != nil {
		d.w.t.Fatal(err)
	}
}

// sources are what the two devices bring.
func (d *day) sources() {
	dice := rand.NewChaCha8([32]byte{42})
	file := func(name string, size int) {
		p := make([]byte, size)
		dice.Read(p)
		d.write(name, p)
	}
	for i := range 60 {
		file(fmt.Sprintf("plates/plates/%02d/%04d.tif", i%4+1, i), 20_000)
	}
	for i := range 25 {
		file(fmt.Sprintf("maps/maps/%03d.png", i), 10_000)
	}
	file("maps/maps/whole.tif", 20<<20)
	for _, disk := range []string{"a0", "a1", "a2", "b0", "b1", "b2"} {
		d.w.mkdir("mnt", disk)
	}
	d.w.mkdir("labels")
}

// provision makes site and devices, which is not of this day.
func (d *day) provision() {
	var ids [2]string
	d.w.must("site", "init", "site", "--name", "Example")
	for i, name := range []string{"device-a", "device-b"} {
		var shown struct{ Device string }
		d.w.must("device", "init", "--trust", "site/signer.pub", "--device", name, "--json").result(d.w.t, &shown)
		ids[i] = shown.Device
	}
	if ids[0] > ids[1] { // so that the shell's order of names is that of the document
		for _, move := range [][2]string{{"device-a", "x"}, {"device-b", "device-a"}, {"x", "device-b"}} {
			if err := os.Rename(d.w.path(move[0]), d.w.path(move[1])); err != nil {
				d.w.t.Fatal(err)
			}
		}
		ids[0], ids[1] = ids[1], ids[0]
	}
	for i, letter := range []string{"a", "b"} {
		d.rename(ids[i], strings.Repeat(letter, len(ids[i])))
		d.rename(ids[i][:8], strings.Repeat(letter, 8))
	}
	d.a, d.b = "import/"+ids[0][:8], "import/"+ids[1][:8]
}

// field loads both devices and seals them.
func (d *day) field() {
	d.scene("A job, and two devices in the field", "The data centre makes one job for both devices. They were provisioned before.")
	d.runs(0, `sledge job create --site site --device-key device-a/device.pub --device-key device-b/device.pub \
    --geometry 2+1 --target s3://archive/2026/ --profile versitygw --fips --out job.dsse --code-out code.txt`)
	d.say("In the field, device A takes the plates. Its disks are folders here, which `--allow-shared` takes. Before the seal, the data centre proves that it can open what was written.")
	d.runs(0, `sledge unlock --device device-a --job job.dsse --disk 'mnt/a*' --code-file code.txt --allow-shared`)
	d.runs(0, `sledge load plates --device device-a --disk 'mnt/a*'`)
	d.runs(0, `sledge status --device device-a --disk 'mnt/a*' --wrap-check a.wrapcheck`)
	d.runs(0, `sledge site check-wrap a.wrapcheck --site site`)
	d.runs(0, `sledge seal --device device-a --disk 'mnt/a*' --wrap-answer `+d.answer("a")+` --label-out labels/a.label`)
	d.say("Device B takes the maps, by the same five commands.")
	b := []string{"--device", "device-b", "--disk", "mnt/b*"}
	d.w.must(append([]string{"unlock", "--job", "job.dsse", "--code-file", "code.txt", "--allow-shared"}, b...)...)
	d.w.must(append([]string{"load", "maps"}, b...)...)
	d.w.must(append([]string{"status", "--wrap-check", "b.wrapcheck"}, b...)...)
	d.w.must(append([]string{"seal", "--wrap-answer", d.answer("b"), "--label-out", "labels/b.label"}, b...)...)
}

// answer is the site's to a device's wrap check.
func (d *day) answer(device string) string {
	var r struct{ Job, Answer string }
	d.w.must("site", "check-wrap", device+".wrapcheck", "--site", "site", "--json").result(d.w.t, &r)
	d.rename(r.Answer, "7K2QF-9M3XD")
	d.rename(r.Job, strings.Repeat("c", len(r.Job)))
	return r.Answer
}

// arrive checks the devices in.
func (d *day) arrive() {
	d.scene("The devices arrive", "All six disks are mounted below `mnt`, the labels came by mail. The host that imports gets the keys of this job's import, and no others. Before anything else, it checks each device in: is it of our job and as it was sealed, and are its disks enough?")
	d.runs(0, `sledge site export --for import --job job.dsse --site site --out import-keys`)
	for _, device := range []string{"a", "b"} {
		d.runs(0, fmt.Sprintf("sledge receive --site import-keys --label labels/%s.label --disk 'mnt/%[1]s*'", device))
	}
}

// look asks the store, and what an import would be.
func (d *day) look() {
	d.scene("Before the import", "`$S3` is the store's endpoint. What can the store do, and what is to come?")
	d.runs(0, `sledge target probe s3://archive/2026/ --profile versitygw --endpoint $S3`)
	d.runs(0, `sledge import plan --all --site import-keys --label labels/ --disk 'mnt/*' --endpoint $S3`)
}

const dayRun = `sledge import run --all --site import-keys --label labels/ --disk 'mnt/*' --endpoint $S3 --state import`

// throttle starts the import into a store that is busy.
func (d *day) throttle() *terminal {
	if _, err := (plain{d.server}).ask(http.MethodPut, taken, nil, []byte("somebody else's map")); err != nil {
		d.w.t.Fatal(err)
	}
	const refused, passed = 12, 30
	d.front.tire(refused)
	enough := d.front.after(passed, writes)
	d.scene("A busy store", "The first terminal imports both devices, one after another.")
	first := d.starts(dayRun)
	d.wait("thirty objects", enough.reached)
	d.until(d.a, "thirty entries", func(s *watched) bool { return s.Outcomes["stored"] == passed && s.Progress.Throttled == refused })
	d.say("The second terminal shows the progress. The store has asked to slow down: fewer requests are made at once then, and more again while it bears them.")
	d.runs(0, "sledge import status "+d.a)
	d.expire()
	enough.open()
	return first
}

// renew has the run halt for its credentials, and go on by itself to the middle of
// the large file of device B, where the process is frozen.
func (d *day) renew(first *terminal) {
	d.until(d.a, "a halt", func(s *watched) bool { return s.Halt != nil })
	first.says("the run goes on by itself then, until")
	d.scene("The credentials expire", "In the first terminal, half-way through device A:")
	first.shows()
	d.say("In the second terminal:")
	d.runs(0, "sledge import status "+d.a)
	large := d.front.after(0, partTwo)
	d.say("The new credentials go where the old ones were. Nobody has to start anything again.")
	d.runs(0, "cp credentials.new credentials")
	d.until(d.a, "the end of device A", func(s *watched) bool { return s.State == "completed" })
	d.runs(0, "sledge import status "+d.a)
	d.wait("a part of device B", large.reached)
	d.until(d.b, "all but the large file", func(s *watched) bool { return s.Progress.Entries+1 == s.Progress.TotalEntries })
	first.says("key-exists-conflict")
	first.signal(syscall.SIGSTOP)
	large.open()
}

func (d *day) takeOver() {
	d.scene("The first process hangs", "In the middle of device B the first process does not answer any more (here: it was frozen by SIGSTOP); `sledge import status` would say since when there is no word from it. It still has the run, so another one is refused.")
	d.runs(exitBusy, dayRun)
	d.say("It has to be told to take the run over, and waits a second for the first one to let go. It goes on where that one was. From now on the state folder stands for the newest receipts, which are below taken/: give it to report, verify and accept, and keep the whole of it.")
	d.runs(exitConflict, dayRun+" --takeover=1s")
}

// mend has the owner of the other object take it away.
func (d *day) mend() {
	d.scene("One object is in the way", "Exit code 14: everything else is done. The report says which object it is, and why.")
	d.runs(0, "sledge import report "+d.b)
	d.say("Somebody had stored another file under that key; it was not touched. Its owner takes it away, and only what failed is tried again.")
	if _, err := (plain{d.server}).ask(http.MethodDelete, taken, nil, nil); err != nil {
		d.w.t.Fatal(err)
	}
	d.runs(0, strings.Replace(dayRun, "import run", "import retry", 1)+" --class fatal")
}

func (d *day) thaw(first *terminal) {
	d.scene("The first process wakes up", "In the first terminal, from the renewed credentials on. It finds itself replaced, changes nothing more and signs nothing.")
	first.signal(syscall.SIGCONT)
	first.ends(exitTarget)
}

func (d *day) report() {
	d.scene("The report", "As text, as a page to keep (`report.html`), and with one line an entry for whoever wants to count (`report.csv`); `--json` has everything.")
	d.runs(0, `sledge import report import/* --importer import-keys/importer.pub --html report.html --csv report.csv`)
	var all struct {
		Devices []struct{ Device string }
	}
	reports := d.w.must(append([]string{"import", "report", "--json"}, d.a, d.b)...)
	if reports.result(d.w.t, &all); len(all.Devices) != 2 {
		d.w.t.Errorf("the report as JSON: %s", reports)
	}
	if lines, err := os.ReadFile(d.w.path("report.csv")); err != nil || strings.Count(string(lines), "\n") < 92 {
		d.w.t.Errorf("the report as CSV: %v: %s", err, lines)
	}
}

// audit has no key but public ones: the site's folder is not there.
func (d *day) audit() {
	d.scene("An auditor checks it, without keys", "The auditor has `signer.pub`, whose fingerprint came by telephone, the labels, the disks, the state folder and read rights. The site's folder and the import host's, with all keys, are not there. Every byte is read back.")
	for _, name := range []string{"signer.pub", "acceptor.key"} {
		if err := os.Rename(d.w.path("site", name), d.w.path(name)); err != nil {
			d.w.t.Fatal(err)
		}
	}
	for _, keys := range []string{"site", "import-keys"} {
		if err := os.RemoveAll(d.w.path(keys)); err != nil {
			d.w.t.Fatal(err)
		}
	}
	d.runs(0, `sledge verify import import/* --by read-back --extras --trust signer.pub \
    --label labels/a.label --label labels/b.label --disk 'mnt/*' --endpoint $S3`)
}

func (d *day) accept() {
	d.scene("It is accepted", "By whoever holds the acceptor's key, and by that key alone. The statement and the receipts are enough for anybody to check it, without disks.")
	d.runs(0, `sledge accept import/* --acceptor-key acceptor.key --trust signer.pub \
    --label labels/a.label --label labels/b.label --disk 'mnt/*' --out acceptance.dsse`)
	d.runs(0, `sledge verify acceptance acceptance.dsse import/* --trust signer.pub`)
}
