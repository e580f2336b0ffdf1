package fakehs

import "strings"

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
