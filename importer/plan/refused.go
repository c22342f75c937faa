package plan

import (
	"fmt"
	"strings"
)

// correcting says where attributes that a store refuses are asked for.
func correcting(names []string) string {
	var places []string
	for _, name := range names {
		place := name + " in the file of --rules"
		if flag := FlagOf(name); flag != "" {
			place = flag + " (" + place + ")"
		}
		if name == "sse" {
			place += " with its --kms-key-id"
		}
		places = append(places, place)
	}
	return strings.Join(places, ", ")
}

// RemedyRefused is for attributes that were found to be what a store refuses.
func RemedyRefused(names []string) string {
	return fmt.Sprintf("correct or leave out %s, in an import with a new --run-id if objects were stored already; `sledge target probe` shows what the store takes; "+
		"or mend the bucket, the key or the rights on it, then run the same command again", correcting(names))
}
