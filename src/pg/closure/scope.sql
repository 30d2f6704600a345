-- Which relations the dump of the target tables writes: first of the four statements that closure.rs
-- names. In a transaction of session.rs: read only, pg_catalog only; no privileges needed.
-- psql variables: as in catalog.sql. Sets scope_oid, scope_target (a relation for each target that
-- it comes with), and rel: arrays, from whose lengths the later statements are planned.
SET LOCAL lock_timeout = :lock_timeout;
SET LOCAL statement_timeout = :statement_timeout;
-- Sets of many thousand partitions are hashed: where none fits in memory, they are searched row by row.
SET LOCAL work_mem = '64MB';
WITH RECURSIVE scope(oid, target) AS (
  SELECT c.oid, t.ord::int - 1
  FROM jsonb_array_elements(:'targets'::jsonb) WITH ORDINALITY AS t(item, ord)
  JOIN pg_namespace n ON n.nspname::text = t.item->>'schema'
  -- A longer name would be cut to fit, and find another table.
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
    AND c.relname = (t.item->>'name')::name AND octet_length(t.item->>'name') < 64
  UNION
  SELECT i.inhrelid, s.target FROM scope s JOIN pg_inherits i ON i.inhparent = s.oid
), rel(oid) AS (
  SELECT oid FROM scope
  UNION -- and the sequences that they own, which pg_dump takes by itself
  SELECT d.objid FROM scope s
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
    AND d.refobjsubid > 0 AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
)
SELECT s.*, r.*
FROM (SELECT COALESCE(array_agg(oid), '{}') AS scope_oid,
    COALESCE(array_agg(target), '{}') AS scope_target FROM scope) s,
  (SELECT COALESCE(array_agg(oid), '{}') AS rel FROM rel) r
\gset
