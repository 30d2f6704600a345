-- What diff and undo must know of the live tables, in a transaction of pg/session.rs: read only, pg_catalog only.
-- psql variables: tables, a JSON list of {"schema", "name"}; encoding, the dump's; lock_timeout, in ms;
-- HOST and PORT, which psql sets itself; mark, by pg/mark.sql.
SET LOCAL statement_timeout = '60s';
SET LOCAL lock_timeout = :'lock_timeout';
WITH RECURSIVE named AS MATERIALIZED (
  SELECT t.ord, c.oid, c.relkind, c.relpersistence, c.relowner, c.relispartition, n.oid AS schema
  FROM json_array_elements(:'tables'::json) WITH ORDINALITY AS t(item, ord)
  JOIN pg_namespace n ON n.nspname::text = t.item->>'schema'
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname::text = t.item->>'name'
  WHERE c.relkind IN ('r', 'p')
), tree(root, oid) AS (
  SELECT oid, oid FROM named
  UNION ALL
  SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.oid
  JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
), relation AS NOT MATERIALIZED (
  SELECT c.oid, json_build_object('schema', n.nspname, 'name', c.relname) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'f', 'S')
), reached(oid) AS (
  -- tables whose rows a key's action may delete or change, with what has rows in common with these
  SELECT oid FROM tree
  UNION
  SELECT n.oid FROM reached r CROSS JOIN LATERAL (
    SELECT k.conrelid AS oid FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = r.oid
      AND (k.confdeltype IN ('c', 'n', 'd') OR k.confupdtype IN ('c', 'n', 'd'))
    UNION ALL
    SELECT i.inhrelid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    WHERE i.inhparent = r.oid
    UNION ALL
    SELECT i.inhparent FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
    WHERE i.inhrelid = r.oid) AS n
), attributes AS (
  SELECT attrelid AS oid, array_agg(attname::text) AS names, array_agg(attnum) AS numbers
  FROM pg_attribute WHERE attrelid IN (
    SELECT oid FROM reached UNION SELECT conrelid FROM pg_constraint WHERE confrelid IN (SELECT oid FROM reached)
    UNION SELECT confrelid FROM pg_constraint WHERE contype = 'f' AND conrelid IN (SELECT oid FROM tree))
  AND attnum > 0 GROUP BY attrelid
), keys AS (
  -- those of partitions are told once, by the table that declares them; where that is not undone as a
  -- whole, by the partition
  SELECT k.conrelid, k.confrelid, k.conparentid, k.conname, json_build_object(
    'name', k.conname,
    'from', f.name, 'from_oid', k.conrelid::bigint,
    'from_part', pg_get_partition_constraintdef(k.conrelid),
    'from_only', (SELECT c.relkind <> 'p' FROM pg_class c WHERE c.oid = k.conrelid),
    'from_columns', (SELECT json_agg(a.names[array_position(a.numbers, u.n)] ORDER BY u.ord)
      FROM attributes a, unnest(k.conkey) WITH ORDINALITY AS u(n, ord) WHERE a.oid = k.conrelid),
    'to', r.name, 'to_oid', k.confrelid::bigint,
    'to_part', pg_get_partition_constraintdef(k.confrelid),
    'to_only', (SELECT c.relkind <> 'p' FROM pg_class c WHERE c.oid = k.confrelid),
    'to_copied', EXISTS (
      SELECT FROM pg_constraint u WHERE u.oid = k.conparentid AND u.confrelid <> k.confrelid),
    'to_columns', (SELECT json_agg(a.names[array_position(a.numbers, u.n)] ORDER BY u.ord)
      FROM attributes a, unnest(k.confkey) WITH ORDINALITY AS u(n, ord) WHERE a.oid = k.confrelid),
    'equals', (SELECT json_agg(format('OPERATOR(%I.%s)', n.nspname, p.oprname) ORDER BY u.ord)
      FROM unnest(k.conpfeqop) WITH ORDINALITY AS u(op, ord) JOIN pg_operator p ON p.oid = u.op
      JOIN pg_namespace n ON n.oid = p.oprnamespace),
    'on_delete', CASE k.confdeltype WHEN 'a' THEN 'no_action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
      WHEN 'n' THEN 'set_null' ELSE 'set_default' END,
    'on_update', CASE k.confupdtype WHEN 'a' THEN 'no_action' WHEN 'r' THEN 'restrict' WHEN 'c' THEN 'cascade'
      WHEN 'n' THEN 'set_null' ELSE 'set_default' END,
    'full', k.confmatchtype = 'f',
    'readable', (
      SELECT bool_and(has_schema_privilege(c.relnamespace, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
        AND NOT row_security_active(c.oid))
      FROM pg_class c WHERE c.oid IN (k.conrelid, k.confrelid)),
    'indexed', EXISTS (
      SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
      WHERE i.indrelid = k.conrelid AND i.indisvalid AND i.indpred IS NULL
        AND i.indkey[0] = ANY (k.conkey) AND m.amname IN ('btree', 'hash')),
    -- the table that is referred to, and what has rows in common with it
    'to_family', (
      SELECT json_agg(DISTINCT o.oid::bigint) FROM (
        SELECT k.confrelid AS oid UNION ALL SELECT relid FROM pg_partition_tree(k.confrelid)
        UNION ALL SELECT relid FROM pg_partition_ancestors(k.confrelid)) AS o)) AS key
  FROM pg_constraint k JOIN relation f ON f.oid = k.conrelid JOIN relation r ON r.oid = k.confrelid
  WHERE k.contype = 'f'
    AND (k.conparentid = 0 OR k.conrelid IN (SELECT oid FROM tree) OR k.confrelid IN (SELECT oid FROM tree))
    -- which version 17 has not; one that nobody enforces stands against no row
    AND coalesce((to_jsonb(k)->>'conenforced')::boolean, true)
    AND (k.conrelid IN (SELECT oid FROM tree) OR k.confrelid IN (SELECT oid FROM reached))
), types(type, at, typmod, depth, element) AS (
  -- what a column's type is made of: a domain of its base, an array of its elements
  SELECT DISTINCT a.atttypid, a.atttypid, -1, 0, false
  FROM pg_attribute a JOIN named n ON n.oid = a.attrelid WHERE a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
  SELECT t.type, CASE y.typtype WHEN 'd' THEN y.typbasetype ELSE y.typelem END,
    CASE y.typtype WHEN 'd' THEN y.typtypmod ELSE t.typmod END, t.depth + 1, t.element OR y.typtype <> 'd'
  FROM types t JOIN pg_type y ON y.oid = t.at
  WHERE y.typtype = 'd' OR y.typtype = 'b' AND y.typcategory = 'A' AND y.typelem <> 0 AND NOT t.element
), base AS (
  SELECT DISTINCT ON (t.type) t.type, t.at, t.typmod, t.element, y.typtype = 'e' AS labelled, y.typcategory = 'A' AS nested,
    EXISTS (SELECT FROM types d JOIN pg_type z ON z.oid = d.at WHERE d.type = t.type AND z.typtype = 'd') AS domains
  FROM types t JOIN pg_type y ON y.oid = t.at ORDER BY t.type, t.depth DESC
)
SELECT json_build_object(
  'session', json_build_object(
    'version_num', current_setting('server_version_num')::int,
    'database', current_database(),
    'database_owner', (SELECT pg_get_userbyid(d.datdba) FROM pg_database d WHERE d.datname = current_database()),
    'encoding', current_setting('server_encoding'),
    'temporary', has_database_privilege(current_database(), 'TEMPORARY'),
    'options', current_setting('pgseal.options', true),
    'user', current_user,
    'host', :'HOST',
    'port', :'PORT',
    'mark', :'mark'::json),
  'tables', (SELECT coalesce(json_agg(json_build_object(
    'name', (SELECT r.name FROM relation r WHERE r.oid = t.oid),
    'oid', t.oid::bigint,
    'kind', CASE t.relkind WHEN 'p' THEN 'partitioned table' ELSE 'table' END,
    'owner', pg_get_userbyid(t.relowner),
    'privileges', json_build_object(
      'usage', has_schema_privilege(t.schema, 'USAGE'),
      'select', has_table_privilege(t.oid, 'SELECT'),
      'insert', has_table_privilege(t.oid, 'INSERT'),
      'update', has_table_privilege(t.oid, 'UPDATE'),
      'delete', has_table_privilege(t.oid, 'DELETE'),
      'owner', pg_has_role(t.relowner, 'USAGE')),
    'row_security', row_security_active(t.oid),
    'columns', (
      SELECT coalesce(json_agg(json_build_object(
        'name', a.attname,
        'number', a.attnum,
        'spelled', encode(convert_to(a.attname, :'encoding'), 'hex'),
        'type', format_type(a.atttypid, a.atttypmod),
        'not_null', a.attnotnull,
        -- a domain may have one
        'default', a.attgenerated = '' AND (a.atthasdef
          OR (SELECT y.typdefault IS NOT NULL FROM pg_type y WHERE y.oid = a.atttypid)),
        'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by_default' END,
        'generated', a.attgenerated <> '',
        'generation', CASE WHEN a.attgenerated <> '' THEN (
          SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d
          WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END,
        -- what may change without the column: rows of the backup must be read all the same
        'loose', (
          SELECT CASE WHEN (b.labelled OR b.domains) AND NOT (b.element AND b.nested) THEN json_build_object(
            'type', CASE WHEN b.labelled THEN 'pg_catalog.text' ELSE format_type(b.at, b.typmod) END
              || CASE WHEN b.element THEN '[]' ELSE '' END,
            'elements', b.element,
            'labels', CASE WHEN b.labelled THEN (
              SELECT coalesce(json_agg(e.enumlabel ORDER BY e.enumsortorder), '[]') FROM pg_enum e WHERE e.enumtypid = b.at) END,
            'domains', (
              SELECT coalesce(json_agg(json_build_object(
                'name', (SELECT json_build_object('schema', n.nspname, 'name', z.typname)
                  FROM pg_namespace n WHERE n.oid = z.typnamespace),
                'not_null', z.typnotnull,
                'of_element', d.element,
                'checks', (
                  SELECT coalesce(json_agg(json_build_object(
                    'name', k.conname, 'expression', pg_get_expr(k.conbin, 0), 'volatile', EXISTS (
                      SELECT FROM pg_depend x JOIN pg_proc p ON p.oid = x.refobjid
                      WHERE x.classid = 'pg_constraint'::regclass AND x.objid = k.oid
                        AND x.refclassid = 'pg_proc'::regclass AND p.provolatile = 'v')) ORDER BY k.conname), '[]')
                  FROM pg_constraint k WHERE k.contypid = z.oid AND k.contype = 'c'))), '[]')
              FROM types d JOIN pg_type z ON z.oid = d.at WHERE d.type = b.type AND z.typtype = 'd')) END
          FROM base b WHERE b.type = a.atttypid),
        -- in version 13 and 14 a generated column of the table depends likewise on those that it is made of
        'sequence', (
          SELECT r.name FROM pg_depend d JOIN relation r ON r.oid = d.objid
          JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
          WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass
            AND d.refobjid = t.oid AND d.refobjsubid = a.attnum AND d.deptype IN ('a', 'i')
            -- one may belong to a column that holds no number
            AND EXISTS (
              SELECT FROM types y WHERE y.type = a.atttypid AND NOT y.element AND y.at IN (
                'int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype)) LIMIT 1)
        ) ORDER BY a.attnum), '[]')
      FROM pg_attribute a
      WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped),
    -- primary keys first, then those of few columns
    'uniques', (
      SELECT coalesce(json_agg(json_build_object(
        'name', c.relname,
        -- an index of one partition alone
        'part', CASE WHEN m.oid <> t.oid THEN json_build_object(
          'table', (SELECT r.name FROM relation r WHERE r.oid = m.oid),
          'takes', pg_get_partition_constraintdef(m.oid)) END,
        'primary', i.indisprimary,
        'immediate', i.indimmediate,
        'exclusion', i.indisexclusion,
        'whole', i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid,
        'predicate', pg_get_expr(i.indpred, i.indrelid),
        -- which version 14 has not
        'nulls_equal', coalesce((to_jsonb(i)->>'indnullsnotdistinct')::boolean, false),
        'columns', (
          SELECT coalesce(json_agg(json_build_object(
            'number', k.number,
            -- it waits for locks on the table
            'expression', CASE k.number WHEN 0 THEN pg_get_indexdef(i.indexrelid, k.ord::int, false) ELSE (
              SELECT quote_ident(a.attname) FROM pg_attribute a
              WHERE a.attrelid = i.indrelid AND a.attnum = k.number) END,
            -- those of an exclusion constraint, else equality
            'equals', coalesce((
              SELECT format('OPERATOR(%I.%s)', n.nspname, p.oprname)
              FROM pg_constraint x JOIN pg_operator p ON p.oid = x.conexclop[k.ord]
              JOIN pg_namespace n ON n.oid = p.oprnamespace
              WHERE x.conindid = i.indexrelid AND x.contype = 'x'), (
              SELECT format('OPERATOR(%I.%s)', n.nspname, p.oprname)
              FROM pg_opclass x JOIN pg_amop m ON m.amopfamily = x.opcfamily AND m.amoplefttype = x.opcintype
                AND m.amoprighttype = x.opcintype AND m.amopstrategy = 3 AND m.amopmethod = x.opcmethod
              JOIN pg_operator p ON p.oid = m.amopopr JOIN pg_namespace n ON n.oid = p.oprnamespace
              WHERE x.oid = i.indclass[k.ord - 1])),
            'collation', (
              SELECT format('%I.%I', n.nspname, o.collname)
              FROM pg_collation o JOIN pg_namespace n ON n.oid = o.collnamespace
              WHERE o.oid = i.indcollation[k.ord - 1])) ORDER BY k.ord), '[]')
          FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, ord) WHERE k.ord <= i.indnkeyatts)
        ) ORDER BY m.oid <> t.oid, i.indisprimary DESC, i.indnkeyatts, c.relname), '[]')
      FROM tree m JOIN pg_index i ON i.indrelid = m.oid JOIN pg_class c ON c.oid = i.indexrelid
      WHERE m.root = t.oid AND (i.indisunique OR i.indisexclusion) AND i.indislive
        AND (m.oid = t.oid OR NOT EXISTS (SELECT FROM pg_inherits h WHERE h.inhrelid = i.indexrelid))),
    'rules', (
      SELECT coalesce(json_agg(json_build_object('name', r.rulename,
        'enabled', r.ev_enabled, 'event', CASE r.ev_type
          WHEN '2' THEN 'UPDATE' WHEN '3' THEN 'INSERT' WHEN '4' THEN 'DELETE' ELSE 'SELECT' END)
        ORDER BY r.rulename), '[]')
      FROM pg_rewrite r WHERE r.ev_class = t.oid),
    -- which the server does not let be updated, or be deleted from: publications count as they are listed, by
    -- the partition or by what it is a partition of
    'unidentified', (
      SELECT coalesce(json_agg(json_build_object(
        'table', r.name, 'publication', b.pubname, 'update', b.pubupdate, 'delete', b.pubdelete)
        ORDER BY m.oid, b.pubname), '[]')
      FROM tree m JOIN relation r ON r.oid = m.oid JOIN pg_class c ON c.oid = m.oid
      CROSS JOIN LATERAL (
        SELECT DISTINCT b.* FROM pg_publication b JOIN pg_publication_tables l ON l.pubname = b.pubname
        JOIN pg_namespace n ON n.nspname = l.schemaname
        JOIN pg_class o ON o.relnamespace = n.oid AND o.relname = l.tablename
        WHERE (b.pubupdate OR b.pubdelete)
          AND (o.oid = m.oid OR o.oid IN (SELECT relid FROM pg_partition_ancestors(m.oid)))) AS b
      WHERE m.root = t.oid AND c.relkind = 'r' AND c.relreplident <> 'f' AND NOT EXISTS (
        SELECT FROM pg_index i WHERE i.indrelid = m.oid AND i.indisvalid AND i.indisunique AND i.indimmediate
          AND i.indpred IS NULL
          AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident END)),
    'triggers', (
      SELECT coalesce(json_agg(json_build_object(
        'table', r.name, 'name', g.tgname, 'enabled', g.tgenabled,
        'timing', CASE WHEN g.tgtype & 2 <> 0 THEN 'BEFORE' WHEN g.tgtype & 64 <> 0 THEN 'INSTEAD OF' ELSE 'AFTER' END,
        'row', g.tgtype & 1 <> 0,
        'events', array_remove(ARRAY[
          CASE WHEN g.tgtype & 4 <> 0 THEN 'INSERT' END, CASE WHEN g.tgtype & 8 <> 0 THEN 'DELETE' END,
          CASE WHEN g.tgtype & 16 <> 0 THEN 'UPDATE' END, CASE WHEN g.tgtype & 32 <> 0 THEN 'TRUNCATE' END], NULL),
        'function', (
          SELECT json_build_object('schema', n.nspname, 'name', p.proname)
          FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.oid = g.tgfoid),
        'cloned', coalesce((to_jsonb(g)->>'tgparentid')::bigint, 0) <> 0)
        ORDER BY g.tgrelid <> t.oid, g.tgrelid, g.tgname), '[]')
      FROM pg_trigger g JOIN tree m ON m.oid = g.tgrelid AND m.root = t.oid JOIN relation r ON r.oid = m.oid
      -- version 13 to 15 take a partition's copy for internal
      WHERE NOT g.tgisinternal OR (g.tgconstraint = 0 AND (to_jsonb(g)->>'tgparentid')::bigint <> 0)),
    'foreign_keys', (
      SELECT coalesce(json_agg(k.key ORDER BY k.conrelid, k.conname), '[]') FROM keys k
      WHERE (k.conrelid IN (SELECT m.oid FROM tree m WHERE m.root = t.oid)
          OR k.confrelid IN (SELECT m.oid FROM tree m WHERE m.root = t.oid))
        AND NOT EXISTS (SELECT FROM pg_constraint u JOIN tree m ON m.oid IN (u.conrelid, u.confrelid)
          WHERE u.oid = k.conparentid AND m.root = t.oid)),
    'partitions', (
      SELECT coalesce(json_agg(r.name ORDER BY m.oid), '[]') FROM tree m JOIN relation r ON r.oid = m.oid
      WHERE m.root = t.oid AND m.oid <> t.oid),
    -- of which it is a partition itself, at any depth
    'partition_of', (
      SELECT coalesce(json_agg(r.name), '[]') FROM pg_partition_ancestors(t.oid) a JOIN relation r ON r.oid = a.relid
      WHERE a.relid <> t.oid),
    -- by which rows are told apart, at any depth; an expression has no name
    'partition_columns', (
      SELECT coalesce(json_agg(DISTINCT a.attname), '[]')
      FROM tree m JOIN pg_partitioned_table p ON p.partrelid = m.oid
      CROSS JOIN unnest(p.partattrs::int2[]) AS k(number)
      LEFT JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum = k.number
      WHERE m.root = t.oid),
    'children', (
      SELECT coalesce(json_agg(r.name ORDER BY i.inhrelid), '[]')
      FROM pg_inherits i JOIN relation r ON r.oid = i.inhrelid JOIN pg_class c ON c.oid = i.inhrelid
      WHERE i.inhparent = t.oid AND NOT c.relispartition)
    ) ORDER BY t.ord), '[]') FROM named t),
  'defined', __DEFINED__,
  'beyond', (
    SELECT coalesce(json_agg(k.key ORDER BY k.conrelid, k.conname), '[]') FROM keys k
    WHERE k.conparentid = 0 AND k.confrelid NOT IN (SELECT oid FROM tree) AND k.confrelid IN (SELECT oid FROM reached))
);
