package media

import (
	"bytes"
	"encoding/binary"
	"image"
	_ "image/gif"  // the formats whose dimensions are read
	_ "image/jpeg" //
	_ "image/png"  //
	"mime"
	"net/http"
	"strings"
)

// maxSide is the most pixels that an image is believed to have on a side.
const maxSide = 100_000

// mediaType is s without parameters, "" if it is no media type.
func mediaType(s string) string {
	kind, _, err := mime.ParseMediaType(s)
	if err != nil || strings.Count(kind, "/") != 1 || len(kind) > 100 {
		return ""
	}
	return kind
}

// typeOf is the media type of a file, by its data and by what was said.
func typeOf(head []byte, said string) string {
	found := mediaType(http.DetectContentType(head))
	major, _, _ := strings.Cut(found, "/")
	saidMajor, _, _ := strings.Cut(said, "/")
	switch {
	case found == "application/octet-stream" || found == "text/plain" || found == "text/xml":
		// The data is of no type that is known by its beginning. Those that
		// are can't be right then, or they would be known.
		if known[said] {
			return found
		}
		return said
	case (found == "video/mp4" || found == "video/webm" || found == "application/ogg") && (saidMajor == "audio" || saidMajor == "video"):
		return said // containers for either
	case major == saidMajor && !known[said]:
		return said // "image/vnd.mozilla.apng" is a PNG, too
	case found == "application/zip" && saidMajor == "application", found == "application/x-gzip" && saidMajor == "application":
		return said // what documents are packed in
	}
	return found
}

// known are the types that http.DetectContentType finds, of those that would
// be shown.
var known = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/bmp": true, "text/html": true,
	"video/webm": true, "application/pdf": true,
}

// dimensions are those of an image, 0 where they can't be read from the
// beginning of its data. No pixel is decoded.
func dimensions(head []byte) (width, height int) {
	config, _, err := image.DecodeConfig(bytes.NewReader(head))
	width, height = config.Width, config.Height
	if err != nil {
		width, height = webp(head)
	}
	if width <= 0 || height <= 0 || width > maxSide || height > maxSide {
		return 0, 0
	}
	return width, height
}

// webp reads the dimensions of a WebP image (RFC 9649, 2.5 to 2.7).
func webp(b []byte) (width, height int) {
	if len(b) < 30 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WEBP" {
		return 0, 0
	}
	switch string(b[12:16]) {
	case "VP8X": // 24 bits each, one less
		return 1 + (int(b[24]) | int(b[25])<<8 | int(b[26])<<16), 1 + (int(b[27]) | int(b[28])<<8 | int(b[29])<<16)
	case "VP8L": // 14 bits each, one less, behind the signature
		if bits := binary.LittleEndian.Uint32(b[21:]); b[20] == 0x2f {
			return 1 + int(bits&0x3fff), 1 + int(bits>>14&0x3fff)
		}
	case "VP8 ": // 14 bits each, behind the frame tag and the start code (RFC 6386, 9.1)
		if string(b[23:26]) == "\x9d\x01\x2a" {
			return int(binary.LittleEndian.Uint16(b[26:]) & 0x3fff), int(binary.LittleEndian.Uint16(b[28:]) & 0x3fff)
		}
	}
	return 0, 0
}
