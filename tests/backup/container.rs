//! Client tools in a container: the argv that goes to each engine, what goes in with it, and who is
//! blamed. The engines here are scripts that run the tools outside; `tests/containers.rs` has a real one.

use crate::support::{Test, bin, cluster, each, eventually, keys, processes};
use rustix::process::Signal;
use serde_json::Value;

/// Runs the tool with nothing in its environment but what was passed on, as docker does.
const DOCKER: &str = r#"[ "$1" = exec ] || exit 125; shift; inside=()
while [[ $1 = -* ]]; do case $1 in
    -i|--user=*) ;;
    --env=*=*) exit 125 ;;
    --env=*) name=${1#--env=}; inside+=("$name=${!name}") ;;
    *) exit 125 ;;
esac; shift; done
[ "$1" = pg ] || [ "$1" = db ] || { echo "Error response from daemon: No such container: $1" >&2; exit 1; }; shift
exec env -i PATH="$bin:/usr/bin:/bin" HOME=/nonexistent "${inside[@]}" "$@""#;

/// Knows no environment.
const KUBECTL: &str = r#"[ "$1 $2 $3 $4 $5" = "exec -i --namespace=prod db-0 --container=pg" ] || exit 1; shift 5
[ "$1" = -- ] || exit 1; shift
exec env -i PATH="$bin:/usr/bin:/bin" HOME=/nonexistent "$@""#;

/// Puts both engines on PATH.
pub fn engines(test: &Test) {
    let bin = format!("bin={}\n", bin().display());
    test.script("docker", &format!("{bin}{DOCKER}"));
    test.script("kubectl", &format!("{bin}{KUBECTL}"));
}

fn with_engines() -> Test {
    let mut test = Test::of("CREATE TABLE t AS SELECT generate_series(1, 1000) AS a");
    engines(&test);
    // On PATH before the engines, so that only the container's can have answered.
    for tool in ["pg_dump", "psql"] {
        test.script(tool, "exit 99");
    }
    test.env.remove("PGPASSWORD");
    test
}

fn config(test: &Test, lines: &str) -> String {
    let file = test.write("container.toml", &format!("[postgres]\n{lines}\n"));
    format!("--config={}", file.display())
}

#[test]
fn a_backup_and_a_restore_through_each_engine() {
    let mut test = with_engines();
    // Not libpq's, whatever its name.
    test.set("PGADMIN_DEFAULT_PASSWORD", "hunter2-of-another");
    let kubernetes = "container = \"prod/db-0/pg\"\ncontainer_engine = \"kubectl\"";
    let by_config = config(&test, kubernetes);
    each(
        [
            ("docker", "--container=pg", "pg"),
            ("kubectl", by_config.as_str(), "prod/db-0/pg"),
        ],
        |(engine, option, name)| {
            let ran = test.backup(&["public.t"]).arg(option).run();
            let sealed = test.sealed(&ran);
            ran.says(&["1,000 rows", &format!("in the container `{name}`")]);
            let argv = sealed.manifest["tools"]["pg_dump"]["argv"]
                .as_array()
                .unwrap();
            let words: Vec<&str> = argv.iter().map(|word| word.as_str().unwrap()).collect();
            assert!(
                words[0].ends_with(engine) && words.contains(&"-i"),
                "{words:?}"
            );
            assert!(!words.contains(&"-t"), "{words:?}");
            assert_eq!(words.contains(&"--env=PGOPTIONS"), engine == "docker");
            // Settings of ours, and what the host alone can use, stay out of it.
            let all = words.join(" ");
            each(["PGSEAL_", "PGADMIN", "PATH=", "HOME="], |stays| {
                assert!(!all.contains(stays), "{all}")
            });

            let target = cluster().create("template0", "");
            let dbname = cluster().conninfo(&target, "postgres");
            let restore =
                test.pgseal("restore")
                    .args([&sealed.run_id, "--origin-unproved", option]);
            let restore = restore.env("GNUPGHOME", &keys().secret.path);
            let ran = restore.arg(format!("--dbname={dbname}")).run().exits(0);
            ran.check(ran.stdout.contains("RESTORE: PASS"), "it came back");
            assert_eq!(
                cluster().sql(&target, "SELECT count(*) FROM t").trim(),
                "1000"
            );
        },
    );
}

#[test]
fn a_password_goes_in_by_name_or_not_at_all() {
    let mut test = with_engines();
    test.set("PGPASSWORD", "hunter2-of-a-container");
    // No argv of the run holds it: the end of every test looks.
    test.sealed(&test.backup(&["public.t"]).arg("--container=pg").run());
    let kubernetes = config(
        &test,
        "container = \"prod/db-0\"\ncontainer_engine = \"kubectl\"",
    );
    let ran = test.backup(&["public.t"]).arg(kubernetes).run();
    ran.fails(
        3,
        &[
            "PGPASSWORD is set",
            "command line",
            ".pgpass inside the container",
        ],
    );
}

#[test]
fn what_means_something_else_inside_is_refused() {
    let test = with_engines();
    let refused = |case: &str, option: &str, code: i32, words: &[&str]| {
        let mut run = test.backup(&["public.t"]).arg("--container=pg").arg(option);
        if let Some((name, value)) = case.split_once('=') {
            run = run.env(name, value);
        }
        run.run().fails(code, words);
        test.store_is_empty();
    };
    each(
        [
            "PGPASSFILE=/x",
            "PGSERVICE=x",
            "PGSERVICEFILE=/x",
            "PGSSLROOTCERT=/x",
            "PGSSLKEY=/x",
        ],
        |case| {
            refused(
                case,
                "--quiet",
                3,
                &["is set, and the container `pg` does not see files"],
            )
        },
    );
    let dbname = format!("--dbname={}", cluster().conninfo(&test.db, "postgres"));
    each(["sslrootcert=/x", "passfile=/x"], |keyword| {
        let run = test
            .pgseal("backup")
            .args(["--table=public.t", "--container=pg"]);
        let run = ["PGHOST", "PGUSER", "PGDATABASE"]
            .into_iter()
            .fold(run, |run, name| run.unset(name));
        let run = run.arg(format!("{dbname} {keyword}")).run();
        run.fails(
            3,
            &[
                "the connection string says",
                "does not see files of this host",
            ],
        );
    });
    each(
        [
            ("container = \"a b\"", "no name of a container"),
            (
                "container = \"a/b\"\ncontainer_engine = \"docker\"",
                "it takes a name or an id",
            ),
            (
                "container = \"a\"\ncontainer_engine = \"kubectl\"",
                "NAMESPACE/POD",
            ),
            (
                "container = \"a\"\ncontainer_engine = \"lxc\"",
                "neither docker nor podman",
            ),
            (
                "container = \"a/b\"\ncontainer_engine = \"kubectl\"\ncontainer_user = \"x\"",
                "leave out container_user",
            ),
            (
                "container = \"pg\"\ncontainer_user = \"a b\"",
                "no user of a container",
            ),
        ],
        |(lines, words)| {
            let ran = test.backup(&["public.t"]).arg(config(&test, lines)).run();
            ran.fails(3, &[words]);
        },
    );
    let ran = test.backup(&["public.t"]).arg("--container=-x").run();
    ran.fails(2, &["no name of a container"]);
    let ran = test
        .backup(&["public.t"])
        .arg("--container=pg")
        .env("PATH", "/nonexistent")
        .run();
    ran.fails(3, &["neither docker nor podman nor kubectl"]);
}

/// What the engines say, word for word, and with which status and where.
#[test]
fn the_engine_is_blamed_for_what_it_says() {
    let test = with_engines();
    each(
        [
            (
                "echo 'Error response from daemon: No such container: pg' >&2; exit 1",
                "has no container `pg`",
            ),
            (
                "echo 'Error: no container with name or ID \"pg\" found: no such container' >&2; exit 125",
                "has no container `pg`",
            ),
            (
                "echo 'Error response from daemon: Container 3b8b is not running' >&2; exit 1",
                "does not run",
            ),
            (
                "echo 'OCI runtime exec failed: exec failed: cannot exec in a stopped container: unknown'; exit 126",
                "does not run",
            ),
            (
                "echo 'Error: can only create exec sessions on running containers: container state improper' >&2; exit 255",
                "does not run",
            ),
            (
                "echo 'OCI runtime exec failed: exec failed: unable to start container process: exec: \"pg_dump\": executable file not found in $PATH: unknown'; exit 126",
                "does not have the program",
            ),
            (
                "echo 'pgseal: 1: exec: pg_dump: not found' >&2; exit 127",
                "does not have the program",
            ),
            (
                "echo 'OCI runtime exec failed: exec failed: permission denied: unknown'; exit 126",
                "did not run it in the container `pg`: OCI runtime exec failed",
            ),
            (
                "echo 'unable to find user x: no matching entries in passwd file'; exit 126",
                "has no such user",
            ),
            (
                "echo 'Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?' >&2; exit 1",
                "cannot be reached",
            ),
            (
                "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1",
                "may not talk to docker",
            ),
            (
                "exit 127",
                "did not run it in the container `pg`: it says nothing",
            ),
        ],
        |(script, words)| {
            test.script("docker", script);
            let ran = test.backup(&["public.t"]).arg("--container=pg").run();
            ran.fails(3, &[words, "hint: "]);
            test.store_is_empty();
        },
    );
}

/// What psql says is not the engine's, whatever words are in it; nor is what it has answered.
#[test]
fn the_engine_is_not_blamed_for_what_a_tool_says() {
    let test = with_engines();
    let says = |line: &str| {
        test.script(
            "docker",
            &format!("[[ $* = *--version* ]] && echo 'pg_dump (PostgreSQL) 15.1' && exit\n{line}"),
        );
        test.backup(&["public.t"]).arg("--container=pg").run()
    };
    let line = "echo 'psql: error: FATAL:  database \"is paused\" does not exist' >&2; exit 2";
    says(line).fails(
        3,
        &["cannot ask the database: status 2", "Check the database"],
    );
    let ran = says("echo 'a row: No such container'; echo 'Killed' >&2; exit 3");
    ran.check(!ran.stderr.contains("a row"), "no row is told");
    ran.fails(3, &["cannot ask the database: status 3"]);
}

/// A client is killed, and its engine keeps open what the tool inside reads: as podman's does at times.
#[test]
fn a_dump_whose_client_is_killed_is_ended_inside() {
    let test = with_engines();
    let killed = DOCKER.replace(
        "exec env -i",
        "[[ $* != *pg_dump\\ --format* ]] || { mkfifo \"$0.kept\"; exec 5<>\"$0.kept\"; (sleep 2; kill -9 $$) & }\nsetsid env -i",
    );
    let killed = format!("{killed} <&5 & wait $!");
    test.script(
        "docker",
        &format!("bin={}\nexec 5<&0\n{killed}", bin().display()),
    );
    let mut locker = crate::support::Session::open(&test.db);
    locker.sql("BEGIN; LOCK TABLE t;");
    let backup = test.backup(&["public.t"]).arg("--container=pg");
    backup.arg("--lock-wait=10m").run().fails(4, &["SIGKILL"]);
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass";
    eventually("no backend waits", || test.sql(waits).trim() == "0");
    test.store_is_empty();
}

/// The engine's client ends, and what it started lives on: the lifeline ends that.
#[test]
fn a_dump_that_waits_is_ended_inside() {
    let test = with_engines();
    // The tool is nobody's child, and out of the group.
    let bin = bin().display().to_string();
    let detached = DOCKER
        .replace("exec env -i", "setsid env -i")
        .replace("\"$@\"", "\"$@\" & wait");
    // A background command reads nothing, unless it is said.
    let detached = detached.replace("& wait", "<&5 & wait $!");
    test.script("docker", &format!("bin={bin}\nexec 5<&0\n{detached}"));
    let mut locker = crate::support::Session::open(&test.db);
    locker.sql("BEGIN; LOCK TABLE t;");
    // What the first leaves in the store, the second sweeps.
    each([Signal::KILL, Signal::TERM], |signal| {
        let running = test.backup(&["public.t"]).arg("--container=pg").start();
        let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass";
        eventually("pg_dump waits", || test.sql(waits).trim() == "1");
        running.signal(signal);
        running.wait();
        eventually("no backend waits", || test.sql(waits).trim() == "0");
        eventually("nothing is left of it", || {
            processes("--strict-names")
                .iter()
                .all(|line| !line.contains(&test.db) && !line.contains("public.t"))
        });
    });
}

#[test]
fn readiness_shows_both() {
    let test = with_engines();
    let ran = test
        .pgseal("readiness")
        .args(["--table=public.t", "--container=pg", "--json"])
        .run();
    let rows = ran.json()["rows"].clone();
    let row = |name: &str| -> Value {
        let mut rows = rows.as_array().unwrap().iter();
        rows.find(|row| row["component"] == name).unwrap().clone()
    };
    let text = row("pg_dump").to_string();
    assert_eq!(row("pg_dump")["state"], "READY", "{text}");
    assert!(
        text.contains("in the container `pg` for a server"),
        "{text}"
    );
    // The one on PATH is no pg_dump.
    assert!(text.contains("cannot ask `"), "{text}");
    assert!(
        row("database")
            .to_string()
            .contains("in the container `pg`")
    );
}
