DROP TABLE IF EXISTS loaded, claims;
CREATE TABLE claims (
	id bytea PRIMARY KEY,
	concept text NOT NULL,
	predicate text NOT NULL,
	type text NOT NULL,
	value text NOT NULL,
	confidence numeric(5, 4) NOT NULL,
	class text NOT NULL,
	source text,
	time timestamptz NOT NULL,
	agent bytea NOT NULL,
	signature bytea NOT NULL
);
CREATE INDEX claims_by_concept ON claims (concept, predicate, time DESC);
