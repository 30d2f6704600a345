-- pgseal: what a restore of some tables into an empty database needs besides them.
-- in:  psql variable `targets`, [{"schema":"…","name":"…"}], names as the catalog spells them
-- out: one JSON document. Reads pg_catalog only; no privileges on schemas or tables are needed.
WITH RECURSIVE
want AS (
  SELECT w.schema, w.name, c.oid
  FROM (SELECT t.j ->> 'schema', t.j ->> 'name'      -- generate_series, because the planner knows its length
        FROM (SELECT :'targets'::pg_catalog.jsonb -> i FROM pg_catalog.generate_series(0, pg_catalog.jsonb_array_length(:'targets'::pg_catalog.jsonb) - 1) AS i) AS t(j)
       ) AS w(schema, name)
  LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = w.schema::name AND n.nspname::text = w.schema
  LEFT JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.name::name AND c.relname::text = w.name
        AND c.relkind IN ('r', 'p', 'f', 'v', 'm', 'S')
),
-- the targets, their partitions and their inheritance children
scope(oid, target) AS (
  SELECT oid, oid FROM want WHERE oid IS NOT NULL
  UNION
  SELECT i.inhrelid, s.target FROM scope s JOIN pg_catalog.pg_inherits i ON i.inhparent = s.oid
),
-- and the sequences that they own: pg_dump takes these by itself
rel(oid) AS (
  SELECT oid FROM scope
  UNION
  SELECT d.objid
  FROM scope s
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = s.oid AND d.refobjsubid > 0
       AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i')
  JOIN pg_catalog.pg_class q ON q.oid = d.objid AND q.relkind = 'S'
),
-- everything that pg_dump --table writes for them. root = false: not written (or written with its parent)
own(classid, objid, relid, root) AS (
  SELECT 'pg_catalog.pg_class'::regclass::oid, oid, oid, true FROM rel
  UNION ALL SELECT 'pg_catalog.pg_class'::regclass, i.indexrelid, i.indrelid, true
    FROM rel JOIN pg_catalog.pg_index i ON i.indrelid = rel.oid
  UNION ALL SELECT 'pg_catalog.pg_attrdef'::regclass, a.oid, a.adrelid, true
    FROM rel JOIN pg_catalog.pg_attrdef a ON a.adrelid = rel.oid
  UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, k.conrelid,
         CASE WHEN k.contype = 'f' THEN COALESCE(pg_catalog.to_jsonb(k) ->> 'conparentid', '0') = '0' ELSE true END
    FROM rel JOIN pg_catalog.pg_constraint k ON k.conrelid = rel.oid
  UNION ALL SELECT 'pg_catalog.pg_trigger'::regclass, t.oid, t.tgrelid, NOT t.tgisinternal
    FROM rel JOIN pg_catalog.pg_trigger t ON t.tgrelid = rel.oid
  UNION ALL SELECT 'pg_catalog.pg_policy'::regclass, p.oid, p.polrelid, true
    FROM rel JOIN pg_catalog.pg_policy p ON p.polrelid = rel.oid
  UNION ALL SELECT 'pg_catalog.pg_rewrite'::regclass, r.oid, r.ev_class, true
    FROM rel JOIN pg_catalog.pg_rewrite r ON r.ev_class = rel.oid
  UNION ALL SELECT 'pg_catalog.pg_statistic_ext'::regclass, x.oid, x.stxrelid, true
    FROM rel JOIN pg_catalog.pg_statistic_ext x ON x.stxrelid = rel.oid
),
-- where an unqualified name in a function's text may live, besides the function's own schema
path(nsp) AS (
  SELECT c.relnamespace FROM scope s JOIN pg_catalog.pg_class c ON c.oid = s.oid
  UNION SELECT 2200
),
-- "f needs t", from every own object on. walk = false: t is not looked into. soft: only a name in a function's text says so
edge(from_own, fclass, fobj, tclass, tobj, mine, walk, soft) AS (
  SELECT NULL::boolean, NULL::oid, NULL::oid, classid, objid, true, true, false FROM own WHERE root
  UNION
  SELECT e.mine, e.tclass, e.tobj, g.classid, g.objid, m.mine, g.walk, e.soft OR x.soft
  FROM edge e
  CROSS JOIN LATERAL (
    -- what the server knows
    SELECT d.refclassid, d.refobjid, false
      FROM pg_catalog.pg_depend d
      WHERE d.classid = e.tclass AND d.objid = e.tobj AND d.refobjid <> 0
    -- a composite type hangs its columns on its pg_class row
    UNION ALL SELECT 'pg_catalog.pg_class'::regclass, t.typrelid, false
      FROM pg_catalog.pg_type t
      WHERE e.tclass = 'pg_catalog.pg_type'::regclass AND t.oid = e.tobj AND t.typrelid <> 0
    -- a domain's constraints
    UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, k.oid, false
      FROM pg_catalog.pg_constraint k
      WHERE e.tclass = 'pg_catalog.pg_type'::regclass AND k.contypid = e.tobj
    -- made along with it, maybe in another schema: multiranges; what fills an operator class or family;
    -- and the classes that an operator is in (ORDER BY, DISTINCT and hashing look for them)
    UNION ALL SELECT r.classid, r.objid, false
      FROM pg_catalog.pg_depend r
      WHERE e.tclass IN ('pg_catalog.pg_type'::regclass, 'pg_catalog.pg_operator'::regclass,
                         'pg_catalog.pg_opclass'::regclass, 'pg_catalog.pg_opfamily'::regclass)
        AND r.refclassid = e.tclass AND r.refobjid = e.tobj
        AND CASE WHEN e.tclass = 'pg_catalog.pg_type'::regclass THEN r.classid = e.tclass AND r.deptype = 'i'
                 ELSE r.classid IN ('pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass) END
    -- an operator's commutator and negator
    UNION ALL SELECT 'pg_catalog.pg_operator'::regclass, u.oid, false
      FROM pg_catalog.pg_operator o CROSS JOIN LATERAL pg_catalog.unnest(ARRAY[o.oprcom, o.oprnegate]) AS u(oid)
      WHERE e.tclass = 'pg_catalog.pg_operator'::regclass AND o.oid = e.tobj
    -- x::t is stored as a call of the cast's function, printed as a cast
    UNION ALL SELECT 'pg_catalog.pg_cast'::regclass, k.oid, false
      FROM pg_catalog.pg_cast k
      WHERE e.tclass = 'pg_catalog.pg_proc'::regclass AND k.castfunc = e.tobj
    -- a body that is text (plpgsql, AS '…') has no pg_depend rows: functions and types by the names in it
    UNION ALL SELECT h.classid, h.objid, true
      FROM pg_catalog.pg_proc f
      CROSS JOIN LATERAL (
        SELECT DISTINCT CASE WHEN w[1] LIKE '"%' THEN pg_catalog.replace(pg_catalog.substr(w[1], 2, pg_catalog.length(w[1]) - 2), '""', '"') ELSE pg_catalog.lower(w[1]) END,
                        CASE WHEN w[2] LIKE '"%' THEN pg_catalog.replace(pg_catalog.substr(w[2], 2, pg_catalog.length(w[2]) - 2), '""', '"') ELSE pg_catalog.lower(w[2]) END,
                        w[3] IS NOT NULL
        FROM pg_catalog.regexp_matches(f.prosrc, '(?:([[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")+")[[:space:]]*[.][[:space:]]*)?([[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")+")([[:space:]]*[(])?', 'g') AS w
      ) AS w(nsp, name, called)
      CROSS JOIN LATERAL (
        SELECT 'pg_catalog.pg_proc'::regclass::oid, p.oid, p.pronamespace FROM pg_catalog.pg_proc p WHERE w.called AND p.proname = w.name::name AND p.oid >= 16384
        UNION ALL
        SELECT 'pg_catalog.pg_type'::regclass, t.oid, t.typnamespace FROM pg_catalog.pg_type t WHERE t.typname = w.name::name AND t.oid >= 16384
           AND (t.typtype <> 'c' OR (SELECT relkind = 'c' FROM pg_catalog.pg_class WHERE oid = t.typrelid))
      ) AS h(classid, objid, nsp)
      WHERE e.tclass = 'pg_catalog.pg_proc'::regclass AND f.oid = e.tobj
        AND f.prolang NOT IN (SELECT oid FROM pg_catalog.pg_language WHERE lanname IN ('internal', 'c'))
        AND CASE WHEN w.nsp IS NULL THEN h.nsp = f.pronamespace OR h.nsp IN (SELECT nsp FROM path)
                 ELSE h.nsp = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = w.nsp::name) END
  ) AS x(classid, objid, soft)
  -- an array stands for its element, a row type for its relation
  CROSS JOIN LATERAL (
    SELECT CASE WHEN x.classid = 'pg_catalog.pg_type'::regclass
                THEN (SELECT CASE WHEN t.typlen = -1 AND t.typelem <> 0 THEN t.typelem ELSE t.oid END
                      FROM pg_catalog.pg_type t WHERE t.oid = x.objid) END OFFSET 0) AS ty(oid)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN ty.oid IS NOT NULL
                THEN (SELECT c.oid FROM pg_catalog.pg_class c
                      WHERE c.oid = (SELECT t.typrelid FROM pg_catalog.pg_type t WHERE t.oid = ty.oid) AND c.relkind <> 'c') END OFFSET 0) AS tc(oid)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN tc.oid IS NOT NULL THEN 'pg_catalog.pg_class'::regclass::oid ELSE x.classid END,
           COALESCE(tc.oid, ty.oid, x.objid) OFFSET 0) AS a(classid, objid)
  CROSS JOIN LATERAL (SELECT (a.classid, a.objid) IN (SELECT classid, objid FROM own) OFFSET 0) AS m(mine)
  -- an index, default, constraint … of a relation beyond the scope stands for that relation
  CROSS JOIN LATERAL (
    SELECT CASE WHEN m.mine THEN NULL ELSE CASE a.classid
      WHEN 'pg_catalog.pg_class'::regclass THEN COALESCE((SELECT indrelid FROM pg_catalog.pg_index WHERE indexrelid = a.objid), a.objid)
      WHEN 'pg_catalog.pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_catalog.pg_attrdef WHERE oid = a.objid)
      WHEN 'pg_catalog.pg_constraint'::regclass THEN (SELECT NULLIF(conrelid, 0) FROM pg_catalog.pg_constraint WHERE oid = a.objid)
      WHEN 'pg_catalog.pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_catalog.pg_trigger WHERE oid = a.objid)
      WHEN 'pg_catalog.pg_policy'::regclass THEN (SELECT polrelid FROM pg_catalog.pg_policy WHERE oid = a.objid)
      WHEN 'pg_catalog.pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_catalog.pg_rewrite WHERE oid = a.objid)
      WHEN 'pg_catalog.pg_statistic_ext'::regclass THEN (SELECT stxrelid FROM pg_catalog.pg_statistic_ext WHERE oid = a.objid)
      END END OFFSET 0) AS b(relid)
  -- a member of an extension stands for the extension
  CROSS JOIN LATERAL (
    SELECT (SELECT d.refobjid FROM pg_catalog.pg_depend d
            WHERE NOT m.mine AND d.deptype = 'e' AND d.objid = COALESCE(b.relid, a.objid)
              AND d.classid = CASE WHEN b.relid IS NULL THEN a.classid ELSE 'pg_catalog.pg_class'::regclass::oid END LIMIT 1)
    OFFSET 0) AS c(ext)
  CROSS JOIN LATERAL (
    SELECT CASE WHEN c.ext IS NOT NULL THEN 'pg_catalog.pg_extension'::regclass::oid
                WHEN b.relid IS NOT NULL THEN 'pg_catalog.pg_class'::regclass::oid ELSE a.classid END,
           COALESCE(c.ext, b.relid, a.objid),
           CASE WHEN m.mine THEN false
                WHEN c.ext IS NOT NULL THEN true
                WHEN b.relid IS NOT NULL THEN (
                  SELECT q.relkind = 'c' OR q.relkind = 'S' AND NOT EXISTS (
                           SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = q.oid
                             AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.deptype IN ('a', 'i'))
                  FROM pg_catalog.pg_class q WHERE q.oid = b.relid)
                ELSE a.classid <> 'pg_catalog.pg_namespace'::regclass END
    OFFSET 0) AS g(classid, objid, walk)
  WHERE e.walk
    AND (g.objid >= 16384 OR g.classid = 'pg_catalog.pg_namespace'::regclass AND g.objid = 2200)   -- the rest is initdb's
    AND NOT (e.fclass IS NULL AND m.mine)
    AND NOT (g.classid = e.tclass AND g.objid = e.tobj)
),
need AS (SELECT tclass AS classid, tobj AS objid, walk, pg_catalog.bool_and(soft) AS soft FROM edge WHERE NOT mine GROUP BY tclass, tobj, walk),
-- sequences that join the main dump
seq AS (
  SELECT q.oid FROM need JOIN pg_catalog.pg_class q ON q.oid = need.objid AND q.relkind = 'S'
  WHERE need.classid = 'pg_catalog.pg_class'::regclass AND need.walk AND NOT need.soft
),
closure AS (
  SELECT classid, objid, soft FROM need
  WHERE classid <> 'pg_catalog.pg_class'::regclass
    AND classid NOT IN ('pg_catalog.pg_amop'::regclass, 'pg_catalog.pg_amproc'::regclass)
  UNION
  -- casts without a function leave no trace in an expression
  SELECT 'pg_catalog.pg_cast'::regclass, k.oid, true
  FROM pg_catalog.pg_cast k
  WHERE k.oid >= 16384 AND k.castfunc = 0
    AND (k.castsource < 16384 OR k.castsource IN (SELECT objid FROM need WHERE classid = 'pg_catalog.pg_type'::regclass))
    AND (k.casttarget < 16384 OR k.casttarget IN (SELECT objid FROM need WHERE classid = 'pg_catalog.pg_type'::regclass))
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_cast'::regclass AND d.objid = k.oid AND d.deptype = 'e')
),
-- what can be created only after some of our own relations (or joined sequences)
late(classid, objid, relid) AS (
  SELECT e.fclass, e.fobj, COALESCE(o.relid, q.oid)
  FROM edge e
  LEFT JOIN own o ON e.mine AND o.classid = e.tclass AND o.objid = e.tobj
  LEFT JOIN seq q ON e.tclass = 'pg_catalog.pg_class'::regclass AND q.oid = e.tobj
  WHERE NOT e.from_own AND (e.mine OR q.oid IS NOT NULL)
  UNION
  SELECT e.fclass, e.fobj, l.relid
  FROM late l JOIN edge e ON e.tclass = l.classid AND e.tobj = l.objid AND NOT e.from_own
),
func AS (
  SELECT p.*
  FROM closure c
  CROSS JOIN LATERAL (
    SELECT p.oid, p.prosrc, p.probin, l.lanname, l.lanname NOT IN ('internal', 'c') AND pg_catalog.to_jsonb(p) ->> 'prosqlbody' IS NULL
    FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
    WHERE p.oid = c.objid OFFSET 0) AS p(oid, prosrc, probin, lanname, opaque)
  WHERE c.classid = 'pg_catalog.pg_proc'::regclass
),
mention(oid, relid) AS (
  SELECT f.oid, c.oid
  FROM func f
  CROSS JOIN LATERAL (
    SELECT DISTINCT CASE WHEN w[1] LIKE '"%' THEN pg_catalog.replace(pg_catalog.substr(w[1], 2, pg_catalog.length(w[1]) - 2), '""', '"') ELSE pg_catalog.lower(w[1]) END
    FROM pg_catalog.regexp_matches(f.prosrc, '([[:alpha:]_][[:alnum:]_$]*|"(?:[^"]|"")+")', 'g') AS w) AS w(name)
  CROSS JOIN LATERAL (SELECT oid FROM pg_catalog.pg_class WHERE relname = w.name::name AND oid >= 16384
                        AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S') OFFSET 0) AS c(oid)
  WHERE f.opaque AND c.oid NOT IN (SELECT relid FROM own UNION ALL SELECT oid FROM seq)
),
-- who depends on us
dependent(classid, objid, relid) AS (
  SELECT DISTINCT
         CASE d.classid WHEN 'pg_catalog.pg_rewrite'::regclass THEN 'pg_catalog.pg_class'::regclass::oid ELSE d.classid END,
         CASE d.classid WHEN 'pg_catalog.pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_catalog.pg_rewrite WHERE oid = d.objid) ELSE d.objid END,
         o.relid
  FROM (SELECT classid, objid, relid FROM own
        UNION ALL
        SELECT 'pg_catalog.pg_type'::regclass, t.oid, r.oid FROM rel r
          CROSS JOIN LATERAL (SELECT reltype FROM pg_catalog.pg_class WHERE oid = r.oid
                              UNION ALL
                              SELECT typarray FROM pg_catalog.pg_type WHERE oid = (SELECT reltype FROM pg_catalog.pg_class WHERE oid = r.oid)) t(oid)) o
  CROSS JOIN LATERAL (SELECT d.classid, d.objid, d.deptype FROM pg_catalog.pg_depend d
                      WHERE d.refclassid = o.classid AND d.refobjid = o.objid AND d.deptype IN ('n', 'a', 'i') OFFSET 0) d
  WHERE NOT EXISTS (SELECT FROM own x WHERE x.classid = d.classid AND x.objid = d.objid)
    AND NOT EXISTS (SELECT FROM need x WHERE x.classid = d.classid AND x.objid = d.objid)
    AND NOT (d.classid = 'pg_catalog.pg_type'::regclass AND d.deptype = 'i')
    AND NOT (d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'i')
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE d.classid = 'pg_catalog.pg_trigger'::regclass AND t.oid = d.objid AND t.tgisinternal)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid
                      AND COALESCE(pg_catalog.to_jsonb(k) ->> 'conparentid', '0') <> '0')
),
-- columns that may point to large objects
coltype(relid, attnum, typid) AS (
  SELECT a.attrelid, a.attnum, a.atttypid
  FROM scope s JOIN pg_catalog.pg_attribute a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
  WHERE EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)
  UNION
  SELECT c.relid, c.attnum, n.oid
  FROM coltype c JOIN pg_catalog.pg_type t ON t.oid = c.typid
  CROSS JOIN LATERAL (VALUES (t.typbasetype), (CASE WHEN t.typlen = -1 THEN t.typelem ELSE 0 END)) AS n(oid)
  WHERE n.oid <> 0
),
role(roleid, why, classid, objid) AS (
  SELECT u.roleid, u.why, 'pg_catalog.pg_class'::regclass::oid, r.oid
  FROM (SELECT oid FROM rel UNION ALL SELECT oid FROM seq) r
  CROSS JOIN LATERAL (
    SELECT relowner, 'owner of ' FROM pg_catalog.pg_class WHERE oid = r.oid
    UNION ALL
    SELECT pg_catalog.unnest(ARRAY[x.grantee, x.grantor]), 'privileges on '
    FROM (SELECT relacl FROM pg_catalog.pg_class WHERE oid = r.oid
          UNION ALL SELECT attacl FROM pg_catalog.pg_attribute WHERE attrelid = r.oid AND attacl IS NOT NULL) l(acl)
    CROSS JOIN LATERAL pg_catalog.aclexplode(l.acl) x OFFSET 0) AS u(roleid, why)
  UNION ALL
  SELECT pg_catalog.unnest(p.polroles), '', 'pg_catalog.pg_policy'::regclass, p.oid
  FROM rel r JOIN pg_catalog.pg_policy p ON p.polrelid = r.oid
  UNION ALL
  SELECT s.refobjid, CASE s.deptype WHEN 'o' THEN 'owner of ' ELSE 'privileges on ' END, c.classid, c.objid
  FROM closure c
  CROSS JOIN LATERAL (SELECT d.refobjid, d.deptype FROM pg_catalog.pg_shdepend d
                      WHERE d.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
                        AND d.classid = c.classid AND d.objid = c.objid AND d.refclassid = 'pg_catalog.pg_authid'::regclass OFFSET 0) s
  WHERE c.classid <> 'pg_catalog.pg_extension'::regclass
  UNION ALL      -- the bootstrap superuser is not in pg_shdepend
  SELECT CASE c.classid WHEN 'pg_catalog.pg_namespace'::regclass THEN (SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid = c.objid)
                        WHEN 'pg_catalog.pg_proc'::regclass THEN (SELECT proowner FROM pg_catalog.pg_proc WHERE oid = c.objid)
                        WHEN 'pg_catalog.pg_type'::regclass THEN (SELECT typowner FROM pg_catalog.pg_type WHERE oid = c.objid) END,
         'owner of ', c.classid, c.objid
  FROM closure c WHERE c.objid >= 16384
),
-- all that a restore would miss: the thing (by name, or by classid, objid), and why or for which object
ref(kind, name, classid, objid, objsubid, why, byclass, byobj) AS (
  SELECT CASE WHEN e.tclass = 'pg_catalog.pg_extension'::regclass THEN 'extension'
              WHEN e.fclass = 'pg_catalog.pg_constraint'::regclass AND k.contype = 'f' THEN 'foreign_key' END,
         NULL::text, e.tclass, e.tobj, 0, '', e.fclass, e.fobj
  FROM edge e LEFT JOIN pg_catalog.pg_constraint k ON k.oid = e.fobj
  WHERE NOT e.mine AND NOT e.soft AND (e.tclass = 'pg_catalog.pg_extension'::regclass OR e.tclass = 'pg_catalog.pg_class'::regclass AND NOT e.walk)
  UNION ALL
  SELECT 'role', pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(roleid)), NULL, NULL, NULL, why, classid, objid FROM role WHERE roleid <> 0
  UNION ALL
  SELECT 'tablespace', pg_catalog.quote_ident(t.spcname), NULL, NULL, NULL, '', o.classid, o.objid
  FROM own o JOIN pg_catalog.pg_class c ON o.classid = 'pg_catalog.pg_class'::regclass AND c.oid = o.objid
  JOIN pg_catalog.pg_tablespace t ON t.oid = c.reltablespace
  UNION ALL
  SELECT 'library', f.probin, NULL, NULL, NULL, '', 'pg_catalog.pg_proc'::regclass, f.oid FROM func f WHERE f.probin IS NOT NULL
  UNION ALL
  SELECT 'security_label_provider', l.provider, NULL, NULL, NULL, '', l.classoid, l.objoid
  FROM pg_catalog.pg_seclabel l
  WHERE (l.classoid, l.objoid) IN (SELECT classid, objid FROM own UNION ALL SELECT classid, objid FROM closure)
  UNION ALL
  SELECT 'large_object', NULL, 'pg_catalog.pg_class'::regclass, c.relid, c.attnum, '', 'pg_catalog.pg_class'::regclass, c.relid
  FROM coltype c WHERE c.typid = 26
  UNION ALL
  SELECT 'dependent', NULL, d.classid, d.objid, 0, '', 'pg_catalog.pg_class'::regclass, d.relid FROM dependent d
  UNION ALL
  SELECT 'dependent', NULL, 'pg_catalog.pg_publication'::regclass, p.oid, 0, '', NULL, NULL FROM pg_catalog.pg_publication p WHERE p.puballtables
  UNION ALL
  SELECT 'dependent', NULL, d.classid, d.objid, 0, '', d.refclassid, d.refobjid
  FROM (SELECT DISTINCT c.relnamespace FROM scope s JOIN pg_catalog.pg_class c ON c.oid = s.oid) n
  JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = n.relnamespace
       AND d.classid = pg_catalog.to_regclass('pg_catalog.pg_publication_namespace')
  UNION ALL
  SELECT 'dependent_subscription', r.srsubid::text, NULL, NULL, NULL, '', 'pg_catalog.pg_class'::regclass, r.srrelid
  FROM pg_catalog.pg_subscription_rel r JOIN rel ON rel.oid = r.srrelid
),
external(kind, name, by_whom) AS (
  SELECT DISTINCT COALESCE(NULLIF(r.kind, 'dependent'), CASE WHEN r.kind = 'dependent' THEN 'dependent_' ELSE '' END || pg_catalog.replace(i.type, ' ', '_')),
         COALESCE(r.name, i.identity), r.why || b.type || ' ' || b.identity
  FROM ref r
  LEFT JOIN LATERAL pg_catalog.pg_identify_object(r.classid, r.objid, r.objsubid) i ON true
  LEFT JOIN LATERAL pg_catalog.pg_identify_object(r.byclass, r.byobj, 0) b ON true
)
SELECT pg_catalog.jsonb_build_object(
  'missing', COALESCE((SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', schema, 'name', name) ORDER BY schema, name) FROM want WHERE oid IS NULL), '[]'),
  'scope', COALESCE((
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', n.nspname, 'name', c.relname, 'oid', c.oid::bigint, 'relkind', c.relkind,
             'target', s.target::bigint) ORDER BY n.nspname, c.relname, s.target)
    FROM scope s JOIN pg_catalog.pg_class c ON c.oid = s.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace), '[]'),
  'sequences', COALESCE((
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('schema', n.nspname, 'name', c.relname, 'oid', c.oid::bigint,
             'needed_by', (SELECT pg_catalog.jsonb_agg(DISTINCT f.type || ' ' || f.identity)
                           FROM edge e CROSS JOIN LATERAL pg_catalog.pg_identify_object(e.fclass, e.fobj, 0) f
                           WHERE e.tclass = 'pg_catalog.pg_class'::regclass AND e.tobj = c.oid)) ORDER BY n.nspname, c.relname)
    FROM seq JOIN pg_catalog.pg_class c ON c.oid = seq.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace), '[]'),
  'closure', COALESCE((
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('classid', c.classid::bigint, 'oid', c.objid::bigint, 'kind', i.type, 'schema', i.schema, 'name', i.identity,
             'of', (SELECT k.contypid::bigint FROM pg_catalog.pg_constraint k WHERE c.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = c.objid),
             'soft', c.soft, 'after', l.after) ORDER BY i.type, i.identity)
    FROM closure c
    LEFT JOIN (SELECT classid, objid, pg_catalog.jsonb_agg(relid::bigint ORDER BY relid) FROM late GROUP BY classid, objid) AS l(classid, objid, after)
      ON l.classid = c.classid AND l.objid = c.objid
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(c.classid, c.objid, 0) i), '[]'),
  -- CREATE STATISTICS: never in what pg_dump --table writes; to be made after the tables
  'statistics', COALESCE((
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', i.identity, 'after', x.stxrelid::bigint, 'owner', pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.stxowner)),
             'target', pg_catalog.to_jsonb(x) -> 'stxstattarget', 'sql', pg_catalog.pg_get_statisticsobjdef(x.oid)) ORDER BY i.identity)
    FROM own o JOIN pg_catalog.pg_statistic_ext x ON o.classid = 'pg_catalog.pg_statistic_ext'::regclass AND x.oid = o.objid
    CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.classid, o.objid, 0) i), '[]'),
  -- functions whose body is text: what they call was guessed by name (soft); relations beyond the scope that this text names
  'opaque', COALESCE((
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('name', i.identity, 'language', f.lanname, 'mentions', t.mentions) ORDER BY i.identity)
    FROM func f
    LEFT JOIN (SELECT m.oid, pg_catalog.jsonb_agg(q.type || ' ' || q.identity ORDER BY q.identity)
               FROM mention m CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_class'::regclass, m.relid, 0) q
               GROUP BY m.oid) AS t(oid, mentions) ON t.oid = f.oid
    CROSS JOIN LATERAL pg_catalog.pg_identify_object('pg_catalog.pg_proc'::regclass, f.oid, 0) i
    WHERE f.opaque), '[]'),
  'external_references', COALESCE((
    SELECT pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('kind', kind, 'name', name, 'needed_by', by_whom) ORDER BY kind, name)
    FROM (SELECT kind, name, COALESCE(pg_catalog.jsonb_agg(by_whom ORDER BY by_whom) FILTER (WHERE by_whom IS NOT NULL), '[]') AS by_whom
          FROM external GROUP BY kind, name) g), '[]')
);
