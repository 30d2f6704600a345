#!/usr/bin/env python3
"""The bridge from a Python writer to pgseal: no complete envelope, no write.

    from backup_runner import Mode, backup_runner, pre_write_backup
    envelope = pre_write_backup(run_id, Mode.LIVE, backup_runner)

`backup_runner` runs `pgseal backup` and returns its envelope; `pre_write_backup`
is the seam in front of the write. `backup_runner.py accept` is the same check
for a shell: one envelope on standard input, exit 0 only if it is complete.

Standard library only, Python 3.9 up.
"""

from __future__ import annotations

import enum
import hashlib
import json
import logging
import os
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from typing import IO, Callable, Dict, List, NoReturn, Optional, Sequence, Tuple, TypedDict, Union

FIELDS = ("sha256", "size_bytes", "gpg_fpr", "artifact_ref")

_STDOUT_LIMIT = 64 * 1024  # an envelope is a few hundred bytes
_STDERR_KEPT = 16 * 1024
_STDERR_LINES = 20
# pgseal gives its own children 5 s after SIGTERM; killed before that, it would leave them behind.
_GRACE_SECONDS = 15.0
_PIPE_SECONDS = 5.0

_log = logging.getLogger("pgseal.backup_runner")


class Envelope(TypedDict):
    sha256: str
    size_bytes: int
    gpg_fpr: str
    artifact_ref: str


class DryRun(TypedDict):
    """Has no `sha256`, so that nobody can take it for an envelope."""

    mode: str
    run_id: str
    backup_sha: str


class Mode(enum.Enum):
    LIVE = "live"
    DRYRUN = "dry-run"


@dataclass(frozen=True)
class Scope:
    """What a backup would cover, as pgseal is configured."""

    tables: Sequence[str]
    recipients: Sequence[str]
    compression: str = "deflate"


class BackupFailed(Exception):
    """No backup was made, or none that can be relied on.

    `exit_code` is pgseal's own, negative where a signal ended it, and None where it never ran.
    """

    def __init__(self, reason: str, exit_code: Optional[int] = None, stderr: str = "") -> None:
        super().__init__(f"{reason}\n{stderr}" if stderr else reason)
        self.reason = reason
        self.exit_code = exit_code
        self.stderr = stderr


class StopInvariantFailed(Exception):
    """The write must not go ahead."""


# What a runner returns is checked, not trusted: hence `object`.
Runner = Callable[..., object]


# --- the seam -----------------------------------------------------------------------------------


def _refuse_backup(run_id: str, tables: Optional[Sequence[str]] = None) -> NoReturn:
    raise BackupFailed("no backup runner was injected")


def pre_write_backup(
    run_id: str, mode: Mode, runner: Runner = _refuse_backup, *, scope: Optional[Scope] = None
) -> Union[Envelope, DryRun]:
    """Returns only where the write may go ahead (LIVE), or could be planned (DRYRUN).

    LIVE calls `runner(run_id)`; with a scope `runner(run_id, tables=scope.tables)`, and the key
    must be the scope's first. DRYRUN needs the scope and runs nothing.
    """
    try:
        if mode is Mode.LIVE:
            if scope is None:
                return check_envelope(runner(_require_run_id(run_id)), run_id)
            canonical_plan(run_id, scope)  # what cannot be planned is not worth a dump
            envelope = check_envelope(runner(run_id, tables=scope.tables), run_id)
            if envelope["gpg_fpr"] != _fingerprint(scope.recipients[0]):
                raise ValueError("gpg_fpr is not the first recipient of the scope")
            return envelope
        if mode is Mode.DRYRUN:
            if scope is None:
                raise ValueError("a dry run needs the scope: tables, recipients, compression")
            return {"mode": "dry-run", "run_id": run_id, "backup_sha": backup_sha(run_id, scope)}
        raise ValueError(f"unknown mode {mode!a}")
    except Exception as error:  # whatever it was: without an envelope the answer is no
        raise StopInvariantFailed(f"pre_write_backup: {error}") from error


# --- the runner ---------------------------------------------------------------------------------


def backup_runner(
    run_id: str,
    tables: Optional[Sequence[str]] = None,
    *,
    recipients: Optional[Sequence[str]] = None,
    timeout: Union[str, float, None] = None,
    config: Union[str, "os.PathLike[str]", None] = None,
) -> Envelope:
    """Run `pgseal backup` and return its envelope, or raise BackupFailed.

    The program is $PGSEAL_BIN, else `pgseal` on PATH. What is not given is as pgseal is configured:
    its scope without `tables`, its recipients, its config file. `timeout` is seconds, or a duration
    as pgseal writes it ("10m"). The environment is inherited as it is. Where a seam wants a runner
    with settings: `functools.partial(backup_runner, timeout="10m")`.
    """
    try:
        _require_run_id(run_id)
        argv = [os.environ.get("PGSEAL_BIN") or "pgseal", "backup", f"--run-id={run_id}"]
        if config is not None:
            argv.append(f"--config={os.fspath(config)}")
        if timeout is not None:
            argv.append(f"--timeout={_duration(timeout)}")
        if tables is not None:
            argv += [f"--table={table}" for table in _texts("tables", tables)]
        if recipients is not None:
            given = _texts("recipients", recipients)
            argv += [f"--recipient={_fingerprint(recipient)}" for recipient in given]
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
    except OSError as error:
        raise BackupFailed(f"cannot start pgseal: {error}; set PGSEAL_BIN, or PATH") from error
    except ValueError as error:
        raise BackupFailed(f"pgseal was not started: {error}") from error

    try:
        stdout, stderr = _Drain(child.stdout, _STDOUT_LIMIT), _Drain(child.stderr, _STDERR_KEPT)
        status = child.wait()
        stderr.finished()
        ended = stdout.finished()
    except BaseException:  # KeyboardInterrupt above all
        _end(child)
        raise

    said = stderr.kept.decode("utf-8", "replace").splitlines()
    talk = "\n".join(said[-_STDERR_LINES:])
    if status != 0:
        raise BackupFailed(f"pgseal backup {_ending(status)}", status, talk)
    try:
        if not ended:
            raise ValueError("another process still holds its output open")
        envelope = check_envelope(_one_line(stdout), run_id)
    except ValueError as error:
        reason = f"pgseal backup exited with status 0, but not with one envelope: {error}"
        raise BackupFailed(reason, status, talk) from error
    # A warning must not be lost because all went well; the summary is none.
    warnings = [line for line in said if line.startswith("warning: ")]
    summary = [line for line in said if not line.startswith("warning: ")]
    if warnings:
        _log.warning("pgseal backup %s:\n%s", run_id, "\n".join(warnings))
    _log.info("%s", "\n".join([f"pgseal backup {run_id}: {envelope['artifact_ref']}", *summary]))
    return envelope


def _duration(given: Union[str, float]) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, bool) or not 0 < given < float("inf"):
        raise ValueError(f"timeout is not a number of seconds above 0: {_shown(given)}")
    return f"{max(1, round(given * 1000))}ms"


class _Drain(threading.Thread):
    """Reads a pipe to its end, so that the child never blocks on it; keeps the last bytes."""

    def __init__(self, pipe: Optional[IO[bytes]], limit: int) -> None:
        super().__init__(daemon=True)
        assert pipe is not None
        self._pipe = pipe
        self._limit = limit
        self.kept = b""
        self.overflowed = False
        self.start()

    def run(self) -> None:
        with self._pipe as pipe:
            while True:
                chunk = pipe.read(self._limit)
                if not chunk:
                    return
                self.overflowed = self.overflowed or len(self.kept) + len(chunk) > self._limit
                self.kept = (self.kept + chunk)[-self._limit :]

    def finished(self) -> bool:
        """Only a grandchild that outlives pgseal can keep a pipe open: do not wait for it long."""
        self.join(_PIPE_SECONDS)
        return not self.is_alive()


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ask, then kill; in every case the child is reaped before we go on."""
    child.terminate()
    try:
        child.wait(timeout=_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        pass
    finally:  # a second Ctrl-C ends the patience, not the duty
        child.kill()
        child.wait()


def _ending(status: int) -> str:
    return f"exited with status {status}" if status > 0 else f"was killed by signal {-status}"


def _one_line(stdout: _Drain) -> object:
    if stdout.overflowed:
        raise ValueError(f"more than {_STDOUT_LIMIT} bytes on standard output")
    lines = stdout.kept.split(b"\n")
    if len(lines) != 2 or lines[1]:
        raise ValueError("standard output is not exactly one line")
    return parse_json(lines[0])


# --- the envelope -------------------------------------------------------------------------------


def check_envelope(value: object, run_id: Optional[str] = None) -> Envelope:
    """Exactly the four fields, each well formed, or ValueError with a reason of one line."""
    if not isinstance(value, dict):
        raise ValueError("the envelope is not an object")
    missing = [field for field in FIELDS if field not in value]
    if missing:
        raise ValueError(f"the envelope lacks {', '.join(missing)}")
    if len(value) != len(FIELDS):
        extra = next(key for key in value if key not in FIELDS)
        raise ValueError(f"the envelope has a field that is not its own: {_shown(extra)}")

    size = value["size_bytes"]
    if type(size) is not int or size <= 0:  # bool is a subclass of int
        raise ValueError("size_bytes is not an integer above 0")
    return {
        "sha256": _text(value, "sha256", "[0-9a-f]{64}", "64 lower-case hex digits"),
        "size_bytes": size,
        "gpg_fpr": _text(
            value, "gpg_fpr", "[0-9A-F]{40}|[0-9A-F]{64}", "40 or 64 upper-case hex digits"
        ),
        "artifact_ref": _artifact(
            _text(value, "artifact_ref", r"/[^\0\ud800-\udfff]*", "an absolute path"), run_id
        ),
    }


def parse_json(text: bytes) -> object:
    """One JSON value and nothing else; a key that comes twice could hide the one that counts."""
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None


def _unique(pairs: List[Tuple[str, object]]) -> Dict[str, object]:
    found: Dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {_shown(key)} comes twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _text(envelope: Dict[str, object], field: str, pattern: str, wanted: str) -> str:
    value = envelope[field]
    if not isinstance(value, str):
        raise ValueError(f"{field} is not a string")
    if not value:
        raise ValueError(f"{field} is empty")
    if not re.fullmatch(pattern, value):
        raise ValueError(f"{field} is not {wanted}: {_shown(value)}")
    return value


def _artifact(path: str, run_id: Optional[str]) -> str:
    name = path.rpartition("/")[2]
    for ending in (".sql.zst.gpg", ".sql.gpg"):
        if name.endswith(ending):
            found = _require_run_id(name[: -len(ending)])
            if run_id is not None and found != run_id:
                raise ValueError(f"artifact_ref is of the run {found}, not of {run_id}")
            return path
    raise ValueError(f"artifact_ref does not end in .sql.gpg or .sql.zst.gpg: {_shown(path)}")


def _require_run_id(run_id: object) -> str:
    if (
        not isinstance(run_id, str)
        or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", run_id)
        or run_id.endswith((".gpg", ".json", ".late", ".partial", ".prelude"))
    ):
        raise ValueError(f"not a run id: {_shown(run_id)}")
    return run_id


def _shown(value: object) -> str:
    """For a message: one line, ASCII, bounded."""
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


# --- the dry run --------------------------------------------------------------------------------


def backup_sha(run_id: str, scope: Scope) -> str:
    """The digest that `pgseal backup --dry-run` prints: the same on any host and day."""
    return hashlib.sha256(canonical_plan(run_id, scope).encode("utf-8")).hexdigest()


def canonical_plan(run_id: str, scope: Scope) -> str:
    tables = _distinct("table", [spell_table(table) for table in _texts("tables", scope.tables)])
    recipients = [_fingerprint(given) for given in _texts("recipients", scope.recipients)]
    if not isinstance(scope.compression, str) or not re.fullmatch(
        "deflate|none|gpg(:[1-9])?|zstd(:([1-9]|1[0-9]))?", scope.compression
    ):
        raise ValueError(f"unknown compression: {_shown(scope.compression)}")
    plan = {
        # With its level, which pgseal writes out too.
        "compression": {"gpg": "gpg:6", "zstd": "zstd:3"}.get(scope.compression, scope.compression),
        "recipients": _distinct("recipient", recipients),
        "run_id": _require_run_id(run_id),
        # By code point, which is the byte order of UTF-8.
        "tables": sorted(tables),
    }
    return json.dumps(plan, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


_PART = r'("(?:[^"\0]|"")+"|[^".*?\x00-\x1f\x7f-\x9f]+)'


def spell_table(given: str) -> str:
    """The one spelling of a table: `schema.table`, quoted only where that is needed."""
    match = re.fullmatch(rf"{_PART}\.{_PART}", given)
    if match is None or any(part != part.strip() for part in match.groups()):
        raise ValueError(f"not a table name of the form schema.table: {_shown(given)}")
    return ".".join(_spell_part(part) for part in match.groups())


def _spell_part(part: str) -> str:
    name = part[1:-1].replace('""', '"') if part.startswith('"') else part
    if re.fullmatch("[a-z_][a-z0-9_]*", name):
        return name
    return '"' + name.replace('"', '""') + '"'


def _fingerprint(given: str) -> str:
    match = re.fullmatch("(?:0[xX])?([0-9A-Fa-f]{40}|[0-9A-Fa-f]{64})", given.replace(" ", ""))
    if match is None:
        raise ValueError(f"not a full fingerprint of 40 or 64 hex digits: {_shown(given)}")
    return match.group(1).upper()


def _texts(what: str, given: Sequence[str]) -> List[str]:
    """A lone string would be taken apart into letters, and an empty list for "as configured"."""
    values = [] if isinstance(given, str) else list(given)
    if not values or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{what} must be a list of strings that is not empty")
    return values


def _distinct(what: str, values: List[str]) -> List[str]:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise ValueError(f"the {what} {_shown(value)} is named twice")
    return values


# --- the command line ---------------------------------------------------------------------------


def main(argv: Sequence[str]) -> int:
    if list(argv) != ["accept"]:
        print("usage: backup_runner.py accept < envelope", file=sys.stderr)
        return 2
    try:
        if sys.stdin is None:
            raise ValueError("standard input is closed")
        text = sys.stdin.buffer.read(_STDOUT_LIMIT + 1)
        if len(text) > _STDOUT_LIMIT:
            raise ValueError(f"more than {_STDOUT_LIMIT} bytes on standard input")
        if not text.strip():
            raise ValueError("standard input is empty")
        check_envelope(parse_json(text))
    except (ValueError, OSError) as error:
        print(f"refused: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
