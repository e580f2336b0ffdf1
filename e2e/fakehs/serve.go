package fakehs

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// call is one request: what its handler needs of it.
type call struct {
	user   string   // in whose name, "" where no token is needed
	as     bool     // with the bridge's token
	params []string // what the braces of the route stand for
	query  url.Values
	raw    []byte
	body   map[string]any
	path   string // with escapes
	typ    string // Content-Type
	r      *http.Request
}

// blob is an answer that is no JSON.
type blob struct {
	typ  string
	name string
	data []byte
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := s.faultFor(r)
	if fault != nil {
		if fault.Delay > 0 {
			select {
			case <-time.After(fault.Delay):
			case <-r.Context().Done():
				return
			}
		}
		if fault.Lose && !fault.After {
			panic(http.ErrAbortHandler)
		}
		if fault.Status == http.StatusBadGateway {
			http.Error(w, "<html><body>Bad Gateway</body></html>", fault.Status)
			return
		}
		if fault.Status != 0 {
			answer(w, nil, &Error{Status: fault.Status, Code: fault.Code, Text: "as the test wishes", Retry: fault.Retry})
			return
		}
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, 64<<20))
	if err != nil {
		return
	}
	result, err := s.handle(r, raw)
	if fault != nil && fault.Killed {
		s.ForgetTransactions()
	}
	if fault != nil && (fault.Lose || fault.Killed) {
		panic(http.ErrAbortHandler)
	}
	answer(w, result, err)
}

func answer(w http.ResponseWriter, result any, err error) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	if file, ok := result.(blob); ok && err == nil {
		w.Header().Set("Content-Type", file.typ)
		if file.name != "" {
			w.Header().Set("Content-Disposition", `inline; filename="`+strings.ReplaceAll(file.name, `"`, "")+`"`)
		}
		w.Write(file.data) //nolint:errcheck // whoever asked is gone
		return
	}
	w.Header().Set("Content-Type", "application/json")
	var refused *Error
	if errors.As(err, &refused) {
		w.WriteHeader(refused.Status)
		result = refused.body()
	} else if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		result = map[string]any{"errcode": "M_UNKNOWN", "error": err.Error()}
	}
	w.Write(mustJSON(result)) //nolint:errcheck // whoever asked is gone
}

// handle finds the route, the user and the answer.
func (s *Server) handle(r *http.Request, raw []byte) (any, error) {
	c := &call{query: r.URL.Query(), raw: raw, path: r.URL.EscapedPath(), typ: r.Header.Get("Content-Type"), r: r}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, params, known := findRoute(r.Method, c.path)
	c.params = params
	var err error
	if found != nil && !found.open {
		err = s.authenticate(c)
	}
	s.requests = append(s.requests, Request{Method: r.Method, Path: r.URL.Path, As: c.user, At: time.Now()})
	switch {
	case err != nil:
		return nil, err
	case found == nil && known:
		return nil, &Error{Status: 405, Code: "M_UNRECOGNIZED", Text: "Unrecognized request"}
	case found == nil:
		return nil, unrecognized()
	}
	if len(raw) > 0 && !found.binary {
		if err := json.Unmarshal(raw, &c.body); err != nil {
			return nil, bad("M_NOT_JSON", "%v", err)
		}
	}
	return found.handle(s, c)
}

// authenticate finds out who asks (client-server API §5.1; application service
// API §5.2: the bridge in the name of its bot or, by user_id, of a ghost).
func (s *Server) authenticate(c *call) error {
	token, _ := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	if token == "" {
		token = c.query.Get("access_token")
	}
	if token == "" {
		return &Error{Status: 401, Code: "M_MISSING_TOKEN", Text: "Missing access token"}
	}
	if token != s.Registration.ASToken {
		c.user = s.tokens[token]
		if c.user == "" {
			return &Error{Status: 401, Code: "M_UNKNOWN_TOKEN", Text: "Unknown token"}
		}
		return nil
	}
	c.as, c.user = true, s.Bot()
	as := c.query.Get("user_id")
	if as == "" {
		return nil
	}
	if !s.ours(as) {
		return forbidden("Application service cannot masquerade as this user (%s).", as)
	}
	if s.users[as] == nil && !strings.HasSuffix(c.path, "/register") {
		return forbidden("Application service has not registered this user (%s)", as)
	}
	c.user = as
	return nil
}

// outside runs f, which waits for the bridge, without the lock.
func (s *Server) outside(f func()) {
	s.mu.Unlock()
	defer s.mu.Lock()
	f()
}

// room is one by its id.
func (s *Server) room(id string) (*chat, error) {
	if r := s.rooms[id]; r != nil {
		return r, nil
	}
	return nil, forbidden("no room %s", id)
}

// in is the room of the first parameter, if the caller is in it, or was.
func (s *Server) in(c *call) (*chat, error) {
	r, err := s.room(c.params[0])
	if err != nil {
		return nil, err
	}
	if r.state[stateKey{"m.room.member", c.user}] == nil && r.visibility() != "world_readable" {
		return nil, forbidden("%s is not in %s", c.user, r.id)
	}
	return r, nil
}
