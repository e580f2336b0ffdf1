package fakehs

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// outgoing is something to be sent to the bridge.
type outgoing struct {
	event  *Event
	signal *signal
}

// Transaction is one that the bridge has acknowledged, or was asked to.
type Transaction struct {
	ID     string
	Events []string      // ids
	Status int           // 0: no answer
	Took   time.Duration // until the answer
}

// mostInTransaction is how many events go together.
const mostInTransaction = 100

// interesting reports whether the bridge is to hear of an event (application
// service API §5.1.3): it, or whom it is about, is ours, one of ours is there, or
// the room has a name of ours. Both real homeservers send back what the bridge's
// own ghosts did.
func (s *Server) interesting(r *chat, e *Event) bool {
	return s.ours(e.Sender) || e.StateKey != nil && e.Type == "m.room.member" && s.ours(*e.StateKey) || s.hasOurs(r)
}

func (s *Server) hasOurs(r *chat) bool {
	for k, e := range r.state {
		if k.typ == "m.room.member" && s.ours(k.key) && e.Text("membership") == "join" {
			return true
		}
	}
	return slices.ContainsFunc(s.aliasesOf(r.id), func(alias string) bool { return anyMatches(s.Registration.aliases, alias) })
}

// enqueue has something sent. The caller holds mu.
func (s *Server) enqueue(o outgoing) {
	s.queue = append(s.queue, o)
	s.wake()
}

// push sends transactions, one after the other, until the server is closed.
func (s *Server) push() {
	for n := 1; ; n++ {
		batch := s.takeBatch(nil)
		if batch == nil {
			return
		}
		wait := s.o.Retry
		for {
			status := s.transaction(fmt.Sprintf("txn%d", n), batch)
			if status == http.StatusOK {
				break
			}
			if !s.rest(wait) {
				return
			}
			wait = min(2*wait, 32*s.o.Retry)
			if s.kind == Dendrite {
				batch = s.takeBatch(batch)
			}
		}
		s.mu.Lock()
		s.queue = s.queue[min(len(batch), len(s.queue)):]
		s.wake()
		s.mu.Unlock()
	}
}

// takeBatch waits for the next things to be sent, or adds to those there are
// what has come meanwhile. It is nil when the server is closed. They stay in the queue.
func (s *Server) takeBatch(batch []outgoing) []outgoing {
	for {
		s.mu.Lock()
		changed, closed := s.changed, s.closed
		ready := len(s.queue) > len(batch) && s.url != "" && s.serving != nil
		if ready || batch != nil {
			batch = slices.Clone(s.queue[:min(len(s.queue), mostInTransaction)])
		}
		s.mu.Unlock()
		switch {
		case closed:
			return nil
		case batch != nil:
			return batch
		}
		<-changed
	}
}

// rest waits until it is time to try again, or somebody asks for it. It is
// false when the server is closed.
func (s *Server) rest(wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		s.mu.Lock()
		changed, nudge, closed, up := s.changed, s.nudge, s.closed, s.serving != nil
		s.mu.Unlock()
		if closed {
			return false
		}
		select {
		case <-timer.C:
			if up {
				return true
			}
			timer.Reset(wait)
		case <-nudge:
			return true
		case <-changed:
		}
	}
}

// transaction sends one and returns the status of the answer, 0 for none.
func (s *Server) transaction(id string, batch []outgoing) int {
	events, signals, ids := []any{}, []any{}, []string{}
	var pushed []*Event
	s.mu.Lock()
	for _, o := range batch {
		if o.event != nil {
			pushed = append(pushed, o.event)
		}
		switch {
		case o.signal != nil:
			signals = append(signals, *o.signal)
		case o.event.before != nil && s.kind == Synapse:
			events, ids = append(events, o.event.client(map[string]any{"prev_content": o.event.before})), append(ids, o.event.ID)
		default:
			events, ids = append(events, o.event.json()), append(ids, o.event.ID)
		}
	}
	url := s.url
	s.mu.Unlock()
	body := map[string]any{"events": events}
	if len(signals) > 0 {
		body["ephemeral"] = signals
	}
	raw := mustJSON(body)
	if s.o.OnPush != nil {
		s.o.OnPush(pushed)
	}
	began := time.Now()
	status := s.request("PUT", url+"/_matrix/app/v1/transactions/"+id, raw)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushed = append(s.pushed, Transaction{ID: id, Events: ids, Status: status, Took: time.Since(began)})
	s.wake()
	return status
}

// request asks something of the bridge, with the homeserver's token.
func (s *Server) request(method, url string, body []byte) (status int) {
	r, err := http.NewRequestWithContext(s.ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	r.Header.Set("Authorization", "Bearer "+s.Registration.HSToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := s.http.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)) //nolint:errcheck // the status is what counts
	return answer.StatusCode
}

// ping asks the bridge whether it is there, and has what waits sent at once
// (application service API §5.1.4). A Dendrite knows no such thing.
func (s *Server) ping(c *call) (any, error) {
	if s.kind == Dendrite {
		return nil, unrecognized()
	}
	if !c.as || c.params[0] != s.Registration.ID {
		return nil, forbidden("not your application service")
	}
	if s.url == "" {
		return nil, bad("M_URL_NOT_SET", "no URL")
	}
	url, began, status := s.url, time.Now(), 0
	s.outside(func() { status = s.request("POST", url+"/_matrix/app/v1/ping", mustJSON(c.body)) })
	switch {
	case status == 0:
		return nil, &Error{Status: 502, Code: "M_CONNECTION_FAILED", Text: "connection refused"}
	case status != http.StatusOK:
		return nil, &Error{Status: 502, Code: "M_BAD_STATUS", Text: fmt.Sprint("status ", status)}
	}
	close(s.nudge)
	s.nudge = make(chan struct{})
	return map[string]any{"duration_ms": time.Since(began).Milliseconds()}, nil
}

// Transactions are those sent so far.
func (s *Server) Transactions() []Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pushed)
}

// SendAgain has the bridge told of an event a second time, or, after a kill,
// late: behind newer ones.
func (s *Server) SendAgain(event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.enqueue(outgoing{event: s.byID[event]})
}

// Forfeit forgets what it was about to send to the bridge, as a Synapse does
// that is killed.
func (s *Server) Forfeit() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue = nil
	s.wake()
}

// Settle waits until the bridge has acknowledged all there is for it.
func (s *Server) Settle() {
	s.t.Helper()
	s.until("the bridge to acknowledge everything", func() bool { return len(s.queue) == 0 })
}
