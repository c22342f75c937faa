package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/simulator"
)

const packLength = 3*blockSize - 5000 // three stripes

// device writes shards of random content as a sealed device has them.
func device(t *testing.T, d *demo, packs int) {
	t.Helper()
	for bay := range diskCount {
		name := fmt.Sprintf("bay%02d", bay)
		folder := filepath.Join(t.TempDir(), name)
		for _, sub := range []string{"log", "journal"} {
			if err := os.MkdirAll(filepath.Join(folder, "sledge", sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for p := range packs {
			dir := filepath.Join(folder, "sledge", "packs", fmt.Sprintf("%02x", p))
			content := []byte(strings.Repeat(fmt.Sprintf("%02d of %02d;", bay, p), packLength/9+1)[:packLength])
			file := fmt.Sprintf("%032x.%02d.shard", p, (bay+p)%diskCount)
			file = fmt.Sprintf("%02x", p) + file[2:]
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		disk, err := simulator.OpenDisk(name, folder)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { disk.Close() })
		d.disks = append(d.disks, disk)
	}
}

// damaged makes a device, damages it, and gives the findings of a verifier that
// sees everything.
func damaged(t *testing.T, seed uint64, packs int) (*demo, []simulator.Pack, []*finding) {
	t.Helper()
	d := &demo{carrier: simulator.Carrier{Seed: seed}}
	device(t, d, packs)
	journal := filepath.Join(d.disks[2].Folder, "sledge", "journal", "x.journal")
	if err := os.WriteFile(journal, make([]byte, 5000), 0o644); err != nil {
		t.Fatal(err)
	}
	d.copyLogs(minJournal)
	if len(d.stale) != 1 || d.stale[0].disk != d.disks[2] {
		t.Fatalf("copies of logs: %+v", d.stale)
	}
	checkpoint := filepath.Join(d.disks[2].Folder, "sledge", "log", "checkpoint")
	if err := os.WriteFile(checkpoint, []byte("sealed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(journal); err != nil {
		t.Fatal(err)
	}
	list, err := simulator.Packs(d.disks)
	if err != nil || len(list) != packs || list[0].Stripes(blockSize) != 3 {
		t.Fatalf("%d packs: %v", len(list), err)
	}
	if d.damage, err = d.doDamage(list); err != nil {
		t.Fatal(err)
	}
	return d, list, allFindings(d)
}

func allFindings(d *demo) (all []*finding) {
	for bay, disk := range d.disks {
		for _, x := range d.carrier.Done() {
			if x.Disk != disk.Name {
				continue
			}
			f := &finding{Severity: "repairable", Class: "block-bad", Disk: "where/it/is/" + x.Disk, Bay: &bay}
			switch x.Kind {
			case simulator.DiskLost:
				f.Class, f.Disk = "disk-missing", ""
			case simulator.Stale:
				f.Class, f.Text = "checkpoint-copy-missing", "log/checkpoint is missing"
				if x.File == "sledge/journal" {
					f.Class, f.Text = "leftover", "journal/ still has 1 files"
				}
			default:
				id, shard, _ := simulator.ParseShard(x.File)
				first, last := x.Offset/blockSize, (x.Offset+x.Length-1)/blockSize
				f.Pack, f.Shard, f.FirstStripe, f.LastStripe = id, &shard, &first, &last
			}
			all = append(all, f)
		}
	}
	return all
}

// TestDamageIsBearable does the damage with many seeds, also on the smallest
// device: never more than m bad blocks in a stripe, and every kind is there.
func TestDamageIsBearable(t *testing.T) {
	for seed := range uint64(2) {
		d, packs, findings := damaged(t, seed, 2+int(seed)%4)
		worst, all := worstStripe(d.carrier.Done(), packs)
		if worst != parityShards || all == 0 {
			t.Errorf("seed %d: %d bad blocks in one stripe, %d in all", seed, worst, all)
		}
		if len(d.damage.lost) != 2 || d.damage.rot == 0 || d.damage.mixed != "bay02" || d.damage.rotten == d.damage.mixed {
			t.Errorf("seed %d: %+v", seed, d.damage)
		}
		if named, err := compareFindings(findings, d.carrier.Done(), d.disks); err != nil || named != len(d.carrier.Done()) {
			t.Errorf("seed %d: %d named: %v", seed, named, err)
		}
	}
}

// TestFindingsAreCompared leaves every finding out once, and adds one.
func TestFindingsAreCompared(t *testing.T) {
	d, _, findings := damaged(t, 1, 4)
	for i := range findings {
		some := append(append([]*finding(nil), findings[:i]...), findings[i+1:]...)
		if _, err := compareFindings(some, d.carrier.Done(), d.disks); err == nil || !strings.Contains(err.Error(), "not named") {
			t.Errorf("without %+v: %v", findings[i], err)
		}
	}
	bay := 5
	more := append(append([]*finding(nil), findings...), &finding{Severity: "repairable", Class: "header-bad", Disk: "bay05", Bay: &bay})
	if _, err := compareFindings(more, d.carrier.Done(), d.disks); err == nil || !strings.Contains(err.Error(), "not done") {
		t.Errorf("with one too many: %v", err)
	}
	more[len(more)-1] = &finding{Severity: "note", Class: "label-not-given"}
	if _, err := compareFindings(more, d.carrier.Done(), d.disks); err != nil {
		t.Errorf("with a note: %v", err)
	}
}

// TestWorstStripe counts a damage beyond repair as such.
func TestWorstStripe(t *testing.T) {
	d, packs, _ := damaged(t, 3, 3)
	for _, disk := range d.disks {
		shard := packs[0].Shards[disk.Name]
		if _, err := os.Stat(disk.Folder); err != nil {
			continue
		}
		if _, err := d.carrier.RotBlocks(disk, shard.File, blockSize, []int{1}); err != nil {
			t.Fatal(err)
		}
	}
	if worst, _ := worstStripe(d.carrier.Done(), packs); worst != diskCount {
		t.Errorf("%d bad blocks in the worst stripe, not %d", worst, diskCount)
	}
}
