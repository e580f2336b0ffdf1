package inbox

import (
	"encoding/json"
	"testing"

	"maunium.net/go/mautrix/event"
)

// Whatever comes, an event is unusable or has all that its receivers rely on,
// and is the same when it is read again at the next start.
func FuzzParse(f *testing.F) {
	f.Add([]byte(message(room1, "$a")))
	f.Add([]byte(`{"type":"m.room.redaction","room_id":"!r","event_id":"$1","sender":"@x:y","content":{"redacts":5}}`))
	f.Add([]byte(`{"type":"m.room.member","state_key":"@x:y","room_id":"!r","event_id":"$1","sender":"@x:y","content":{"membership":"join"},"unsigned":{"prev_content":{}}}`))
	f.Add([]byte(`{"type":"m.receipt","room_id":"!r","content":{"$a":{"m.read.private":{"@a:b":{"ts":1}}}}}`))
	f.Add([]byte(`{"type":"m.room.message","room_id":"!r","event_id":"$1","sender":"@x:y","content":{"body":"x","m.relates_to":[[[]]]}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if e, err := readSignal(raw, "!r"); err == nil && e != nil {
			if e.Content.Parsed == nil || e.Type.Class != event.EphemeralEventType {
				t.Errorf("%+v", e)
			}
			if receipts, ok := e.Content.Parsed.(*event.ReceiptEventContent); ok {
				for _, kinds := range *receipts {
					if _, private := kinds[event.ReceiptTypeReadPrivate]; private {
						t.Error("a private receipt")
					}
				}
			}
		}
		in := New(Options{})
		for _, e := range in.events([]json.RawMessage{raw}) {
			if e.event.ID == "" || len(e.event.ID) > maxID || e.event.RoomID == "" || e.event.Content.Raw == nil {
				t.Errorf("%+v", e.event)
			}
			again, err := parse([]byte(e.body))
			if err != nil || again.ID != e.event.ID || again.RoomID != e.event.RoomID || again.Type != e.event.Type || again.Redacts != e.event.Redacts {
				t.Errorf("%+v, %v and %+v", e.event, err, again)
			}
		}
	})
}

// A room's name is put into every event of a /sync, and nothing else changes.
func FuzzPlaced(f *testing.F) {
	f.Add([]byte(`{"room_id":"!other","event_id":"$a"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[5`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		placed := placed([]json.RawMessage{raw}, room1)[0]
		var before, after map[string]json.RawMessage
		if json.Unmarshal(raw, &before) != nil || before == nil {
			return
		}
		if err := json.Unmarshal(placed, &after); err != nil {
			t.Fatal(err)
		}
		if string(after["room_id"]) != `"`+room1+`"` {
			t.Errorf("%s", placed)
		}
		before["room_id"] = after["room_id"]
		if len(before) != len(after) {
			t.Errorf("%s became %s", raw, placed)
		}
	})
}
