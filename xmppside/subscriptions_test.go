package xmppside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"isthmus/bridge"
)

func subscriptionOf(user, contact string) bridge.Room {
	return bridge.Room{Network: bridge.NetworkXMPP, ID: contact, Owner: bridge.Person{Network: bridge.NetworkXMPP, ID: user}}
}

// RFC 6121 §4.3: when we were away, subscribed users are shown what is, and
// asked for; those who answer watch.
func TestSubscriptionsResume(t *testing.T) {
	s := newService(t, func(o *Options) {
		kept := o.Subscriptions.(*fakeSubscriptions).kept
		for _, room := range []bridge.Room{
			withRob, subscriptionOf("alice@example.org", "gw.example.org"),
			subscriptionOf("spy@evil.example.org", rob),                    // who may not any more
			subscriptionOf("alice@example.org", "rob%gone@gw.example.org"), // no such network now
			subscriptionOf("alice@example.org", "rob%libera@gone.example.org"),
			subscriptionOf("no user", rob),
		} {
			kept[room] = true
		}
	})
	s.hear("<presence to='alice@example.org' from='gw.example.org'><c ")
	s.hear("<presence to='alice@example.org' from='" + rob + "' type='unavailable'>")
	s.hear("<presence to='alice@example.org' from='" + rob + "' type='probe'/>")
	s.say("<presence from='alice@example.org/phone' to='" + rob + "'/>")
	if e := s.asked(); e.Room != withRob || e.Body != (bridge.Watch{On: true}) {
		t.Errorf("%+v", e)
	}
	s.Deliver(bridge.Event{Room: withRob, Body: bridge.Presence{}})
	s.hear("<presence to='alice@example.org' from='" + rob + "'><c ")
	s.fence()
}

// Whoever subscribes is kept until they unsubscribe, or let us see their
// presence no more.
func TestSubscriptionsKept(t *testing.T) {
	s := newService(t, nil)
	say := func(typ string) { s.say("<presence from='alice@example.org' to='gw.example.org' type='" + typ + "'/>") }
	gateway := subscriptionOf("alice@example.org", "gw.example.org")
	await := func(on bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			s.subs.mu.Lock()
			got, known := s.subs.kept[gateway]
			s.subs.mu.Unlock()
			if known && got == on {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("kept %v, want %v", got, on)
			}
		}
	}
	for _, typ := range []string{"unsubscribe", "unsubscribed"} {
		say("subscribe")
		await(true)
		say(typ)
		await(false)
	}
	say("subscribe")
	s.hear("type='subscribed'")
	s.stop()
	await(true)
}

type noSubscriptions struct{}

func (noSubscriptions) Subscriptions(context.Context) ([]bridge.Room, error) {
	return nil, errors.New("no database")
}

func (noSubscriptions) SetSubscriptions(context.Context, map[bridge.Room]bool) error {
	return errors.New("no database")
}

// What can't be kept is counted.
func TestNotesAreBounded(t *testing.T) {
	s := &Side{log: slog.New(slog.DiscardHandler)}
	s.set.Store(&settings{Options: Options{Subscriptions: noSubscriptions{}}})
	n := newNotes(s)
	for i := range maxNotes + 5 {
		n.put(subscriptionOf("alice@example.org", fmt.Sprint(i)), true)
	}
	if got := s.Counters.Forgotten.Load(); got != 5 || len(n.changes) != maxNotes {
		t.Errorf("%d forgotten, %d noted", got, len(n.changes))
	}
	n.keep(t.Context())
	if got := s.Counters.Forgotten.Load(); got != maxNotes+5 || len(n.changes) != 0 {
		t.Errorf("%d forgotten, %d noted", got, len(n.changes))
	}
	if list := s.subscribed(t.Context(), "gw.example.org"); list != nil {
		t.Errorf("%v", list)
	}
}
