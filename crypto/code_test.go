package crypto

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/testlimit"
)

func mustCode(t testing.TB) UnlockCode {
	t.Helper()
	c, err := NewUnlockCode(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestUnlockCodeForms(t *testing.T) {
	printed := func(s string) string { return strings.ToUpper(s) }
	c := mustCode(t)
	text := c.Reveal()
	if len(text) != 31 || strings.Count(text, "-") != 5 {
		t.Fatalf("printed form is %q", text)
	}
	accepted := map[string]string{
		"printed":    text,
		"lower case": strings.ToLower(text),
		"no hyphens": strings.ReplaceAll(text, "-", ""),
		"spaces":     " " + strings.ReplaceAll(text, "-", "  ") + "\r\n",
		"en dashes":  strings.ReplaceAll(text, "-", "–"),
	}
	for name, s := range accepted {
		got, err := ParseUnlockCode(s)
		if err != nil || got.Reveal() != printed(text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	zero, err := NewUnlockCode(bytes.NewReader(make([]byte, 16)))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseUnlockCode("ooooo OOOOO 00000 ooooo 00000 o"); err != nil || got.Reveal() != zero.Reveal() {
		t.Errorf("O for 0: %v", err)
	}
	ones := "11111-11111-11111-11111-11111-"
	for _, r := range codeAlphabet {
		if c, err := ParseUnlockCode(ones + string(r)); err == nil {
			look, err := ParseUnlockCode(strings.Replace(ones, "1111", "ilIL", 1) + string(r))
			if err != nil || look.Reveal() != c.Reveal() {
				t.Errorf("I and L for 1: %v", err)
			}
		}
	}
}

func TestUnlockCodeTyping(t *testing.T) {
	text := mustCode(t).Reveal()
	tests := []struct{ name, in, say string }{
		{"empty", "", "0 characters"},
		{"short", text[:30], "25 characters"},
		{"long", text + "0", "27 characters"},
		{"U", "U" + text[1:], "character 1 is never"},
		{"punctuation", text[:3] + "!" + text[4:], "character 4 is never"},
		{"not UTF-8", text[:3] + "\xff" + text[4:], "character 4 is never"},
		{"far too long", strings.Repeat("0", 300), "far too long"},
	}
	for _, tt := range tests {
		_, err := ParseUnlockCode(tt.in)
		if !errors.Is(err, ErrCodeTyping) || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.say)
		}
	}
}

// TestUnlockCodeCheckProof proves that one wrong character, and two exchanged
// ones, never pass. The check is additive over the symbols, so it is enough that
// no single contribution of a non-zero difference is zero and that no exchange
// leaves the sum as it was: both are tried for all positions and all symbols.
func TestUnlockCodeCheckProof(t *testing.T) {
	var contribution [26][32]byte
	for i := range 26 {
		for v := range 32 {
			if i == 25 {
				contribution[i][v] = byte(v) // the check symbol itself
				continue
			}
			var s [codeSymbols]byte
			s[i] = byte(v)
			contribution[i][v] = codeCheck(s)
		}
	}
	for range 200 { // additive: a code's check is the sum of its contributions
		c := mustCode(t)
		var sum byte
		for i, v := range c.symbols() {
			sum ^= contribution[i][v]
		}
		if sum != codeCheck(c.symbols()) {
			t.Fatal("the check is not additive")
		}
	}
	weights := make(map[byte]int)
	for i := range 26 {
		if j, ok := weights[contribution[i][1]]; ok || contribution[i][1] == 0 {
			t.Fatalf("positions %d and %d have the weight %d", i, j, contribution[i][1])
		}
		weights[contribution[i][1]] = i
		for a := range 32 {
			for b := range 32 {
				if contribution[i][a]^contribution[i][b] != contribution[i][a^b] {
					t.Fatal("the check is not additive")
				}
				if a != b && contribution[i][a] == contribution[i][b] {
					t.Fatalf("position %d: %d for %d is not noticed", i, b, a)
				}
				for j := range i {
					if a != b && contribution[i][a]^contribution[j][b] == contribution[i][b]^contribution[j][a] {
						t.Fatalf("positions %d and %d: %d and %d exchanged are not noticed", j, i, a, b)
					}
				}
			}
		}
	}
}

// TestUnlockCodeMistakes makes every such mistake in one typed code.
func TestUnlockCodeMistakes(t *testing.T) {
	text := strings.ReplaceAll(mustCode(t).Reveal(), "-", "")
	for i := range text {
		for _, r := range codeAlphabet {
			if s := text[:i] + string(r) + text[i+1:]; s != text {
				if _, err := ParseUnlockCode(s); !errors.Is(err, ErrCodeTyping) {
					t.Fatalf("position %d changed: %v", i, err)
				}
			}
		}
		for j := range i {
			b := []byte(text)
			b[i], b[j] = b[j], b[i]
			if string(b) == text {
				continue
			}
			if _, err := ParseUnlockCode(string(b)); !errors.Is(err, ErrCodeTyping) {
				t.Fatalf("positions %d and %d exchanged: %v", j, i, err)
			}
		}
	}
}

func TestUnlockCodeIsNotPrinted(t *testing.T) {
	c := mustCode(t)
	text := c.Reveal()
	inside := struct {
		code UnlockCode
		Code UnlockCode
		Ptr  *UnlockCode
	}{c, c, &c}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%U", "%b", "%t", "%p"} {
		fmt.Fprintf(&out, verb+"\n"+verb+"\n", c, inside)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "code", c, "inside", inside)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "code", c, "inside", inside)
	js, err := json.Marshal(inside)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(js)
	plain := strings.ReplaceAll(text, "-", "")
	symbols := fmt.Sprint(c.symbols())
	for _, secret := range []string{text, plain, plain[:10], symbols, symbols[1 : len(symbols)-1], fmt.Sprintf("%x", c.symbols())} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("printed: %s", out.String())
		}
	}
	if c.String() != codeRedacted || fmt.Sprint(c) != codeRedacted {
		t.Error("String is not the fixed text")
	}
}

func TestNewUnlockCode(t *testing.T) {
	if _, err := NewUnlockCode(strings.NewReader("short")); err == nil {
		t.Error("a failing source gave a code")
	}
	// Each of the first 125 bits decides a bit of the code, the last three none.
	seen := make(map[string]bool)
	for bit := range 128 {
		c, err := NewUnlockCode(bytes.NewReader(flipBit(make([]byte, 16), bit)))
		if err != nil {
			t.Fatal(err)
		}
		seen[c.Reveal()] = true
	}
	if len(seen) != 126 { // 125 and the all-zero one
		t.Errorf("128 single bits give %d codes, want 126", len(seen))
	}
	if (UnlockCode{}).Reveal() != "" {
		t.Error("the zero code reveals something")
	}
}

func FuzzUnlockCode(f *testing.F) {
	f.Add("PMGAE-KZA03-GYTPP-7AXPE-HR55Q-Z")
	f.Add("pmgae kza03 gytpp 7axpe hr55q z")
	f.Add("00000-00000-00000-00000-00000-0")
	f.Add("")
	f.Add("U\xff")
	f.Fuzz(func(t *testing.T, s string) {
		defer testlimit.Alloc(t, testlimit.Input)()
		c, err := ParseUnlockCode(s)
		if err != nil {
			if !errors.Is(err, ErrCodeTyping) {
				t.Fatalf("untyped error: %v", err)
			}
			return
		}
		again, err := ParseUnlockCode(c.Reveal())
		if err != nil || again.Reveal() != c.Reveal() || len(c.Reveal()) != 31 {
			t.Fatalf("%q does not parse again: %v", c.Reveal(), err)
		}
	})
}
