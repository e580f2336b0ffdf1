package fakehs

import (
	"net/url"
	"strings"
)

// route is one endpoint. Its handler is called with the server's mu held.
type route struct {
	method string
	path   string // behind /_matrix/; {v} is any version
	handle func(*Server, *call) (any, error)
	open   bool // needs no token
	binary bool // its body is no JSON

	segments []string
}

var routes = makeRoutes([]route{
	{method: "GET", path: "client/versions", handle: (*Server).versions, open: true},
	{method: "GET", path: "federation/{v}/version", handle: (*Server).software, open: true},
	{method: "GET", path: "client/{v}/capabilities", handle: (*Server).capabilities},
	{method: "POST", path: "client/{v}/register", handle: (*Server).register},
	{method: "GET", path: "client/{v}/account/whoami", handle: (*Server).whoami},
	{method: "POST", path: "client/{v}/appservice/{id}/ping", handle: (*Server).ping},

	{method: "POST", path: "client/{v}/createRoom", handle: (*Server).createRoom},
	{method: "POST", path: "client/{v}/join/{room}", handle: (*Server).joinByName},
	{method: "POST", path: "client/{v}/knock/{room}", handle: (*Server).knock},
	{method: "POST", path: "client/{v}/rooms/{room}/join", handle: (*Server).joinByName},
	{method: "POST", path: "client/{v}/rooms/{room}/leave", handle: move("leave", true)},
	{method: "POST", path: "client/{v}/rooms/{room}/forget", handle: empty},
	{method: "POST", path: "client/{v}/rooms/{room}/invite", handle: move("invite", false)},
	{method: "POST", path: "client/{v}/rooms/{room}/kick", handle: move("leave", false)},
	{method: "POST", path: "client/{v}/rooms/{room}/ban", handle: move("ban", false)},
	{method: "POST", path: "client/{v}/rooms/{room}/unban", handle: move("leave", false)},
	{method: "GET", path: "client/{v}/joined_rooms", handle: (*Server).joinedRooms},

	{method: "PUT", path: "client/{v}/rooms/{room}/send/{type}/{txn}", handle: (*Server).send},
	{method: "PUT", path: "client/{v}/rooms/{room}/redact/{event}/{txn}", handle: (*Server).sendRedaction},
	{method: "PUT", path: "client/{v}/rooms/{room}/state/{type}", handle: (*Server).putState},
	{method: "PUT", path: "client/{v}/rooms/{room}/state/{type}/{key}", handle: (*Server).putState},
	{method: "GET", path: "client/{v}/rooms/{room}/state/{type}", handle: (*Server).getState},
	{method: "GET", path: "client/{v}/rooms/{room}/state/{type}/{key}", handle: (*Server).getState},
	{method: "GET", path: "client/{v}/rooms/{room}/state", handle: (*Server).allState},
	{method: "GET", path: "client/{v}/rooms/{room}/members", handle: (*Server).roomMembers},
	{method: "GET", path: "client/{v}/rooms/{room}/joined_members", handle: (*Server).joinedMembers},
	{method: "GET", path: "client/{v}/rooms/{room}/messages", handle: (*Server).messages},
	{method: "GET", path: "client/{v}/rooms/{room}/event/{event}", handle: (*Server).oneEvent},

	{method: "PUT", path: "client/{v}/rooms/{room}/typing/{user}", handle: (*Server).putTyping},
	{method: "POST", path: "client/{v}/rooms/{room}/receipt/{type}/{event}", handle: (*Server).postReceipt},
	{method: "POST", path: "client/{v}/rooms/{room}/read_markers", handle: (*Server).postMarkers},
	{method: "PUT", path: "client/{v}/presence/{user}/status", handle: (*Server).putPresence},
	{method: "GET", path: "client/{v}/presence/{user}/status", handle: (*Server).getPresence},
	{method: "GET", path: "client/{v}/sync", handle: (*Server).sync},
	{method: "POST", path: "client/{v}/user/{user}/filter", handle: (*Server).postFilter},

	{method: "GET", path: "client/{v}/profile/{user}", handle: (*Server).getProfile},
	{method: "GET", path: "client/{v}/profile/{user}/{field}", handle: (*Server).getProfile},
	{method: "PUT", path: "client/{v}/profile/{user}/{field}", handle: (*Server).putProfile},
	{method: "GET", path: "client/{v}/user/{user}/account_data/{type}", handle: (*Server).getAccountData},
	{method: "PUT", path: "client/{v}/user/{user}/account_data/{type}", handle: (*Server).putAccountData},

	{method: "GET", path: "client/{v}/directory/room/{alias}", handle: (*Server).getAlias},
	{method: "PUT", path: "client/{v}/directory/room/{alias}", handle: (*Server).putAlias},
	{method: "DELETE", path: "client/{v}/directory/room/{alias}", handle: (*Server).deleteAlias},
	{method: "GET", path: "client/{v}/rooms/{room}/aliases", handle: (*Server).roomAliases},
	{method: "GET", path: "client/{v}/directory/list/room/{room}", handle: (*Server).getListed},
	{method: "PUT", path: "client/{v}/directory/list/room/{room}", handle: (*Server).putListed},
	{method: "PUT", path: "client/{v}/directory/list/appservice/{network}/{room}", handle: (*Server).putListed},
	{method: "GET", path: "client/{v}/publicRooms", handle: (*Server).publicRooms},
	{method: "POST", path: "client/{v}/publicRooms", handle: (*Server).publicRooms},
	{method: "GET", path: "client/{v}/thirdparty/{what}", handle: (*Server).thirdParty},
	{method: "GET", path: "client/{v}/thirdparty/{what}/{protocol}", handle: (*Server).thirdParty},

	{method: "POST", path: "media/{v}/upload", handle: (*Server).upload, binary: true},
	{method: "GET", path: "client/{v}/media/config", handle: (*Server).mediaConfig},
	{method: "GET", path: "media/{v}/config", handle: (*Server).mediaConfig},
	{method: "GET", path: "client/{v}/media/download/{server}/{id}", handle: (*Server).download},
	{method: "GET", path: "client/{v}/media/download/{server}/{id}/{name}", handle: (*Server).download},
	{method: "GET", path: "client/{v}/media/thumbnail/{server}/{id}", handle: (*Server).thumbnail},
})

func makeRoutes(all []route) []route {
	for i := range all {
		all[i].segments = strings.Split(all[i].path, "/")
	}
	return all
}

// findRoute finds the endpoint of an escaped path and what its braces stand
// for. known is true where only the method is wrong.
func findRoute(method, path string) (found *route, params []string, known bool) {
	rest, ok := strings.CutPrefix(path, "/_matrix/")
	if !ok {
		return nil, nil, false
	}
	segments := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	for i := range routes {
		params, ok := routes[i].match(segments)
		if ok && routes[i].method == method {
			return &routes[i], params, true
		}
		known = known || ok
	}
	return nil, nil, known
}

func (r *route) match(segments []string) (params []string, ok bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, want := range r.segments {
		switch {
		case want == "{v}":
		case want[0] == '{':
			param, err := url.PathUnescape(segments[i])
			if err != nil {
				return nil, false
			}
			params = append(params, param)
		case want != segments[i]:
			return nil, false
		}
	}
	return params, true
}

// empty does nothing, and that is fine.
func empty(*Server, *call) (any, error) { return map[string]any{}, nil }
