package xmppside

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// directory shows what rooms a network has.
//
// A network of IRC gives all of its list at once, which takes a while: we
// search, order and page it, and keep it for who turns the pages. Matrix's
// directory is much longer and is searched, ordered and paged there, so that
// our page is theirs, and the ids of its ends are what they gave us.
type directory struct {
	mu    sync.Mutex
	lists map[bridge.Room]roomList // by whose, and of which network
}

// roomList is a network's answer.
type roomList struct {
	rows []roomRow
	at   time.Time
}

const (
	// maxLists bounds directory.lists. When there are more, the oldest goes,
	// and its reader makes the network list anew.
	maxLists = 64
	listTime = 5 * time.Minute
	// maxItems bounds the size of a list in bytes: servers end the stream of a
	// component whose stanzas are larger than 512 KiB.
	maxItems = 256 << 10
	// maxPage bounds the rows of a page that another network makes, so that it
	// stays below maxItems.
	maxPage = 100
	// maxRowText bounds a room's name and what it is about, in bytes.
	maxRowText = 200
	// maxSearch bounds what may be searched for, in bytes.
	maxSearch = 200
)

func newDirectory() *directory { return &directory{lists: map[bridge.Room]roomList{}} }

// keep keeps a list, and get returns it while it is fresh.
func (d *directory) keep(room bridge.Room, rows []roomRow) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.lists) >= maxLists {
		var oldest bridge.Room
		for r, l := range d.lists {
			if o, ok := d.lists[oldest]; !ok || l.at.Before(o.at) {
				oldest = r
			}
		}
		delete(d.lists, oldest)
	}
	d.lists[room] = roomList{rows, time.Now()}
}

func (d *directory) get(room bridge.Room) ([]roomRow, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.lists[room]
	if ok && time.Since(l.at) > listTime {
		delete(d.lists, room)
		ok = false
	}
	return l.rows, ok
}

// roomRow is a room in a list.
type roomRow struct {
	id    string // in its network's words
	at    jid.JID
	name  string // for people
	topic string
	users int // -1 if nobody knows
}

// weight is about how many bytes a row is, escaped.
func (r roomRow) weight() int {
	const escapable = "<>&'\""
	n := 150 + len(r.at.String()) + len(r.name) + len(r.topic)
	for _, c := range escapable {
		n += 5 * (strings.Count(r.topic, string(c)) + strings.Count(r.name, string(c)))
	}
	return n
}

// title is a room's line in a list: "#go (42): The Go language".
func (r roomRow) title() string {
	title := r.name
	if r.users >= 0 {
		title += " (" + strconv.Itoa(r.users) + ")"
	}
	if r.topic != "" {
		title += ": " + r.topic
	}
	return title
}

// rowsOf reads an Answer: rows of id, topic, number of members and, where rooms
// have one besides their id, name. Rooms that have no address are left out:
// nobody could ask for them.
func (s *settings) rowsOf(network address.Address, a bridge.Answer) []roomRow {
	rows := make([]roomRow, 0, len(a.Rows))
	for _, fields := range a.Rows {
		if len(fields) == 0 {
			continue
		}
		at, err := s.domains.JID(address.Address{Kind: address.Channel, Domain: network.Domain, Network: network.Network, Name: fields[0]})
		if err != nil {
			continue
		}
		field := func(i int) string {
			if i >= len(fields) {
				return ""
			}
			return shorten(strings.TrimSpace(fields[i]), maxRowText)
		}
		row := roomRow{id: fields[0], at: at, topic: field(1), users: -1, name: field(3)}
		if n, err := strconv.Atoi(field(2)); err == nil && n >= 0 {
			row.users = n
		}
		if row.name == "" {
			row.name = row.id
			if network.Network == bridge.NetworkMatrix {
				row.name, _ = address.MatrixID(row.id)
			}
			row.name = shorten(row.name, maxRowText)
		}
		rows = append(rows, row)
	}
	return rows
}

// shorten cuts s to at most n bytes, between characters.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "…"
}

// search is which rooms are wanted, and in which order.
type search struct {
	text               string // "" for all
	names, topics, ids bool   // where text is looked for; Matrix looks everywhere
	bySize             bool   // the largest first, else by address; Matrix has an order of its own
}

// anything is every room, by its address.
var anything = search{names: true, topics: true, ids: true}

// finds reports whether a room is wanted. Case does not count.
func (q search) finds(r roomRow) bool {
	text := strings.ToLower(q.text)
	in := func(where bool, s string) bool { return where && strings.Contains(strings.ToLower(s), text) }
	return text == "" || in(q.names, r.name) || in(q.topics, r.topic) || in(q.ids, r.id)
}

// compare puts rooms in order.
func (q search) compare(a, b roomRow) int {
	if q.bySize && a.users != b.users {
		return b.users - a.users
	}
	return cmp.Compare(a.at.String(), b.at.String())
}

// The ids of the ends of a page of Matrix's directory: what asks for the next
// one, or that there is none.
const (
	nextPage = "next:"
	lastPage = "end"
)

// listRooms answers r, a request to a network, with the page of its rooms that
// is asked for.
func (s *Side) listRooms(r request, q search, p paging, show func(b []byte, found page) []byte) {
	switch {
	case p.incoherent:
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionBadRequest, Text: "There is no such page."})
	case r.to.Network == bridge.NetworkMatrix:
		s.listMatrix(r, q, p, show)
	default:
		s.listChannels(r, q, p, show)
	}
}

// listChannels does that for IRC.
func (s *Side) listChannels(r request, q search, p paging, show func(b []byte, found page) []byte) {
	room, err := conversation(r.To, r.From)
	if err != nil {
		s.refuse(r.Header, addressError(err))
		return
	}
	answer := func(all []roomRow) (found page) {
		wanted := slices.Clone(all)
		wanted = slices.DeleteFunc(wanted, func(row roomRow) bool { return !q.finds(row) })
		slices.SortStableFunc(wanted, q.compare)
		found, ok := p.cut(wanted, len(wanted), maxItems)
		if !ok {
			s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound, Text: "The list has changed: begin anew."}) // XEP-0059 §2.2
			return found
		}
		s.result(r, func(b []byte) []byte { return show(b, found) })
		return found
	}
	if p.after != "" || p.before != "" || p.index > 0 {
		if all, ok := s.directory.get(room); ok {
			answer(all)
			return
		}
	}
	s.query(r, bridge.Query{What: bridge.QueryRooms}, func(a bridge.Answer) {
		all := s.set.Load().rowsOf(r.to, a)
		if !answer(all).whole {
			s.directory.keep(room, all)
		}
	})
}

// listMatrix does it for Matrix.
func (s *Side) listMatrix(r request, q search, p paging, show func(b []byte, found page) []byte) {
	after, goesOn := strings.CutPrefix(p.after, nextPage)
	switch {
	case p.backwards, p.index > 0: // XEP-0059 §2.4, §2.5: optional
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionFeatureNotImplemented, Text: "This list can only be read from its beginning on."})
		return
	case p.after == lastPage:
		s.result(r, func(b []byte) []byte { return show(b, page{index: -1}) })
		return
	case p.after != "" && !goesOn:
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionItemNotFound, Text: "There is no such row."})
		return
	}
	limit := maxPage
	if p.max >= 0 {
		limit = max(1, min(p.max, maxPage))
	}
	s.queryMatrix(r, bridge.Query{What: bridge.QueryRooms, Search: q.text, After: after, Limit: limit}, maxEmpty, func(rows []roomRow, a bridge.Answer) {
		found := page{rows: rows, index: -1, total: a.Total, whole: a.Next == "" && after == "", last: lastPage}
		found.rows = found.rows[:min(len(found.rows), maxPage)]
		if next := nextPage + a.Next; a.Next != "" && len(next) <= maxUID {
			found.last = next
		}
		if len(found.rows) > 0 {
			found.first = found.rows[0].id
		}
		if p.max == 0 { // XEP-0059 §2.7: only the number is asked for
			found.rows = nil
		}
		s.result(r, func(b []byte) []byte { return show(b, found) })
	})
}

// maxEmpty is how many pages without a room are read on behalf of one request:
// Matrix leaves out of its pages what is no room of Matrix.
const maxEmpty = 5

// queryMatrix asks for a page with a room in it. An empty one would say that
// the list has ended.
func (s *Side) queryMatrix(r request, q bridge.Query, tries int, found func([]roomRow, bridge.Answer)) {
	s.query(r, q, func(a bridge.Answer) {
		rows := s.set.Load().rowsOf(r.to, a)
		if len(rows) > 0 || a.Next == "" || a.Next == q.After || tries <= 1 {
			found(rows, a)
			return
		}
		q.After = a.Next
		s.queryMatrix(r, q, tries-1, found)
	})
}
