-- What hangs on what around the relations of scope.sql: second of the four statements.
-- Sets two tables, an array for each column, for bodies.sql and answer.sql:
-- edge: "f needs t". relid: the relation of the scope that f is part of; null where f is not ours.
--   mine: t is our own. beyond: t is a relation, and not our own. walk: what t needs is followed.
--   in_text: nothing but the text of f's body names t; bodies.sql says which of these count.
-- dependent: what needs something of ours and is none of it.
-- And what bodies.sql sets, for the case that there are no functions; identifier: as a regular expression.
-- Ours are up to a dozen objects a partition, so they are joined as sets. What is not ours is walked,
-- each object once however many partitions need it.
\set identifier '"(?:[^"]|"")+"|[^\\x01-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f][^\\x01-\\x23\\x25-\\x2f\\x3a-\\x40\\x5b-\\x5e\\x60\\x7b-\\x7f]*'
WITH RECURSIVE rel(oid) AS MATERIALIZED (SELECT unnest(:'rel'::oid[])),
-- All that the dump of these tables writes. Not a root: what comes with its parent.
own(classid, objid, relid, root) AS MATERIALIZED (
  SELECT 'pg_class'::regclass::oid, oid, oid, true FROM rel
  UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, i.indrelid, true
    FROM rel JOIN pg_index i ON i.indrelid = rel.oid
  UNION ALL SELECT 'pg_attrdef'::regclass, a.oid, a.adrelid, true
    FROM rel JOIN pg_attrdef a ON a.adrelid = rel.oid
  UNION ALL SELECT 'pg_constraint'::regclass, k.oid, k.conrelid, k.contype <> 'f' OR k.conparentid = 0
    FROM rel JOIN pg_constraint k ON k.conrelid = rel.oid
  UNION ALL SELECT 'pg_trigger'::regclass, t.oid, t.tgrelid, NOT t.tgisinternal
    FROM rel JOIN pg_trigger t ON t.tgrelid = rel.oid
  UNION ALL SELECT 'pg_policy'::regclass, p.oid, p.polrelid, true
    FROM rel JOIN pg_policy p ON p.polrelid = rel.oid
  UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, r.ev_class, true
    FROM rel JOIN pg_rewrite r ON r.ev_class = rel.oid
  UNION ALL SELECT 'pg_statistic_ext'::regclass, x.oid, x.stxrelid, true
    FROM rel JOIN pg_statistic_ext x ON x.stxrelid = rel.oid
),
-- What our own needs and is not our own, as pg_depend names it.
needed(relid, fclass, fobj, xclass, xobj) AS MATERIALIZED (
  SELECT DISTINCT o.relid, o.classid, o.objid, d.refclassid, d.refobjid
  FROM own o JOIN pg_depend d ON d.classid = o.classid AND d.objid = o.objid AND d.refobjid <> 0
  WHERE o.root AND NOT EXISTS (
    SELECT FROM own x WHERE x.classid = d.refclassid AND x.objid = d.refobjid)
),
-- One step from an object to what it needs; or, where of_name, from a name in pg_depend to the object
-- that it stands for.
step(of_name, fclass, fobj, tclass, tobj, mine, beyond, walk, in_text) AS (
  SELECT NULL::boolean, NULL::oid, NULL::oid, xclass, xobj, false, false, true, false
  FROM (SELECT DISTINCT xclass, xobj FROM needed) n
  UNION
  SELECT e.name, e.tclass, e.tobj, g.classid, g.objid, m.mine, g.beyond, g.walk, x.in_text
  FROM (SELECT DISTINCT fclass IS NULL AS name, tclass, tobj FROM step WHERE walk) e
  CROSS JOIN LATERAL (
    SELECT e.tclass, e.tobj, false WHERE e.name
    UNION ALL SELECT n.classid, n.objid, false FROM (
      SELECT d.refclassid, d.refobjid FROM pg_depend d
        WHERE d.classid = e.tclass AND d.objid = e.tobj AND d.refobjid <> 0
      -- a composite type hangs its columns on its row in pg_class
      UNION ALL SELECT 'pg_class'::regclass, t.typrelid FROM pg_type t
        WHERE e.tclass = 'pg_type'::regclass AND t.oid = e.tobj AND t.typrelid <> 0
      UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k
        WHERE e.tclass = 'pg_type'::regclass AND k.contypid = e.tobj
      -- made along with it: a range's multirange, what fills an operator class or family
      UNION ALL SELECT d.classid, d.objid FROM pg_depend d
        WHERE d.refclassid = e.tclass AND d.refobjid = e.tobj AND CASE e.tclass
          WHEN 'pg_type'::regclass THEN d.classid = e.tclass AND d.deptype = 'i'
          WHEN 'pg_opclass'::regclass THEN d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)
          WHEN 'pg_opfamily'::regclass THEN d.classid IN ('pg_amop'::regclass, 'pg_amproc'::regclass)
          END
      UNION ALL SELECT 'pg_operator'::regclass, unnest(ARRAY[o.oprcom, o.oprnegate]) FROM pg_operator o
        WHERE e.tclass = 'pg_operator'::regclass AND o.oid = e.tobj
      -- x::t is stored as a call of the cast's function, and printed as a cast
      UNION ALL SELECT 'pg_cast'::regclass, k.oid FROM pg_cast k
        WHERE e.tclass = 'pg_proc'::regclass AND k.castfunc = e.tobj
    ) AS n(classid, objid) WHERE NOT e.name
    UNION ALL SELECT o.classid, o.objid, true
    FROM pg_proc f JOIN pg_language l ON l.oid = f.prolang AND l.lanname NOT IN ('internal', 'c')
    -- where a name without a schema may be: the function's own search_path, or whatever a caller may have
    CROSS JOIN LATERAL (
      SELECT COALESCE(
        (SELECT substr(c, 13) FROM unnest(f.proconfig) c WHERE starts_with(c, 'search_path=')),
        (SELECT concat_ws(', ', f.pronamespace::regnamespace, '"$user", public', string_agg(substr(c, 13), ', '))
          FROM pg_db_role_setting s CROSS JOIN unnest(s.setconfig) c
          WHERE starts_with(c, 'search_path=') AND s.setrole IN (0, f.proowner) AND s.setdatabase
            IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))))) AS set_path(list)
    CROSS JOIN LATERAL (
      SELECT array_agg(CASE i WHEN '$user' THEN pg_get_userbyid(f.proowner) ELSE i::name END)
      FROM regexp_matches(set_path.list, format('(%s)', :'identifier'), 'g') m
      CROSS JOIN unnest(parse_ident(m[1])) i) AS path(schemas)
    -- a name with its schema, before a parenthesis, or where a type may stand
    CROSS JOIN LATERAL (
      SELECT parse_ident(m[1]) || parse_ident(COALESCE(m[2], m[3])), CASE WHEN m[1] IS NULL THEN false END
      FROM regexp_matches(f.prosrc, format('(%1$s)\s*\.\s*(%1$s)|(%1$s)\s*\(', :'identifier'), 'g') m
      UNION SELECT parse_ident(m[1]), true
      FROM regexp_matches(f.prosrc, format('(?:::|\mas\M)\s*(%s)', :'identifier'), 'gi') m
      UNION SELECT parse_ident(m[1]), true
      FROM regexp_matches(f.prosrc, '\mdeclare\M(.*?)\mbegin\M', 'gi') d
      CROSS JOIN regexp_matches(d[1], format('(?:^|;)\s*(?:%1$s)\s+(?:constant\s+)?(%1$s)', :'identifier'), 'gi') m
    ) AS w(ident, as_type)
    CROSS JOIN LATERAL (
      SELECT 'pg_proc'::regclass::oid, p.oid, p.pronamespace FROM pg_proc p
      WHERE w.as_type IS NOT TRUE AND p.proname = w.ident[cardinality(w.ident)]::name AND p.oid >= 16384
      UNION ALL SELECT 'pg_type'::regclass, t.oid, t.typnamespace FROM pg_type t
      WHERE w.as_type IS NOT FALSE AND t.typname = w.ident[cardinality(w.ident)]::name AND t.oid >= 16384
        -- no row types: of relations, bodies.sql takes only what is read
        AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind <> 'c')
      OFFSET 0) AS o(classid, objid, schema)
    JOIN pg_namespace s ON s.oid = o.schema
      AND s.nspname = ANY (CASE cardinality(w.ident) WHEN 1 THEN path.schemas ELSE w.ident[1:1]::name[] END)
    WHERE NOT e.name AND e.tclass = 'pg_proc'::regclass AND f.oid = e.tobj
  ) AS x(classid, objid, in_text)
  -- an array stands for its element, a row type for its relation; OFFSET 0 keeps each step apart
  CROSS JOIN LATERAL (
    SELECT CASE WHEN x.classid = 'pg_type'::regclass THEN (
      SELECT CASE WHEN t.typlen = -1 AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
      FROM pg_type t WHERE t.oid = x.objid) END OFFSET 0) AS ty(oid)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN ty.oid IS NOT NULL THEN (
      SELECT c.oid FROM pg_class c WHERE c.relkind <> 'c'
        AND c.oid = (SELECT t.typrelid FROM pg_type t WHERE t.oid = ty.oid)) END OFFSET 0) AS row(oid)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN row.oid IS NOT NULL THEN 'pg_class'::regclass::oid ELSE x.classid END,
      COALESCE(row.oid, ty.oid, x.objid) OFFSET 0) AS a(classid, objid)
  -- an index, default, constraint is part of a relation: ours, or one that it stands for
  CROSS JOIN LATERAL (
    SELECT CASE a.classid
      WHEN 'pg_class'::regclass
        THEN COALESCE((SELECT indrelid FROM pg_index WHERE indexrelid = a.objid), a.objid)
      WHEN 'pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_attrdef WHERE oid = a.objid)
      WHEN 'pg_constraint'::regclass
        THEN (SELECT NULLIF(conrelid, 0) FROM pg_constraint WHERE oid = a.objid)
      WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = a.objid)
      WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = a.objid)
      WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = a.objid)
      END OFFSET 0) AS b(relid)
  CROSS JOIN LATERAL (
    SELECT COALESCE(b.relid IN (SELECT oid FROM rel), false) OFFSET 0) AS m(mine)
  -- a member of an extension stands for the extension
  CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT m.mine THEN (SELECT d.refobjid FROM pg_depend d
      WHERE d.deptype = 'e' AND d.objid = COALESCE(b.relid, a.objid)
        AND d.classid = CASE WHEN b.relid IS NULL THEN a.classid ELSE 'pg_class'::regclass::oid END
      LIMIT 1) END OFFSET 0) AS c(ext)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT m.mine AND c.ext IS NULL AND b.relid IS NOT NULL THEN (
      SELECT CASE WHEN q.relkind = 'S' AND EXISTS (
          SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = q.oid
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
        THEN 'owned' ELSE q.relkind::text END
      FROM pg_class q WHERE q.oid = b.relid) END OFFSET 0) AS k(kind)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN m.mine THEN a.classid WHEN c.ext IS NOT NULL THEN 'pg_extension'::regclass::oid
        WHEN b.relid IS NOT NULL THEN 'pg_class'::regclass::oid ELSE a.classid END,
      CASE WHEN m.mine THEN a.objid ELSE COALESCE(c.ext, b.relid, a.objid) END,
      COALESCE(k.kind <> 'c', false),
      NOT m.mine AND COALESCE(k.kind IN ('c', 'S'), true) OFFSET 0) AS g(classid, objid, beyond, walk)
  -- the rest is initdb's
  WHERE (g.objid >= 16384 OR g.classid = 'pg_namespace'::regclass AND g.objid = 2200)
    AND NOT (e.name AND m.mine)
    AND NOT (NOT e.name AND g.classid = e.tclass AND g.objid = e.tobj)
),
edge(relid, fclass, fobj, tclass, tobj, mine, beyond, walk, in_text) AS MATERIALIZED (
  SELECT DISTINCT n.relid, n.fclass, n.fobj, s.tclass, s.tobj, s.mine, s.beyond, s.walk, false
  FROM needed n JOIN step s ON s.of_name AND s.fclass = n.xclass AND s.fobj = n.xobj
  UNION ALL
  SELECT NULL, fclass, fobj, tclass, tobj, mine, beyond, walk, in_text FROM step WHERE NOT of_name
),
dependent(classid, objid, relid) AS MATERIALIZED (
  SELECT DISTINCT CASE d.classid WHEN 'pg_rewrite'::regclass THEN 'pg_class'::regclass::oid ELSE d.classid END,
    CASE d.classid WHEN 'pg_rewrite'::regclass
      THEN (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid) ELSE d.objid END,
    o.relid
  FROM (
    SELECT classid, objid, relid FROM own
    UNION ALL SELECT 'pg_type'::regclass, t.oid, rel.oid
      FROM rel JOIN pg_class c ON c.oid = rel.oid
      JOIN pg_type r ON r.oid = c.reltype JOIN pg_type t ON t.oid IN (r.oid, r.typarray)) o
  JOIN pg_depend d ON d.refclassid = o.classid AND d.refobjid = o.objid AND d.deptype IN ('n', 'a', 'i')
  WHERE NOT EXISTS (SELECT FROM own x WHERE x.classid = d.classid AND x.objid = d.objid)
    AND NOT (d.classid IN ('pg_type'::regclass, 'pg_class'::regclass) AND d.deptype = 'i')
    AND NOT EXISTS (SELECT FROM pg_trigger t
      WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND t.tgisinternal)
    AND NOT EXISTS (SELECT FROM pg_constraint k
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.conparentid <> 0)
)
SELECT e.*, d.*
FROM (
  SELECT COALESCE(array_agg(relid), '{}') AS edge_relid,
    COALESCE(array_agg(fclass), '{}') AS edge_fclass, COALESCE(array_agg(fobj), '{}') AS edge_fobj,
    COALESCE(array_agg(tclass), '{}') AS edge_tclass, COALESCE(array_agg(tobj), '{}') AS edge_tobj,
    COALESCE(array_agg(mine), '{}') AS edge_mine, COALESCE(array_agg(beyond), '{}') AS edge_beyond,
    COALESCE(array_agg(walk), '{}') AS edge_walk, COALESCE(array_agg(in_text), '{}') AS edge_in_text,
    COALESCE(bool_or(tclass = 'pg_proc'::regclass), false) AS has_bodies,
    '{}' AS bare_caller, '{}' AS bare_called, '[]' AS passed_over
  FROM edge) e,
(
  SELECT COALESCE(array_agg(classid), '{}') AS dependent_class,
    COALESCE(array_agg(objid), '{}') AS dependent_obj, COALESCE(array_agg(relid), '{}') AS dependent_relid
  FROM dependent) d
\gset
