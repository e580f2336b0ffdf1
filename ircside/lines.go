package ircside

import (
	"strconv"
	"time"

	"isthmus/ircside/line"
	"isthmus/ircside/text"
)

// plain is parameter i as plain text, "" where there is none.
func plain(m *line.Message, i int, decode func([]byte) string) string {
	if i >= len(m.Params) {
		return ""
	}
	return text.Strip(decode(m.Params[i]))
}

// unixTime reads seconds since 1970, the zero time for what is none.
func unixTime(s string) time.Time {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > maxUnix {
		return time.Time{}
	}
	return time.Unix(n, 0).UTC()
}

const (
	maxUnix = 1 << 34 // the year 2514: what is beyond is nonsense
	// maxSkew is how far ahead of our clock a server's may be.
	maxSkew = 5 * time.Minute
)

// sentAt is when a line was sent by its server-time tag, now without one. A
// time to come is not believed.
func sentAt(m *line.Message, now time.Time) time.Time {
	if len(m.Tags) == 0 {
		return now
	}
	v, ok := m.Tag("time")
	if !ok {
		return now
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil || t.After(now.Add(maxSkew)) || t.Unix() <= 0 {
		return now
	}
	return t
}
