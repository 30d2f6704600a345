"""Many runs, side by side or in a row, and large ones: what stays behind, and how much memory they take.

Called by scripts/soak, with a throw-away server, key and folder of its own; prints rows of the tables
in docs/reliability.md. Exit code 1 where something is not as it must be.
"""

import ctypes
import glob
import json
import os
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
TABLES = "CREATE TABLE t AS SELECT n, md5(n::text) AS x FROM generate_series(1, 1000) n"


def psql(database, sql):
    command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", sql]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Site:
    """A store and a database."""

    def __init__(self, bin_, work):
        self.bin, self.work, self.found = bin_, work, []
        self.tmp = self.path("tmp")
        for folder in ["store", "tmp"]:
            os.mkdir(self.path(folder), mode=0o700)
        psql("postgres", "CREATE DATABASE soak TEMPLATE template0")
        self.env = dict(os.environ, PGSEAL_STORE=self.path("store"), TMPDIR=self.tmp, PGDATABASE="soak")

    def path(self, name):
        return os.path.join(self.work, name)

    def start(self, *argv):
        return subprocess.Popen(
            [self.bin, *argv], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *argv):
        child = self.start(*argv)
        out, err = child.communicate()
        if child.returncode != 0:
            self.finding(f"{' '.join(argv)} → {child.returncode}", err)
        return out.decode()

    def finding(self, what, said=b""):
        self.found.append(what)
        print(what, said.decode(), sep="\n", file=sys.stderr)

    def files(self):
        return os.listdir(self.path("store"))


def at_once(site, many, rounds=10):
    """So many backups start together, on one store: one at a time writes, the others say so."""
    psql("soak", TABLES)
    sealed = refused = 0
    for turn in range(rounds):
        # The second half of the rounds fights for one name as well.
        name = (lambda at: f"r{turn}") if turn >= rounds // 2 else (lambda at: f"r{turn}-{at}")
        runs = [site.start("backup", "--table=public.t", "--run-id", name(at), "--json") for at in range(many)]
        winners = []
        for at, child in enumerate(runs):
            out, err = child.communicate()
            code = json.loads(err.splitlines()[-1])["error"]["code"] if child.returncode else None
            if child.returncode == 0:
                winners.append(name(at))
            elif code in ("lock_held", "run_id_taken"):
                refused += 1
            else:
                site.finding(f"a run of {many}: {child.returncode}", err)
        if not winners:
            site.finding("nobody sealed")
        for winner in winners:
            site.run("verify", winner)
        sealed += len(winners)
    if len(site.files()) != 3 * sealed:
        site.finding(f"{sorted(site.files())} in the store")
    print("| rounds | runs at once | sealed, and each verifies | refused by the lock or the name | anything else |")
    print("|--:|--:|--:|--:|--:|")
    print(f"| {rounds} | {many} | {sealed} | {refused} | {len(site.found)} |")


def seen(site):
    """What a run could leave behind."""
    server = int(open(f"{os.environ['SOAK_CLUSTER']}/data/postmaster.pid", encoding="utf-8").readline())
    # All that a run starts has our folder in its environment or, as an agent, on its command line.
    ours = {path.split("/")[2] for path in glob.glob("/proc/[0-9]*/environ") if holds(path, site.work.encode())}
    ours |= {path.split("/")[2] for path in glob.glob("/proc/[0-9]*/cmdline") if holds(path, site.tmp.encode())}
    return {
        "processes": len(ours - {str(os.getpid())}),
        "entries in TMPDIR": len(os.listdir(site.tmp)),
        "sessions": int(psql("postgres", "SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL AND pid <> pg_backend_pid()")),
        "locks": int(psql("postgres", "SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()")),
        "the server's open files": len(os.listdir(f"/proc/{server}/fd")),
        "partial files": sum(name.endswith(".partial") for name in site.files()),
    }


def holds(path, word):
    try:
        with open(path, "rb") as file:
            return word in file.read()
    except OSError:
        return False


def in_a_row(site, many):
    """Backups one after the other, each verified, and now and then each other verb."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    psql("soak", TABLES)
    before = None
    for turn in range(many + 1):
        envelope = site.run("backup", "--table=public.t", "--run-id", f"r{turn}")
        site.run("verify", f"r{turn}", "--decrypt")
        if turn % 10 == 0:
            with open(site.path("envelope"), "w", encoding="utf-8") as file:
                file.write(envelope)
            psql("postgres", "CREATE DATABASE target TEMPLATE template0")
            target = f"host={os.environ['PGHOST']} port={os.environ['PGPORT']} user=postgres dbname=target"
            site.run("restore", f"r{turn}", "--dbname", target, "--envelope", site.path("envelope"))
            psql("postgres", "DROP DATABASE target")
            site.run("guard", "--table=public.t", "--run-id", f"g{turn}", "--", "true")
            site.run("prove-mechanism")
        if before is None:
            before = seen(site)
    after = seen(site)
    runs = many + 1 + many // 10 + 1
    complete = sum(name.endswith(".manifest.json") for name in site.files())
    if complete != runs:
        site.finding(f"{complete} runs in the store, of {runs}")
    print(f"| after | 1 run | {many} more |\n|---|--:|--:|")
    for name, count in before.items():
        print(f"| {name} | {count} | {after[name]} |")
        if after[name] > count:
            site.finding(f"{name}: {count}, then {after[name]}")
    print(f"| files in the store | {3 * 2} | {len(site.files())} |")


def peak(pid):
    """Kilobytes of memory that a process had at most."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            lines = [line for line in file if line.startswith("VmHWM:")]
        return int(lines[0].split()[1]) if lines else 0
    except OSError:
        return 0


def large(site, sizes):
    """One table, of rows of a megabyte that the server keeps compressed."""
    psql("soak", "CREATE TABLE seed AS SELECT repeat(md5('x'), 32768) AS x")
    print("| plain text | seconds | MB/s | peak of pgseal | peak of its children | artifact |")
    print("|--:|--:|--:|--:|--:|--:|")
    for gigabytes in sizes:
        rows = round(gigabytes * 1e9 / 2**20)
        psql("soak", "DROP TABLE IF EXISTS big; CREATE TABLE big (n int, x text)")
        psql("soak", f"INSERT INTO big SELECT n, x FROM generate_series(1, {rows}) n, seed")
        since = time.monotonic()
        child = site.start("backup", "--table=public.big", "--run-id", f"r{gigabytes}")
        ours = others = 0
        while child.poll() is None:
            ours = max(ours, peak(child.pid))
            with open(f"/proc/{child.pid}/task/{child.pid}/children", encoding="utf-8") as file:
                others = max([others, *(peak(pid) for pid in file.read().split())])
            time.sleep(0.1)
        took = time.monotonic() - since
        err = child.stderr.read()
        if child.returncode != 0:
            site.finding(f"{gigabytes} GB: {child.returncode}", err)
            return
        manifest = json.load(open(site.path(f"store/r{gigabytes}.manifest.json"), encoding="utf-8"))
        size = manifest["plaintext"]["size_bytes"]
        if manifest["tables"][0]["rows"] != rows:
            site.finding(f"{gigabytes} GB: other rows")
        print(
            f"| {size / 1e9:.1f} GB | {took:.0f} | {size / 1e6 / took:.0f} | {ours / 1024:.1f} MiB"
            f" | {others / 1024:.1f} MiB | {manifest['envelope']['size_bytes'] / 1e6:.0f} MB |",
            flush=True,
        )


def main():
    what, number, bin_, work = sys.argv[1:5]
    site = Site(bin_, work)
    if what == "at-once":
        at_once(site, int(number))
    elif what == "in-a-row":
        in_a_row(site, int(number))
    else:
        large(site, [float(size) for size in number.split(",")])
    sys.exit(1 if site.found else 0)


main()
