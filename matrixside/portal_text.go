package matrixside

import (
	"context"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/format"
)

// parseMessage is what an event says to people of other networks; false if
// it says nothing.
func (s *Side) parseMessage(e *event.Event) (bridge.Message, bool) {
	in := format.In{Person: s.ghosts.behind}
	if media := s.options().Media; media != nil {
		in.URL = media.URL
	}
	return format.Parse(e, in)
}

// renderMessage is what a message is on Matrix, in its parts: the text, then each
// file, which is brought onto the homeserver in the name of as. A file that
// can't be is a link in the text. named is what people are called in the room.
// Where as is "" the bot speaks, and the text
// says for whom.
func (s *Side) renderMessage(ctx context.Context, as id.UserID, e bridge.Event, named func(id.UserID) string) []*event.MessageEventContent {
	m := e.Body.(bridge.Message)
	var files []*event.MessageEventContent
	var links []bridge.File
	for _, f := range m.Files {
		if media := s.options().Media; media != nil {
			if uri, known, err := media.Upload(ctx, as, f); err == nil {
				files = append(files, format.File(known, uri))
				continue
			}
		}
		links = append(links, f)
	}
	m.Files = nil
	if as == "" {
		m = attributed(m, e)
	}
	out := format.Out{User: func(p bridge.Person) (id.UserID, string) {
		user := s.ghosts.of(p)
		return user, named(user)
	}}
	contents := format.Render(m, out)
	if len(links) > 0 {
		contents = append(contents, format.Render(format.Links(links), out)...)
	}
	return append(contents, files...)
}

// attributed is a message that the bot says for somebody.
func attributed(m bridge.Message, e bridge.Event) bridge.Message {
	name := e.Name
	if name == "" && e.By == (bridge.Person{}) {
		m.Notice = true
		return m
	}
	if name == "" {
		name = e.By.ID
	}
	prefix := "<" + name + "> "
	if m.Emote {
		prefix, m.Emote = "* "+name+" ", false
	}
	spans := make([]bridge.Span, len(m.Spans))
	for i, sp := range m.Spans {
		sp.Start += len(prefix)
		sp.End += len(prefix)
		spans[i] = sp
	}
	m.Text, m.Spans = prefix+m.Text, spans
	return m
}
