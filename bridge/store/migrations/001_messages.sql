-- Rooms by number, so that a message's row is short.
CREATE TABLE rooms (
	id            BIGINT NOT NULL PRIMARY KEY,
	network       TEXT NOT NULL,
	room          TEXT NOT NULL,
	owner_network TEXT NOT NULL, -- of a private conversation, else empty
	owner         TEXT NOT NULL,
	UNIQUE (network, room, owner_network, owner)
);

-- Our ids sort by time (bridge.NewID), hence no column for that.
CREATE TABLE messages (
	id     TEXT, -- not "NOT NULL": SQLite would journal each statement
	room   BIGINT,
	native TEXT, -- what the room's network calls it
	PRIMARY KEY (room, native)
);
CREATE INDEX messages_id ON messages (id);
