package target

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Profile is a kind of target: its limits, and what it has otherwise than AWS.
// What is wrong in it shows as a refused request, never as a wrong object.
type Profile struct {
	Name       string `json:"name"`
	Source     string `json:"source,omitempty"` // where the numbers are from
	MaxObject  int64  `json:"max_object"`
	MaxParts   int    `json:"max_parts"`
	MinPart    int64  `json:"min_part"`              // of all parts but the last
	MaxPart    int64  `json:"max_part"`              // and of an object by one request
	MaxKey     int    `json:"max_key"`               // bytes
	MaxSegment int    `json:"max_segment,omitempty"` // bytes between two slashes; 0: no limit
	MaxMeta    int    `json:"max_meta"`              // bytes of names and values of user metadata
	NoSoap     bool   `json:"no_soap,omitempty"`     // a key "soap" cannot be addressed by virtual host
	PathStyle  bool   `json:"path_style,omitempty"`  // the bucket is addressed in the path
	Folders    bool   `json:"folders,omitempty"`     // keys are folders and files: an object cannot have others below its key

	// NoChecksumHeaders leaves every x-amz-checksum header out, for stores that refuse
	// them. Reading back is the proof then.
	NoChecksumHeaders bool `json:"no_checksum_headers,omitempty"`

	// StorageClasses are what a probe tries unless it is told others.
	StorageClasses []string `json:"storage_classes,omitempty"`
}

const (
	MiB = int64(1) << 20
	GiB = int64(1) << 30
	TiB = int64(1) << 40
)

// Bounds of a profile, so that a mistyped file cannot make a plan absurd. Every
// object carries two names of ours, which take up to 200 bytes of metadata.
const (
	MaxProfileFile  = 1 << 20
	maxProfiles     = 256
	maxProfileParts = 10000 // the highest part number that S3 knows
	maxProfilePart  = 5 * TiB
	maxProfileKey   = 1 << 16
	minProfileMeta  = 256
	maxProfileMeta  = 1 << 16
	maxClasses      = 32
)

var (
	profileNamePattern  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,31}$`)
	storageClassPattern = regexp.MustCompile(`^[A-Z0-9_]{1,32}$`)
)

//go:embed profiles.json
var builtInProfiles []byte

// Profiles returns the built-in table of targets.
func Profiles() []Profile {
	table, err := layProfiles(nil, builtInProfiles)
	if err != nil {
		panic("importer: profiles.json: " + err.Error()) // a test reads it
	}
	return table
}

// ReadProfiles lays a user's file over the built-in table. An entry with a name
// that is there changes the fields that it states; a new one begins as its
// "base", or as generic:
//
//	{"profiles": [{"name": "ceph", "max_meta": 4096},
//	              {"name": "tape", "base": "ceph", "max_object": "1 TiB", "max_parts": 1000}]}
func ReadProfiles(file []byte) ([]Profile, error) {
	if len(file) > MaxProfileFile {
		return nil, fmt.Errorf("profiles: %d bytes, at most %d are read", len(file), MaxProfileFile)
	}
	return layProfiles(Profiles(), file)
}

func layProfiles(table []Profile, file []byte) ([]Profile, error) {
	var in struct {
		Profiles []json.RawMessage `json:"profiles"`
	}
	if err := strictJSON(file, &in); err != nil {
		return nil, fmt.Errorf("profiles: %w", err)
	}
	if len(in.Profiles) == 0 || len(in.Profiles) > maxProfiles {
		return nil, fmt.Errorf("profiles: %d entries, must be 1 to %d", len(in.Profiles), maxProfiles)
	}
	seen := map[string]bool{}
	for i, text := range in.Profiles {
		p, err := layProfile(table, text)
		if err == nil && seen[p.Name] {
			err = errors.New("named twice")
		}
		if err != nil {
			return nil, fmt.Errorf("profiles: entry %d, %q: %w", i+1, p.Name, err)
		}
		seen[p.Name] = true
		if at := slices.IndexFunc(table, func(q Profile) bool { return q.Name == p.Name }); at >= 0 {
			table[at] = p
		} else {
			table = append(table, p)
		}
	}
	return table, nil
}

// layProfile merges one entry onto what it is based on.
func layProfile(table []Profile, text []byte) (Profile, error) {
	var head struct{ Name, Base string }
	if err := json.Unmarshal(text, &head); err != nil {
		return Profile{}, err
	}
	var entry struct {
		Base string `json:"base"`
		Profile
		// These are read instead of the profile's own, which are numbers only.
		MaxObject byteSize `json:"max_object"`
		MinPart   byteSize `json:"min_part"`
		MaxPart   byteSize `json:"max_part"`
	}
	base, err := findProfile(table, head.Name)
	switch {
	case !profileNamePattern.MatchString(head.Name):
		return Profile{Name: head.Name}, errors.New("a name has 1 to 32 of a-z, 0-9 and hyphen")
	case len(table) == 0, head.Base == "" && err == nil:
	case err == nil:
		return base, errors.New("is there already: it has no other base")
	default:
		if base, err = findProfile(table, head.Base); err != nil {
			return Profile{Name: head.Name}, fmt.Errorf("base: %w", err)
		}
		base.Source = ""
	}
	base.StorageClasses = slices.Clone(base.StorageClasses) // decoding writes into it
	entry.Profile = base
	entry.MaxObject, entry.MinPart, entry.MaxPart = unstated, byteSize(base.MinPart), byteSize(base.MaxPart)
	if err := strictJSON(text, &entry); err != nil {
		return Profile{Name: head.Name}, err
	}
	p := entry.Profile
	p.MaxObject, p.MinPart, p.MaxPart = int64(entry.MaxObject), int64(entry.MinPart), int64(entry.MaxPart)
	if entry.MaxObject == unstated {
		p.MaxObject = base.MaxObject
		if most := min(p.MaxPart, maxProfilePart) * int64(min(p.MaxParts, maxProfileParts)); most > 0 {
			p.MaxObject = min(p.MaxObject, most) // follows from the others
		}
	}
	return p, p.Validate()
}

// strictJSON decodes one value without unknown fields and without anything behind.
func strictJSON(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// Validate refuses what would make a plan absurd.
func (p Profile) Validate() error {
	var problems []error
	in := func(field string, value, low, high int64) {
		if value < low || value > high {
			problems = append(problems, fmt.Errorf("%s is %d, must be %d to %d", field, value, low, high))
		}
	}
	in("max_parts", int64(p.MaxParts), 1, maxProfileParts)
	in("max_part", p.MaxPart, 1, maxProfilePart)
	in("min_part", p.MinPart, 0, p.MaxPart)
	if len(problems) == 0 {
		in("max_object", p.MaxObject, 1, int64(p.MaxParts)*p.MaxPart)
	}
	in("max_key", int64(p.MaxKey), 1, maxProfileKey)
	in("max_segment", int64(p.MaxSegment), 0, maxProfileKey)
	in("max_meta", int64(p.MaxMeta), minProfileMeta, maxProfileMeta)
	in("number of storage_classes", int64(len(p.StorageClasses)), 0, maxClasses)
	for _, class := range p.StorageClasses {
		if !storageClassPattern.MatchString(class) {
			problems = append(problems, fmt.Errorf("storage class %q", class))
		}
	}
	return errors.Join(problems...)
}

// ProfileByName finds a profile in the built-in table; "" is generic.
func ProfileByName(name string) (Profile, error) { return findProfile(Profiles(), name) }

// ProfileIn finds a profile in a table; nil is the built-in one, "" is generic.
func ProfileIn(table []Profile, name string) (Profile, error) {
	if table == nil {
		table = Profiles()
	}
	return findProfile(table, name)
}

func findProfile(table []Profile, name string) (Profile, error) {
	if name == "" {
		name = "generic"
	}
	for _, p := range table {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("target profile %q is not known", name)
}

// Fingerprint names the values that decide what a run does. It is part of a
// run's options, so that a profile that was changed between two starts is noticed.
func (p Profile) Fingerprint() string {
	p.Source, p.StorageClasses = "", nil
	text, err := json.Marshal(p)
	if err != nil {
		panic("importer: profile: " + err.Error()) // strings, numbers and booleans
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// byteSize is a number of bytes; JSON has it as a number or as text, "5 GiB".
type byteSize int64

// unstated is the size of a field that is not there.
const unstated byteSize = -1

var sizeUnits = map[string]int64{"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// UnmarshalJSON implements json.Unmarshaler.
func (s *byteSize) UnmarshalJSON(text []byte) error {
	var n int64
	if json.Unmarshal(text, &n) == nil && n >= 0 {
		*s = byteSize(n)
		return nil
	}
	var words string
	if err := json.Unmarshal(text, &words); err != nil {
		return fmt.Errorf("size %s: must be a number of bytes or text such as \"5 GiB\"", text)
	}
	count, unit, _ := strings.Cut(words, " ")
	n, err := strconv.ParseInt(count, 10, 64)
	factor := sizeUnits[unit]
	if err != nil || n < 0 || factor == 0 || n > (1<<62)/factor {
		return fmt.Errorf("size %q: must be a number of bytes or text such as \"5 GiB\"", words)
	}
	*s = byteSize(n * factor)
	return nil
}
