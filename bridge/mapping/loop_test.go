package mapping

import (
	"testing"
	"time"
)

// TestRepeats: what is taken for another bridge's repetition of rob's words.
func TestRepeats(t *testing.T) {
	here, there := new(leg), new(leg)
	for _, c := range []struct {
		of, text   string // what was said in the other room, and here
		who, by    string // the speakers
		repetition int
	}{
		{"hello", "<rob> hello", "rob", "bot", echoWeight},
		{"hello", "[irc] rob: hello", "rob", "bot", echoWeight},
		{"hello", "<rob2> hello", "rob", "bot", echoWeight},
		{"hello", "probably hello", "rob", "ann", 0},
		{"hello", "well, hello", "rob", "ann", 0},
		{"no", "i am a man, so no", "ma", "ann", 0},
		{"ok", "i am ok", "a", "ann", 0},
		{"ok", "anything is ok", "", "ann", 0},
		{"yes", "yes", "rob", "rob|irc", 1},
		{"good morning", "good morning", "rob", "rob|irc", echoWeight},
		{"good morning", "good morning", "rob", "ann", 0},
		{"good morning", "good morning", "rob", "rob", 0}, // who is in both rooms
	} {
		if got := repeats(c.text, c.by, here, &echo{text: c.of, name: c.who, from: there}, time.Second); got != c.repetition {
			t.Errorf("%s: %q, %s: %q is %d", c.who, c.of, c.by, c.text, got)
		}
	}
}
