package mapping

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"isthmus/bridge"
)

// LinkStatus is how a link is.
type LinkStatus struct {
	Name  string       `json:"name"`
	Rooms []RoomStatus `json:"rooms"`
	Bans  []Ban        `json:"bans,omitempty"`
}

// RoomStatus is how one room of a link is.
type RoomStatus struct {
	Room  bridge.Room `json:"room"`
	State string      `json:"state"`         // joining, joined, offline, waiting, refused
	Why   string      `json:"why,omitempty"` // it is not joined
	Kind  string      `json:"kind,omitempty"`
	Since time.Time   `json:"since"`
	Retry time.Time   `json:"retry,omitzero"` // when it is tried again

	Keeper string      `json:"keeper,omitempty"` // what the bridge is called there
	Role   bridge.Role `json:"role"`             // and what it may do

	Natives int `json:"natives"` // its own people, gateway users included
	Puppets int `json:"puppets"`
	Relayed int `json:"relayed"`

	Waiting   int   `json:"waiting"`   // messages that are not sent yet
	Delivered int64 `json:"delivered"` // messages from other rooms
	Failed    int64 `json:"failed"`    // of which the sender was told

	Ignored []Ignored `json:"ignored,omitempty"` // who repeats what the bridge says
	Notes   []string  `json:"notes,omitempty"`
}

// Ignored is somebody in a room who is not carried on, and why.
type Ignored struct {
	Name string    `json:"name"`
	Why  string    `json:"why"`
	At   time.Time `json:"at"`
}

// Presence is how somebody is in one room of a link.
type Presence struct {
	Link string        `json:"link"`
	Room bridge.Room   `json:"room"`
	Who  bridge.Person `json:"who"`
	Name string        `json:"name,omitempty"` // in that room
	// How is native, gateway, puppet, relayed, entering, out, banned.
	How string `json:"how"`
	Why string `json:"why,omitempty"`
}

// kinds names what a program may conclude from why a room is not joined.
var kinds = map[bridge.ErrorKind]string{
	bridge.ErrInternal: "internal", bridge.ErrNotFound: "not-found", bridge.ErrBanned: "banned", bridge.ErrMembersOnly: "members-only",
	bridge.ErrPassword: "password", bridge.ErrFull: "full", bridge.ErrConflict: "conflict", bridge.ErrBadName: "bad-name",
	bridge.ErrNotInRoom: "not-in-room", bridge.ErrNoVoice: "no-voice", bridge.ErrNoPrivileges: "no-privileges", bridge.ErrTooLong: "too-long",
	bridge.ErrTooMany: "too-many", bridge.ErrTooFast: "too-fast", bridge.ErrOffline: "offline", bridge.ErrTimeout: "timeout",
	bridge.ErrPolicy: "policy", bridge.ErrAuth: "auth", bridge.ErrUnsupported: "unsupported", bridge.ErrMoved: "moved", bridge.ErrGone: "gone",
}

func (s *state) status() LinkStatus {
	st := LinkStatus{Name: s.link.Name}
	for _, k := range s.legs {
		kp := &k.keeper
		r := RoomStatus{
			Room: k.set.At, State: keeperStates[kp.state], Why: kp.why, Since: kp.since,
			Natives: len(k.natives), Waiting: len(k.queue) + len(k.inflight), Delivered: k.delivered, Failed: k.failed,
			Ignored: s.echoes.ignored(k, s.now), Notes: s.notes(k),
		}
		switch kp.state {
		case joined:
			r.Keeper, r.Role = kp.name, kp.role
		case waiting, refused:
			r.Retry, r.Kind = kp.retry, kinds[kp.kind]
		}
		for _, g := range k.guests {
			switch {
			case g.apart():
				r.Puppets++
			case g.state == relayed:
				r.Relayed++
			}
		}
		st.Rooms = append(st.Rooms, r)
	}
	for _, p := range sorted(s.bans) {
		st.Bans = append(st.Bans, s.bans[p])
	}
	return st
}

// notes are what an administrator might wonder about in a room.
func (s *state) notes(k *leg) []string {
	var notes []string
	if k.set.Mute {
		notes = append(notes, "its people are not heard in the other rooms (direction: out)")
	}
	if k.set.Deaf {
		notes = append(notes, "nothing is said in it (direction: in)")
	}
	if k.keeper.state == joined && k.keeper.role < bridge.RoleModerator {
		notes = append(notes, "the bridge may not moderate it")
	}
	puppets := 0
	for _, n := range k.natives {
		if s.foreign(n.name) {
			puppets++
		}
	}
	if puppets > 0 {
		notes = append(notes, count(puppets, "looks like a puppet", "look like puppets")+" of another bridge: they get none in the other rooms")
	}
	if n := len(k.dirty); n > 0 && k.keeper.state == joined { // else they wait for that
		notes = append(notes, count(n, "change", "changes")+" of who is there to be made yet, a few each second")
	}
	return notes
}

// explain is how those are in the rooms whom what names, or, if it names a
// room, everybody in it, and those who are in another room but not there.
func (s *state) explain(what string) []Presence {
	var all []Presence
	for _, k := range s.legs {
		whole := what == k.set.At.ID || what == k.set.At.String()
		add := func(p bridge.Person, name, how, why string) {
			if whole || p.ID == what || p.String() == what || strings.EqualFold(name, what) {
				all = append(all, Presence{s.link.Name, k.set.At, p, name, how, why})
			}
		}
		if k.keeper.state == joined {
			add(bridge.Keeper, k.keeper.name, "keeper", "the bridge itself")
		}
		for p, n := range k.natives {
			how, why := "native", ""
			if p.Network != k.set.At.Network {
				how = "gateway"
			}
			if b, banned := s.bans[p]; banned {
				why = "banned from the link " + b.where()
			} else if !n.gone.IsZero() {
				why = "cut off from their network"
			}
			add(p, n.name, how, why)
		}
		for p, g := range k.guests {
			add(p, g.name, guestStates[g.state], g.why)
		}
		for p, name := range s.elsewhere(k) {
			add(p, name, "not there", s.whyNot(k, p))
		}
	}
	slices.SortFunc(all, func(a, b Presence) int {
		return cmp.Or(strings.Compare(a.Room.String(), b.Room.String()), strings.Compare(a.Name, b.Name), cmpPersons(a.Who, b.Who))
	})
	return all
}

// elsewhere are those, with a name, who are in another room of the link, or
// banned from it, and neither by themselves nor as guests in this one.
func (s *state) elsewhere(k *leg) map[bridge.Person]string {
	all := map[bridge.Person]string{}
	for p, b := range s.bans {
		all[p] = b.Name
	}
	for _, o := range s.legs {
		for p, n := range o.natives {
			all[p] = n.name
		}
	}
	for p := range all {
		if k.natives[p] != nil || k.guests[p] != nil {
			delete(all, p)
		}
	}
	return all
}

// whyNot says why somebody is not in a room.
func (s *state) whyNot(k *leg, p bridge.Person) string {
	if b, banned := s.bans[p]; banned {
		return strings.TrimSpace("banned from the link " + b.where() + " " + b.Reason)
	}
	_, n := s.origin(k, p)
	switch {
	case k.set.Deaf:
		return "nothing is said in this room (direction: in)"
	case n == nil:
		return "their room is not heard in the others (direction: out)"
	case k.keeper.state != joined:
		return strings.TrimSpace("the room is not joined: " + k.keeper.lastWhy)
	}
	return "their turn to come in has not come yet"
}
