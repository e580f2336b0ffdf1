-- Our ids sort by time (bridge.NewID), hence no column for that.
CREATE TABLE messages (
	id     TEXT, -- not "NOT NULL": SQLite would journal each statement
	room   BIGINT, -- keyed hash of the room: short, and tells nobody who was where
	native TEXT, -- what the room's network calls it
	PRIMARY KEY (room, native)
);
CREATE INDEX messages_id ON messages (id);
