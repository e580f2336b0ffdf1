package isupport

// CaseMapping says which letters of nicks and channel names are one and the
// same (RPL_ISUPPORT, CASEMAPPING).
type CaseMapping uint8

// The case mappings. RFC 1459 is what a server has that says nothing, or
// something that isn't known here.
const (
	RFC1459       CaseMapping = iota // a-z, and {}|~ are the lower case of []\^ (RFC 2812 2.2)
	RFC1459Strict                    // the same without ~ and ^
	ASCII                            // a-z only
)

func caseMappingOf(value string) CaseMapping {
	switch value {
	case "ascii":
		return ASCII
	case "rfc1459-strict", "strict-rfc1459":
		return RFC1459Strict
	}
	return RFC1459
}

// lowest is the lower case of every byte, per mapping.
var lowest = func() (t [3][256]byte) {
	for m := range t {
		for i := range t[m] {
			t[m][i] = byte(i)
		}
		for c := byte('A'); c <= 'Z'; c++ {
			t[m][c] = c + 'a' - 'A'
		}
		if CaseMapping(m) != ASCII {
			t[m]['['], t[m][']'], t[m]['\\'] = '{', '}', '|'
		}
	}
	t[RFC1459]['^'] = '~'
	return t
}()

// Fold is name in lower case: two names are the same when their folds are.
// It allocates only when something changes.
func (m CaseMapping) Fold(name string) string {
	low := &lowest[m]
	for i := range len(name) {
		if low[name[i]] != name[i] {
			return string(m.AppendFold(make([]byte, 0, len(name)), name))
		}
	}
	return name
}

// AppendFold appends name in lower case, for lookups like table[string(buf)]
// that allocate nothing.
func (m CaseMapping) AppendFold(dst []byte, name string) []byte {
	low := &lowest[m]
	for i := range len(name) {
		dst = append(dst, low[name[i]])
	}
	return dst
}

// AppendFoldBytes is AppendFold for a name that is still in its line.
func (m CaseMapping) AppendFoldBytes(dst, name []byte) []byte {
	low := &lowest[m]
	for _, c := range name {
		dst = append(dst, low[c])
	}
	return dst
}

// Equal reports whether a, as it stands in a line, and b are one name.
func (m CaseMapping) Equal(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	low := &lowest[m]
	for i, c := range a {
		if low[c] != low[b[i]] {
			return false
		}
	}
	return true
}
