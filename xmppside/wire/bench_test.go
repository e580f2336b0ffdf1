package wire

import (
	"strings"
	"testing"

	"isthmus/xmppside/jid"
)

type endless struct{ s, rest string }

func (r *endless) Read(b []byte) (int, error) {
	if r.rest == "" {
		r.rest = r.s
	}
	n := copy(b, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func BenchmarkDecode(b *testing.B) {
	another := strings.Replace(groupchat, "alice", "carol", 1) // else see BenchmarkRepeat
	d := NewDecoder(&endless{s: strings.Repeat(groupchat+another, 100)}, DefaultLimits)
	b.SetBytes(int64(len(groupchat)))
	b.ReportAllocs()
	for b.Loop() {
		st, err := d.Next()
		if err != nil {
			b.Fatal(err)
		}
		if _, ok := st.Child(NSComponent, "body"); !ok {
			b.Fatal("no body")
		}
	}
}

var header = Header{
	Kind: Message, From: jid.MustParse("#channel%libera@irc.example.org/nick"), To: jid.MustParse("alice@example.org/phone-4f3a"),
	ID: "b7c1f0a2-93d4-4d5e-8f00-1a2b3c4d5e6f", Type: "groupchat",
}

func appendMessage(b []byte, h Header) []byte {
	b = AppendOpen(b, h)
	b = AppendElement(b, "body", "Has anyone of you seen what the new release does with <presence/>?")
	b = append(b, "<origin-id xmlns='urn:xmpp:sid:0' id='"...)
	b = AppendAttr(b, h.ID)
	b = append(b, "'/>"...)
	return AppendClose(b, Message)
}

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		appendMessage(make([]byte, 0, 400), header)
	}
}

func BenchmarkTemplate(b *testing.B) {
	h := header
	h.To = jid.JID{}
	t := NewTemplate(Message, appendMessage(nil, h))
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = t.AppendTo(buf[:0], header.To)
	}
}
