-- Rooms on the Matrix homeserver that the bridge has something to do with
-- over a restart.
CREATE TABLE matrix_rooms (
	id            TEXT NOT NULL, -- the homeserver's
	ghost         TEXT NOT NULL, -- who of ours it is kept for, '' where it is one room for all
	kind          TEXT NOT NULL,
	matrix_user   TEXT NOT NULL, -- the other party of a direct chat, else ''
	network       TEXT NOT NULL, -- what the core calls it
	room          TEXT NOT NULL,
	owner_network TEXT NOT NULL,
	owner         TEXT NOT NULL,
	data          TEXT NOT NULL, -- whatever its kind needs
	PRIMARY KEY (id, ghost)
);
