package xmppside

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

const aliceLeft = "<presence to='alice@example.org/phone' from='#go%libera@gw.example.org/al' type='unavailable'>"

// enter lets alice into #go.
func (s *service) enter() {
	s.t.Helper()
	s.say("<presence from='alice@example.org/phone' to='#go%libera@gw.example.org/al'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	e := s.asked()
	s.Deliver(bridge.Event{ID: "j", Ref: e.ID, Room: e.Room, By: e.By, Name: "al", Body: bridge.Join{}})
	s.hear("<presence ", "code='110'")
	s.hear("<subject>")
}

// left checks that the core has been told that alice left #go.
func (s *service) left() {
	s.t.Helper()
	if e := s.asked(); e.Room != (bridge.Room{Network: "xmpp", ID: "#go%libera@gw.example.org"}) || e.By != aliceHome || e.Body.(bridge.Leave).Cause != bridge.CausePart {
		s.t.Errorf("%+v", e)
	}
	if n := len(s.rooms.all()); n != 0 {
		s.t.Errorf("%d rooms are left", n)
	}
}

// hearMore is hear, past probes of other things: those that come with the first
// connection may be late.
func (s *service) hearMore(parts ...string) {
	s.t.Helper()
	for {
		got := s.hear()
		missing := slices.IndexFunc(parts, func(p string) bool { return !strings.Contains(got, p) })
		if missing < 0 {
			return
		}
		if !strings.Contains(got, "<no-store ") && !strings.Contains(got, "type='probe'") {
			s.t.Errorf("heard %s\nwithout %s", got, parts[missing])
			return
		}
	}
}

// Whoever goes while the server is away is found to have gone when it is back.
func TestServerRestarted(t *testing.T) {
	s := newService(t, nil)
	s.enter()
	s.say("<presence from='alice@example.org/phone' to='" + rob + "'/>")
	s.asked()
	s.mu.Lock()
	c := s.conns["gw.example.org"]
	s.mu.Unlock()
	c.Close()
	s.awaitUp()
	s.hearMore("<message to='alice@example.org/phone' from='#go%libera@gw.example.org'", " type='groupchat'><no-store ")
	s.hearMore("<presence to='alice@example.org' from='" + rob + "' type='probe'/>")
	s.say("<message from='alice@example.org/phone' to='#go%libera@gw.example.org' type='error'><error type='cancel'><service-unavailable xmlns='" + wire.NSStanzas + "'/></error></message>")
	s.hearMore(aliceLeft, "code='333'")
	s.left()
	s.say("<presence from='alice@example.org' to='" + rob + "' type='unavailable'/>")
	if e := s.asked(); e.Body != (bridge.Watch{On: false}) {
		t.Errorf("%+v", e)
	}
}

// A server that stays away has nobody in any room.
func TestServerGone(t *testing.T) {
	s := newService(t, nil)
	s.enter()
	k := newKeeper(s.Side, "gw.example.org")
	signal(k.gaveUp)
	signal(k.gaveUp)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		k.run(ctx)
		close(ended)
	}()
	s.hear(aliceLeft, "code='333'")
	s.left()
	cancel()
	<-ended
}

// A reload removes those who may not be where they are any more.
func TestReloadEvicts(t *testing.T) {
	for name, change := range map[string]func(o *Options){
		"person denied":    func(o *Options) { o.Deny = []string{"alice@example.org"} },
		"network unlisted": func(o *Options) { o.Networks, o.Domains = []string{"oftc"}, o.Domains[:1] },
		"domain removed":   func(o *Options) { o.Domains = o.Domains[1:] },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, nil)
			s.enter()
			s.say("<presence from='alice@example.org/phone' to='" + rob + "'/>")
			s.asked()
			s.Deliver(bridge.Event{Room: withRob, Body: bridge.Presence{}})
			s.hear("<presence to='alice@example.org' from='" + rob + "'>")
			o := s.Side.set.Load().Options
			change(&o)
			if err := s.Reload(o); err != nil {
				t.Fatal(err)
			}
			s.hear(aliceLeft, "code='333'")
			s.hear("<presence to='alice@example.org' from='" + rob + "' type='unavailable'>")
			s.left()
			if e := s.asked(); e.Room != withRob || e.Body != (bridge.Watch{On: false}) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// A server that is away does not hold up the end, however much waits for it.
func TestShutdownWithoutServer(t *testing.T) {
	t.Parallel()
	s := newService(t, nil)
	s.enter()
	o := s.Side.set.Load().Options
	o.Domains = []Domain{{Name: "gw.example.org", Server: "127.0.0.1:1"}}
	if err := s.Reload(o); err != nil {
		t.Fatal(err)
	}
	pad := strings.Repeat("x", 1<<20)
	for range 8 { // the queue is full
		s.send("gw.example.org", func(b []byte) []byte { return append(b, pad...) })
	}
	s.stop()
	released := make(chan struct{})
	go func() {
		defer close(released)
		s.send("gw.example.org", func(b []byte) []byte { t.Error("sent"); return b })
	}()
	select {
	case <-released:
	case <-time.After(2 * hurry):
		t.Fatal("still waiting")
	}
}
