"""Ends pgseal at random moments, again and again, and looks at what is left each time.

Called by scripts/soak, with a throw-away server, key and folder of its own; prints rows of the table
in docs/reliability.md. Exit code 1 where one look found what must not be.
"""

import ctypes
import glob
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
SIGNALS = {"SIGKILL": 9, "SIGTERM": 15, "SIGINT": 2, "SIGHUP": 1}
# How often each is sent: only SIGKILL cannot be answered.
WEIGHTS = [4, 2, 2, 2]
TABLES = ["--table=shop.orders", "--table=shop.line"]
SHOP = """
CREATE SCHEMA shop;
CREATE TYPE shop.state AS ENUM ('open', 'paid');
CREATE FUNCTION shop.first() RETURNS shop.state LANGUAGE sql IMMUTABLE RETURN 'open'::shop.state;
CREATE TABLE shop.orders (id int PRIMARY KEY, state shop.state DEFAULT shop.first(), note text);
CREATE TABLE shop.line (id int PRIMARY KEY, orders int REFERENCES shop.orders, amount numeric);
INSERT INTO shop.orders (id, note) SELECT n, md5(n::text) FROM generate_series(1, 400) n;
INSERT INTO shop.line SELECT n, n % 400 + 1, n / 7.0 FROM generate_series(1, 1200) n;
"""
DIGEST = """
SELECT (SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM shop.orders o)
    || (SELECT md5(string_agg(l::text, ',' ORDER BY id)) FROM shop.line l)
"""
OBJECTS = """
SELECT (SELECT count(*) FROM pg_class WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_type WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_proc WHERE oid >= 16384)
     + (SELECT count(*) FROM pg_namespace WHERE oid >= 16384)
"""
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'"


def psql(database, sql):
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def eventually(holds, seconds):
    """How long it took, or None."""
    since = time.monotonic()
    while not holds():
        if time.monotonic() - since > seconds:
            return None
        time.sleep(0.005)
    return time.monotonic() - since


def descendants():
    """Whether a process lives that pgseal left behind: we are who inherits it."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                return True
        except ChildProcessError:
            return False


class Ended:
    """One run: how it ended, what it said, and whether our signal met it alive."""

    def __init__(self, code, out, err, struck, took):
        self.code, self.out, self.err, self.struck, self.took = code, out, err, struck, took


class Worker:
    """Folders, a store and a database of its own."""

    def __init__(self, name, bin_, work):
        self.name, self.bin = name, bin_
        self.dir = os.path.join(work, name)
        for folder in ["store", "sealed", "pruned", "tmp", "home"]:
            os.makedirs(os.path.join(self.dir, folder), mode=0o700)
        self.store, self.tmp = self.path("store"), self.path("tmp")
        self.pruned = ["--store", self.path("pruned")]
        self.target = f"{name}_target"
        psql("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
        psql(name, SHOP)
        self.digest = psql(name, DIGEST)
        self.env = dict(os.environ, TMPDIR=self.tmp, HOME=self.path("home"))
        self.env.update(PGSEAL_STORE=self.store, PGDATABASE=name)
        self.random = random.Random()
        self.runs, self.waited, self.duration = 0, 0.0, 1.0
        # Partial files, and files of runs, that a SIGKILL left and nobody has swept yet.
        self.partial = set()
        self.found = []
        self.rows = {}
        self.row = {}

    def path(self, name):
        return os.path.join(self.dir, name)

    def tell(self):
        """How far we are, and at the end the result."""
        with open(self.dir + ".json", "w", encoding="utf-8") as file:
            json.dump({"rows": self.rows, "found": self.found}, file)

    def finding(self, run, what):
        self.found.append(f"{self.name}: {what}: {' '.join(run.argv)} → {run.code}\n{run.out}{run.err}")

    def run(self, argv, moment=None, number=None, ):
        with open(self.path("out"), "w+b") as out, open(self.path("err"), "w+b") as err:
            since = time.monotonic()
            child = subprocess.Popen(
                [self.bin, *argv], env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            struck = False
            if moment is not None:
                time.sleep(moment)
                struck = child.poll() is None
                if struck:
                    os.kill(child.pid, number)
            try:
                code = child.wait(timeout=60)
            except subprocess.TimeoutExpired:
                child.kill()
                code = child.wait()
                self.found.append(f"{self.name}: it hangs: {argv}")
            took = time.monotonic() - since
            out.seek(0)
            err.seek(0)
            ended = Ended(code, out.read().decode(), err.read().decode(), struck, took)
            ended.argv = argv
            return ended

    def measure(self, make):
        """A run that nobody ends: how long one takes at the moment."""
        argv = make()
        ended = self.run(argv)
        self.duration = ended.took
        return ended

    def kills(self, verb, many):
        """Ends `verb` as often, and looks at what is left each time."""
        make, look, whole = self.verbs[verb]
        row = self.row = self.rows.setdefault(
            verb, dict.fromkeys([*SIGNALS, "kills", "over", "partial", "swept", "orphans", "complete", "asked", "killed"], 0)
        )
        tries = 0
        while row["kills"] < many:
            # One in thirty goes through: it sweeps, and says how long a run takes now.
            if tries % 30 == 0:
                ended = self.measure(make)
                look(self, ended, None)
                whole(self, ended)
            tries += 1
            name = self.random.choices(list(SIGNALS), WEIGHTS)[0]
            moment = self.random.uniform(0, 1.05 * self.duration)
            ended = self.run(make(), moment, SIGNALS[name])
            number = SIGNALS[name] if ended.struck else None
            if ended.struck:
                row["kills"] += 1
                row[name] += 1
            else:
                row["over"] += 1
            # Who catches a signal ends its children; whoever is killed leaves them to end.
            waited = eventually(lambda: not descendants(), 10 if ended.code != -9 else 60)
            if waited is None:
                self.finding(ended, "a child is left")
            slowest = "killed" if ended.code == -9 else "asked"
            row[slowest] = max(row[slowest], waited or 60)
            if ended.code != -9 and verb != "prove-mechanism" and os.listdir(self.tmp):
                self.finding(ended, f"left in TMPDIR: {os.listdir(self.tmp)}")
            look(self, ended, number)
            if tries % 25 == 0:
                sessions = SESSIONS.format(self.name)
                if eventually(lambda: psql("postgres", sessions) == "0", 10) is None:
                    self.finding(ended, "a session is left on the server")
                self.tell()
            if len(self.found) > 20:
                break
        ended = self.measure(make)
        look(self, ended, None)
        whole(self, ended)

    # ---- backup and guard

    def backup(self):
        self.runs += 1
        return ["backup", *TABLES, "--run-id", f"r{self.runs}"]

    def guard(self):
        self.runs += 1
        return ["guard", *TABLES, "--run-id", f"r{self.runs}", "--", "touch", self.path("ran")]

    def allowed(self, ended, number):
        """Whether the status is a documented one for a run that was met by this signal."""
        codes = {0}
        if number:
            codes.add(-number)
        if number and number != 9:
            codes.add(125 if ended.argv[0] == "guard" else 128 + number)
        return ended.code in codes

    def look_at_store(self, ended, number):
        run_id = f"r{self.runs}"
        if not self.allowed(ended, number):
            self.finding(ended, "an exit code that is not documented")
        names = {name for name in os.listdir(self.store) if not name.startswith("kept.")}
        partial = {name for name in names if name.endswith(".partial")}
        new = partial - self.partial
        final = names - partial
        if any(not name.startswith(run_id + ".") for name in final | new):
            self.finding(ended, f"somebody else's files: {sorted(final | new)}")
        if new and ended.code != -9:
            self.finding(ended, f"partial files without SIGKILL: {sorted(new)}")
        self.row["partial"] += len(new)
        self.row["swept"] += len(self.partial - partial)
        self.partial = partial
        if ended.code == 0 and partial:
            self.finding(ended, f"not swept: {sorted(partial)}")

        manifest = f"{run_id}.manifest.json"
        ran = os.path.exists(self.path("ran"))
        kept = ended.code in (0, -9) or ended.argv[0] == "guard"
        if final and not kept:
            self.finding(ended, f"files of a run that says it failed: {sorted(final)}")
        if manifest in final:
            verified = self.run(["verify", run_id])
            if verified.code != 0:
                self.finding(verified, "a manifest that does not verify")
            if number:
                self.row["complete"] += 1
        elif final:
            self.row["orphans"] += 1
            if ended.code != -9:
                self.finding(ended, f"no manifest, and no SIGKILL: {sorted(final)}")
            self.orphans_are_whole(ended, final)
        if ended.argv[0] == "backup" and (ended.code == 0) != bool(ended.out) and ended.code != -9:
            self.finding(ended, "an envelope without a success, or the other way round")
        if (ended.out or ran or ended.code == 0) and manifest not in final:
            self.finding(ended, "a false backup")
        if ended.out:
            envelope = json.loads(ended.out)
            with open(os.path.join(self.store, manifest), encoding="utf-8") as file:
                if json.load(file)["envelope"] != envelope:
                    self.finding(ended, "an envelope that is not the manifest's")
        for name in final:
            os.remove(os.path.join(self.store, name))
        if ran:
            os.remove(self.path("ran"))
        if self.look_at_kept() != self.kept:
            self.finding(ended, "another run's files were changed")

    def orphans_are_whole(self, ended, names):
        for name in names:
            gpg = ["gpg", "--batch", "--quiet", "--decrypt", os.path.join(self.store, name)]
            plain = subprocess.run(gpg, capture_output=True, check=False)
            end = b"-- pgseal prelude complete" if ".prelude." in name else b"database dump complete"
            if plain.returncode != 0 or end not in plain.stdout:
                self.finding(ended, f"under its final name and not whole: {name}")

    def look_at_kept(self):
        files = sorted(glob.glob(os.path.join(self.store, "kept.*")))
        return [(path, stat.st_size, stat.st_ino, stat.st_mtime_ns) for path in files for stat in [os.stat(path)]]

    def went_through(self, ended):
        if ended.code != 0:
            self.finding(ended, "nobody ended it")

    # ---- restore

    def restore(self):
        connection = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user=postgres dbname={self.target}"
        return ["restore", "one", "--store", self.path("sealed"), "--dbname", connection, "--envelope", self.path("envelope")]

    def fresh_target(self):
        psql("postgres", f"DROP DATABASE IF EXISTS {self.target} WITH (FORCE)")
        psql("postgres", f"CREATE DATABASE {self.target} TEMPLATE template0")

    def look_at_target(self, ended, number):
        if not self.allowed(ended, number):
            self.finding(ended, "an exit code that is not documented")
        # One question, since another session of ours would be seen by the next.
        alone = f"SELECT ({SESSIONS.format(self.target)} AND pid <> pg_backend_pid()), ({OBJECTS})"
        seen = []
        if eventually(lambda: seen.append(psql(self.target, alone)) or seen[-1].startswith("0|"), 10) is None:
            self.finding(ended, "a session is left on the server")
        nothing = seen[-1].endswith("|0")
        said = {"rolled back": nothing, "was committed": not nothing}
        for words, holds in said.items():
            if words in ended.err and not holds:
                self.finding(ended, "it says of the target what is not so")
        if nothing:
            if ended.code == 0:
                self.finding(ended, "a false restore")
            return
        if psql(self.target, DIGEST) != self.digest:
            self.finding(ended, "other rows")
        if ended.code not in (0, -9) and "was committed" not in ended.err:
            self.finding(ended, "it was committed, and says nothing of it")
        if number:
            self.row["complete"] += 1
        self.fresh_target()

    # ---- prune

    def prune(self):
        shutil.rmtree(self.path("pruned"))
        shutil.copytree(self.path("sealed"), self.path("pruned"))
        return ["prune", "--keep-last", "1", "--apply", *self.pruned]

    def look_at_runs(self, ended, number):
        if not self.allowed(ended, number):
            self.finding(ended, "an exit code that is not documented")
        listing = self.run(["list", "--json", *self.pruned])
        runs = {run["run_id"]: run["state"] for run in json.loads(listing.out)["runs"]}
        orphans = [run for run, state in runs.items() if state == "orphan"]
        self.row["orphans"] += len(orphans)
        if any(state not in ("complete", "orphan") for state in runs.values()):
            self.finding(listing, "a run that is neither whole nor gone")
        if len(orphans) > (1 if ended.code == -9 else 0):
            self.finding(listing, "half a run")
        for run in {self.random.choice(sorted(runs)), self.newest}:
            if run not in orphans and self.run(["verify", run, *self.pruned]).code != 0:
                self.finding(listing, f"{run} does not verify")
        if ended.code == 0 and list(runs) != [self.newest]:
            self.finding(listing, "not the newest alone")
        if number and list(runs) == [self.newest]:
            self.row["complete"] += 1

    # ---- prove-mechanism

    def mechanism(self):
        return ["prove-mechanism"]

    def look_at_homes(self, ended, number):
        if not self.allowed(ended, number):
            self.finding(ended, "an exit code that is not documented")
        left = set(os.listdir(self.tmp))
        new = left - self.partial
        if new and ended.code != -9:
            self.finding(ended, f"left in TMPDIR: {sorted(new)}")
        self.row["partial"] += len(new)
        self.row["swept"] += len(self.partial - left)
        self.partial = left
        if ended.code == 0 and number:
            self.row["complete"] += 1

    def homes_are_swept(self, ended):
        """One is swept when it is a minute old."""
        self.went_through(ended)
        for name in os.listdir(self.tmp):
            past = time.time() - 120
            os.utime(os.path.join(self.tmp, name), (past, past))
        ended = self.run(self.mechanism())
        self.look_at_homes(ended, None)
        if ended.code != 0 or self.partial:
            self.finding(ended, f"not swept: {sorted(self.partial)}")



def work_through(name, bin_, work, share):
    """All verbs, one after the other; the result as JSON."""
    for number in SIGNALS.values():
        if number != 9:
            # What we were started with may be "ignore", which a child inherits.
            signal.signal(number, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    worker = Worker(name, bin_, work)
    worker.verbs = {
        "backup": (worker.backup, Worker.look_at_store, Worker.went_through),
        "guard": (worker.guard, Worker.look_at_store, Worker.went_through),
        "restore": (worker.restore, Worker.look_at_target, Worker.went_through),
        "prove-mechanism": (worker.mechanism, Worker.look_at_homes, Worker.homes_are_swept),
        "prune": (worker.prune, Worker.look_at_runs, Worker.went_through),
    }
    worker.run(["backup", *TABLES, "--run-id", "kept"])
    worker.kept = worker.look_at_kept()
    for run_id in ["one", "two", "three", "four", "five"]:
        sealed = worker.run(["backup", *TABLES, "--run-id", run_id, "--store", worker.path("sealed")])
        if run_id == "one":
            with open(worker.path("envelope"), "w", encoding="utf-8") as file:
                file.write(sealed.out)
    worker.newest = "five"
    worker.fresh_target()
    for verb, many in share.items():
        worker.partial = set()
        worker.kills(verb, many)
        worker.tell()


def main():
    many, workers, bin_, work = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    few = max(many // 50, 1)
    shares = {"guard": few, "restore": few, "prune": few, "prove-mechanism": few}
    shares["backup"] = max(many - sum(shares.values()), 1)
    since = time.monotonic()
    names = [f"w{at}" for at in range(workers)]
    children = []
    for name in names:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work_through(name, bin_, work, {verb: -(-n // workers) for verb, n in shares.items()})
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    failed = sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0 for child in children)
    took = time.monotonic() - since

    results = []
    for name in names:
        path = os.path.join(work, f"{name}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                results.append(json.load(file))
    found = [finding for result in results for finding in result["found"]]
    print("| verb | ended | SIGKILL | SIGTERM | SIGINT | SIGHUP | leftovers | swept | orphans | complete | last child gone |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    total = 0
    for verb in shares:
        rows = [result["rows"].get(verb, {}) for result in results]
        count = lambda key: sum(row.get(key, 0) for row in rows)
        total += count("kills")
        cells = [count(key) for key in ["kills", *SIGNALS, "partial", "swept", "orphans", "complete"]]
        asked, killed = (max((row.get(key, 0) for row in rows), default=0) for key in ["asked", "killed"])
        print(f"| `{verb}` | {' | '.join(f'{cell:,}' for cell in cells)} | {asked:.1f} s, {killed:.1f} s |")
    print(f"\n{total:,} ended in {took / 60:.0f} minutes by {workers} at once: {len(found)} findings")
    for finding in found:
        print(finding, file=sys.stderr)
    sys.exit(1 if found or failed else 0)


main()
