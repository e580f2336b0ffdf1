package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"isthmus/bridge"
)

// linkName is what stands in logs and before a slash.
var linkName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (c *checker) links(cfg *Config) {
	names := map[string]int{}
	rooms := map[string]string{} // the link of each
	for i := range cfg.Links {
		l := &cfg.Links[i]
		path := fmt.Sprintf("links[%d]", i)
		if c.wrong[path] {
			continue
		}
		first, again := names[l.Name]
		switch {
		case l.Name == "":
			c.fail(path+".name", "is missing: give the link a name, as in lounge")
		case !linkName.MatchString(l.Name):
			c.fail(path+".name", "%s is no name for a link: use up to 64 of A-Z, a-z, 0-9, dot, dash and underscore", strconv.QuoteToASCII(l.Name))
		case again:
			c.fail(path+".name", "%s is link %d already: use another name", l.Name, first+1)
		default:
			names[l.Name] = i
		}
		c.oneOf(path+".moderation", l.Moderation, "apply", "undo", "off")
		c.linkRooms(path+".rooms", l, cfg, rooms)
	}
}

// linkRooms checks the rooms of one link, and notes them in taken.
func (c *checker) linkRooms(path string, l *Link, cfg *Config, taken map[string]string) {
	if c.wrong[path] {
		return
	}
	if len(l.Rooms) < 2 {
		c.fail(path, "needs two rooms or more, as in - { irc: libera, channel: \"#lounge\" }")
	}
	here := map[string]int{}
	for i := range l.Rooms {
		r := &l.Rooms[i]
		at := fmt.Sprintf("%s[%d]", path, i)
		if c.wrong[at] || !c.linkRoom(at, r, cfg) {
			continue
		}
		key := r.key()
		if first, again := here[key]; again {
			c.fail(at, "%s is room %d of this link already: remove one", r, first+1)
		} else if link, elsewhere := taken[key]; elsewhere {
			c.fail(at, "%s is in the link %s already: a room can be in one link, which may have more rooms than two", r, link)
		}
		here[key] = i
		c.otherWay(at, l.Rooms[:i+1], cfg)
	}
	for key := range here {
		taken[key] = l.Name
	}
	for _, deaf := range []string{DirectionIn, DirectionOut} {
		if len(l.Rooms) > 1 && !slices.ContainsFunc(l.Rooms, func(r LinkRoom) bool { return r.Direction != deaf }) {
			c.fail(path, "nobody would hear anybody: each room has direction %s; give one of them both", deaf)
		}
	}
	c.alone(path, l, cfg)
}

// otherWay refuses a channel, the last of rooms, that another of them is too,
// by a network that has another name but a server in common.
func (c *checker) otherWay(path string, rooms []LinkRoom, cfg *Config) {
	last := rooms[len(rooms)-1]
	for _, r := range rooms[:len(rooms)-1] {
		if r.IRC == "" || r.IRC == last.IRC || r.foldedChannel() != last.foldedChannel() {
			continue
		}
		for _, a := range cfg.Networks[r.IRC].Addresses {
			if slices.ContainsFunc(cfg.Networks[last.IRC].Addresses, func(b Endpoint) bool { return a.Address() == b.Address() }) {
				c.fail(path, "%s is %s by another name, for both networks are at %s: remove one", last, r, a.Address())
				break
			}
		}
	}
}

// alone warns of what a network's preset asks not to do.
func (c *checker) alone(path string, l *Link, cfg *Config) {
	irc := map[string]bool{}
	for _, r := range l.Rooms {
		irc[r.IRC] = r.IRC != ""
	}
	delete(irc, "")
	for i, r := range l.Rooms {
		if preset := cfg.Networks[r.IRC].Preset; presets[preset].alone && len(irc) > 1 {
			c.warn(fmt.Sprintf("%s[%d]", path, i), "%s doesn't want its channels joined to those of other IRC networks", preset)
		}
	}
}

// linkRoom checks one room and fills in what holds for its network. It is
// false for what is none.
func (c *checker) linkRoom(path string, r *LinkRoom, cfg *Config) bool {
	kinds := 0
	for _, kind := range []string{"xmpp", "irc", "matrix"} {
		if c.given(path + "." + kind) {
			kinds++
		}
	}
	before := len(c.problems)
	switch {
	case kinds == 0 && c.given(path+".channel"):
		c.fail(path+".irc", "is missing: name the network of the channel, one of %s", list(cfg.Networks))
	case kinds == 0:
		c.fail(path, "names no room: give xmpp, matrix, or irc and channel")
	case kinds > 1:
		c.fail(path, "names more than one room: give xmpp, matrix, or irc and channel, and the others in entries of their own")
	case c.given(path + ".irc"):
		c.channel(path, r, cfg)
	case c.given(path + ".channel"):
		c.fail(path+".channel", "belongs to irc: remove it")
	case c.given(path + ".xmpp"):
		c.muc(path+".xmpp", r, cfg)
	default:
		c.matrixRoom(path+".matrix", r, cfg)
	}
	ok := len(c.problems) == before && !c.wrong[path+"."+r.kind()]
	c.oneOf(path+".direction", r.Direction, DirectionBoth, DirectionIn, DirectionOut)
	if r.Matrix != "" && r.PasswordFile != "" {
		c.fail(path+".password_file", "is of no use: rooms of Matrix have no passwords; remove it, and invite the bridge")
	}
	if ok {
		c.inherit(path, &r.Mapped, cfg.mapped(r.Network()))
		c.mapped(path, &r.Mapped)
	}
	return ok
}

// mapped is what holds for rooms of a network.
func (cfg *Config) mapped(network string) Mapped {
	switch network {
	case bridge.NetworkXMPP:
		return cfg.XMPP.Mapped
	case bridge.NetworkMatrix:
		return cfg.Matrix.Mapped
	}
	return cfg.Networks[network].Mapped
}

// inherit fills in what the file doesn't say for a room.
func (c *checker) inherit(path string, m *Mapped, from Mapped) {
	fill(c, path+".as", &m.As, from.As)
	fill(c, path+".enter", &m.Enter, from.Enter)
	fill(c, path+".idle", &m.Idle, from.Idle)
	fill(c, path+".puppets", &m.Puppets, from.Puppets)
	fill(c, path+".name", &m.Name, from.Name)
}

func (r LinkRoom) kind() string {
	switch {
	case r.XMPP != "":
		return "xmpp"
	case r.Matrix != "":
		return "matrix"
	}
	return "irc"
}

// key is the same for all ways to write one room.
func (r LinkRoom) key() string {
	if r.IRC == "" {
		return r.String()
	}
	return r.IRC + ":" + r.foldedChannel()
}

// foldedChannel follows RFC 2812 §2.2: {}|~ are the lower case of []\^.
func (r LinkRoom) foldedChannel() string {
	return strings.NewReplacer("[", "{", "]", "}", `\`, "|", "^", "~").Replace(r.Channel)
}

// maxChannel is what no network's CHANNELLEN is beyond.
const maxChannel = 200

func (c *checker) channel(path string, r *LinkRoom, cfg *Config) {
	if _, known := cfg.Networks[r.IRC]; !known {
		c.fail(path+".irc", "%s is not under networks: add it there, or use one of %s", strconv.QuoteToASCII(r.IRC), list(cfg.Networks))
	}
	name := r.Channel
	switch {
	case name == "":
		c.fail(path+".channel", `is missing: name the channel, in quotes, as in "#lounge"`)
	case !strings.Contains("#&+!", name[:1]):
		c.fail(path+".channel", `%s is not a channel: write it with its #, in quotes, as in "#lounge"`, strconv.QuoteToASCII(name))
	// RFC 2812 §1.3
	case len(name) < 2 || len(name) > maxChannel || strings.ContainsAny(name, " ,") || strings.ContainsFunc(name, isControl):
		c.fail(path+".channel", "%s is not a channel: use up to %d characters without spaces and commas", strconv.QuoteToASCII(name[:min(len(name), 64)]), maxChannel)
	}
	r.Channel = lowerASCII(name)
}

func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

func (c *checker) muc(path string, r *LinkRoom, cfg *Config) {
	bare, err := canonicalBare(r.XMPP)
	local, domain, _ := strings.Cut(bare, "@")
	switch {
	case err != nil:
		c.fail(path, "%v", err)
		return
	case domain == "":
		c.fail(path, "%s is no room: write it as in lounge@conference.example.org", strconv.QuoteToASCII(local))
	}
	r.XMPP = bare
	for _, d := range cfg.XMPP.Domains {
		if d.Name == domain {
			c.fail(path, "is at our own %s, whose rooms are those of other networks: name the room itself, as in irc: libera, channel: \"#lounge\"", domain)
		}
	}
}

func (c *checker) matrixRoom(path string, r *LinkRoom, cfg *Config) {
	if !c.given("matrix") {
		c.fail(path, "there is no homeserver: add a matrix section")
	}
	name, server, hasServer := strings.Cut(r.Matrix, ":")
	switch {
	// Matrix, Appendices "Room IDs": those of version 12 have no server.
	case strings.HasPrefix(name, "!") && len(name) > 1 && len(r.Matrix) <= 255 && (!hasServer || serverName.MatchString(server)):
	case !strings.HasPrefix(name, "#") || len(name) < 2 || !serverName.MatchString(server) || len(r.Matrix) > 255:
		c.fail(path, `%s is neither an alias nor a room id: write it in quotes, as in "#lounge:example.org" or "!id:example.org"`,
			strconv.QuoteToASCII(r.Matrix[:min(len(r.Matrix), 64)]))
	case strings.ContainsFunc(name, isControl) || strings.ContainsAny(name, " %"):
		c.fail(path, "%s can't be told from other rooms: use the room's id", strconv.QuoteToASCII(r.Matrix))
	case server == cfg.Matrix.ServerName && (strings.HasPrefix(name, "#irc_") || strings.HasPrefix(name, "#xmpp_")):
		c.fail(path, "is one of ours, for a room of another network: name the room itself, as in irc: libera, channel: \"#lounge\"")
	}
}

// relay checks how an IRC network hears those without a session.
func (c *checker) relay(path string, r *Relay) {
	if !ircNick.MatchString(r.Nick) {
		c.fail(path+".nick", "%s is not a nick: use up to 30 letters, digits and []\\`_^{|}-, and no digit first", strconv.QuoteToASCII(r.Nick))
	}
	c.nameTemplate(path+".template", r.Template, "name", "network")
	c.oneOf(path+".relaymsg", r.RelayMsg, "auto", "off")
	if r.Account != "" && r.PasswordFile == "" {
		c.fail(path+".account", "needs a password_file")
	}
}

// ircNick follows RFC 2812 §2.3.1, with the length that networks of today have.
var ircNick = regexp.MustCompile("^[A-Za-z\\[\\]\\\\`_^{|}][A-Za-z0-9\\[\\]\\\\`_^{|}-]{0,29}$")

// mapped checks what the file says itself, so that nobody is blamed for what
// they inherit.
func (c *checker) mapped(path string, m *Mapped) {
	if c.given(path + ".as") {
		c.oneOf(path+".as", m.As, AsRelay, AsPuppets)
	}
	if c.given(path + ".enter") {
		c.oneOf(path+".enter", m.Enter, EnterJoin, EnterSpeak)
	}
	if c.given(path+".idle") && m.Idle < 0 {
		c.fail(path+".idle", "must not be negative (0s keeps them for ever)")
	}
	if c.given(path + ".puppets") {
		c.atLeast(path+".puppets", m.Puppets, 1)
	}
	if c.given(path + ".name") {
		c.nameTemplate(path+".name", m.Name, "name", "network")
	}
}

// nameTemplate checks a template that must tell people apart.
func (c *checker) nameTemplate(path, text string, names ...string) {
	c.template(path, text, names...)
	if text != "" && !strings.Contains(text, "{name}") {
		c.fail(path, "needs {name}: everybody would be called the same")
	}
}

// maxContact fits into a realname beside other words.
const maxContact = 100

func (c *checker) contact(path, text string) {
	u, err := url.Parse(text)
	if err != nil || !slices.Contains([]string{"mailto", "xmpp", "https", "http", "matrix", "irc", "ircs"}, u.Scheme) ||
		len(text) > maxContact || strings.ContainsAny(text, " ") || u.Opaque+u.Host+u.Path == "" {
		c.fail(path, "%s is no URI of somebody: write it as in mailto:admin@example.org", strconv.QuoteToASCII(text[:min(len(text), 64)]))
	}
}
