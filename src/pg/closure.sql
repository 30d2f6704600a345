-- What the target tables need around them: what a prelude can create before them, which unowned
-- sequences join their dump, and what neither brings along. In a transaction of session.rs: read
-- only, pg_catalog only; no privileges needed. A body that is text (plpgsql, AS '...') has no rows
-- in pg_depend, so what it names is not known here.
-- psql variables: as in catalog.sql.
SET LOCAL lock_timeout = :lock_timeout;
SET LOCAL statement_timeout = :statement_timeout;
-- Without these the planner, which knows nothing of recursive queries' sizes, compiles and sorts.
SET LOCAL jit = off;
SET LOCAL work_mem = '512kB';
WITH RECURSIVE scope(oid, target) AS (
  SELECT c.oid, t.i
  FROM generate_series(0, jsonb_array_length(:'targets'::jsonb) - 1) AS t(i)
  JOIN pg_namespace n ON n.nspname::text = :'targets'::jsonb -> t.i ->> 'schema'
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p')
    AND c.relname::text = :'targets'::jsonb -> t.i ->> 'name'
  UNION
  SELECT i.inhrelid, s.target FROM scope s JOIN pg_inherits i ON i.inhparent = s.oid
), rel(oid) AS (
  SELECT oid FROM scope
  UNION -- and the sequences that they own, which pg_dump takes by itself
  SELECT d.objid FROM scope s
  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = s.oid
    AND d.refobjsubid > 0 AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_class q ON q.oid = d.objid AND q.relkind = 'S'
),
-- All that the dump of these tables writes. Not a root: what comes with its parent.
own(classid, objid, relid, root) AS (
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
),
-- "f needs t". mine: t is our own. beyond: t is a relation, and not our own.
edge(f_mine, fclass, fobj, tclass, tobj, mine, beyond, walk) AS (
  SELECT NULL::boolean, NULL::oid, NULL::oid, classid, objid, true, false, true FROM own WHERE root
  UNION
  SELECT e.mine, e.tclass, e.tobj, g.classid, g.objid, m.mine, g.beyond, g.walk
  FROM edge e
  CROSS JOIN LATERAL (
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
  ) AS x(classid, objid)
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
  CROSS JOIN LATERAL (
    SELECT (a.classid, a.objid) IN (SELECT classid, objid FROM own) OFFSET 0) AS m(mine)
  -- an index, default, constraint of a relation beyond the scope stands for that relation
  CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT m.mine THEN CASE a.classid
      WHEN 'pg_class'::regclass
        THEN COALESCE((SELECT indrelid FROM pg_index WHERE indexrelid = a.objid), a.objid)
      WHEN 'pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_attrdef WHERE oid = a.objid)
      WHEN 'pg_constraint'::regclass
        THEN (SELECT NULLIF(conrelid, 0) FROM pg_constraint WHERE oid = a.objid)
      WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = a.objid)
      WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = a.objid)
      WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = a.objid)
      END END OFFSET 0) AS b(relid)
  -- a member of an extension stands for the extension
  CROSS JOIN LATERAL (
    SELECT (SELECT d.refobjid FROM pg_depend d
      WHERE NOT m.mine AND d.deptype = 'e' AND d.objid = COALESCE(b.relid, a.objid)
        AND d.classid = CASE WHEN b.relid IS NULL THEN a.classid ELSE 'pg_class'::regclass::oid END
      LIMIT 1) OFFSET 0) AS c(ext)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN NOT m.mine AND c.ext IS NULL AND b.relid IS NOT NULL THEN (
      SELECT CASE WHEN q.relkind = 'S' AND EXISTS (
          SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = q.oid
            AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
        THEN 'owned' ELSE q.relkind::text END
      FROM pg_class q WHERE q.oid = b.relid) END OFFSET 0) AS k(kind)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.ext IS NOT NULL THEN 'pg_extension'::regclass::oid
        WHEN b.relid IS NOT NULL THEN 'pg_class'::regclass::oid ELSE a.classid END,
      COALESCE(c.ext, b.relid, a.objid),
      COALESCE(k.kind <> 'c', false),
      NOT m.mine AND COALESCE(k.kind IN ('c', 'S'), true) OFFSET 0) AS g(classid, objid, beyond, walk)
  WHERE e.walk
    -- the rest is initdb's
    AND (g.objid >= 16384 OR g.classid = 'pg_namespace'::regclass AND g.objid = 2200)
    AND NOT (e.fclass IS NULL AND m.mine)
    AND NOT (g.classid = e.tclass AND g.objid = e.tobj)
), seq(oid, target) AS (
  SELECT q.oid, min(s.target)
  FROM edge e JOIN pg_class q ON q.oid = e.tobj AND q.relkind = 'S'
  JOIN own ON own.classid = e.fclass AND own.objid = e.fobj
  JOIN scope s ON s.oid = own.relid
  WHERE e.tclass = 'pg_class'::regclass AND e.beyond
    -- what LIKE copies is the default alone: its sequence may be another table's
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = e.tclass AND d.objid = q.oid
      AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i')
    AND has_table_privilege(q.oid, 'SELECT') AND has_schema_privilege(q.relnamespace, 'USAGE')
  GROUP BY q.oid
),
-- what can be created only after some relation, so in no prelude
late(classid, objid) AS (
  SELECT e.fclass, e.fobj FROM edge e WHERE NOT e.f_mine AND (e.mine OR e.beyond)
  UNION
  SELECT e.fclass, e.fobj
  FROM late JOIN edge e ON e.tclass = late.classid AND e.tobj = late.objid AND NOT e.f_mine
), need(classid, objid, late) AS (
  SELECT DISTINCT e.tclass, e.tobj, EXISTS (
    SELECT FROM late WHERE late.classid = e.tclass AND late.objid = e.tobj)
  FROM edge e
  WHERE NOT e.mine
    AND e.tclass NOT IN ('pg_class'::regclass, 'pg_amop'::regclass, 'pg_amproc'::regclass)
), dependent(classid, objid, relid) AS (
  SELECT DISTINCT CASE d.classid WHEN 'pg_rewrite'::regclass THEN 'pg_class'::regclass::oid ELSE d.classid END,
    CASE d.classid WHEN 'pg_rewrite'::regclass
      THEN (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid) ELSE d.objid END,
    o.relid
  FROM (
    SELECT classid, objid, relid FROM own
    UNION ALL SELECT 'pg_type'::regclass, t.oid, rel.oid
      FROM rel JOIN pg_class c ON c.oid = rel.oid
      JOIN pg_type r ON r.oid = c.reltype JOIN pg_type t ON t.oid IN (r.oid, r.typarray)) o
  CROSS JOIN LATERAL (
    SELECT d.classid, d.objid, d.deptype FROM pg_depend d
    WHERE d.refclassid = o.classid AND d.refobjid = o.objid AND d.deptype IN ('n', 'a', 'i')
    OFFSET 0) d
  WHERE NOT EXISTS (SELECT FROM own x WHERE x.classid = d.classid AND x.objid = d.objid)
    AND NOT (d.classid IN ('pg_type'::regclass, 'pg_class'::regclass) AND d.deptype = 'i')
    AND NOT EXISTS (SELECT FROM pg_trigger t
      WHERE d.classid = 'pg_trigger'::regclass AND t.oid = d.objid AND t.tgisinternal)
    AND NOT EXISTS (SELECT FROM pg_constraint k
      WHERE d.classid = 'pg_constraint'::regclass AND k.oid = d.objid AND k.conparentid <> 0)
),
col(relid, attnum, typid) AS (
  SELECT s.oid, a.attnum, a.atttypid
  FROM scope s JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
),
-- a column's value may hold values of these types: numbers of large objects, amounts of money,
-- names of objects
colheld(coltype, typid) AS (
  SELECT typid, typid FROM col
  UNION
  SELECT c.coltype, n.oid
  FROM colheld c JOIN pg_type t ON t.oid = c.typid
  CROSS JOIN LATERAL (
    VALUES (t.typbasetype), (CASE WHEN t.typlen = -1 THEN t.typelem ELSE 0 END)
    UNION ALL SELECT a.atttypid FROM pg_attribute a
      WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL SELECT r.rngsubtype FROM pg_range r -- of the range, or of its multirange
      WHERE t.oid IN (r.rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid)) AS n(oid)
  WHERE n.oid <> 0
), holder(relid, attnum, held) AS (
  SELECT col.relid, col.attnum, h.typname
  FROM (
    SELECT c.coltype, t.typname FROM colheld c JOIN pg_type t ON t.oid = c.typid
    WHERE t.typnamespace = 'pg_catalog'::regnamespace
      AND (t.typname IN ('oid', 'money', 'aclitem') OR t.typname ~ '^reg')) h
  JOIN col ON col.typid = h.coltype
), around(classid, objid, late) AS (
  SELECT * FROM need
  UNION SELECT 'pg_namespace'::regclass, q.relnamespace, false
    FROM seq JOIN pg_class q ON q.oid = seq.oid
    WHERE q.relnamespace >= 16384 OR q.relnamespace = 2200
), kept(classid, objid) AS (
  SELECT 'pg_class'::regclass::oid, oid FROM rel
  UNION ALL SELECT 'pg_class'::regclass, oid FROM seq
  UNION ALL SELECT classid, objid FROM around WHERE NOT late AND classid <> 'pg_extension'::regclass
),
-- The thing by name, or by classid, objid; and for which object, and why.
ref(kind, name, classid, objid, objsubid, why, byclass, byobj) AS (
  SELECT CASE
      WHEN e.beyond AND k.contype = 'f' THEN 'foreign_key'
      -- by a statement of its own pg_dump attaches a table, and so brings the parent's triggers
      WHEN e.beyond AND e.fclass = 'pg_trigger'::regclass AND EXISTS (
          SELECT FROM pg_trigger t WHERE t.oid = e.fobj AND to_jsonb(t) ->> 'tgparentid' <> '0')
        THEN 'partitioned_table'
      WHEN e.tclass = 'pg_class'::regclass AND e.fclass = e.tclass AND EXISTS (
          SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
          WHERE i.inhrelid = e.fobj AND i.inhparent = e.tobj)
        THEN 'partitioned_table'
      WHEN e.beyond AND e.tclass = 'pg_class'::regclass AND (k.contype <> 'f' AND k.conparentid <> 0
          OR e.fclass = e.tclass AND EXISTS (
            SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('i', 'I')
            WHERE i.inhrelid = e.fobj))
        THEN 'partitioned_table' END,
    NULL::text, e.tclass, e.tobj, 0, '', e.fclass, e.fobj
  FROM edge e LEFT JOIN pg_constraint k ON e.fclass = 'pg_constraint'::regclass AND k.oid = e.fobj
  WHERE e.beyond AND NOT (e.f_mine AND e.tobj IN (SELECT oid FROM seq))
    OR e.tclass = 'pg_extension'::regclass
    OR e.tclass <> 'pg_class'::regclass
      AND EXISTS (SELECT FROM late WHERE late.classid = e.tclass AND late.objid = e.tobj)
  UNION ALL
  SELECT 'role', quote_ident(pg_get_userbyid(r.roleid)), NULL, NULL, NULL, r.why, r.classid, r.objid
  FROM (
    SELECT d.refobjid, CASE d.deptype WHEN 'o' THEN 'owner of ' WHEN 'a' THEN 'privileges on ' ELSE '' END,
      o.classid, o.objid
    FROM (SELECT * FROM kept UNION ALL
      SELECT classid, objid FROM own WHERE classid = 'pg_policy'::regclass) o
    JOIN pg_shdepend d ON d.classid = o.classid AND d.objid = o.objid
      AND d.refclassid = 'pg_authid'::regclass
      AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL -- the bootstrap superuser is not in pg_shdepend
    SELECT CASE classid
        WHEN 'pg_class'::regclass THEN (SELECT relowner FROM pg_class WHERE oid = objid)
        WHEN 'pg_namespace'::regclass THEN (SELECT nspowner FROM pg_namespace WHERE oid = objid)
        WHEN 'pg_proc'::regclass THEN (SELECT proowner FROM pg_proc WHERE oid = objid)
        WHEN 'pg_type'::regclass THEN (SELECT typowner FROM pg_type WHERE oid = objid) END,
      'owner of ', classid, objid
    FROM kept WHERE objid >= 16384
    UNION ALL -- nor is what it may
    SELECT 10, '', classid, objid FROM own
    JOIN pg_policy p ON classid = 'pg_policy'::regclass AND p.oid = objid AND 10 = ANY (p.polroles)
    UNION ALL
    SELECT 10, 'privileges on ', k.classid, k.objid
    FROM kept k CROSS JOIN LATERAL (
      SELECT relowner, relacl FROM pg_class
        WHERE k.classid = 'pg_class'::regclass AND oid = k.objid
      UNION ALL SELECT c.relowner, a.attacl
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
        WHERE k.classid = 'pg_class'::regclass AND c.oid = k.objid AND a.attacl IS NOT NULL
      UNION ALL SELECT nspowner, nspacl FROM pg_namespace
        WHERE k.classid = 'pg_namespace'::regclass AND oid = k.objid
      UNION ALL SELECT proowner, proacl FROM pg_proc
        WHERE k.classid = 'pg_proc'::regclass AND oid = k.objid
      UNION ALL SELECT typowner, typacl FROM pg_type
        WHERE k.classid = 'pg_type'::regclass AND oid = k.objid) AS p(owner, acl)
    WHERE p.owner <> 10 AND EXISTS (
      SELECT FROM aclexplode(p.acl) a WHERE 10 IN (a.grantee, a.grantor))
    ) AS r(roleid, why, classid, objid)
  WHERE r.roleid <> 0
  UNION ALL
  SELECT 'tablespace', quote_ident(t.spcname), NULL, NULL, NULL, '', o.classid, o.objid
  FROM own o JOIN pg_class c ON o.classid = 'pg_class'::regclass AND c.oid = o.objid
  JOIN pg_tablespace t ON t.oid = c.reltablespace
  UNION ALL
  SELECT 'library', p.probin, NULL, NULL, NULL, '', k.classid, k.objid
  FROM kept k JOIN pg_proc p ON k.classid = 'pg_proc'::regclass AND p.oid = k.objid
  WHERE p.probin IS NOT NULL
  UNION ALL
  SELECT 'large_object', NULL, 'pg_class'::regclass, relid, attnum, '', 'pg_class'::regclass, relid
  FROM holder WHERE held = 'oid' AND EXISTS (SELECT FROM pg_largeobject_metadata)
  UNION ALL -- under another, amounts are read as other amounts
  SELECT 'locale', current_setting('lc_monetary'), NULL, NULL, NULL, '', 'pg_class'::regclass, relid
  FROM holder WHERE held = 'money' AND current_setting('lc_monetary') NOT IN ('C', 'POSIX', '')
  UNION ALL -- regclass and its like, and privileges: read in only where the objects are there
  SELECT 'object_names', NULL, 'pg_class'::regclass, relid, attnum, held || ' in ', 'pg_class'::regclass, relid
  FROM holder WHERE held NOT IN ('oid', 'money')
  UNION ALL
  SELECT CASE classid WHEN 'pg_statistic_ext'::regclass THEN 'statistics' ELSE 'dependent' END,
    NULL, classid, objid, 0, '', 'pg_class'::regclass, relid
  FROM dependent
)
SELECT jsonb_build_object(
  'missing', (
    SELECT COALESCE(jsonb_agg(t.item), '[]')
    FROM jsonb_array_elements(:'targets'::jsonb) WITH ORDINALITY AS t(item, ord)
    WHERE t.ord - 1 NOT IN (SELECT target FROM scope)),
  'objects', (
    SELECT COALESCE(jsonb_agg(jsonb_build_object(
      'class', n.classid::bigint, 'oid', n.objid::bigint, 'kind', i.type, 'name', i.identity,
      -- a constraint of a domain is written with or after it, a multirange is made with its range
      'part_of', COALESCE(
        (SELECT k.contypid::bigint FROM pg_constraint k
          WHERE n.classid = 'pg_constraint'::regclass AND k.oid = n.objid),
        (SELECT d.refobjid::bigint FROM pg_depend d
          WHERE d.classid = n.classid AND d.objid = n.objid AND d.deptype = 'i'
            AND n.classid = 'pg_type'::regclass AND d.refclassid = n.classid LIMIT 1)),
      'opaque', n.classid = 'pg_proc'::regclass AND EXISTS (
        SELECT FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
        WHERE p.oid = n.objid AND l.lanname NOT IN ('internal', 'c')
          AND to_jsonb(p) ->> 'prosqlbody' IS NULL),
      'needed_by', (
        SELECT jsonb_agg(DISTINCT f.type || ' ' || f.identity)
        FROM (
          SELECT fclass, fobj FROM edge WHERE tclass = n.classid AND tobj = n.objid
          UNION ALL SELECT 'pg_class'::regclass, q.oid FROM seq JOIN pg_class q ON q.oid = seq.oid
            WHERE n.classid = 'pg_namespace'::regclass AND q.relnamespace = n.objid) e
        CROSS JOIN LATERAL pg_identify_object(e.fclass, e.fobj, 0) f)) ORDER BY i.type, i.identity), '[]')
    FROM around n CROSS JOIN LATERAL pg_identify_object(n.classid, n.objid, 0) i
    WHERE NOT n.late),
  'sequences', (
    SELECT COALESCE(jsonb_agg(jsonb_build_object('oid', seq.oid::bigint, 'target', seq.target,
      'schema', n.nspname, 'name', q.relname) ORDER BY n.nspname, q.relname), '[]')
    FROM seq JOIN pg_class q ON q.oid = seq.oid JOIN pg_namespace n ON n.oid = q.relnamespace),
  'external', (
    SELECT COALESCE(jsonb_agg(jsonb_build_object('kind', kind, 'name', name, 'needed_by', needed_by)
      ORDER BY kind, name, needed_by), '[]')
    FROM (
      SELECT DISTINCT CASE WHEN r.kind IS NULL THEN replace(i.type, ' ', '_')
          WHEN r.kind = 'dependent' THEN 'dependent_' || replace(i.type, ' ', '_')
          ELSE r.kind END,
        COALESCE(r.name, i.identity), r.why || b.type || ' ' || b.identity
      FROM ref r
      LEFT JOIN LATERAL pg_identify_object(r.classid, r.objid, r.objsubid) i ON r.classid IS NOT NULL
      CROSS JOIN LATERAL pg_identify_object(r.byclass, r.byobj, 0) b) AS x(kind, name, needed_by))
);
