package xmppside

import (
	"errors"
	"strconv"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/format"
	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// maxForeignRooms bounds how many rooms of another server are listed at once.
const maxForeignRooms = 100

// list asks a service on another server for its rooms (XEP-0045 §6.3), or a
// server for its services, so that a service can be asked.
func (t *talks) list(e bridge.Event, as, with jid.JID, q bridge.Query) {
	f, set := t.side.foreign, t.side.set.Load()
	switch _, ours := set.domains[with.Domain()]; {
	case with.Local() != "":
		f.fail(e, bridge.ErrUnsupported, "Rooms are listed by a server, like muc.example.org.")
		return
	case ours:
		f.fail(e, bridge.ErrPolicy, ownRoom)
		return
	case set.access.denies(with):
		f.fail(e, bridge.ErrPolicy, "That server can't be reached by this gateway.")
		return
	}
	most := maxForeignRooms
	if q.Limit > 0 {
		most = min(most, q.Limit)
	}
	payload := func(b []byte) []byte {
		b = append(b, "<query xmlns='"+nsDiscoItems+"'><set xmlns='"+nsRSM+"'><max>"...)
		return append(strconv.AppendInt(b, int64(most), 10), "</max></set></query>"...)
	}
	guestSender{t.side}.Query(wire.Header{To: with, From: as}, payload, func(st *wire.Stanza, err error) {
		answer := bridge.Event{Room: e.Room, By: e.By, Ref: e.ID}
		var se wire.StanzaError
		switch {
		case err == nil:
			query, _ := st.Child(nsDiscoItems, "query")
			answer.Body = roomsOf(query, most)
		case errors.As(err, &se):
			answer.Body = bridge.Failure{Kind: bridge.ErrNotFound, Text: with.Domain() + " lists no rooms. " + format.Plain(se.Text)}
		default:
			answer.Body = bridge.Failure{Kind: bridge.ErrTimeout, Text: with.Domain() + " does not answer."}
		}
		t.side.core.Publish(answer)
	})
}

// roomsOf reads a service's list, or names the services where it is a server's.
func roomsOf(query wire.Element, most int) bridge.Body {
	a, services := bridge.Answer{Rows: [][]string{}}, []string(nil)
	for c := range query.Children() {
		if set := c.Is(nsRSM, "set"); set || !c.Is(nsDiscoItems, "item") {
			n, err := strconv.Atoi(c.ChildText(nsRSM, "count"))
			a.Total = max(a.Total, n)
			a.Cut = a.Cut || set && err == nil && n > most
			continue
		}
		at, err := jid.Parse(c.Attr("jid"))
		switch {
		case err != nil || !at.IsBare() || c.Attr("node") != "":
		case at.Local() == "" && len(services) < most:
			services = append(services, at.Domain())
		case at.Local() == "":
		case len(a.Rows) == most:
			a.Cut = true
		default:
			name := shorten(strings.TrimSpace(format.Plain(c.Attr("name"))), maxRowText)
			a.Rows = append(a.Rows, []string{at.String(), "", "", name})
		}
	}
	if len(a.Rows) == 0 && len(services) > 0 {
		return bridge.Failure{Kind: bridge.ErrNotFound,
			Text: "There are no rooms there, but at one of these perhaps: " + strings.Join(services, ", ")}
	}
	return a
}
