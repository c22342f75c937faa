package erasure

import (
	"bytes"
	"errors"
	"math/rand"
	"testing"
)

func TestLayoutCoversBody(t *testing.T) {
	for _, c := range []struct{ k, m, block, body int64 }{
		{8, 3, 1 << 20, 1}, {8, 3, 1 << 20, 8 << 20}, {8, 3, 1 << 20, 8<<20 + 1}, {1, 1, 4096, 4096}, {3, 2, 4096, 12288*5 + 7}, {32, 0, 4096, 1 << 20},
	} {
		l := Layout{K: int(c.k), M: int(c.m), Block: c.block, Body: c.body}
		last := l.Stripes() - 1
		covered := last*c.k*c.block + c.k*l.BlockLen(last)
		if covered < c.body || covered-c.body >= c.k*4096 || l.BlockLen(last)%4096 != 0 || l.BlockLen(last) > c.block {
			t.Errorf("%+v: stripes %d, last block %d cover %d", c, l.Stripes(), l.BlockLen(last), covered)
		}
		if l.ShardLen() != last*c.block+l.BlockLen(last) {
			t.Errorf("%+v: shard length %d", c, l.ShardLen())
		}
	}
}

func TestCodeLosesAnyM(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, shape := range [][2]int{{8, 3}, {1, 1}, {1, 3}, {2, 1}, {29, 3}, {4, 0}} {
		k, m := shape[0], shape[1]
		c, err := NewCode(k, m)
		if err != nil {
			t.Fatal(err)
		}
		blocks := make([][]byte, k+m)
		for i := range blocks {
			blocks[i] = make([]byte, 64)
			if i < k {
				rng.Read(blocks[i])
			}
		}
		if err := c.Encode(blocks); err != nil {
			t.Fatal(err)
		}
		for range 50 {
			got := append([][]byte(nil), blocks...)
			for _, i := range rng.Perm(k + m)[:m] {
				got[i] = nil
			}
			if m > 0 {
				if err := c.DecodeData(got); err != nil {
					t.Fatal(err)
				}
			}
			for i := range k {
				if !bytes.Equal(got[i], blocks[i]) {
					t.Fatalf("%d+%d: block %d differs", k, m, i)
				}
			}
		}
		if m > 0 {
			got := append([][]byte(nil), blocks...)
			for i := range m + 1 {
				got[i] = nil
			}
			if err := c.DecodeData(got); !errors.Is(err, ErrTooFew) {
				t.Fatalf("%d+%d with %d lost: %v", k, m, m+1, err)
			}
		}
	}
}

func TestPieces(t *testing.T) {
	c, _ := NewCode(3, 2)
	list := []byte("a hash list of some odd length..")
	pieces, err := c.SplitPieces(list)
	if err != nil {
		t.Fatal(err)
	}
	pieces[0], pieces[2] = nil, nil
	got, err := c.JoinPieces(pieces, len(list))
	if err != nil || !bytes.Equal(got, list) {
		t.Fatalf("%q, %v", got, err)
	}
}

func TestJoinCRC(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	b := make([]byte, 100000)
	rng.Read(b)
	for _, cut := range []int{0, 1, 7, 8, 4096, 65536, 99999, 100000} {
		if got := ShiftCRC(int64(len(b)-cut)).Join(CRC(b[:cut]), CRC(b[cut:])); got != CRC(b) {
			t.Errorf("cut at %d: %016x, want %016x", cut, got, CRC(b))
		}
	}
	if CRC([]byte("123456789")) != 0xae8b14860a799888 {
		t.Error("check value")
	}
}
