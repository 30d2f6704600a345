-- Where the server stands, in the snapshot of the questions that follow: sets the psql variable mark.
SELECT pg_catalog.json_build_object(
  'snapshot', pg_catalog.pg_current_snapshot()::text,
  'database_oid', (
    SELECT oid::bigint FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()),
  'system_identifier', CASE
    WHEN pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')
    THEN (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) END,
  -- The control file has a primary's timeline only after its first checkpoint.
  'timeline', CASE WHEN NOT pg_catalog.pg_is_in_recovery()
    THEN ('x' || left(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 8))::bit(32)::bigint
    WHEN pg_catalog.has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE')
      AND pg_catalog.has_function_privilege('pg_catalog.pg_control_recovery()', 'EXECUTE')
    THEN (
      SELECT greatest(c.timeline_id, r.min_recovery_end_timeline)
      FROM pg_catalog.pg_control_checkpoint() c, pg_catalog.pg_control_recovery() r) END,
  'lsn', CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
    ELSE pg_catalog.pg_current_wal_lsn() END,
  'in_recovery', pg_catalog.pg_is_in_recovery()
) AS mark
\gset
