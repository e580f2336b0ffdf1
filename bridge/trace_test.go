package bridge

import (
	"log/slog"
	"sync"
	"testing"
)

type nowhere struct{}

func (nowhere) Deliver(Event) {}
func (nowhere) Record(Record) {}

// Who traces sees what is published and what is delivered, until they stop.
func TestTrace(t *testing.T) {
	h := NewHub(nowhere{}, slog.New(slog.DiscardHandler))
	h.RegisterOthers(nowhere{})
	here, there := Room{Network: "a", ID: "#a"}, Room{Network: "b", ID: "#b"}
	if err := h.SetLinks([]Link{{Name: "l", Legs: []LegRule{{Network: "a", Room: "#a"}, {Network: "b", Room: "#b", Authority: true}}}}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var steps []Step
	seen := make(chan struct{}, 8)
	stop := h.Trace(func(s Step) {
		mu.Lock()
		steps = append(steps, s)
		mu.Unlock()
		seen <- struct{}{}
	})
	h.Publish(Event{ID: "1", Room: here, By: Person{"a", "ann"}, Body: Join{}})
	<-seen
	<-seen
	stop()
	h.Publish(Event{ID: "2", Room: here, By: Person{"a", "bob"}, Body: Join{}})
	h.close()
	if len(steps) != 2 || steps[0].Delivered || steps[0].Event.Room != here || !steps[1].Delivered || steps[1].Event.Room != there || steps[1].Event.ID != "1" {
		t.Errorf("%+v", steps)
	}
}
