-- What the homeserver brought: every event once, by its id.
CREATE TABLE matrix_inbox (
	seq      BIGINT NOT NULL PRIMARY KEY, -- in the order they came; about the time in microseconds
	event_id TEXT   NOT NULL,
	body     TEXT -- JSON; NULL once it has been carried on
);
CREATE UNIQUE INDEX matrix_inbox_event ON matrix_inbox (event_id);
CREATE INDEX matrix_inbox_waiting ON matrix_inbox (seq) WHERE body IS NOT NULL;

-- Where we are in what is read from the homeserver.
CREATE TABLE matrix_marks (
	name  TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
);

-- Accounts on the homeserver that stand for people of other networks.
CREATE TABLE matrix_ghosts (
	user_id        TEXT    NOT NULL PRIMARY KEY,
	person_network TEXT    NOT NULL,
	person         TEXT    NOT NULL,
	displayname    TEXT    NOT NULL,
	avatar_sha1    TEXT    NOT NULL,
	avatar_mxc     TEXT    NOT NULL,
	registered     BOOLEAN NOT NULL
);
CREATE INDEX matrix_ghosts_person ON matrix_ghosts (person, person_network);
