-- What can be created before the target tables or between them, which unowned sequences and which views
-- join their dump, and what nothing brings along: last of the four statements, over the arrays that the
-- others set.
WITH RECURSIVE scope(oid, target) AS MATERIALIZED (
  SELECT * FROM unnest(:'scope_oid'::oid[], :'scope_target'::int[])
), rel(oid) AS MATERIALIZED (
  SELECT unnest(:'rel'::oid[])
),
-- as edges.sql and bodies.sql tell them
edge(relid, fclass, fobj, tclass, tobj, mine, beyond, walk) AS MATERIALIZED (
  SELECT * FROM unnest(:'edge_relid'::oid[], :'edge_fclass'::oid[], :'edge_fobj'::oid[],
    :'edge_tclass'::oid[], :'edge_tobj'::oid[],
    :'edge_mine'::boolean[], :'edge_beyond'::boolean[], :'edge_walk'::boolean[])
), dependent(classid, objid, relid) AS (
  SELECT * FROM unnest(:'dependent_class'::oid[], :'dependent_obj'::oid[], :'dependent_relid'::oid[])
), seq(oid, target) AS (
  SELECT q.oid, min(s.target)
  FROM edge e JOIN pg_class q ON q.oid = e.tobj AND q.relkind = 'S'
  JOIN scope s ON s.oid = e.relid
  WHERE e.tclass = 'pg_class'::regclass AND e.beyond
    -- what LIKE copies is the default alone: its sequence may be another table's
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = e.tclass AND d.objid = q.oid
      AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i')
    AND has_table_privilege(q.oid, 'SELECT') AND has_schema_privilege(q.relnamespace, 'USAGE')
  GROUP BY q.oid
),
-- what needs some relation
late(classid, objid) AS (
  SELECT e.fclass, e.fobj FROM edge e WHERE e.relid IS NULL AND (e.mine OR e.beyond)
  UNION
  SELECT e.fclass, e.fobj
  FROM late JOIN edge e ON e.tclass = late.classid AND e.tobj = late.objid AND e.relid IS NULL
),
-- views that something needs, or a view among them; and what each of them needs
viewed(oid) AS (
  SELECT v.oid FROM edge e JOIN pg_class v ON v.oid = e.tobj AND v.relkind = 'v'
  WHERE e.tclass = 'pg_class'::regclass AND e.beyond
  UNION
  SELECT v.oid FROM viewed w JOIN pg_rewrite r ON r.ev_class = w.oid
  JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    AND d.refclassid = 'pg_class'::regclass
  JOIN pg_class v ON v.oid = d.refobjid AND v.relkind = 'v' AND v.oid >= 16384
), shown(oid, classid, objid) AS MATERIALIZED (
  SELECT v.oid, d.refclassid, d.refobjid
  FROM viewed v CROSS JOIN LATERAL (
    SELECT 'pg_class'::regclass::oid, v.oid
    UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r WHERE r.ev_class = v.oid) AS f(classid, objid)
  JOIN pg_depend d ON d.classid = f.classid AND d.objid = f.objid
  WHERE d.refobjid >= 16384 AND d.refobjid <> v.oid AND d.refclassid <> 'pg_namespace'::regclass
),
-- those that show more than the tables, and what the prelude brings; rules and triggers need what
-- is not looked at
blind(oid) AS (
  SELECT oid FROM shown WHERE CASE classid
    WHEN 'pg_class'::regclass THEN objid NOT IN (SELECT oid FROM scope UNION ALL SELECT oid FROM viewed)
    WHEN 'pg_constraint'::regclass
      THEN NOT EXISTS (SELECT FROM pg_constraint k JOIN scope s ON s.oid = k.conrelid WHERE k.oid = objid)
    ELSE (classid, objid) IN (SELECT classid, objid FROM late)
      OR (classid, objid) NOT IN (SELECT tclass, tobj FROM edge) END
  UNION SELECT v.oid FROM viewed v JOIN pg_rewrite r ON r.ev_class = v.oid AND r.rulename <> '_RETURN'
  UNION SELECT v.oid FROM viewed v JOIN pg_trigger t ON t.tgrelid = v.oid
  UNION
  SELECT s.oid FROM blind b JOIN shown s ON s.classid = 'pg_class'::regclass AND s.objid = b.oid
),
view(oid) AS (
  SELECT v.oid FROM edge e JOIN viewed v ON e.tclass = 'pg_class'::regclass AND v.oid = e.tobj
  WHERE e.beyond AND v.oid NOT IN (SELECT oid FROM blind)
  UNION
  SELECT v.oid FROM view JOIN shown s ON s.oid = view.oid AND s.classid = 'pg_class'::regclass
  JOIN viewed v ON v.oid = s.objid
),
joined(oid, target) AS MATERIALIZED (
  SELECT * FROM seq
  UNION ALL
  SELECT v.oid, COALESCE((SELECT min(s.target) FROM edge e JOIN scope s ON s.oid = e.relid
    WHERE e.tclass = 'pg_class'::regclass AND e.tobj = v.oid), 0)
  FROM view v
),
-- extended statistics of the tables, where all that they need comes along
counted(oid, relid) AS (
  SELECT x.oid, x.stxrelid FROM scope s JOIN pg_statistic_ext x ON x.stxrelid = s.oid
  WHERE NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.classid = 'pg_statistic_ext'::regclass AND d.objid = x.oid AND d.refobjid >= 16384
      AND NOT (d.refclassid = 'pg_class'::regclass AND d.refobjid = x.stxrelid)
      AND d.refclassid <> 'pg_namespace'::regclass
      AND ((d.refclassid, d.refobjid) IN (SELECT classid, objid FROM late)
        OR (d.refclassid, d.refobjid) NOT IN (SELECT tclass, tobj FROM edge)))
),
-- what needs more than the tables themselves, so that it is created neither before nor between them
stranded(classid, objid) AS (
  SELECT e.fclass, e.fobj FROM edge e
  WHERE e.relid IS NULL AND (e.beyond AND e.tobj NOT IN (SELECT oid FROM view)
    OR e.mine AND (e.tclass <> 'pg_class'::regclass OR e.tobj NOT IN (SELECT oid FROM scope)))
  UNION
  SELECT e.fclass, e.fobj
  FROM stranded s JOIN edge e ON e.tclass = s.classid AND e.tobj = s.objid AND e.relid IS NULL
),
-- what can be created only behind some of the tables or views, and each of these
behind(classid, objid, relid) AS (
  SELECT e.fclass, e.fobj, e.tobj FROM edge e
  WHERE e.relid IS NULL AND (e.mine OR e.beyond AND e.tobj IN (SELECT oid FROM view))
  UNION
  SELECT e.fclass, e.fobj, b.relid
  FROM behind b JOIN edge e ON e.tclass = b.classid AND e.tobj = b.objid AND e.relid IS NULL
), come(classid, objid, needs) AS MATERIALIZED (
  SELECT b.classid, b.objid, jsonb_agg(jsonb_build_object('schema', n.nspname, 'name', c.relname)
    ORDER BY n.nspname, c.relname)
  FROM behind b JOIN pg_class c ON c.oid = b.relid JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE (b.classid, b.objid) NOT IN (SELECT classid, objid FROM stranded)
  GROUP BY b.classid, b.objid
  UNION ALL
  SELECT 'pg_statistic_ext'::regclass, x.oid,
    jsonb_build_array(jsonb_build_object('schema', n.nspname, 'name', c.relname))
  FROM counted x JOIN pg_class c ON c.oid = x.relid JOIN pg_namespace n ON n.oid = c.relnamespace
), need(classid, objid, stranded) AS (
  SELECT e.tclass, e.tobj, (e.tclass, e.tobj) IN (SELECT classid, objid FROM stranded)
  FROM (SELECT DISTINCT tclass, tobj, mine FROM edge) e
  WHERE NOT e.mine
    AND e.tclass NOT IN ('pg_class'::regclass, 'pg_amop'::regclass, 'pg_amproc'::regclass)
),
col(relid, attnum, typid) AS MATERIALIZED (
  SELECT s.oid, a.attnum, a.atttypid
  FROM scope s JOIN pg_attribute a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
),
-- a column's value may hold values of these types: numbers of large objects, amounts of money,
-- names of objects
colheld(coltype, typid) AS (
  SELECT DISTINCT typid, typid FROM col
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
), around(classid, objid, stranded) AS (
  SELECT * FROM need
  UNION SELECT 'pg_namespace'::regclass, q.relnamespace, false
    FROM joined JOIN pg_class q ON q.oid = joined.oid
    WHERE q.relnamespace >= 16384 OR q.relnamespace = 2200
  UNION SELECT 'pg_namespace'::regclass, x.stxnamespace, false
    FROM counted JOIN pg_statistic_ext x ON x.oid = counted.oid
    WHERE x.stxnamespace >= 16384 OR x.stxnamespace = 2200
  UNION SELECT 'pg_statistic_ext'::regclass, oid, false FROM counted
), policy(oid, polroles) AS (
  SELECT p.oid, p.polroles FROM rel JOIN pg_policy p ON p.polrelid = rel.oid
), kept(classid, objid) AS (
  SELECT 'pg_class'::regclass::oid, oid FROM rel
  UNION ALL SELECT 'pg_class'::regclass, oid FROM joined
  UNION ALL SELECT classid, objid FROM around WHERE NOT stranded AND classid <> 'pg_extension'::regclass
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
  WHERE e.beyond AND NOT (e.relid IS NOT NULL AND e.tobj IN (SELECT oid FROM seq))
    AND e.tobj NOT IN (SELECT oid FROM view)
    OR e.tclass = 'pg_extension'::regclass
    OR e.tclass <> 'pg_class'::regclass
      AND (e.tclass, e.tobj) IN (SELECT classid, objid FROM stranded)
  UNION ALL
  SELECT 'search_path', NULL, 'pg_proc'::regclass, called, 0, '', 'pg_proc'::regclass, caller
  FROM unnest(:'bare_caller'::oid[], :'bare_called'::oid[]) AS b(caller, called)
  UNION ALL
  SELECT 'role', quote_ident(pg_get_userbyid(r.roleid)), NULL, NULL, NULL, r.why, r.classid, r.objid
  FROM (
    SELECT d.refobjid, CASE d.deptype WHEN 'o' THEN 'owner of ' WHEN 'a' THEN 'privileges on ' ELSE '' END,
      o.classid, o.objid
    FROM (SELECT * FROM kept UNION ALL SELECT 'pg_policy'::regclass, oid FROM policy) o
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
    SELECT 10, '', 'pg_policy'::regclass, oid FROM policy WHERE 10 = ANY (polroles)
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
  SELECT 'tablespace', quote_ident(t.spcname), NULL, NULL, NULL, '', 'pg_class'::regclass, c.oid
  FROM (SELECT oid FROM rel
    UNION ALL SELECT i.indexrelid FROM rel JOIN pg_index i ON i.indrelid = rel.oid) o
  JOIN pg_class c ON c.oid = o.oid JOIN pg_tablespace t ON t.oid = c.reltablespace
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
  UNION ALL -- to repeat what another than the owner granted takes a superuser, as that one
  SELECT 'dependent_privileges', 'granted by ' || quote_ident(pg_get_userbyid(a.grantor)) || ' on ' || i.identity,
    NULL, NULL, NULL, '', 'pg_class'::regclass, p.oid
  FROM (
    SELECT c.oid, c.relowner, c.relacl FROM kept k JOIN pg_class c ON c.oid = k.objid
      WHERE k.classid = 'pg_class'::regclass AND c.relacl IS NOT NULL
    UNION ALL
    SELECT c.oid, c.relowner, a.attacl FROM kept k JOIN pg_class c ON c.oid = k.objid
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
      WHERE k.classid = 'pg_class'::regclass
    UNION ALL
    SELECT s.oid, s.relowner, s.relacl FROM rel JOIN pg_depend d ON d.refobjid = rel.oid
      AND d.refclassid = 'pg_class'::regclass AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
      JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' AND s.relacl IS NOT NULL) AS p(oid, owner, acl)
  CROSS JOIN LATERAL aclexplode(p.acl) a
  CROSS JOIN LATERAL pg_identify_object('pg_class'::regclass, p.oid, 0) i
  WHERE a.grantor <> p.owner
  UNION ALL
  SELECT 'statistics', NULL, 'pg_statistic_ext'::regclass, x.oid, 0, '', 'pg_class'::regclass, x.stxrelid
  FROM scope s JOIN pg_statistic_ext x ON x.stxrelid = s.oid
  WHERE x.oid NOT IN (SELECT oid FROM counted)
  UNION ALL
  SELECT CASE classid WHEN 'pg_statistic_ext'::regclass THEN 'statistics' ELSE 'dependent' END,
    NULL, classid, objid, 0, '', 'pg_class'::regclass, relid
  FROM dependent
  WHERE (classid, objid) NOT IN (SELECT classid, objid FROM come)
    AND NOT (classid = 'pg_class'::regclass AND objid IN (SELECT oid FROM view))
)
SELECT jsonb_build_object(
  'missing', (
    SELECT COALESCE(jsonb_agg(t.item), '[]')
    FROM jsonb_array_elements(:'targets'::jsonb) WITH ORDINALITY AS t(item, ord)
    WHERE t.ord - 1 NOT IN (SELECT target FROM scope)),
  'objects', (
    SELECT COALESCE(jsonb_agg(jsonb_build_object(
      'class', n.classid::bigint, 'oid', n.objid::bigint, 'name', i.identity,
      'schema', CASE n.classid WHEN 'pg_namespace'::regclass THEN i.identity ELSE i.schema END,
      'kind', CASE n.classid WHEN 'pg_statistic_ext'::regclass THEN 'statistics' ELSE i.type END,
      -- of statistics pg_dump writes nothing without their table's schema
      'sql', (SELECT to_jsonb(array_remove(ARRAY[pg_get_statisticsobjdef(x.oid),
          'ALTER STATISTICS ' || i.identity || ' OWNER TO ' || quote_ident(pg_get_userbyid(x.stxowner)),
          'ALTER STATISTICS ' || i.identity || ' SET STATISTICS '
            || NULLIF(to_jsonb(x) ->> 'stxstattarget', '-1'),
          'COMMENT ON STATISTICS ' || i.identity || ' IS '
            || quote_literal(obj_description(x.oid, 'pg_statistic_ext'))], NULL))
        FROM pg_statistic_ext x WHERE n.classid = 'pg_statistic_ext'::regclass AND x.oid = n.objid),
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
      'needs', COALESCE(come.needs, '[]'), 'needed_by', b.names) ORDER BY i.type, i.identity), '[]')
    FROM around n CROSS JOIN LATERAL pg_identify_object(n.classid, n.objid, 0) i
    LEFT JOIN come USING (classid, objid)
    LEFT JOIN (
      SELECT e.tclass, e.tobj, jsonb_agg(DISTINCT f.type || ' ' || f.identity)
      FROM (
        SELECT tclass, tobj, fclass, fobj FROM edge
        UNION ALL SELECT 'pg_namespace'::regclass, q.relnamespace, 'pg_class'::regclass, q.oid
          FROM joined JOIN pg_class q ON q.oid = joined.oid
        UNION ALL SELECT 'pg_namespace'::regclass, x.stxnamespace, 'pg_statistic_ext'::regclass, x.oid
          FROM counted JOIN pg_statistic_ext x ON x.oid = counted.oid
        UNION ALL SELECT 'pg_statistic_ext'::regclass, oid, 'pg_class'::regclass, relid FROM counted) e
      CROSS JOIN LATERAL pg_identify_object(e.fclass, e.fobj, 0) f
      GROUP BY e.tclass, e.tobj) AS b(classid, objid, names) USING (classid, objid)
    WHERE NOT n.stranded),
  'joined', (
    SELECT COALESCE(jsonb_agg(jsonb_build_object('oid', q.oid::bigint, 'target', j.target, 'kind', q.relkind,
      'schema', n.nspname, 'name', q.relname) ORDER BY n.nspname, q.relname), '[]')
    FROM joined j JOIN pg_class q ON q.oid = j.oid JOIN pg_namespace n ON n.oid = q.relnamespace),
  'passed_over', :'passed_over'::jsonb,
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
