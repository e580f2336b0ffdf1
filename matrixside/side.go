// Package matrixside is Matrix as a bridge.Side: an application service whose
// ghosts stand in Matrix rooms for the people of other networks.
//
//	Side ─ inbox ──── what the homeserver brings, each event once
//	     ├ client ─── what we ask of the homeserver
//	     ├ ghosts ─── who of ours is registered, under which name
//	     ├ natives ── rooms of Matrix that people of other networks are in
//	     ├ portals ── rooms of ours for channels and MUCs that Matrix users are in
//	     └ directs ── conversations one to one, consoles, the bot
package matrixside

import (
	"context"

	"isthmus/bridge"
)

// Side is all of Matrix.
//
//	matrix, err := matrixside.New(hub, options)
//	hub.Register(bridge.NetworkMatrix, matrix)
//	matrix.Run(ctx) // until the end
type Side struct {
	core bridge.Publisher
}

var _ bridge.Side = (*Side)(nil)

// Deliver implements bridge.Side.
func (s *Side) Deliver(e bridge.Event) { panic("matrixside: not yet") }

// Run connects and stays connected until ctx ends.
func (s *Side) Run(ctx context.Context) { panic("matrixside: not yet") }
