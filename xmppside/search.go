package xmppside

import (
	"strconv"
	"strings"

	"isthmus/bridge"
	"isthmus/xmppside/address"
	"isthmus/xmppside/format"
	"isthmus/xmppside/wire"
)

// The namespaces of what finds rooms.
const (
	nsSearch       = "jabber:iq:search"                 // XEP-0055
	nsChannels     = "urn:xmpp:channel-search:0:search" // XEP-0433
	nsChannelForm  = "urn:xmpp:channel-search:0:search-params"
	nsChannelError = "urn:xmpp:channel-search:0:error"
	orderBySize    = "{urn:xmpp:channel-search:0:order}nusers"
	orderByAddress = "{urn:xmpp:channel-search:0:order}address"
)

// isNetwork refuses a request to what is no network: only those have rooms.
func (s *Side) isNetwork(r request) bool {
	if r.to.Kind == address.Network {
		return true
	}
	s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionServiceUnavailable})
	return false
}

// answerChannelSearch answers an extended channel search (XEP-0433 §4.2): with
// the form, or with what was found for it. Matrix searches names, topics and
// addresses all at once, and orders rooms by their size alone, so that its form
// has no fields for that.
func (s *Side) answerChannelSearch(r request) {
	if !s.isNetwork(r) {
		return
	}
	ordersItself := r.to.Network == bridge.NetworkMatrix
	form, submitted := r.payload.Child(nsData, "x")
	if !submitted {
		s.result(r, func(b []byte) []byte { return appendChannelForm(b, ordersItself) })
		return
	}
	q, refusal := readChannelSearch(readForm(form), ordersItself)
	if refusal.Condition != "" {
		s.refuse(r.Header, refusal)
		return
	}
	p := readPaging(r.payload)
	s.listRooms(r, q, p, func(b []byte, found page) []byte {
		b = append(b, "<result xmlns='"+nsChannels+"'>"...)
		for _, row := range found.rows {
			b = append(b, "<item address='"...)
			b = append(wire.AppendAttr(b, row.at.String()), "'>"...)
			b = wire.AppendElement(b, "name", row.name)
			if row.topic != "" {
				b = wire.AppendElement(b, "description", row.topic)
			}
			if row.users >= 0 {
				b = wire.AppendElement(b, "nusers", strconv.Itoa(row.users))
			}
			b = append(b, "<service-type>xep-0045</service-type></item>"...)
		}
		return append(found.appendSet(b, true), "</result>"...)
	})
}

func appendChannelForm(b []byte, ordersItself bool) []byte {
	b = append(b, "<search xmlns='"+nsChannels+"'><x xmlns='"+nsData+"' type='form'>"+
		"<field type='hidden' var='FORM_TYPE'><value>"+nsChannelForm+"</value></field>"+
		"<field type='text-single' var='q' label='Search for'/>"+
		"<field type='boolean' var='all' label='All rooms'/>"...)
	order := "<option label='Number of members'><value>" + orderBySize + "</value></option>"
	if !ordersItself {
		for _, f := range []struct{ name, label string }{
			{"sinname", "Search in names"}, {"sindescription", "Search in topics"}, {"sinaddress", "Search in addresses"},
		} {
			b = append(b, "<field type='boolean' var='"+f.name+"' label='"+f.label+"'><value>true</value></field>"...)
		}
		order += "<option label='Address'><value>" + orderByAddress + "</value></option>"
	}
	b = append(b, "<field type='list-single' var='key' label='Sort by'><value>"+orderBySize+"</value>"...)
	return append(append(b, order...), "</field></x></search>"...)
}

// readChannelSearch reads what was submitted (XEP-0433 §6.1); the error has no
// condition if it is right.
func readChannelSearch(fields map[string]string, ordersItself bool) (search, wire.StanzaError) {
	wrong := func(c wire.Condition, app, text string) (search, wire.StanzaError) {
		return search{}, wire.StanzaError{Type: "modify", Condition: c, Text: text, App: "<" + app + " xmlns='" + nsChannelError + "'/>"}
	}
	q := search{names: true, topics: true, ids: true, bySize: true}
	text, hasText := fields["q"]
	q.text = strings.TrimSpace(text)
	all := isTrue(fields["all"])
	if !ordersItself {
		for name, where := range map[string]*bool{"sinname": &q.names, "sindescription": &q.topics, "sinaddress": &q.ids} {
			if v, given := fields[name]; given {
				*where = isTrue(v)
			}
		}
	}
	switch key := fields["key"]; {
	case key == orderByAddress && !ordersItself:
		q.bySize = false
	case key != "" && key != orderBySize:
		return wrong(wire.ConditionFeatureNotImplemented, "invalid-sort-key", "Rooms can't be sorted by that here.")
	}
	switch {
	case all && q.text != "":
		return wrong(wire.ConditionBadRequest, "conflicting-fields", "Either all rooms or a search.")
	case all:
	case !hasText:
		return wrong(wire.ConditionBadRequest, "no-search-conditions", "What is searched for?")
	case q.text == "", len(q.text) > maxSearch, format.Plain(q.text) != q.text:
		return wrong(wire.ConditionBadRequest, "invalid-search-terms", "There is nothing to search for, or too much.")
	}
	return q, wire.StanzaError{}
}

// isTrue reads a boolean (XEP-0004 §3.3).
func isTrue(s string) bool { return s == "true" || s == "1" }

const searchHelp = "Give a part of a room's name, topic or address, or nothing to find all."

// answerSearchForm answers what can be searched for (XEP-0055 §2.1).
func (s *Side) answerSearchForm(r request) {
	if !s.isNetwork(r) {
		return
	}
	s.result(r, func(b []byte) []byte {
		b = append(b, "<query xmlns='"+nsSearch+"'><instructions>"+searchHelp+"</instructions><nick/>"...)
		b = append(b, "<x xmlns='"+nsData+"' type='form'><title>Rooms</title><instructions>"+searchHelp+"</instructions>"...)
		return append(b, "<field type='hidden' var='FORM_TYPE'><value>"+nsSearch+"</value></field>"+
			"<field type='text-single' var='q' label='Search for'/></x></query>"...)
	})
}

// answerSearch answers a search with the rooms that were found: as a form to
// who sent one (XEP-0055 §3), else as items with what a contact would have. A
// name is asked for as a nickname, of what that knows.
func (s *Side) answerSearch(r request) {
	if !s.isNetwork(r) {
		return
	}
	form, asForm := r.payload.Child(nsData, "x")
	text := r.payload.ChildText(nsSearch, "nick")
	if asForm {
		text = readForm(form)["q"]
	}
	q := anything
	q.text = strings.TrimSpace(strings.Clone(text))
	if len(q.text) > maxSearch || format.Plain(q.text) != q.text {
		s.refuse(r.Header, wire.StanzaError{Condition: wire.ConditionNotAcceptable, Text: "That is too much to search for."})
		return
	}
	p := readPaging(r.payload)
	s.listRooms(r, q, p, func(b []byte, found page) []byte {
		b = append(b, "<query xmlns='"+nsSearch+"'>"...)
		if asForm {
			b = appendFoundForm(b, found.rows)
		} else {
			for _, row := range found.rows {
				b = append(wire.AppendAttr(append(b, "<item jid='"...), row.at.String()), "'>"...)
				b = append(wire.AppendElement(b, "nick", row.title()), "</item>"...)
			}
		}
		return append(found.appendSet(b, p.asked), "</query>"...)
	})
}

// foundFields are what is told of a room that was found.
var foundFields = []struct {
	name, typ, label string
	of               func(roomRow) string
}{
	{"jid", "jid-single", "Address", func(r roomRow) string { return r.at.String() }},
	{"name", "text-single", "Name", func(r roomRow) string { return r.name }},
	{"topic", "text-single", "Topic", func(r roomRow) string { return r.topic }},
	{"members", "text-single", "Members", func(r roomRow) string {
		if r.users < 0 {
			return ""
		}
		return strconv.Itoa(r.users)
	}},
}

// appendFoundForm appends a form of several items (XEP-0004 §3.4).
func appendFoundForm(b []byte, rows []roomRow) []byte {
	b = append(b, "<x xmlns='"+nsData+"' type='result'><field type='hidden' var='FORM_TYPE'><value>"+nsSearch+"</value></field><reported>"...)
	for _, f := range foundFields {
		b = append(b, "<field var='"+f.name+"' type='"+f.typ+"' label='"+f.label+"'/>"...)
	}
	b = append(b, "</reported>"...)
	for _, row := range rows {
		b = append(b, "<item>"...)
		for _, f := range foundFields {
			b = append(b, "<field var='"+f.name+"'>"...)
			b = append(wire.AppendElement(b, "value", f.of(row)), "</field>"...)
		}
		b = append(b, "</item>"...)
	}
	return append(b, "</x>"...)
}
