-- Which names in bodies that are text count: third of the four statements. A body that is text (plpgsql,
-- AS '...') has no rows in pg_depend; edges.sql looked up what may be meant by the names in it (in_text).
-- Here an object that only a text names is taken where it can be made with what is there before the
-- tables, else passed over. A name in a comment is taken too: that does no harm. No order follows from
-- a text: a function is made with check_function_bodies off, and run when all are there.
-- Sets the edge arrays again, and
-- passed_over: JSON, the names of what is passed over.
-- bare_caller, bare_called: functions that are run while rows come in, and functions that these find by
--   a search_path, which is empty in a restore.
\if :has_bodies
WITH RECURSIVE edge AS MATERIALIZED (
  SELECT * FROM unnest(:'edge_relid'::oid[], :'edge_fclass'::oid[], :'edge_fobj'::oid[],
    :'edge_tclass'::oid[], :'edge_tobj'::oid[], :'edge_mine'::boolean[], :'edge_beyond'::boolean[],
    :'edge_walk'::boolean[], :'edge_in_text'::boolean[]) WITH ORDINALITY
  AS e(relid, fclass, fobj, tclass, tobj, mine, beyond, walk, in_text, ord)
),
-- needed whatever the texts say
base(classid, objid) AS (
  SELECT tclass, tobj FROM edge WHERE relid IS NOT NULL AND NOT mine
  UNION
  SELECT e.tclass, e.tobj
  FROM base b JOIN edge e ON e.fclass = b.classid AND e.fobj = b.objid
  WHERE e.relid IS NULL AND NOT e.in_text AND NOT e.mine
),
-- cannot be made before the tables, or not without what is neither theirs nor the prelude's
unfit(classid, objid) AS (
  SELECT fclass, fobj FROM edge WHERE relid IS NULL AND NOT in_text AND (mine OR beyond)
  UNION
  SELECT e.tclass, e.tobj
  FROM edge e JOIN pg_proc p ON p.oid = e.tobj JOIN pg_language l ON l.oid = p.prolang
  WHERE e.tclass = 'pg_proc'::regclass AND NOT l.lanpltrusted AND p.prokind <> 'a'
  UNION
  SELECT e.fclass, e.fobj
  FROM unfit u JOIN edge e ON e.tclass = u.classid AND e.tobj = u.objid
  WHERE e.relid IS NULL AND NOT e.in_text
),
named(classid, objid, ord) AS (
  SELECT tclass, tobj, min(ord)
  FROM edge WHERE in_text AND (tclass, tobj) NOT IN (SELECT * FROM base)
  GROUP BY tclass, tobj
), chosen(classid, objid) AS MATERIALIZED (
  SELECT classid, objid FROM named
  WHERE classid <> 'pg_class'::regclass AND (classid, objid) NOT IN (SELECT * FROM unfit)
  ORDER BY ord LIMIT 200 -- the nearest: edges.sql goes by steps
), kept(classid, objid) AS (
  SELECT * FROM base
  UNION
  SELECT e.tclass, e.tobj
  FROM kept k JOIN edge e ON e.fclass = k.classid AND e.fobj = k.objid
  WHERE e.relid IS NULL AND NOT e.mine AND (NOT e.in_text OR (e.tclass, e.tobj) IN (SELECT * FROM chosen))
), counted AS MATERIALIZED (
  SELECT e.* FROM edge e
  WHERE e.relid IS NOT NULL OR (e.fclass, e.fobj) IN (SELECT * FROM kept)
    AND (NOT e.in_text OR (e.tclass, e.tobj) IN (SELECT * FROM chosen))
),
-- Run while rows come in: by checks, indexes, partition keys, domains, generated columns; not by defaults,
-- triggers and policies. pathless: no caller has set a search_path.
run(relid, classid, objid, pathless) AS (
  SELECT min(e.relid), e.tclass, e.tobj, true
  FROM counted e
  LEFT JOIN pg_attrdef d ON e.fclass = 'pg_attrdef'::regclass AND d.oid = e.fobj
  LEFT JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
  WHERE e.relid IS NOT NULL
    AND (e.fclass IN ('pg_class'::regclass, 'pg_constraint'::regclass) OR a.attgenerated <> '')
  GROUP BY e.tclass, e.tobj
  UNION
  SELECT r.relid, e.tclass, e.tobj, r.pathless AND NOT (r.classid = 'pg_proc'::regclass AND EXISTS (
    SELECT FROM pg_proc p CROSS JOIN unnest(p.proconfig) c
    WHERE p.oid = r.objid AND starts_with(c, 'search_path=')))
  FROM run r JOIN counted e ON e.fclass = r.classid AND e.fobj = r.objid
  WHERE e.relid IS NULL AND NOT e.mine
), body(oid, relid, source, path) AS (
  SELECT f.oid, r.relid,
    -- without comments and literals
    regexp_replace(f.prosrc, '--[^\n]*|/[*]([^*]|[*]+[^*/])*[*]+/|''([^'']|'''')*''', ' ', 'g'),
    COALESCE(s.path, CASE WHEN r.pathless THEN '{}'::text[] END)
  FROM (SELECT objid, min(relid), bool_or(pathless) FROM run
    WHERE classid = 'pg_proc'::regclass GROUP BY objid) AS r(objid, relid, pathless)
  JOIN pg_proc f ON f.oid = r.objid JOIN pg_language l ON l.oid = f.prolang AND l.lanname IN ('sql', 'plpgsql')
  CROSS JOIN LATERAL (
    SELECT array_agg(i)
    FROM unnest(f.proconfig) c
    CROSS JOIN regexp_matches(substr(c, 13), format('(%s)', :'identifier'), 'g') m
    CROSS JOIN unnest(parse_ident(m[1])) i
    WHERE starts_with(c, 'search_path=')) AS s(path)
), word(oid, relid, path, source, ident, called) AS MATERIALIZED (
  SELECT b.oid, b.relid, b.path, m[1] IS NOT NULL, parse_ident(m[2]) || parse_ident(m[3]), m[4] <> ''
  FROM body b CROSS JOIN LATERAL regexp_matches(b.source, format(
    '(?:\m(from|join|update|insert\s+into)\s+(?:only\s+)?)?(?:(%1$s)\s*\.\s*)?(%1$s)\s*(\(?)', :'identifier'), 'gi') m
),
-- relations that are not there
reading(relid, fobj, tobj) AS (
  SELECT DISTINCT w.relid, w.oid, c.oid
  FROM word w
  JOIN pg_class c ON c.relname = w.ident[cardinality(w.ident)]::name AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.oid >= 16384 AND c.oid <> ALL (:'rel'::oid[]) AND NOT w.called
    AND CASE cardinality(w.ident) WHEN 1 THEN w.source AND n.nspname = ANY (w.path) ELSE n.nspname = w.ident[1] END
    AND NOT EXISTS (SELECT FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
), bare(caller, called) AS (
  SELECT DISTINCT w.oid, p.oid
  FROM word w JOIN pg_proc p ON p.proname = w.ident[1]::name AND p.oid >= 16384
  WHERE w.called AND w.path = '{}' AND cardinality(w.ident) = 1
    AND NOT EXISTS (SELECT FROM pg_proc s
      WHERE s.proname = p.proname AND s.pronamespace = 'pg_catalog'::regnamespace)
    AND EXISTS (SELECT FROM edge e
      WHERE e.fclass = 'pg_proc'::regclass AND e.fobj = w.oid AND e.in_text
        AND (e.tclass = 'pg_proc'::regclass AND e.tobj = p.oid OR e.tclass = 'pg_extension'::regclass
          AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
            AND d.refclassid = e.tclass AND d.refobjid = e.tobj AND d.deptype = 'e')))
), answer AS (
  SELECT * FROM counted
  UNION ALL -- as if by the table itself, so that its function is made before it all the same
  SELECT relid, 'pg_proc'::regclass, fobj, 'pg_class'::regclass, tobj, false, true, false, true, 0
  FROM reading
)
SELECT e.*, b.*, p.*
FROM (
  SELECT COALESCE(array_agg(relid), '{}') AS edge_relid,
    COALESCE(array_agg(fclass), '{}') AS edge_fclass, COALESCE(array_agg(fobj), '{}') AS edge_fobj,
    COALESCE(array_agg(tclass), '{}') AS edge_tclass, COALESCE(array_agg(tobj), '{}') AS edge_tobj,
    COALESCE(array_agg(mine), '{}') AS edge_mine, COALESCE(array_agg(beyond), '{}') AS edge_beyond,
    COALESCE(array_agg(walk), '{}') AS edge_walk
  FROM answer) e,
(
  SELECT COALESCE(array_agg(caller), '{}') AS bare_caller, COALESCE(array_agg(called), '{}') AS bare_called
  FROM bare) b,
(
  SELECT COALESCE(jsonb_agg(DISTINCT i.type || ' ' || i.identity), '[]') AS passed_over
  FROM edge e CROSS JOIN LATERAL pg_identify_object(e.tclass, e.tobj, 0) i
  WHERE e.in_text AND e.tclass <> 'pg_class'::regclass AND (e.fclass, e.fobj) IN (SELECT * FROM kept)
    AND (e.tclass, e.tobj) NOT IN (SELECT * FROM kept)) p
\gset
\endif
