CREATE TABLE logins (
	person_network TEXT NOT NULL,
	person         TEXT NOT NULL,
	network        TEXT NOT NULL, -- the one that they log in to
	nick           TEXT NOT NULL,
	account        TEXT NOT NULL,
	secrets        TEXT NOT NULL, -- sealed: password, certificate
	PRIMARY KEY (person_network, person, network)
);

-- One row, sealed with the key, to tell a wrong key at start.
CREATE TABLE key_check (
	sealed TEXT NOT NULL
);
