package matrixside

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/names"
)

// lookups answers what the homeserver asks of networks that are bridged, for
// clients' "explore" (application service API, "Third-party networks"): the inbox
// has seen its token. All else goes to more.
type lookups struct {
	side *Side
	more http.Handler // nil: there is nothing else
}

// thirdPartyPaths are where the questions are asked: today, and by homeservers
// that are older than the first version of the API.
var thirdPartyPaths = []string{"/_matrix/app/v1/thirdparty/", "/_matrix/app/unstable/thirdparty/"}

// maxField bounds what is looked up, in bytes.
const maxField = 1024

type (
	thirdProtocol struct {
		UserFields     []string                  `json:"user_fields"`
		LocationFields []string                  `json:"location_fields"`
		Icon           string                    `json:"icon"`
		FieldTypes     map[string]thirdFieldType `json:"field_types"`
		Instances      []thirdInstance           `json:"instances"`
	}
	thirdFieldType struct {
		Regexp      string `json:"regexp"`
		Placeholder string `json:"placeholder"`
	}
	thirdInstance struct {
		NetworkID string            `json:"network_id"`
		Desc      string            `json:"desc"`
		Fields    map[string]string `json:"fields"`
	}
	thirdLocation struct {
		Alias    id.RoomAlias      `json:"alias"`
		Protocol string            `json:"protocol"`
		Fields   map[string]string `json:"fields"`
	}
	thirdUser struct {
		UserID   id.UserID         `json:"userid"`
		Protocol string            `json:"protocol"`
		Fields   map[string]string `json:"fields"`
	}
)

// The protocols' names.
const (
	protocolIRC  = "irc"
	protocolXMPP = "xmpp"
)

// ServeHTTP implements http.Handler.
func (l *lookups) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, prefix := range thirdPartyPaths {
		if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
			l.answer(w, r, rest)
			return
		}
	}
	if l.more == nil {
		refuseRequest(w, http.StatusNotFound, "M_UNRECOGNIZED", "There is nothing here.")
		return
	}
	l.more.ServeHTTP(w, r)
}

// refuseRequest answers with a standard error response.
func refuseRequest(w http.ResponseWriter, status int, code, text string) {
	answerJSON(w, status, map[string]string{"errcode": code, "error": text})
}

func answerJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // who doesn't read the answer doesn't get it
}

func (l *lookups) answer(w http.ResponseWriter, r *http.Request, path string) {
	if r.Method != http.MethodGet {
		refuseRequest(w, http.StatusMethodNotAllowed, "M_UNRECOGNIZED", "This is for reading.")
		return
	}
	q := r.URL.Query()
	kind, protocol, named := strings.Cut(path, "/")
	known := protocol == protocolIRC || protocol == protocolXMPP && l.side.options().Portals.XMPP
	var body any
	switch {
	case named && !known:
	case kind == "protocol" && named:
		body = l.protocol(protocol)
	case kind == "location" && named:
		body = l.locations(protocol, q)
	case kind == "location":
		body = l.location(id.RoomAlias(q.Get("alias")))
	case kind == "user" && named:
		body = l.users(protocol, q)
	case kind == "user":
		body = l.user(id.UserID(q.Get("userid")))
	}
	if body == nil {
		refuseRequest(w, http.StatusNotFound, "M_NOT_FOUND", "There is no such thing here.")
		return
	}
	answerJSON(w, http.StatusOK, body)
}

func (l *lookups) protocol(protocol string) thirdProtocol {
	if protocol == protocolXMPP {
		return thirdProtocol{
			UserFields: []string{"jid"}, LocationFields: []string{"room"},
			FieldTypes: map[string]thirdFieldType{
				"jid":  {`[^@/\s]+@[^@/\s]+`, "juliet@example.org"},
				"room": {`[^@/\s]+@[^@/\s]+`, "room@muc.example.org"},
			},
			Instances: []thirdInstance{{NetworkID: protocolXMPP, Desc: "XMPP", Fields: map[string]string{}}},
		}
	}
	p := thirdProtocol{
		UserFields: []string{"network", "nickname"}, LocationFields: []string{"network", "channel"},
		FieldTypes: map[string]thirdFieldType{
			"network":  {`[^%\s]+`, "libera"},
			"channel":  {`[#&+!][^\s,]+`, "#channel"},
			"nickname": {`[^\s#&+!][^\s]*`, "nick"},
		},
		Instances: []thirdInstance{},
	}
	for _, network := range l.side.options().Portals.Networks {
		p.Instances = append(p.Instances, thirdInstance{NetworkID: network, Desc: network, Fields: map[string]string{"network": network}})
	}
	return p
}

// networks are those that a question is about.
func (l *lookups) networks(protocol string, q url.Values) []string {
	if protocol == protocolXMPP {
		return []string{bridge.NetworkXMPP}
	}
	if network := q.Get("network"); network != "" {
		return []string{network}
	}
	return slices.Sorted(slices.Values(l.side.options().Portals.Networks))
}

func (l *lookups) locations(protocol string, q url.Values) []thirdLocation {
	found := []thirdLocation{}
	name := q.Get("channel")
	if protocol == protocolXMPP {
		name = q.Get("room")
	} else if name != "" && !strings.ContainsAny(name[:1], "#&+!") {
		name = "#" + name
	}
	if name == "" || len(name) > maxField {
		return found
	}
	for _, network := range l.networks(protocol, q) {
		alias := l.side.options().Names.Alias(names.PortalID(name, network))
		found = append(found, l.location(alias)...)
	}
	return found
}

// location is what there is at an alias, in a list of one, or none.
func (l *lookups) location(alias id.RoomAlias) []thirdLocation {
	o := l.side.options()
	room, ok := o.Names.Portal(alias)
	if !ok || o.Portals.refuse(room, true) != "" {
		return []thirdLocation{}
	}
	name, network, _ := names.SplitPortal(room)
	if network == bridge.NetworkXMPP {
		return []thirdLocation{{alias, protocolXMPP, map[string]string{"room": name}}}
	}
	return []thirdLocation{{alias, protocolIRC, map[string]string{"network": network, "channel": name}}}
}

func (l *lookups) users(protocol string, q url.Values) []thirdUser {
	found := []thirdUser{}
	name := q.Get("nickname")
	if protocol == protocolXMPP {
		name = q.Get("jid")
	}
	if name == "" || len(name) > maxField {
		return found
	}
	for _, network := range l.networks(protocol, q) {
		found = append(found, l.user(l.side.options().Names.Ghost(bridge.Person{Network: network, ID: name}))...)
	}
	return found
}

// user is whom a ghost stands for, in a list of one, or none.
func (l *lookups) user(user id.UserID) []thirdUser {
	o := l.side.options()
	who, ok := o.Names.Person(user)
	if !ok || o.Portals.refuse(names.PortalID(who.ID, who.Network), false) != "" {
		return []thirdUser{}
	}
	if who.Network == bridge.NetworkXMPP {
		return []thirdUser{{user, protocolXMPP, map[string]string{"jid": who.ID}}}
	}
	return []thirdUser{{user, protocolIRC, map[string]string{"network": who.Network, "nickname": who.ID}}}
}
