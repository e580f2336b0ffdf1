package ircside

import (
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"isthmus/bridge"
	"isthmus/ircside/isupport"
	"isthmus/ircside/session"
	"isthmus/ircside/text"
)

// network is one IRC network: who of ours is on it, and in which channels.
type network struct {
	side     *Side
	name     string
	log      *slog.Logger
	set      atomic.Pointer[Network]
	supports isupport.Cache
	nickLen  atomic.Int32  // how long a nick may be, in bytes; 0 while nobody knows
	plain    atomic.Bool   // it has shown to take ASCII only for a nick
	unlisted atomic.Bool   // it is there because somebody named it
	members  atomic.Int64  // on the lists of all channels
	connects *rate.Limiter // new connections
	asks     *rate.Limiter // WHO after a join, see channel.unknown
	orders   *rate.Limiter // what is done and answered for who says "!bridge" and its like

	mu       sync.Mutex
	clients  map[bridge.Person]*client
	channels map[string]*channel // by folded name
	sessions int                 // open, or about to be
	freed    []time.Time         // turns to connect that were given back, in order
	refusals map[bridge.Person]refusal
	brake    brake
	looks    map[string]*rate.Limiter // of the Keeper's into channels, by folded name
	dead     bool                     // forgotten by the side; nobody new may come
	mapping  isupport.CaseMapping

	nicksMu sync.RWMutex
	nicks   map[string]*client // by folded nick: who is connected
}

// asksBurst and asksInterval bound what we ask about who is away.
const (
	asksBurst    = 20
	asksInterval = time.Second
)

func newNetwork(s *Side, name string, set Network) *network {
	n := &network{
		side: s, name: name, log: s.log.With("network", name),
		connects: rate.NewLimiter(rate.Inf, 1),
		asks:     rate.NewLimiter(rate.Every(asksInterval), asksBurst),
		orders:   rate.NewLimiter(rate.Every(ordersInterval), ordersBurst),
		clients:  map[bridge.Person]*client{},
		channels: map[string]*channel{},
		nicks:    map[string]*client{},
	}
	n.configure(set)
	return n
}

// configure takes settings, for sessions to come.
func (n *network) configure(set Network) {
	n.set.Store(&set)
	if set.ConnectInterval > 0 {
		n.connects.SetBurst(max(set.ConnectBurst, 1))
		n.connects.SetLimit(rate.Every(set.ConnectInterval))
	} else {
		n.connects.SetLimit(rate.Inf)
	}
}

// network is the settings of the network that people call name; false where
// they may not reach one of that name.
func (o *Options) network(name string) (Network, bool) {
	if set, ok := o.Networks[name]; ok {
		return set, true
	}
	if !o.Unlisted {
		return Network{}, false
	}
	address, ok := unlistedAddress(name)
	set := o.Others
	set.Addresses = []session.Address{address}
	return set, ok
}

// isUnlisted reports whether a network is there because somebody named it.
func (o *Options) isUnlisted(name string) bool {
	_, listed := o.Networks[name]
	return !listed
}

// plainPort is the one on which IRC goes without TLS (RFC 7194 has 6697 for
// TLS); who names it knows what they ask for.
const plainPort = "6667"

// unlistedAddress reads host or host:port.
func unlistedAddress(name string) (session.Address, bool) {
	a := session.Address{Host: name, Port: "6697", TLS: true}
	if host, port, err := net.SplitHostPort(name); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || port[0] == '0' { // one spelling, lest limits per network be none
			return a, false
		}
		a = session.Address{Host: host, Port: port, TLS: port != plainPort}
	}
	return a, isHost(a.Host)
}

// isHost reports whether s is an IP address, in its usual spelling, or a name
// with a dot in it. What addresses the name has is checked when it is
// connected to.
func isHost(s string) bool {
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone("").String() == s
	}
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

func (n *network) decode(b []byte) string {
	return text.Decode(b, n.set.Load().Encoding)
}

// lockClient is somebody's client, locked. Where it is not there it is made if
// it is wanted, else it is nil, as it is on a network that is forgotten.
func (n *network) lockClient(who bridge.Person, wanted bool) *client {
	for {
		n.mu.Lock()
		c := n.clients[who]
		if c == nil && wanted && !n.dead {
			c = newClient(n, who)
			n.clients[who] = c
		}
		n.mu.Unlock()
		if c == nil {
			return nil
		}
		c.lock()
		if !c.gone && c.who() == who {
			return c
		}
		c.unlock()
	}
}

// remove forgets a client that nobody needs.
func (n *network) remove(c *client) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.clients[c.who()] == c {
		delete(n.clients, c.who())
	}
}

// retireIfIdle retires a network that nobody uses, when there is nothing to
// keep of it either: what counts against its rate, or against somebody.
func (n *network) retireIfIdle(now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sweepRefusals(now)
	quiet := !now.Before(n.brake.until) && (n.connects.Limit() == rate.Inf || n.connects.TokensAt(now) >= float64(n.connects.Burst()))
	n.dead = n.dead || len(n.clients) == 0 && len(n.refusals) == 0 && quiet
	return n.dead
}

// retire lets nobody new in: the network is not served any more.
func (n *network) retire() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead = true
}

func (n *network) isDead() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.dead
}

func (n *network) all() []*client {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := make([]*client, 0, len(n.clients))
	for _, c := range n.clients {
		all = append(all, c)
	}
	return all
}

// roomsOf counts somebody's rooms, -1 where they are not on the network.
func (n *network) roomsOf(who bridge.Person) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.clients[who]; c != nil {
		return int(c.roomCount.Load())
	}
	return -1
}

// takePlace reserves one of the sessions that we may have. The keeper's own is
// always there.
func (n *network) takePlace(who bridge.Person) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if who == bridge.Keeper {
		return true
	}
	if most := n.set.Load().Sessions; most > 0 && n.sessions >= most {
		return false
	}
	n.sessions++
	return true
}

func (n *network) freePlace(who bridge.Person) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if who != bridge.Keeper {
		n.sessions--
	}
}

// byNick is who of ours has the nick.
func (n *network) byNick(nick string) *client {
	n.nicksMu.RLock()
	defer n.nicksMu.RUnlock()
	var buf [64]byte
	return n.nicks[string(n.mapping.AppendFold(buf[:0], nick))]
}

// nickOf is the nick of one of ours in lower case, "" for who is not connected.
func (n *network) nickOf(who bridge.Person) string {
	n.nicksMu.RLock()
	defer n.nicksMu.RUnlock()
	for nick, c := range n.nicks {
		if c.who() == who {
			return nick
		}
	}
	return ""
}

// setNick notes that c has another nick; "" for none.
func (n *network) setNick(c *client, from, to string) {
	n.nicksMu.Lock()
	defer n.nicksMu.Unlock()
	if old := n.mapping.Fold(from); n.nicks[old] == c {
		delete(n.nicks, old)
	}
	if to != "" {
		n.nicks[n.mapping.Fold(to)] = c
	}
}

// setMapping learns which letters are the same here. It is known when the
// first session is, and as good as never changes after.
func (n *network) setMapping(m isupport.CaseMapping) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.mapping == m {
		return
	}
	n.nicksMu.Lock()
	defer n.nicksMu.Unlock()
	n.mapping = m
	channels := make(map[string]*channel, len(n.channels))
	for _, ch := range n.channels {
		channels[m.Fold(ch.name)] = ch
	}
	nicks := make(map[string]*client, len(n.nicks))
	for nick, c := range n.nicks {
		nicks[m.Fold(nick)] = c
	}
	n.channels, n.nicks = channels, nicks
}

// enter finds or makes the channel of a room and puts m on its list. When
// another room is this channel under another spelling, it gives that one.
func (n *network) enter(room bridge.Room, m *membership) (other bridge.Room, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	key := n.mapping.Fold(room.ID)
	ch := n.channels[key]
	if ch == nil {
		ch = &channel{net: n, room: room, name: room.ID}
		n.channels[key] = ch
	}
	if ch.room != room {
		return ch.room, false
	}
	m.ch = ch
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.ours = append(ch.ours, m)
	return room, true
}

// leave takes m off the list of its channel, and forgets the channel with the
// last one. The session is out of it already.
func (n *network) leave(m *membership) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ch := m.ch
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.ours = without(ch.ours, m)
	if key := n.mapping.Fold(ch.name); len(ch.ours) == 0 && n.channels[key] == ch {
		delete(n.channels, key)
		n.members.Add(-int64(ch.counted))
	}
}

// elsewhere is how many places on member lists other channels take than the
// one that takes so many, as far as they count.
func (n *network) elsewhere(counted int) int {
	if !n.unlisted.Load() {
		return 0
	}
	return int(n.members.Load()) - counted
}
