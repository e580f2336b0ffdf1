-- What the operators of IRC channels said last of having the bridge there.
CREATE TABLE consents (
	network TEXT NOT NULL,
	room    TEXT NOT NULL,
	allowed BIGINT NOT NULL, -- 1, or 0 for who wants no bridge
	nick    TEXT NOT NULL,   -- whose word it is
	account TEXT NOT NULL,
	at      BIGINT NOT NULL, -- Unix seconds
	PRIMARY KEY (network, room)
);
