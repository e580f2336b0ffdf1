package ircside

import (
	"cmp"
	"slices"
)

// NetworkStatus is how we are on one network.
type NetworkStatus struct {
	Name     string `json:"name"`
	Sessions int    `json:"sessions"` // that are connected
	Opening  int    `json:"opening"`  // on their way there
	Most     int    `json:"most"`     // 0 for no bound
}

// Status is how we are on each network that is in use, by name.
func (s *Side) Status() []NetworkStatus {
	s.mu.Lock()
	networks := s.allLocked()
	s.mu.Unlock()
	all := make([]NetworkStatus, 0, len(networks))
	for _, n := range networks {
		n.mu.Lock()
		taken := n.sessions
		n.mu.Unlock()
		n.nicksMu.RLock()
		connected := len(n.nicks)
		n.nicksMu.RUnlock()
		all = append(all, NetworkStatus{n.name, connected, max(taken-connected, 0), n.set.Load().Sessions})
	}
	slices.SortFunc(all, func(a, b NetworkStatus) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
