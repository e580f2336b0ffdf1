-- Who has subscribed to the presence of the other party of a conversation.
CREATE TABLE subscriptions (
	person_network TEXT NOT NULL,
	person         TEXT NOT NULL,
	network        TEXT NOT NULL, -- on which they call the other party room
	room           TEXT NOT NULL,
	PRIMARY KEY (person_network, person, network, room)
);
