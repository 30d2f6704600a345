//! A host as the recipes presume it: what pgseal needs is in its config file and in HOME, and nothing in
//! the environment.

use super::{Page, Ran, Test, cluster, decrypt, keys, names, put_down};
use std::ops::{Deref, DerefMut};

const SCHEMA: &str = "
    CREATE TABLE orders (id int GENERATED ALWAYS AS IDENTITY, day date, status text, PRIMARY KEY (id, day))
        PARTITION BY RANGE (day);
    CREATE TABLE orders_2026_11 PARTITION OF orders FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
    CREATE TABLE order_line (order_id int, item text);
    INSERT INTO orders (day, status) SELECT date '2026-11-01' + g, 'open' FROM generate_series(0, 4) g;
    INSERT INTO order_line SELECT id, 'thing' FROM orders;";

/// What every migration of the recipes does to the five orders.
pub const WRITE: &str = "UPDATE public.orders SET status = 'shipped';";

pub struct Shop {
    test: Test,
    /// What the pages call the things of this host.
    names: Vec<(&'static str, String)>,
}

impl Deref for Shop {
    type Target = Test;

    fn deref(&self) -> &Test {
        &self.test
    }
}

impl DerefMut for Shop {
    fn deref_mut(&mut self) -> &mut Test {
        &mut self.test
    }
}

impl Shop {
    /// With a role for backups.
    pub fn new() -> Shop {
        let shop = Shop::without_a_role();
        let role = "CREATE ROLE pgseal_backup LOGIN; GRANT pg_read_all_data TO pgseal_backup";
        shop.sql(&shop.here(role));
        shop
    }

    pub fn without_a_role() -> Shop {
        let mut test = Test::of(SCHEMA);
        put_down(&keys().public, &test.path("home/.gnupg"));
        test.env
            .retain(|name, _| ["PATH", "HOME", "TMPDIR", "APP_SECRET"].contains(&name.as_str()));
        let pgseal = env!("CARGO_BIN_EXE_pgseal");
        std::os::unix::fs::symlink(pgseal, test.path("bin/pgseal")).unwrap();
        let path = |name: &str| test.path(name).display().to_string();
        let names = vec![
            (
                "0123456789ABCDEF0123456789ABCDEF01234567",
                keys().good.clone(),
            ),
            ("/var/lib/pgseal", path("store")),
            ("/etc/pgseal/pgseal.toml", path("pgseal.toml")),
            ("/usr/local/bin", path("bin")),
            ("host=db1", format!("host={}", cluster().dir.display())),
            ("dbname=shop", format!("dbname={}", test.db)),
            ("DATABASE shop", format!("DATABASE {}", test.db)),
            // Roles are the cluster's, and other tests have theirs.
            ("pgseal_backup", format!("pgseal_backup_{}", test.db)),
            ("shop_owner", format!("shop_owner_{}", test.db)),
        ];
        let mut shop = Shop { test, names };
        shop.sql(&shop.here(
            "CREATE ROLE shop_owner LOGIN; ALTER SCHEMA public OWNER TO shop_owner;
             ALTER TABLE orders OWNER TO shop_owner; ALTER TABLE orders_2026_11 OWNER TO shop_owner;
             ALTER TABLE order_line OWNER TO shop_owner;",
        ));
        shop.recipient(&keys().good);
        // In place of the folder in /etc.
        let config = shop.path("pgseal.toml");
        shop.set("PGSEAL_CONFIG", config);
        shop
    }

    /// Text of a page, with the names of this host.
    pub fn here(&self, text: &str) -> String {
        let names = self.names.iter();
        names.fold(text.to_string(), |text, (theirs, ours)| {
            text.replace(theirs, ours)
        })
    }

    /// SQL of a page, as one of its roles.
    pub fn sql_as(&self, role: &str, sql: &str) -> String {
        self.sql(&self.here(&format!("SET SESSION AUTHORIZATION {role};\n{sql}")))
    }

    pub fn recipient(&self, fingerprint: &str) {
        let toml = Page::open("docs/recipes/README.md").file("/etc/pgseal/pgseal.toml");
        let toml = self.here(&toml).replace(&keys().good, fingerprint);
        self.write("pgseal.toml", &toml);
    }

    /// From now on no backup can be made: the key has expired.
    pub fn backups_fail(&self) {
        self.recipient(&keys().expired);
    }

    pub fn backups_work(&self) {
        self.recipient(&keys().good);
    }

    /// One backup is there, of the orders as they were, and they are not so any more.
    #[track_caller]
    pub fn sealed_before_the_write(&self) {
        self.sealed_in("store");
    }

    /// The same, in another store.
    #[track_caller]
    pub fn sealed_in(&self, store: &str) {
        assert_eq!(self.shipped(), "5");
        let files = names(&self.path(store));
        let mut runs = files
            .iter()
            .filter_map(|name| name.strip_suffix(".manifest.json"));
        let run = runs.next().unwrap();
        assert_eq!(runs.next(), None, "{files:?}");
        let sql = decrypt(&self.path(store).join(format!("{run}.sql.gpg")));
        let sql = String::from_utf8(sql).unwrap();
        assert_eq!(sql.matches("\topen\n").count(), 5, "{sql}");
        assert!(!sql.contains("shipped"), "{sql}");
    }

    #[track_caller]
    pub fn nothing_was_written(&self) {
        assert_eq!(self.shipped(), "0");
        self.store_is_empty();
    }

    fn shipped(&self) -> String {
        self.sql("SELECT count(*) FROM public.orders WHERE status = 'shipped'")
    }

    /// A file below the folder, with the folders that lead to it.
    pub fn put(&self, name: &str, text: &str) {
        let file = self.path(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        self.write(name, text);
    }

    /// A line of a page that ends in a write. Where no backup can be made it writes nothing, and ends with
    /// `refused`; else the backup is there first.
    #[track_caller]
    pub fn guards(&self, line: &str, refused: i32) -> Ran {
        self.backups_fail();
        let ran = self.typed(line).run().exits(refused);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        ran.check(told.contains("expired"), "it must say why");
        self.nothing_was_written();
        self.backups_work();
        let ran = self.typed(line).run().exits(0);
        self.sealed_before_the_write();
        ran
    }
}
