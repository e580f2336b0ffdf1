package ircside

import (
	"cmp"
	"slices"
	"time"

	"isthmus/bridge"
)

// NetworkStatus is how we are on one network.
type NetworkStatus struct {
	Name     string `json:"name"`
	Keeper   string `json:"keeper,omitempty"` // its nick, while it is connected
	Sessions int    `json:"sessions"`         // of people, that are connected
	Opening  int    `json:"opening"`          // on their way there
	Most     int    `json:"most"`             // 0 for no bound
	// Held is until when nobody new connects, since the network threw several
	// of ours out, and HeldWhy what it said.
	Held    time.Time `json:"held,omitzero"`
	HeldWhy string    `json:"held_why,omitempty"`
	// Unbridged are the channels whose operators want no bridge.
	Unbridged []Unbridged `json:"unbridged,omitempty"`
}

// Unbridged is a channel of which an operator said "!unbridge".
type Unbridged struct {
	Channel string    `json:"channel"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
}

// Status is how we are on each network that is in use, by name.
func (s *Side) Status() []NetworkStatus {
	s.mu.Lock()
	networks := s.allLocked()
	s.mu.Unlock()
	all := make([]NetworkStatus, 0, len(networks))
	for _, n := range networks {
		n.mu.Lock()
		taken, brake := n.sessions, n.brake
		n.mu.Unlock()
		n.nicksMu.RLock()
		connected := len(n.nicks)
		n.nicksMu.RUnlock()
		now := NetworkStatus{Name: n.name, Most: n.set.Load().Sessions}
		if n.nickOf(bridge.Keeper) != "" {
			connected = max(connected-1, 0)
			if c := n.lockClient(bridge.Keeper, false); c != nil {
				now.Keeper = c.nickNow()
				c.unlock()
			}
		}
		now.Sessions, now.Opening = connected, max(taken-connected, 0)
		if brake.until.After(time.Now()) {
			now.Held, now.HeldWhy = brake.until, brake.why
		}
		for _, c := range s.ledger.refusing(n.name) {
			now.Unbridged = append(now.Unbridged, Unbridged{c.Room.ID, c.By, c.At})
		}
		all = append(all, now)
	}
	slices.SortFunc(all, func(a, b NetworkStatus) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
