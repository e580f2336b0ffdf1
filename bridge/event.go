package bridge

import "time"

// Event is the one envelope that crosses the border between the core and a
// side. A side publishes events, the core delivers events: plain values that
// survive JSON, without pointers, callbacks or results.
//
// An event that came from a room with authority is a fact. One that came from
// any other leg is a request: it is delivered to the room that decides, and
// becomes a fact when that room has taken it.
type Event struct {
	// ID is unique over the whole bridge (see NewID). An answer names it in Ref.
	ID string `json:"id"`
	// Room is where it happened (published) or where it goes (delivered).
	Room Room `json:"room"`
	// By is who did it or, for a join, leave, rename, presence or role, who
	// it happened to. The zero Person is the network itself.
	By Person `json:"by,omitzero"`
	// Name is how By is called in the room, where the publisher knows it.
	Name string `json:"name,omitempty"`
	// Via is whose session carries a request out, where By has none of their
	// own in the room, or not the rights: the Keeper's. Zero for By's own.
	Via Person `json:"via,omitzero"`
	// Ref is the ID of the event that this one answers or results from.
	Ref string `json:"ref,omitempty"`
	// At is when it happened; the zero time means now.
	At time.Time `json:"at,omitzero"`
	// Body says what happened. It is never nil.
	Body Body `json:"-"`
}

// Body is the closed set of things that can happen. Adding a kind means
// adding it to the bodies table in json.go, to step.go and to every side;
// each of them panics on a kind it does not know.
type Body interface{ kind() string }

// Message is something said. In a room with a non-zero Owner it is private.
type Message struct {
	Text   string `json:"text"`             // plain text, LF between lines, no control characters but tabs
	Spans  []Span `json:"spans,omitempty"`  // what of Text looks different; see Span
	Emote  bool   `json:"emote,omitempty"`  // /me; Text is without the prefix
	Notice bool   `json:"notice,omitempty"` // an IRC NOTICE: nobody may answer it automatically
	// Files are what comes with it. Text may be empty then; a side that can
	// show no files adds their URLs to the text.
	Files []File `json:"files,omitempty"`
	// Native is the id that the network it was said on gave it (an IRC msgid).
	Native string `json:"native,omitempty"`
}

// Said is a message of an earlier time, for somebody who has just come.
type Said struct {
	ID   string    `json:"id,omitempty"` // our id of the message; "" where it has none
	At   time.Time `json:"at"`
	By   Person    `json:"by"`
	Name string    `json:"name"`
	Message
}

// Join is a person entering. As a request Name (on the Event) is the name
// wished for; as a fact it is the name given.
type Join struct {
	Password string `json:"password,omitempty"` // the room's key; a request only
	Created  bool   `json:"created,omitempty"`  // the room came into being with this join
	// Role is what they may do at once.
	Role Role `json:"role,omitempty"`
	// Relayed asks that By be in the room for its other people to see, but
	// without a session: what they say goes by Event.Via. A request from a
	// mapped leg only; the room's own network does not get it.
	Relayed bool `json:"relayed,omitempty"`
	// Wanted is how many earlier messages they want to see; a request only.
	Wanted int `json:"wanted,omitempty"`
	// History is what was said before, oldest first, as far as the room lets
	// By see it; of one of ours, in the fact that answers their request.
	History []Said `json:"history,omitempty"`
}

// Leave is a person going, or made to go.
type Leave struct {
	Cause  Cause  `json:"cause"`
	Reason string `json:"reason,omitempty"`
	Actor  string `json:"actor,omitempty"` // name in the room of who kicked or banned
}

// Cause says why somebody left.
type Cause uint8

// The causes of a Leave.
const (
	CausePart     Cause = iota // left this room
	CauseQuit                  // left the network
	CauseKick                  // was removed
	CauseBan                   // was removed for good
	CauseSplit                 // their server was cut off (IRC netsplit)
	CauseKill                  // was removed from the network by its operators
	CauseShutdown              // the bridge is going down
	CauseDecline               // they turned an Invite down: they were never in. A request only
)

// Rename is a person taking another name. Event.By is who they were; Person
// is who they are now (the same unless the network knows people by name).
type Rename struct {
	To     string `json:"to"`
	Person Person `json:"person,omitzero"`
}

// Presence is a change of availability.
type Presence struct {
	Show   Show   `json:"show"`
	Status string `json:"status,omitempty"`
}

// Profile is a change of how somebody looks. It is told like a Presence.
type Profile struct {
	// Avatar is the SHA-1 of their picture in hex, "" for none. QueryAvatar
	// in a private conversation with them brings the picture itself.
	Avatar string `json:"avatar,omitempty"`
}

// Typing tells that somebody is, or is no longer, writing something. It is a
// signal: it needs no answer, and may be left out where it would be too much.
type Typing struct {
	On bool `json:"on"`
}

// Read tells how far somebody has read. It is a signal, as Typing is.
type Read struct {
	Message string `json:"message"` // our id (Event.ID) of the last message that they have seen
}

// Invite is a call into a room. As a request in a shared room, By asks that
// Person be let in. In a private conversation it tells Owner that the other
// party asks them into the room called Room on the other party's network. As a
// fact of a shared room it tells the mapping that the Keeper, who could not come
// in, is asked in now.
type Invite struct {
	Person Person `json:"person,omitzero"`
	Room   string `json:"room,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// RoomInfo is how a room presents itself. Like a Topic, the last one counts.
type RoomInfo struct {
	Name   string `json:"name,omitempty"`   // for people; "" where it has none but its address
	Avatar string `json:"avatar,omitempty"` // SHA-1 in hex; see Profile
}

// Moved tells that the room is no more: everybody is out. To is the room that
// takes its place, in its network's words, or "".
type Moved struct {
	To     string `json:"to,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// RoleChange is somebody gaining or losing power. As a request Target is who
// it is wished for and By who wishes; as a fact By is whom it happened to.
type RoleChange struct {
	Target string `json:"target,omitempty"` // name in the room
	Role   Role   `json:"role"`
	Actor  string `json:"actor,omitempty"`
}

// Expel asks for somebody's removal. It is only ever a request: the fact is a
// Leave. With Ban, Person bans also who is not in the room at the moment.
type Expel struct {
	Target string `json:"target"` // name in the room
	Person Person `json:"person,omitzero"`
	Ban    bool   `json:"ban,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Pardon is that a ban is lifted: as a request, that of Person; as a fact, that
// Actor has lifted Person's.
type Pardon struct {
	Person Person `json:"person"`
	Actor  string `json:"actor,omitempty"`
}

// Topic is the room's subject; Event.At and Event.Name tell when and by whom.
type Topic struct {
	Text string `json:"text"`
}

// Members is the whole membership of a leg, as its observer sees it. The
// first one opens the leg, a later one repairs it.
type Members struct {
	Members []Member `json:"members"`
	// Secret asks that the room be listed nowhere (IRC +s, +p).
	Secret bool `json:"secret,omitempty"`
}

// Attachment tells that By, who stays in the room, can (or can't) be heard
// there: their session went down, or is back. Nothing said in between is
// shown to them. Text is for them to read.
type Attachment struct {
	Attached bool   `json:"attached"`
	Text     string `json:"text,omitempty"`
}

// Session tells the owner of a console how their connection to a network is.
type Session struct {
	Up   bool   `json:"up"`
	Text string `json:"text,omitempty"`
}

// Info is the bridge's own word to the people in a room, or, in a private
// conversation, to its owner. In a room that decides it is said by Event.Via:
// to By alone, if the network can do that, or with the zero By to all.
type Info struct {
	Text string `json:"text"`
}

// Watch asks to be told (or no more) of the other party's presence in a
// private conversation.
type Watch struct {
	On bool `json:"on"`
}

// Query asks what the core has no model of; Answer brings the lines. The
// room is a console or a private conversation of the asker.
type Query struct {
	What QueryKind `json:"what"`
	// Search narrows QueryRooms to what people would call it; "" is all.
	Search string `json:"search,omitempty"`
	// After is the Next of an earlier Answer; Limit how many rows are wanted
	// at most, 0 for as many as the network gives at once.
	After string `json:"after,omitempty"`
	Limit int    `json:"limit,omitempty"`
}

// QueryKind is what can be asked.
type QueryKind uint8

// The queries.
const (
	QueryRooms  QueryKind = iota // public rooms of the network; rows: id, topic, members, and the name where there is one besides the id
	QueryWho                     // the other party; rows: field, value
	QueryAvatar                  // the other party's picture, or the room's; one row: media type, base64
	QueryBans                    // who is banned from the room; rows: network and id of a Person, reason
)

// Answer answers a Query (Event.Ref). A refusal is a Failure.
type Answer struct {
	Rows [][]string `json:"rows"`
	Cut  bool       `json:"cut,omitempty"` // there was more than the limit
	// Next asks for the rows behind these (Query.After); "" where there are
	// none, or none can be asked for. Total counts all, 0 if nobody knows.
	Next  string `json:"next,omitempty"`
	Total int    `json:"total,omitempty"`
}

// Confirm tells that the event Ref took effect where it was delivered.
type Confirm struct {
	Native string `json:"native,omitempty"` // the id that the network gave it
}

// Failure tells that the event Ref did not take effect, and why.
type Failure struct {
	Kind ErrorKind `json:"kind"`
	Text string    `json:"text"` // for the person, in the network's words where it gave any
}

// Lost tells a leg that Count events meant for it were given up because its
// queue was full. Members follows, where there are any.
type Lost struct {
	Count int `json:"count"`
}

func (Message) kind() string    { return "message" }
func (Join) kind() string       { return "join" }
func (Leave) kind() string      { return "leave" }
func (Rename) kind() string     { return "rename" }
func (Presence) kind() string   { return "presence" }
func (Profile) kind() string    { return "profile" }
func (Typing) kind() string     { return "typing" }
func (Read) kind() string       { return "read" }
func (Invite) kind() string     { return "invite" }
func (RoomInfo) kind() string   { return "roominfo" }
func (Moved) kind() string      { return "moved" }
func (RoleChange) kind() string { return "role" }
func (Expel) kind() string      { return "expel" }
func (Pardon) kind() string     { return "pardon" }
func (Topic) kind() string      { return "topic" }
func (Members) kind() string    { return "members" }
func (Attachment) kind() string { return "attachment" }
func (Session) kind() string    { return "session" }
func (Info) kind() string       { return "info" }
func (Watch) kind() string      { return "watch" }
func (Query) kind() string      { return "query" }
func (Answer) kind() string     { return "answer" }
func (Confirm) kind() string    { return "confirm" }
func (Failure) kind() string    { return "failure" }
func (Lost) kind() string       { return "lost" }

// ErrorKind is what a program may conclude from a Failure; its text is for people.
type ErrorKind uint8

// The kinds of failure, named for what the person did not get.
const (
	ErrInternal     ErrorKind = iota
	ErrNotFound               // no such person, room or network
	ErrBanned                 // banned from the room or network
	ErrMembersOnly            // invitation or account needed
	ErrPassword               // wrong or missing room password
	ErrFull                   // the room has no place left
	ErrConflict               // the name is taken
	ErrBadName                // the network can't hold such a name
	ErrNotInRoom              // must join first
	ErrNoVoice                // moderated, muted, +g, no outside messages
	ErrNoPrivileges           // needs operator rights
	ErrTooLong                // does not fit
	ErrTooMany                // a limit of rooms, targets, sessions or queues
	ErrTooFast                // a rate limit
	ErrOffline                // the session or network is down; worth trying later
	ErrTimeout                // no answer came
	ErrPolicy                 // this gateway or network does not allow it
	ErrAuth                   // account or password refused
	ErrUnsupported            // the network can't do that
	ErrMoved                  // the room is elsewhere: Text holds its id
	ErrGone                   // the recipient or room is no more
)

// Publisher is the core as a side sees it: the first of the border's two calls.
type Publisher interface {
	// Publish hands e to its portal, in the order of the calls for one room.
	// It blocks only while that portal's queue is full, that is while the
	// machine is overloaded, never on another network. An event that no link
	// has a place for comes back to its own side as a Failure. Any goroutine
	// may call it, except inside a lock that Deliver takes.
	Publish(e Event)
}

// Side is one protocol as the core sees it: the second of the two calls.
type Side interface {
	// Deliver carries e out. The core calls it from one goroutine per room,
	// in order. It may block to push back; when the room's queue is full
	// meanwhile, events are given up and a Lost says how many.
	// How it went comes back as Confirm or Failure with Ref set to e.ID, for
	// every request: Message, Join, Rename, RoleChange, Expel, Pardon, Topic,
	// Invite, Watch, Query. Exactly one of them comes, if need be when a timeout says so.
	Deliver(e Event)
}

// Batcher is a Side that saves work when it knows what comes together.
type Batcher interface {
	Side
	// DeliverAll is Deliver for each event of batch, all for one room, in
	// order. The slice is only lent. Nothing is held back once it returns.
	DeliverAll(batch []Event)
}
