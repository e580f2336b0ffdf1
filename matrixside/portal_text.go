package matrixside

import "isthmus/bridge"

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
