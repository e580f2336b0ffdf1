package isupport

import (
	"bytes"
	"maps"
	"sync"
)

// With is t changed by the parameters of one 005 line: the client's name, the
// tokens, and the text for people, which is left out, like everything that is
// no token. "-NAME" takes back what was said before. A line that changes
// nothing gives t itself.
func (t *Table) With(params [][]byte) *Table {
	if len(params) < 3 {
		return t
	}
	var tokens map[string]string
	for _, p := range params[1 : len(params)-1] {
		name, value, ok := token(p)
		if !ok {
			continue
		}
		if tokens == nil {
			tokens = maps.Clone(t.tokens)
		}
		if name[0] == '-' {
			delete(tokens, name[1:])
		} else if _, old := tokens[name]; old || len(tokens) < maxTokens {
			tokens[name] = value
		}
	}
	if tokens == nil || maps.Equal(tokens, t.tokens) {
		return t
	}
	return derive(tokens)
}

// token takes "-NAME", "NAME" or "NAME=value" apart. A name is of letters and
// digits; the RFC draft has upper case only, Hybrid also "draft/NAME".
func token(p []byte) (name, value string, ok bool) {
	if len(p) == 0 || len(p) > maxToken {
		return "", "", false
	}
	n, v, _ := bytes.Cut(p, []byte{'='})
	bare := bytes.TrimPrefix(n, []byte{'-'})
	for _, c := range bare {
		if !isLetter(c) && c != '/' && c != '.' && c != '-' && c != '_' {
			return "", "", false
		}
	}
	return string(bytes.ToUpper(n)), unescape(v), len(bare) > 0
}

// unescape undoes \xHH, which stands for any byte (draft-hardy-irc-isupport-00, 3).
func unescape(v []byte) string {
	if !bytes.Contains(v, []byte(`\x`)) {
		return string(v)
	}
	out := make([]byte, 0, len(v))
	for i := 0; i < len(v); i++ {
		if v[i] == '\\' && i+3 < len(v) && v[i+1] == 'x' {
			high, ok1 := hex(v[i+2])
			low, ok2 := hex(v[i+3])
			if ok1 && ok2 {
				out = append(out, high<<4|low)
				i += 3
				continue
			}
		}
		out = append(out, v[i])
	}
	return string(out)
}

func hex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// cacheSteps bounds a Cache; when it is full it begins anew, which costs
// memory shared less, nothing else.
const cacheSteps = 64

// Cache remembers which line made which table of which, for the sessions of
// one network. The zero Cache is ready; any goroutine may use it.
type Cache struct {
	mu    sync.Mutex
	steps map[step]*Table
}

type step struct {
	from *Table
	line string
}

// Next is t.With(params), or the same table that another session got for it.
func (c *Cache) Next(t *Table, params [][]byte) *Table {
	if len(params) < 3 {
		return t
	}
	var buf [512]byte
	key := buf[:0]
	for _, p := range params[1 : len(params)-1] {
		key = append(append(key, p...), ' ')
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if next, ok := c.steps[step{t, string(key)}]; ok {
		return next
	}
	next := t.With(params)
	if c.steps == nil || len(c.steps) >= cacheSteps {
		c.steps = make(map[step]*Table)
	}
	c.steps[step{t, string(key)}] = next
	return next
}
