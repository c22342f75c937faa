// Package crypto holds every cryptographic operation of sledge: the encryption
// of packs and journal frames, the wraps of the load key, the unlock code, and
// the signatures over notes and statements. It is pure: no file, no clock, no
// network, and randomness only from the system or from a reader that the caller
// hands in.
//
// # The path of the data
//
// The load key K is 32 random bytes ([NewLoadKey]). Everything that encrypts a
// site's bytes is derived from it by [Derive]:
//
//	K ─ Derive(purpose, pack id …) ─→ pack key ─→ FLOE stream   ([FloeEncryptor])
//	K ─ Derive(purpose, file id) ───→ frame key ─→ journal frames ([FrameCipher])
//	K ─ Derive("check") ────────────→ 16 public bytes that name K ([KeyCheck])
//
// K itself leaves memory only inside a wrap: to the data centre's site key
// ([WrapToSite]), to recovery recipients ([WrapToAge]) and, until the device is
// sealed, to the unlock code ([WrapToCode]).
//
// # Example
//
//	enc, header, err := crypto.NewFloeEncryptor(crypto.DefaultFloe(), packKey, aad)
//	…
//	segment, err := enc.EncryptSegment(buf, plain, 0, true)
//
// # FIPS 140-3
//
// Under GODEBUG=fips140=only streams, frames, HPKE wraps, code wraps, PBKDF2,
// notes, envelopes and Ed25519 keys work. Argon2id and age files do not; they
// return [ErrNotInFIPS].
package crypto
