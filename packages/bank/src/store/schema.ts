/**
 * The bank's tables, in a schema of their own; running this again changes nothing. The checks repeat
 * what the decisions assert, so that no path into the books can leave them out of balance.
 */
export const schema = `
create schema if not exists bank;

create sequence if not exists bank.rrn minvalue 100000000000 maxvalue 999999999999 cycle;

create table if not exists bank.secrets (
  name  text primary key,
  value bytea not null
);

create table if not exists bank.authorizations (
  id                      uuid primary key,
  merchant_id             text not null,
  merchant_name           text not null,
  amount                  bigint not null check (amount > 0),
  currency                text not null,
  request_fingerprint     bytea not null,
  card_brand              text not null,
  card_last4              text not null,
  rrn                     text not null default nextval('bank.rrn')::text,
  status                  text not null check (status in
    ('approved', 'declined', 'challenge', 'challenge_approved', 'challenge_failed')),
  decline_code            text,
  decline_after_challenge text,
  challenge_expires_at    timestamptz,
  acs_token_hash          bytea unique,
  return_url              text,
  held                    bigint not null,
  captured                bigint not null,
  released                bigint not null,
  refunded                bigint not null,
  created_at              timestamptz not null default now(),
  check (held >= 0 and captured >= 0 and released >= 0 and refunded between 0 and captured),
  check (held + captured + released = case status when 'approved' then amount else 0 end),
  check ((status = 'declined') = (decline_code is not null))
);
alter table bank.authorizations add column if not exists card_fingerprint bytea;
alter table bank.authorizations add column if not exists order_reference text;
alter table bank.authorizations add column if not exists description text;
alter table bank.authorizations add column if not exists notification_url text;
alter table bank.authorizations add column if not exists on_file text;
create sequence if not exists bank.network_reference minvalue 100000000000000 maxvalue 999999999999999 cycle;
alter table bank.authorizations add column if not exists network_reference text not null
  default nextval('bank.network_reference')::text;
create index if not exists authorizations_by_network_reference on bank.authorizations (network_reference);
create index if not exists authorizations_by_merchant on bank.authorizations (merchant_id, id);

-- Cards on file, by the hash of the token that their merchant has. What a card does is kept, its number not.
create table if not exists bank.cards (
  token_hash   bytea primary key,
  merchant_id  text not null,
  fingerprint  bytea not null,
  brand        text not null,
  last4        text not null,
  expiry_month integer not null,
  expiry_year  integer not null,
  behaviour    jsonb not null,
  created_at   timestamptz not null default now()
);

-- Reversed before they arrived; an authorization that comes later is declined.
create table if not exists bank.tombstones (
  authorization_id uuid primary key,
  rrn              text not null default nextval('bank.rrn')::text,
  created_at       timestamptz not null default now()
);

-- One row per operation id: the log of every effect, and what makes it happen once.
create table if not exists bank.operations (
  operation_id     text primary key,
  authorization_id uuid not null,
  kind             text not null check (kind in ('capture', 'reversal', 'refund')),
  requested_amount bigint,
  final            boolean not null,
  status           text not null check (status in ('done', 'declined')),
  decline_code     text,
  amount           bigint not null check (amount >= 0),
  released         bigint not null check (released >= 0),
  rrn              text not null default nextval('bank.rrn')::text,
  created_at       timestamptz not null default now()
);
create index if not exists operations_by_authorization on bank.operations (authorization_id);

-- Where the payer's pages were last, so that their addresses outlive a restart.
create table if not exists bank.listening (
  singleton boolean primary key default true check (singleton),
  port      integer not null
);

create table if not exists bank.faults (
  merchant_id text unique nulls not distinct,
  mode        text not null,
  delay_ms    integer not null,
  probability double precision not null,
  seed        integer not null,
  operations  text[] not null
);
`;
