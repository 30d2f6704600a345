use super::*;

fn env(vars: &[(&str, &str)]) -> Env {
    Env::new(vars.iter().map(|(k, v)| (k.into(), v.into())))
}

fn looked(info: &str, vars: &[(&str, &str)]) -> Surroundings {
    look(&ConnInfo::parse(info).unwrap(), "DBNAME", &env(vars))
}

fn open(found: &Surroundings) -> Vec<&str> {
    found.open.iter().map(|open| open.variable).collect()
}

/// Every row of the table: what is said stands, what is open is refused or may be added.
#[test]
fn each_keyword() {
    let mut failed = Vec::new();
    let mut check = |keyword: &Keyword, what: &str, holds: bool| {
        if !holds {
            failed.push(format!("{}: {what}", keyword.name));
        }
    };
    for keyword in KEYWORDS {
        let (name, variable) = (keyword.name, keyword.variable);
        let refused = ConnInfo::parse(&format!("{name}=a")).is_err();
        check(keyword, "may it be said", refused != keyword.allowed());
        if variable.is_empty() {
            continue;
        }
        check(keyword, "found by its name", keywords_are(name, keyword));
        let identifies = keyword.class == Class::Identifies;
        check(keyword, "stays", stays(variable.as_ref()) != identifies);
        // A word that leaves all others open.
        let left = looked("keepalives=1", &[(variable, "b")]);
        let refuses = matches!(keyword.class, Class::Identifies | Class::ChoosesHost);
        check(
            keyword,
            "left open",
            open(&left).len() == usize::from(refuses),
        );
        check(keyword, "left open, warned", left.passed_over.is_empty());
        let empty = looked("keepalives=1", &[(variable, "")]);
        check(keyword, "empty is unset", empty == Surroundings::default());
        if !keyword.allowed() {
            continue;
        }
        let says = format!("{name}=a");
        let same = looked(&says, &[(variable, "a")]);
        check(keyword, "the same", same == Surroundings::default());
        let other = looked(&says, &[(variable, "b")]);
        let warning = format!("{variable}=b is passed over: DBNAME says {name}=a");
        check(keyword, "another, open", other.open.is_empty());
        check(keyword, "another", other.passed_over == [warning]);
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

fn keywords_are(name: &str, keyword: &Keyword) -> bool {
    crate::pg::keywords::find(name).is_some_and(|found| found.variable == keyword.variable)
}

#[test]
fn what_is_open() {
    let all = [
        ("PGHOST", "h"),
        ("PGHOSTADDR", "10.0.0.1"),
        ("PGPORT", "1"),
        ("PGUSER", "u"),
        ("PGDATABASE", "d"),
        ("PGSERVICE", "s"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGPASSWORD", "p"),
        ("PGSSLROOTCERT", "/r"),
        ("PGAPPNAME", "a"),
        ("PGSERVICEFILE", "/nonexistent"),
    ];
    let cases: &[(&str, &[&str])] = &[
        (
            "app",
            &[
                "PGHOST",
                "PGHOSTADDR",
                "PGPORT",
                "PGUSER",
                "PGSERVICE",
                "PGTARGETSESSIONATTRS",
            ],
        ),
        (
            "host=a,b dbname=app user=me",
            &["PGHOSTADDR", "PGPORT", "PGSERVICE", "PGTARGETSESSIONATTRS"],
        ),
        (
            "host=a dbname=app user=me",
            &["PGHOSTADDR", "PGPORT", "PGSERVICE"],
        ),
        ("postgresql://me@a:1/app", &["PGHOSTADDR"]),
        (
            "postgresql://me@a,b:1/app",
            &["PGHOSTADDR", "PGTARGETSESSIONATTRS"],
        ),
        ("hostaddr=127.0.0.1 port=1 user=me dbname=app", &["PGHOST"]),
        (
            "postgresql://a",
            &["PGHOSTADDR", "PGPORT", "PGUSER", "PGDATABASE", "PGSERVICE"],
        ),
        // Nobody knows what it says.
        (
            "service=gone",
            &[
                "PGHOST",
                "PGHOSTADDR",
                "PGPORT",
                "PGUSER",
                "PGDATABASE",
                "PGTARGETSESSIONATTRS",
            ],
        ),
    ];
    let wrong = cases.iter().filter_map(|(info, want)| {
        let found = looked(info, &all);
        (open(&found) != *want).then(|| format!("{info}: {:?}", open(&found)))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_service_says_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("services");
    std::fs::write(&file, "[shop]\nhost=db1\nuser=reader\n").unwrap();
    let file = file.to_str().unwrap();
    let vars = [
        ("PGSERVICEFILE", file),
        ("PGSERVICE", "shop_rw"),
        ("PGHOST", "db2"),
        ("PGUSER", "reader"),
        ("PGPORT", "1"),
    ];
    let found = looked("service=shop dbname=app", &vars);
    assert_eq!(open(&found), ["PGPORT"]);
    assert_eq!(
        found.passed_over,
        [
            "PGHOST=db2 is passed over: DBNAME says host=db1",
            "PGSERVICE=shop_rw is passed over: DBNAME says service=shop",
        ]
    );
    // What the string says itself is above its service.
    let found = looked("service=shop host=db2 port=1", &vars);
    assert_eq!(found.passed_over.len(), 1);
    assert!(found.open.is_empty());
}

#[test]
fn a_role_in_the_options() {
    for (options, want) in [
        ("-c role=writer", Some("role")),
        ("-crole=writer", Some("role")),
        ("-c work_mem=1MB --role=w", Some("role")),
        ("-c ro\\le=w", Some("role")),
        ("--session-authorization=w", Some("session_authorization")),
        ("-c Role=w", Some("role")),
        ("-c search_path=role=a -c work_mem=1MB", None),
        ("-c", None),
    ] {
        let found = looked("app", &[("PGOPTIONS", options)]);
        assert_eq!(found.role.as_deref(), want, "{options}");
    }
}
