"""The store's tables and their migrations, written once for both back ends. `{blob}` and `{clustered}` are filled per back end."""

from __future__ import annotations

MIGRATIONS: list[list[str]] = [
    [
        # One row: the last sequence number and `stored` given. Locking it is what puts writers in one order.
        "create table sequence (id integer primary key, last_seq bigint not null, last_stored bigint not null)",
        "insert into sequence values (1, 0, 0)",
        "create table secret (name text primary key, value {blob} not null)",
        # `stored` is in microseconds since 1970, rises with seq and is never given twice.
        """create table statement (
            seq bigint primary key,
            tenant text not null,
            id {blob} not null,
            stored bigint not null,
            is_voided integer not null default 0,
            credential bigint not null,
            raw {blob} not null
        )""",
        "create unique index statement_id on statement (id, tenant)",
        "create index statement_stored on statement (tenant, stored)",
        # What filters find a statement by: a key per term (verb, activity, agent, ...) of the statement and of those it refers to.
        "create table link (key bigint not null, seq bigint not null, primary key (key, seq)) {clustered}",
        # Statements whose object is a reference; the target may come later, or never.
        """create table reference (
            target {blob} not null,
            seq bigint not null,
            tenant text not null,
            is_voiding integer not null,
            primary key (target, seq)
        ) {clustered}""",
        "create index reference_seq on reference (seq)",
        """create table credential (
            number bigint primary key,
            key text not null unique,
            name text not null,
            tenant text not null,
            scopes text not null,
            salt {blob} not null,
            digest {blob} not null,
            created bigint not null,
            revoked bigint
        )""",
    ],
    [
        # What the LRS knows of an activity: the definitions of all statements that were allowed to define it, merged.
        """create table activity (
            tenant text not null,
            iri text not null,
            definition {blob} not null,
            primary key (tenant, iri)
        ) {clustered}""",
        # State, activity profiles and agent profiles. What a kind has no use for is an empty text.
        """create table document (
            tenant text not null,
            kind text not null,
            activity text not null,
            agent text not null,
            registration text not null,
            name text not null,
            content_type text not null,
            content {blob} not null,
            etag text not null,
            updated bigint not null
        )""",
        "create unique index document_place on document (tenant, kind, activity, agent, registration, name)",
    ],
    [
        # Authorities of bearer tokens are credentials with an issuer and without a secret.
        "alter table credential add column issuer text",
    ],
    [
        # The journal of removals: numbers only. `decided` (all is listed, it will be done) and `finished` are times in microseconds.
        """create table removal (
            number bigint primary key,
            tenant text not null,
            asked bigint not null,
            decided bigint,
            finished bigint,
            statements bigint not null default 0,
            documents bigint not null default 0,
            attachments bigint not null default 0,
            lake_rows bigint not null default 0
        )""",
        # Emptied when a removal is finished.
        """create table removal_statement (
            removal bigint not null, seq bigint not null, primary key (removal, seq)
        ) {clustered}""",
        """create table removal_attachment (
            removal bigint not null, sha2 text not null, primary key (removal, sha2)
        ) {clustered}""",
    ],
    [
        # Requests a second and at once; null: as the settings say.
        "alter table credential add column rate double precision",
        "alter table credential add column burst integer",
    ],
    [
        # Where statements are forwarded to. `after_seq`: everything up to it is delivered or among the dead letters.
        # `secret` says where the secret is (env:NAME or file:PATH), never what it is.
        """create table forward_target (
            number bigint primary key,
            name text not null unique,
            tenant text not null,
            kind text not null,
            url text not null,
            login text not null,
            secret text not null,
            filters text not null,
            is_paused integer not null default 0,
            after_seq bigint not null,
            sent bigint not null default 0,
            failures integer not null default 0,
            retry_at bigint not null default 0,
            last_error text not null default ''
        )""",
        # Statements that a target refused, by number only: their text is in the store, and goes with it.
        """create table forward_dead (
            target bigint not null,
            seq bigint not null,
            status integer not null,
            reason text not null,
            refused bigint not null,
            is_resent integer not null default 0,
            primary key (target, seq)
        ) {clustered}""",
    ],
    [
        # Nothing up to `from_seq` was ever sent. 0 for targets older than this column: they may have got all that is before `after_seq`.
        "alter table forward_target add column from_seq bigint not null default 0",
    ],
]
"""Each item takes the schema one version further; items are only ever added."""
