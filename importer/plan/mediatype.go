package plan

import "strings"

// mediaTypes is what content_type "auto" knows, by extension. It is part of the
// rules' version 1 and never changes, and no file of the machine is asked: the
// plan follows from the manifest and the recorded rules alone (P20).
var mediaTypes = map[string]string{
	"7z": "application/x-7z-compressed", "avif": "image/avif", "avro": "application/vnd.apache.avro", "bin": "application/octet-stream",
	"bmp": "image/bmp", "bz2": "application/x-bzip2", "css": "text/css; charset=utf-8", "csv": "text/csv; charset=utf-8",
	"doc": "application/msword", "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	"epub": "application/epub+zip", "flac": "audio/flac", "geojson": "application/geo+json", "gif": "image/gif", "gz": "application/gzip",
	"h5": "application/x-hdf5", "hdf5": "application/x-hdf5", "htm": "text/html; charset=utf-8", "html": "text/html; charset=utf-8",
	"ico": "image/vnd.microsoft.icon", "ics": "text/calendar; charset=utf-8", "jar": "application/java-archive", "jpeg": "image/jpeg",
	"jpg": "image/jpeg", "js": "text/javascript; charset=utf-8", "json": "application/json", "jsonl": "application/jsonl",
	"log": "text/plain; charset=utf-8", "m4a": "audio/mp4", "md": "text/markdown; charset=utf-8", "mkv": "video/x-matroska",
	"mov": "video/quicktime", "mp3": "audio/mpeg", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg", "mxf": "application/mxf",
	"nc": "application/netcdf", "ndjson": "application/x-ndjson", "odp": "application/vnd.oasis.opendocument.presentation",
	"ods": "application/vnd.oasis.opendocument.spreadsheet", "odt": "application/vnd.oasis.opendocument.text", "ogg": "audio/ogg",
	"orc": "application/vnd.apache.orc", "otf": "font/otf", "parquet": "application/vnd.apache.parquet", "pdf": "application/pdf",
	"png": "image/png", "ppt": "application/vnd.ms-powerpoint",
	"pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "rtf": "application/rtf",
	"svg": "image/svg+xml", "tar": "application/x-tar", "tgz": "application/gzip", "tif": "image/tiff", "tiff": "image/tiff",
	"tsv": "text/tab-separated-values; charset=utf-8", "ttf": "font/ttf", "txt": "text/plain; charset=utf-8", "wasm": "application/wasm",
	"wav": "audio/wav", "webm": "video/webm", "webp": "image/webp", "woff": "font/woff", "woff2": "font/woff2",
	"xhtml": "application/xhtml+xml", "xls": "application/vnd.ms-excel",
	"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xml": "application/xml", "xz": "application/x-xz",
	"yaml": "application/yaml", "yml": "application/yaml", "zip": "application/zip", "zst": "application/zstd",
}

// mediaType is the type of a path by its extension, whatever its case; "" if the
// table has none.
func mediaType(path string) string {
	name := path[strings.LastIndexByte(path, '/')+1:]
	dot := strings.LastIndexByte(name, '.')
	if dot < 1 {
		return "" // none, or a hidden file
	}
	return mediaTypes[strings.ToLower(name[dot+1:])]
}
