// Package fakeirc is an IRC server for a bench: fast, without limits, with
// as many native members in its channels as are asked for. It does what a
// bridge needs of a server (registration with and without CAP, channels,
// messages, WHO, labels) and trusts its clients.
//
// One mutex guards all state. Lines are queued to clients under it, in the
// order that things happen, and written to sockets after it is released, so
// that a client that does not read delays nobody's state.
package fakeirc

import (
	"net"
	"strings"
	"sync"
	"time"
)

// serverName is the prefix of all that the server says itself.
const serverName = "irc.bench"

// Message is a PRIVMSG that a client sent.
type Message struct {
	Nick, Target, Text string
	At                 time.Time // when its bytes were read
}

// Server is the fake. Make one with Listen.
type Server struct {
	ln        net.Listener
	caps      bool // whether IRCv3 capabilities are offered
	onMessage func(Message)
	work      sync.WaitGroup

	mu       sync.Mutex
	clients  map[string]*client // registered ones, by folded nick
	channels map[string]*channel
	conns    map[*client]struct{} // all of them
	dirty    []*client            // have lines queued since the last flush
	start    int                  // where the last broadcast began
	batches  int                  // BATCH references given out
}

// Listen serves on a free loopback port. With caps it offers what a modern
// server does, else it knows no CAP at all. Every PRIVMSG of a client is
// given to onMessage, in order for each client, from its own goroutine.
func Listen(caps bool, onMessage func(Message)) (*Server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{
		ln: ln, caps: caps, onMessage: onMessage,
		clients:  make(map[string]*client),
		channels: make(map[string]*channel),
		conns:    make(map[*client]struct{}),
	}
	s.work.Go(s.accept)
	return s, nil
}

// Port is where clients connect to.
func (s *Server) Port() int { return s.ln.Addr().(*net.TCPAddr).Port }

// Close drops all clients and waits for all goroutines.
func (s *Server) Close() {
	s.ln.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.conn.Close()
	}
	s.mu.Unlock()
	s.work.Wait()
}

func (s *Server) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		c := &client{server: s, conn: conn}
		s.mu.Lock()
		s.conns[c] = struct{}{}
		s.mu.Unlock()
		s.work.Go(c.serve)
	}
}

// AddNatives puts members into a channel that are on no connection.
func (s *Server) AddNatives(channelName string, nicks []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := s.channel(channelName)
	for _, nick := range nicks {
		ch.add(&member{nick: nick, mask: mask(nick, "native.bench")})
	}
}

// Say makes the native nick say the lines in a channel, one after another,
// without a pause. Each client's copies are written to it in one piece.
func (s *Server) Say(nick, channelName string, lines ...string) {
	s.act(func() {
		ch := s.channel(channelName)
		from := mask(nick, "native.bench")
		for _, line := range lines {
			s.broadcast(ch, nil, s.newEvent(":"+from+" PRIVMSG "+ch.name+" :"+line))
		}
	})
}

// Guests are the nicks of the clients in a channel, as they came.
func (s *Server) Guests(channelName string) (nicks []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.channel(channelName).order {
		if m.client != nil {
			nicks = append(nicks, m.nick)
		}
	}
	return nicks
}

// Split makes the natives named leave by a netsplit: one QUIT each whose
// reason is the names of two servers, in a BATCH for who knows batches.
func (s *Server) Split(channelName string, nicks []string) {
	s.act(func() {
		ch := s.channel(channelName)
		ref := s.newBatch()
		const servers = "hub.bench leaf.bench"
		s.broadcastIf(ch, capBatch, event{body: ":" + serverName + " BATCH +" + ref + " netsplit " + servers})
		for _, nick := range nicks {
			m := ch.members[fold(nick)]
			if m == nil {
				continue
			}
			ch.remove(m)
			e := s.newEvent(":" + m.mask + " QUIT :" + servers)
			e.batch = ref
			s.broadcast(ch, nil, e)
		}
		s.broadcastIf(ch, capBatch, event{body: ":" + serverName + " BATCH -" + ref})
	})
}

// act runs change with the state locked, then writes out what it queued.
func (s *Server) act(change func()) {
	s.mu.Lock()
	change()
	dirty := s.dirty
	s.dirty = nil
	s.mu.Unlock()
	for _, c := range dirty {
		c.flush()
	}
}

// fold is the server's CASEMAPPING, ascii.
func fold(name string) string { return strings.ToLower(name) }

func mask(nick, host string) string { return nick + "!" + nick + "@" + host }
