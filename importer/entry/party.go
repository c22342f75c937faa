package entry

// Who has hashed an object, or has cut it into its parts.
const (
	ByLoader   = "loader"
	ByImporter = "importer"
)
