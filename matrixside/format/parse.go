package format

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
)

// In is what Parse can't know of its own.
type In struct {
	// Person is who a mentioned user is to other networks: a ghost's person,
	// or a native. Nil leaves mentions what they are, links.
	Person func(id.UserID) bridge.Person
	// URL is a link to a file on Matrix which people of other networks can
	// follow, "" if there can be none. Nil is never any.
	URL func(uri id.ContentURI, name string) string
}

// Parse is what e, an event of a room's timeline, says to people of other
// networks. It is false for an event that says nothing: a reaction, a
// redaction (or what was redacted), a poll's votes, what only machines talk
// about, and one that is encrypted. An edit is what it changes to, behind "* ".
// Events and messages of unknown types are their fallback text, or their type
// in brackets.
func Parse(e *event.Event, in In) (bridge.Message, bool) {
	if silent(e.Type.Type) || e.StateKey != nil || e.Unsigned.RedactedBecause != nil {
		return bridge.Message{}, false
	}
	var m bridge.Message
	switch e.Type.Type {
	case event.EventMessage.Type, event.EventSticker.Type:
		content := contentOf(e)
		if e.Type.Type == event.EventSticker.Type {
			content.MsgType = event.CapMsgSticker
		}
		m = message(content, in)
	default:
		m.Text = fallback(e)
	}
	m.Text, m.Spans = trimmed(m.Text, m.Spans)
	m.Native = string(e.ID)
	return m, strings.TrimSpace(m.Text) != "" || len(m.Files) > 0
}

// silent reports whether events of a type are nothing for people.
func silent(kind string) bool {
	switch kind {
	case event.EventReaction.Type, event.EventRedaction.Type, event.EventEncrypted.Type,
		"m.poll.response", "org.matrix.msc3381.poll.response", "m.beacon", "org.matrix.msc3672.beacon":
		return true
	}
	call := strings.HasPrefix(kind, "m.call.") && kind != event.CallInvite.Type
	return call || strings.HasPrefix(kind, "m.key.verification.") || kind == ""
}

// contentOf is the content of a message, also of one with fields of wrong
// types, whose text counts nevertheless. e stays as it is.
func contentOf(e *event.Event) *event.MessageEventContent {
	if parsed, ok := e.Content.Parsed.(*event.MessageEventContent); ok && parsed != nil {
		c := *parsed
		return &c
	}
	c := &event.MessageEventContent{}
	raw := e.Content.VeryRaw
	if raw == nil {
		raw, _ = json.Marshal(e.Content.Raw) // it came from JSON
	}
	if err := json.Unmarshal(raw, c); err == nil {
		return c
	}
	text := func(name string) string { s, _ := e.Content.Raw[name].(string); return s }
	return &event.MessageEventContent{MsgType: event.MessageType(text("msgtype")), Body: text("body"),
		Format: event.Format(text("format")), FormattedBody: text("formatted_body")}
}

func message(c *event.MessageEventContent, in In) bridge.Message {
	if c.RelatesTo.GetReplaceID() != "" && c.NewContent != nil {
		edited := *c.NewContent
		edited.RelatesTo, edited.NewContent = nil, nil
		if edited.MsgType == "" {
			edited.MsgType = c.MsgType
		}
		return edit(message(&edited, in))
	}
	var m bridge.Message
	switch {
	case c.MsgType.IsMedia():
		return media(c, in)
	case c.MsgType == event.MsgLocation:
		m.Text = clean(c.Body)
		if c.GeoURI != "" && !strings.Contains(c.Body, c.GeoURI) {
			m.Text = strings.TrimSpace(m.Text + "\n" + clean(c.GeoURI))
		}
		return m
	}
	m.Emote, m.Notice = c.MsgType == event.MsgEmote, c.MsgType == event.MsgNotice
	m.Text, m.Spans = words(c, c.RelatesTo.GetReplyTo() != "", in)
	if strings.TrimSpace(m.Text) == "" && c.MsgType != "" && !c.MsgType.IsText() {
		m.Text = "[" + clean(string(c.MsgType)) + "]"
	}
	return m
}

// edit marks m as what somebody says instead of something else.
func edit(m bridge.Message) bridge.Message {
	const mark = "* "
	m.Files = nil // they are the same most times, and known already
	if strings.TrimSpace(m.Text) == "" {
		return bridge.Message{}
	}
	m.Text = mark + m.Text
	for i := range m.Spans {
		m.Spans[i].Start += len(mark)
		m.Spans[i].End += len(mark)
	}
	return m
}

// words is the text of c, without what a reply repeats of the other message.
func words(c *event.MessageEventContent, reply bool, in In) (string, []bridge.Span) {
	if c.Format == event.FormatHTML && c.FormattedBody != "" {
		if text, spans, ok := fromHTML(c.FormattedBody, in); ok {
			return text, spans
		}
	}
	body := c.Body
	if reply && (strings.HasPrefix(body, "> <@") || strings.HasPrefix(body, "> * <@")) {
		body = event.TrimReplyFallbackText(body)
	}
	return clean(body), nil
}

// media is a file, and the text that goes with it if there is any ("Media captions").
func media(c *event.MessageEventContent, in In) bridge.Message {
	var m bridge.Message
	name := clean(c.GetFileName())
	sticker := c.MsgType == event.CapMsgSticker
	if !sticker && c.GetCaption() != "" {
		m.Text, m.Spans = words(c, false, in)
	}
	kind := strings.TrimPrefix(string(c.MsgType), "m.")
	f := bridge.File{Name: fileName(name, kind)}
	if c.Info != nil {
		f.Name = withExtension(f.Name, mediaType(c.Info.MimeType))
		f.Type, f.Size = mediaType(c.Info.MimeType), max(int64(c.Info.Size), 0)
		f.Width, f.Height, f.Duration = max(c.Info.Width, 0), max(c.Info.Height, 0), max(c.Info.Duration, 0)
	}
	if uri, err := c.URL.Parse(); err == nil && !uri.IsEmpty() && c.File == nil && in.URL != nil {
		f.URL = in.URL(uri, f.Name)
	}
	if f.URL != "" {
		m.Files = []bridge.File{f}
		return m
	}
	why := "[" + kind + "] " + f.Name
	if c.File != nil {
		why = "[encrypted " + kind + "] " + f.Name
	}
	m.Text = why + strings.TrimRight("\n"+m.Text, "\n")
	for i := range m.Spans {
		m.Spans[i].Start += len(why) + 1
		m.Spans[i].End += len(why) + 1
	}
	return m
}

// fileName is a name that may stand in a line and in a URL.
func fileName(name, kind string) string {
	name = strings.Join(strings.FieldsFunc(name, func(r rune) bool { return r == '\n' || r == '\t' || r == '/' || r == '\\' }), " ")
	for i := range name {
		if i > maxName {
			name = name[:i]
			break
		}
	}
	return cmp.Or(strings.TrimSpace(name), kind)
}

// extensions are those of the types that clients of other networks show by
// the end of a link.
var extensions = map[string]string{
	"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp", "image/avif": ".avif", "image/svg+xml": ".svg",
	"video/mp4": ".mp4", "video/webm": ".webm", "video/quicktime": ".mov",
	"audio/ogg": ".ogg", "audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/webm": ".weba", "audio/wav": ".wav", "audio/flac": ".flac",
	"application/pdf": ".pdf",
}

// withExtension is name with the extension of its type, if it has none: a
// sticker is called "Hello!" and a voice message "Voice message".
func withExtension(name, kind string) string {
	if at := strings.LastIndexByte(name, '.'); at > 0 && at >= len(name)-6 && at < len(name)-1 && !strings.ContainsRune(name[at:], ' ') {
		return name
	}
	return name + extensions[kind]
}

// mediaType is s if it looks like a media type.
func mediaType(s string) string {
	s, _, _ = strings.Cut(strings.ToLower(s), ";")
	s = strings.TrimSpace(s)
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("/+-._", r)
	}
	if strings.Count(s, "/") != 1 || len(s) > 100 || strings.ContainsFunc(s, odd) {
		return ""
	}
	return s
}

// fallback is what an event of a type that we don't know says to those who
// don't know it either ("Extensible events").
func fallback(e *event.Event) string {
	raw := e.Content.Raw
	for _, name := range []string{"m.poll.start", "org.matrix.msc3381.poll.start"} {
		if poll, ok := raw[name].(map[string]any); ok {
			if text := pollText(poll); text != "" {
				return text
			}
		}
	}
	if text := textOf(raw); text != "" {
		return text
	}
	if related, ok := raw["m.relates_to"].(map[string]any); ok && related["rel_type"] != nil {
		return "" // about another event, and has no words
	}
	return "[" + clean(e.Type.Type) + "]"
}

// textOf is the text of an event, or of a part of one: as it is now, as it was
// before, and as it was at first.
func textOf(raw map[string]any) string {
	for _, name := range []string{"m.text", "org.matrix.msc1767.text", "body"} {
		switch text := raw[name].(type) {
		case string:
			if strings.TrimSpace(text) != "" {
				return clean(text)
			}
		case []any:
			for _, one := range text {
				if v, ok := one.(map[string]any); ok {
					body, _ := v["body"].(string)
					kind, _ := v["mimetype"].(string)
					if strings.TrimSpace(body) != "" && (kind == "" || kind == "text/plain") {
						return clean(body)
					}
				}
			}
		}
	}
	return ""
}

// pollText is a poll as people can read it, with a line for each answer.
func pollText(poll map[string]any) string {
	question, _ := poll["question"].(map[string]any)
	text := textOf(question)
	if text == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("Poll: " + text)
	answers, _ := poll["answers"].([]any)
	for i, one := range answers[:min(len(answers), 20)] {
		answer, _ := one.(map[string]any)
		b.WriteString("\n" + strconv.Itoa(i+1) + ". " + strings.ReplaceAll(textOf(answer), "\n", " "))
	}
	return b.String()
}
