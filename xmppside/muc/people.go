package muc

import (
	"strings"

	"isthmus/xmppside/jid"
	"isthmus/xmppside/wire"
)

// SetMembers tells who is in the room, instead of whatever was known of those
// who have no client here. Users who have stay unless a Leave says otherwise,
// and those who wait to be let in are, if they are listed: word of it was
// lost. unlisted asks that the room be hidden from service discovery.
func (r *Room) SetMembers(members []Member, unlisted bool) {
	r.locked(func() {
		r.unlisted = unlisted
		listed := make(map[string]bool, len(members))
		for _, m := range members {
			listed[m.Nick] = true
		}
		for _, o := range r.people {
			if o.user == nil && !listed[o.nick] {
				r.depart(o, Departure{})
			}
		}
		var entered []Member
		for _, m := range members {
			if _, waits := r.joining[m.User.Bare()]; waits {
				entered = append(entered, m)
			} else {
				r.put(m)
			}
		}
		for _, m := range entered {
			r.enter(m, false, nil)
		}
	})
}

// SetRole tells what somebody may do from now on, and who gave or took it.
func (r *Room) SetRole(w Who, a Affiliation, role Role, actor string) {
	r.locked(func() {
		if o := r.find(w); o != nil {
			r.update(o, presence{actor: actor}, func() { o.affiliation, o.role = a, role })
		}
	})
}

// SetAvailability tells how available somebody is who has no client here.
func (r *Room) SetAvailability(w Who, s Show, status string) {
	r.locked(func() {
		if o := r.find(w); o != nil && o.user == nil {
			r.update(o, presence{}, func() {
				o.show = s
				o.setStatus(status)
			})
		}
	})
}

// SetAvatar tells which picture somebody has who has no client here: its SHA-1
// in hex, or "" for none.
func (r *Room) SetAvatar(w Who, hash string) {
	r.locked(func() {
		if o := r.find(w); o != nil && o.user == nil {
			r.update(o, presence{}, func() { o.setAvatar(hash) })
		}
	})
}

// Called returns what somebody is called in the room, "" if they are not in it.
func (r *Room) Called(w Who) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.find(w); o != nil {
		return o.nick
	}
	if w.Account != "" {
		for nick, o := range r.people {
			if o.more().account == w.Account {
				return nick
			}
		}
	}
	return ""
}

// Who tells who is called nick, and whether anybody is.
func (r *Room) Who(nick string) (Who, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.people[nick]
	if o == nil {
		return Who{}, false
	}
	w := Who{Nick: nick, Account: o.more().account}
	if o.user != nil {
		w.User = o.user.jid
	}
	return w, true
}

// Account returns the account of who is called nick, or "" if there is none.
func (r *Room) Account(nick string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if o := r.people[nick]; o != nil {
		return o.more().account
	}
	return ""
}

// update changes an occupant and shows it, if there is anything new to show.
func (r *Room) update(o *occupant, how presence, change func()) {
	before := *o
	if change(); *o != before {
		how.of = o
		r.show(how)
	}
}

// Rename tells that from is called to.Nick now.
func (r *Room) Rename(from, to Who) {
	r.locked(func() {
		o := r.find(from)
		if o == nil {
			// Whoever it was, there is somebody of that name now.
			r.put(Member{Nick: to.Nick, User: to.User, Account: to.Account, Role: RoleParticipant})
			return
		}
		r.rename(o, to)
	})
}

// rename shows a new nickname.
//
// XEP-0045 §7.6: "The service then sends two presence stanzas to the full JID
// of each occupant [...], one of type "unavailable" for the old nickname and
// one indicating availability for the new nickname."
//
// It reports false if o had to go because somebody else has that name.
func (r *Room) rename(o *occupant, to Who) bool {
	if o.nick == to.Nick {
		if o.user == nil && to.Account != "" && to.Account != o.more().account {
			o.identify(r, to) // somebody else by now, as their own network knows them
			r.show(presence{of: o})
		}
		return true
	}
	if other := r.people[to.Nick]; other != nil {
		if other.user != nil {
			r.opt.Log.Warn("renamed to another user's nickname: not shown", "room", r.jid, "nick", to.Nick)
			r.depart(o, Departure{Cause: Removed, Reason: "Another user has the nickname " + to.Nick + "."})
			if u := o.user; u != nil {
				r.tell(u.resources[0].jid, to.Nick, Leave{})
			}
			return false
		}
		r.depart(other, Departure{}) // their own departure is yet to be told
	}
	r.show(presence{of: o, gone: true, newNick: to.Nick, codes: [4]int{codeRenamed}})
	r.noteDeparture(o)
	delete(r.people, o.nick)
	r.clock++
	o.nick, o.since = to.Nick, r.clock
	r.people[o.nick] = o
	if o.user == nil {
		o.identify(r, to)
	}
	r.show(presence{of: o})
	return true
}

// handleUpdate takes a presence of a client that is in the room: another
// nickname, or how available it is.
func (r *Room) handleUpdate(st *wire.Stanza, u *user, c *resource) {
	*c = *r.newResource(st)
	r.shareAvailability(u, c.jid)
	r.shareAvatar(u, c)
	if nick := st.To.Resource(); nick != u.nick {
		// XEP-0045 §7.6: "by sending presence to a new occupant JID in the
		// same room (changing only the resource identifier in the occupant JID)".
		r.ask(u, st.Header, Rename{To: strings.Clone(nick)})
	}
}

// shareAvatar tells the owner which picture a user has, if a client says so
// and it is news.
func (r *Room) shareAvatar(u *user, c *resource) {
	known := u.avatar
	if known == "" {
		known = removed
	}
	if c.avatar == "" || c.avatar == known {
		return
	}
	u.avatar = c.avatar
	w := SetAvatar{Hash: c.avatar}
	if c.avatar == removed {
		w.Hash = ""
	}
	r.tell(c.jid, u.nick, w)
}

// shareAvailability shows the others, and tells the owner, how available a
// user is over all their clients, if a client's change made a difference.
func (r *Room) shareAvailability(u *user, by jid.JID) {
	visible, told := u.refresh()
	if visible {
		r.show(presence{of: u.occupant})
	}
	if told {
		r.tell(by, u.nick, SetPresence{u.show, u.status()})
	}
}
