-- How many rows tables have, and how many of them were written since a mark, in a transaction of
-- session.rs: one document of the present mark, then one or more of each target.
-- psql variables: lock_timeout and targets, as in catalog.sql; since, the earlier mark's snapshot;
-- note, how many transactions are noted at most, or 0; mark, by mark.sql.
SET LOCAL lock_timeout = :lock_timeout;
SELECT pg_catalog.json_build_object(
  'default_transaction_read_only', pg_catalog.current_setting('default_transaction_read_only'),
  'mark', :'mark'::json,
  'prepared', (
    SELECT count(*) FROM pg_catalog.pg_prepared_xacts AS p WHERE p.database = pg_catalog.current_database()
      AND pg_catalog.age(p.transaction) BETWEEN 0 AND pg_catalog.age(pg_catalog.pg_snapshot_xmin(:'since')::xid)));
WITH RECURSIVE since AS (
  -- age() counts from one transaction id throughout a transaction, and wraps at 2^31
  SELECT pg_catalog.age(pg_catalog.pg_snapshot_xmin(s)::xid) AS first,
    pg_catalog.age(pg_catalog.pg_snapshot_xmax(s)::xid) AS next,
    ARRAY(SELECT open::xid::text FROM pg_catalog.pg_snapshot_xip(s) AS open) AS open
  FROM (SELECT :'since'::pg_snapshot) AS mark(s)
), present AS (
  -- where nothing is open, nothing is in doubt later
  SELECT pg_catalog.age(pg_catalog.pg_snapshot_xmin(s)::xid) AS first,
    :note > 0 AND pg_catalog.pg_snapshot_xmin(s) < pg_catalog.pg_snapshot_xmax(s) AS doubt
  FROM pg_catalog.pg_current_snapshot() AS s
), target AS (
  SELECT t.ord::int AS ord, t.item->>'schema' AS schema, t.item->>'name' AS name
  FROM jsonb_array_elements(:'targets'::jsonb) WITH ORDINALITY AS t(item, ord)
), found AS (
  SELECT target.ord, c.oid AS rel
  FROM target
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname::text = target.schema
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = target.name::name
    AND octet_length(target.name) < 64 AND c.relkind IN ('r', 'p')
), tree(ord, rel) AS (
  SELECT ord, rel FROM found WHERE rel IS NOT NULL
  UNION
  SELECT tree.ord, i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.rel
), part AS (
  -- a child is its first target's, as in a backup, unless it is one itself
  SELECT coalesce(min(found.ord), min(tree.ord)) AS ord, rel
  FROM tree LEFT JOIN found USING (rel) GROUP BY rel
), stored AS (
  SELECT part.ord, n.nspname, c.relname FROM part
  JOIN pg_catalog.pg_class c ON c.oid = part.rel AND c.relkind = 'r'
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
)
-- a count is planned with the expressions of the table's indexes, and a function in one may name what only
-- the role's own search path finds
SELECT 'SET LOCAL search_path TO DEFAULT',
$$SELECT WHERE pg_catalog.set_config('search_path', pg_catalog.concat_ws(', ', 'pg_catalog',
  CASE WHEN pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.<>) ''
  THEN pg_catalog.current_setting('search_path') END), true) IS NULL$$,
CASE WHEN stored IS NULL THEN pg_catalog.format(
  'SELECT pg_catalog.json_build_object(''target'', %s, ''there'', %L::boolean, '
  '''rows'', 0, ''written'', 0, ''surely'', 0, ''ended'', ''[]''::json)', found.ord - 1, found.rel IS NOT NULL)
-- without the lower bound a row that was frozen more than 2^31 ids ago would be one of today's
ELSE pg_catalog.format(
  'SELECT pg_catalog.json_build_object(''target'', %s, ''there'', true, ''rows'', count(*), '
  '''written'', pg_catalog.count(*) FILTER (WHERE pg_catalog.age(xmin) BETWEEN 0 AND %s), '
  '''surely'', pg_catalog.count(*) FILTER (WHERE pg_catalog.age(xmin) BETWEEN 0 AND %s '
  'OR xmin::text = ANY (%L::text[])), ''ended'', %s) FROM ONLY %I.%I',
  found.ord - 1, since.first, since.next, since.open,
  CASE WHEN present.doubt THEN pg_catalog.format(
    '(SELECT coalesce(pg_catalog.json_agg(id), ''[]'') FROM (SELECT DISTINCT xmin::text::bigint AS id FROM ONLY %I.%I '
    'WHERE pg_catalog.age(xmin) BETWEEN 0 AND %s LIMIT %s + 1) AS t)',
    stored.nspname, stored.relname, present.first, :note) ELSE '''[]''::json' END,
  stored.nspname, stored.relname)
END
FROM found CROSS JOIN since CROSS JOIN present LEFT JOIN stored USING (ord)
ORDER BY found.ord, stored.nspname, stored.relname
\gexec
