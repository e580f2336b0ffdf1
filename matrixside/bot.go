package matrixside

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"
	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/event"
	"maunium.net/go/mautrix/id"

	"isthmus/bridge"
	"isthmus/bridge/store"
	"isthmus/matrixside/names"
)

const (
	botGreeting = "This is a bridge to other networks. Say help to learn what can be said here."

	// commandBurst commands of one user are carried out at once, then one per
	// commandInterval; commandPatience bounds each.
	commandBurst    = 10
	commandInterval = time.Second
	commandPatience = 2 * time.Minute
	// maxListed is how many rooms one answer lists.
	maxListed = 50
	// maxArgument bounds what a word of a command may be, in bytes.
	maxArgument = 400
)

// order is a command that somebody gave to the bot.
type order struct {
	chat *direct
	side *Side
	user id.UserID
	ev   id.EventID
	done func()
}

// say answers, and with that the command is carried out.
func (o *order) say(text string) {
	o.chat.tell(text, "")
	o.done()
}

// botCommand is something that can be said to the bot. run may wait for the
// homeserver, and sees to it that the order is answered.
type botCommand struct {
	name, usage string
	least, most int // words behind the name
	run         func(ctx context.Context, o *order, args []string)
}

// botCommands is what can be said. It is a function because help is in it.
func botCommands() []botCommand {
	return []botCommand{
		{"help", "help: this text", 0, 9, botHelp},
		{"networks", "networks: what can be reached from here", 0, 0, botNetworks},
		{"join", "join NETWORK #CHANNEL [KEY], or join ROOM@SERVER [PASSWORD]: come into a channel, or a room on XMPP", 1, 3, botJoin},
		{"leave", "leave NETWORK #CHANNEL, or leave ROOM@SERVER: leave it", 1, 2, botLeave},
		{"msg", "msg NETWORK NICK, or msg USER@SERVER: talk to somebody", 1, 2, botMsg},
		{"nick", "nick NETWORK NICK: change your nick on a network of IRC", 2, 2, botNick},
		{"list", "list NETWORK [WORD], or list SERVER: the rooms there", 1, 2, botList},
		{"status", "status: where you are", 0, 0, botStatus},
		{"login", "login NETWORK [nick=NICK] [account=ACCOUNT] [password=PASSWORD], or login NETWORK forget: how a network knows you, from your next connection on", 1, 4, botLogin},
	}
}

// command carries out what a user said to the bot.
func (c *direct) command(e *event.Event, m bridge.Message, done func()) {
	o := &order{chat: c, side: c.side, user: e.Sender, ev: e.ID, done: done}
	if !c.all.mayCommand(e.Sender) {
		o.say("Not so fast, please: this was not done.")
		return
	}
	words := strings.Fields(strings.TrimPrefix(m.Text, "!"))
	if len(words) == 0 || slices.ContainsFunc(words, func(w string) bool { return len(w) > maxArgument }) {
		o.say(helpText())
		return
	}
	started := c.side.portals.begin(func() {
		ctx, cancel := context.WithTimeout(c.side.ctx, commandPatience)
		defer cancel()
		o.run(ctx, m.Text, words)
	})
	if !started {
		c.side.log.Debug("a command that comes too late") // it is brought again
	}
}

func (o *order) run(ctx context.Context, text string, words []string) {
	name, args := strings.ToLower(words[0]), words[1:]
	for _, known := range botCommands() {
		switch {
		case known.name != name:
			continue
		case len(args) < known.least || len(args) > known.most:
			o.say(known.usage)
		default:
			known.run(ctx, o, args)
		}
		return
	}
	if len(args) > 0 && o.isNetwork(words[0]) && words[0] != bridge.NetworkXMPP {
		_, line, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(text, "!")), words[0])
		o.raw(words[0], strings.TrimSpace(line))
		return
	}
	o.say("There is no such command.\n" + helpText())
}

// mayCommand reports whether a user may give one more command now.
func (d *directs) mayCommand(user id.UserID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rates[user]
	if r == nil {
		if len(d.rates) > maxAsked {
			for u, other := range d.rates {
				if other.Tokens() >= commandBurst {
					delete(d.rates, u)
				}
			}
		}
		r = rate.NewLimiter(rate.Every(commandInterval), commandBurst)
		d.rates[user] = r
	}
	return r.Allow()
}

func helpText() string {
	lines := []string{"What can be said here:"}
	for _, c := range botCommands() {
		lines = append(lines, c.usage)
	}
	return strings.Join(append(lines, "NETWORK COMMAND: a command for the server itself, for example: libera whois nick"), "\n")
}

func botHelp(_ context.Context, o *order, _ []string) { o.say(helpText()) }

// isNetwork reports whether a word can be a network's name.
func (o *order) isNetwork(word string) bool {
	return word != "" && o.side.options().Portals.refuse(names.PortalID("", word), false) == ""
}

// room reads "libera #go" or "room@muc.example.org" off the beginning of args.
func (o *order) room(args []string, shared bool) (room string, rest []string, why string) {
	var name, network string
	switch {
	case strings.Contains(args[0], "@"):
		name, network, rest = args[0], bridge.NetworkXMPP, args[1:]
	case len(args) < 2:
		return "", nil, "Say which network, and what there: libera #go"
	default:
		network, name, rest = args[0], args[1], args[2:]
	}
	if alias := o.side.options().Names.Alias(names.PortalID(name, network)); shared && alias != "" {
		room, _ = o.side.options().Names.Portal(alias) // in the core's spelling
	} else if !shared {
		room = names.PortalID(name, network)
	}
	if room == "" {
		return "", nil, name + " can't be the name of a room there. Channels are called #like-this."
	}
	return room, rest, o.side.options().Portals.refuse(room, shared)
}

func botNetworks(_ context.Context, o *order, _ []string) {
	p := o.side.options().Portals
	all := slices.Sorted(slices.Values(p.Networks))
	known := func(network string) string {
		if !p.Spaces {
			return ""
		}
		return "; those that are in use from here are in the space " + string(o.side.options().Names.SpaceAlias(network))
	}
	for i, n := range all {
		all[i] = n + " (channels are #irc_" + n + "_#CHANNEL:" + o.side.options().Names.Server + known(n) + ")"
	}
	if p.XMPP {
		all = append(all, "XMPP (rooms are #xmpp_ROOM_SERVER:"+o.side.options().Names.Server+known(bridge.NetworkXMPP)+")")
	}
	if p.Unlisted {
		all = append(all, "other networks of IRC by their server's name, for example irc.example.org")
	}
	o.say(cmp.Or(strings.Join(all, "\n"), "Nothing can be reached from here."))
}

func botJoin(ctx context.Context, o *order, args []string) {
	room, rest, why := o.room(args, true)
	if why != "" {
		o.say(why)
		return
	}
	p, err := o.side.portals.open(ctx, room)
	if err != nil {
		o.say(openFailure(err))
		return
	}
	key := ""
	if len(rest) > 0 {
		key = rest[0]
		o.hide(ctx)
	}
	p.setKey(o.user, key)
	alias := string(o.side.options().Names.Alias(room))
	if p.enterAgain(o.user) {
		o.say("You are in " + alias + " already.")
		return
	}
	if err := o.side.invite(ctx, "", p.id, o.user, ""); err != nil {
		o.say("You could not be invited to " + alias + ". Join it by that address.")
		return
	}
	o.say("You are invited to " + alias + ".")
}

func openFailure(err error) string {
	if why, ok := err.(RefusedError); ok {
		return string(why)
	}
	return "The room could not be made. Try again later."
}

// hide takes a message with a secret out of the chat, as far as the bot may.
func (o *order) hide(ctx context.Context) {
	err := o.side.options().Client.Once(ctx, "", func(ctx context.Context, m *mautrix.Client) error {
		_, err := m.RedactEvent(ctx, o.chat.id, o.ev, mautrix.ReqRedact{Reason: "It has a password in it.", TxnID: string(o.ev)})
		return err
	})
	if err != nil {
		o.chat.tell("There was a password in what you said: it is better to remove it.", o.ev)
	}
}

func botLeave(ctx context.Context, o *order, args []string) {
	room, _, why := o.room(args, true)
	p := o.side.portals.named(room)
	if why != "" || p == nil {
		o.say(cmp.Or(why, "You are not there."))
		return
	}
	if err := p.request(ctx, actKick{user: o.user, reason: "You said so."}); err != nil {
		o.say("That did not work. Leave the room with your client.")
		return
	}
	o.say("You have left.")
}

func botMsg(ctx context.Context, o *order, args []string) {
	room, _, why := o.room(args, false)
	if why != "" {
		o.say(why)
		return
	}
	name, network, _ := names.SplitPortal(room)
	if network != bridge.NetworkXMPP && names.IsChannel(name) {
		o.say(name + " is a channel. To come into it, say: join " + network + " " + name)
		return
	}
	other := bridge.Person{Network: network, ID: name}
	if _, err := o.side.directs.open(ctx, other, o.side.ghosts.callName(other), o.user); err != nil {
		o.say("That did not work. Try again later.")
		return
	}
	o.say("You are invited to a chat with " + name + ", " + string(o.side.ghostOf(other)) + ".")
}

// console is the room in which the network itself is asked for things.
func (o *order) console(network string) bridge.Room {
	return bridge.Room{Network: bridge.NetworkMatrix, ID: names.PortalID("", network), Owner: matrixPerson(o.user)}
}

// ask publishes a request; answer makes of what comes back what the user reads,
// "" for nothing.
func (o *order) ask(e bridge.Event, answer func(bridge.Body) string) {
	e.By = e.Room.Owner
	o.side.directs.ask(e, func(b bridge.Body) {
		text := ""
		if f, failed := b.(bridge.Failure); failed {
			text = cmp.Or(f.Text, failureTexts[f.Kind], "That did not work.")
		} else {
			text = answer(b)
		}
		if text != "" {
			o.chat.tell(text, "")
		}
		o.done()
	})
}

func (o *order) raw(network, line string) {
	o.ask(bridge.Event{Room: o.console(network), Body: bridge.Message{Text: line}}, func(bridge.Body) string { return "" })
}

func botNick(_ context.Context, o *order, args []string) {
	if !o.isNetwork(args[0]) || args[0] == bridge.NetworkXMPP {
		o.say("That is for networks of IRC. On XMPP you are called in a room as you are called here.")
		return
	}
	o.ask(bridge.Event{Room: o.console(args[0]), Body: bridge.Rename{To: args[1]}}, func(bridge.Body) string {
		return "On " + args[0] + " you are called " + args[1] + " now."
	})
}

func botList(_ context.Context, o *order, args []string) {
	q := bridge.Query{What: bridge.QueryRooms, Limit: maxListed}
	room := o.console(args[0])
	network := args[0]
	if !slices.Contains(o.side.options().Portals.Networks, network) && o.side.options().Portals.XMPP && strings.Contains(network, ".") {
		network, room.ID = bridge.NetworkXMPP, names.PortalID(args[0], bridge.NetworkXMPP)
	}
	if why := o.side.options().Portals.refuse(room.ID, false); why != "" {
		o.say(why)
		return
	}
	if len(args) > 1 {
		q.Search = args[1]
	}
	o.ask(bridge.Event{Room: room, Body: q}, func(b bridge.Body) string {
		answer, ok := b.(bridge.Answer)
		if !ok {
			return "There was no answer."
		}
		return o.listing(network, q.Search, answer)
	})
}

// listing is a list of rooms in words.
func (o *order) listing(network, search string, a bridge.Answer) string {
	var lines []string
	more := a.Cut || a.Next != ""
	for _, row := range a.Rows {
		if len(row) == 0 || search != "" && !strings.Contains(strings.ToLower(strings.Join(row, " ")), strings.ToLower(search)) {
			continue
		}
		if len(lines) == maxListed {
			more = true
			break
		}
		line := row[0]
		if alias := o.side.options().Names.Alias(names.PortalID(row[0], network)); alias != "" {
			line += " (" + string(alias) + ")"
		}
		if people := at(row, 2); people != "" {
			line += ", " + people + " people"
		}
		if about := strings.Join(slices.DeleteFunc([]string{at(row, 3), at(row, 1)}, func(s string) bool { return s == "" }), ": "); about != "" {
			line += ": " + cleanLine(about, 200)
		}
		lines = append(lines, line)
	}
	switch {
	case len(lines) == 0:
		return "There are none."
	case more:
		lines = append(lines, "There are more: give a word to look for.")
	}
	return strings.Join(lines, "\n")
}

// at is what stands there in a row, "" for nothing.
func at(row []string, i int) string {
	if i < len(row) {
		return row[i]
	}
	return ""
}

func botStatus(_ context.Context, o *order, _ []string) {
	var lines []string
	for _, p := range o.side.portals.of(o.user) {
		lines = append(lines, p.status(o.user))
	}
	slices.Sort(lines)
	o.say(cmp.Or(strings.Join(lines, "\n"), "You are in no room of another network."))
}

// status is how a user is in a portal, in words.
func (p *portal) status(user id.UserID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.state.there + " on " + p.state.home
	switch u := p.state.users[user]; {
	case u == nil || u.phase == userOut:
		return line + ": not in it at the moment"
	case u.phase == userJoining:
		return line + ": on the way in"
	default:
		return fmt.Sprintf("%s: as %s", line, u.nick)
	}
}

// enterAgain reports whether a user is in the room on Matrix, and lets them in
// where they weren't.
func (p *portal) enterAgain(user id.UserID) (in bool) {
	p.run(func(s *portalState) {
		u := s.users[user]
		if in = u != nil; in && u.phase == userOut {
			u.retry = time.Time{}
			s.join(user, u, false, nil)
		}
	})
	return in
}

func botLogin(ctx context.Context, o *order, args []string) {
	set := o.side.options()
	network := args[0]
	if set.Logins == nil || !o.isNetwork(network) || network == bridge.NetworkXMPP {
		o.say("There is nothing to log in to.")
		return
	}
	who := matrixPerson(o.user)
	login, err := set.Logins.Login(ctx, who, network)
	if err != nil {
		o.say("That did not work, by no fault of yours.")
		return
	}
	if len(args) == 1 {
		o.say(loginText(network, login))
		return
	}
	for _, field := range args[1:] {
		key, value, _ := strings.Cut(field, "=")
		switch {
		case field == "forget":
			login = store.Login{}
		case key == "nick":
			login.Nick = value
		case key == "account" && value != login.Account:
			login.Account, login.Password = value, "" // another account's password is another one
		case key == "account":
		case key == "password":
			login.Password = value
			o.hide(ctx)
		default:
			o.say("What is " + key + "? Say nick=, account= or password=.")
			return
		}
	}
	if login.Account == "" {
		login.Password = ""
	}
	if err := set.Logins.SetLogin(ctx, who, network, login); err != nil {
		o.say("That did not work, by no fault of yours.")
		return
	}
	if set.LoginChanged != nil {
		set.LoginChanged(who, network)
	}
	o.say("Kept. " + loginText(network, login))
}

func loginText(network string, l store.Login) string {
	if l == (store.Login{}) {
		return "Nothing is kept of how " + network + " knows you."
	}
	text := "On " + network + ": nick " + cmp.Or(l.Nick, "as in the room") + ", account " + cmp.Or(l.Account, "none")
	if l.Account != "" && l.Password == "" && l.Certificate == "" {
		text += ", without a password"
	}
	return text + "."
}

// botSays says something to a user in their chat with the bot.
func (d *directs) botSays(user id.UserID, text string) {
	err := d.side.persist(func(ctx context.Context) error {
		c, err := d.openBot(ctx, user)
		if err != nil {
			return err
		}
		return c.notice(ctx, text, "")
	})
	if err != nil && d.side.ctx.Err() == nil {
		d.side.Counters.GivenUp.Add(1)
		d.side.log.Warn("matrix: a user could not be told something", "user", user, "error", err)
	}
}

// console shows what a network says to a user, in their chat with the bot.
func (d *directs) console(user id.UserID, network string, e bridge.Event) {
	text := ""
	switch b := e.Body.(type) {
	case bridge.Message:
		if e.By != (bridge.Person{}) && e.By == e.Room.Owner {
			return
		}
		text = b.Text
	case bridge.Info:
		text = b.Text
	case bridge.Session:
		text = cmp.Or(b.Text, "Your connection has changed.")
	case bridge.Lost:
		text = plural(b.Count, "thing was", "things were") + " not shown: the bridge was overloaded."
	}
	if text == "" {
		return
	}
	if strings.Contains(text, "\n") {
		text = "\n" + text
	} else {
		text = " " + text
	}
	d.botSays(user, network+":"+text)
}
