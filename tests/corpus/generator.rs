//! Random schemas: what the files of `fixtures/schemas` show one by one, in any mixture.

use super::dice::Dice;

/// Statements, each for itself: one that fails is as if it were not there.
pub fn statements(seed: u64) -> Vec<String> {
    let mut generator = Generator {
        dice: Dice::new(seed),
        sql: vec![r#"CREATE SCHEMA "S s""#.into()],
        types: BASE.map(Type::base).to_vec(),
        functions: Vec::new(),
        sequences: Vec::new(),
        tables: Vec::new(),
        views: Vec::new(),
    };
    generator.everything();
    generator.sql
}

#[derive(Clone)]
struct Type {
    name: String,
    values: Vec<String>,
}

impl Type {
    fn base((name, values): (&str, &[&str])) -> Type {
        Type {
            name: name.into(),
            values: values.iter().map(|value| value.to_string()).collect(),
        }
    }
}

const BASE: [(&str, &[&str]); 12] = [
    ("integer", &["0", "-2147483648", "7"]),
    ("bigint", &["9223372036854775807", "1"]),
    (
        "text",
        &["''", r"E'a\tb\\.\n'", "'x'", r"'\.'", "'it''s'", "':k $1'"],
    ),
    ("numeric(8, 2)", &["'NaN'", "-1.10", "123456.78"]),
    ("double precision", &["'-0'", "0.1", "'Infinity'"]),
    ("boolean", &["true", "false"]),
    (
        "timestamptz",
        &["'infinity'", "'2024-02-29 12:00+02'", "'0001-01-01 BC'"],
    ),
    ("jsonb", &[r#"'{"a": [1, null]}'"#, "'null'"]),
    ("bytea", &[r"'\x00ff5c'", r"'\x'"]),
    ("int4range", &["'[1,5)'", "'empty'", "'(,)'"]),
    ("text[]", &["'{}'", r#"ARRAY['a"b', NULL, '{}']"#]),
    ("interval", &["'1 mon -1 day'", "'0'"]),
];

#[derive(Clone)]
pub(super) struct Table {
    pub name: String,
    /// Without its schema: how an expression names its row.
    row: String,
    pub columns: Vec<String>,
    pub keyed: bool,
    partitioned: bool,
}

pub(super) struct Generator {
    pub dice: Dice,
    sql: Vec<String>,
    types: Vec<Type>,
    /// All of them: integer to integer, immutable.
    pub functions: Vec<String>,
    sequences: Vec<String>,
    pub tables: Vec<Table>,
    pub views: Vec<String>,
}

impl Generator {
    fn everything(&mut self) {
        for n in 0..self.dice.below(5) {
            self.function(n);
        }
        for n in 0..self.dice.below(4) {
            self.a_type(n);
        }
        for n in 0..self.dice.below(3) {
            let name = self.name("q", n);
            self.sql
                .push(format!("CREATE SEQUENCE {name} START {}", n * 7 + 1));
            self.sequences.push(name);
        }
        for n in 0..2 + self.dice.below(4) {
            self.table(n);
            self.over(n);
        }
        for n in 0..self.dice.below(12) {
            self.addition(n);
        }
    }

    pub fn say(&mut self, statement: impl Into<String>) {
        self.sql.push(statement.into());
    }

    /// In one of two schemas, and quoted or not.
    pub fn name(&mut self, kind: &str, n: usize) -> String {
        let schema = *self.dice.pick(&["public", "public", r#""S s""#]);
        format!("{schema}.{}", self.simple_name(kind, n))
    }

    pub fn simple_name(&mut self, kind: &str, n: usize) -> String {
        match self.dice.below(6) {
            0 => format!("\"{} {n}\"", kind.to_uppercase()),
            1 => format!("\"{kind}'{n}\"\"\""),
            _ => format!("{kind}{n}"),
        }
    }

    fn function(&mut self, n: usize) {
        let name = self.name("f", n);
        let head = format!("CREATE FUNCTION {name}(integer) RETURNS integer IMMUTABLE LANGUAGE ");
        let other = self.dice.some(&self.functions);
        let body = match (self.dice.below(6), other) {
            (0, _) => "sql BEGIN ATOMIC SELECT $1 + 1; END".into(),
            (1, _) => "plpgsql AS $$ BEGIN RETURN $1; END $$".into(),
            (2, Some(other)) => format!("sql RETURN {other}($1)"),
            (3, Some(other)) => format!("sql AS $$ SELECT {other}($1) $$"),
            (4, Some(other)) => format!("plpgsql AS $$ BEGIN RETURN {other}($1); END $$"),
            _ => "sql AS 'SELECT $1 * 1'".into(),
        };
        self.say(head + &body);
        self.functions.push(name);
    }

    fn a_type(&mut self, n: usize) {
        let name = self.name("y", n);
        let function = self.dice.some(&self.functions);
        let (sql, values): (String, &[&str]) = match (self.dice.below(6), function) {
            (0, _) => (
                format!(r"CREATE TYPE {name} AS ENUM ('a', 'it''s \', 'c')"),
                &["'a'", "'c'"],
            ),
            (1, _) => (
                format!("CREATE DOMAIN {name} AS integer DEFAULT 3 CHECK (value > 0)"),
                &["1", "2"],
            ),
            (2, Some(f)) => (
                format!("CREATE DOMAIN {name} AS integer CHECK ({f}(value) IS NOT NULL)"),
                &["1", "NULL"],
            ),
            (3, _) => (
                format!("CREATE TYPE {name} AS (a integer, \"B b\" text)"),
                &["ROW(1, 'x')", "ROW(NULL, '')"],
            ),
            (4, _) => (
                format!("CREATE TYPE {name} AS RANGE (subtype = text, collation = \"C\")"),
                &["'[a,b)'", "'empty'"],
            ),
            _ => {
                self.say(format!("CREATE COLLATION {name} FROM \"C\""));
                let texts = ["'x'", "''"].map(String::from).to_vec();
                self.types.push(Type {
                    name: format!("text COLLATE {name}"),
                    values: texts,
                });
                return;
            }
        };
        self.say(sql);
        self.types.push(Type::base((&name, values)));
    }

    fn table(&mut self, n: usize) {
        let schema = *self.dice.pick(&["public", "public", r#""S s""#]);
        let row = self.simple_name("t", n);
        let name = format!("{schema}.{row}");
        let parent = self.dice.some(&self.tables);
        let parent = parent.filter(|p| !p.partitioned && self.dice.one_in(6));
        let key = match self.dice.below(5) {
            0 => "k serial",
            1 => "k integer GENERATED BY DEFAULT AS IDENTITY",
            _ => "k integer NOT NULL",
        };
        let mut parts = vec![key.to_string()];
        let mut columns: Vec<(String, Type)> = Vec::new();
        for c in 0..self.dice.below(5) {
            let column = self.simple_name("c", c);
            let of = self.column_type();
            let extra = self.column_extra(&of);
            parts.push(format!("{column} {}{extra}", of.name));
            if !extra.contains("GENERATED") {
                columns.push((column, of));
            }
        }
        let mut keyed = self.dice.below(3) > 0;
        if let Some(f) = self
            .dice
            .some(&self.functions)
            .filter(|_| self.dice.one_in(3))
        {
            parts.push(format!("CHECK ({f}(k) IS NOT NULL)"));
        }
        let partitioned = parent.is_none() && self.dice.one_in(4);
        let mut tail = String::new();
        let mut partitions = Vec::new();
        if partitioned {
            (tail, partitions) = self.partitions(&name, &columns);
            keyed = keyed && !tail.contains("HASH (\"") && !tail.contains("HASH (c");
        } else if let Some(parent) = &parent {
            tail = format!(" INHERITS ({})", parent.name);
        } else if self.dice.one_in(6) {
            tail = " WITH (fillfactor = 60)".into();
        }
        if keyed {
            parts.push("PRIMARY KEY (k)".into());
        }
        let unlogged = if tail.is_empty() && self.dice.one_in(8) {
            "UNLOGGED "
        } else {
            ""
        };
        self.say(format!(
            "CREATE {unlogged}TABLE {name} ({}){tail}",
            parts.join(", ")
        ));
        self.sql.extend(partitions);
        for k in 0..self.dice.below(9) {
            self.row(&name, &columns, k + 1);
        }
        self.tables.push(Table {
            name,
            row,
            columns: columns.into_iter().map(|(column, _)| column).collect(),
            keyed,
            partitioned,
        });
    }

    fn column_type(&mut self) -> Type {
        let table = self.dice.some(&self.tables);
        match table.filter(|_| self.dice.one_in(12)) {
            Some(table) => Type::base((&table.name, &["NULL"])),
            None => self.dice.pick(&self.types).clone(),
        }
    }

    fn column_extra(&mut self, of: &Type) -> String {
        let function = self.dice.some(&self.functions);
        let sequence = self.dice.some(&self.sequences);
        match (self.dice.below(7), function, sequence) {
            (0, ..) => format!(" DEFAULT {}", self.dice.pick(&of.values)),
            (1, Some(f), _) if of.name == "integer" => {
                format!(" GENERATED ALWAYS AS ({f}(k)) STORED")
            }
            (2, Some(f), _) if of.name == "integer" => format!(" DEFAULT {f}(5)"),
            (3, _, Some(q)) if of.name.ends_with("int") || of.name == "integer" => {
                format!(" DEFAULT nextval('{}')", q.replace('\'', "''"))
            }
            _ => String::new(),
        }
    }

    /// How the table is split, and the statements that make its partitions.
    fn partitions(&mut self, name: &str, columns: &[(String, Type)]) -> (String, Vec<String>) {
        let part = |n: usize| match name.strip_suffix('"') {
            Some(quoted) => format!("{quoted}_{n}\""),
            None => format!("{name}_{n}"),
        };
        let enumeration = columns.iter().find(|(_, of)| of.values == ["'a'", "'c'"]);
        let make =
            |n: usize, bound: &str| format!("CREATE TABLE {} PARTITION OF {name} {bound}", part(n));
        match (self.dice.below(4), enumeration) {
            (0, _) => (
                " PARTITION BY RANGE (k)".into(),
                vec![
                    make(1, "FOR VALUES FROM (MINVALUE) TO (4)"),
                    make(2, "FOR VALUES FROM (4) TO (8) PARTITION BY HASH (k)"),
                    format!(
                        "CREATE TABLE {} PARTITION OF {} FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
                        part(3),
                        part(2)
                    ),
                    make(4, "DEFAULT"),
                ],
            ),
            (1, Some((column, _))) => (
                format!(" PARTITION BY HASH ({column})"),
                vec![
                    make(1, "FOR VALUES WITH (MODULUS 2, REMAINDER 0)"),
                    make(2, "FOR VALUES WITH (MODULUS 2, REMAINDER 1)"),
                ],
            ),
            (2, _) => (
                " PARTITION BY HASH (k)".into(),
                vec![
                    make(1, "FOR VALUES WITH (MODULUS 2, REMAINDER 0)"),
                    make(2, "FOR VALUES WITH (MODULUS 2, REMAINDER 1)"),
                ],
            ),
            _ => (
                " PARTITION BY LIST (k)".into(),
                vec![make(1, "FOR VALUES IN (1, 2, 3)"), make(2, "DEFAULT")],
            ),
        }
    }

    fn row(&mut self, table: &str, columns: &[(String, Type)], k: usize) {
        let (mut names, mut values) = (vec!["k".to_string()], vec![k.to_string()]);
        for (column, of) in columns {
            if self.dice.one_in(6) {
                continue;
            }
            names.push(column.clone());
            values.push(if self.dice.one_in(8) {
                "NULL".into()
            } else {
                self.dice.pick(&of.values).clone()
            });
        }
        self.say(format!(
            "INSERT INTO {table} ({}) VALUES ({})",
            names.join(", "),
            values.join(", ")
        ));
    }

    /// What stands on a table that is there: a view, and functions that take its rows or read it.
    fn over(&mut self, n: usize) {
        let Some(table) = self.dice.some(&self.tables) else {
            return;
        };
        let name = &table.name;
        match self.dice.below(12) {
            0 | 3 => {
                let view = self.name("v", n);
                self.say(format!("CREATE VIEW {view} AS SELECT k FROM {name}"));
                self.views.push(view);
            }
            1 => {
                let function = self.name("r", n);
                self.say(format!("CREATE FUNCTION {function}({name}) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT ($1).k'"));
                let what = *self.dice.pick(&["CREATE INDEX ON", "ALTER TABLE"]);
                self.say(match what {
                    "ALTER TABLE" => format!(
                        "ALTER TABLE {name} ADD CHECK ({function}({}) IS NOT NULL)",
                        table.row
                    ),
                    _ => format!("CREATE INDEX ON {name} ({function}({}))", table.row),
                });
            }
            2 => {
                let function = self.name("a", n);
                self.say(format!("CREATE FUNCTION {function}() RETURNS integer STABLE LANGUAGE sql BEGIN ATOMIC SELECT count(*)::integer FROM {name}; END"));
                let of = self.dice.pick(&self.tables).name.clone();
                let use_of_it = if self.dice.one_in(2) {
                    format!("ADD CHECK ({function}() >= 0)")
                } else {
                    format!("ALTER k SET DEFAULT {function}()")
                };
                self.say(format!("ALTER TABLE {of} {use_of_it}"));
            }
            _ => {}
        }
    }
}
