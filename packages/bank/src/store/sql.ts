/** Every statement of the bank, except its schema. */

/** Two starts at once must not both create the tables. */
export const lockSchema = `select pg_advisory_xact_lock(hashtextextended('bank.schema', 0))`;

export const insertSecret = `insert into bank.secrets (name, value) values ($1, $2) on conflict do nothing`;
export const selectSecret = `select value from bank.secrets where name = $1`;

/**
 * Serialises everything that concerns one id, also while it has no row yet. Taken for the authorization
 * first and for the operation second, so that no two transactions wait for each other.
 */
export const lockId = `select pg_advisory_xact_lock(hashtextextended($1, 0))`;

const authorizationColumns = `id, merchant_id, merchant_name, amount, currency, request_fingerprint,
  card_fingerprint, card_brand, card_last4, rrn, status, decline_code, decline_after_challenge,
  challenge_expires_at, acs_token_hash, return_url, held, captured, released, refunded,
  order_reference, description, notification_url, on_file, network_reference`;

export const selectAuthorization = `select ${authorizationColumns} from bank.authorizations where id = $1`;

export const selectAuthorizationByToken = `select ${authorizationColumns} from bank.authorizations
  where acs_token_hash = $1`;

export const insertAuthorization = `insert into bank.authorizations (id, merchant_id, merchant_name, amount,
    currency, request_fingerprint, card_fingerprint, card_brand, card_last4, status, decline_code, decline_after_challenge,
    challenge_expires_at, acs_token_hash, return_url, held, captured, released, refunded,
    order_reference, description, notification_url, on_file)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)
  returning ${authorizationColumns}`;

/** The payment by which a card's payer agreed that its merchant charges it. */
export const selectFirst = `select 1 from bank.authorizations
  where network_reference = $1 and merchant_id = $2 and card_fingerprint = $3
    and on_file = 'first' and status = 'approved'`;

export const updateAuthorization = `update bank.authorizations
  set status = $2, decline_code = $3, held = $4, captured = $5, released = $6, refunded = $7
  where id = $1`;

export const insertCard = `insert into bank.cards
    (token_hash, merchant_id, fingerprint, brand, last4, expiry_month, expiry_year, behaviour)
  values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`;

export const selectCard = `select fingerprint, brand, last4, expiry_month as "expiryMonth",
    expiry_year as "expiryYear", behaviour
  from bank.cards where token_hash = $1 and merchant_id = $2`;

export const insertTombstone = `insert into bank.tombstones (authorization_id) values ($1)
  on conflict do nothing`;
export const selectTombstone = `select rrn from bank.tombstones where authorization_id = $1`;

const operationColumns = `operation_id, authorization_id, kind, requested_amount, final, status,
  decline_code, amount, released, rrn`;

export const selectOperation = `select ${operationColumns} from bank.operations where operation_id = $1`;

export const insertOperation = `insert into bank.operations
    (operation_id, authorization_id, kind, requested_amount, final, status, decline_code, amount, released)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
  returning ${operationColumns}`;

export const selectNotificationUrl = `select notification_url from bank.authorizations where id = $1`;

export const selectMerchant = `select merchant_id from bank.authorizations where id = $1`;

export const selectMerchantOfOperation = `select merchant_id from bank.operations
  join bank.authorizations on id = authorization_id where operation_id = $1`;

/** Page and totals are read in one snapshot, so that they agree with each other. */
export const beginSnapshot = `begin isolation level repeatable read read only`;

export const selectBooksPage = `select ${authorizationColumns} from bank.authorizations
  where ($1::text is null or merchant_id = $1) and ($2::uuid is null or id > $2)
  order by id limit $3`;

export const selectBooksTotals = `select currency, count(*) as authorizations,
    sum(held) as held, sum(captured) as captured, sum(released) as released, sum(refunded) as refunded
  from bank.authorizations where $1::text is null or merchant_id = $1
  group by currency order by currency`;

export const selectPort = `select port from bank.listening`;
export const savePort = `insert into bank.listening (port) values ($1)
  on conflict (singleton) do update set port = excluded.port where bank.listening.port <> excluded.port`;

export const selectFaults = `select merchant_id, mode, delay_ms, probability, seed, operations
  from bank.faults`;

export const deleteFault = `delete from bank.faults where merchant_id is not distinct from $1`;

export const upsertFault = `insert into bank.faults
    (merchant_id, mode, delay_ms, probability, seed, operations)
  values ($1, $2, $3, $4, $5, $6)
  on conflict (merchant_id) do update set mode = excluded.mode, delay_ms = excluded.delay_ms,
    probability = excluded.probability, seed = excluded.seed, operations = excluded.operations`;

/** Retrieval reference numbers go on counting: none is ever given out twice. */
export const wipe = `truncate bank.authorizations, bank.cards, bank.tombstones, bank.operations, bank.faults`;
