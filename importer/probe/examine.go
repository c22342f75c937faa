package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// Answer is what a target showed of one ability.
type Answer string

// The answers.
const (
	AnswerYes        Answer = "yes"
	AnswerNo         Answer = "NO"
	AnswerNotAllowed Answer = "not allowed"
	AnswerNotKnown   Answer = "not known"
)

// Finding is one line of a target's probe.
type Finding struct {
	Name   string `json:"name"`
	Answer Answer `json:"answer"`
	Detail string `json:"detail,omitempty"`
	Means  string `json:"means"` // for an import
}

// TargetReport is what Examine found.
type TargetReport struct {
	Target         string        `json:"target"`
	Profile        string        `json:"profile"`
	Usable         bool          `json:"usable"` // for an import with these options
	Lacks          []string      `json:"lacks"`  // why not
	Refusal        *target.Error `json:"-"`      // what an import would end with before its first object
	Wants          []string      `json:"wants"`  // rights that an import begins without, and misses later
	Rights         []Finding     `json:"rights"`
	Findings       []Finding     `json:"findings"`
	MetadataBytes  int           `json:"metadata_bytes"`  // the largest that came back whole
	StorageClasses []string      `json:"storage_classes"` // accepted
	LatencyMillis  float64       `json:"latency_ms"`      // median of small HEADs
	UpBytes        float64       `json:"up_bytes_per_second"`
	DownBytes      float64       `json:"down_bytes_per_second"`
	Proof          entry.Proof   `json:"proof"`
	StoreProof     entry.Proof   `json:"store_proof"`
	Probe          Report        `json:"probe"`
	Left           []string      `json:"left"` // probe objects that could not be removed
}

const (
	probeHeads = 9
	probePart  = 8 << 20
	probeParts = 3
)

// cleaning is the time that removing the probe's objects may take after the
// caller has given up.
const cleaning = 30 * time.Second

// targetProbe is one call of Examine.
type targetProbe struct {
	*Prober
	target  target.Examined
	options Examining
	classes []string
	out     *TargetReport
}

// Examining says how a target is examined.
type Examining struct {
	Wish
	Prefix  string           // of the import; "" or ending in a slash
	ID      string           // of this examination: its objects' names
	URL     string           // of the target, for the report
	Profile string           // its name, for the report
	Classes []string         // storage classes to try
	Calls   request.Settings // of its calls
	Step    func(what string)
}

// Examine tries everything that an import could use, below PREFIX/.sledge-probe/ID/, and removes
// what it wrote, also when ctx ends early. An error means that the target could not be asked at
// all; what it lacks is in the report.
func Examine(ctx context.Context, to target.Examined, o Examining) (*TargetReport, error) {
	calls := func(stop <-chan struct{}) *request.Caller {
		s := o.Calls
		s.Impatient = true
		return request.New(s, stop)
	}
	asks := calls(ctx.Done())
	asks.EndWith(ctx)
	p := &targetProbe{target: to, options: o, classes: o.Classes,
		Prober: New(to, asks, o.Prefix+Prefix+o.ID+"/", o.Rules.Own()),
		out:    &TargetReport{Target: o.URL, Profile: o.Profile, Lacks: []string{}, Wants: []string{}, StorageClasses: []string{}, Left: []string{}}}
	p.calls.Ask(ctx, to)
	p.report.Retention, p.report.NoLock = p.calls.Retention(), p.calls.NoLock()
	err := p.all(ctx)
	if err != nil && len(p.out.Rights) == 0 {
		return nil, request.OfContext(ctx, err) // nothing was written
	}
	p.calls.Outlast(ctx)
	after, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), cleaning, &request.TimeOut{Text: "not removed in " + cleaning.String()})
	defer cancel()
	p.calls = calls(after.Done()).Sharing(asks)
	defer context.AfterFunc(after, func() { asks.EndNow(context.Cause(after)) })()
	p.step("removing what was written")
	p.tidy(after)
	p.conclude(err)
	return p.out, request.OfContext(ctx, err)
}

// step tells whoever watches what is asked now.
func (p *targetProbe) step(what string) {
	if p.options.Step != nil {
		p.options.Step(what)
	}
}

// all asks everything, in an order in which what cannot be had stops no other question.
func (p *targetProbe) all(ctx context.Context) error {
	if err := p.calls.Deaf(); err != nil {
		return err
	}
	p.step("rights")
	if err := p.rights(ctx); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		ask  func(context.Context)
	}{
		{"what an import needs", p.import_}, {"composite checksums", p.composite}, {"signed payloads", p.payload}, {"CRC64NVME on PUT", p.crcPut},
		{"CRC64NVME of objects in parts", p.crcWhole}, {"attributes of objects", p.attributes}, {"object lock", p.lock}, {"metadata", p.metadata},
		{"names", p.keepsNames}, {"storage classes", p.storage},
	} {
		if err := errors.Join(ctx.Err(), p.calls.Deaf()); err != nil {
			return err
		}
		p.step(step.what)
		step.ask(ctx)
	}
	if err := errors.Join(ctx.Err(), p.calls.Deaf()); err != nil {
		return err
	}
	p.measure(ctx)
	return ctx.Err()
}

// key names an object of the probe, so that it is removed.
func (p *targetProbe) key(name string) string {
	if !slices.Contains(p.keys, name) {
		p.keys = append(p.keys, name)
	}
	return p.prefix + name
}

func (p *targetProbe) find(name string, answer Answer, detail, means string) {
	p.out.Findings = append(p.out.Findings, Finding{name, answer, target.Clip(detail), means})
}

// answerOf is what a call that should succeed tells.
func answerOf(err error) (Answer, string) {
	switch {
	case err == nil:
		return AnswerYes, ""
	case request.Forbidden(err):
		return AnswerNotAllowed, target.AsError(err).Cause
	case target.HasCode(err, target.CodeRefused):
		return AnswerNo, target.AsError(err).Cause
	}
	return AnswerNotKnown, err.Error()
}

// honours is what two calls tell together: the right value was taken, the wrong
// one must have been refused.
func honours(right, wrong error) (Answer, string) {
	if answer, detail := answerOf(right); answer != AnswerYes {
		return answer, detail
	}
	switch {
	case wrong == nil:
		return AnswerNo, "a wrong value was accepted"
	case target.HasCode(wrong, target.CodeDigestRefused), target.HasCode(wrong, target.CodeRefused):
		return AnswerYes, ""
	}
	return AnswerNotKnown, wrong.Error()
}

func yesNo(yes bool) Answer {
	if yes {
		return AnswerYes
	}
	return AnswerNo
}

// usesOfDelete is what the right to delete is used for; docs/import.md has each delete with its
// condition.
const usesOfDelete = "for the probe's objects, the run's marker and its journal in the target; of an entry's object, a cancel's alone"

const probeContent = "sledge target probe"

// rights asks for each right by its own call. An error is one that no right
// would mend, such as a bucket that does not exist.
func (p *targetProbe) rights(ctx context.Context) error {
	key := p.key("rights")
	right := func(name string, call func(context.Context) error, means string) Answer {
		answer, detail := answerOf(p.do(ctx, call))
		p.out.Rights = append(p.out.Rights, Finding{name, answer, target.Clip(detail), means})
		return answer
	}
	// GET is the first call: it tells a missing bucket, and writes nothing.
	if err := request.Present(ctx, p.calls, p.target, p.prefix+"absent"); err != nil && !target.IsNotFound(err) && !request.Forbidden(err) {
		return err
	}
	right("s3:PutObject", func(ctx context.Context) error {
		return p.calls.Briefly(p.own, func(own target.Attributes) error {
			return p.target.PutAs(ctx, target.PutAs{Key: key, Content: []byte(probeContent), Attributes: own})
		})
	}, "nothing can be imported without it")
	version := ""
	right("s3:GetObject (HEAD)", func(ctx context.Context) error {
		obj, err := p.target.Head(ctx, key)
		version = obj.VersionID
		return err
	}, "no object can be proven without it")
	right("s3:GetObject (GET)", func(ctx context.Context) error { return request.Present(ctx, p.calls, p.target, key) }, "needed to read objects back")
	if version != "" {
		right("s3:GetObjectVersion", func(ctx context.Context) error { return p.readVersion(ctx, key, version) }, "needed to read objects back: the bucket has versions")
	}
	right("s3:ListBucket", func(ctx context.Context) error { _, err := p.target.ListSome(ctx, p.prefix); return err }, "lets a missing key be told from a forbidden one, and extra objects be named")
	var id string
	right("s3:PutObject (multipart)", func(ctx context.Context) (err error) {
		id, err = p.create(ctx, key)
		p.begun(key, id, err)
		return err
	}, "needed for objects in parts")
	if id != "" {
		right("s3:ListBucketMultipartUploads", func(ctx context.Context) error {
			return p.target.ListUploads(ctx, key, func(target.Upload) error { return nil })
		}, "finds uploads of our own after a lost answer")
		right("s3:ListMultipartUploadParts", func(ctx context.Context) error {
			return p.target.ListParts(ctx, key, id, func(target.Part) error { return nil })
		}, "needed to go on with an upload after an interruption")
		right("s3:AbortMultipartUpload", func(ctx context.Context) error { return p.target.AbortUpload(ctx, key, id) }, "needed to take back an upload that is given up")
	}
	if version != "" { // without it a version would stay behind a delete marker
		right("s3:DeleteObjectVersion", func(ctx context.Context) error { return p.target.Delete(ctx, key, version) }, "the bucket has versions: "+usesOfDelete)
		return ctx.Err()
	}
	right("s3:DeleteObject", func(ctx context.Context) error { return p.target.Delete(ctx, key, "") }, usesOfDelete)
	return ctx.Err()
}

// create begins an upload of an object of the probe, which soon goes again.
func (p *targetProbe) create(ctx context.Context, key string) (string, error) {
	return p.target.CreateUpload(ctx, target.CreateRequest{Key: key, Attributes: p.calls.OverOwn(p.own)})
}

// readVersion begins to read one version.
func (p *targetProbe) readVersion(ctx context.Context, key, version string) error {
	body, err := p.target.Get(ctx, key, version)
	if err != nil {
		return err
	}
	return body.Close()
}

// allowed tells what a right's own call has told.
func (p *targetProbe) allowed(name string) bool {
	return slices.ContainsFunc(p.out.Rights, func(f Finding) bool { return f.Name == name && f.Answer == AnswerYes })
}

// import_ is the probe that each run makes.
func (p *targetProbe) import_(ctx context.Context) {
	var single, multi error
	stage, err := p.asImport(ctx, p.options.Rules.Sets())
	switch stage {
	case stageSingle:
		single, multi = err, err
	case stageMultipart:
		multi = err
	}
	p.report.Done = err == nil
	p.report.conclude()
	if err = p.said(err); err == nil {
		err = p.report.Verdict(p.options.Wish)
	}
	if err != nil && !errors.Is(err, request.ErrStopped) {
		p.out.Refusal = target.AsError(err)
	}
	r := p.report
	tell := func(err error, name string, ok bool, yes, no string) {
		answer, detail := yesNo(ok), ""
		if err != nil {
			answer, detail = answerOf(err)
		}
		means := yes
		if answer != AnswerYes {
			means = no
		}
		p.find(name, answer, detail, means)
	}
	tell(single, "sha256 on PUT", r.PutRefused, "each object by one request is proven as it is written", "such objects are hashed before sending and read back")
	tell(multi, "sha256 on UploadPart", r.PartRefused, "each part is proven as it is written", "parts are hashed before sending, their objects read back")
	tell(multi, "keeps sha256", r.KeepsChecksum, "HEAD proves an object at any later time", "objects can be proven by reading back alone")
	tell(multi, "answers writes as HEAD does", r.AnswersWrites, "small objects need no HEAD of their own", "each object costs one more request")
	tell(single, "keeps metadata", r.KeepsMetadata && !r.DropsPartsMetadata, "owner, mode and times are kept with each object", "owner, mode and times stay in the manifest only")
	tell(single, "conditional PUT", r.ConditionalPut, "nothing can be overwritten", "an import needs --allow-unconditional")
	tell(multi, "conditional Complete", r.ConditionalComplete, "nothing can be overwritten", "an import needs --allow-unconditional")
}

// composite completes one upload with a composite of other parts.
func (p *targetProbe) composite(ctx context.Context) {
	sum := crypto.SumSHA256([]byte(probeContent))
	finish := func(name string, parts [][32]byte) error {
		key := p.key(name)
		return p.do(ctx, func(ctx context.Context) error {
			id, err := p.create(ctx, key)
			p.begun(key, id, err)
			if err != nil {
				return err
			}
			etag, err := p.target.UploadPart(ctx, target.PartRequest{Key: key, UploadID: id, Number: 1, Body: strings.NewReader(probeContent), Size: int64(len(probeContent)), SHA256: sum})
			if err != nil {
				return err
			}
			_, err = p.target.CompleteUpload(ctx, target.CompleteRequest{Key: key, UploadID: id, Size: int64(len(probeContent)),
				Parts: []target.Part{{Number: 1, ETag: etag, SHA256: target.Encode64(sum[:])}}, Composite: content.Composite(parts)})
			return err
		})
	}
	answer, detail := honours(finish("composite", [][32]byte{sum}), finish("composite-wrong", [][32]byte{sum, sum}))
	p.find("composite sha256", answer, detail, "whether the store itself joins parts right is checked by it, else by us after Complete")
}

func (p *targetProbe) put(ctx context.Context, in target.PutAs) error {
	return p.calls.Briefly(p.own, func(own target.Attributes) error {
		in.Attributes = own
		return p.do(ctx, func(ctx context.Context) error { return p.target.PutAs(ctx, in) })
	})
}

// payload signs another body than it sends.
func (p *targetProbe) payload(ctx context.Context) {
	other := crypto.SumSHA256([]byte("other"))
	answer, detail := honours(p.put(ctx, target.PutAs{Key: p.key("payload"), Content: []byte(probeContent)}),
		p.put(ctx, target.PutAs{Key: p.key("payload-wrong"), Content: []byte(probeContent), Payload: &other}))
	p.find("x-amz-content-sha256", answer, detail, "a body that was changed on its way is refused, besides by its checksum")
}

func probeCRC(bytes string) string {
	return target.Encode64(content.CRCBytes(crc64nvme.Update(0, []byte(bytes))))
}

func (p *targetProbe) crcPut(ctx context.Context) {
	right := target.PutAs{Key: p.key("crc"), Content: []byte(probeContent), CRC64NVME: probeCRC(probeContent)}
	wrong := target.PutAs{Key: p.key("crc-wrong"), Content: []byte(probeContent), CRC64NVME: probeCRC("other")}
	answer, detail := honours(p.put(ctx, right), p.put(ctx, wrong))
	p.find("crc64nvme on PUT", answer, detail, "objects that others stored with it can be compared by HEAD")
}

func (p *targetProbe) crcWhole(ctx context.Context) {
	finish := func(name, whole string) error {
		key := p.key(name)
		return p.do(ctx, func(ctx context.Context) error {
			id, err := p.target.CreateCRC(ctx, key, p.calls.OverOwn(p.own))
			p.begun(key, id, err)
			if err != nil {
				return err
			}
			return p.target.FinishCRC(ctx, key, id, []byte(probeContent), probeCRC(probeContent), whole)
		})
	}
	answer, detail := honours(finish("crc-parts", probeCRC(probeContent)), finish("crc-parts-wrong", probeCRC("other")))
	p.find("crc64nvme of the whole", answer, detail, "objects in parts that others stored with it can be compared by HEAD")
}

func (p *targetProbe) attributes(ctx context.Context) {
	var obj target.Object
	var parts []target.Part
	err := p.do(ctx, func(ctx context.Context) (err error) {
		obj, parts, err = p.target.Attributes(ctx, p.key("composite"))
		return err
	})
	answer, detail := answerOf(err)
	if target.IsNotFound(err) {
		answer, detail = AnswerNotKnown, "no object in parts could be stored"
	}
	if err == nil {
		switch {
		case len(parts) > 0 && parts[0].SHA256 != "":
			detail = "with the parts' checksums"
		case obj.SHA256 != "":
			detail = "without the parts' checksums"
		default:
			answer, detail = AnswerNo, "without checksums"
		}
	}
	p.find("GetObjectAttributes", answer, detail, "a later audit can compare part by part; HEAD does for an import")
}

func (p *targetProbe) lock(ctx context.Context) {
	var what string
	err := p.do(ctx, func(ctx context.Context) (err error) {
		what, err = p.target.ObjectLock(ctx)
		return err
	})
	answer, detail := answerOf(err)
	if target.IsNotFound(err) || err == nil && what == "" {
		answer, detail = AnswerNo, "not set up for this bucket"
	} else if err == nil {
		detail = what
	}
	meaning := "retention can be asked for; a default one also holds the probe's objects"
	if answer == AnswerNo {
		meaning = "rules that ask for a retention are refused"
	}
	p.find("object lock", answer, detail, meaning)
}

// metadata finds how much user metadata comes back as it was sent.
func (p *targetProbe) metadata(ctx context.Context) {
	var last error
	for size := 256; size <= 2048; size += 256 {
		sent := probeMetadata(size)
		name := fmt.Sprintf("metadata-%d", size)
		if last = p.put(ctx, target.PutAs{Key: p.key(name), Content: []byte(probeContent), Metadata: sent}); last != nil {
			break
		}
		var obj target.Object
		if obj, last = p.head(ctx, name); last != nil || !sameMetadata(sent, obj.Metadata) {
			break
		}
		p.out.MetadataBytes = size
	}
	answer, detail := AnswerYes, fmt.Sprintf("%d bytes came back whole", p.out.MetadataBytes)
	if p.out.MetadataBytes == 0 {
		if answer = AnswerNo; last != nil {
			answer, detail = answerOf(last)
		}
	}
	p.find("user metadata", answer, detail, "what does not fit stays in the manifest and is named in the receipts")
}

// probeMetadata are names and values of together so many bytes.
func probeMetadata(size int) map[string]string {
	meta := map[string]string{}
	for i := 0; size > 0; i++ {
		name := fmt.Sprintf("probe-%02d", i)
		length := min(size, 128)
		meta[name] = strings.Repeat("v", length-len(name))
		size -= length
	}
	return meta
}

func sameMetadata(sent, got map[string]string) bool {
	for name, value := range sent {
		if got[name] != value {
			return false
		}
	}
	return true
}

func (p *targetProbe) storage(ctx context.Context) {
	var refused []string
	for i, class := range p.classes {
		err := p.put(ctx, target.PutAs{Key: p.key(fmt.Sprintf("class-%d", i)), Content: []byte(probeContent), StorageClass: class})
		if err == nil {
			p.out.StorageClasses = append(p.out.StorageClasses, class)
		} else {
			refused = append(refused, class)
		}
	}
	if len(p.classes) == 0 {
		return
	}
	detail := strings.Join(p.out.StorageClasses, ", ")
	if len(refused) > 0 {
		detail = strings.TrimPrefix(detail+"; refused: "+strings.Join(refused, ", "), "; ")
	}
	p.find("storage classes", yesNo(len(p.out.StorageClasses) > 0), detail, "an import may ask for these")
}

// tidy removes every object of the probe and names what it could not.
func (p *targetProbe) tidy(ctx context.Context) {
	for _, name := range p.keys {
		if err := p.Remove(ctx, p.prefix+name); err != nil {
			p.out.Left = append(p.out.Left, p.prefix+name)
		}
	}
	for _, u := range p.uploads {
		p.out.Left = append(p.out.Left, fmt.Sprintf("%s (multipart upload %s)", u.Key, u.ID))
	}
}

// conclude says whether an import with these options has what it needs.
func (p *targetProbe) conclude(err error) {
	out := p.out
	p.report.Left = out.Left
	out.Probe, out.Proof, out.StoreProof = p.report, p.report.Proof, p.report.StoreProof
	if err != nil {
		out.Lacks = append(out.Lacks, "the probe did not come to its end")
	}
	for _, name := range []string{"s3:PutObject", "s3:GetObject (HEAD)", "s3:PutObject (multipart)"} {
		if !p.allowed(name) {
			out.Lacks = append(out.Lacks, name)
		}
	}
	for _, name := range []string{"s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"} {
		if p.allowed("s3:PutObject (multipart)") && !p.allowed(name) {
			out.Wants = append(out.Wants, name)
		}
	}
	if !p.report.Conditional() && !p.options.AllowUnconditional {
		out.Lacks = append(out.Lacks, "conditional writes, or --allow-unconditional")
	}
	if p.report.reaches(p.options.Wish) != nil {
		out.Lacks = append(out.Lacks, fmt.Sprintf("the proof %q: the strongest here is %q", p.options.MinProof, proofName(p.report.Proof)))
	}
	if out.Refusal != nil && len(out.Lacks) == 0 {
		out.Lacks = append(out.Lacks, out.Refusal.Error())
	}
	out.Usable = len(out.Lacks) == 0
}
