package appliance

// slowest is the disk whose writes queue while another one's do not; "" if there is
// none. The writers must run.
func (s bays) slowest() string {
	name, most, least := "", 0, requestsPerDisk
	for _, b := range s.healthy() {
		n := len(b.io.requests)
		if least = min(least, n); n > most {
			name, most = b.disk.Name, n
		}
	}
	if most < requestsPerDisk/2 || least > most/2 {
		return ""
	}
	return name
}
