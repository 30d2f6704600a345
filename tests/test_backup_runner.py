"""scripts/backup_runner.py, and the user's adapter with our runner injected.

Where a process must fail, one does: PGSEAL_BIN names a script that breaks on purpose.
    python3 tests/test_backup_runner.py
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "backup_runner.py"
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "fixtures")]

import adapter  # noqa: E402
import backup_runner as ours  # noqa: E402
from adapter.phases import backup as phase  # noqa: E402

FPR = "0123456789ABCDEF0123456789ABCDEF01234567"
GOOD: Dict[str, object] = {
    "sha256": "0a" * 32,
    "size_bytes": 12345,
    "gpg_fpr": FPR,
    "artifact_ref": "/var/lib/pgseal/r1.sql.gpg",
}
SCOPE = ours.Scope(tables=["public.orders"], recipients=[FPR])

# (field, a value it must not have, what the refusal says)
MALFORMED: List[Tuple[str, object, str]] = [
    ("sha256", "", "is empty"),
    ("sha256", None, "not a string"),
    ("sha256", 7, "not a string"),
    ("sha256", True, "not a string"),
    ("sha256", b"0a" * 32, "not a string"),
    ("sha256", "0A" * 32, "64 lower-case"),
    ("sha256", "0a" * 31, "64 lower-case"),
    ("sha256", "0a" * 32 + "\n", "64 lower-case"),
    ("sha256", "0g" * 32, "64 lower-case"),
    ("size_bytes", 0, "above 0"),
    ("size_bytes", -1, "above 0"),
    ("size_bytes", True, "above 0"),
    ("size_bytes", 1.0, "above 0"),
    ("size_bytes", "12345", "above 0"),
    ("size_bytes", None, "above 0"),
    ("gpg_fpr", "", "is empty"),
    ("gpg_fpr", None, "not a string"),
    ("gpg_fpr", FPR.lower(), "upper-case"),
    ("gpg_fpr", FPR[:16], "upper-case"),
    ("gpg_fpr", FPR + " ", "upper-case"),
    ("gpg_fpr", FPR + "00", "upper-case"),
    ("artifact_ref", "", "is empty"),
    ("artifact_ref", ["/r1.sql.gpg"], "not a string"),
    ("artifact_ref", "r1.sql.gpg", "absolute"),
    ("artifact_ref", "/a\0/r1.sql.gpg", "absolute"),
    ("artifact_ref", "/\ud800/r1.sql.gpg", "absolute"),
    ("artifact_ref", "/var/lib/pgseal/r1.sql", "does not end in"),
    ("artifact_ref", "/var/lib/pgseal/r1.sql.gpg.partial", "does not end in"),
    ("artifact_ref", "/var/lib/pgseal/r1.sql.gpg/", "does not end in"),
    ("artifact_ref", "/var/lib/pgseal/.sql.gpg", "not a run id"),
    ("artifact_ref", "/var/lib/pgseal/r 1.sql.gpg", "not a run id"),
]


def without(field: str) -> Dict[str, object]:
    return {key: value for key, value in GOOD.items() if key != field}


def sized(number: str) -> str:
    """The complete envelope as text, but for the number."""
    return json.dumps(GOOD).replace(": 12345,", f": {number},")


class Envelope(unittest.TestCase):
    def test_complete(self) -> None:
        for change in (
            {},
            {"gpg_fpr": "A" * 64},
            {"artifact_ref": "/r1.sql.gpg"},
            {"artifact_ref": "/var/größe und\n/r1.sql.zst.gpg"},
        ):
            envelope = {**GOOD, **change}
            self.assertEqual(ours.check_envelope(envelope, "r1"), envelope)

    def test_each_field_missing(self) -> None:
        for field in ours.FIELDS:
            with self.assertRaisesRegex(ValueError, f"^the envelope lacks {field}$"):
                ours.check_envelope(without(field))

    def test_each_field_malformed(self) -> None:
        for field, value, said in MALFORMED:
            with self.subTest(field=field, value=value):
                with self.assertRaisesRegex(ValueError, said) as caught:
                    ours.check_envelope({**GOOD, field: value})
                self.assertRegex(str(caught.exception), r"\A[\x20-\x7e]+\Z")

    def test_not_exactly_four_fields(self) -> None:
        for value in (None, [], "x", 1, [GOOD], list(GOOD)):
            with self.assertRaisesRegex(ValueError, "not an object"):
                ours.check_envelope(value)
        with self.assertRaisesRegex(ValueError, "not its own: 'mode'"):
            ours.check_envelope({**GOOD, "mode": "dry-run"})

    def test_of_another_run(self) -> None:
        for other in ("r", "r10", "r1.sql", "R1"):
            with self.assertRaisesRegex(ValueError, "artifact_ref is of the run r1, not of"):
                ours.check_envelope(GOOD, other)


class Accept(unittest.TestCase):
    def accept(self, stdin: bytes, *args: str) -> Tuple[int, str]:
        done = subprocess.run(
            [sys.executable, str(SCRIPT), *(args or ("accept",))], input=stdin, capture_output=True
        )
        self.assertEqual(done.stdout, b"")
        return done.returncode, done.stderr.decode("ascii")

    def refused(self, stdin: bytes, said: str) -> None:
        code, stderr = self.accept(stdin)
        self.assertEqual(code, 1, stderr)
        self.assertRegex(stderr, rf"\Arefused: [^\n]*{said}[^\n]*\n\Z")

    def test_complete(self) -> None:
        for text in (json.dumps(GOOD), json.dumps(GOOD) + "\n", json.dumps(GOOD, indent=1)):
            self.assertEqual(self.accept(text.encode()), (0, ""))

    def test_incomplete(self) -> None:
        for field in ours.FIELDS:
            self.refused(json.dumps(without(field)).encode(), f"lacks {field}")
            self.refused(json.dumps({**GOOD, field: ""}).encode(), field)
        self.refused(json.dumps({**GOOD, "size_bytes": True}).encode(), "size_bytes")
        self.refused(json.dumps({**GOOD, "x\ny": 1}).encode(), r"'x\\ny'")

    def test_dry_run_is_no_envelope(self) -> None:
        plan = {"mode": "dry-run", "run_id": "r1", "backup_sha": "0a" * 32, "plan": {}}
        self.refused(json.dumps(plan).encode(), "lacks sha256, size_bytes, gpg_fpr, artifact_ref")

    def test_not_one_json_object(self) -> None:
        good = json.dumps(GOOD)
        for text, said in (
            ("", "empty"),
            (" \n", "empty"),
            ("no", "Expecting value"),
            (good[:-1], "delimiter"),
            (good + "x", "Extra data"),
            (good + "\n" + good, "Extra data"),
            (sized('12345, "size_bytes": 12345'), "'size_bytes' comes twice"),
            (sized("NaN"), "NaN is not JSON"),
            (sized("-Infinity"), "-Infinity is not JSON"),
            (sized("1e999"), "size_bytes"),
            (sized("12345.0"), "size_bytes"),
            (f"[{good}]", "not an object"),
            ("null", "not an object"),
            ("\ufeff" + good, "BOM"),
            ("[" * 50_000, "nested too deeply"),
            (" " * 70_000 + good, "more than 65536 bytes"),
            (good + " " * 70_000, "more than 65536 bytes"),
        ):
            with self.subTest(text=text[:60]):
                self.refused(text.encode(), said)
        self.refused(good.encode("utf-16"), "not UTF-8")
        self.refused(good.replace("/var", "/v\xe4r").encode("latin-1"), "UTF-8")

    def test_closed_stdin(self) -> None:
        command = f"{shlex.quote(sys.executable)} {shlex.quote(str(SCRIPT))} accept <&-"
        done = subprocess.run(["/bin/sh", "-c", command], capture_output=True)
        self.assertEqual((done.returncode, done.stdout), (1, b""))
        self.assertEqual(done.stderr.count(b"\n"), 1)

    def test_usage(self) -> None:
        for args in (["refuse"], ["accept", "x"], ["--help"], [""]):
            code, stderr = self.accept(json.dumps(GOOD).encode(), *args)
            self.assertEqual((code, stderr), (2, "usage: backup_runner.py accept < envelope\n"))


class Scripted(unittest.TestCase):
    """A folder of its own, and in it a PGSEAL_BIN that does what the test says."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = Path(folder.name)
        environ = mock.patch.dict(os.environ)
        environ.start()
        self.addCleanup(environ.stop)

    def pgseal(self, body: str, name: str = "broken pgseal") -> Path:
        path = self.dir / name
        path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
        path.chmod(0o755)
        os.environ["PGSEAL_BIN"] = str(path)
        return path

    def prints(self, *lines: str) -> str:
        return "\n".join(f"printf '%s\\n' {shlex.quote(line)}" for line in lines)

    def fails(
        self, body: str, exit_code: Optional[int], said: str, tables: Optional[List[str]] = None
    ) -> ours.BackupFailed:
        self.pgseal(body)
        with self.assertRaisesRegex(ours.BackupFailed, said) as caught:
            ours.backup_runner("r1", tables)
        self.assertEqual(caught.exception.exit_code, exit_code)
        return caught.exception


class Runner(Scripted):
    def test_envelope(self) -> None:
        self.pgseal(self.prints(json.dumps(GOOD)))
        self.assertEqual(ours.backup_runner("r1"), GOOD)

    def test_argv_stdin_and_environment(self) -> None:
        os.environ["PGPASSWORD"] = "inherited"
        self.pgseal(
            f"cd {shlex.quote(str(self.dir))}\n"
            'for a; do printf "%s\\n" "$a"; done >argv; cat >stdin; printf %s "$PGPASSWORD" >env\n'
            + self.prints(json.dumps(GOOD))
        )
        readable, writable = os.pipe()
        os.write(writable, b"for the writer alone")
        os.close(writable)
        stdin = os.dup(0)
        os.dup2(readable, 0)
        try:
            ours.backup_runner("r1", ["public.orders", '"we.ird"."t""x"', "-x.$(id) y"])
        finally:
            os.dup2(stdin, 0)
            os.close(stdin)
            os.close(readable)
        argv = (self.dir / "argv").read_text().splitlines()
        self.assertEqual(
            argv,
            [
                "backup",
                "--run-id=r1",
                "--table=public.orders",
                '--table="we.ird"."t""x"',
                "--table=-x.$(id) y",
            ],
        )
        self.assertEqual((self.dir / "stdin").read_text(), "")
        self.assertEqual((self.dir / "env").read_text(), "inherited")
        ours.backup_runner("r1")
        argv = (self.dir / "argv").read_text().splitlines()
        self.assertEqual(argv, ["backup", "--run-id=r1"])

    def test_settings_become_flags(self) -> None:
        self.pgseal(
            f'for a; do printf "%s\\n" "$a"; done >{shlex.quote(str(self.dir))}/argv\n'
            + self.prints(json.dumps(GOOD))
        )
        fingerprint = "AB" * 20
        for timeout, flag in (("10m", "10m"), (90, "90000ms"), (0.25, "250ms")):
            ours.backup_runner(
                "r1",
                recipients=[fingerprint.lower()],
                timeout=timeout,
                config=self.dir / "my config.toml",
            )
            self.assertEqual(
                (self.dir / "argv").read_text().splitlines(),
                [
                    "backup",
                    "--run-id=r1",
                    f"--config={self.dir}/my config.toml",
                    f"--timeout={flag}",
                    f"--recipient={fingerprint}",
                ],
            )
        for wrong in (
            {"recipients": ["AB"]},
            {"recipients": []},
            {"recipients": fingerprint},
            {"timeout": 0},
            {"timeout": float("nan")},
            {"timeout": True},
        ):
            with self.subTest(wrong=wrong), self.assertRaisesRegex(ours.BackupFailed, "not started"):
                ours.backup_runner("r1", **wrong)

    def test_path_is_the_fallback(self) -> None:
        self.pgseal(self.prints(json.dumps(GOOD)), name="pgseal")
        os.environ["PATH"] = f"{self.dir}:{os.environ['PATH']}"
        del os.environ["PGSEAL_BIN"]
        self.assertEqual(ours.backup_runner("r1"), GOOD)

    def test_exit_status(self) -> None:
        error = self.fails("echo noise >&2; echo 'error: no key' >&2; exit 3", 3, "status 3")
        self.assertEqual(error.stderr, "noise\nerror: no key")
        self.assertIn("error: no key", str(error))

    def test_exit_status_beats_a_complete_envelope(self) -> None:
        self.fails(self.prints(json.dumps(GOOD)) + "\nexit 5", 5, "status 5")

    def test_killed(self) -> None:
        self.fails(self.prints(json.dumps(GOOD)) + "\nkill -9 $$", -9, "was killed by signal 9")

    def test_stderr_is_bounded(self) -> None:
        lines = 'i=0; while [ $i -lt 30000 ]; do echo "line $i"; i=$((i+1)); done >&2; exit 4'
        kept = self.fails(lines, 4, "status 4").stderr.splitlines()
        self.assertEqual(kept, [f"line {i}" for i in range(29980, 30000)])
        error = self.fails("head -c 9000000 /dev/zero >&2; exit 4", 4, "status 4")
        self.assertEqual(len(error.stderr), 16 * 1024)

    def test_stderr_of_a_good_run_is_logged(self) -> None:
        self.pgseal(self.prints(json.dumps(GOOD)) + "\necho 'warning: key expires' >&2")
        with self.assertLogs("pgseal.backup_runner", "WARNING") as logs:
            ours.backup_runner("r1")
        self.assertEqual(logs.records[0].getMessage(), "pgseal backup r1:\nwarning: key expires")

    def test_a_good_run_is_no_warning(self) -> None:
        self.pgseal(
            self.prints(json.dumps(GOOD)) + "\necho 'sealed run r1: 1 table' >&2\necho '  for key X' >&2"
        )
        with self.assertLogs("pgseal.backup_runner", "INFO") as logs:
            ours.backup_runner("r1")
        told = [(record.levelname, record.getMessage()) for record in logs.records]
        text = f"pgseal backup r1: {GOOD['artifact_ref']}\nsealed run r1: 1 table\n  for key X"
        self.assertEqual(told, [("INFO", text)])

    def test_stdout_is_not_one_line(self) -> None:
        good = json.dumps(GOOD)
        for body, said in (
            ("true", "not exactly one line"),
            (f"printf %s {shlex.quote(good)}", "not exactly one line"),
            (self.prints(good, good), "not exactly one line"),
            (self.prints("", good), "not exactly one line"),
            (self.prints(good) + "\nprintf x", "not exactly one line"),
            (self.prints(json.dumps(GOOD, indent=1)), "not exactly one line"),
            ("echo garbage", "Expecting value"),
            ("printf '\\377\\n'", "not UTF-8"),
            (self.prints(good + good), "Extra data"),
            (self.prints(good.replace("{", '{"size_bytes": 1, ')), "comes twice"),
            (self.prints(sized("NaN")), "NaN"),
            ("head -c 9000000 /dev/zero", "more than 65536 bytes"),
        ):
            with self.subTest(body=body):
                self.fails(f"{body}\necho talk >&2", 0, f"not with one envelope: .*{said}")

    def test_stdout_is_not_the_envelope(self) -> None:
        for field in ours.FIELDS:
            self.fails(self.prints(json.dumps(without(field))), 0, f"lacks {field}")
        for field, value, said in MALFORMED:
            if not isinstance(value, bytes):
                with self.subTest(field=field, value=value):
                    self.fails(self.prints(json.dumps({**GOOD, field: value})), 0, said)
        self.fails(self.prints(json.dumps({**GOOD, "more": 1})), 0, "not its own")
        other = {**GOOD, "artifact_ref": "/var/lib/pgseal/r10.sql.gpg"}
        self.fails(self.prints(json.dumps(other)), 0, "of the run r10, not of r1")

    def test_a_grandchild_that_holds_the_output(self) -> None:
        with mock.patch.object(ours, "_PIPE_SECONDS", 0.2):
            error = self.fails(
                self.prints(json.dumps(GOOD)) + f"\nsleep 60 & echo $! >'{self.dir}/pid'",
                0,
                "another process still holds its output open",
            )
        os.kill(int((self.dir / "pid").read_text()), signal.SIGKILL)
        self.assertEqual(error.stderr, "")

    def test_cannot_start(self) -> None:
        for path in (self.dir / "absent", self.dir):
            os.environ["PGSEAL_BIN"] = str(path)
            with self.assertRaisesRegex(
                ours.BackupFailed, "cannot start pgseal: .*PGSEAL_BIN"
            ) as c:
                ours.backup_runner("r1")
            self.assertIsNone(c.exception.exit_code)
        del os.environ["PGSEAL_BIN"]
        os.environ["PATH"] = str(self.dir)
        with self.assertRaisesRegex(ours.BackupFailed, "No such file.*'pgseal'"):
            ours.backup_runner("r1")

    def test_arguments_that_never_reach_pgseal(self) -> None:
        self.pgseal(f"touch '{self.dir}/ran'")
        for run_id in ("", "a/b", "-x", "r1.gpg", "r1.json", "r1.partial", "r1.prelude", "r1.late", "r1\n"):
            with self.assertRaisesRegex(ours.BackupFailed, "not started: not a run id"):
                ours.backup_runner(run_id)
        given: List[Sequence[str]] = [[], "public.orders", (x for x in ()), [1]]  # type: ignore
        for tables in given:
            with self.assertRaisesRegex(ours.BackupFailed, "not started: tables must be a list"):
                ours.backup_runner("r1", tables)
        with self.assertRaisesRegex(ours.BackupFailed, "not started: embedded null byte"):
            ours.backup_runner("r1", ["public.a\0b"])
        self.assertFalse((self.dir / "ran").exists())


class Interrupted(Scripted):
    def interrupt(self, body: str, grace: float) -> float:
        """Ctrl-C for the Python process alone; returns how long it took to end."""
        self.pgseal(f"echo $$ >'{self.dir}/new'; mv '{self.dir}/new' '{self.dir}/pid'\n{body}")
        program = (
            "import signal, sys; sys.path.insert(0, sys.argv[1]); import backup_runner\n"
            "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
            f"backup_runner._GRACE_SECONDS = {grace}\n"
            "backup_runner.backup_runner('r1')\n"
        )
        writer = subprocess.Popen(
            [sys.executable, "-c", program, str(SCRIPT.parent)], stderr=subprocess.PIPE
        )
        deadline = time.monotonic() + 20
        while not (self.dir / "pid").exists():
            self.assertLess(time.monotonic(), deadline, "the child never started")
            time.sleep(0.01)
        time.sleep(0.3)  # the child is up before its parent waits for it
        asked = time.monotonic()
        writer.send_signal(signal.SIGINT)
        _, stderr = writer.communicate(timeout=20)
        took = time.monotonic() - asked
        self.assertIn(b"KeyboardInterrupt", stderr)
        self.assertEqual(writer.returncode, -signal.SIGINT)
        with self.assertRaises(ProcessLookupError):
            os.kill(int((self.dir / "pid").read_text()), 0)
        return took

    def test_the_child_is_asked_and_cleans_up(self) -> None:
        self.interrupt(
            f"trap 'echo clean >\"{self.dir}/cleaned\"; exit 143' TERM\n"
            "while :; do sleep 0.05; done",
            grace=15,
        )
        self.assertEqual((self.dir / "cleaned").read_text(), "clean\n")

    def test_a_child_that_will_not_end_is_killed(self) -> None:
        took = self.interrupt("trap '' TERM INT; while :; do sleep 0.05; done", grace=0.5)
        self.assertGreaterEqual(took, 0.5)


class Seam(Scripted):
    def stops(self, runner: ours.Runner, said: str) -> ours.StopInvariantFailed:
        with self.assertRaisesRegex(ours.StopInvariantFailed, said) as caught:
            ours.pre_write_backup("r1", ours.Mode.LIVE, runner)
        return caught.exception

    def test_live(self) -> None:
        self.pgseal(self.prints(json.dumps(GOOD)))
        for scope in (None, SCOPE):
            made = ours.pre_write_backup("r1", ours.Mode.LIVE, ours.backup_runner, scope=scope)
            self.assertEqual(made, GOOD)

    def test_live_passes_the_tables_of_the_scope(self) -> None:
        calls: List[object] = []

        def runner(run_id: str, tables: Optional[Sequence[str]] = None) -> object:
            calls.append((run_id, tables))
            return GOOD

        ours.pre_write_backup("r1", ours.Mode.LIVE, runner)
        ours.pre_write_backup("r1", ours.Mode.LIVE, runner, scope=SCOPE)
        self.assertEqual(calls, [("r1", None), ("r1", ["public.orders"])])

    def test_live_with_a_scope_that_does_not_hold(self) -> None:
        other = ours.Scope(SCOPE.tables, ["F" * 40, FPR])
        with self.assertRaisesRegex(ours.StopInvariantFailed, "not the first recipient"):
            ours.pre_write_backup("r1", ours.Mode.LIVE, lambda run_id, tables: GOOD, scope=other)
        self.pgseal(f"touch '{self.dir}/ran'")
        with self.assertRaisesRegex(ours.StopInvariantFailed, "not a table name"):
            scope = ours.Scope(["orders"], [FPR])
            ours.pre_write_backup("r1", ours.Mode.LIVE, ours.backup_runner, scope=scope)
        self.assertFalse((self.dir / "ran").exists())

    def test_the_default_runner_refuses(self) -> None:
        with self.assertRaisesRegex(ours.StopInvariantFailed, "no backup runner was injected"):
            ours.pre_write_backup("r1", ours.Mode.LIVE)
        with self.assertRaises(ours.BackupFailed):
            ours._refuse_backup("r1")

    def test_live_process_failure(self) -> None:
        self.pgseal("echo 'error: no key' >&2; exit 3")
        cause = self.stops(ours.backup_runner, "status 3\nerror: no key").__cause__
        assert isinstance(cause, ours.BackupFailed)
        self.assertEqual((cause.exit_code, cause.stderr), (3, "error: no key"))

    def test_live_bad_envelope(self) -> None:
        for field in ours.FIELDS:
            self.stops(lambda run_id: without(field), f"lacks {field}")
        for field, value, said in MALFORMED:
            with self.subTest(field=field, value=value):
                self.stops(lambda run_id: {**GOOD, field: value}, said)
        self.stops(lambda run_id: None, "not an object")
        self.stops(lambda run_id: {**GOOD, "extra": 1}, "not its own")
        self.stops(lambda run_id: {**GOOD, "artifact_ref": "/r2.sql.gpg"}, "of the run r2")

    def test_live_any_exception_stops_the_write(self) -> None:
        def runner(run_id: str) -> object:
            raise RuntimeError("out of luck")

        self.assertIsInstance(self.stops(runner, "out of luck").__cause__, RuntimeError)

    def test_interrupt_is_not_a_failed_invariant(self) -> None:
        def runner(run_id: str) -> object:
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            ours.pre_write_backup("r1", ours.Mode.LIVE, runner)

    def test_bad_arguments(self) -> None:
        ran: List[str] = []
        for run_id in ("", "a/b", "r1.gpg", None):
            for mode in ours.Mode:
                with self.assertRaisesRegex(ours.StopInvariantFailed, "not a run id"):
                    ours.pre_write_backup(run_id, mode, ran.append, scope=SCOPE)  # type: ignore
            with self.assertRaisesRegex(ours.StopInvariantFailed, "not a run id"):
                ours.pre_write_backup(run_id, ours.Mode.LIVE, ran.append)  # type: ignore
        for mode in ("live", None, adapter.Mode.LIVE):  # type: ignore[assignment]
            with self.assertRaisesRegex(ours.StopInvariantFailed, "unknown mode"):
                ours.pre_write_backup("r1", mode, ran.append, scope=SCOPE)
        self.assertEqual(ran, [])


class DryRun(unittest.TestCase):
    def setUp(self) -> None:
        for name in ("subprocess.Popen", "os.fork", "os.posix_spawn", "socket.socket"):
            patch = mock.patch(name, side_effect=AssertionError(f"{name} in a dry run"))
            patch.start()
            self.addCleanup(patch.stop)

    def test_golden(self) -> None:
        vectors = json.loads((ROOT / "fixtures" / "golden" / "backup_sha.json").read_bytes())
        self.assertGreaterEqual(len(vectors), 5)
        for vector in vectors:
            with self.subTest(vector["name"]):
                run_id = vector["run_id"]
                scope = ours.Scope(vector["tables"], vector["recipients"], vector["compression"])
                self.assertEqual(ours.canonical_plan(run_id, scope), vector["canonical"])
                self.assertEqual(
                    ours.pre_write_backup(run_id, ours.Mode.DRYRUN, self.never, scope=scope),
                    {"mode": "dry-run", "run_id": run_id, "backup_sha": vector["backup_sha"]},
                )
                self.assertRegex(vector["backup_sha"], "^[0-9a-f]{64}$")

    def test_each_input_counts_and_the_order_of_tables_does_not(self) -> None:
        base = ours.Scope(["a.b", "a.c"], [FPR, "F" * 40], "deflate")
        first = ours.backup_sha("r1", base)
        self.assertEqual(
            first, ours.backup_sha("r1", ours.Scope(("a.c", '"a"."b"'), base.recipients))
        )
        others = [
            ours.backup_sha("r2", base),
            ours.backup_sha("r1", ours.Scope(["a.b"], base.recipients)),
            ours.backup_sha("r1", ours.Scope(base.tables, ["F" * 40, FPR])),
            ours.backup_sha("r1", ours.Scope(base.tables, base.recipients, "none")),
        ]
        self.assertEqual(len({first, *others}), 5)

    def test_is_no_envelope(self) -> None:
        made = ours.pre_write_backup("r1", ours.Mode.DRYRUN, scope=SCOPE)
        self.assertNotIn("sha256", made)
        with self.assertRaisesRegex(ValueError, "lacks sha256"):
            ours.check_envelope(made)

    def test_refused(self) -> None:
        for scope, said in (
            (None, "needs the scope"),
            (ours.Scope([], [FPR]), "tables must be a list"),
            (ours.Scope("public.orders", [FPR]), "tables must be a list"),
            (ours.Scope(["a.b", '"a".b'], [FPR]), "table 'a.b' is named twice"),
            (ours.Scope(["a.b"], []), "recipients must be a list"),
            (ours.Scope(["a.b"], FPR), "recipients must be a list"),
            (ours.Scope(["a.b"], [FPR, FPR.lower()]), "is named twice"),
            (ours.Scope(["a.b"], [FPR[:16]]), "not a full fingerprint"),
            (ours.Scope(["a.b"], ["\ufb00" * 20]), "not a full fingerprint"),
            (ours.Scope(["a.b"], [FPR], ""), "unknown compression"),
            (ours.Scope(["a.b"], [FPR], "lz4"), "unknown compression"),
            (ours.Scope(["a.b"], [FPR], "gpg:06"), "unknown compression"),
            (ours.Scope(['a."\ud800"'], [FPR]), "surrogates not allowed"),
        ):
            with self.subTest(said=said):
                with self.assertRaisesRegex(ours.StopInvariantFailed, re.escape(said)):
                    ours.pre_write_backup("r1", ours.Mode.DRYRUN, self.never, scope=scope)

    def test_spelling(self) -> None:
        for given, spelt in (
            ("public.orders", "public.orders"),
            ('"public"."orders"', "public.orders"),
            ("public.Orders", 'public."Orders"'),
            ("public.größe", 'public."größe"'),
            ("public.1st", 'public."1st"'),
            ("public.order", "public.order"),
            ("public.a$b", 'public."a$b"'),
            ("public.my table", 'public."my table"'),
            ('"we.ird"."t""x"', '"we.ird"."t""x"'),
            ('a."*?\n"', 'a."*?\n"'),
        ):
            self.assertEqual(ours.spell_table(given), spelt)
            self.assertEqual(ours.spell_table(spelt), spelt)
        for given in (
            *("", "orders", "a.", ".b", "a.b.c", "a.b*", "a.?", "a. b", "a.b ", "a.b\n", "a.b\x85"),
            *('a."b', 'a.b"c', 'a.""', 'a."b"c', 'a."b\0"', 'a."b".', 'a"".b'),
        ):
            with self.assertRaisesRegex(ValueError, "schema.table"):
                ours.spell_table(given)

    def never(self, *args: object, **kwargs: object) -> object:
        raise AssertionError("the runner was called in a dry run")


class Adapter(Scripted):
    """The user's own classes, with nothing of ours but the runner."""

    live = adapter.ProductionLiveExecutionAdapter(backup_runner=ours.backup_runner)

    def stops(self, who: adapter.ProductionLiveExecutionAdapter, said: str) -> BaseException:
        with self.assertRaisesRegex(adapter.StopInvariantFailed, said) as caught:
            phase.run("r1", adapter.Mode.LIVE, who)
        return caught.exception

    def test_live(self) -> None:
        self.pgseal(f"echo \"$@\" >'{self.dir}/argv'\n" + self.prints(json.dumps(GOOD)))
        self.assertEqual(phase.run("r1", adapter.Mode.LIVE, self.live), GOOD)
        argv = (self.dir / "argv").read_text().split()
        tables = [f"--table={table}" for table in adapter.MUTATION_SURFACE]
        self.assertEqual(argv, ["backup", "--run-id=r1", *tables])

    def test_without_a_runner(self) -> None:
        self.stops(adapter.ProductionLiveExecutionAdapter(), "no backup_runner was injected")

    def test_process_failure(self) -> None:
        self.pgseal("echo 'error: no key' >&2; exit 3")
        cause = self.stops(self.live, "status 3\nerror: no key").__cause__
        assert isinstance(cause, ours.BackupFailed)
        self.assertEqual(cause.exit_code, 3)

    def test_missing_field(self) -> None:
        for field in ours.FIELDS:
            self.pgseal(self.prints(json.dumps(without(field))))
            self.stops(self.live, f"lacks {field}")
            lax = adapter.ProductionLiveExecutionAdapter(lambda run_id, tables: without(field))
            self.stops(lax, f"no {field}")

    def test_dry_run(self) -> None:
        self.pgseal(f"touch '{self.dir}/ran'")
        made = phase.run("r1", adapter.Mode.DRYRUN, self.live)
        self.assertEqual(made, phase.run("r1", adapter.Mode.DRYRUN, self.live))
        self.assertEqual(sorted(made), ["backup_sha", "mode", "run_id"])
        self.assertFalse((self.dir / "ran").exists())


if __name__ == "__main__":
    unittest.main()
