// Package fakehs is a Matrix homeserver in this process, for unit tests and the
// bench: as much of the client-server and application service APIs as a bridge
// needs, quick to start, and with the oddities of real ones at a switch.
//
//	hs := fakehs.Start(t, fakehs.Options{Kind: fakehs.Dendrite})
//	hs.SetURL(theBridge)          // where transactions go
//	bob := hs.User("bob")         // somebody with a client of their own
//	room := bob.CreateRoom(fakehs.RoomOptions{Alias: "go", Public: true})
//	bob.Say(room, "hello")
//	hs.ExpectMessage(room, hs.ID("irc_libera_rob"), "hello bob")
//	hs.Add(fakehs.Fault{Path: "/send/", Status: 502, Times: 3})
//
// It checks what a bridge may rely on being checked (tokens, namespaces,
// membership, power levels, join rules, history visibility) and leaves out what
// none should care about (signatures, state resolution, federation, login).
package fakehs

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// T is the part of testing.TB that a Server needs.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// Patience is how long Expect and its kin wait.
const Patience = 30 * time.Second

// Kind says after whom a Server takes.
type Kind uint8

// The homeservers there are. A Synapse sends ephemeral events and redactions to
// the bridge, in frozen transactions; a Dendrite sends neither, but lets the bot
// sync, sends the same transaction id again with more in it, has no knocking, no
// ping, gives names in our namespace to the bot alone, and answers 500 to who may
// not join a restricted room.
const (
	Synapse Kind = iota
	Dendrite
)

// Options are what a Server may be told at its start. The zero value will do.
type Options struct {
	Kind         Kind
	ServerName   string       // "example.org" if empty
	Registration Registration // DefaultRegistration if it has no ASToken
	// Retry is how long it waits before it sends a transaction again, at first;
	// each time twice as long, up to 32 times. 20 ms if zero.
	Retry time.Duration
	// AnswerWithin is how long the bridge may take over a transaction before it
	// is sent again. 30 s if zero.
	AnswerWithin time.Duration
	// MostUpload is the size of the largest upload in bytes; 1 MiB if zero.
	MostUpload int64
	// NoServerInIDs makes room ids as room version 12 has them, "!opaque".
	NoServerInIDs bool
	// Software is what it says to be ("Synapse"); it says nothing if that is empty.
	Software string
	// OnEvent is told of each event as it happens, OnPush of the events of each
	// transaction just before it is sent. Neither may block, or use the Server.
	OnEvent func(*Event)
	OnPush  func([]*Event)
}

// Server is a homeserver. Any goroutine may use it.
type Server struct {
	URL          string // of the client-server API, without a slash at the end
	ServerName   string
	Registration Registration
	kind         Kind
	o            Options
	t            T
	http         *http.Client // to the bridge
	ctx          context.Context
	cancel       context.CancelFunc // ends what is being asked of the bridge

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever something happens
	closed  bool
	serving *http.Server // nil while down
	served  chan struct{}

	url      string // of the bridge
	users    map[string]*account
	tokens   map[string]string // token to user id
	rooms    map[string]*chat
	aliases  map[string]string
	media    map[string]medium
	account  map[string]map[string]any // account data, by user and type
	filters  []map[string]any
	sent     map[string]string // transaction ids of clients, by token and URL
	events   []*Event
	byID     map[string]*Event
	signals  []signal
	taken    map[string]bool // events that an Expect has had
	faults   []*Fault
	requests []Request
	ids      int

	queue  []outgoing
	pushed []Transaction
	nudge  chan struct{} // closed and replaced to have a transaction sent now
	pusher chan struct{} // closed when the pusher has ended
}

// account is somebody the homeserver knows.
type account struct {
	id, name, avatar string
	presence         Presence
}

// Start starts a homeserver on a free port, which is closed when t ends.
func Start(t T, o Options) *Server {
	t.Helper()
	if o.ServerName == "" {
		o.ServerName = "example.org"
	}
	if o.Registration.ASToken == "" {
		o.Registration = DefaultRegistration(o.ServerName)
	}
	if o.Retry == 0 {
		o.Retry = 20 * time.Millisecond
	}
	if o.AnswerWithin == 0 {
		o.AnswerWithin = 30 * time.Second
	}
	if o.MostUpload == 0 {
		o.MostUpload = 1 << 20
	}
	s := &Server{
		ServerName: o.ServerName, Registration: o.Registration, kind: o.Kind, o: o, t: t,
		http:    &http.Client{Timeout: o.AnswerWithin, Transport: &http.Transport{}},
		changed: make(chan struct{}), nudge: make(chan struct{}), pusher: make(chan struct{}),
		users: map[string]*account{}, tokens: map[string]string{}, rooms: map[string]*chat{},
		aliases: map[string]string{}, media: map[string]medium{}, account: map[string]map[string]any{},
		sent: map[string]string{}, byID: map[string]*Event{}, taken: map[string]bool{},
		url: o.Registration.URL,
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.Registration.compile(); err != nil {
		t.Fatalf("fakehs: %v", err)
	}
	s.users[s.Bot()] = &account{id: s.Bot()}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("fakehs: %v", err)
	}
	s.URL = "http://" + listener.Addr().String()
	s.serve(listener)
	go func() {
		defer close(s.pusher)
		s.push()
	}()
	t.Cleanup(s.Close)
	return s
}

// SetURL tells where the bridge is: from now on transactions go there.
func (s *Server) SetURL(url string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.url = url
	s.wake()
}

// ID is the user id of a localpart here.
func (s *Server) ID(localpart string) string { return "@" + localpart + ":" + s.ServerName }

// Alias is the alias of a localpart here.
func (s *Server) Alias(localpart string) string { return "#" + localpart + ":" + s.ServerName }

// Bot is the bridge's own user.
func (s *Server) Bot() string { return s.ID(s.Registration.SenderLocalpart) }

// serve answers requests that come to listener. The caller holds mu, or is Start.
func (s *Server) serve(listener net.Listener) {
	server := &http.Server{Handler: s}
	served := make(chan struct{})
	s.serving, s.served = server, served
	go func() {
		defer close(served)
		server.Serve(listener) //nolint:errcheck // it is closed: the error says so
	}()
}

// Down takes the homeserver away as a crash does: connections break, and new
// ones are refused. What it knew it still knows when it is up again, but for the
// transaction ids of clients on a Dendrite.
func (s *Server) Down() {
	if s.kind == Dendrite {
		s.ForgetTransactions()
	}
	s.mu.Lock()
	server, served := s.serving, s.served
	s.serving = nil
	s.wake()
	s.mu.Unlock()
	if server != nil {
		server.Close() //nolint:errcheck // it is gone either way
		<-served
	}
}

// ForgetTransactions forgets the transaction ids of clients: what is sent again
// is there twice.
func (s *Server) ForgetTransactions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sent)
}

// Up brings it back, at the same address.
func (s *Server) Up() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.URL[len("http://"):])
	if err != nil {
		s.t.Fatalf("fakehs: %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serve(listener)
	s.wake()
}

// Close ends it. Closing twice does nothing.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.wake()
	s.mu.Unlock()
	s.cancel()
	s.Down()
	<-s.pusher
	s.http.CloseIdleConnections()
}

// wake tells everybody who waits that something has happened. The caller holds mu.
func (s *Server) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// newID makes an id that nobody else has. The caller holds mu.
func (s *Server) newID(prefix string) string {
	s.ids++
	return fmt.Sprintf("%s%d", prefix, s.ids)
}
