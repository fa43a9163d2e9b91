-- Where a message comes from, and what a payer said.

-- Table: message_outbox, further column: the traceparent of the request that it tells of; null: none.
alter table message_outbox
    add column trace varchar(64);

-- Table: payments, further column: the payer's own words (api/07).
alter table payments
    add column remark varchar(200);
