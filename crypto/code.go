package crypto

import (
	"fmt"
	"io"
	"unicode"
)

// An unlock code is 125 random bits, written in Crockford's base32 as five
// groups of five symbols and one check symbol:
//
//	XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-C
//
// The check symbol, number 25, makes the sum over i = 0…25 of symbol i × alpha^i
// zero in GF(2^5) modulo x^5 + x^2 + 1. The 26 weights differ and are not zero,
// so any one wrong symbol and any two symbols exchanged, adjacent or not, are
// noticed before a key is tried.
const (
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeSymbols  = 25
	codeGroup    = 5
	codeMaxInput = 256 // longest text that is looked at
	codeRedacted = "unlock code (not shown)"
)

// UnlockCode is a parsed unlock code. It prints as a fixed text; only Reveal
// gives the code. The symbols stand behind a closure, because fmt follows a
// pointer in an unexported field of something printed with a wrong verb, but never
// calls a function. The zero value is no code.
type UnlockCode struct {
	symbols func() [codeSymbols]byte // 0…31 each
}

func newUnlockCode(symbols [codeSymbols]byte) UnlockCode {
	return UnlockCode{symbols: func() [codeSymbols]byte { return symbols }}
}

// NewUnlockCode draws a code from rand, which must be a cryptographic source.
func NewUnlockCode(rand io.Reader) (UnlockCode, error) {
	var raw [16]byte
	if _, err := io.ReadFull(rand, raw[:]); err != nil {
		return UnlockCode{}, fmt.Errorf("unlock code: %w", err)
	}
	var symbols [codeSymbols]byte
	var acc, bits uint
	next := 0
	for i := range symbols {
		if bits < 5 {
			acc, bits, next = acc<<8|uint(raw[next]), bits+8, next+1
		}
		bits -= 5
		symbols[i] = byte(acc >> bits & 31)
	}
	return newUnlockCode(symbols), nil
}

// ParseUnlockCode reads a code as people type it: upper or lower case, with or
// without hyphens and spaces, I and L for 1, O for 0. A mistake is ErrCodeTyping
// with a text that says what to do; the text never repeats what was typed.
func ParseUnlockCode(s string) (UnlockCode, error) {
	if len(s) > codeMaxInput {
		return UnlockCode{}, fmt.Errorf("%w: the text is far too long; type the 26 characters of the code only", ErrCodeTyping)
	}
	var symbols [codeSymbols]byte
	var check byte
	n := 0
	for _, r := range s {
		if isCodeSeparator(r) {
			continue
		}
		v, ok := codeValue(r)
		if !ok {
			return UnlockCode{}, fmt.Errorf("%w: character %d is never part of a code; codes have digits and letters, without U", ErrCodeTyping, n+1)
		}
		switch {
		case n < codeSymbols:
			symbols[n] = v
		case n == codeSymbols:
			check = v
		}
		n++
	}
	if n != codeSymbols+1 {
		return UnlockCode{}, fmt.Errorf("%w: it has %d characters, a code has %d (five groups of five and one check character); type all of it", ErrCodeTyping, n, codeSymbols+1)
	}
	if codeCheck(symbols) != check {
		return UnlockCode{}, fmt.Errorf("%w: the check character does not fit, so a character is wrong or two are exchanged; compare it with the paper and type it again", ErrCodeTyping)
	}
	return newUnlockCode(symbols), nil
}

// Reveal gives the code in its printed form. It is for the paper that the code is
// handed over on, and for nothing else.
func (c UnlockCode) Reveal() string {
	if c.symbols == nil {
		return ""
	}
	symbols := c.symbols()
	b := make([]byte, 0, codeSymbols+codeSymbols/codeGroup+1)
	for i, v := range symbols {
		if i > 0 && i%codeGroup == 0 {
			b = append(b, '-')
		}
		b = append(b, codeAlphabet[v])
	}
	return string(append(b, '-', codeAlphabet[codeCheck(symbols)]))
}

// String is a fixed text, not the code.
func (c UnlockCode) String() string { return codeRedacted }

// Format prints the fixed text for every verb.
func (c UnlockCode) Format(f fmt.State, _ rune) { io.WriteString(f, codeRedacted) }

// secret is what the KDF is given: the 25 symbols in upper case, without hyphens
// and check symbol.
func (c UnlockCode) secret() []byte {
	b := make([]byte, codeSymbols)
	for i, v := range c.symbols() {
		b[i] = codeAlphabet[v]
	}
	return b
}

// codeCheck is the check symbol: the weighted sum of the others, by Horner's rule
// from the last one, divided by the check's own weight. alpha^31 is 1, so
// dividing by alpha^25 is multiplying by alpha^6.
func codeCheck(symbols [codeSymbols]byte) byte {
	var sum byte
	for i := codeSymbols - 1; i >= 0; i-- {
		sum = codeTimesAlpha(sum) ^ symbols[i]
	}
	for range 31 - codeSymbols {
		sum = codeTimesAlpha(sum)
	}
	return sum
}

// codeTimesAlpha multiplies by alpha in GF(2^5) modulo x^5 + x^2 + 1.
func codeTimesAlpha(v byte) byte {
	v <<= 1
	if v&32 != 0 {
		v ^= 0b100101
	}
	return v
}

// codeValue is the symbol's value, after Crockford's rules for look-alikes.
func codeValue(r rune) (byte, bool) {
	if 'a' <= r && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch r {
	case 'I', 'L':
		r = '1'
	case 'O':
		r = '0'
	}
	for i := range len(codeAlphabet) {
		if rune(codeAlphabet[i]) == r {
			return byte(i), true
		}
	}
	return 0, false
}

// isCodeSeparator accepts white space and the hyphens and dashes that a printed
// or mailed code may come with.
func isCodeSeparator(r rune) bool {
	return unicode.IsSpace(r) || r == '-' || r >= 0x2010 && r <= 0x2015 || r == 0x2212
}
