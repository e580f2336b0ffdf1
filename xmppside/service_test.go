package xmppside

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/xmppside/wire"
)

// service is a running Side between a fake XMPP server and a fake core.
type service struct {
	*Side
	t      *testing.T
	events chan bridge.Event // published
	out    chan string       // stanzas to the server
	logins *fakeLogins
	subs   *fakeSubscriptions
	stop   context.CancelFunc

	mu    sync.Mutex
	conns map[string]net.Conn // by domain
	up    chan string         // domains as they connect
}

func (s *service) Publish(e bridge.Event) { s.events <- e }

func newService(t *testing.T, change func(*Options)) *service {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{
		t: t, events: make(chan bridge.Event, 100), out: make(chan string, 1000), up: make(chan string, 10),
		conns: map[string]net.Conn{}, logins: &fakeLogins{kept: map[string]store.Login{}}, subs: &fakeSubscriptions{kept: map[bridge.Room]bool{}},
	}
	o := Options{
		Domains: []Domain{
			{Name: "gw.example.org", Server: l.Addr().String(), Secret: "s"},
			{Name: "libera.example.org", Network: "libera", Server: l.Addr().String(), Secret: "s"},
		},
		Networks: []string{"libera", "oftc"}, Deny: []string{"evil.example.org"}, MessageBurst: 3, MessageInterval: time.Hour,
		Key: []byte("0123456789abcdef"), Version: "1.2", Logins: s.logins, Subscriptions: s.subs, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	if s.Side, err = New(s, o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	var work sync.WaitGroup
	work.Go(func() { s.accept(l) })
	ended := make(chan struct{})
	go func() {
		s.Run(ctx)
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		l.Close()
		work.Wait()
	})
	for range o.Domains {
		s.awaitUp()
	}
	// Each domain's keeper has looked who has subscribed: it won't meddle later.
	for deadline := time.Now().Add(10 * time.Second); s.subs.looks() < len(o.Domains); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nobody has looked who has subscribed")
		}
	}
	return s
}

func (s *service) awaitUp() string {
	s.t.Helper()
	select {
	case domain := <-s.up:
		return domain
	case <-time.After(10 * time.Second):
		s.t.Fatal("no connection")
		return ""
	}
}

// accept is the server: it lets everybody in and keeps what they say.
func (s *service) accept(l net.Listener) {
	var work sync.WaitGroup
	defer work.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		work.Go(func() {
			defer c.Close()
			r := bufio.NewReader(c)
			var opening string
			for !strings.Contains(opening, "to='") || !strings.HasSuffix(opening, ">") {
				b, err := r.ReadByte()
				if err != nil {
					return
				}
				opening += string(b)
			}
			_, domain, _ := strings.Cut(opening, "to='")
			domain, _, _ = strings.Cut(domain, "'")
			fmt.Fprintf(c, "<stream:stream xmlns:stream='%s' xmlns='%s' id='x' from='%s'><handshake/>", wire.NSStream, wire.NSComponent, domain)
			s.mu.Lock()
			s.conns[domain] = c
			s.mu.Unlock()
			d := wire.NewDecoder(r, wire.DefaultLimits)
			for {
				st, err := d.Next()
				if err != nil {
					return
				}
				if st.Local == "handshake" {
					s.up <- domain
					continue
				}
				s.out <- st.Raw()
			}
		})
	}
}

// say sends a stanza to the domain that it is addressed to.
func (s *service) say(xml string) {
	s.t.Helper()
	st, err := wire.Parse([]byte(xml))
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	c := s.conns[st.To.Domain()]
	s.mu.Unlock()
	if _, err := c.Write([]byte(xml)); err != nil {
		s.t.Fatal(err)
	}
}

// hear returns the next stanza to the server, which must have all the parts.
func (s *service) hear(parts ...string) string {
	s.t.Helper()
	select {
	case got := <-s.out:
		for _, p := range parts {
			if !strings.Contains(got, p) {
				s.t.Errorf("heard %s\nwithout %s", got, p)
			}
		}
		return got
	case <-time.After(10 * time.Second):
		s.t.Fatalf("heard nothing, waiting for %q", parts)
		return ""
	}
}

// fence makes sure that whatever was said before has had no (further) answer.
func (s *service) fence() {
	s.t.Helper()
	s.say("<iq from='fence@example.org/x' to='gw.example.org' id='fence' type='get'><ping xmlns='urn:xmpp:ping'/></iq>")
	s.hear("id='fence'", "type='result'")
	select {
	case e := <-s.events:
		s.t.Errorf("published %+v", e)
	default:
	}
}

// asked returns the next event published.
func (s *service) asked() bridge.Event {
	s.t.Helper()
	select {
	case e := <-s.events:
		return e
	case <-time.After(10 * time.Second):
		s.t.Fatal("nothing was published")
		return bridge.Event{}
	}
}

// reply answers a request as the core does.
func (s *service) reply(e bridge.Event, b bridge.Body) {
	s.Deliver(bridge.Event{ID: e.ID, Ref: e.ID, Room: e.Room, By: e.By, Body: b})
}

type fakeLogins struct {
	mu   sync.Mutex
	kept map[string]store.Login
}

func (f *fakeLogins) Login(_ context.Context, who bridge.Person, network string) (store.Login, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.kept[who.ID+" "+network], nil
}

func (f *fakeLogins) SetLogin(_ context.Context, who bridge.Person, network string, l store.Login) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept[who.ID+" "+network] = l
	return nil
}

type fakeSubscriptions struct {
	mu     sync.Mutex
	kept   map[bridge.Room]bool
	looked int // times that somebody asked
}

func (f *fakeSubscriptions) looks() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked
}

func (f *fakeSubscriptions) Subscriptions(context.Context) (all []bridge.Room, _ error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looked++
	for room, on := range f.kept {
		if on {
			all = append(all, room)
		}
	}
	slices.SortFunc(all, func(a, b bridge.Room) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

func (f *fakeSubscriptions) SetSubscriptions(_ context.Context, changes map[bridge.Room]bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.Copy(f.kept, changes)
	return nil
}

const rob = "rob%libera@gw.example.org"

var (
	aliceHome = bridge.Person{Network: "xmpp", ID: "alice@example.org"}
	withRob   = bridge.Room{Network: "xmpp", ID: rob, Owner: aliceHome}
	console   = bridge.Room{Network: "xmpp", ID: "libera@gw.example.org", Owner: aliceHome}
)
