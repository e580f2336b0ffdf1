package xmppside

import (
	"slices"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/xmppside/wire"
)

// XEP-0045 §6.3: what a service on another server has of rooms; of a server, where
// to ask.
func TestForeignRooms(t *testing.T) {
	s := newForeignService(t)
	service := bridge.Room{Network: bridge.NetworkXMPP, ID: "muc.example.net", Owner: bob}
	answer := func(payload string) bridge.Event {
		t.Helper()
		s.Deliver(bridge.Event{ID: "q", Room: service, By: bob, Body: bridge.Query{What: bridge.QueryRooms, Limit: 2}})
		asked := s.hear("<iq to='muc.example.net'", "disco#items", "<max>2</max>")
		_, id, _ := strings.Cut(asked, " id='")
		id, _, _ = strings.Cut(id, "'")
		s.say("<iq from='muc.example.net' to='" + bobFull + "' type='" + payload[:strings.IndexByte(payload, ' ')] + "' id='" + id + "'>" + payload[strings.IndexByte(payload, ' ')+1:] + "</iq>")
		return s.asked()
	}
	const query = "result <query xmlns='" + nsDiscoItems + "'>"
	e := answer(query + `<item jid='go@muc.example.net' name='Go (3)'/><item jid='rust@muc.example.net'/><item jid='c@muc.example.net'/><item jid='@'/></query>`)
	a, _ := e.Body.(bridge.Answer)
	if len(a.Rows) != 2 || !slices.Equal(a.Rows[0], []string{"go@muc.example.net", "", "", "Go (3)"}) || !a.Cut {
		t.Errorf("%+v", e)
	}
	e = answer(query + "<item jid='go@muc.example.net'/><set xmlns='" + nsRSM + "'><count>7</count></set></query>")
	if a, _ = e.Body.(bridge.Answer); len(a.Rows) != 1 || !a.Cut || a.Total != 7 {
		t.Errorf("%+v", e)
	}
	e = answer(query + "<item jid='conference.example.net'/></query>")
	if f, _ := e.Body.(bridge.Failure); f.Kind != bridge.ErrNotFound || !strings.Contains(f.Text, "conference.example.net") {
		t.Errorf("%+v", e)
	}
	e = answer("error <error type='cancel'><service-unavailable xmlns='" + wire.NSStanzas + "'/></error>")
	if f, _ := e.Body.(bridge.Failure); f.Kind != bridge.ErrNotFound {
		t.Errorf("%+v", e)
	}
	service.ID = "evil.example.org"
	s.Deliver(bridge.Event{ID: "p", Room: service, By: bob, Body: bridge.Query{What: bridge.QueryRooms}})
	s.failed("p", bridge.ErrPolicy)
	service.ID = "romeo@example.net"
	s.Deliver(bridge.Event{ID: "r", Room: service, By: bob, Body: bridge.Query{What: bridge.QueryRooms}})
	s.failed("r", bridge.ErrUnsupported)
}
