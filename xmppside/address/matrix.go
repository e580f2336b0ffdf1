package address

import "strings"

// MatrixName returns how addresses, and the core, call what Matrix calls id:
// "rob%server.org" for "@rob:server.org", "#go%server.org" for
// "#go:server.org", "!id%server.org" for "!id:server.org", and "!id" for a room
// whose id names no server (room version 12). It reports false for what is no
// such id.
func MatrixName(id string) (string, bool) {
	if id == "" {
		return "", false
	}
	name, server, has := strings.Cut(id, ":")
	switch sigil := id[0]; {
	case sigil == '!' && !has && len(id) > 1 && strings.IndexByte(id, '%') < 0:
		return id, true
	case !has || len(name) < 2 || server == "" || strings.IndexByte(server, '%') >= 0:
		return "", false
	case sigil == '@' && strings.IndexByte(matrixPrefixes, name[1]) < 0:
		return name[1:] + "%" + server, true
	case sigil == '#', sigil == '!':
		return name + "%" + server, true
	}
	return "", false
}

// MatrixID is the inverse of MatrixName.
func MatrixID(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	sigil := ""
	if strings.IndexByte(matrixPrefixes, name[0]) < 0 {
		sigil = "@"
	}
	at := strings.LastIndexByte(name, '%')
	if at < 0 {
		return name, name[0] == '!' && len(name) > 1 && strings.IndexByte(name, ':') < 0
	}
	local, server := name[:at], name[at+1:]
	if len(sigil+local) < 2 || server == "" || strings.IndexByte(local, ':') >= 0 {
		return "", false
	}
	return sigil + local + ":" + server, true
}
