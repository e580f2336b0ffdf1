package client

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"
)

// silence is after how long somebody who can't wait any longer has waited long
// enough to say that the homeserver is away.
const silence = 10 * time.Second

// state is whether the homeserver answers.
type state struct {
	log *slog.Logger

	mu      sync.Mutex
	known   bool
	up      bool
	success time.Time // when an answer came last
	tell    []func(up bool, err error)
}

// Up reports whether the homeserver answered when last asked. Before the
// first request it is false.
func (c *Client) Up() bool {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	return c.state.up
}

// OnChange has f told when the homeserver has gone away (with the reason) and
// when it is back; the first request tells of either, too. f runs on the
// goroutine of some request, one call at a time and in order, so it must
// neither block nor use the client. Call OnChange before the first request.
func (c *Client) OnChange(f func(up bool, err error)) {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	c.state.tell = append(c.state.tell, f)
}

// saw notes how a request that began at a time has ended, and reports whether
// the homeserver has just gone away. One request that fails tells nothing
// while others are answered.
func (s *state) saw(ctx context.Context, err error, began time.Time) (gone bool) {
	away := unreachable(err)
	if err != nil && !away && !answered(err) {
		return false // it says nothing about the homeserver
	}
	if away && ctx.Err() != nil && (errors.Is(ctx.Err(), context.Canceled) || time.Since(began) < silence) {
		return false // who asked had no time to wait
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !away {
		s.success = time.Now()
	} else if s.success.After(began) {
		return false
	}
	if s.known && s.up == !away {
		return false
	}
	was := s.known
	s.known, s.up = true, !away
	switch {
	case away:
		s.log.Warn("matrix: the homeserver is away, trying again", "error", Reason(err))
	case was:
		s.log.Info("matrix: the homeserver is back")
	}
	for _, f := range s.tell {
		f(s.up, err)
	}
	return away
}

// Reason is err in short: without the URL that was asked.
func Reason(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
