package fakehs

import (
	"net/http"
	"strings"
	"time"
)

// Fault is something that goes wrong with the next requests that fit it.
type Fault struct {
	Method string // "" for any
	Path   string // a part of the path, "" for any: "/send/"
	As     string // the ghost in whose name it is, "" for anybody
	Times  int    // how often; 0 for always

	Delay  time.Duration // wait before anything else
	Status int           // answer this, with Code and Retry, and do nothing; 0: carry it out
	Code   string
	Retry  time.Duration // retry_after_ms
	// Lose breaks the connection: before anything was done, or with After set
	// when all was, but the answer.
	Lose, After bool
	// Killed is both, and transaction ids are forgotten: what a Dendrite makes
	// of being killed in that moment.
	Killed bool

	spent int
}

// Add has a fault happen from now on, after those that were added earlier and
// fit the same request.
func (s *Server) Add(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal forgets all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Limit refuses the next requests with M_LIMIT_EXCEEDED.
func (s *Server) Limit(times int, retry time.Duration) {
	s.Add(Fault{Times: times, Status: 429, Code: "M_LIMIT_EXCEEDED", Retry: retry})
}

// BadGateway answers the next requests as the proxy before a dead homeserver does.
func (s *Server) BadGateway(times int) { s.Add(Fault{Times: times, Status: 502}) }

// LoseAnswers carries the next requests to send out, but breaks the connection
// instead of answering.
func (s *Server) LoseAnswers(times int) {
	s.Add(Fault{Method: "PUT", Path: "/send/", Times: times, Lose: true, After: true})
}

// Forget has the next requests to read from a room find nothing, as right after
// a write on a Dendrite.
func (s *Server) Forget(times int) {
	s.Add(Fault{Method: "GET", Path: "/rooms/", Times: times, Status: 404, Code: "M_NOT_FOUND"})
}

// faultFor is the fault that r meets, or nil.
func (s *Server) faultFor(r *http.Request) *Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		if f.As != "" && f.As != r.URL.Query().Get("user_id") || f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.Path) {
			continue
		}
		met := *f
		if f.spent++; f.spent == f.Times {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}
		return &met
	}
	return nil
}

// Request is a request that came.
type Request struct {
	Method string
	Path   string
	As     string // in whose name; "" when nobody could tell
	At     time.Time
}

// Requests are those that came so far with this in their path, in order.
func (s *Server) Requests(method, path string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Request
	for _, r := range s.requests {
		if (method == "" || r.Method == method) && strings.Contains(r.Path, path) {
			found = append(found, r)
		}
	}
	return found
}
