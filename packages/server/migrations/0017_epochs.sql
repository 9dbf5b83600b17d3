-- Which history this database is of. A restore, a recovery to a point in time and a failover that loses the end begin
-- another one, in which the same rounds are given out again: a reader from the lost one would skip events.

ALTER TABLE installation
  -- Of the PostgreSQL cluster and its history, when the last epoch began. NULL makes the next start begin another one,
  -- as it must after a copy of the disk was put back, which PostgreSQL does not see.
  ADD COLUMN system_identifier bigint,
  ADD COLUMN timeline bigint,
  -- In their order, the current one last. Positions in the feed name theirs.
  ADD COLUMN epochs text[] NOT NULL DEFAULT '{}';
