-- Who is banned from the rooms of a link.
CREATE TABLE link_bans (
	link           TEXT NOT NULL,
	person_network TEXT NOT NULL,
	person         TEXT NOT NULL,
	name           TEXT NOT NULL,
	actor          TEXT NOT NULL, -- whose doing it is, as they were called there
	network        TEXT NOT NULL, -- the room that it was done in
	room           TEXT NOT NULL,
	reason         TEXT NOT NULL,
	at             BIGINT NOT NULL, -- Unix seconds
	PRIMARY KEY (link, person_network, person)
);
