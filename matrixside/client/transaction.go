package client

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"

	"maunium.net/go/mautrix/id"
)

// maxPlain is how long an event id may be, in bytes, to be part of a
// transaction id as it is. Ours have 26.
const maxPlain = 40

// TransactionID names one part of what event brings to a room in the name of
// as. The same three make the same id in every process; it has at most 80
// bytes, letters, digits, "-", "_", "." and "~". The homeserver scopes
// transaction ids to our token, not to the ghost, hence as.
func TransactionID(event string, as id.UserID, part int) string {
	if len(event) > maxPlain || !plain(event) {
		event = "~" + digest(event, 18)
	}
	return event + "." + digest(string(as), 9) + "." + strconv.Itoa(part)
}

// digest is n bytes of a hash, in base64.
func digest(text string, n int) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:n])
}

// plain reports whether text needs no escaping in a URL.
func plain(text string) bool {
	for _, c := range []byte(text) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return text != ""
}
