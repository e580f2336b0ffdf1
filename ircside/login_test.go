package ircside

import (
	"context"
	"errors"
	"testing"

	"isthmus/bridge"
)

// formLogins answers with what is sent, once each.
type formLogins struct {
	asked   chan struct{}
	answers chan Login
}

func (f formLogins) Login(ctx context.Context, _ bridge.Person, _ string) (Login, error) {
	f.asked <- struct{}{}
	select {
	case l := <-f.answers:
		if l.Nick == "" {
			return l, errors.New("no database")
		}
		return l, nil
	case <-ctx.Done():
		return Login{}, ctx.Err()
	}
}

// What somebody changes while it is being looked up counts.
func TestLoginChangedMeanwhile(t *testing.T) {
	w := newWorld(t, nil)
	logins := formLogins{make(chan struct{}, 9), make(chan Login)}
	w.side.logins = logins
	w.deliver("j1", "alice", bridge.Join{})
	<-logins.asked
	w.side.LoginChanged(jid("alice"), "net")
	logins.answers <- Login{Nick: "old"}
	<-logins.asked
	logins.answers <- Login{Nick: "new"}
	if p := w.accept(); p.nick != "new" {
		t.Error(p.nick)
	}
}

// Without its settings nobody is connected, as somebody else perhaps.
func TestLoginUnknown(t *testing.T) {
	w := newWorld(t, nil)
	logins := formLogins{make(chan struct{}, 9), make(chan Login)}
	w.side.logins = logins
	w.deliver("j1", "alice", bridge.Join{})
	<-logins.asked
	logins.answers <- Login{}
	w.want(`#go | failure "j1" kind 0: That did not work, for a reason that is in the log.`)
}
