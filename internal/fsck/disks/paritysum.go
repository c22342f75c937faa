package disks

import (
	"encoding/binary"
	"hash/crc64"

	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// The signed CRC of a parity block helps to choose, and proves nothing. Where it is not that
// of the parity which the proven data give, the writer was faulty, and all bytes are there.
// It is compared in a pack's first stripe, where a faulty writer shows, and in every stripe
// that is looked at alone.

// sumParity goes on with the CRCs of the first stripe, whose parity is computed or proven.
func (s *packScan) sumParity(shards [][]byte, n int64) {
	for j := s.g.K; j < s.g.Shards(); j++ {
		s.sums[j] = crc64.Update(s.sums[j], wire.CrcTable, shards[j][:n])
	}
}

func (s *packScan) compareSums(stripe int64) error {
	if stripe != 0 || s.g.M == 0 {
		return nil
	}
	line, err := s.list.line(stripe)
	if err != nil {
		return s.listChanged(err)
	}
	for j := s.g.K; j < s.g.Shards(); j++ {
		if binary.BigEndian.Uint64(line[32*s.g.K+8*(j-s.g.K):]) != s.sums[j] {
			s.nameSum(stripe, j)
		}
	}
	return nil
}

func (s *packScan) nameSum(stripe int64, j int) {
	if !s.quiet {
		s.w.v.f.Stripe(findings.Warning, "parity-sum", findings.InShard(s.p, j), stripe, "", "the signed CRC is not that of the parity: the writer was faulty; all data are there")
	}
}
