//! What a package is made with: man pages, and completions that offer the runs of the store.

use crate::support::{Cases, Pgseal, Place, Test};

/// The words of `--help`, option by option.
fn options(help: &str) -> Vec<String> {
    let lines = help.lines().filter_map(|line| {
        let (_, option) = line.trim_start().split_once("--")?;
        line.starts_with(' ').then_some(option)
    });
    let names = lines.filter_map(|option| option.split([' ', '=', '[']).next());
    let named = names.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
    named
        .filter(|name| !name.is_empty())
        .map(|name| format!("--{name}"))
        .collect()
}

fn verbs(place: &Place) -> Vec<String> {
    let help = place.pgseal("--help").run().exits(0).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let lines = commands.lines().take_while(|line| line.starts_with("  "));
    let verbs = lines.filter(|line| !line.starts_with("   "));
    let verbs = verbs.filter_map(|line| line.split_whitespace().next());
    verbs
        .filter(|verb| *verb != "help")
        .map(String::from)
        .collect()
}

#[test]
fn each_verb_has_a_man_page_with_all_its_options() {
    let place = Place::new();
    let verbs = verbs(&place);
    let whole = place.pgseal("man").run().exits(0).stdout;
    assert!(whole.contains(".SH \"EXIT STATUS\"") && !whole.contains("EXTRA"));
    let mut cases = Cases::new();
    for verb in &verbs {
        cases.check(verb, || {
            assert!(whole.contains(&format!("pgseal\\-{}(1)", verb.replace('-', "\\-"))));
            let page = place.pgseal("man").arg(verb).run().exits(0).stdout;
            let name = format!(".SH NAME\npgseal\\-{} \\- ", verb.replace('-', "\\-"));
            assert!(page.contains(&name), "{page}");
            assert!(page.contains(".SH EXAMPLE\npgseal ") && !page.contains("EXTRA"));
            let help = place.pgseal(verb).arg("--help").run().exits(0).stdout;
            let options = options(&help);
            assert!(options.contains(&"--config".to_string()), "{options:?}");
            for option in options {
                let written = option.replace('-', "\\-");
                assert!(page.contains(&written), "{option}\n{page}");
            }
        });
    }
    drop(cases);
    place
        .pgseal("man")
        .arg("nothing")
        .run()
        .fails(2, &["no verb"]);
}

/// What bash offers for the last word of a command line.
fn offered(line: Pgseal) -> Vec<String> {
    let script = r#"bin=$1; pgseal() { "$bin" "$@"; }
        eval "$(pgseal completions bash)"
        shift; COMP_WORDS=(pgseal "$@"); COMP_CWORD=$#
        _pgseal pgseal "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        for word in "${COMPREPLY[@]}"; do echo "$word"; done"#;
    let ran = line.shell(script).run().exits(0);
    ran.check(ran.stderr.is_empty(), "it must say nothing");
    ran.stdout.lines().map(String::from).collect()
}

#[test]
fn completions_offer_the_runs_of_the_store() {
    let test = Test::of("CREATE TABLE t (a int)");
    let listed = test.pgseal("run-ids").run().exits(0);
    assert_eq!(listed.stdout, "");
    for id in ["older", "newer"] {
        let run = test.backup(&["public.t"]).args(["--run-id", id]);
        run.run().exits(0);
    }
    let partial = test.store().join("killed.sql.gpg.partial");
    std::fs::write(&partial, "").unwrap();
    let listed = test.pgseal("run-ids").run().exits(0);
    std::fs::remove_file(partial).unwrap();
    assert_eq!(listed.stdout, "newer\nolder\n");

    let words = |verb: &str, word: &str| offered(test.pgseal(verb).arg(word));
    let mut cases = Cases::new();
    for verb in ["diff", "prove-restore", "restore", "sign", "undo", "verify"] {
        cases.check(verb, || {
            assert_eq!(words(verb, "")[..2], ["newer", "older"]);
            assert_eq!(words(verb, "ol"), ["older"]);
        });
    }
    cases.check("settings as --help shows them", || {
        assert_eq!(words("verify", "--sto"), ["--store"]);
        assert!(words("verify", "--tab").is_empty());
        assert_eq!(offered(test.pgseal("gua")), ["guard"]);
        assert!(offered(test.pgseal("comp")).is_empty());
    });
    cases.check("a store that is not there", || {
        let line = test.pgseal("verify").arg("");
        let offered = offered(line.env("PGSEAL_STORE", "/nowhere"));
        assert!(
            offered.iter().all(|word| word.starts_with('-')),
            "{offered:?}"
        );
    });
    cases.check("the store or the config that is typed", || {
        let store = test.store();
        let place = store.parent().unwrap().to_str().unwrap();
        let store = store.to_str().unwrap();
        let config = format!("{place}/typed.toml");
        std::fs::write(&config, format!("[store]\ndir = \"{store}\"\n")).unwrap();
        let from_home = store.replace(place, "~");
        // bash makes three words of `--store=DIR`.
        for typed in [
            &["--store", store][..],
            &["--store", "=", store],
            &["--store", &from_home],
            &["--config", &config],
        ] {
            let line = test.pgseal("verify").args(typed).arg("");
            let line = line.env("PGSEAL_STORE", "/nowhere").env("HOME", place);
            let offered = offered(match typed[0] {
                "--config" => line.unset("PGSEAL_STORE"),
                _ => line,
            });
            assert_eq!(offered[..2], ["newer", "older"], "{typed:?}");
        }
    });
}
