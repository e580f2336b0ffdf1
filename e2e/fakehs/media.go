package fakehs

import (
	"bytes"
	"image"
	"image/png"
	"strings"
)

// medium is an uploaded file.
type medium struct {
	typ, name string
	data      []byte
}

func (s *Server) mediaConfig(*call) (any, error) {
	return map[string]any{"m.upload.size": s.o.MostUpload}, nil
}

func (s *Server) upload(c *call) (any, error) {
	if int64(len(c.raw)) > s.o.MostUpload {
		return nil, &Error{Status: 413, Code: "M_TOO_LARGE", Text: "Upload too large"}
	}
	return map[string]any{"content_uri": s.store(medium{c.typ, c.query.Get("filename"), c.raw})}, nil
}

func (s *Server) store(m medium) (uri string) {
	if m.typ == "" {
		m.typ = "application/octet-stream"
	}
	id := s.newID("m")
	s.media[id] = m
	s.wake()
	return "mxc://" + s.ServerName + "/" + id
}

func (s *Server) download(c *call) (any, error) {
	m, ok := s.media[c.params[1]]
	if !ok || c.params[0] != s.ServerName {
		return nil, notFound("no media %s", c.params[1])
	}
	return blob(m), nil
}

// thumbnail is of 32 pixels of what is not much larger, whatever was asked for,
// as a Synapse has it; all else stays as it is.
func (s *Server) thumbnail(c *call) (any, error) {
	answer, err := s.download(c)
	if err != nil {
		return nil, err
	}
	if is, err := png.DecodeConfig(bytes.NewReader(answer.(blob).data)); err != nil || is.Width <= 32 || is.Width > 96 {
		return answer, nil
	}
	var small bytes.Buffer
	if err := png.Encode(&small, image.NewGray(image.Rect(0, 0, 32, 32))); err != nil {
		return nil, err
	}
	return blob{typ: "image/png", data: small.Bytes()}, nil
}

// Media is an uploaded file by its mxc URI: its type, name and content.
func (s *Server) Media(uri string) (typ, name string, data []byte) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.media[strings.TrimPrefix(uri, "mxc://"+s.ServerName+"/")]
	if !ok {
		s.t.Fatalf("fakehs: no media %q", uri)
	}
	return m.typ, m.name, m.data
}
