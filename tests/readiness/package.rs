//! What the operator's package prints, run.

use super::{BACKUP_RUNNER, Host};
use crate::support::{ECC, each, end_agent, is_root, names, tool};
use std::path::Path;

/// A pinentry that answers: what the operator would type.
const PINENTRY: &str = "echo OK; while read -r word _; do
  case $word in
    GETPIN) echo 'D correct horse'; echo OK;;
    BYE) echo OK; exit 0;;
    *) echo OK;;
  esac
done";

#[test]
fn what_the_operators_package_prints_ends_with_a_key_that_preflight_accepts() {
    each(
        [(&[][..], "cv25519"), (&["--rsa"], "rsa4096")],
        |(args, algorithm)| {
            let host = Host::new();
            host.seam(&["python3", BACKUP_RUNNER, "accept"]);
            host.config(
            "[encryption]",
            "[operator]\nname = \"it's a `$backup` key\"\nemail = \"b@example.org\"\n\n[encryption]",
        );
            host.write(".env", "OTHER=1"); // and no newline
            let print = |part: &[&str]| {
                let words = [&["operator-package"], args, part].concat();
                host.run(&words).exits(0).stdout
            };
            host.write("operator.sh", &print(&["--part=operator"]));
            host.write("host.sh", &print(&["--part=host"]));
            assert_eq!(names(&host.path("gnupg")), [""; 0], "nothing was run");
            // All of it is comments, and no script.
            let all = print(&[]);
            assert!(all.lines().all(|line| line.starts_with('#')), "{all}");

            host.script("pinentry-test", PINENTRY);
            let conf = format!(
                "pinentry-program {}\n",
                host.path("bin/pinentry-test").display()
            );
            host.write("operator/gpg-agent.conf", &conf);
            // An older key is there: the new one's fingerprint is wanted.
            let older = host.key(ECC, "Expire-Date: 1y");
            host.gnupg.delete(&older);
            let operator = host.command(&["/bin/bash", "operator.sh"]);
            let out = operator.env("GNUPGHOME", host.path("operator")).run();
            let out = out.exits(0).stdout;
            let fpr = out
                .lines()
                .find_map(|l| l.strip_prefix("fingerprint:"))
                .unwrap()
                .trim();
            assert_ne!(fpr, older);

            // The host's part knows only the fingerprint and the file.
            let shim = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_pgseal"));
            host.script("pgseal", &shim);
            let on_host = || host.command(&["/bin/bash", "host.sh"]).env("fpr", fpr);
            let list = on_host().run().exits(0).stdout;
            assert_eq!(list.matches("[x] ").count(), 10, "{list}");
            let env = std::fs::read_to_string(host.path(".env")).unwrap();
            assert_eq!(env, format!("OTHER=1\nBACKUP_GPG_FPR={fpr}\n"));
            let report = host.readiness();
            report.says(
                "backup_key",
                "READY",
                &[
                    &format!("encryption subkey {algorithm}"),
                    "it's a `$backup` key <b@example.org>",
                ],
            );
            assert!(!report.told("backup_key").contains("is on this host"));
            // A second time it changes nothing.
            on_host().run().exits(0);
            assert_eq!(std::fs::read_to_string(host.path(".env")).unwrap(), env);
            // A file with the secret key in it is refused.
            host.write("pw", "correct horse");
            let secret = host.path("secret.gpg");
            let mut export = host.operator.gpg();
            export
                .args(["--pinentry-mode=loopback", "--passphrase-file"])
                .arg(host.path("pw"));
            export
                .arg("--output")
                .arg(&secret)
                .args(["--export-secret-keys", fpr]);
            tool(&mut export, b"");
            let refused = on_host().env("public_key", &secret).run();
            refused.exits(1).says(&["holds a secret key"]);
        },
    );
}

#[test]
fn what_is_printed_for_a_signing_key_ends_with_one_that_signs() {
    each(
        [
            (&["operator-package", "--signing"][..], "ed25519"),
            (&["operator-package", "--signing", "--rsa"], "rsa4096"),
        ],
        |(args, algorithm)| {
            let mut host = Host::ready();
            let script = host.run(args).exits(0).stdout;
            host.write("package.sh", &script);
            let secret = host.path("gnupg/private-keys-v1.d");
            assert_eq!(names(&secret), [""; 0], "nothing was run");
            let shim = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_pgseal"));
            host.script("pgseal", &shim);
            let out = host.command(&["/bin/bash", "package.sh"]).run().exits(0);
            let out = out.stdout;
            assert_eq!(out.matches("[x] ").count(), 10, "{out}");
            let word = |name: &str| {
                let line = out.lines().find_map(|line| line.strip_prefix(name));
                line.unwrap().trim().to_string()
            };
            let fpr = word("fingerprint:");
            assert!(
                out.contains(&format!("[signing]\nkey = \"{fpr}\"\n")),
                "{out}"
            );
            let public = std::fs::read_to_string(word("public key:")).unwrap();
            assert!(public.contains("PUBLIC KEY") && !public.contains("PRIVATE"));
            host.set("PGSEAL_SIGNING_KEY", &fpr);
            let report = host.readiness();
            let signs = format!("signs with {algorithm} {fpr}");
            report.says("backup_key", "READY", &[&signs, "expires 20"]);
            assert!(!report.told("backup_key").contains("can also decrypt"));
        },
    );
}

/// Users without a keyring, who paste each part into a shell of their own.
#[test]
fn each_part_on_a_fresh_user() {
    let host = Host::new();
    let fresh = |name: &str| {
        std::fs::create_dir(host.path(name)).unwrap();
        if is_root() {
            std::os::unix::fs::chown(host.path(name), Some(65534), Some(65534)).unwrap();
        }
        host.path(name)
    };
    let (operator, runner) = (fresh("the operator"), fresh("the runner"));
    host.mode(&host.dir, 0o755);
    let program = host.copy_of_pgseal("pgseal");
    let user = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let user = if is_root() { &user[..] } else { &[] };
    let as_user = |home: &Path, words: &[&str]| {
        let run = host.command(&[user, words].concat()).env("HOME", home);
        // Settings that say nothing of this user's.
        run.unset("GNUPGHOME")
            .env("PGSEAL_CONFIG", host.path("empty.toml"))
    };
    let print = |part: &str| {
        let words = [program.to_str().unwrap(), "operator-package", part];
        as_user(&runner, &words).run().exits(0).stdout
    };
    let paste = |home: &Path, before: &str, script: &str| {
        let typed = format!("cd; {before}\n{script}\necho \"the session lives: $?\"\n");
        let run = as_user(home, &["bash"]).input(typed.as_bytes());
        run.run().exits(0)
    };
    host.script("pinentry-test", PINENTRY);
    let conf = format!(
        "pinentry-program {}",
        host.path("bin/pinentry-test").display()
    );
    let agent = format!("install -d -m 700 ~/.gnupg; echo '{conf}' >~/.gnupg/gpg-agent.conf");
    let made = paste(&operator, &agent, &print("--part=operator"));
    made.check(
        made.stdout.contains("the session lives: 0"),
        "it made a key",
    );
    let word = |name: &str| {
        let line = made.stdout.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_string()
    };
    let (fpr, public) = (word("fingerprint:"), word("public key:"));

    let shim = format!("exec {} \"$@\"", program.display());
    host.script("pgseal", &shim);
    let script = print("--part=host");
    let set = format!("fpr={fpr} public_key='{public}'");
    let ran = paste(&runner, &set, &script);
    ran.check(
        !ran.stdout.contains("the session lives: 0"),
        "no tables: not ready",
    );
    ran.check(ran.stdout.contains("the session lives: "), "it goes on");
    for told in [
        format!("export BACKUP_GPG_FPR={fpr}"),
        "[x] backup_key: ".into(),
    ] {
        ran.check(ran.stdout.contains(&told), &told);
    }
    let lacks = paste(&runner, "unset fpr", &script);
    lacks.check(lacks.stdout.contains("the session lives: "), "it goes on");
    end_agent(&operator.join(".gnupg"));
    end_agent(&runner.join(".gnupg"));
}

/// Of each script by itself, for each is run on another machine.
#[test]
fn the_steps_are_counted_from_one() {
    let host = Host::new();
    for part in ["--part=operator", "--part=host", "--signing"] {
        let script = host.run(&["operator-package", part]).exits(0).stdout;
        let steps = script.lines().filter_map(|line| line.strip_prefix("# "));
        let steps = steps.filter_map(|step| step.split_once(". ")?.0.parse().ok());
        let steps: Vec<usize> = steps.collect();
        assert_eq!(steps, (1..=steps.len()).collect::<Vec<_>>(), "{script}");
        assert!(steps.len() > 1, "{script}");
    }
}

#[test]
fn there_is_no_json_of_it() {
    let host = Host::new();
    for more in [&[][..], &["--part=host"], &["--signing"]] {
        let ran = host.run(&[&["operator-package", "--json"], more].concat());
        ran.exits(2).says(&["\"code\":\"usage\""]);
    }
}

/// The terminal that `su` leaves to the one who logged in.
#[test]
fn a_terminal_of_somebody_elses() {
    if !is_root() {
        return;
    }
    let host = Host::new();
    host.mode(&host.dir, 0o755);
    let guided = include_str!("../../scripts/provision-key.sh");
    host.write("guided.sh", guided);
    host.write(
        "part.sh",
        &host.run(&["operator-package", "--part=operator"]).stdout,
    );
    for file in ["guided.sh", "part.sh"] {
        host.mode(&host.path(file), 0o644);
        let run = format!("setpriv --reuid=65534 --regid=65534 --clear-groups bash {file}");
        let ran = host
            .command(&["script", "-qec", &run, "/dev/null"])
            .input(b"")
            .run();
        ran.check(ran.code() == 1, file);
        ran.check(ran.stdout.contains("script -q /dev/null"), file);
    }
}

/// Typed by an operator on a terminal.
#[test]
fn the_guided_form_makes_a_signing_key() {
    let host = Host::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/provision-key.sh");
    let run = format!("bash {script} --signing");
    let typed = "yes\nshop signing\nbackup@example.org\nno\nyes\nyes\n";
    let told = host.command(&["script", "-qec", &run, "/dev/null"]);
    let told = told.input(typed.as_bytes()).run().exits(0).stdout;
    let listing = tool(host.gnupg.gpg().args(["--with-colons", "--list-keys"]), b"");
    let listing = String::from_utf8(listing).unwrap();
    let key = listing
        .lines()
        .find(|line| line.starts_with("pub:"))
        .unwrap();
    // Signs and certifies, as every primary does, and has no subkey.
    assert_eq!(key.split(':').nth(11).unwrap(), "scSC");
    assert!(!listing.contains("\nsub:"), "{listing}");
    let fpr = &host.gnupg.fingerprints("shop signing")[0];
    assert!(told.contains(&format!("key = \"{fpr}\"")), "{told}");
    assert!(host.path(&format!("pgseal-signing-{fpr}.asc")).exists());
}

#[test]
fn the_guided_form_needs_a_terminal() {
    let host = Host::new();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/provision-key.sh");
    let told = host.command(&["/bin/bash", script]).run();
    told.exits(1).says(&["terminal"]);
    assert!(
        std::fs::read_dir(host.path("gnupg"))
            .unwrap()
            .next()
            .is_none()
    );
}
