"""The cells of scripts/matrix: one server, one client and one gpg each, through every verb.

Called by scripts/matrix with a folder of servers and clients, in mounts of its own. Prints a line a cell, and
writes the table of docs/compatibility.md. Exit code 1 where a cell came out in a way that nobody explained.
"""

import concurrent.futures
import glob
import json
import os
import pwd
import re
import subprocess
import sys
import threading

DOCS = "docs/compatibility.md"
BEGIN, END = "<!-- scripts/matrix: begin -->\n", "<!-- scripts/matrix: end -->\n"

# How a cell may come out, but for "all": what was said, by the step that said it, and what it means.
KNOWN = [
    (
        "backup",
        r"pg_dump \S+ \(`\S+`\) is older than the server",
        "`backup` is refused (exit 3): pg_dump is older than the server, and would refuse too. "
        "`readiness` says BLOCKED",
    ),
    (
        "restore",
        r"the target is PostgreSQL \S+, older than the pg_dump \S+ that wrote the dump",
        "`restore` into that server is refused (exit 3), for it is older than the pg_dump that wrote the dump; "
        "`backup` and `readiness` say so before. With `--older-target` all of it comes back",
    ),
    (
        "restore",
        r"has no \\restrict",
        "`restore`, `prove-restore`, `diff` and `undo` are refused (exit 3): this psql has no `\\restrict`. "
        "`backup` and `readiness` warn of it, and every other psql restores the backup",
    ),
]


class Failed(Exception):
    """A step that did not come out as it must."""


class Ran:
    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    def why(self):
        said = [line for line in self.err.splitlines() if line.startswith("error: ")]
        return (said or self.err.splitlines() or [f"exit {self.code}"])[-1].removeprefix("error: ")


def run(argv, env=None, **more):
    done = subprocess.run(argv, env=env, capture_output=True, text=True, **more)
    return Ran(done.returncode, done.stdout, done.stderr)


def must(argv, env=None, **more):
    ran = run(argv, env, **more)
    if ran.code != 0:
        raise Failed(f"{' '.join(argv)}: exit {ran.code}\n{ran.err}")
    return ran.out


def version(program):
    return must([program, "--version"]).split("(PostgreSQL) ")[1].split()[0]


class Server:
    """A server of one version, which listens on a socket alone."""

    def __init__(self, work, major):
        self.major, self.bin = major, f"{work}/server-{major}/bin"
        self.version = version(f"{self.bin}/postgres")
        self.folder = f"{work}/s{major}"
        user = next(user for user in ["postgres", "nobody"] if known(user))
        self.down = ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]
        # It ends with us.
        self.down.append("--pdeathsig=INT")
        os.mkdir(self.folder, mode=0o755)
        os.chown(self.folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        self.tools = f"{work}/client-{max(majors(work))}"
        init = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        must([*self.down, f"{self.bin}/initdb", f"--pgdata={self.folder}/data", *init], cwd="/")
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off"]
        settings = [word for setting in settings for word in ["-c", setting]]
        self.child = subprocess.Popen(
            [*self.down, f"{self.bin}/postgres", "-D", f"{self.folder}/data", *settings],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=open(f"{self.folder}/log", "w"),
        )
        waiting = [*self.psql("postgres"), "-c", "SELECT 1"]
        for _ in range(300):
            if run(waiting).code == 0:
                break
            threading.Event().wait(0.1)
        must(waiting)
        must([*self.psql("postgres"), "-c", "CREATE DATABASE base"])
        for file in self.files(""):
            must([*self.psql("base"), "-f", file])

    def psql(self, database):
        """The newest there is: what looks from outside is the same everywhere."""
        to = f"host={self.folder} user=postgres dbname={database}"
        return [f"{self.tools}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", to]

    def sql(self, database, sql):
        return must([*self.psql(database), "-c", sql]).strip()

    def files(self, what):
        return [f"fixtures/matrix/{major}{what}.sql" for major in range(13, self.major + 1)]

    def content(self, database):
        """A hash of the rows of each table."""
        tables = self.sql(
            database,
            "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'r' AND relnamespace = 'm'::regnamespace ORDER BY 1",
        )
        rows = "coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '')"
        each = [f"SELECT '{table}', count(*), {rows} FROM ONLY {table} t" for table in tables.split()]
        return self.sql(database, " UNION ALL ".join(each))

    def structure(self, database):
        dump = [f"{self.tools}/pg_dump", "--schema-only", "--schema=m", "--restrict-key=matrix"]
        return must([*dump, "-d", f"host={self.folder} user=postgres dbname={database}"])

    def scope(self):
        tables = self.sql(
            "base",
            "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'm'::regnamespace "
            "AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) ORDER BY 1",
        )
        return [f"--table={table}" for table in tables.split()]

    def stop(self):
        self.child.terminate()
        self.child.wait()


def known(user):
    return user in {entry.pw_name for entry in pwd.getpwall()}


def majors(work):
    return [int(folder.rsplit("-", 1)[1]) for folder in glob.glob(f"{work}/server-*")]


class Client:
    def __init__(self, work, name):
        self.name, self.bin = name, f"{work}/client-{name}"
        self.major = int(name.split("-")[0])
        self.version = version(f"{self.bin}/psql")
        # Beside it, what a proof makes its cluster with.
        self.server = f"{work}/server-{self.major}/bin" if name.isdigit() else f"{work}/pgserver/pgserver/pginstall/bin"


class Gpg:
    """One line of GnuPG, and a keyring of its own with a key."""

    def __init__(self, work, name, path):
        self.path, self.home = path, f"{work}/k{name}"
        os.mkdir(self.home, mode=0o700)
        self.env = {"PATH": f"{path}:/usr/bin:/bin", "GNUPGHOME": self.home, "HOME": self.home}
        block = (
            "%no-protection\nKey-Type: eddsa\nKey-Curve: ed25519\nKey-Usage: sign\nSubkey-Type: ecdh\n"
            "Subkey-Curve: cv25519\nSubkey-Usage: encrypt\nName-Real: throw-away\nExpire-Date: 1y\n%commit\n"
        )
        said = must(["gpg", "--batch", "--status-fd", "1", "--gen-key"], self.env, input=block)
        self.fingerprint = re.search(r"KEY_CREATED \S+ (\S+)", said).group(1)
        self.version = must(["gpg", "--version"], self.env).split()[2]

    def stop(self):
        run(["gpgconf", "--kill", "all"], self.env)


class Cell:
    """One server, one client, one gpg; its notes are what came out otherwise than "all"."""

    number = 0
    lock = threading.Lock()

    def __init__(self, pgseal, work, server, client, gpg):
        with Cell.lock:
            Cell.number += 1
            self.name = f"c{Cell.number}"
        self.server, self.client = server, client
        self.folder, self.notes = f"{work}/{self.name}", []
        self.pgseal, self.shop, self.side = pgseal, f"{self.name}_shop", f"{self.name}_side"
        self.envelope = f"{self.folder}/envelope.json"
        for folder in ["", "/store", "/home"]:
            os.mkdir(self.folder + folder, mode=0o700)
        self.path = f"{client.bin}:{gpg.path}:%s:/usr/bin:/bin"
        self.env = gpg.env | {
            "HOME": f"{self.folder}/home",
            "PGSEAL_STORE": f"{self.folder}/store",
            "BACKUP_GPG_FPR": gpg.fingerprint,
        }

    def verb(self, verb, *argv, server=None):
        env = self.env | {"PATH": self.path % (server or self.client.server)}
        return run([self.pgseal, verb, *argv], env)

    def source(self):
        return f"--dbname=host={self.server.folder} user=postgres dbname={self.shop}"

    def ok(self, ran, what, code=0):
        if ran.code != code:
            raise Failed(f"{what}: exit {ran.code}, not {code}\n{ran.out}{ran.err}")
        return ran

    def refused(self, step, ran):
        """A note, where this is how it may come out."""
        for at, (known_step, words, _) in enumerate(KNOWN):
            if step == known_step and ran.code == 3 and re.search(words, ran.why()):
                self.notes.append(at)
                return at
        raise Failed(f"{step}: exit {ran.code}\n{ran.out}{ran.err}")

    def through(self):
        server = self.server
        server.sql("postgres", f"CREATE DATABASE {self.shop} TEMPLATE base")
        try:
            self.verbs(server.scope())
        finally:
            server.sql("postgres", f"DROP DATABASE IF EXISTS {self.shop}")
            server.sql("postgres", f"DROP DATABASE IF EXISTS {self.side}")

    def verbs(self, scope):
        server, client = self.server, self.client
        sealed = server.content(self.shop)
        ready = self.verb("readiness", self.source(), *scope, "--json")
        verdict = json.loads(ready.out)
        closure = next(row["state"] for row in verdict["rows"] if row["component"] == "restore_closure")
        backup = self.verb("backup", self.source(), *scope, "--run-id=r")
        if backup.code != 0:
            self.refused("backup", backup)
            return self.says(verdict["verdict"]["f4_status"] == "BLOCKED", "readiness", ready)
        newer = client.major > server.major
        self.says(ready.code == 0 and verdict["verdict"]["f4_status"] == "READY", "readiness", ready)
        self.says(closure == ("FAILED" if newer else "READY"), "readiness of the closure", ready)
        self.says(newer == ("option --older-target" in backup.err), "warning of backup", backup)
        with open(self.envelope, "w") as file:
            file.write(backup.out)
        proof = f"--envelope={self.envelope}"
        self.ok(self.verb("verify", "r", "--decrypt", proof), "verify")
        server.sql("postgres", f"CREATE DATABASE {self.side} TEMPLATE template0")
        to = f"--dbname=host={server.folder} user=postgres dbname={self.side}"
        restore = self.verb("restore", "r", proof, to)
        options = []
        if restore.code != 0 and self.refused("restore", restore) == 2:
            warned = "has no \\restrict"
            self.says(warned in backup.err and warned in ready.out.replace("\\\\", "\\"), "warning", backup)
            for verb in [["prove-restore"], ["diff", self.source()], ["undo", self.source()]]:
                evidence = [] if verb[0] == "diff" else [proof]
                ran = self.ok(self.verb(*verb, "r", *evidence), verb[0], 3)
                self.says(warned in ran.why(), verb[0], ran)
            return None
        if restore.code != 0:
            options = ["--older-target"]
            self.ok(self.verb("restore", "r", proof, to, *options), "restore --older-target")
            self.ok(self.verb("prove-restore", "r", proof, *options, server=server.bin), "prove-restore --older-target")
        self.same(sealed, server.content(self.side), "rows of the restored tables")
        self.same(server.structure(self.shop), server.structure(self.side), "definitions of the restored tables")
        self.ok(self.verb("prove-restore", "r", proof), "prove-restore")

        self.ok(self.verb("diff", "r", self.source()), "diff before the write")
        for file in server.files("-write"):
            must([*server.psql(self.shop), "-1", "-f", file])
        written = server.content(self.shop)
        self.ok(self.verb("diff", "r", self.source()), "diff behind the write", 1)
        plan = self.ok(self.verb("undo", "r", self.source(), proof, "--triggers=off"), "undo, the plan")
        reviewed = "--plan-sha=" + re.search(r"^plan_sha: (\S+)", plan.out, re.M).group(1)
        self.same(written, server.content(self.shop), "rows behind the plan of undo")
        self.ok(self.verb("undo", "r", self.source(), proof, "--triggers=off", "--apply", reviewed), "undo --apply")
        self.same(sealed, server.content(self.shop), "rows behind undo")
        self.ok(self.verb("diff", "r", self.source()), "diff behind undo")
        return None

    def says(self, holds, what, ran):
        if not holds:
            raise Failed(f"{what}: not as it must be\n{ran.out}{ran.err}")

    def same(self, one, other, what):
        if one != other:
            lines = [f"  {line}" for line in set(one.splitlines()) ^ set(other.splitlines())]
            raise Failed("\n".join([f"{what} differ:", *sorted(lines)]))


def mounts(work):
    folder = "/usr/lib/postgresql"
    if os.path.isdir(folder):
        must(["mount", "-t", "tmpfs", "tmpfs", folder])
    root = f"{work}/debian-13"
    for folder in ["/tmp", "/dev", "/proc", "/run"] if os.path.isdir(root) else []:
        must(["mount", "--rbind", folder, root + folder])


def row(work, major, clients, gpgs, pgseal, unexplained):
    """The cells of one server, by client and gpg."""
    server, cells = Server(work, major), {}
    try:
        for gpg, client in [(gpg, client) for gpg in gpgs for client in clients]:
            # What gpg does has nothing to do with the versions of both others: one client a server.
            if gpg is not gpgs[0] and client.name != str(major):
                continue
            cell = Cell(pgseal, work, server, client, gpg)
            try:
                cell.through()
                how = "all" if not cell.notes else f"notes {cell.notes}"
            except Failed as failed:
                how = "UNEXPLAINED"
                unexplained.append(f"server {server.version}, client {client.version}, gpg {gpg.version}: {failed}")
                print("\nUNEXPLAINED", unexplained[-1], file=sys.stderr, flush=True)
            cells[client.version, gpg.version] = None if how == "UNEXPLAINED" else cell.notes
            print(f"server {server.version}, client {client.version}, gpg {gpg.version}: {how}", flush=True)
    finally:
        server.stop()
    return server.version, cells


def table(rows, clients, gpgs):
    """Markdown: a row a server, a column a client; then the notes, and GnuPG."""
    def shown(notes):
        if notes is None:
            return "**unexplained**"
        marks = " ".join(f"[{at + 1}]" for at in notes)
        return "all" if not notes else f"refused {marks}" if 0 in notes or 2 in notes else f"all {marks}"

    first, *others = gpgs
    head = " | ".join(client.version for client in clients)
    lines = [f"| server ↓, pg_dump and psql → | {head} |", "|---" * (len(clients) + 1) + "|"]
    for server, cells in rows:
        each = [shown(cells[client.version, first.version]) for client in clients]
        lines.append(f"| {server} | {' | '.join(each)} |")
    lines += ["", "all: `readiness`, `backup`, `verify --decrypt`, `restore` into a second database, `prove-restore`, "
              "`diff`, `undo`, each as it must be.", ""]
    lines += [f"[{at + 1}] {what}.  " for at, (_, _, what) in enumerate(KNOWN)]
    lines += ["", f"GnuPG {first.version} throughout.", ""]
    for gpg in others:
        done = [(server, notes) for server, cells in rows for (_, line), notes in cells.items() if line == gpg.version]
        each = ", ".join(f"{server}: {shown(notes)}" for server, notes in done)
        lines.append(f"With GnuPG {gpg.version}, each server with a client of its own version: {each}.")
    return "\n".join(lines) + "\n"


def main(pgseal, work, small):
    mounts(work)
    names = sorted((folder.rsplit("client-", 1)[1] for folder in glob.glob(f"{work}/client-*")), key=lambda n: (n + "~"))
    clients = [Client(work, name) for name in names]
    clients.sort(key=lambda client: [int(part) for part in client.version.split(".")])
    gpgs = [Gpg(work, "1", "/usr/bin")]
    if os.path.isdir(f"{work}/gpg-2.4"):
        gpgs.append(Gpg(work, "2", f"{work}/gpg-2.4"))
    servers = [min(majors(work)), max(majors(work))] if small else sorted(majors(work))
    unexplained = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(row, work, major, clients, gpgs, pgseal, unexplained) for major in servers]
        rows = [task.result() for task in tasks]
    for gpg in gpgs:
        gpg.stop()
    text = table(rows, clients, gpgs)
    if small or unexplained:
        print(text)
    else:
        with open(DOCS) as file:
            page = file.read()
        before, after = page.split(BEGIN)[0], page.split(END)[1]
        with open(DOCS, "w") as file:
            file.write(before + BEGIN + text + END + after)
    count = sum(len(cells) for _, cells in rows)
    print(f"{count - len(unexplained)} passed, {len(unexplained)} failed")
    return 1 if unexplained else 0


if __name__ == "__main__":
    pgseal_, work_, *more_ = sys.argv[1:]
    sys.exit(main(pgseal_, work_, "--small" in more_))
