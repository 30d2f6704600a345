"""The seam against the real binary, a real PostgreSQL with the nine tables, and real gpg.

    python3 -m unittest tests.test_backup_runner_live

The environment says where they are; what is not set fails, since a skipped test of a backup
is a lie in green. The Rust test `tests/main.rs` sets all of it up and runs this.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import List
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "fixtures")]

import adapter  # noqa: E402
import backup_runner as ours  # noqa: E402
from adapter.phases import backup as phase  # noqa: E402

NEEDED = ("PGSEAL_BIN", "PGSEAL_CONFIG", "PGSEAL_STORE", "PGHOST", "GNUPGHOME", "BACKUP_GPG_FPR")
TABLES = list(adapter.MUTATION_SURFACE)


class Live(unittest.TestCase):
    store: Path
    recipients: List[str]

    @classmethod
    def setUpClass(cls) -> None:
        absent = [name for name in NEEDED if not os.environ.get(name)]
        if absent:
            raise AssertionError(f"not set: {', '.join(absent)}")
        cls.store = Path(os.environ["PGSEAL_STORE"])
        cls.recipients = os.environ["BACKUP_GPG_FPR"].split(",")

    def setUp(self) -> None:
        self.run_id = f"live-{secrets.token_hex(8)}"
        self.before = self.stored()

    def stored(self) -> List[str]:
        return sorted(os.listdir(self.store))

    def stops(self, exit_code: int, runner: ours.Runner = ours.backup_runner) -> ours.BackupFailed:
        """The write is stopped, pgseal said why, and the store is as it was."""
        before = self.stored()
        with self.assertRaises(ours.StopInvariantFailed) as caught:
            ours.pre_write_backup(self.run_id, ours.Mode.LIVE, runner)
        cause = caught.exception.__cause__
        assert isinstance(cause, ours.BackupFailed), cause
        self.assertEqual(cause.exit_code, exit_code, cause)
        self.assertIn("error: ", cause.stderr)
        self.assertEqual(self.stored(), before)
        return cause

    def proves(self, envelope: ours.Envelope) -> None:
        artifact = Path(envelope["artifact_ref"])
        self.assertEqual(artifact.parent.resolve(), self.store.resolve())
        self.assertEqual(stat.S_IMODE(artifact.stat().st_mode), 0o600)
        sealed = artifact.read_bytes()
        self.assertEqual(len(sealed), envelope["size_bytes"])
        self.assertEqual(hashlib.sha256(sealed).hexdigest(), envelope["sha256"])
        self.assertNotIn(b"information_unit", sealed)
        self.assertEqual(envelope["gpg_fpr"], self.recipients[0].replace(" ", "").upper())
        manifest = json.loads((self.store / f"{self.run_id}.manifest.json").read_bytes())
        self.assertEqual(manifest["envelope"], envelope)

    def accepts(self, line: bytes) -> int:
        script = str(ROOT / "scripts" / "backup_runner.py")
        done = subprocess.run([sys.executable, script, "accept"], input=line, capture_output=True)
        return done.returncode

    def test_reference_seam(self) -> None:
        made = ours.pre_write_backup(self.run_id, ours.Mode.LIVE, ours.backup_runner)
        envelope = ours.check_envelope(made, self.run_id)
        self.proves(envelope)
        self.assertEqual(self.accepts(json.dumps(envelope).encode()), 0)

    def test_users_adapter(self) -> None:
        live = adapter.ProductionLiveExecutionAdapter(backup_runner=ours.backup_runner)
        made = phase.run(self.run_id, adapter.Mode.LIVE, live)
        self.proves(ours.check_envelope(made, self.run_id))
        manifest = json.loads((self.store / f"{self.run_id}.manifest.json").read_bytes())
        targets = {table["target"] for table in manifest["tables"]}
        self.assertEqual(targets, set(TABLES))

    def test_users_adapter_without_a_runner(self) -> None:
        with self.assertRaises(adapter.StopInvariantFailed):
            phase.run(self.run_id, adapter.Mode.LIVE, adapter.ProductionLiveExecutionAdapter())
        self.assertEqual(self.stored(), self.before)

    def test_missing_field(self) -> None:
        """A real envelope that loses one field on the way."""
        envelope = ours.backup_runner(self.run_id, TABLES)
        for field in ours.FIELDS:
            cut = {key: value for key, value in envelope.items() if key != field}
            with self.assertRaisesRegex(ours.StopInvariantFailed, f"lacks {field}"):
                ours.pre_write_backup(self.run_id, ours.Mode.LIVE, lambda run_id: cut)
            lossy = adapter.ProductionLiveExecutionAdapter(lambda run_id, tables: cut)
            with self.assertRaisesRegex(adapter.StopInvariantFailed, f"no {field}"):
                phase.run(self.run_id, adapter.Mode.LIVE, lossy)
            self.assertEqual(self.accepts(json.dumps(cut).encode()), 1)

    def test_run_id_taken(self) -> None:
        first = ours.backup_runner(self.run_id, TABLES)
        self.stops(5)
        self.proves(first)

    def test_missing_table(self) -> None:
        def runner(run_id: str) -> object:
            return ours.backup_runner(run_id, [*TABLES, "public.no_such_table"])

        self.assertIn("no_such_table", self.stops(3, runner).stderr)

    def test_no_key(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            with mock.patch.dict(os.environ, GNUPGHOME=empty):
                self.stops(3)

    def test_no_server(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            with mock.patch.dict(os.environ, PGHOST=empty):
                self.stops(3)

    def test_dry_run_agrees_with_pgseal(self) -> None:
        scope = ours.Scope(TABLES[::-1], self.recipients, "gpg:6")
        offline = {"PGSEAL_BIN": "/nonexistent", "PGHOST": "/nonexistent", "PATH": ""}
        with mock.patch.dict(os.environ, offline):
            made = ours.pre_write_backup(self.run_id, ours.Mode.DRYRUN, scope=scope)
        tables = [f"--table={table}" for table in TABLES]
        program = [os.environ["PGSEAL_BIN"], "backup", "--dry-run", "--compress=gpg:6"]
        done = subprocess.run([*program, f"--run-id={self.run_id}", *tables], capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        said = json.loads(done.stdout)
        self.assertEqual({key: said[key] for key in made}, made)
        self.assertNotIn("sha256", said)
        self.assertEqual(self.accepts(done.stdout), 1)
        self.assertEqual(self.stored(), self.before)


if __name__ == "__main__":
    unittest.main()
