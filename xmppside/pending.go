package xmppside

import (
	"sync"

	"isthmus/bridge"
)

// maxAsked bounds the requests to the core, outside of rooms, that wait for
// an answer.
const maxAsked = 16384

// pending are the requests outside of rooms that the core has not answered:
// it answers each exactly once, by Confirm, Answer or Failure.
type pending struct {
	mu    sync.Mutex
	asked map[string]func(bridge.Body)
}

func newPending() *pending { return &pending{asked: map[string]func(bridge.Body){}} }

// answered hands an answer to whoever asked, and reports whether somebody did.
func (p *pending) answered(e bridge.Event) bool {
	p.mu.Lock()
	done := p.asked[e.Ref]
	delete(p.asked, e.Ref)
	p.mu.Unlock()
	if done == nil {
		return false
	}
	done(e.Body)
	return true
}

// ask publishes a request, under an id of its own if it has none; done is given the answer, once, by whichever
// goroutine brings it.
func (s *Side) ask(e bridge.Event, done func(bridge.Body)) {
	if e.ID == "" {
		e.ID = bridge.NewID()
	}
	p := s.pending
	p.mu.Lock()
	full := len(p.asked) >= maxAsked
	if !full {
		p.asked[e.ID] = done
	}
	p.mu.Unlock()
	if full {
		done(bridge.Failure{Kind: bridge.ErrTooMany, Text: "The gateway is too busy. Try again in a moment."})
		return
	}
	s.core.Publish(e)
}

// tasks runs what may take a while (the store), away from the stream. It holds
// a token for each that runs.
type tasks chan struct{}

// maxTasks is how many run at once; more are refused.
const maxTasks = 32

func newTasks() tasks { return make(tasks, maxTasks) }

// start runs f, or returns false if too much runs already.
func (t tasks) start(f func()) bool {
	select {
	case t <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-t }()
		f()
	}()
	return true
}

// end returns when all have ended. None can be started any more.
func (t tasks) end() {
	for range cap(t) {
		t <- struct{}{}
	}
}
