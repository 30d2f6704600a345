-- One number for how tables are defined, with what stands on them: the transactions that wrote it. psql reads it as it
-- stands: __ROOTS__ is a query of the tables' oids.
(WITH RECURSIVE tree(oid) AS (
  __ROOTS__
  UNION
  SELECT i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid
)
SELECT pg_catalog.md5(coalesce(pg_catalog.string_agg(part, ' ' ORDER BY part), '')) FROM (
  SELECT pg_catalog.concat_ws(':', 'c', c.oid, c.xmin) FROM pg_class c WHERE c.oid IN (SELECT oid FROM tree)
  UNION ALL
  SELECT pg_catalog.concat_ws(':', 'a', a.attrelid, a.attnum, a.xmin) FROM pg_attribute a
  WHERE a.attrelid IN (SELECT oid FROM tree)
  UNION ALL
  SELECT pg_catalog.concat_ws(':', 'd', d.oid, d.xmin) FROM pg_attrdef d WHERE d.adrelid IN (SELECT oid FROM tree)
  UNION ALL
  SELECT pg_catalog.concat_ws(':', 'i', i.indexrelid, i.xmin) FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM tree)
  UNION ALL
  SELECT pg_catalog.concat_ws(':', 'k', k.oid, k.xmin) FROM pg_constraint k
  WHERE k.conrelid IN (SELECT oid FROM tree) OR k.confrelid IN (SELECT oid FROM tree)
  UNION ALL
  SELECT pg_catalog.concat_ws(':', 't', g.oid, g.xmin) FROM pg_trigger g WHERE g.tgrelid IN (SELECT oid FROM tree)
  UNION ALL
  SELECT pg_catalog.concat_ws(':', 'r', r.oid, r.xmin) FROM pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM tree)
) AS p(part))
