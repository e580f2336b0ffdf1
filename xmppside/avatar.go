package xmppside

import "strings"

// avatarHash returns the SHA-1 of a picture as XEP-0153 writes it, or "" for
// what is none.
func avatarHash(s string) string {
	if len(s) != 40 || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return ""
	}
	return strings.ToLower(s)
}
