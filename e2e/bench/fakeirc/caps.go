package fakeirc

import (
	"fmt"
	"strings"
	"time"
)

// capability is one that changes what the server sends.
type capability uint16

const (
	capServerTime capability = 1 << iota
	capMessageTags
	capBatch
	capLabels
	capEcho
	capExtendedJoin
	capUserhostInNames
	capOther // offered and acknowledged, but nothing here happens that it would show
)

// offered is what CAP LS lists: what current servers have.
var offered = []struct {
	name string
	flag capability
}{
	{"account-notify", capOther},
	{"account-tag", capOther},
	{"away-notify", capOther},
	{"batch", capBatch},
	{"cap-notify", capOther},
	{"chghost", capOther},
	{"echo-message", capEcho},
	{"extended-join", capExtendedJoin},
	{"invite-notify", capOther},
	{"labeled-response", capLabels},
	{"message-tags", capMessageTags},
	{"multi-prefix", capOther},
	{"server-time", capServerTime},
	{"setname", capOther},
	{"standard-replies", capOther},
	{"userhost-in-names", capUserhostInNames},
}

func offeredList() string {
	names := make([]string, len(offered))
	for i, o := range offered {
		names[i] = o.name
	}
	return strings.Join(names, " ")
}

// requested is the flags of a CAP REQ, or false when it asks for more than is offered.
func requested(names []string) (flags capability, ok bool) {
	for _, name := range names {
		found := false
		for _, o := range offered {
			if o.name == name {
				flags |= o.flag
				found = true
			}
		}
		if !found {
			return 0, false
		}
	}
	return flags, true
}

// event is a line that goes to several clients, each of whom gets the tags
// that they asked for.
type event struct {
	body  string // without tags and line end
	time  string // server-time, or none
	msgid string
	batch string // reference, for those who know batches
	label string // for the one whose command it answers
}

// newEvent stamps body with the time and an id. The caller holds s.mu.
func (s *Server) newEvent(body string) event {
	s.batches++
	return event{
		body:  body,
		time:  time.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		msgid: fmt.Sprintf("m%d", s.batches),
	}
}

// newBatch makes a BATCH reference. The caller holds s.mu.
func (s *Server) newBatch() string {
	s.batches++
	return fmt.Sprintf("b%d", s.batches)
}

// append adds the line as a client with caps sees it.
func (e *event) append(b []byte, caps capability) []byte {
	separator := byte('@')
	tag := func(want capability, name, value string) {
		if value == "" || caps&want == 0 {
			return
		}
		b = append(b, separator)
		b = append(b, name...)
		b = append(b, value...)
		separator = ';'
	}
	tag(capServerTime, "time=", e.time)
	tag(capMessageTags, "msgid=", e.msgid)
	tag(capBatch, "batch=", e.batch)
	tag(capLabels, "label=", e.label)
	if separator == ';' {
		b = append(b, ' ')
	}
	b = append(b, e.body...)
	return append(b, "\r\n"...)
}
