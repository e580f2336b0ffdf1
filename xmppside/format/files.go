package format

import (
	"net/url"
	"strconv"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

// Bounds of what is told about files.
const (
	maxFiles = 20
	maxURL   = 2048 // bytes
	maxName  = 255  // bytes of a file's name or type
)

// files returns what comes with a message: shared statelessly (XEP-0447), or
// as data out of band (XEP-0066), mostly both.
func (p *parts) files(m wire.Element) []bridge.File {
	if !p.shared {
		return nil
	}
	var list []bridge.File
	add := func(f bridge.File) {
		if !fetchable(f.URL) || len(list) >= maxFiles {
			return
		}
		for _, known := range list {
			if known.URL == f.URL {
				return
			}
		}
		list = append(list, f)
	}
	for c := range m.Children() {
		if c.Is(nsSharing, "file-sharing") {
			add(sharedFile(c))
		}
	}
	for c := range m.Children() {
		if c.Is(nsOOB, "x") {
			add(bridge.File{URL: strings.Clone(strings.TrimSpace(c.ChildText(nsOOB, "url")))})
		}
	}
	return list
}

// sharedFile reads a <file-sharing/>: of its sources, the first that everybody
// can fetch from.
func sharedFile(e wire.Element) bridge.File {
	var f bridge.File
	sources, _ := e.Child(nsSharing, "sources")
	for s := range sources.Children() {
		if target := s.Attr("target"); s.Is(nsURLData, "url-data") && fetchable(target) {
			f.URL = strings.Clone(target)
			break
		}
	}
	about, _ := e.Child(nsMetadata, "file")
	f.Name = short(about.ChildText(nsMetadata, "name"))
	f.Type = mediaType(short(about.ChildText(nsMetadata, "media-type")))
	f.Size = number(about, "size", 1<<62)
	f.Width = int(number(about, "width", 1<<24))
	f.Height = int(number(about, "height", 1<<24))
	f.Duration = int(number(about, "length", 1<<31-1))
	return f
}

// fetchable reports whether u is a URL of the kind that the core knows.
func fetchable(u string) bool {
	if len(u) > maxURL || strings.ContainsAny(u, " <>\"") || Plain(u) != u || strings.ContainsAny(u, "\n\t") {
		return false
	}
	parsed, err := url.Parse(u)
	return err == nil && parsed.Host != "" && (parsed.Scheme == "http" || parsed.Scheme == "https")
}

// short is a name in memory of its own, on one line, or "" if it is too long.
func short(s string) string {
	if s = strings.TrimSpace(Plain(s)); len(s) > maxName || strings.ContainsAny(s, "\n\t") {
		return ""
	}
	return strings.Clone(s)
}

// mediaType leaves out what is none.
func mediaType(s string) string {
	kind, of, ok := strings.Cut(s, "/")
	if !ok || kind == "" || of == "" || strings.ContainsAny(s, " <>") {
		return ""
	}
	return s
}

// number reads a child's text, 0 if that is no number from 0 to limit.
func number(e wire.Element, name string, limit int64) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(e.ChildText(nsMetadata, name)), 10, 64)
	if err != nil || n < 0 || n > limit {
		return 0
	}
	return n
}

// appendFile appends what a file is, beside a body that is its URL.
func appendFile(b []byte, f bridge.File) []byte {
	b = append(b, "<x xmlns='"+nsOOB+"'>"...)
	b = wire.AppendElement(b, "url", f.URL)
	b = append(b, "</x><file-sharing xmlns='"+nsSharing+"'"...)
	switch kind, _, _ := strings.Cut(f.Type, "/"); kind {
	case "image", "video", "audio":
		b = append(b, " disposition='inline'"...)
	}
	b = append(b, "><file xmlns='"+nsMetadata+"'>"...)
	for _, field := range [...]struct{ name, text string }{{"media-type", f.Type}, {"name", f.Name}} {
		if field.text != "" {
			b = wire.AppendElement(b, field.name, field.text)
		}
	}
	for _, field := range [...]struct {
		name string
		n    int64
	}{{"size", f.Size}, {"width", int64(f.Width)}, {"height", int64(f.Height)}, {"length", int64(f.Duration)}} {
		if field.n > 0 {
			b = wire.AppendElement(b, field.name, strconv.FormatInt(field.n, 10))
		}
	}
	b = append(b, "</file><sources><url-data xmlns='"+nsURLData+"' target='"...)
	b = wire.AppendAttr(b, f.URL)
	return append(b, "'/></sources></file-sharing>"...)
}
