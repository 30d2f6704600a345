//! The readiness report as Markdown, to be filed as it is.

use crate::base::text::{counted, plain, shell_word, shortened, thousands};
use crate::report::matrix::{Evidence, EvidenceKind, Row};
use crate::report::proof::Readiness;

/// What a reader of the file must know to make it again.
pub(crate) struct Head {
    pub uid: u32,
    /// A command line of ours.
    pub command: String,
    /// The config file and the SHA-256 of its bytes, where one was read.
    pub config: Option<String>,
    /// The operator's scripts: for the operator's machine, and for this host.
    pub package: [String; 2],
}

pub(crate) fn report(found: &Readiness, head: &Head) -> String {
    let verdict = &found.verdict;
    let mut out = format!(
        "# Backup readiness\n\n- date_utc: {}\n- host: {}\n- user: uid {}\n- tool: pgseal {}\n\
         - command: {}\n- config: {}\n- result: G3 {}, F4 {}\n\n## Verdict\n\n{}\n\
         ## 1. Backup readiness matrix\n\n\
         | Component | State | Evidence |\n|---|---|---|\n",
        found.created_at,
        cell(&found.host),
        head.uid,
        found.pgseal_version,
        cell(&head.command),
        head.config.as_deref().map_or("none".into(), cell),
        verdict.g3.as_str(),
        verdict.f4_status.as_str(),
        fenced("text", &verdict.text())
    );
    for row in found.rows.rows() {
        out += &line(&row);
    }
    out += &evidence(found);
    out += &commands(found);
    out += &proof(found);
    out += &scope(found);
    out += "\n## 4. What backup_runner must return\n\n\
        `pre_write_backup` lets nothing pass unless the runner returns a complete envelope, one \
        line of JSON with exactly these keys:\n\n\
        - `sha256`: 64 hex digits, lower case, of the artifact's bytes\n\
        - `size_bytes`: of the artifact, above 0\n\
        - `gpg_fpr`: the recipient's primary fingerprint, upper case\n\
        - `artifact_ref`: absolute path of the artifact\n\n\
        A field that is missing, empty or malformed raises `StopInvariantFailed`: no envelope, \
        no write.\n";
    out += "\n## 5. Operator command package (not executed)\n\n";
    out += &if key_is_ready(found) {
        "The backup key is READY: none is to be made. `pgseal operator-package` has the scripts.\n"
            .to_string()
    } else {
        head.package
            .each_ref()
            .map(|part| fenced("shell", part))
            .join("\n")
    };
    out + "\n## 6. What this cannot tell\n\n\
        - That a backup comes back: `pgseal prove-restore` answers that, for one backup.\n\
        - That the secret key and its passphrase are where the operator put them.\n\
        - What changes after this moment: tables, rights, keys, room on the disk.\n\
        - That the rows are right.\n"
}

fn key_is_ready(found: &Readiness) -> bool {
    let rows = found.rows.rows();
    let mut rows = rows.iter();
    rows.any(|row| row.component == "backup_key" && row.state.as_str() == "READY")
}

fn line(row: &Row) -> String {
    let told = row.evidence.iter().enumerate();
    let told = told.filter(|(at, one)| *at == 0 || one.kind == EvidenceKind::Warning);
    let parts: Vec<String> = told.map(|(_, one)| said(one, SHORT)).collect();
    format!(
        "| {} | {} | {} |\n",
        row.component,
        row.state.as_str(),
        parts.join("<br>")
    )
}

/// How much of a piece of evidence stands in the table.
const SHORT: usize = 160;

fn said(evidence: &Evidence, most: usize) -> String {
    let answer = cell(&shortened(&evidence.answer, most));
    match (evidence.kind, &evidence.source) {
        (EvidenceKind::Warning, _) => format!("**warning:** {answer}"),
        (_, Some(source)) => format!("{}: {answer}", cell(source)),
        _ => answer,
    }
}

/// All of it, row by row, and what mends a row.
fn evidence(found: &Readiness) -> String {
    let mut out = String::from("\n### Evidence\n");
    for row in found.rows.rows() {
        out += &format!("\n#### {}: {}\n\n", cell(row.component), row.state.as_str());
        for one in row.evidence {
            out += &format!("- {}\n", said(one, usize::MAX));
        }
        if let Some(hint) = &row.hint {
            let lines: Vec<String> = hint.lines().map(plain).collect();
            out += &format!("\n{}", fenced("shell", &lines.join("\n")));
        }
    }
    out
}

/// What was run, in full, once each.
fn commands(found: &Readiness) -> String {
    let rows = found.rows.rows();
    let mut seen: Vec<String> = Vec::new();
    for evidence in rows.iter().flat_map(|row| row.evidence) {
        let Some(argv) = &evidence.argv else { continue };
        let words: Vec<String> = argv.iter().map(|word| shell_word(word)).collect();
        let command = plain(&words.join(" "));
        if !seen.contains(&command) {
            seen.push(command);
        }
    }
    let all: String = seen.iter().map(|command| format!("{command}\n")).collect();
    format!("\n### What was run\n\n{}", fenced("text", &all))
}

fn proof(found: &Readiness) -> String {
    let mut out =
        String::from("\n## 2. GPG mechanism proof: throw-away key, no persistent key\n\n");
    let Some(proof) = &found.gpg_mechanism_proof else {
        return out + "It could not be made; the matrix says why.\n";
    };
    out += &format!(
        "- gpg {}, libgcrypt {}\n- throw-away key: {}\n- compression: {}\n\n",
        cell(&proof.gpg.version),
        cell(&proof.libgcrypt),
        cell(&proof.key),
        cell(&proof.compression)
    );
    for step in &proof.steps {
        let mark = if step.passed { "ok" } else { "FAIL" };
        out += &format!("- {}: {mark}: {}\n", step.name, cell(&step.detail));
    }
    out += &format!("- GPG_MECHANISM_PROOF: {}\n", proof.result.as_str());
    out + &format!(
        "- secrets exposed: {}; a canary passphrase was searched for in {}\n",
        found.verdict.secrets_exposed.as_str(),
        cell(&found.searched.join("; "))
    )
}

fn scope(found: &Readiness) -> String {
    let mut out = format!(
        "\n## 3. Backup scope: {}\n\n",
        counted(found.tables.len(), "table")
    );
    if !found.tables.is_empty() {
        out += "Rows and bytes are the catalog's estimates, of the last ANALYZE or VACUUM, with partitions and \
                children; 0 where there was none.\n\n| Table | Rows | Bytes |\n|---|---|---|\n";
    }
    for table in &found.tables {
        let estimate = found.estimates.iter().find(|one| one.table == *table);
        let (rows, bytes) = estimate.map_or(("?".into(), "?".into()), |one| {
            (thousands(one.rows), thousands(one.bytes))
        });
        out += &format!("| {} | {rows} | {bytes} |\n", cell(table));
    }
    if found.tables.is_empty() {
        out += "No table is configured, or the setting cannot be read.\n";
    }
    out
}

/// Text that cannot end its cell or begin a tag, a link or emphasis of its own.
fn cell(text: &str) -> String {
    let text: Vec<char> = plain(text).chars().collect();
    let mut out = String::new();
    for (at, &c) in text.iter().enumerate() {
        let beside = |at: Option<usize>| {
            at.and_then(|at| text.get(at))
                .is_some_and(|c| c.is_alphanumeric())
        };
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            // Inside a word it means nothing, and names are full of it.
            '_' if beside(at.checked_sub(1)) && beside(at.checked_add(1)) => out.push('_'),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// The fence is longer than any run of backticks inside.
fn fenced(language: &str, text: &str) -> String {
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let end = if text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{text}{end}{fence}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_its_cell() {
        assert_eq!(
            cell("a|b\n`c`<i>&\x1ba_b _c_"),
            "a\\|b\\\\n\\`c\\`&lt;i&gt;&amp;\\\\u{1b}a_b \\_c\\_"
        );
        assert_eq!(fenced("sh", "a ```` b"), "`````sh\na ```` b\n`````\n");
    }
}
