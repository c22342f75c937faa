package probe

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

const (
	namesFolder = "names/"
	oddAtOnce   = 12 // oddities in one key
)

// Names writes keys with these oddities and lists them. It returns the oddities with
// which a key does not come back under its own name, and is thus found under another one,
// too. A key that the store refuses is not one of them: its entry will tell.
func (p *Prober) Names(ctx context.Context, odd []plan.Oddity) (renamed []plan.Oddity, err error) {
	for group := range slices.Chunk(odd, oddAtOnce) {
		whole, err := p.comesBack(ctx, group)
		if err != nil && !request.OfName(err) {
			return nil, err
		}
		if whole && err == nil {
			continue
		}
		for _, one := range group {
			kept, err := p.keepsOne(ctx, one)
			if err != nil {
				return nil, err
			}
			if !kept {
				renamed = append(renamed, one)
			}
		}
	}
	return renamed, nil
}

// keepsOne asks for one oddity. An error that may be of its name alone is the target's if
// a plain key meets one, too; else the oddity is tried once more, for the error may have
// passed, and what the answers have shown by then counts.
func (p *Prober) keepsOne(ctx context.Context, one plan.Oddity) (kept bool, err error) {
	kept, err = p.comesBack(ctx, []plan.Oddity{one})
	if err == nil || !request.OfName(err) {
		return kept, err
	}
	if !p.takesPlain(ctx) {
		return false, err
	}
	kept, err = p.comesBack(ctx, []plan.Oddity{one})
	if request.OfName(err) {
		err = nil
	}
	return kept, err
}

// takesPlain stores, looks at and removes an object whose name has nothing odd.
func (p *Prober) takesPlain(ctx context.Context) bool {
	name := namesFolder + oddName(nil)
	const content = "sledge probe of a plain name"
	_, err := p.put(ctx, name, content, crypto.SumSHA256([]byte(content)), false)
	if err == nil {
		_, err = p.shown(ctx, name)
	}
	if removeErr := p.Remove(context.WithoutCancel(ctx), p.prefix+name); removeErr != nil {
		p.keepOrLeave(p.prefix+name, removeErr)
		return err == nil && request.Forbidden(removeErr)
	}
	return err == nil
}

// oddKey is a key below the probe's prefix with all of these. No alias of it is the key of
// others: what is left of those, where nothing can be removed, is told from it.
func oddKey(odd []plan.Oddity) string {
	var ids []string
	for _, o := range odd {
		ids = append(ids, o.ID)
	}
	return namesFolder + strings.Join(ids, "-") + "/" + oddName(odd)
}

// oddName is a name with all of these.
func oddName(odd []plan.Oddity) string {
	name := "x"
	for _, o := range odd {
		name += o.Sample + "x"
	}
	return name
}

// comesBack writes one key and reports whether it is the key that the store has then.
// A single oddity that is refused counts as kept: nothing is stored under it. Beside an
// error that may be of the name, kept is what the other answers have shown.
func (p *Prober) comesBack(ctx context.Context, odd []plan.Oddity) (kept bool, err error) {
	name := oddKey(odd)
	defer func() {
		if removeErr := p.removeName(context.WithoutCancel(ctx), name); err == nil {
			err = removeErr
		}
	}()
	const content = "sledge probe of a name"
	_, err = p.put(ctx, name, content, crypto.SumSHA256([]byte(content)), false)
	switch {
	case request.RefusesName(err):
		return len(odd) == 1, nil
	case err != nil:
		return true, err
	}
	switch _, err = p.head(ctx, name); {
	case target.IsNotFound(err):
		return p.showsName(ctx, name)
	case err != nil && !request.OfName(err):
		return false, err
	}
	kept, listErr := p.listedAs(ctx, name)
	if listErr != nil {
		err = listErr
	}
	return kept, err
}

// showsName is of a key that HEAD has not found after its write. One that is listed has the name
// that the list tells. Where nothing may be listed, and none of the names that a store may have
// made of it is found, it may be shown late, as one that is listed under its own name.
func (p *Prober) showsName(ctx context.Context, name string) (kept bool, err error) {
	listed, err := p.listNames(ctx)
	if p.target.Capabilities().List && err == nil && !slices.Contains(listed, p.prefix+name) {
		return false, nil
	}
	if kept, err = p.listedAs(ctx, name); !kept {
		return false, err
	}
	if _, err = p.shown(ctx, name); target.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// removeName removes a key of these. One that the target refuses to remove, or to tell
// of, is left and named; only an error that cannot be of its name is returned.
func (p *Prober) removeName(ctx context.Context, name string) error {
	key := p.prefix + name
	err := p.Remove(ctx, key)
	if err == nil {
		p.report.Left = slices.DeleteFunc(p.report.Left, func(left string) bool { return left == key })
		return nil
	}
	p.keepOrLeave(key, err)
	if request.OfName(err) {
		return nil
	}
	return err
}

// keepOrLeave notes a key that could not be removed.
func (p *Prober) keepOrLeave(key string, err error) {
	if request.Forbidden(err) {
		p.keep(key)
	} else {
		p.Leave(key)
	}
}

// listedAs reports whether the store lists a key that was just written. Another key in
// its place counts only if HEAD finds it: listings have been seen to encode keys wrongly.
// Where nothing may be listed, the names that a store may have made of it are asked for.
func (p *Prober) listedAs(ctx context.Context, name string) (kept bool, err error) {
	listed, err := p.listNames(ctx)
	if err != nil && !request.OfName(err) {
		return false, err
	}
	if slices.Contains(listed, p.prefix+name) {
		return true, nil
	}
	if request.RefusesName(err) {
		err = nil
	}
	others := aliases(name)
	for _, key := range listed {
		others = append(others, strings.TrimPrefix(key, p.prefix))
	}
	for _, other := range others {
		if other == name || !strings.HasPrefix(other, namesFolder) {
			continue
		}
		_, headErr := p.head(ctx, other)
		switch {
		case headErr == nil:
			return false, nil
		case target.IsNotFound(headErr) || request.RefusesName(headErr):
		case !request.OfName(headErr):
			return false, headErr
		default:
			err = headErr // others may be there
		}
	}
	return true, err
}

// listNames lists what the probe has written of odd names.
func (p *Prober) listNames(ctx context.Context) (keys []string, err error) {
	if !p.target.Capabilities().List {
		return nil, nil
	}
	after, turns := "", target.NewLoopGuard()
	for {
		var page []target.Listed
		var next string
		err := p.as(ctx, request.ListObjectsV2, func(ctx context.Context) (err error) {
			page, next, err = p.target.List(ctx, p.prefix+namesFolder, after)
			return err
		})
		for _, l := range page {
			keys = append(keys, l.Key)
		}
		if err != nil || next == "" || turns.Closes(next) {
			return keys, err
		}
		after = next
	}
}

// aliases are names that stores have been seen to make of one.
func aliases(name string) (others []string) {
	unescaped, err := url.PathUnescape(name)
	if err == nil {
		others = append(others, unescaped)
	}
	dots := strings.NewReplacer("./", "/", " /", "/", "/ ", "/")
	return append(others, strings.ReplaceAll(name, `\`, "/"), strings.ReplaceAll(name, "+", " "), strings.ReplaceAll(name, " ", "+"),
		norm.NFC.String(name), norm.NFD.String(name), norm.NFKC.String(name), strings.ToLower(name), dots.Replace(name))
}

// keepsNames asks whether odd keys come back under their own names.
func (p *targetProbe) keepsNames(ctx context.Context) {
	renamed, err := p.Names(ctx, plan.AllOddities)
	for _, key := range p.report.Left {
		if strings.HasPrefix(key, p.prefix+namesFolder) {
			p.out.Left = append(p.out.Left, key)
		}
	}
	answer, detail := answerOf(err)
	if err == nil && len(renamed) > 0 {
		var what []string
		for _, o := range renamed {
			what = append(what, o.What)
		}
		answer, detail = AnswerNo, "it renames a key with "+strings.Join(what, ", ")
	}
	means := "every key is found under its own name alone"
	if answer == AnswerNo {
		means = "entries with such keys are refused by name"
	}
	p.find("keeps names", answer, detail, means)
}

// SweepNames removes what a probe before has left of odd names, at best: that probe itself names
// what it leaves.
func (p *Prober) SweepNames(ctx context.Context) error {
	keys, err := p.listNames(ctx)
	for _, key := range keys {
		if err == nil || request.OfName(err) {
			err = p.Remove(ctx, key)
		}
	}
	if request.OfName(err) {
		return nil
	}
	return err
}
