// Package names is how Matrix and the bridge call people and rooms: which
// ghost stands for whom, which alias leads where, and what the core calls a
// room of Matrix. Everything here is pure and reversible.
//
// What the core (bridge.Room with Network "matrix") calls them:
//
//	#room%server.org      a Matrix room by its alias #room:server.org
//	!opaque%server.org    the same by its id; "!opaque" where ids have no server (room version 12)
//	user%server.org       with an Owner: the conversation with @user:server.org
//	~#go%libera           a portal room: a room that we made on the homeserver for
//	                      the channel #go of libera. With an Owner, ~rob%libera is the direct
//	                      chat with rob's ghost and ~%libera the console of libera
//	~muc@example.org%xmpp the same for a MUC of any XMPP server; with an Owner
//	                      ~juliet@example.org%xmpp is the direct chat with juliet's ghost
//
// The last "%" ends the name, as in the gateway's JIDs: no server and no
// network has one in its name.
package names
