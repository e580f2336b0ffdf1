package matrixside

import (
	"context"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/matrixside/client"
	"isthmus/matrixside/format"
)

// said is what an event says to people of other networks; false if nothing.
func (s *Side) said(e *event.Event) (bridge.Message, bool) {
	in := format.In{Person: s.ghosts.behind}
	if media := s.options().Media; media != nil {
		in.URL = media.URL
	}
	return format.Parse(e, in)
}

// doing is a way to make a request: Side.do where somebody waits for the
// answer, client.Client.Do where it is tried for as long as it takes.
type doing func(ctx context.Context, as id.UserID, f func(context.Context, *mautrix.Client) error) error

// say sends a message into a room, in the name of a ghost who is in it ("" for the bot), as
// many events as it takes: its text first, then its files. named is what
// people are called in the room. The first event is returned. What was sent
// before an error stays; who asks again with the same event sends it once.
func (s *Side) say(ctx context.Context, do doing, room id.RoomID, ghost id.UserID, event string, m bridge.Message,
	named func(bridge.Person) (id.UserID, string)) (first id.EventID, err error) {
	return put(ctx, do, room, ghost, event, s.contents(ctx, room.String(), ghost, m, named))
}

// contents is what a message is on Matrix: its text, then its files, which are
// put onto the homeserver. where is for the log.
func (s *Side) contents(ctx context.Context, where string, ghost id.UserID, m bridge.Message,
	named func(bridge.Person) (id.UserID, string)) []*event.MessageEventContent {
	contents := format.Render(m, format.Out{User: named})
	var links []bridge.File
	for _, f := range m.Files {
		uri, known, err := s.upload(ctx, ghost, f)
		if err != nil {
			s.log.Info("a file is carried on as a link", "room", where, "error", err)
			links = append(links, f)
			continue
		}
		contents = append(contents, format.File(known, uri))
	}
	if len(links) > 0 {
		contents = append(contents, format.Render(format.Links(links), format.Out{})...)
	}
	return contents
}

// put sends the parts of a message.
func put(ctx context.Context, do doing, room id.RoomID, ghost id.UserID, message string, contents []*event.MessageEventContent) (first id.EventID, err error) {
	for part, content := range contents {
		sent, err := send(ctx, do, room, ghost, content, client.TransactionID(message, ghost, part))
		if err != nil {
			return first, err
		}
		if first == "" {
			first = sent
		}
	}
	return first, nil
}

// send puts one event into a room, once, however often it has to be tried.
func send(ctx context.Context, do doing, room id.RoomID, ghost id.UserID, content any, transaction string) (sent id.EventID, err error) {
	sending := client.Sending{Room: room, Content: content, Transaction: transaction}
	err = do(ctx, ghost, sending.Try)
	return sending.Sent, err
}

// upload brings a file onto the homeserver.
func (s *Side) upload(ctx context.Context, ghost id.UserID, f bridge.File) (id.ContentURI, bridge.File, error) {
	media := s.options().Media
	if media == nil {
		return id.ContentURI{}, f, errNoMedia
	}
	return media.Upload(ctx, ghost, f)
}
