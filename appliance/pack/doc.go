// Package pack is one pack on the disks: its stripes, its hash list and the coded pieces of that,
// as docs/format.md section 6 has them. A Writer codes a body and writes it to the disks' writers;
// a Reader gives the body back from any k good blocks of each stripe.
//
// What Read gives is proven by the caller (a segment's tag, a page's signed hash); what ReadProven
// gives has been compared with the signed hashes. A shard is remade only from blocks that are
// proven.
//
// It imports the disks, the code, the manifest's pack entries and the ciphers of segments. It
// knows no files, journals, logs or indexes, and commits nothing: a pack exists when its entry is
// in a journal or a log, which is its caller's work.
package pack
