//! What is added to tables that are there, with their rows.

use super::generator::Generator;

impl Generator {
    pub(super) fn addition(&mut self, n: usize) {
        let table = self.dice.pick(&self.tables).clone();
        let other = self.dice.pick(&self.tables).clone();
        let (name, k) = (&table.name, "k".to_string());
        let column = self.dice.some(&table.columns).unwrap_or(k);
        let function = self.dice.some(&self.functions);
        let made = self.simple_name("x", n);
        let statement = match (self.dice.below(20), function) {
            (0 | 1, _) if other.keyed => {
                let tail = *self.dice.pick(&[
                    "",
                    " NOT VALID",
                    " DEFERRABLE INITIALLY DEFERRED",
                    " ON DELETE CASCADE",
                ]);
                format!(
                    "ALTER TABLE {name} ADD CONSTRAINT {made} FOREIGN KEY (k) REFERENCES {}{tail}",
                    other.name
                )
            }
            (2, Some(f)) => format!("CREATE INDEX {made} ON {name} ({f}(k)) WHERE k > 0"),
            (3, _) => format!("CREATE INDEX ON {name} (k DESC) INCLUDE ({column})"),
            (4, _) => format!("ALTER TABLE {name} ADD UNIQUE (k)"),
            (5, f) => {
                let when = f.map_or(String::new(), |f| format!(" WHEN ({f}(new.k) > 0)"));
                let trigger = self.name("g", n);
                self.say(format!("CREATE FUNCTION {trigger}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'"));
                format!(
                    "CREATE TRIGGER {made} BEFORE INSERT OR UPDATE ON {name} FOR EACH ROW{when} EXECUTE FUNCTION {trigger}('a')"
                )
            }
            (6, _) => {
                self.say(format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"));
                format!("CREATE POLICY {made} ON {name} USING (k > 0)")
            }
            (7, _) => {
                let from = self.dice.some(&self.views).unwrap_or(other.name);
                format!("CREATE POLICY {made} ON {name} USING (k IN (SELECT o.k FROM {from} o))")
            }
            (8, _) => format!(
                "CREATE RULE {made} AS ON DELETE TO {name} DO ALSO DELETE FROM {}",
                other.name
            ),
            (9, _) => format!("CREATE RULE {made} AS ON UPDATE TO {name} DO INSTEAD NOTHING"),
            (10, _) => format!("COMMENT ON COLUMN {name}.{column} IS E'it''s \\n\\\\. {n}'"),
            (11, _) => format!("GRANT SELECT (k), INSERT ON {name} TO PUBLIC"),
            (12, _) => format!("CREATE STATISTICS {made} ON k, {column} FROM {name}"),
            (13, _) => format!("ALTER TABLE {name} ADD COLUMN {made} text DEFAULT 'late'"),
            // Bodies read k, and what they name a server lets go without a word.
            (14, _) if column == "k" => format!("COMMENT ON TABLE {name} IS '{n}'"),
            (14, _) => format!("ALTER TABLE {name} DROP COLUMN {column}"),
            (15, _) => format!("ALTER TABLE {name} REPLICA IDENTITY FULL"),
            (16, _) => format!("ALTER TABLE {name} ALTER k SET STATISTICS 7"),
            (17, _) => format!("ALTER TABLE {name} ADD CHECK (k > 3) NOT VALID"),
            (18, Some(f)) => format!("CREATE POLICY {made} ON {name} USING ({f}(k) > 0)"),
            _ => format!(
                "ALTER TABLE {name} ADD CONSTRAINT {made} EXCLUDE USING gist (int4range(k, k, '[]') WITH &&)"
            ),
        };
        self.say(statement);
    }
}
